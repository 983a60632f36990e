def _outputs(values, names, shapes, dtype):
    """The gradients by several outputs, each in native byte order; None stands for zero.

    An output without a shape holds integers, and nothing depends on its gradient.
    """
    if not isinstance(values, (tuple, list)) or len(values) != len(names):
        came = (
            f"{len(values)} of them" if isinstance(values, (tuple, list)) else type(values).__name__
        )
        raise TypeError(f"grad_output must be a tuple ({', '.join(names)}), not {came}")
    return [
        (
            None
            if shape is None
            else (
                np.zeros(shape, dtype)
                if value is None
                else _cotangent(f"grad_output.{name}", value, shape, dtype)
            )
        )
        for value, name, shape in zip(values, names, shapes)
    ]
