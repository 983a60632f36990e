def _number(name, value, minimum):
    """`value`, if it is a real number and not too small."""
    if isinstance(value, (bool, str, np.ndarray)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a real number, not {value!r}")
    if not abs(value) < float("inf") or (minimum is not None and value < minimum):
        least = "" if minimum is None else f" and at least {minimum}"
        raise ValueError(f"{name} must be finite{least}, not {value}")
    return value.item() if isinstance(value, np.generic) else value
