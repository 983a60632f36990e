def _cut(x, low=-np.inf, high=np.inf, out=None):
    """x between two numbers; NaN stays. NumPy's minimum is slow by numbers, its clip at calls."""
    if np.size(x) > 8192:
        return np.clip(x, low, high, out=out)
    if low > -np.inf:
        x = np.maximum(x, low, out=out)
    return np.minimum(x, high, out=out) if high < np.inf else x
