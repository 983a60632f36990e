"""Sums of products of views, as matrix products.

The axes of a product of two fall into classes by membership alone: batch (both factors and the
result), rows (left and result), columns (right and result), contracted (both factors only). Rows,
columns and contracted axes are merged by reshape; batch axes stay, as `matmul` broadcasts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from derive.language.symbols import Axis
from derive.lowering.program import Binary, Literal, Node, Product, TupleOf, call, method, numpy
from derive.lowering.views import Extents, View, extent_of, shape_of, size_of

Axes = tuple[Axis, ...]


def product(factors: Sequence[View], keep: Axes, extents: Extents) -> View:
    """Multiply the factors and sum over every axis that is not in `keep`."""
    views: list[View] = [_without_private_axes(i, factors, keep) for i in range(len(factors))]
    while len(views) > 2:
        left, right = min(
            combinations(range(len(views)), 2), key=lambda pair: _cost(pair, views, keep)
        )
        others = [v for i, v in enumerate(views) if i not in (left, right)]
        needed = {*keep, *(a for v in others for a in v.axes)}
        inner = tuple(a for a in _union(views[left], views[right]) if a in needed)
        views = [*others, _pair(views[left], views[right], inner, extents)]
    if len(views) == 1:
        return views[0]
    left_view, right_view = views
    inner = tuple(a for a in keep if a in _union(left_view, right_view))
    return _pair(left_view, right_view, inner, extents)


def _cost(pair: tuple[int, int], views: Sequence[View], keep: Axes) -> tuple[int, int, int]:
    """Axes of the work, axes of the result, and place: what multiplying this pair first costs."""
    i, j = pair
    others = {*keep, *(a for k, v in enumerate(views) if k not in pair for a in v.axes)}
    union = _union(views[i], views[j])
    contracted = sum(1 for a in union if a not in others)
    return len(union) - 2 * contracted, len(union), i


def _union(*views: View) -> Axes:
    return tuple(dict.fromkeys(a for view in views for a in view.axes))


def _without_private_axes(i: int, factors: Sequence[View], keep: Axes) -> View:
    """Sum out the axes that only this factor has."""
    used = {*keep, *(a for j, v in enumerate(factors) if j != i for a in v.axes)}
    return summed(factors[i], tuple(a for a in factors[i].axes if a not in used))


def summed(view: View, gone: Axes) -> View:
    """Sum a view over some of its axes."""
    if not gone:
        return view
    rest = tuple(a for a in view.axes if a not in gone)
    positions = TupleOf(tuple(Literal(view.axes.index(a)) for a in gone))
    if not rest:
        # A sum over everything would be a NumPy scalar, which is no array.
        total = method(view.node, "sum", keepdims=Literal(True))
        return View(method(total, "reshape", TupleOf(())), (), True)
    axis = positions if len(gone) > 1 else positions.items[0]
    return View(method(view.node, "sum", axis=axis), rest, True)


def _pair(left: View, right: View, keep: Axes, extents: Extents) -> View:
    contracted = tuple(a for a in left.axes if a in right.axes and a not in keep)
    if not contracted:
        node = Binary("*", left.aligned(keep), right.aligned(keep))
        return View(node, keep, True)
    batch = tuple(a for a in keep if a in left.axes and a in right.axes)
    rows = tuple(a for a in keep if a in left.axes and a not in batch)
    columns = tuple(a for a in keep if a in right.axes and a not in batch)
    lie = _lies(left, contracted, batch), _lies(right, contracted, batch)
    first = bool(columns) and (not rows or keep.index(columns[0]) < keep.index(rows[0]))
    if lie == ("right", "left") or (first and lie != ("left", "right")):
        left, right, rows, columns = right, left, columns, rows
        contracted = tuple(a for a in left.axes if a in contracted)
    lengths = tuple(extent_of(a, extents).length for a in batch)
    one = _matrix(left, batch, rows, contracted, extents)
    other = _matrix(right, batch, contracted, columns, extents)
    shape = TupleOf((*lengths, size_of(rows, extents), size_of(columns, extents)))
    # Of several products each may be an outer one, such as those of a depthwise convolution.
    node = call("_product", one, other) if batch else Product("@", one, other, shape)
    result = (*batch, *rows, *columns)
    if len(rows) == len(columns) == 1:
        return View(node, result, True)
    return View(method(node, "reshape", shape_of(result, extents)), result, True)


def _lies(view: View, contracted: Axes, batch: Axes) -> str:
    """The side of a product for which the axes lie in memory: rows by columns."""
    summed = [a in contracted for a in view.axes if a not in batch]
    if summed == sorted(summed):
        return "left"
    return "right" if summed == sorted(summed, reverse=True) else ""


def _matrix(view: View, batch: Axes, rows: Axes, columns: Axes, extents: Extents) -> Node:
    """The view with its axes merged into batch, one row axis and one column axis."""
    moved = view.transposed((*batch, *rows, *columns))
    if len(rows) == len(columns) == 1:
        # BLAS takes no negative strides, and NumPy's own product is slow.
        return numpy("ascontiguousarray", moved.node) if view.falling else moved.node
    shape = tuple(extent_of(a, extents).length for a in batch)
    return method(
        moved.node,
        "reshape",
        TupleOf((*shape, size_of(rows, extents), size_of(columns, extents))),
    )


def axes_of(views: Iterable[View]) -> Axes:
    """Every axis of the views, in order of appearance."""
    return _union(*views)
