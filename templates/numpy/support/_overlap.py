def _overlap(left, right):
    """Where two spans overlap."""
    first = max(left[0], right[0])
    return first, max(first, min(left[1], right[1]))
