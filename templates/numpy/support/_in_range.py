def _in_range(name, array, below):
    """Refuse an integer that would index beyond its table, or wrap around."""
    if array.size and not (0 <= array.min() and array.max() < below):
        raise ValueError(
            f"entries of {name} must lie in 0 <= entry < {below}, "
            f"but they range from {array.min()} to {array.max()}"
        )
