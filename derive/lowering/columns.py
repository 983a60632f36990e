"""Windowed contractions as products with columns: lift the image over the taps, then multiply.

    columns[g, u.., c, (h), n, p..] = image[n, g, c, s*p + d*u + r]        (im2col, in chunks of n)

With the output as target the columns are multiplied by the kernel, with the kernel as target by
the output; with the image as target the columns are the result and are added back (col2im).
"Sliding" leaves the outermost window axis h unexpanded: its taps are flat slices of the columns,
read by BLAS without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sympy import Expr, Max, Mul, Symbol

from derive.calculus.affine import affine
from derive.calculus.statements import Statement
from derive.language.symbols import Access, Axis
from derive.lowering.elementwise import Elementwise
from derive.lowering.integers import lower_integer
from derive.lowering.program import (
    ALL,
    Assign,
    Binary,
    Comment,
    Do,
    For,
    If,
    Line,
    Literal,
    Name,
    Node,
    Slice,
    Subscript,
    TupleOf,
    Unary,
    Update,
    call,
    numpy,
)
from derive.lowering.windows import Trilinear, Window

Axes = tuple[Axis, ...]
Condition = Callable[[Statement], Node | None]

_COUNT = Symbol("count", integer=True, positive=True)
_FIRST, _LAST = Name("first"), Name("last")


def volume(axes: Sequence[Axis]) -> Expr:
    """The number of points of a box."""
    return Mul(*(a.extent for a in axes))


@dataclass(frozen=True)
class Layout:
    """Axis classes and extents that all products with the same columns share."""

    form: Trilinear
    looped: tuple[Window, ...]

    @property
    def lifted(self) -> tuple[Window, ...]:
        return self.form.windows[len(self.looped) :]

    @property
    def chunked(self) -> Axes:
        """The axis whose points are taken a few at a time."""
        return self.form.images[:1]

    @property
    def lifted_taps(self) -> Axes:
        return tuple(w.tap for w in self.lifted)

    @property
    def lifted_places(self) -> Axes:
        return tuple(w.place for w in self.lifted)

    @property
    def looped_taps(self) -> Axes:
        return tuple(w.tap for w in self.looped)

    @property
    def looped_places(self) -> Axes:
        return tuple(w.place for w in self.looped)

    @property
    def rows(self) -> tuple[Expr, ...]:
        """Extent of the unexpanded window axes in the columns."""
        return tuple(w.span for w in self.looped)

    @property
    def depth(self) -> Expr:
        """Rows of the columns as a matrix: what a product with the kernel contracts."""
        return volume((*self.lifted_taps, *self.form.channels))

    def images(self) -> list[Expr]:
        """Extents of the image axes, the chunked one reduced to a chunk."""
        rest = [a.extent for a in self.form.images[1:]]
        return [_COUNT, *rest] if self.chunked else rest

    @property
    def places(self) -> list[Expr]:
        """Extents behind the channels of an output: looped places, images, lifted places."""
        looped = [a.extent for a in self.looped_places]
        return [*looped, *self.images(), *(a.extent for a in self.lifted_places)]

    @property
    def stretch(self) -> Expr:
        """Points between one looped place and the next."""
        return Mul(*self.images(), volume(self.lifted_places))

    def chunks(self) -> Node:
        """The batch in parts whose columns stay in the cache."""
        (axis,) = self.chunked
        rest = volume(self.form.images[1:])
        positions = volume(self.form.places) * rest
        elements = self.elements() * rest
        return call(
            "_chunks", lower_integer(axis.extent), lower_integer(positions), lower_integer(elements)
        )

    def elements(self) -> Expr:
        """Entries of the columns of one image."""
        elements = volume(self.form.batch) * self.depth * Mul(*self.rows)
        return elements * volume(self.lifted_places)

    def work(self) -> Node:
        """Zero if some extent is, so that there is nothing to compute."""
        return lower_integer(volume(self.form.places) * self.elements())


def correlate(
    forms: Sequence[Trilinear], looped: int, asked: Condition, assign: Callable[[Trilinear], bool]
) -> list[Line]:
    """All products with the columns of one image, the image being read.

    Parameters
    ----------
    forms : sequence of Trilinear
        Same image, same classes; each with the output or the kernel as its target.
    looped : int
        How many of the outermost window axes are left unexpanded (steps 1).
    asked : callable
        The run-time condition under which a statement is wanted, or None.
    assign : callable
        Whether a form is the first to write its target.
    """
    first = forms[0]
    layout = Layout(first, first.windows[:looped])
    image = first.image.tensor.name
    framed, columns = Name(f"{image}_framed"), Name("columns")
    before: list[Line] = [Assign(framed, _framed(first))]
    products: list[Line] = []
    inside: list[Line] = []
    finish: list[Line] = []
    after: list[Line] = []
    for form in forms:
        work = _Product(form, layout, assign(form))
        condition = asked(form.statement) if len(forms) > 1 else None
        before += _if(condition, work.before())
        inside += _if(condition, work.inside())
        products += _if(condition, work.product())
        finish += _if(condition, work.finish())
        after += _if(condition, work.after())
    lift = _lift(layout, framed, columns, image)
    if looped:
        (tap,) = layout.looped_taps
        offset = Name("begin")
        step = lower_integer(layout.looped[0].dilation * tap * layout.stretch)
        products = [
            For(Name(tap.name), call("range", lower_integer(tap.extent)),
                (Assign(offset, step), *products)),
        ]  # fmt: skip
    return [*before, *_chunked(layout, [*lift, *inside, *products, *finish]), *after]


def scatter(form: Trilinear, assign: bool) -> list[Line]:
    """The image is the target: multiply, then add every column back to its window."""
    layout = Layout(form, ())
    target = form.image.tensor.name
    framed, columns = Name(f"{target}_framed"), Name("columns")
    spans = [Max(0, w.span) for w in form.windows]  # a window of nothing spans less than nothing
    frame_axes = (*form.images, *form.batch, *form.channels)
    shape = TupleOf(tuple(lower_integer(e) for e in (*(a.extent for a in frame_axes), *spans)))
    matrix = Name(f"{form.kernel.tensor.name}_matrix")
    rows = (*form.batch, *layout.lifted_taps, *form.channels, *form.filters)
    kernel = _whole(form.kernel, form.windows, rows).reshape(
        *_extents(volume(form.batch), layout.depth, volume(form.filters))
    )
    part = _part(form.output, layout, (*form.batch, *form.filters, *form.images, *form.places))
    matrix_of_output = part.reshape(
        *_extents(volume(form.batch), volume(form.filters), Mul(*layout.places))
    )
    block = [a.extent for a in (*form.batch, *layout.lifted_taps, *form.channels)]
    windows = form.windows
    move = _positions((*form.batch, *form.channels, *form.images), frame_axes)
    into = _chunk_of(framed, layout, 0).transpose(
        *move, *range(len(move), len(move) + len(windows))
    )
    inside: list[Line] = [
        Assign(columns, call("_product", matrix, matrix_of_output)),
        Assign(
            columns,
            _scaled(columns, form).reshape(*_extents(*block, *layout.images(), *_of(form.places))),
        ),
        Comment(f"{target}_framed[.., s*p + d*u] += columns[u, .., p]"),
    ]
    taps_first = _tap_axes_first(form, layout)
    add = call(
        "_add_windows",
        into,
        columns.transpose(*taps_first),
        *_window_arguments(windows),
    )
    inside.append(Do(add))
    lows = TupleOf(tuple(lower_integer(w.shift) for w in windows))
    sizes = TupleOf(tuple(lower_integer(e) for e in _dimension_sizes(form)))
    result = call("_framed", framed, lows, sizes)
    back = _positions(_image_axes(form), (*frame_axes, *form.places))
    result = result.transpose(*back)
    name = Name(target)
    return [
        Assign(framed, numpy("zeros", shape, Name("dtype"))),
        Assign(matrix, numpy("ascontiguousarray", kernel)),
        *_chunked(layout, inside),
        Assign(name, result) if assign else Update(name, result),
    ]


def _image_axes(form: Trilinear) -> Axes:
    """The image's dimensions in its own order, windows named by their places."""
    found = []
    for index in form.image.index:
        iterators = affine(index).iterators
        place = [w.place for w in form.windows if w.place in iterators]
        found.append(place[0] if place else iterators[0])
    return tuple(found)  # type: ignore[return-value]


