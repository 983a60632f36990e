def _pairs(name, value, count, minimum, words):
    """A low and a high integer for each axis, from one for all, one an axis or a pair an axis."""
    if isinstance(value, str):
        raise ValueError(f"{name} must be integers or one of {words}, not {value!r}")
    if not isinstance(value, (tuple, list)):
        value = (value,) * count
    if len(value) != count:
        raise ValueError(
            f"{name} must be an integer, {count} integers or {count} (low, high) pairs, not {value!r}"
        )
    pairs = [v if isinstance(v, (tuple, list)) else (v, v) for v in value]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            f"each entry of {name} must be an integer or a (low, high) pair: {value!r}"
        )
    return tuple(_integer(name, v, minimum) for pair in pairs for v in pair)
