"""Every small slip in the mathematics of a generated module, one at a time.

A mutant is the module with one operator, sign, comparison, constant, slice bound, order of axes or
name changed, in one statement of a strategy or of a support function that strategies call.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
}
COMPARISONS: dict[type, type] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
EXTREMA = {"min": "max", "max": "min", "all": "any", "any": "all"}
# Which parts a batch or a loop is cut into is a matter of speed; verification has its own way.
PARTS = ("_parts",)
LEFT_ALONE = (*PARTS, "_prefers")
MATHEMATICS = ("_forward", "_backward")


def is_mathematics(name: str) -> bool:
    """Whether a function holds the equations themselves, forward or backward."""
    return name.startswith(MATHEMATICS)


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes
    ----------
    function : str
        Where it is.
    before, after : str
        The statement, without the statements inside it, as `ast.unparse` writes it.
    text : str
        The whole module.
    """

    function: str
    before: str
    after: str
    text: str

    def __str__(self) -> str:
        return f"{self.function}: {self.before}  ->  {self.after}"


def mutants(text: str, every: int = 1, only: Callable[[str], bool] = bool) -> Iterator[Mutant]:
    """Every mutant of a module, or one in `every` of them, in a fixed order.

    Parameters
    ----------
    text : str
        The module.
    every : int
        Distance in the list of all mutants.
    only : callable
        Which functions to change, by name.
    """
    module = ast.parse(text)
    lines = text.splitlines()
    for number, (function, statement, change) in enumerate(_all_changes(module, only), 1):
        if number % every == 0:
            before = _line(statement)
            undo = change()
            after = _line(statement)
            own = ast.unparse(ast.fix_missing_locations(function)).splitlines()
            undo()
            assert before == _line(statement)
            if before != after:
                changed = [*lines[: function.lineno - 1], *own, *lines[function.end_lineno :]]
                yield Mutant(function.name, before, after, "\n".join(changed))


def count(text: str, only: Callable[[str], bool] = bool) -> int:
    """How many mutants there are."""
    return sum(1 for _ in _all_changes(ast.parse(text), only))


def _all_changes(module: ast.Module, only: Callable[[str], bool]):
    for function in kernels(module):
        if only(function.name):
            kinds = _kinds(module, function)
            for statement in _statements(function):
                yield from ((function, statement, c) for c in _changes(statement, kinds))


def kernels(module: ast.Module) -> list[ast.FunctionDef]:
    """The strategies of a module, or where it has none forward and backward, and what they call."""
    defined = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    found = [name for name in defined if is_mathematics(name)]
    for name in found:
        called = {n.id for n in ast.walk(defined[name]) if isinstance(n, ast.Name)}
        found += [other for other in defined if other in called and other not in found]
    return [
        defined[name]
        for name in found
        if not name.endswith(LEFT_ALONE) and not name.startswith("_choose")
    ]


