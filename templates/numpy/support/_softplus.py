def _softplus(x, out=None):
    """log(1 + exp(x)), with an exponential that cannot overflow."""
    return np.add(np.maximum(x, 0), np.log1p(np.exp(-np.abs(x))), out=out)
