"""Pass: within a loop, results are written where they belong, and nothing is allocated.

    for t in range(T):                           buffer = np.empty((N, H), dtype)
        c[t + 1] = c[t] * f[t] + g[t] * i[t]     for t in range(T):
                                                     c_t = c[t + 1]
                                                     np.multiply(c[t], f[t], out=c_t)
                                becomes              np.multiply(g[t], i[t], out=buffer)
                                                     c_t += buffer

Of two operands that must both be computed the larger goes first, into the target itself (Sethi and
Ullman, "The generation of optimal code for arithmetic expressions", J. ACM 17, 1970). A matrix that
is the same in every round is laid out once, before the loop: BLAS is slower on transposed ones. A
row that is used more than once is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from derive.backends.numpy.functions import FUNCTIONS
from derive.backends.numpy.tree import (
    Assign,
    Attribute,
    Binary,
    Call,
    Comment,
    Do,
    For,
    Line,
    Literal,
    Name,
    Node,
    Product,
    Slice,
    Subscript,
    TupleOf,
    Unary,
    Update,
    names_in,
    numpy,
    parts_of,
    substituted,
)
from derive.language.names import fresh

UFUNCS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}
TOLD = {*FUNCTIONS.values()} - {"_stop"} | {"np.maximum", "np.minimum"}  # where to write
TOLD |= {"np.square", "np.sqrt", "_cut"}
WHOLE = Literal(...)
Offsets = tuple[int, ...]


def in_place(loop: For, arrays: Mapping[str, Offsets], taken: set[str]) -> list[Line]:
    """The loop, and before it what it needs.

    Parameters
    ----------
    loop : For
        Its lines say where results go and what shape these have (`Assign.shape`, `Product.shape`).
    arrays : mapping of str to tuple of int
        The names that are arrays, with the first index of each axis; all other names are numbers.
    taken : set of str
        Names that are in use; new ones are added.
    """
    return Destinations(loop, arrays, taken).lines()


class Destinations:
    """Rewrites one loop."""

    def __init__(self, loop: For, arrays: Mapping[str, Offsets], taken: set[str]) -> None:
        self.loop, self.arrays, self.taken = loop, arrays, taken
        self.varying = names_in(loop.variable) | _assigned(loop.body)
        self.written = {n for line in loop.body for n in _written(line)}
        self.before: list[Line] = []
        self.body: list[Line] = []
        self.matrices: dict[Node, Name] = {}
        self.idle: dict[tuple[Node, ...], list[tuple[Node, ...]]] = {}
        self.busy: list[tuple[tuple[Node, ...], tuple[Node, ...]]] = []

    def lines(self) -> list[Line]:
        for line in self.loop.body:
            self.rewrite(line)
        names, rows = self.rows()
        body = tuple(_renamed(line, names) for line in self.body)
        return [*self.before, For(self.loop.variable, self.loop.iterable, (*rows, *body))]

    def rewrite(self, line: Line) -> None:
        """Append what becomes of a line."""
        shape = line.shape if isinstance(line, Assign | Update) else None
        if shape is None or shape == TupleOf(()) or names_in(parts_of(shape)) & self.varying:
            self.body.append(line)  # an entry of no axes is a number, which cannot be written into
            return
        assert isinstance(line, Assign | Update)
        place = _place(line.target)
        room = place
        if isinstance(line, Update) or self.meets(place, line.value):
            room = None
        found = self.value(line.value, room, shape, place if isinstance(line, Assign) else None)
        if isinstance(line, Update):
            self.body.append(Update(place, found, line.operator))
        elif found != place:
            self.body.append(Assign(line.target, found))
        for key, buffer in self.busy:
            self.idle.setdefault(key, []).append(buffer)
        self.busy.clear()

    # ---- values --------------------------------------------------------------------------

    def value(self, node: Node, room: Node | None, shape: Node, out: Node | None = None) -> Node:
        """Append what computes `node`; returns where it is then.

        Parameters
        ----------
        node : Node
            What to compute.
        room : Node or None
            A place that may be overwritten meanwhile; None for a new buffer.
        shape : Node
            Of the result.
        out : Node or None
            Where the result is wanted, if that is not `room`.
        """
        if not self.is_operation(node):
            return node
        if isinstance(node, Product):
            left, right = self.matrix(node.left), self.matrix(node.right)
            if node.shape != shape or (out or room) is None:
                out = self.buffer((node.shape,))[0]
            out = out or room
            assert out is not None
            self.body.append(Do(numpy("matmul", left, right, out=out)))
            return out
        if (product := _reshaped(node)) is not None:
            assert isinstance(node, Call)
            matrix, split = self.buffer((product.shape, node.arguments[0]))
            self.value(product, None, product.shape, matrix)
            return split
        if room is None:
            (room,) = self.buffer((shape,))
        operands = list(_operands(node))
        order = sorted(range(len(operands)), key=lambda i: -self.weight(operands[i]))
        free: Node | None = room
        for i in order:
            operation = self.is_operation(operands[i])
            operands[i] = self.value(operands[i], free, shape)
            free = None if operation and operands[i] == free else free
        self.body.append(_applied(node, operands, out or room))
        return out or room

    def is_operation(self, node: Node) -> bool:
        """Whether a function of NumPy computes the node and can be told where to."""
        if not names_in(node) & self.arrays.keys():
            return False
        if isinstance(node, Product) or _reshaped(node) is not None:
            return True
        if isinstance(node, Binary):
            return node.operator in UFUNCS
        if isinstance(node, Unary):
            return node.operator == "-"
        return isinstance(node, Call) and not node.keywords and _function(node) in TOLD

    def weight(self, node: Node) -> int:
        """How many functions it takes."""
        if not self.is_operation(node):
            return 0
        return 1 + sum(self.weight(operand) for operand in _operands(node))

    def meets(self, place: Node, value: Node) -> bool:
        """Whether writing into `place` might change what `value` reads."""
        base, items = _entry(place)
        for part in _parts(value):
            if isinstance(part, Subscript) and _entry(part)[0] == base:
                if not any(map(_apart, items, part.items)):
                    return True
            elif part == base and not any(
                isinstance(p, Subscript) and p.value == base for p in _parts(value)
            ):
                return True
        return False

    # ---- what stands before the loop -----------------------------------------------------

    def buffer(self, shapes: tuple[Node, ...]) -> tuple[Node, ...]:
        """An array of the first shape, and views of it with the others."""
        idle = self.idle.setdefault(shapes, [])
        if not idle:
            found = [self.name("buffer")]
            self.before.append(Assign(found[0], numpy("empty", shapes[0], Name("dtype"))))
            for shape in shapes[1:]:
                found.append(self.name(f"{found[0].id}_split"))
                view = Call(Attribute(found[0], "reshape"), (shape,))
                self.before.append(Assign(found[-1], view))
            idle.append(tuple(found))
        chosen = idle.pop(0)
        self.busy.append((shapes, chosen))
        return chosen

    def matrix(self, node: Node) -> Node:
        """A factor of a product; if it is the same in every round, it is laid out before."""
        names = names_in(node)
        if isinstance(node, Name) or names & (self.varying | self.written):
            return node
        if node not in self.matrices:
            read = sorted(names & self.arrays.keys())
            self.matrices[node] = self.name("_".join([*read, "matrix"]))
            laid_out = numpy("ascontiguousarray", node)
            self.before.append(Assign(self.matrices[node], laid_out))
        return self.matrices[node]

    def rows(self) -> tuple[dict[Node, Name], list[Line]]:
        """Names for the rows that are used twice or updated, and the lines that give them."""
        counts: Counter[Subscript] = Counter()
        for line in self.body:
            if not isinstance(line, Assign | Update | Do):
                continue
            for part in _parts(line):
                if isinstance(part, Subscript) and self.is_row(part):
                    counts[part] += 1
            if isinstance(line, Update) and line.target in counts:
                counts[line.target] += 1  # type: ignore[index]
        names: dict[Node, Name] = {}
        for row, count in counts.items():
            if count > 1:
                assert isinstance(row.value, Name)
                words = _words(row.items, self.arrays[row.value.id])
                names[row] = self.name("_".join((row.value.id, *words)))
        return names, [Assign(name, row) for row, name in names.items()]

    def is_row(self, node: Subscript) -> bool:
        if not isinstance(node.value, Name) or node.value.id in self.varying:
            return False
        numbers = [item for item in node.items if not isinstance(item, Slice)]
        if len(numbers) >= len(self.arrays.get(node.value.id, ())):
            return False  # a number, which would not change with the array
        if not all(isinstance(i, Slice) or self.is_number(i) for i in node.items):
            return False  # a copy, as all that arrays of indices give
        used = names_in(node.items)
        return bool(used & names_in(self.loop.variable)) and not used & _assigned(self.loop.body)

    def is_number(self, item: Node) -> bool:
        """Whether an index is made of numbers alone."""
        plain = not any(isinstance(part, Call | Subscript) for part in _parts(item))
        return plain and not names_in(item) & self.arrays.keys()

    def name(self, wish: str) -> Name:
        """A name that nothing else has."""
        return Name(fresh(wish, self.taken))


def _applied(node: Node, operands: Sequence[Node], out: Node) -> Line:
    """The operation on what was computed, written to `out`."""
    if isinstance(node, Binary):
        left, right = operands
        if node.operator in "+*" and right == out:
            left, right = right, left
        if left == out:
            return Update(out, right, node.operator)
        return Do(numpy(UFUNCS[node.operator], left, right, out=out))
    if isinstance(node, Unary):
        return Do(numpy("negative", *operands, out=out))
    assert isinstance(node, Call)
    return Do(Call(node.function, tuple(operands), (("out", out),)))


def _operands(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Product) or _reshaped(node) is not None:
        return ()
    if isinstance(node, Binary):
        return node.left, node.right
    if isinstance(node, Unary):
        return (node.operand,)
    assert isinstance(node, Call)
    return node.arguments


def _function(node: Call) -> str:
    """``np.tanh`` or the name of a function of the module."""
    if isinstance(node.function, Name):
        return node.function.id
    if isinstance(node.function, Attribute) and node.function.value == Name("np"):
        return f"np.{node.function.name}"
    return ""


def _reshaped(node: Node) -> Product | None:
    """The product whose axes the node splits."""
    if not isinstance(node, Call) or not isinstance(node.function, Attribute):
        return None
    product = node.function.value
    return product if node.function.name == "reshape" and isinstance(product, Product) else None


def _place(target: Node) -> Node:
    """``x[...]`` is x itself, when it is told to be written into."""
    if isinstance(target, Subscript) and target.items == (WHOLE,):
        return target.value
    return target


def _entry(place: Node) -> tuple[Node, tuple[Node, ...]]:
    return (place.value, place.items) if isinstance(place, Subscript) else (place, ())


def _apart(one: Node, other: Node) -> bool:
    """Whether two indices differ, whatever the round: ``t`` and ``t + 1``, or 0 and 1."""
    left, right = _shifted(one), _shifted(other)
    return left is not None and right is not None and left[0] == right[0] and left[1] != right[1]


def _shifted(index: Node) -> tuple[Node | None, int] | None:
    if isinstance(index, Literal) and isinstance(index.value, int):
        return None, index.value
    if isinstance(index, Name):
        return index, 0
    if isinstance(index, Binary) and index.operator in ("+", "-"):
        number = index.right
        if isinstance(number, Literal) and isinstance(number.value, int):
            return index.left, number.value if index.operator == "+" else -number.value
    return None


def _parts(tree: object) -> Iterable[Node]:
    """Every node of a tree."""
    if isinstance(tree, Node):
        yield tree
    for part in parts_of(tree):
        yield from _parts(part)


def _assigned(lines: Iterable[Line]) -> set[str]:
    """Names that lines bind anew."""
    found: set[str] = set()
    for line in lines:
        if isinstance(line, Assign) and isinstance(line.target, Name | TupleOf):
            found |= names_in(line.target)
        if isinstance(line, For):
            found |= names_in(line.variable)
        for part in vars(line).values():
            if isinstance(part, tuple):
                found |= _assigned(p for p in part if isinstance(p, Line))
    return found


def _written(line: Line) -> set[str]:
    """Names of arrays that a line writes into, or binds."""
    if isinstance(line, Assign | Update):
        base = line.target.value if isinstance(line.target, Subscript) else line.target
        return names_in(base)
    inner = (p for part in vars(line).values() if isinstance(part, tuple) for p in part)
    return {n for p in inner if isinstance(p, Line) for n in _written(p)}


def _renamed(line: Line, names: dict[Node, Name]) -> Line:
    """The line with rows called by their names; what is assigned to is still a place."""
    if isinstance(line, Comment):
        return line
    if isinstance(line, Assign) and line.target in names:
        target = Subscript(names[line.target], (WHOLE,))
        return Assign(target, substituted(line.value, names), line.shape)
    inner = {
        word: tuple(_renamed(p, names) for p in part)
        for word, part in vars(line).items()
        if isinstance(part, tuple)
    }
    return substituted(replace(line, **inner), names)


def _words(items: Iterable[Node], offsets: Offsets) -> list[str]:
    """Indices as parts of a name: ``[t + 1, :, 0]`` is ``t_plus_1_0``, or ``t_0`` where row 1 is
    that of index 0."""
    found = []
    for item, offset in zip(items, offsets, strict=False):
        place = _shifted(item)
        if place is not None:
            name = place[0].id if isinstance(place[0], Name) else ""
            found.append(index_word(name, place[1] + offset))
        elif not (isinstance(item, Slice) and item == Slice()):
            found.append("part")
    return found


def index_word(name: str, shift: int) -> str:
    """An index as part of a name: ``t - 1`` is ``t_minus_1``."""
    if not name:
        return f"minus_{-shift}" if shift < 0 else str(shift)
    return f"{name}_{'minus' if shift < 0 else 'plus'}_{abs(shift)}" if shift else name
