def _gelu_tanh(x):
    """x * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x**3))) / 2; at minus infinity 0."""
    y = np.asarray(np.square(x))
    y *= 0.7978845608028654 * 0.044715
    y += 0.7978845608028654
    y *= x
    np.tanh(y, out=y)
    y += 1
    y *= 0.5
    y *= np.maximum(x, -1e30)
    return y
