def _step(x, out=None):
    """1 where x > 0, else 0; of NaN it is NaN."""
    return np.sign(_cut(x, low=0, out=out), out=out)
