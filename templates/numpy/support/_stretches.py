def _stretches(count, elements):
    """Parts of a loop, of about equal length, whose `elements` a round fit the cache together."""
    parts = max(1, min(count, -(-count * elements // 2**17)))
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]
