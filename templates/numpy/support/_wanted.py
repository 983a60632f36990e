def _wanted(wrt, shapes):
    """The names of the gradients to compute: those of inputs that were there."""
    names = (wrt,) if isinstance(wrt, str) else wrt
    if not isinstance(names, (tuple, list, set, frozenset)):
        raise TypeError(f"wrt must be names of gradients ({', '.join(shapes)}), not {wrt!r}")
    for name in names:
        if name not in shapes:
            raise ValueError(f"wrt names {name!r}; the gradients are {', '.join(shapes)}")
    return [name for name, shape in shapes.items() if shape is not None and name in names]
