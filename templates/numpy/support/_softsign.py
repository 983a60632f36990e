def _softsign(x):
    """x / (1 + |x|); at infinity 1."""
    x = np.minimum(np.maximum(x, -1e30), 1e30)
    return x / (1 + np.abs(x))
