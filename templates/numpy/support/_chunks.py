def _chunks(count, positions, elements):
    """Parts of a batch, of about equal size, whose columns fit the cache.

    `positions` and `elements` are those of one image's output and columns. Nothing at all is
    there to be computed if any of the three is zero.
    """
    if count * positions * elements == 0:
        return []
    most = max(-(-256 // positions), min(4096 // positions, 2**18 // elements))
    parts = -(-count // min(count, most))
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]
