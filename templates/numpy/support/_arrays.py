def _arrays(*values):
    """The arrays, if they are what `_SIGNATURE` says; and in the end the shapes of real ones."""
    arrays, shapes, dtypes = [], dict.fromkeys(Gradients._fields), {}
    for (name, (check, axes, required)), value in zip(_SIGNATURE.items(), values):
        if required or value is not None:
            value = check(name, value, axes, _DTYPES)
            more = value.ndim - len(axes)
            if more and ("*" not in axes or more < -1):
                raise ValueError(f"{name} has shape {value.shape}, expected ({', '.join(axes)})")
            if name in shapes:
                shapes[name], dtypes[name] = value.shape, value.dtype
        arrays.append(value)
    if len(set(dtypes.values())) > 1:  # NumPy would silently compute in the wider one
        listed = ", ".join(f"{name} is {dtype}" for name, dtype in dtypes.items())
        raise TypeError(f"all arrays must have one dtype, but {listed}")
    return *arrays, shapes
