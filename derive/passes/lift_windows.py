"""Pass: a product over windows becomes a copy of the windows and a product of matrices.

    y[n,k,p] += Σ_{c,u} w[k,c,u]·x[n, c, s·p + d·u − P]

becomes, for a part of all n at a time,

    patches[c,u,n,p] = x[n, c, s·p + d·u − P]                          (im2col)
    y[n,k,p] = Σ_{c,u} w[k,c,u]·patches[c,u,n,p]

Whichever of the three is the target, there are two ways, and both give the same. Either the windows
of the image are copied (where it is the target, they are computed and added back: col2im). Or what
has the positions p is written, tap by tap, to where its windows lie among zeros, which takes any
stride and no division:

    patches[k,u,n, s·p + d·u − P] = y_bar[n,k,p]
    x_bar[n,c,h] = Σ_{k,u} w[k,c,u]·patches[k,u,n,h]
    w_bar[k,c,u] = Σ_{n,h} x[n,c,h]·patches[k,u,n,h]

Of windows along several axes the first may stay ("slide"): then its taps move over rows of the
copy, which are matrices as they lie in memory, and the copy is smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy import And, Expr, Mul
from sympy.logic.boolalg import Boolean

from derive.calculus.affine import axes_in
from derive.calculus.statements import Statement, names_in
from derive.language.names import fresh
from derive.language.symbols import Access, Axis, Tensor
from derive.program.facts import part_of, with_extent
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
from derive.program.windows import Window, WindowedProduct, windowed_product

Axes = tuple[Axis, ...]
Moves = tuple[Statement, ...]

# The output is lifted while its patches (filters × entries of the image) hold at most PATCHES times
# what those of the image would hold (channels × positions), taps aside, and while the image has at
# most ENTRIES times as many entries as there are positions: the product runs over every entry of
# the image (measured).
PATCHES, ENTRIES = sympy.Integer(6), sympy.Rational(3, 2)


def lift_windows(module: Module) -> Module:
    """Lift the windows of every product, in both directions."""
    return replace(module, forward=_chosen(module.forward), backward=_chosen(module.backward))


@dataclass(frozen=True)
class Way:
    """Whether the output is lifted and not the image, and whether the first window slides."""

    output: bool
    slides: bool


def _chosen(program: Program) -> Program:
    """The program with its products lifted; in two ways if either may be the faster one."""
    names = frozenset(names_in(statements_of(program.body)))
    products: dict[Block, WindowedProduct] = {
        block: product
        for block in program.body
        if isinstance(block, Compute) and (product := windowed_product(block.statement, names))
    }
    found = products.values()
    if not found:
        return program
    turned = any(p.image == p.statement.target for p in found)
    plain = replace(program, body=_Lift(program.body, products, Way(False, False), names).body())
    slide = replace(program, body=_Lift(program.body, products, Way(turned, True), names).body())
    test = And(*(t for product in found for t in _slides_faster(product, turned)))
    if test == sympy.false or slide.body == plain.body:
        return plain
    if test == sympy.true:
        return slide
    return replace(program, body=(Choice(("slide", "columns"), test, slide.body, plain.body),))


def _slides_faster(product: WindowedProduct, output: bool) -> Iterable[Boolean]:
    """When it is faster that the first window slides."""
    for window in product.windows:
        yield sympy.Eq(window.step, 1)
    if output and product.image == product.statement.target:
        image, places = _volume(w.row for w in product.windows), _volume(product.positions)
        channels, filters = _volume(product.channels), _volume(product.filters)
        yield sympy.Le(filters * image, PATCHES * channels * places)
        yield sympy.Le(ENTRIES.q * image, ENTRIES.p * places)


def _volume(axes: Iterable[Axis]) -> Expr:
    return Mul(*(a.extent for a in axes))


# ---- one product ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Lifted:
    """What becomes of one product.

    Attributes
    ----------
    patches : Tensor
        The windows of the tensor that is lifted.
    ahead, before, after, behind : tuple of Statement
        What is moved ahead of all parts, before the product of one, after it, and in the end.
    product : Statement
        The product of matrices.
    parts : frozenset of Tensor
        What is made for one part of the images.
    """

    patches: Tensor
    ahead: Moves
    before: Moves
    product: Statement
    after: Moves
    behind: Moves
    parts: frozenset[Tensor]


class _Matrices:
    """Makes one product of matrices.

    Parameters
    ----------
    product : WindowedProduct
    way : Way
    name : str
        Of the patches.
    taken : set of str
        Names in use; new ones are added.
    """

    def __init__(self, product: WindowedProduct, way: Way, name: str, taken: set[str]) -> None:
        self.product, self.way, self.taken = product, way, taken
        several = way.slides and len(product.windows) > 1
        self.sliding = product.windows[:1] if several else ()
        self.lifted = product.windows[len(self.sliding) :]
        self.index = {w: product.image.index[w.dimension] for w in product.windows}
        self.source, self.partner = product.image, product.output
        self.channels, self.other_channels = product.channels, product.filters
        if way.output:
            self.source, self.partner = self.partner, self.source
            self.channels, self.other_channels = self.other_channels, self.channels
        self.patches = self.room(name, (*self.channels, *self.taps), self.rows(not way.output))

    @property
    def taps(self) -> Axes:
        return tuple(w.tap for w in self.lifted)

    def rows(self, image: bool) -> Axes:
        """The axes behind the channels: of the image's entries, or of positions."""
        sliding = tuple(w.row if image else w.position for w in self.sliding)
        # Patches of the image have positions, patches of the output have the image's entries.
        lifted = tuple(w.row if self.way.output else w.position for w in self.lifted)
        return (*sliding, *self.product.images, *lifted)

    def room(self, name: str, channels: Axes, rows: Axes) -> Access:
        """A new tensor, whole; beyond it, as beyond the image, there is 0."""
        return _whole(name, (*self.product.batch, *channels, *rows), outside=0)

    def image(self, whole: Sequence[Window]) -> Access:
        """The image, with whole axes in the place of some windows."""
        index = list(self.product.image.index)
        for window in whole:
            index[window.dimension] = window.row
        return Access(self.product.image.tensor, *index)

    def made(self) -> Lifted:
        """The product and all that is moved for it."""
        source, statement = self.source, self.product.statement
        if self.way.output:
            patch = self.patches.xreplace({w.row: self.index[w] for w in self.lifted})
            entry, values = source, {source: self.patches}
            values[self.product.image] = self.image(self.lifted)
        else:
            patch, entry = self.patches, self.image(self.sliding)
            values = {source: self.patches.xreplace({w.row: self.index[w] for w in self.sliding})}
        moving = axes_in((*patch.index, *entry.index))
        box = dict.fromkeys((*statement.domain, *self.patches.index))
        box = tuple(a for a in box if a in moving)
        product = _replaced(statement, values)
        before: Moves = (Statement(box, patch, entry),)  # type: ignore[arg-type]
        after: Moves = ()
        if statement.target == source:
            before, after = (), (Statement(box, entry, patch),)  # type: ignore[arg-type]
        parts = {self.patches.tensor}
        if self.sliding:
            product, laid, back, room = self.relaid(product)
            before, after = (*before, *laid), (*back, *after)
            parts.add(room)
        product, ahead, behind = self.with_matrix(product)
        return Lifted(self.patches.tensor, ahead, before, product, after, behind, frozenset(parts))

    def relaid(self, product: Statement) -> tuple[Statement, Moves, Moves, Tensor]:
        """The product with its other factor, or its target, laid out as the patches are."""
        name = fresh(f"{self.partner.tensor.name}_rows", self.taken)
        rows = self.room(name, self.other_channels, self.rows(self.way.output))
        entry, row = self.partner, rows
        if self.way.output:
            entry = self.image(self.product.windows)
            row = rows.xreplace({w.row: self.index[w] for w in self.sliding})
        tensor = self.partner.tensor
        (access,) = {a for a in (product.target, *product.reads) if a.tensor == tensor}
        box = tuple(rows.index)
        new = _replaced(product, {access: row})
        if product.target == access:
            return new, (), (Statement(box, entry, rows),), rows.tensor  # type: ignore[arg-type]
        return new, (Statement(box, rows, entry),), (), rows.tensor  # type: ignore[arg-type]

    def with_matrix(self, product: Statement) -> tuple[Statement, Moves, Moves]:
        """The product with its kernel as matrices that lie in memory as they are multiplied.

        A kernel that is read is laid out ahead, one that is the target is added up so.
        """
        kernel = self.product.kernel
        outer = tuple(w.tap for w in self.sliding)
        target = product.target == kernel
        if target or self.source == self.product.statement.target:
            channels = (*self.channels, *self.taps, *self.other_channels)
        else:
            channels = (*self.other_channels, *self.channels, *self.taps)
        axes = (*outer, *self.product.batch, *channels)
        if axes == kernel.index or not (self.sliding or self.way.output):
            return product, (), ()
        name = fresh(f"{kernel.tensor.name}_matrix", self.taken)
        matrix = _whole(name, axes, parameter=True)
        new = _replaced(product, {kernel: matrix})
        if target:
            return new, (), (Statement(axes, kernel, matrix),)
        return new, (Statement(axes, matrix, kernel),), ()


