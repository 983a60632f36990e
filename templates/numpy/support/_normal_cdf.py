def _normal_cdf(x, out=None):
    """The probability that a standard normal variable is less than x.

    For z = |x|, exp(z**2 / 2) * (1 + 0.8*z) times the probability of being above z is a polynomial
    of (z - 5) / (z + 5) to 2 units in the last place, for all z. After M. M. Shepherd and
    J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x**2) erfc(x), Math. Comp. 36, 1981.
    """
    positive = np.greater_equal(x, 0)
    y = np.asarray(_cut(np.abs(x), high=40))
    tail = np.asarray(np.exp(-0.5 * np.square(y)))
    tail /= 1 + 0.8 * y
    tail *= _polynomial(
        (y - 5) / (y + 5), -2.92842273412525e-10, -2.509280850959623e-10, 3.3644385133713353e-09,
        3.184283984627768e-09, -2.3561055537233796e-08, -2.308549834333587e-08,
        1.4913714682904678e-07, 1.1758249850827155e-07, -9.972635871489744e-07,
        -1.912037743101328e-07, 6.99383658663394e-06, -6.5880306834635675e-06,
        -4.269380223238313e-05, 0.00013378182942063997, 3.3088646475682386e-05,
        -0.001296947729803229, 0.004741831662888999, -0.010338058211724446, 0.01494679049740541,
        -0.011549763916221475, -0.008174893544642028, 0.0480380571179718, -0.10193333652000962,
        0.3845965248750315,
    )  # fmt: skip
    np.subtract(positive, tail, out=tail)
    return np.abs(tail, out=out)
