"""Values of arrays with named axes as expressions of NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy
from sympy import Add, Expr

from derive.arrays.grammar import (
    Axes,
    Contract,
    Map,
    Masked,
    Nest,
    Reduce,
    Repeated,
    Scaled,
    Value,
    View,
)
from derive.backends.numpy.elementwise import Elementwise
from derive.backends.numpy.integers import lower_integer
from derive.backends.numpy.tree import (
    Attribute,
    Binary,
    Literal,
    Name,
    Node,
    Product,
    TupleOf,
    Unary,
    call,
    method,
    numpy,
)
from derive.backends.numpy.views import Array, Views
from derive.calculus.statements import Guard
from derive.language.order import Order
from derive.language.scalars import stop
from derive.language.symbols import Access, Axis, Tensor

LOWEST = Unary("-", Attribute(Name("np"), "inf"))


class Values:
    """Writes the values of one nest; new names are none of the `names`."""

    def __init__(
        self, nest: Nest, order: Order, finite: frozenset[Tensor], names: Iterable[str]
    ) -> None:
        self.nest, self.views = nest, Views(nest, names)
        self.around: Axes = ()  # the axes of the array that a scalar expression stands for
        self.elementwise = Elementwise(
            self.read, compared=self.entry, loops=nest.fixed, order=order, finite=finite
        )

    def value(self, value: Value) -> Array:
        """The array of a value."""
        write: Callable[[Any], Array] = {
            View: self.views.view,
            Map: self.map,
            Masked: self.masked,
            Contract: self.contract,
            Reduce: self.reduce,
            Repeated: self.repeated,
            Scaled: self.scaled,
        }[type(value)]
        return write(value)

    def map(self, value: Map) -> Array:
        if value.integer:
            return Array(self.views.integers(value.value, value.axes), value.axes, True)
        self.around = value.axes
        lower = self.elementwise.array if value.alone else self.elementwise.lower
        return Array(lower(value.value), value.axes, not _is_entry(value.value))

    def masked(self, value: Masked) -> Array:
        found = self.value(value.value).aligned(value.axes)
        mask = self.mask(value.guards, value.axes)
        assert mask is not None
        beyond = LOWEST if value.otherwise == -sympy.oo else self.elementwise.lower(value.otherwise)
        return Array(numpy("where", mask, found, beyond), value.axes, True)

    def reduce(self, value: Reduce) -> Array:
        of = self.value(value.value)
        over = [of.axes.index(axis) for axis in value.over]
        rest = tuple(a for a in of.axes if a not in value.over)
        axes = TupleOf(tuple(Literal(place) for place in over))
        if value.op == "max":
            alone = over == [len(of.axes) - 1]
            largest = method(of.node, "max", axis=axes, initial=LOWEST)
            return Array(call("_largest", of.node) if alone else largest, rest, True)
        if not rest and not _is_integer(value):
            # A sum over everything would be a NumPy scalar, which is no array.
            total = method(of.node, "sum", keepdims=Literal(True))
            return Array(method(total, "reshape", TupleOf(())), (), True)
        axis = axes if len(over) > 1 or _is_integer(value) else axes.items[0]
        return Array(method(of.node, "sum", axis=axis), rest, True)

    def repeated(self, value: Repeated) -> Array:
        found = self.value(value.value)
        node = found.node
        for axis in value.over:
            length = self.views.extent(axis).length
            if value.op == "add":
                node = Binary("*", node, length)
            elif axis in self.views.extents or not axis.extent.is_positive:
                node = numpy("where", Binary(">", length, Literal(0)), node, LOWEST)
        return Array(node, found.axes, found.fresh or node is not found.node)

    def scaled(self, value: Scaled) -> Array:
        found = self.value(value.value)
        return Array(self.elementwise.scaled(found.node, value.factor), found.axes, True)

    # ---- products ------------------------------------------------------------------------

    def contract(self, value: Contract) -> Array:
        """A matrix product: rows, columns and summed axes are merged by reshape; batch axes stay,
        as `matmul` broadcasts them."""
        left, right, keep = self.value(value.left), self.value(value.right), value.axes
        if not value.summed:
            return Array(Binary("*", left.aligned(keep), right.aligned(keep)), keep, True)
        batch, rows, columns = value.batch, value.rows, value.columns
        summed = tuple(a for a in left.axes if a in value.summed)
        lie = _lies(left, summed, batch), _lies(right, summed, batch)
        # The factors change places where both then lie in memory as they are read, or where the
        # result has its columns first.
        first = bool(columns) and (not rows or keep.index(columns[0]) < keep.index(rows[0]))
        if lie == ("right", "left") or (first and lie != ("left", "right")):
            left, right, rows, columns = right, left, columns, rows
            summed = tuple(a for a in left.axes if a in summed)
        one = self.matrix(left, batch, rows, summed)
        other = self.matrix(right, batch, summed, columns)
        views = self.views
        shape = TupleOf((*views.shape(batch).items, views.size(rows), views.size(columns)))
        # Of several products each may be an outer one, such as those of a depthwise convolution.
        node = call("_product", one, other) if batch else Product("@", one, other, shape)
        result = (*batch, *rows, *columns)
        if len(rows) == len(columns) == 1:
            return Array(node, result, True)
        return Array(method(node, "reshape", views.shape(result)), result, True)

    def matrix(self, array: Array, batch: Axes, rows: Axes, columns: Axes) -> Node:
        """The array with its axes merged into batch, one row axis and one column axis."""
        moved = array.transposed((*batch, *rows, *columns))
        if len(rows) == len(columns) == 1:
            # BLAS takes no negative strides, and NumPy's own product is slow.
            return numpy("ascontiguousarray", moved.node) if array.falling else moved.node
        views = self.views
        shape = TupleOf((*views.shape(batch).items, views.size(rows), views.size(columns)))
        return method(moved.node, "reshape", shape)

    # ---- entries and conditions ------------------------------------------------------------

    def read(self, place: Access | Axis) -> Node:
        """An entry, or an index, where it stands in the value."""
        if isinstance(place, Axis) and place in self.nest.fixed:
            return Name(place.name)
        node = self.entry(place)
        # Integers beside float32 would make float64 of it.
        integer = isinstance(place, Axis) or place.tensor.integer
        return call("_real", node, Name("dtype")) if integer else node

    def entry(self, place: Access | Axis) -> Node:
        """The same as it stands in a comparison, where integers stay integers."""
        if isinstance(place, Axis):
            if place in self.nest.fixed:
                return Name(place.name)
            return self.views.numbers(place).aligned(self.around)
        view = self.nest.views.get(place) or self.views.trusted(place)
        return self.views.view(view).aligned(self.around)

    def mask(self, guards: tuple[Guard, ...], order: Axes) -> Node | None:
        """All guards as one array with the axes of `order` that they name."""
        result: Node | None = None
        for guard in guards:
            test = self.test(guard, order)
            result = test if result is None else Binary("&", result, test)
        return result

    def test(self, guard: Guard, order: Axes) -> Node:
        """A condition on arrays: entries on the left, the rest on the right."""
        if guard.kind in ("divides", "indivisible"):
            rest = self.views.integers(sympy.Mod(guard.expression, guard.modulus), order)
            return Binary("==" if guard.kind == "divides" else "!=", rest, Literal(0))
        terms = Add.make_args(guard.expression)
        left = Add(*(t for t in terms if t.has(Access)))
        right, sign = left - guard.expression, "==" if guard.kind == "eq" else ">="
        if left.could_extract_minus_sign():
            left, right, sign = -left, -right, "==" if guard.kind == "eq" else "<="
        ahead = 1 if sign == ">=" else -1
        if guard.kind == "ge" and right.as_coeff_Add()[0] == ahead and right != ahead:
            right, sign = right - ahead, sign[0]
        return Binary(sign, *(self.views.integers(side, order) for side in (left, right)))

    def number(self, guard: Guard) -> Node:
        """A condition on the loops."""
        left = lower_integer(guard.expression)
        if guard.kind in ("divides", "indivisible"):
            left = Binary("%", left, lower_integer(guard.modulus))
        sign = {"ge": ">=", "eq": "==", "divides": "==", "indivisible": "!="}[guard.kind]
        return Binary(sign, left, Literal(0))


def _is_entry(value: Expr) -> bool:
    """Whether the array of a value is that of a tensor, and no new one."""
    return isinstance(value, Access) or (value.func is stop and _is_entry(value.args[0]))


def _is_integer(value: Value) -> bool:
    """Whether the array holds integers."""
    inner = value.value if isinstance(value, Reduce | Masked) else value
    return inner.integer if isinstance(inner, Map) else inner is not value and _is_integer(inner)


def _lies(array: Array, contracted: Axes, batch: Axes) -> str:
    """The side of a product for which the axes lie in memory: rows by columns."""
    summed = [a in contracted for a in array.axes if a not in batch]
    if summed == sorted(summed):
        return "left"
    return "right" if summed == sorted(summed, reverse=True) else ""
