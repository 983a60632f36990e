def _relu(x, out=None):
    """max(x, 0)."""
    return _cut(x, low=0, out=out)
