def _taken(left, condition):
    """What is left where the condition holds, or all of it if that is True; it is taken out of `left`."""
    if condition is True:
        return left
    if left.max(initial=0) < np.inf and left.min(initial=0) > -np.inf:
        found = left * condition
        left -= found
        return found
    found = np.where(condition, left, 0)  # infinity times 0 would not be 0
    np.copyto(left, 0, where=condition)
    return found
