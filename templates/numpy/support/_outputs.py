def _outputs(values, names, shapes, dtype):
    """The gradients by several outputs, each in native byte order; None stands for zero."""
    if not isinstance(values, (tuple, list)) or len(values) != len(names):
        raise TypeError(f"grad_output must be a tuple of {len(names)}: {', '.join(names)}")
    return [
        (
            np.zeros(shape, dtype)
            if value is None
            else _cotangent(f"grad_output.{name}", value, shape, dtype)
        )
        for value, name, shape in zip(values, names, shapes)
    ]
