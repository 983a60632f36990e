def _array(name, value, rank, leading, layout):
    """`value` in native byte order, if it is an array of real numbers of the right rank."""
    if isinstance(value, np.generic):
        value = np.asarray(value)  # what NumPy makes of arithmetic with arrays of no axes
    if not isinstance(value, np.ndarray) or hasattr(value, "mask"):
        kind = type(value).__name__
        raise TypeError(f"{name} must be a NumPy array of shape {layout}, not {kind}")
    if value.dtype.name not in _DTYPES:
        expected = " or ".join(_DTYPES)
        raise TypeError(f"{name} has dtype {value.dtype}, expected {expected}")
    if value.ndim < rank or (value.ndim > rank and not leading):
        raise ValueError(f"{name} has shape {value.shape}, expected {layout}")
    return np.asarray(value, value.dtype.name)  # NumPy is faster where dtypes are one object
