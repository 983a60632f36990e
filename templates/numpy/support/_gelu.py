def _gelu(x):
    """x * (1 + erf(x / sqrt(2))) / 2; at minus infinity 0."""
    y = np.asarray(_erf(0.7071067811865476 * x))
    y += 1
    y *= 0.5
    y *= np.maximum(x, -1e30)
    return y
