def _attains(values, largest):
    """Where a value is the largest one; that is NaN if any value is."""
    return (values == largest) | (values != values)