def _dimension_sizes(form: Trilinear) -> list[Expr]:
    """Extent of the image along each window axis."""
    axes = _image_axes(form)
    shape = form.image.tensor.shape
    return [shape[axes.index(w.place)] for w in form.windows]


def _framed(form: Trilinear) -> Node:
    """The image from ``-r`` on and as far as the windows reach, zero where there is none."""
    order = (*form.images, *form.batch, *form.channels, *form.places)
    image = Name(form.image.tensor.name).transpose(*_positions(order, _image_axes(form)))
    lows = TupleOf(tuple(lower_integer(-w.shift) for w in form.windows))
    spans = TupleOf(tuple(lower_integer(w.span) for w in form.windows))
    return call("_framed", image, lows, spans)


def _lift(layout: Layout, framed: Node, columns: Name, image: str) -> list[Line]:
    form, lifted = layout.form, layout.lifted
    shape = [
        *_of(form.batch), *_of(layout.lifted_taps), *_of(form.channels), *layout.rows,
        *layout.images(), *_of(layout.lifted_places),
    ]  # fmt: skip
    before = (
        *form.images, *form.batch, *form.channels, *layout.looped_places,
        *layout.lifted_places, *layout.lifted_taps,
    )  # fmt: skip
    after = (
        *form.batch, *layout.lifted_taps, *form.channels, *layout.looped_places, *form.images,
        *layout.lifted_places,
    )  # fmt: skip
    windows = call("_windows", _chunk_of(framed, layout, 0), *_window_arguments(lifted))
    flat = columns.reshape(
        *_extents(
            volume(form.batch),
            layout.depth,
            Mul(*layout.rows, *layout.images(), volume(layout.lifted_places)),
        )
    )
    return [
        Comment(f"columns[u, .., p] = {image}_framed[.., s*p + d*u]"),
        Assign(columns, numpy("empty", TupleOf(_extents(*shape)), Name("dtype"))),
        Assign(Subscript(columns, (Literal(...),)), windows.transpose(*_positions(after, before))),
        Assign(columns, flat),
    ]


