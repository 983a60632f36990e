"""What may be written in a definition."""

from derive.language.operation import Equation, Operation, accumulate
from derive.language.scalars import log1p, expm1, relu, sigmoid, softplus, step, stop
from derive.language.symbols import (
    Access,
    Axis,
    Option,
    Setting,
    Size,
    Tensor,
    axes,
    axis,
    integers,
    leading,
    option,
    parameter,
    size,
    sizes,
    tensor,
)

__all__ = [
    "Access",
    "Axis",
    "Equation",
    "Operation",
    "Option",
    "Setting",
    "Size",
    "Tensor",
    "accumulate",
    "axes",
    "axis",
    "expm1",
    "integers",
    "leading",
    "log1p",
    "option",
    "parameter",
    "relu",
    "sigmoid",
    "size",
    "sizes",
    "softplus",
    "step",
    "stop",
    "tensor",
]
