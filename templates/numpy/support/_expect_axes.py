def _expect_axes(name, array, place, expected):
    """Compare some neighbouring axes of an array with those of another one."""
    if array.shape[place] != expected:
        raise ValueError(
            f"{name} has shape {array.shape}, expected {expected} where it has {array.shape[place]}"
        )
