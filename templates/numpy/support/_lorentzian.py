def _lorentzian(x, out=None):
    """1 / (1 + x**2), without a square that could overflow."""
    size = np.abs(x)
    near, far = np.square(np.minimum(size, 1)), np.square(1 / np.maximum(size, 1))
    return np.divide(far, far + near, out=out)
