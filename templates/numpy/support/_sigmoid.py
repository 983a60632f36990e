def _sigmoid(x):
    """1 / (1 + exp(-x)), through tanh: it cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
