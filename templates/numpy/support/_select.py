def _select(where, values, others):
    """np.where, for many numbers by 0 or 1 times their bits: a branch for each may be slow."""
    if np.size(where) <= 8192:
        return np.where(where, values, others)
    if not np.ndim(values) and values == 0:
        where, values, others = ~where, others, values
    dtype = np.result_type(values, others)
    bits = f"i{dtype.itemsize}"
    found = np.asarray(values, dtype).view(bits) * where
    if np.ndim(others) or others != 0:
        found = found + np.asarray(others, dtype).view(bits) * ~where
    return found.view(dtype)
