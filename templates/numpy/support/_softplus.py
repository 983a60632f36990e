def _softplus(x, out=None):
    """log(1 + exp(x)), with an exponential that cannot overflow."""
    y = np.asarray(np.abs(x))
    np.negative(y, out=y)
    np.exp(y, out=y)
    return np.add(np.log1p(y, out=y), _cut(x, low=0), out=out)
