def _earlier(number, other):
    """The smaller one of two numbers of points, of which -1 is that of no point."""
    return np.where((number < 0) | ((0 <= other) & (other < number)), other, number)
