def _divided(name, array, axis, divisor, meaning):
    """The other factor of a product axis, which must divide exactly."""
    size = array.shape[axis]
    if divisor == 0 or size % divisor:
        raise ValueError(
            f"axis {axis} of {name} with shape {array.shape} is {size}, "
            f"not a multiple of {meaning} = {divisor}"
        )
    return size // divisor
