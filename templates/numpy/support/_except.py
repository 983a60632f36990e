def _except(values, where, number):
    """The values, but a number where something holds that is rare; they are overwritten."""
    if np.size(where) <= 8192 or np.any(where):
        np.copyto(values, number, where=where)
    return values
