def _outputs(values, names, shapes, dtype):
    """The gradients by several outputs; None stands for zero, and integers have none."""
    several = isinstance(values, (tuple, list))
    if not several or len(values) != len(names):
        came = f"{len(values)} of them" if several else type(values).__name__
        raise TypeError(f"grad_output must be a tuple ({', '.join(names)}), not {came}")
    bars = []
    for name, value, shape in zip(names, values, shapes):
        if shape is None or value is None:
            bars.append(None if shape is None else np.zeros(shape, dtype))
        else:
            name = f"grad_output.{name}"
            bars.append(_array(name, value, shape, (dtype,), exact=True))
    return bars
