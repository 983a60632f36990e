def _wanted(wrt, known, absent):
    """The names of the gradients to compute."""
    names = (wrt,) if isinstance(wrt, str) else wrt
    if not isinstance(names, (tuple, list, set, frozenset)):
        raise TypeError(f"wrt must be names of gradients ({', '.join(known)}), not {wrt!r}")
    for name in names:
        if name not in known:
            raise ValueError(f"wrt names {name!r}; the gradients are {', '.join(known)}")
    return tuple(name for name in known if name in names and name not in absent)
