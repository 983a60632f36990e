def _wanted(wrt, known, absent):
    """The names of the gradients to compute."""
    wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for name in wrt:
        if name not in known:
            raise ValueError(f"wrt names {name!r}; the gradients are {', '.join(known)}")
    return tuple(name for name in wrt if name not in absent)
