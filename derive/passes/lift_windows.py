"""Pass: a product over windows becomes a copy of the windows and a product of matrices.

    y[n,k,p] += Σ_{c,u} w[k,c,u]·x[n, c, s·p + d·u − P]

becomes, for a part of all n at a time,

    patches[c,u,n,p] = x[n, c, s·p + d·u − P]                          (im2col)
    y[n,k,p] = Σ_{c,u} w[k,c,u]·patches[c,u,n,p]

Whichever of the three is the target, there are two ways, and all of them agree. Either the windows
of the image are copied (where it is the target, they are computed and added back: col2im). Or what
has the positions p is written, tap by tap, to where its windows lie among zeros: that takes any
stride and no division.

    patches[k,u,n, s·p + d·u − P] = y_bar[n,k,p]
    x_bar[n,c,h] = Σ_{k,u} w[k,c,u]·patches[k,u,n,h]
    w_bar[k,c,u] = Σ_{n,h} x[n,c,h]·patches[k,u,n,h]

Of windows along several axes the last alone may be lifted ("slide"): then the taps of the others
move over rows of the copy, which are matrices as they lie in memory, and the copy is smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import sympy
from sympy import And, Expr, Integer, Mul
from sympy.logic.boolalg import Boolean

from derive.calculus.statements import Statement, names_in
from derive.language.names import fresh
from derive.language.symbols import Access, Axis, Bound, Tensor
from derive.program.grammar import (
    Block,
    Body,
    Choice,
    Compute,
    Module,
    Program,
    Tile,
    adding,
    computes,
    statements_of,
)
from derive.program.windows import Trilinear, Window, trilinear

Axes = tuple[Axis, ...]

# The taps that slide read runs of the copy: with few channels these are short (measured).
import os
SLIDE = int(os.environ.get("SLIDE", "0"))
RATIO0 = 0
# What has the positions is lifted while its windows are at most so many times those of the image.
RATIO = int(os.environ.get("RATIO", "6"))


def lift_windows(module: Module) -> Module:
    """Lift the windows of every product, in both directions."""
    return replace(
        module, forward=_chosen(module.forward), backward=_chosen(module.backward)
    )


@dataclass(frozen=True)
class _Way:
    """Which tensor is lifted, and how many of the outer windows are not."""

    name: str
    output: bool
    late: bool


_IMAGE = _Way("columns", output=False, late=False)
_SLIDE = _Way("slide", output=False, late=True)
_SLIDE_OUTPUT = _Way("slide", output=True, late=True)


def _chosen(program: Program) -> Program:
    """The program with its products lifted; two ways if either may be the faster one."""
    found = [f for b in program.body if isinstance(b, Compute) and (f := _form(b.statement))]
    if not found:
        return program
    turned = any(f.image == f.statement.target for f in found)
    first, second = (_SLIDE_OUTPUT if turned else _SLIDE), _IMAGE
    tests = [test for form in found for test in _prefers(form, first)]
    slow = replace(program, body=_Lift(program, second).body())
    if any(test == sympy.false for test in tests):
        return slow
    fast = replace(program, body=_Lift(program, first).body())
    if fast.body == slow.body:
        return slow
    if all(test == sympy.true for test in tests):
        return fast
    return replace(program, body=(Choice(first.name, And(*tests), fast.body, slow.body),))


def _form(statement: Statement) -> Trilinear | None:
    if any(access.tensor.optional for access in statement.reads):
        return None
    return trilinear(statement)


def _prefers(form: Trilinear, way: _Way) -> Iterable[Boolean]:
    """When the way is the faster one."""
    for window in form.windows:
        yield sympy.Eq(window.step, 1)
    last = form.windows[-1].tap.extent
    inner = form.filters if way.output else form.channels
    if SLIDE:
        yield sympy.Ge(last * _volume(inner), SLIDE)
    if way.output:
        image = Mul(*(_extent(form, w) for w in form.windows))
        places = _volume(w.place for w in form.windows)
        yield sympy.Le(
            _volume(form.filters) * image, RATIO * _volume(form.channels) * places
        )


def _volume(axes: Iterable[Axis]) -> Expr:
    return Mul(*(a.extent for a in axes))


def _dimension(form: Trilinear, window: Window) -> int:
    return next(d for d, i in enumerate(form.image.index) if i.has(window.place))


def _extent(form: Trilinear, window: Window) -> Expr:
    return form.image.tensor.shape[_dimension(form, window)]


@dataclass
class _Lifted:
    """What becomes of one product.

    Attributes
    ----------
    copies : tuple of Statement
        What is copied before it; the same for all products that share it.
    product : Statement
    after : tuple of Statement
        What brings the result where it belongs.
    local : set of Tensor
        What is made for it alone.
    elements : sympy.Expr
        Numbers in the patches of one image.
    """

    block: Compute
    form: Trilinear
    copies: tuple[Statement, ...]
    product: Statement
    after: tuple[Statement, ...]
    ahead: tuple[Statement, ...]
    behind: tuple[Statement, ...]
    local: set[Tensor]
    elements: Expr


class _Lift:
    """Rewrites one program in one way."""

    def __init__(self, program: Program, way: _Way) -> None:
        self.program, self.way = program, way
        self.taken = names_in(statements_of(program.body))
        self.patches: dict[tuple, Access] = {}

    def body(self) -> Body:
        body: list[Block] = []
        done: set[int] = set()
        blocks = self.program.body
        for number, block in enumerate(blocks):
            if number in done:
                continue
            one = self.lifted(block)
            if one is None:
                body.append(block)
                continue
            group = [one]
            for other in range(number + 1, len(blocks)):
                if not self.independent(blocks[other], blocks[number:other]):
                    continue
                two = self.lifted(blocks[other], one)
                if two is not None:
                    group.append(two)
                    done.add(other)
            body += self.tiled(group)
        return tuple(body)

    def independent(self, block: Block, earlier: Body) -> bool:
        """Whether the block may run before those that stand before it."""
        mine = computes((block,))
        read = {a.tensor for b in mine for a in b.accesses}
        written = {b.target for b in mine}
        others = computes(earlier)
        return not read & {b.target for b in others} and not any(
            a.tensor in written for b in others for a in b.accesses
        )

    # ---- one product ---------------------------------------------------------------------

    def lifted(self, block: Block, same: _Lifted | None = None) -> _Lifted | None:
        """The product with its windows lifted; only if it shares the patches of `same`."""
        form = _form(block.statement) if isinstance(block, Compute) else None
        if form is None:
            return None
        assert isinstance(block, Compute)
        late = form.windows[:-1][:1] if self.way.late else ()
        rest = form.windows[len(late) :]
        source = form.output if self.way.output else form.image
        if same is not None:
            shared = same.form.output if self.way.output else same.form.image
            alike = (source, form.windows, form.batch, form.images) == (
                shared,
                same.form.windows,
                same.form.batch,
                same.form.images,
            )
            if not alike or form.statement.target == source or same.form.statement.target == source:
                return None
        rows = {w: self.row(form, w) for w in form.windows}
        own = form.filters if self.way.output else form.channels
        taps = tuple(w.tap for w in rest)
        if self.way.output:
            inner = (*(w.place for w in late), *form.images, *(rows[w] for w in rest))
        else:
            inner = (*(rows[w] for w in late), *form.images, *(w.place for w in rest))
        axes = (*form.batch, *own, *taps, *inner)
        wish = f"{source.tensor.name}_patches"
        name = same.copies[0].target.tensor.name if same else fresh(wish, self.taken)
        patches = Tensor(name, tuple((a.extent,) for a in axes), outside=0)
        local = {patches}
        places = {w: form.image.index[_dimension(form, w)] for w in form.windows}
        if self.way.output:
            # Written to where the windows lie, read at every entry of the image.
            into = Access(patches, *(_swapped(a, {rows[w]: places[w] for w in rest}) for a in axes))
            copy = Statement(_domain(form, into, source), into, source)
            bare = Access(patches, *axes)
            values = {form.output: bare, form.image: self.moved(form, {w: rows[w] for w in rest})}
            gone = {w.place: rows[w] for w in rest}
        else:
            bare = Access(patches, *axes)
            read = self.moved(form, {w: rows[w] for w in late})
            copy = Statement(axes, bare, read)
            values = {
                form.image: Access(
                    patches, *(_swapped(a, {rows[w]: places[w] for w in late}) for a in axes)
                )
            }
            gone = {}
        statement = form.statement
        domain = tuple(gone.get(a, a) for a in statement.domain)
        product = Statement(
            domain,
            values.get(statement.target, statement.target),  # type: ignore[arg-type]
            statement.value.xreplace(values),
        )
        copies: tuple[Statement, ...] = (copy,)
        after: tuple[Statement, ...] = ()
        if statement.target == source:
            copies, after = (), (Statement(copy.domain, copy.value, copy.target),)  # type: ignore[arg-type]
        if late:
            product, before, behind, room = self.relaid(form, product, late, rows)
            copies, after, local = (*copies, *before), (*behind, *after), local | room
        elements = Mul(*(e for a, e in zip(axes, patches.shape, strict=True) if a not in form.images[:1]))
        ahead: tuple[Statement, ...] = ()
        behind: tuple[Statement, ...] = ()
        if form.kernel != statement.target:
            product, ahead = self.ready(form, product, late)
        elif self.way.output or late:
            product, behind = self.gathered(form, product, late)
        return _Lifted(block, form, copies, product, after, ahead, behind, local, elements)

    def gathered(
        self, form: Trilinear, product: Statement, late: Sequence[Window]
    ) -> tuple[Statement, tuple[Statement, ...]]:
        """The product with its kernel added up as the matrices that come of it."""
        outer = [w.tap for w in late]
        inner = [w.tap for w in form.windows if w not in late]
        own, others = form.channels, form.filters
        if self.way.output:
            own, others = others, own
        axes = (*outer, *form.batch, *own, *inner, *others)
        name = fresh(f"{form.kernel.tensor.name}_matrix", self.taken)
        matrix = Access(Tensor(name, tuple((a.extent,) for a in axes), parameter=True), *axes)
        return replace(product, target=matrix), (Statement(axes, form.kernel, matrix),)

    def ready(
        self, form: Trilinear, product: Statement, late: Sequence[Window]
    ) -> tuple[Statement, tuple[Statement, ...]]:
        """The product with its kernel as matrices that lie in memory as they are multiplied."""
        taps = [w.tap for w in form.windows]
        outer = [w.tap for w in late]
        inner = [t for t in taps if t not in outer]
        rows, summed = (form.channels, form.filters)
        if not (form.statement.target == form.image):
            rows, summed = summed, rows
        axes = (*outer, *form.batch, *rows, *summed, *inner)
        if axes == form.kernel.index:
            return product, ()
        name = fresh(f"{form.kernel.tensor.name}_matrix", self.taken)
        matrix = Access(Tensor(name, tuple((a.extent,) for a in axes), parameter=True), *axes)
        value = product.value.xreplace({form.kernel: matrix})
        return replace(product, value=value), (Statement(axes, matrix, form.kernel),)

    def row(self, form: Trilinear, window: Window) -> Axis:
        """All entries of the image along the axis of a window."""
        name = f"{window.place.name}_row"
        return Axis(name, _extent(form, window))

    def moved(self, form: Trilinear, rows: dict[Window, Axis]) -> Access:
        """The image, with whole axes in the place of some windows."""
        index = list(form.image.index)
        for window, row in rows.items():
            index[_dimension(form, window)] = row
        return Access(form.image.tensor, *index)

    def relaid(
        self, form: Trilinear, product: Statement, late: Sequence[Window], rows: dict[Window, Axis]
    ) -> tuple[Statement, tuple[Statement, ...], tuple[Statement, ...], set[Tensor]]:
        """The product with its other factor, or its target, laid out as the patches are."""
        partner = form.image if self.way.output else form.output
        (access,) = {a for a in (product.target, *product.reads) if a.tensor == partner.tensor}
        own = form.channels if self.way.output else form.filters
        outer = tuple(rows[w] if self.way.output else w.place for w in late)
        ends = tuple(rows[w] if self.way.output else w.place for w in form.windows[len(late) :])
        axes = (*form.batch, *own, *outer, *form.images, *ends)
        if len(set(axes)) != partner.tensor.rank:
            return product, (), (), set()
        name = fresh(f"{partner.tensor.name}_rows", self.taken)
        room = Tensor(name, tuple((a.extent,) for a in axes), outside=0)
        places = {rows[w]: form.image.index[_dimension(form, w)] for w in late}
        plain = access.xreplace({v: k for k, v in places.items()}) if self.way.output else access
        there = Access(room, *axes)
        inside = Access(room, *(_swapped(a, places if self.way.output else {}) for a in axes))
        new = Statement(
            product.domain,
            inside if product.target == access else product.target,
            product.value.xreplace({access: inside}),
        )
        moved = Statement(axes, there, plain)
        if product.target == access:
            return new, (), (Statement(axes, plain, there),), {room}
        return new, (moved,), (), {room}

    # ---- a part at a time ----------------------------------------------------------------

    def tiled(self, group: Sequence[_Lifted]) -> Body:
        """The products that share their patches, for a part of the images at a time."""
        before = [adding(s) for one in group for s in one.ahead]
        behind = [adding(s) for one in group for s in one.behind]
        blocks: list[Compute] = []
        made: set[Statement] = set()
        local = set().union(*(one.local for one in group))
        for one in group:
            for copy in one.copies:
                if copy not in made:
                    made.add(copy)
                    blocks.append(adding(copy))
            blocks.append(Compute(one.product, "update", one.block.origins))
            blocks += map(adding, one.after)
        images = group[0].form.images
        if not images:
            return (*before, *blocks, *behind)
        axis = images[0]
        first, last = (Bound(name, axis.extent) for name in ("first", "last"))
        part = Axis(axis.name, last - first)
        short = {t: _of_part(t, axis, last - first, blocks) for t in local}

        def cut(block: Compute) -> Compute:
            rows = {
                a: a.xreplace({axis: first + part})
                for a in block.accesses
                if a.tensor not in local
            }
            new = block.statement.substitute(rows).substitute({**short, axis: part})
            return replace(block, statement=new)

        form = group[0].form
        rest = (*form.images[1:], *(w.place for w in form.windows))
        columns = _volume(rest)
        tile = Tile(
            axis, first, last, group[0].elements, tuple(map(cut, blocks)), columns=columns
        )
        return (*before, tile, *behind)


def _swapped(axis: Axis, places: dict[Axis, Expr]) -> Expr:
    return places.get(axis, axis)


def _domain(form: Trilinear, into: Access, source: Access) -> Axes:
    named = {*into.free_symbols, *source.free_symbols}
    return tuple(a for a in form.statement.domain if a in named)


def _of_part(tensor: Tensor, axis: Axis, length: Expr, blocks: Sequence[Compute]) -> Tensor:
    """A tensor with room for one part of the images."""
    access = next(a for b in blocks for a in b.accesses if a.tensor == tensor)
    dimension = access.index.index(axis)
    shape = tuple((length if d == dimension else e,) for d, e in enumerate(tensor.shape))
    return tensor.like(shape=shape)
