def _integer_array(name, value, axes, _):
    """`value`, if it is an array of integers."""
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray) or hasattr(value, "mask"):
        return _array(name, value, axes, ())  # which refuses it
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {value.dtype}, expected integers")
    if value.dtype.kind == "u" and value.size and value.max() > 2**63 - 1:
        raise ValueError(f"{name} holds {value.max()}, which is too large")
    return np.asarray(value, int)  # signed, so that an index may be computed from it
