def _step(x, out=None):
    """1 where x > 0, else 0; of NaN it is NaN."""
    unordered = x != x
    y = np.greater(x, 0, out=np.empty_like(x) if out is None else out)
    np.copyto(y, np.nan, where=unordered)
    return y
