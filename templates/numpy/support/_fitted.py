def _fitted(name, array, shape, split=None):
    """The array, its product axes split, if the other arguments say that this is its shape."""
    if array is None or array.shape == shape:
        return array if array is None or split is None else array.reshape(split)
    axes = _SIGNATURE[name][1]
    if "*" in axes:
        place, more = axes.index("*"), len(shape) - len(axes)
        axes = (*axes[:place], *("*",) * (more + 1), *axes[place + 1 :])
    for axis, (size, extent, factors) in enumerate(zip(array.shape, shape, axes)):
        if size != extent and factors != "*" and array.ndim == len(shape):
            words = "".join(c if c.isalnum() or c == "_" else " " for c in factors).split()
            where = ", ".join(f"{s} from {_SOURCES[s]}" for s in words if s in _SOURCES)
            raise ValueError(
                f"axis {axis} of {name} with shape {array.shape} is {size}, "
                f"expected {extent} ({factors.replace('*', ' * ')}{'; ' * bool(where)}{where})"
            )
    raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
