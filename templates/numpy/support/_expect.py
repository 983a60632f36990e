def _expect(name, array, axis, expected, meaning):
    """Compare one extent of an array with what the other arguments say it is."""
    if array.shape[axis] != expected:
        raise ValueError(
            f"axis {axis} of {name} with shape {array.shape} is {array.shape[axis]}, "
            f"expected {expected} ({meaning})"
        )