def _window_arguments(windows: Sequence[Window]) -> tuple[Node, ...]:
    taps = TupleOf(tuple(lower_integer(w.tap.extent) for w in windows))
    steps = TupleOf(tuple(lower_integer(w.step) for w in windows))
    dilations = TupleOf(tuple(lower_integer(w.dilation) for w in windows))
    places = TupleOf(tuple(lower_integer(w.place.extent) for w in windows))
    return taps, steps, dilations, places


def _chunked(layout: Layout, lines: list[Line]) -> list[Line]:
    if not layout.chunked:
        return [If(Binary(">", layout.work(), Literal(0)), tuple(lines))]
    count = Assign(Name("count"), _LAST - _FIRST)
    return [For(TupleOf((_FIRST, _LAST)), layout.chunks(), (count, *lines))]


@dataclass(frozen=True)
class _Product:
    """One product with the columns: its output or its kernel is the target."""

    form: Trilinear
    layout: Layout
    assign: bool

    @property
    def gives_output(self) -> bool:
        return self.form.statement.target == self.form.output

    @property
    def matrix(self) -> Name:
        return Name(f"{self.form.kernel.tensor.name}_matrix")

    @property
    def total(self) -> Name:
        return Name(f"{self.form.output.tensor.name}_part")

    @property
    def matrix_axes(self) -> Axes:
        """Axes of the kernel as matrices, one for each looped tap."""
        form, layout = self.form, self.layout
        depth = (*layout.lifted_taps, *form.channels)
        if self.gives_output:
            return (*layout.looped_taps, *form.batch, *form.filters, *depth)
        return (*layout.looped_taps, *form.batch, *depth, *form.filters)

    def matrix_shape(self) -> list[Expr]:
        form, layout = self.form, self.layout
        sides = [volume(form.filters), layout.depth]
        if not self.gives_output:
            sides.reverse()
        return [*_of(layout.looped_taps), volume(form.batch), *sides]

    def positions(self) -> Expr:
        return Mul(*self.layout.places)

    def before(self) -> list[Line]:
        form = self.form
        if self.gives_output:
            kernel = _whole(form.kernel, form.windows, self.matrix_axes)
            lines: list[Line] = [
                Assign(
                    self.matrix,
                    numpy("ascontiguousarray", kernel.reshape(*_extents(*self.matrix_shape()))),
                )
            ]
            if self.assign:
                shape = TupleOf(_extents(*form.output.tensor.shape))
                lines.append(
                    Assign(Name(form.output.tensor.name), numpy("zeros", shape, Name("dtype")))
                )
            return lines
        shape = TupleOf(_extents(*self.matrix_shape()))
        return [Assign(self.matrix, numpy("zeros", shape, Name("dtype")))]

    def inside(self) -> list[Line]:
        form, layout = self.form, self.layout
        if self.gives_output:
            if not layout.looped:
                return []
            shape = _extents(volume(form.batch), volume(form.filters), self.positions())
            return [Assign(self.total, numpy("zeros", TupleOf(shape), Name("dtype")))]
        axes = (
            *form.batch, *form.filters, *layout.looped_places, *form.images, *layout.lifted_places,
        )  # fmt: skip
        part = _part(form.output, layout, axes).reshape(
            *_extents(volume(form.batch), volume(form.filters), self.positions())
        )
        return [Assign(self.total, part.transpose(0, 2, 1))]

    def product(self) -> list[Line]:
        columns: Node = Name("columns")
        matrix: Node = self.matrix
        if self.layout.looped:
            (tap,) = self.layout.looped_taps
            start = Name("begin")
            stop = start + lower_integer(self.positions())
            columns = columns[ALL, ALL, Slice(start, stop)]
            matrix = matrix[Name(tap.name)]
        if self.gives_output:
            value = call("_product", matrix, columns)
            if self.layout.looped:
                return [Update(self.total, value)]
            return [Assign(self.total, value)]
        return [Update(matrix, call("_product", columns, self.total))]

    def finish(self) -> list[Line]:
        if not self.gives_output:
            return []
        form, layout = self.form, self.layout
        now = (
            *form.batch, *form.filters, *layout.looped_places, *form.images, *layout.lifted_places,
        )  # fmt: skip
        then = tuple(affine(i).bare for i in form.output.index)
        result = _scaled(self.total, form).reshape(
            *_extents(*_of((*form.batch, *form.filters)), *layout.places)
        )
        result = result.transpose(*_positions(then, now))  # type: ignore[arg-type]
        name = Name(form.output.tensor.name)
        target = _chunk_of(name, layout, _dimension(form.output, layout))
        if target == name:
            target = name[(Literal(...),)]
        return [Assign(target, result) if self.assign else Update(target, result)]

    def after(self) -> list[Line]:
        if self.gives_output:
            return []
        form = self.form
        axes = tuple(affine(i).iterators[0] for i in form.kernel.index)
        result = _scaled(self.matrix, form).reshape(*_extents(*_of(self.matrix_axes)))
        result = _flipped(
            result.transpose(*_positions(axes, self.matrix_axes)),
            form.windows,
            axes,  # type: ignore[arg-type]
        )
        name = Name(form.kernel.tensor.name)
        return [Assign(name, result) if self.assign else Update(name, result)]