def _whole(name: str, axes: Axes, **properties: Any) -> Access:
    """A new tensor, each of its dimensions walked by an axis."""
    return Access(Tensor(name, tuple((a.extent,) for a in axes), **properties), *axes)


def _replaced(statement: Statement, values: dict[Access, Access]) -> Statement:
    """The statement with other entries, over the axes that these name."""
    target: Access = values.get(statement.target) or statement.target
    value = statement.value.xreplace(values)
    named = axes_in((*target.index, value))
    new = (a for access in values.values() for a in access.index if isinstance(a, Axis))
    box = dict.fromkeys((*statement.domain, *new))
    return replace(
        statement, domain=tuple(a for a in box if a in named), target=target, value=value
    )


# ---- all products --------------------------------------------------------------------------


class _Lift:
    """Lifts all products among some blocks in one way; new tensors have none of the `names`."""

    def __init__(
        self,
        blocks: Body,
        products: Mapping[Block, WindowedProduct],
        way: Way,
        names: frozenset[str],
    ) -> None:
        self.blocks, self.products, self.way = blocks, products, way
        self.taken = {*names}

    def body(self) -> Body:
        """The blocks, those that share their patches together."""
        body: list[Block] = []
        done: set[int] = set()
        for number, block in enumerate(self.blocks):
            product = self.products.get(block)
            if number in done:
                continue
            if product is None:
                body.append(block)
                continue
            left = (n for n in range(number + 1, len(self.blocks)) if n not in done)
            others = [n for n in left if self.shares(number, n)]
            done |= {*others}
            source = (product.output if self.way.output else product.image).tensor
            name = fresh(f"{source.name}_patches", self.taken)
            group = [self.products[self.blocks[n]] for n in (number, *others)]
            lifted = [_Matrices(one, self.way, name, self.taken).made() for one in group]
            body += _in_parts(lifted, product, self.taken)
        return tuple(body)

    def shares(self, number: int, other: int) -> bool:
        """Whether another product reads the same patches, and may run with this one."""
        one, two = (self.products.get(self.blocks[n]) for n in (number, other))
        if one is None or two is None:
            return False

        def key(product: WindowedProduct) -> tuple:
            source = product.output if self.way.output else product.image
            read = source != product.statement.target
            return read, source, product.windows, product.batch, product.images

        same = key(one) == key(two) and key(two)[0]
        return same and _independent(self.blocks[other], self.blocks[number:other])


