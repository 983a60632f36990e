def _real(integers, dtype):
    """Integers as numbers of the kind that is computed with."""
    return np.asarray(integers, dtype)
