def _integer_array(name, value, rank, leading, layout):
    """`value`, if it is an array of integers of the right rank."""
    if not isinstance(value, np.ndarray) or hasattr(value, "mask"):
        kind = type(value).__name__
        raise TypeError(f"{name} must be a NumPy array of shape {layout}, not {kind}")
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {value.dtype}, expected integers")
    if value.ndim < rank or (value.ndim > rank and not leading):
        raise ValueError(f"{name} has shape {value.shape}, expected {layout}")
    if value.dtype.kind == "u" and value.size and value.max() > 2**63 - 1:
        raise ValueError(f"{name} holds {value.max()}, which is too large")
    return np.asarray(value, int)  # signed, so that an index may be computed from it
