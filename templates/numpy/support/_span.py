def _span(extent, size, step, offset):
    """The i from 0 to `extent` for which ``0 <= offset + step*i < size``: first and one past last."""
    first = max(0, -(offset // step))
    return first, max(first, min(extent, (size - 1 - offset) // step + 1))
