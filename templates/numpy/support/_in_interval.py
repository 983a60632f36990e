def _in_interval(name, array, low, high):
    """Refuse numbers outside an interval; NaN is outside of every one."""
    if array.dtype.kind != "f" or not array.size:
        return
    least, most = array.min(), array.max()
    if not ((low is None or low <= least) and (high is None or most <= high)) or least != least:
        begin, end = ("" if low is None else f"{low} <= "), ("" if high is None else f" <= {high}")
        raise ValueError(
            f"entries of {name} must lie in {begin}entry{end}, "
            f"but they range from {least} to {most}"
        )
