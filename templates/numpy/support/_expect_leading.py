def _expect_leading(name, array, expected):
    """Compare the leading axes of an array with those of the first one."""
    if array.shape[: len(expected)] != expected:
        raise ValueError(f"{name} has shape {array.shape}, expected leading axes {expected}")
