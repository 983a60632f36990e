def _from(extent, step, offset):
    """The i from 0 to `extent` for which ``offset + step*i >= 0``: first and one past last."""
    return min(extent, max(0, -(offset // step))), extent
