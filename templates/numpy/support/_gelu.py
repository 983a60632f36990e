def _gelu(x, out=None):
    """x times the probability that a normal variable is less; at minus infinity 0."""
    gate = _normal_cdf(x)
    return np.multiply(_cut(x, low=-1e30), gate, out=out)
