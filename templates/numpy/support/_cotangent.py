def _cotangent(name, value, shape, dtype):
    """`value` in native byte order, if it looks like the output that it belongs to."""
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray) or hasattr(value, "mask"):
        kind = type(value).__name__
        raise TypeError(f"{name} must be a NumPy array of shape {shape}, not {kind}")
    if value.shape != shape:
        raise ValueError(f"{name} has shape {value.shape}, expected {shape}, that of the output")
    if value.dtype.newbyteorder("=") != dtype:
        raise TypeError(f"{name} has dtype {value.dtype}, expected {dtype}, that of the output")
    return np.asarray(value, dtype)
