def _count(axes):
    """The number of entries of some axes together."""
    total = 1
    for extent in axes:
        total *= extent
    return total
