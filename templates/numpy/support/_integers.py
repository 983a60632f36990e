def _integers(name, value, count, minimum):
    """One integer for each axis, from one for all or a sequence."""
    if not isinstance(value, (tuple, list)):
        value = (value,) * count
    if len(value) != count:
        raise ValueError(f"{name} must be an integer or {count} of them, not {value!r}")
    return tuple(_integer(name, v, minimum) for v in value)
