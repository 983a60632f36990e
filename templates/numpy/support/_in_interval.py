def _in_interval(name, array, low, high=float("inf")):
    """Refuse numbers outside an interval; a NaN is the caller's."""
    if array.dtype.kind == "f" and array.size and (array.min() < low or array.max() > high):
        raise ValueError(
            f"entries of {name} must lie in {low} <= entry <= {high}, "
            f"but they range from {array.min()} to {array.max()}"
        )
