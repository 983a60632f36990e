def _parts(count, elements):
    """Parts of an axis, of about equal length, that fit the cache with so many elements a point."""
    parts = min(count, max(1, -(-count * elements // 2**17)))
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]
