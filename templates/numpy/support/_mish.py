def _mish(x, out=None):
    """x * tanh(softplus(x)), a quotient of polynomials of exp(x); at minus infinity 0."""
    gate = np.asarray(np.exp(_cut(x, high=40)))
    gate *= gate + 2
    gate /= gate + 2
    return np.multiply(_cut(x, low=-1e30), gate, out=out)
