def _largest(values):
    """The largest value along the last axis; -inf where there is none."""
    if values.size < 4096 or values.shape[-1] > 16:
        return values.max(axis=-1, initial=-np.inf)
    found = values[..., 0].copy()  # NumPy is slow along short axes
    for place in range(1, values.shape[-1]):
        np.maximum(found, values[..., place], out=found)
    return found
