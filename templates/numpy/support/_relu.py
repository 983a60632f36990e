def _relu(x):
    """max(x, 0)."""
    return np.maximum(x, 0)
