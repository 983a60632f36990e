"""What may be claimed of an operation: an equation between what it computes and its gradients.

    Claim(layer, Eq(cotangent(x)[n, i], Sum(cotangent(y)[n, o] * weight[o, i], o)))

says that ∂L/∂x is this sum, whatever number L is computed from y. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import Eq, Expr, Symbol

from derive.errors import DefinitionError
from derive.language.notes import order_of
from derive.language.operation import Equation, Operation, sides
from derive.language.options import Option
from derive.language.order import Order
from derive.language.symbols import Access, Size, Tensor


class Cotangent(Tensor):
    """The derivative of a number L by every entry of a tensor, ∂L/∂x, as a tensor of its shape."""

    of: Tensor

    def __new__(cls, of: Tensor):
        plain = of.like(
            name=f"{of.name}_bar", outside=0, optional=False, default=None, interval=None
        )
        self = Symbol.__xnew__(cls, plain.name, real=True)
        vars(self).update(vars(plain))
        self.of = of
        return self.carrying(*plain.carried, of)


class Derivative(Tensor):
    """The derivatives of all entries of one tensor by those of another, as a tensor.

    ``dy[i]/dx[j]`` is its entry at ``(*i, *j)``; what lies between the two follows.
    """

    of: Tensor
    by: Tensor

    def __new__(cls, of: Tensor, by: Tensor):
        shape, offset = (*of.axes_of, *by.axes_of), (*of.offset, *by.offset)
        plain = Tensor(f"d{of.name}_d{by.name}", shape, outside=0, offset=offset)
        self = Symbol.__xnew__(cls, plain.name, real=True)
        vars(self).update(vars(plain))
        self.of, self.by = of, by
        return self.carrying(*plain.carried, of, by)


def cotangent(of: Tensor) -> Cotangent:
    """∂L/∂of, for any number L that is computed from the outputs of an operation.

    The cotangent of an output is given; those of inputs, and of what lies between, follow.

    Examples
    --------
    >>> from derive import cotangent, sizes, tensor
    >>> (N,) = sizes("N")
    >>> cotangent(tensor("x", N))[0]
    x_bar[0]
    """
    _check_real(of)
    return Cotangent(of)


def derivative(of: Tensor, by: Tensor) -> Derivative:
    """d of/d by: with the indices of `of`, then those of `by`."""
    _check_real(of)
    _check_real(by)
    return Derivative(of, by)


def _check_real(tensor: Any) -> None:
    if not isinstance(tensor, Tensor) or tensor.integer:
        what = f"{tensor!r} is no tensor"
        if isinstance(tensor, Tensor):
            what = f"{tensor.name} holds integers, by which nothing is differentiated"
        raise DefinitionError("", what, remedy="Give a tensor of real numbers.")


@dataclass(frozen=True, repr=False)
class Claim:
    """An equation that somebody states of an operation.

    Parameters
    ----------
    operation : Operation
        What it is about.
    equation : sympy.Eq or Equation
        An entry on the left: of a `cotangent`, a `derivative`, or a tensor of the operation. On the
        right, whatever a definition may say of its tensors, their cotangents and derivatives. An
        ``accumulate`` claims the whole tensor.
    where : sequence of sympy.Eq
        What defines the tensors that the claim has of its own.
    given : mapping, optional
        For what it is claimed: a number for a size, a value for an option, a number (all entries)
        for an input, None for an input that is left out.
    source : str
        Where it stands: a slide, a page.

    Attributes
    ----------
    order : Order
        In which order its equations were written.
    """

    operation: Operation
    equation: Any
    where: Sequence[Any] = ()
    given: Mapping[Any, Any] = field(default_factory=dict)
    source: str = ""
    order: Order = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.operation, Operation):
            raise DefinitionError(
                "",
                f"a claim is about {self.operation!r}, which is no operation",
                remedy="Write Claim(operation, Eq(...)).",
            )
        name = self.operation.name
        object.__setattr__(self, "where", tuple(self.where))
        for equation in (self.equation, *self.where):
            if not isinstance(equation, Eq | Equation) or not isinstance(
                sides(equation)[0], Access
            ):
                raise DefinitionError(
                    name,
                    f"{equation} is claimed, which says nothing of an entry of a tensor",
                    remedy="Write Eq(cotangent(x)[n, i], ...), Eq(y[n], ...), or accumulate(...). "
                    "SymPy decides an Eq by itself where both sides are the same.",
                )
        for thing in self.given:
            if not isinstance(thing, Size | Option | Tensor):
                raise DefinitionError(
                    name,
                    f"given= names {thing!r}, which is no size, option or input",
                    remedy="Write given={N: 3, stride: 1, x0: 1}: the objects, not their names.",
                )
        rights = [right for e in self.equations if isinstance(right := sides(e)[1], Expr)]
        object.__setattr__(self, "order", order_of(rights))

    @property
    def equations(self) -> tuple[Any, ...]:
        """The equation, and those that it needs."""
        return (self.equation, *self.where)

    def __repr__(self) -> str:
        return f"<Claim on {self.operation.name}: {self.equation}>"
