def _step(x, out=None):
    """1 where x > 0, else 0."""
    return np.greater(x, 0, out=np.empty_like(x) if out is None else out)
