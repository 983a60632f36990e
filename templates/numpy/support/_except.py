def _except(values, where, number):
    """The values, but a number where something holds that is rare; they are overwritten."""
    values = np.asarray(values)
    if np.any(where):
        np.copyto(values, number, where=where)
    return values
