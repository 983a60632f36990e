"""⟨ȳ, J·v⟩ = ⟨Jᵀ·ȳ, v⟩ without rounding: the generated file itself, run on elements of a field.

J·v comes from dual numbers that flow through ``apply``, never from a tangent rule of our own;
Jᵀ·ȳ is what ``backward`` says. For random x, v and ȳ both sides agree by accident with a
probability near 2⁻⁶¹, so one evaluation on small arrays settles all gradients at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from operator import mul
from types import ModuleType
from typing import Any

import numpy as np

from derive.verification.field import Element, NoRule, as_elements, random_elements, seam


@dataclass(frozen=True)
class Defect:
    """What is left of ⟨ȳ, J·v⟩ − ⟨Jᵀ·ȳ, v⟩, and what else did not agree.

    Attributes
    ----------
    total : Element
        The difference, zero for a correct module.
    by_input : mapping of str to Element
        The difference with v nonzero in one input at a time; empty if the total is zero.
    faults : tuple of str
        One clause each: what is missing or misshapen, or differs between two calls.
    """

    total: Element
    by_input: Mapping[str, Element]
    faults: tuple[str, ...]

    @property
    def is_zero(self) -> bool:
        """Whether everything agreed."""
        return self.total == 0 and not self.faults

    def __str__(self) -> str:
        if self.is_zero:
            return "⟨ȳ, J·v⟩ = ⟨Jᵀ·ȳ, v⟩ exactly"
        wrong = ", ".join(name for name, defect in self.by_input.items() if defect != 0)
        transpose = (f"⟨ȳ, J·v⟩ ≠ ⟨Jᵀ·ȳ, v⟩ in {wrong}",) if self.total != 0 else ()
        return "; ".join((*transpose, *self.faults))


def transpose_defect(
    module: ModuleType,
    inputs: Mapping[str, tuple[int, ...] | np.ndarray | None],
    options: Mapping[str, Any],
    differentiable: Collection[str],
    rng: np.random.Generator,
    *,
    constant_outputs: Collection[str] = (),
    subsets: bool = True,
) -> Defect:
    """Compare ``backward`` with the transpose of the derivative of ``apply``.

    Parameters
    ----------
    module : ModuleType
        A generated module; it is left as it is.
    inputs : mapping
        In the order of the signature: the shape to draw, None for an absent optional input, or
        an array that is used as it is (integers, or elements where random ones would not do).
    options : mapping
        Keyword options. A float is read as the decimal it prints as: 0.1 is one tenth.
    differentiable : collection of str
        Names of the inputs that have a gradient.
    rng : numpy.random.Generator
        Source of x, v and ȳ.
    constant_outputs : collection of str, optional
        Fields of the output that have no cotangent. Integer arrays never have one.
    subsets : bool, optional
        Whether gradients are also asked for one at a time, and all but one.

    Raises
    ------
    NoRule
        Where `apply` has no value or no derivative in the field, so that nothing can be said.
    """
    module = seam(module)
    options = {name: _exact_option(value) for name, value in options.items()}
    x: dict[str, Any] = {
        name: random_elements(shape, rng) if isinstance(shape, tuple) else shape
        for name, shape in inputs.items()
    }
    wrt = tuple(name for name in inputs if name in differentiable and x[name] is not None)
    v = {name: random_elements(np.shape(x[name]), rng) for name in wrt}

    def gradients(names: tuple[str, ...]) -> dict[str, np.ndarray | None]:
        grads = module.backward(grad_output, residuals, wrt=names)
        found = {name: getattr(grads, name, None) for name in inputs}
        return {n: None if g is None else np.asarray(g, dtype=object) for n, g in found.items()}

    def apply_along(names: Collection[str]) -> dict[str, np.ndarray]:
        moved = {name: as_elements(x[name] + v[name] * Element(0, 1)) for name in names}
        return leaves(module.apply(*(x | moved).values(), **options))

    try:
        moved = apply_along(wrt)
    except ArithmeticError as reason:  # in values or their derivative, before any gradient
        raise NoRule(str(reason)) from reason

    output, residuals = module.forward(*x.values(), **options)
    y = leaves(output)
    y_bar = {
        name: random_elements(leaf.shape, rng)
        for name, leaf in y.items()
        if leaf.dtype == object and name not in constant_outputs
    }
    grad_output = like(output, y_bar)
    full = gradients(wrt)
    faults = [
        *_unequal("apply and forward", moved, y),
        *(f"{name} has no gradient" for name in wrt if full[name] is None),
    ]
    for names in _subsets(wrt) if subsets else ():
        expected = {name: full[name] if name in names else None for name in inputs}
        faults += _unequal(f"backward with wrt={names}", gradients(names), expected)
    if subsets:
        faults += _unequal("two backward calls", gradients(wrt), full)
    for name, gradient in full.items():
        if gradient is not None and (fault := _misfit(gradient, v.get(name))):
            faults.append(f"the gradient of {name} {fault}")
            full[name] = None

    def defect(names: Collection[str], moved: Mapping[str, np.ndarray]) -> Element:
        pushed = (_inner(y_bar[leaf], _tangents(moved[leaf])) for leaf in y_bar)
        pulled = (_inner(full[name], v[name]) for name in names)
        return sum(pushed, Element(0)) - sum(pulled, Element(0))

    total = defect(wrt, moved)
    by_input = {n: defect((n,), apply_along((n,))) for n in wrt} if total != 0 else {}
    return Defect(total, by_input, tuple(faults))


def leaves(output: Any) -> dict[str, np.ndarray]:
    """Name the arrays of an output: the fields of a NamedTuple, or ``output`` itself."""
    named = output._asdict() if hasattr(output, "_asdict") else {"output": output}
    return {name: np.asarray(leaf) for name, leaf in named.items() if leaf is not None}


def like(output: Any, named: Mapping[str, np.ndarray]) -> Any:
    """Arrange named arrays as an output is; those left out become None, that is zero."""
    if hasattr(output, "_fields"):
        return type(output)(*(named.get(name) for name in output._fields))
    return named.get("output")


def _exactly(name: str) -> Any:
    """An operation of fractions that does not round where the other operand is a float."""

    def operation(self: Fraction, other: Any) -> Any:
        if isinstance(other, float) and math.isfinite(other):
            other = Fraction(other)
        result = getattr(Fraction, name)(self, other)
        return _Exact(result) if isinstance(result, Fraction) else result

    return operation


class _Exact(Fraction):
    """A fraction that a float does not turn into a float: an empty sum, divided, is 0.0."""

    __add__, __radd__ = _exactly("__add__"), _exactly("__radd__")
    __sub__, __rsub__ = _exactly("__sub__"), _exactly("__rsub__")
    __mul__, __rmul__ = _exactly("__mul__"), _exactly("__rmul__")
    __truediv__, __rtruediv__ = _exactly("__truediv__"), _exactly("__rtruediv__")


def _exact_option(value: Any) -> Any:
    """1e-5 → 1/100000, so that no quotient of options is rounded; all but floats stays as it is."""
    if isinstance(value, float) and math.isfinite(value):
        return _Exact(repr(float(value)))
    return value


def _tangents(numbers: np.ndarray) -> np.ndarray:
    """Where an output goes; a constant, such as an infinite one, stays."""
    plain = (n.item() if isinstance(n, np.ndarray) else n for n in numbers.flat)  # () in an entry
    moved = [Element(getattr(number, "tangent", 0)) for number in plain]
    return np.array(moved, dtype=object).reshape(numbers.shape)


def _inner(a: np.ndarray | None, b: np.ndarray) -> Element:
    """⟨a, b⟩, where a missing a is zero."""
    return Element(0) if a is None else sum(map(mul, a.flat, b.flat), Element(0))


def _subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """None, each name alone, and all but each: 2n + 1 of the 2ⁿ show who needs whom."""
    alone = [(name,) for name in names]
    others = [tuple(n for n in names if n != name) for name in names]
    return [s for s in dict.fromkeys([(), *alone, *others]) if len(s) < len(names)]


def _unequal(
    what: str,
    found: Mapping[str, np.ndarray | None],
    expected: Mapping[str, np.ndarray | None],
) -> list[str]:
    """Say in which names two results differ, or one of them has a None."""
    different = [
        name
        for name in expected
        if (found[name] is None) != (expected[name] is None)
        or not np.array_equal(found[name], expected[name])  # pyright: ignore
    ]
    return [f"{what} disagree in {', '.join(different)}"] if different else []


def _misfit(gradient: np.ndarray, direction: np.ndarray | None) -> str:
    """Say why a gradient cannot be one, if so."""
    if direction is None:
        return "exists, though the input has none"
    if gradient.shape != direction.shape:
        return f"has shape {gradient.shape}, the input {direction.shape}"
    return "has entries that were never written" if None in gradient.ravel().tolist() else ""
