def _number(name, value, minimum):
    """`value`, if it is a real number and not too small."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a real number, not {value!r}")
    if not abs(value) < float("inf") or (minimum is not None and value < minimum):
        least = "" if minimum is None else f" and at least {minimum}"
        raise ValueError(f"{name} must be finite{least}, not {value}")
    return value if isinstance(value, (int, float)) else value.item()