def _independent(block: Block, earlier: Body) -> bool:
    """Whether a block may run before others."""
    mine, theirs = computes((block,)), computes(earlier)
    read = {a.tensor for b in mine for a in b.accesses}
    written = {b.target for b in mine}
    return not read & {b.target for b in theirs} and not any(
        a.tensor in written for b in theirs for a in b.accesses
    )


def _in_parts(group: Sequence[Lifted], product: WindowedProduct, names: Iterable[str]) -> Body:
    """Products that share their patches, for a part of the images at a time."""
    moved: set[tuple] = set()  # what is shared is copied once, in whatever order its box is walked
    blocks: list[Compute] = []
    for one in group:
        copies = {(s.target, s.value, frozenset(s.domain)): s for s in one.before}
        blocks += [adding(s) for copy, s in copies.items() if copy not in moved]
        moved |= copies.keys()
        blocks.append(adding(one.product))
        blocks += map(adding, one.after)
    ahead = [adding(s) for one in group for s in one.ahead]
    behind = [adding(s) for one in group for s in one.behind]
    if not product.images:
        return (*ahead, *blocks, *behind)
    axis = product.images[0]
    start, stop = part_of(axis, names)
    part = Axis(axis.name, stop - start)
    parts = frozenset[Tensor]().union(*(one.parts for one in group))
    found = (a for b in blocks for a in b.accesses if a.tensor in parts)
    short = {a.tensor: with_extent(a.tensor, a.index.index(axis), stop - start) for a in found}

    def cut(block: Compute) -> Compute:
        whole = {
            a: a.xreplace({axis: start + part}) for a in block.accesses if a.tensor not in parts
        }
        statement = block.statement.substitute(whole).substitute({**short, axis: part})
        return replace(block, statement=statement)

    patches = group[0].patches
    rest = (*product.images[1:], *product.positions)
    tile = Tile(
        axis,
        start,
        stop,
        sympy.cancel(Mul(*patches.shape) / axis.extent),
        tuple(map(cut, blocks)),
        columns=_volume(rest),
    )
    return (*ahead, tile, *behind)
