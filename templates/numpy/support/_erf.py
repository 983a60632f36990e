def _erf(x, out=None):
    """The error function, to 2 units in the last place.

    Rational approximations of erf(x)/x below 0.46875, and of exp(x**2)*erfc(x) above:
    W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23, 1969.
    """
    size = np.minimum(np.abs(x), 6)  # where erf is 1 to the last place
    squared = np.square(size)
    near = _polynomial(
        squared, 0.18577770618460315, 3.1611237438705656, 113.86415415105016, 377.485237685302,
        3209.3775891384695,
    )  # fmt: skip
    near /= _polynomial(
        squared, 1, 23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171
    )
    near *= x
    far = _polynomial(
        size, 2.1531153547440385e-08, 0.5641884969886701, 8.883149794388377, 66.11919063714163,
        298.6351381974001, 881.952221241769, 1712.0476126340707, 2051.0783778260716,
        1230.3393547979972,
    )  # fmt: skip
    far /= _polynomial(
        size, 1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903,
        3290.7992357334596, 4362.619090143247, 3439.3676741437216, 1230.3393548037494,
    )  # fmt: skip
    far *= np.exp(-squared)
    y = np.where(size < 0.46875, near, np.sign(x) * (1 - far))
    return np.add(y, 0, out=out)
