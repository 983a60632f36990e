def _in_range(name, array, below, besides=None):
    """Refuse an integer that would index beyond its table, or wrap around."""
    known = array if besides is None else array[array != besides]
    if known.size and not (0 <= known.min() and known.max() < below):
        also = "" if besides is None else f" or be {besides}"
        raise ValueError(
            f"entries of {name} must lie in 0 <= entry < {below}{also}, "
            f"but they range from {known.min()} to {known.max()}"
        )
