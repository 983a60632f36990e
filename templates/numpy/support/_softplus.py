def _softplus(x):
    """log(1 + exp(x)), with an exponential that cannot overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
