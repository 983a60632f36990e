def _until(extent, step, offset):
    """The i from 0 to `extent` for which ``offset - step*i >= 0``: first and one past last."""
    return 0, max(0, min(extent, offset // step + 1))
