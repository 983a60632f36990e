def _batches(count, elements):
    """Parts of a batch, of about equal size, that fit the cache with so many elements for each."""
    parts = -(-count // max(1, 2**17 // max(elements, 1)))
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]
