def _polynomial(x, *coefficients):
    """A polynomial, highest power first, by Horner's rule."""
    first, second, *rest = coefficients
    y = np.asarray(first * x)
    y += second
    for coefficient in rest:
        y *= x
        y += coefficient
    return y
