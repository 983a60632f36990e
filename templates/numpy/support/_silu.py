def _silu(x, out=None):
    """x * sigmoid(x); at minus infinity 0."""
    gate = _sigmoid(x)
    return np.multiply(_cut(x, low=-1e30), gate, out=out)
