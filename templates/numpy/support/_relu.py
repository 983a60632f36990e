def _relu(x, out=None):
    """max(x, 0)."""
    return np.maximum(x, 0, out=out)
