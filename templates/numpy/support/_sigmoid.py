def _sigmoid(x):
    """1 / (1 + exp(-x)), through tanh: it cannot overflow."""
    y = np.asarray(0.5 * x)
    np.tanh(y, out=y)
    y *= 0.5
    y += 0.5
    return y
