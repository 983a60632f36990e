def _parts(count, elements, columns=0):
    """Parts of an axis, of about equal length, that fit the cache with so many elements a point.

    Where a product has so many columns a point, a part has not too few of them either.
    """
    most = 2**17 // max(elements, 1)
    if columns:
        most = max(-(-256 // columns), min(4096 // columns, 2 * most))
    parts = min(count, -(-count // max(most, 1)))
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]
