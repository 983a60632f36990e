def _mish(x):
    """x * tanh(softplus(x)); at minus infinity 0."""
    return np.maximum(x, -1e30) * np.tanh(_softplus(x))