def _scaled(node: Node, form: Trilinear) -> Node:
    """Apply the factor that belongs to no tensor."""
    return node if form.scale == 1 else _numbers().scaled(node, form.scale)


def constants_of(form: Trilinear) -> dict[str, Expr]:
    """The named constants in the factor that belongs to no tensor."""
    printer = _numbers()
    printer.scaled(Literal(1), form.scale)
    return printer.constants


def _numbers() -> Elementwise:
    return Elementwise(lambda access: Name(str(access)))


def _of(axes: Sequence[Axis]) -> list[Expr]:
    return [a.extent for a in axes]


def _extents(*extents: Expr) -> tuple[Node, ...]:
    return tuple(lower_integer(e) for e in extents)


def _positions(wanted: Sequence[Axis], present: Sequence[Axis]) -> tuple[int, ...]:
    return tuple(list(present).index(a) for a in wanted)


def _dimension(access: Access, layout: Layout) -> int:
    """Which dimension of an access the chunked axis walks."""
    bare = [affine(i).bare for i in access.index]
    return bare.index(layout.chunked[0]) if layout.chunked else 0


def _chunk_of(array: Node, layout: Layout, dimension: int) -> Node:
    if not layout.chunked:
        return array
    return array[(*(ALL,) * dimension, Slice(_FIRST, _LAST))]


def _part(access: Access, layout: Layout, order: Axes) -> Node:
    """A chunk of an access that walks whole dimensions, its axes in another order."""
    present = tuple(affine(i).iterators[0] for i in access.index)
    chunk = _chunk_of(Name(access.tensor.name), layout, _dimension(access, layout))
    return chunk.transpose(*_positions(order, present))  # type: ignore[arg-type]


def _whole(access: Access, windows: Sequence[Window], order: Axes) -> Node:
    """The kernel with flipped taps turned round and its axes in another order."""
    present = tuple(affine(i).iterators[0] for i in access.index)
    turned = _flipped(Name(access.tensor.name), windows, present)  # type: ignore[arg-type]
    return turned.transpose(*_positions(order, present))  # type: ignore[arg-type]


def _flipped(array: Node, windows: Sequence[Window], axes: Axes) -> Node:
    backwards = {w.tap for w in windows if w.flipped}
    if not backwards:
        return array
    turn = Slice(step=Unary("-", Literal(1)))
    items = [turn if a in backwards else ALL for a in axes]
    while items[-1] == ALL:
        items.pop()
    return array[tuple(items)]


def _tap_axes_first(form: Trilinear, layout: Layout) -> tuple[int, ...]:
    present = (
        *form.batch, *layout.lifted_taps, *form.channels, *form.images, *form.places,
    )  # fmt: skip
    wanted = (
        *layout.lifted_taps, *form.batch, *form.channels, *form.images, *form.places,
    )  # fmt: skip
    return _positions(wanted, present)


def _if(condition: Node | None, lines: list[Line]) -> list[Line]:
    return [If(condition, tuple(lines))] if condition is not None and lines else lines
