def _sigmoid(x, out=None):
    """1 / (1 + exp(-x)), through tanh: it cannot overflow."""
    y = np.asarray(np.multiply(x, 0.5, out=out))
    np.tanh(y, out=y)
    y *= 0.5
    y += 0.5
    return y
