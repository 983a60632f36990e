def _steps(offset, step, start, stop):
    """The slice of all ``offset + step*i`` with ``start <= i < stop``."""
    return slice(offset + step * start, offset + step * stop, step)
