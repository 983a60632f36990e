def _array(name, value, axes, dtypes, exact=False):
    """`value` in native byte order, if it is an array of numbers of one of the dtypes."""
    if isinstance(value, np.generic):
        value = np.asarray(value)  # what NumPy makes of arithmetic with arrays of no axes
    if not isinstance(value, np.ndarray) or hasattr(value, "mask"):
        shape, kind = ", ".join(map(str, axes)), type(value).__name__
        raise TypeError(f"{name} must be a NumPy array of shape ({shape}), not {kind}")
    if exact and value.shape != axes:
        raise ValueError(f"{name} has shape {value.shape}, expected {axes}, that of the output")
    if value.dtype.newbyteorder("=") not in dtypes:
        expected = " or ".join(map(str, dtypes))
        raise TypeError(f"{name} has dtype {value.dtype}, expected {expected}")
    return np.asarray(value, value.dtype.char)  # NumPy is faster where dtypes are one object