def _statements(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """All statements but the docstring, outer ones first."""

    def visit(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                yield node
            for part in ("body", "orelse"):
                yield from visit(getattr(node, part, []))

    return visit(function.body)


def _line(statement: ast.stmt) -> str:
    """The statement alone."""
    alone = copy.copy(statement)
    for part in ("body", "orelse"):
        if hasattr(alone, part):
            setattr(alone, part, [ast.Pass()] if part == "body" else [])
    return " ".join(ast.unparse(alone).removesuffix("pass").split())


Kinds = dict[str, list[str]]


def _kinds(module: ast.Module, function: ast.FunctionDef) -> Kinds:
    """For each local name, its kind: names of extents and settings, or of anything else."""
    fields = set()
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "_Sizes":
            fields = set(ast.literal_eval(node.value.args[1]).split())  # type: ignore[attr-defined]
    written = [
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    local = list(dict.fromkeys([a.arg for a in function.args.args] + written))
    local = [name for name in local if name not in ("sizes", "dtype", "wrt", "_")]
    kinds: Kinds = {}
    for group in (
        [name for name in local if name in fields],
        [name for name in local if name not in fields],
    ):
        kinds.update((name, group) for name in group)
    return kinds


Change = Callable[[], Callable[[], None]]


def _changes(statement: ast.stmt, kinds: Kinds) -> Iterator[Change]:
    """What can be changed in a statement, those inside it left out."""
    if isinstance(statement, ast.AugAssign):
        yield _replaced(statement, "op", ast.Sub() if _is(statement.op, ast.Add) else ast.Add())
        yield _assigned(statement)
    for node in _own(statement):
        yield from _changes_of(node, kinds)


def _own(statement: ast.stmt) -> list[ast.AST]:
    """The nodes of a statement that are in no statement inside it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        found.append(node)
        inner = [n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.stmt)]
        if _called(node) in PARTS:
            # What follows the length of the whole is what a part of it costs: a matter of speed.
            inner = inner[:2]
        waiting += inner[::-1]
    return found


def _changes_of(node: ast.AST, kinds: Kinds) -> Iterator[Change]:
    if isinstance(node, ast.BinOp):
        for other in OPERATORS.get(type(node.op), ()):
            yield _replaced(node, "op", other())
        if isinstance(node.op, ast.MatMult | ast.Sub | ast.Div | ast.FloorDiv):
            yield _both(_replaced(node, "left", node.right), _replaced(node, "right", node.left))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield _replaced(node, "op", ast.UAdd() if _is(node.op, ast.USub) else ast.Invert())
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            yield _entry(node.ops, i, COMPARISONS[type(operator)]())
    if isinstance(node, ast.BoolOp):
        yield _replaced(node, "op", ast.Or() if _is(node.op, ast.And) else ast.And())
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _replaced(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield _replaced(node, "value", node.value + 1)
        yield _replaced(node, "value", node.value - 1)
    if isinstance(node, ast.Slice):
        for part in ("lower", "upper"):
            bound = getattr(node, part)
            if bound is not None and not isinstance(bound, ast.Constant):
                yield _replaced(node, part, ast.BinOp(bound, ast.Add(), ast.Constant(1)))
    if isinstance(node, ast.Tuple):
        yield from _swaps(node.elts)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in EXTREMA:
            yield _replaced(node.func, "id", EXTREMA[node.func.id])
        elif _called(node) not in PARTS:
            yield from _swaps(node.args)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in kinds:
        group = kinds[node.id]
        yield _replaced(node, "id", group[(group.index(node.id) + 1) % len(group)])
    if isinstance(node, ast.Attribute) and node.attr in kinds and _is_sizes(node.value):
        group = kinds[node.attr]
        yield _replaced(node, "attr", group[(group.index(node.attr) + 1) % len(group)])


def _called(node: ast.AST) -> str:
    """Name of the function that a call calls; empty for anything else."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _is_sizes(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "sizes"


def _is(node: ast.AST, kind: type) -> bool:
    return isinstance(node, kind)


def _swaps(items: list[ast.expr]) -> Iterator[Change]:
    """Neighbours exchanged."""
    for i in range(len(items) - 1):
        if ast.dump(items[i]) != ast.dump(items[i + 1]):
            yield _both(_entry(items, i, items[i + 1]), _entry(items, i + 1, items[i]))


def _replaced(node: ast.AST, part: str, new) -> Change:
    old = getattr(node, part)

    def change():
        setattr(node, part, new)
        return lambda: setattr(node, part, old)

    return change


def _entry(items: list, position: int, new) -> Change:
    old = items[position]

    def change():
        items[position] = new
        return lambda: items.__setitem__(position, old)

    return change


def _both(one: Change, other: Change) -> Change:
    def change():
        undo_one, undo_other = one(), other()

        def undo():
            undo_one()
            undo_other()

        return undo

    return change


def _assigned(statement: ast.AugAssign) -> Change:
    """``x += y`` as ``x = y``: the class of the node is exchanged in place."""
    old = dict(vars(statement))

    def change():
        statement.__class__ = ast.Assign  # type: ignore[assignment]
        vars(statement).clear()
        vars(statement).update(
            {**old, "targets": [old["target"]], "value": old["value"], "type_comment": None}
        )

        def undo():
            statement.__class__ = ast.AugAssign
            vars(statement).clear()
            vars(statement).update(old)

        return undo

    return change
