def _attains(values, largest):
    """Where a value is the largest one; that is NaN if any value is."""
    found = values == largest
    if not np.all(largest == largest):
        found |= values != values
    return found
