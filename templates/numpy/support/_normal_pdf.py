def _normal_pdf(x, out=None):
    """exp(-x**2 / 2) / sqrt(2*pi); it is 0 long before the square could overflow."""
    y = np.asarray(_cut(x, -40, 40, out=out))
    np.square(y, out=y)
    y *= -0.5
    np.exp(y, out=y)
    y *= 0.3989422804014327
    return y
