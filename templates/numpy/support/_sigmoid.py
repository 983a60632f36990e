def _sigmoid(x, out=None):
    """exp(x) / (1 + exp(x)), which is 1 long before the exponential could overflow."""
    low = np.max(x, initial=40) <= 40
    y = np.asarray(np.exp(x if low else _cut(x, high=40), out=out))
    y /= 1 + y
    return y
