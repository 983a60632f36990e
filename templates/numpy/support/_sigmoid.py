def _sigmoid(x, out=None):
    """exp(x) / (1 + exp(x)), which is 1 long before the exponential could overflow."""
    y = np.asarray(_cut(x, high=40, out=out))
    np.exp(y, out=y)
    y /= 1 + y
    return y
