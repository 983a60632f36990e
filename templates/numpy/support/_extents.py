def _extents(sizes, options):
    """Refuse extents that no array has, and say which options have led to them."""
    large = " and ".join(f"{name} = {size}" for name, size in sizes if size > 2**36)
    if large:
        said = ", ".join(f"{name}={value!r}" for name, value in options)
        raise ValueError(f"{said}: too large, for an array would have the extent {large}")
