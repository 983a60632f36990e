def _silu(x):
    """x * sigmoid(x); at minus infinity 0."""
    return np.maximum(x, -1e30) * _sigmoid(x)
