"""What may be written in a definition."""

from derive.language.composition import Part, compose, part
from derive.language.maximum import ArgMaximum, Maximum, Minimum
from derive.language.operation import Equation, Operation, accumulate
from derive.language.options import Option, Setting, flag, option
from derive.language.scalars import expm1, log1p, relu, sigmoid, softplus, step, stop
from derive.language.symbols import (
    Access,
    Axis,
    Size,
    Tensor,
    axes,
    axis,
    integers,
    leading,
    parameter,
    size,
    sizes,
    state,
    tensor,
)

__all__ = [
    "Access",
    "ArgMaximum",
    "Axis",
    "Equation",
    "Maximum",
    "Minimum",
    "Operation",
    "Option",
    "Part",
    "Setting",
    "Size",
    "Tensor",
    "accumulate",
    "axes",
    "axis",
    "compose",
    "expm1",
    "flag",
    "integers",
    "leading",
    "log1p",
    "option",
    "parameter",
    "part",
    "relu",
    "sigmoid",
    "size",
    "sizes",
    "softplus",
    "state",
    "step",
    "stop",
    "tensor",
]
