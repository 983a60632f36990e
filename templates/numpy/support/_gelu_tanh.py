def _gelu_tanh(x, out=None):
    """x * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x**3))) / 2; at minus infinity 0."""
    gate = np.asarray(_cut(x, -1e4, 1e4))
    gate = gate * (1.5957691216057308 + 1.5957691216057308 * 0.044715 * np.square(gate))
    gate = _sigmoid(gate, out=np.asarray(gate))  # (1 + tanh(u)) / 2 is sigmoid(2*u)
    return np.multiply(_cut(x, low=-1e30), gate, out=out)
