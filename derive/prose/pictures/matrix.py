"""A window as a matrix from source to target, beside its transpose: why the weights turn round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sympy import Expr

from derive.calculus.instance import Place
from derive.calculus.step import Phrase
from derive.prose.pictures.grammar import Bracket, Cell, Item, Note, Picture
from derive.prose.pictures.letters import Letters
from derive.prose.pictures.page import Page
from derive.prose.pictures.planes import Drawn
from derive.prose.pictures.relation import counting
from derive.prose.pictures.windows import busiest

MOST_ROWS = 9  # of a matrix that can be read
_WIDE = 12
_HEAD = 0.9  # of a row, and of a column: which entry it belongs to


def matrix_picture(one: Drawn) -> Picture | None:
    """The matrix C of ``target = C source`` and that of ``source_bar = C' target_bar``.

    None where entries are no sums of weighted entries, or where the matrix is too large.
    """
    rows = [p for p in one.target.places() if one.target.is_inner(p)]
    columns = [p for p in one.source.places() if one.source.is_inner(p)]
    weights = {(k.target, k.source): k.weight for k in one.inner if k.weight is not None}
    if len(weights) < len(one.inner) or max(len(rows), len(columns)) > MOST_ROWS:
        return None
    source, target = one.window.source.tensor, one.window.target.tensor
    counts = counting(one.window)
    letters = Letters((source, target, *counts))
    entry = letters.entry

    def held(row: Place, column: Place) -> Cell:
        weight = weights.get((row, column))
        if weight is None:
            return Cell(0, 0, "zero")
        return Cell(0, 0, "weight", (letters.put(weight, counts),), shade=one.shades[weight])

    wide, high = len(columns) + _HEAD, len(rows) + _HEAD
    beside = wide + 1 + high <= _WIDE
    page = Page(wide + 1 + high if beside else max(wide, high))
    page.say((entry(target, ()), " = C ", entry(source, ()), ", entry below entry"))
    top = page.y
    page.add(_matrix([(entry(target, p),) for p in rows], [(entry(source, p),) for p in columns],
                     [[held(r, c) for c in columns] for r in rows], 0, top))  # fmt: skip
    words: Phrase = (entry(source, (), True), " = Cᵀ ", entry(target, (), True))
    if beside:
        page.add([Note(wide + 1, 0.275, words, "start")])
    else:
        page.y = top + high + 0.4
        page.say(words)
    left, y = (wide + 1, top) if beside else (0, page.y)
    page.add(_matrix([(entry(source, p, True),) for p in columns],
                     [(entry(target, p, True),) for p in rows],
                     [[held(r, c) for r in rows] for c in columns], left, y))  # fmt: skip
    page.y = max(top + high, y + wide) + 0.2
    page.say(_turned(one, letters))
    page.say(letters.legend())
    return page.picture(
        "matrix",
        (entry(target, ()), " as a matrix C times ", entry(source, ())),
        (
            "The matrix C, a row for each entry of ", entry(target, ()), ", and its transpose, a "
            "row for each entry of ", entry(source, ()), ". Equal weights have equal colours; what "
            "is left blank is 0. In C:", *_read_out(one, letters),
        ),
    )  # fmt: skip


def _matrix(
    rows: Sequence[Phrase], columns: Sequence[Phrase], cells: Sequence[Sequence[Cell]],
    x: float, y: float,
) -> Iterator[Item]:  # fmt: skip
    for number, label in enumerate(columns):
        yield Note(x + _HEAD + number + 0.5, y + _HEAD / 2, label)
    for row, (label, line) in enumerate(zip(rows, cells, strict=True)):
        yield Note(x + _HEAD / 2, y + _HEAD + row + 0.5, label)
        for column, cell in enumerate(line):
            look = "none" if cell.role == "zero" else "solid"
            place = x + _HEAD + column, y + _HEAD + row
            yield Cell(*place, cell.role, cell.label, look, shade=cell.shade)
    yield Bracket(x + _HEAD, y + _HEAD, len(columns), len(rows))


def _read_out(one: Drawn, letters: Letters) -> Iterator[Expr | str]:
    """The rows of C, each with its weights and whose weights they are."""
    counts, entry = counting(one.window), letters.entry
    rows = sorted({k.target for k in one.inner})
    for row in rows:
        yield from ("; " if row != rows[0] else " ", "in row ",
                    entry(one.window.target.tensor, row))  # fmt: skip
        for link in sorted(one.inner, key=lambda k: k.source):
            if link.target == row:
                weight = letters.put(link.weight, counts)  # type: ignore[arg-type]
                yield from (", ", weight, " for ", entry(one.window.source.tensor, link.source))


def _turned(one: Drawn, letters: Letters) -> Phrase:
    """That the weights of a row come in the other order in the transpose, if they do."""
    counts = counting(one.window)
    row = busiest([k.target for k in one.inner], one.target)
    column = busiest([k.source for k in one.inner], one.source)
    across = [k.weight for k in sorted(one.inner, key=lambda k: k.source) if k.target == row]
    down = [k.weight for k in sorted(one.inner, key=lambda k: k.target) if k.source == column]
    if len(set(across)) < 2 or across != down[::-1]:
        return ()

    def listed(weights: Sequence[Expr | None]) -> list:
        parts: list = []
        for weight in weights:
            parts += [" "] * bool(parts) + [letters.put(weight, counts)]  # type: ignore[arg-type]
        return parts

    return (
        "Rows of C read ", *listed(across), ", rows of Cᵀ ", *listed(down),
        ": the weights turn round.",
    )  # fmt: skip
