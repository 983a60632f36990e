def _stop(x, out=None):
    """The identity; no derivative passes."""
    if out is None:
        return x
    np.copyto(out, x)
    return out
