"""Pass: statements of one form become one statement, what they differ in being stacked.

    a[t] += U @ h[t-1]                       w[0] = U;  w[1] = V
    b[t] += V @ h[t-1]         becomes       s[t,z] += w[z] @ h[t-1]            one product
    i[t] = f(a[t]);  j[t] = f(b[t])          g[t,z] = f(s[t,z])                 one call

Backwards, products that add to one target become a sum over the stack as well:

    h_bar[t-1] += a_bar[t] @ U               h_bar[t-1] += s_bar[t,z] @ w[z]
    h_bar[t-1] += b_bar[t] @ V

This is done after the adjoint was taken, so that the derivation is that of the equations as they
are written, and only for what runs in a loop: elsewhere there is nothing to gain. Inputs are copied
to their stack before the loop, and their cotangents are handed back as slices.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

from sympy import Expr, Integer, Symbol

from derive.calculus.affine import affine
from derive.calculus.statements import Statement, names_in
from derive.errors import DefinitionError
from derive.language.names import fresh
from derive.language.order import Order
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis, Tensor, entries_in
from derive.program.dependences import in_order
from derive.program.grammar import Compute, Loop, Module, adding, computes, statements_of

Statements = tuple[Statement, ...]
Computes = tuple[Compute, ...]
SHIFT = Symbol("shift", integer=True)
MOST = 6  # constant indices in one statement, beyond which merging is not tried


@dataclass(frozen=True)
class Family:
    """Tensors to be stacked, in this order; inputs are copied."""

    tensors: tuple[Tensor, ...]
    stack: Tensor
    position: int


def stack(module: Module) -> Module:
    """Stack and merge in both directions."""
    outer = {*module.forward.outputs, *module.backward.outputs}
    inputs = {*module.forward.inputs}
    bodies = (computes(module.forward.body), computes(module.backward.body))
    return module.with_bodies(*with_stacks(*bodies, inputs, outer, module.cotangents, module.order))


def with_stacks(
    forward: Computes,
    backward: Computes,
    inputs: set[Tensor],
    outputs: set[Tensor],
    bars: Mapping[Tensor, Tensor],
    order: Order,
) -> tuple[Computes, Computes]:
    """Stack and merge what has one form, in both directions.

    Parameters
    ----------
    forward, backward : tuple of Compute
        Statements of the system and of its adjoint.
    inputs, outputs : set of Tensor
        Tensors that enter forward, and tensors that are never stacked.
    bars : mapping
        From a tensor to its cotangent; they are stacked together.
    order : Order
        Is told of the stacks.
    """
    refused: set[tuple[Tensor, ...]] = set()
    while families := _families(forward, inputs, outputs, refused, _names(forward, backward)):
        taken = _names(forward, backward) | {family.stack.name for family in families}
        new = (
            _stacked(forward, families, inputs, {}, order, taken),
            _stacked(backward, families, inputs, bars, order, taken),
        )
        one, two = _merged(new[0]), _merged(new[1])
        if _no_worse(one, forward) and _no_worse(two, backward):
            forward, backward = one, two
        # Once is enough; or something would have to be known before it is computed.
        refused |= {family.tensors for family in families}
    while families := _families(backward, set(), outputs, refused, _names(backward)):
        two = _merged(_stacked(backward, families, set(), {}, order))
        if _no_worse(two, backward):
            backward = two
        refused |= {family.tensors for family in families}
    return forward, backward


def _names(*directions: Computes) -> set[str]:
    """The names in one direction, or in both: what forward makes, backward may read."""
    return {name for blocks in directions for name in names_in(statements_of(blocks))}


def _no_worse(blocks: Computes, before: Computes) -> bool:
    """Whether there is an order, and nothing more is in loops."""
    now, once = _rounds(blocks), _rounds(before)
    return now is not None and now <= (once or 0)


def _rounds(blocks: Computes) -> int | None:
    """How many statements run in loops; None if there is no order."""
    try:
        loops = [b for b in in_order(blocks, "") if isinstance(b, Loop)]
        return sum(len(statements_of(loop.body)) for loop in loops)
    except DefinitionError:
        return None


# ---- which tensors are stacked -------------------------------------------------------------


def _families(
    blocks: Computes, inputs: set[Tensor], outputs: set[Tensor], refused, taken: set[str]
) -> list[Family]:
    """The tensors in which some statements of one form differ; products come first."""
    statements = statements_of(blocks)
    loops = [b for b in in_order(blocks, "") if isinstance(b, Loop)]
    looped = {s for loop in loops for s in statements_of(loop.body)}
    made = {s.target.tensor for s in statements}
    groups: dict[tuple, list[Statement]] = {}
    for statement in statements:
        stacked = any(i.is_Integer for _, i in _constants(statement.target))
        if (statement in looped or stacked) and not statement.where and statement.op == "add":
            groups.setdefault(_form(statement), []).append(statement)
    for group in sorted(groups.values(), key=lambda g: _is_sum(g[0]), reverse=True):
        group.sort(key=lambda s: (_order(s), _use(s, statements)))
        for run in (run for part in _alike(group) for run in _neighbours(part)):
            found = _differences(run)
            names = tuple(t for f in found or () for t in f)
            if not found or set(names) & outputs or any(f in refused for f in found):
                continue
            if len(set(names)) == len(names) and set(names) <= made | inputs:
                return [_family(f, inputs, taken) for f in found]
    return []


def _is_sum(statement: Statement) -> bool:
    written = {a for i in statement.target.index for a in affine(i).iterators}
    return any(a not in written for a in statement.domain)


def _form(statement: Statement) -> tuple:
    """What siblings have in common: all but tensors and constant indices."""
    tensors: dict[tuple, Tensor] = {}

    def nameless(access: Access) -> Access:
        if _constants(access):  # siblings are in one stack already
            return Access(access.tensor, *(SHIFT if i.is_Integer else i for i in access.index))
        kind = access.tensor.carried
        blank = tensors.setdefault(kind, Tensor(f"form{hash(kind)}", ((Integer(1),),)))
        return Access(blank, *access.index)

    reads = {read: nameless(read) for read in statement.reads}
    if len(set(reads.values())) < len(reads):  # which of them is which could not be told
        return (statement,)
    return statement.domain, nameless(statement.target), statement.value.xreplace(reads)


def _constants(access: Access) -> list[tuple[int, Expr]]:
    """Positions and values of constant indices along axes of known length: places in a stack."""
    pairs = enumerate(zip(access.index, access.tensor.shape, strict=True))
    return [(d, i) for d, (i, size) in pairs if i.is_Integer and size.is_Integer]


@lru_cache(maxsize=4096)
def _places(statement: Statement) -> tuple[Access, ...]:
    """The target, and the reads in an order that siblings share."""

    def key(read: Access) -> tuple:
        alike = str([i for i in read.index if not i.is_Integer]), str(read.tensor.carried)
        return (*alike, read.tensor.name if _constants(read) else "")

    return (statement.target, *sorted(statement.reads, key=key))


def _order(statement: Statement) -> list[int]:
    return [int(i) for access in _places(statement) for _, i in _constants(access)]  # type: ignore


def _use(statement: Statement, statements: Statements) -> list[str]:
    """The functions that are applied to the target: their arguments had better be neighbours."""
    target = statement.target.tensor
    return sorted({name for s in statements for name, tensor in _applied(s) if tensor == target})


@lru_cache(maxsize=4096)
def _applied(statement: Statement) -> frozenset[tuple[str, Tensor]]:
    """The functions in a statement, with the tensors they are applied to."""
    return frozenset(
        (node.func.__name__, read.tensor)
        for node in statement.value.atoms(*SCALARS)
        for read in entries_in(node)
    )


def _neighbours(group: Sequence[Statement]) -> Iterable[list[Statement]]:
    """Runs whose constant indices rise by one, or stay, together."""
    run: list[Statement] = []
    for statement in group:
        steps = (
            [b - a for a, b in zip(_order(run[-1]), _order(statement), strict=True)] if run else []
        )
        if any(step not in (0, 1) for step in steps):
            yield run
            run = []
        run.append(statement)
    yield run


def _alike(group: Sequence[Statement]) -> Iterable[list[Statement]]:
    """Parts of siblings in which each place has one tensor, or as many as there are statements."""
    for accesses in zip(*map(_places, group), strict=True):
        tensors = [a.tensor for a in accesses]
        distinct = list(dict.fromkeys(tensors))
        if 1 < len(distinct) < len(tensors):
            for tensor in distinct:
                yield from _alike([s for s, t in zip(group, tensors, strict=True) if t == tensor])
            return
    yield list(group)


def _differences(run: Sequence[Statement]) -> list[tuple[Tensor, ...]] | None:
    """The tensors that stand in one place of siblings, where these differ; None if not all do."""
    found = []
    for accesses in zip(*map(_places, run), strict=True):
        tensors = tuple(a.tensor for a in accesses)
        if len(set(tensors)) == 1:
            continue
        if len(set(tensors)) < len(tensors) or any(_constants(a) for a in accesses):
            return None
        found.append(tensors)
    return found


def _family(tensors: tuple[Tensor, ...], inputs: set[Tensor], taken: set[str]) -> Family:
    position = 0 if tensors[0] in inputs else max(tensors[0].rank - 1, 0)
    name = fresh(f"stacked_{_common([t.name for t in tensors])}", taken)
    return Family(tensors, _stack(tensors, position, name), position)


def _stack(tensors: tuple[Tensor, ...], position: int, name: str) -> Tensor:
    first = tensors[0]
    shape = [(e,) for e in first.shape]
    offset = list(first.offset)
    shape.insert(position, (Integer(len(tensors)),))
    offset.insert(position, 0)
    return first.like(name=name, shape=tuple(shape), offset=tuple(offset), optional=False)


def _common(names: Sequence[str]) -> str:
    """The words at the beginning or at the end that names share, or else the first name."""
    words = [name.split("_") for name in names]
    shared = []
    for column in zip(*words, strict=False):
        letters = {word.rstrip("0123456789") for word in column}
        if len(letters) > 1 or (len(set(column)) > 1 and len(min(letters)) == 1):
            break  # factor and factor2 are of one word, l0 and l1 are not
        shared.append(min(letters) if len(set(column)) > 1 else column[0])
    if not shared:
        for column in zip(*(reversed(w) for w in words), strict=False):
            if len(set(column)) > 1:
                break
            shared.insert(0, column[0])
    return "_".join(shared) or names[0]


# ---- stacking ------------------------------------------------------------------------------


def _stacked(
    blocks: Sequence[Compute],
    families: Sequence[Family],
    inputs: set[Tensor],
    bars: Mapping[Tensor, Tensor],
    order: Order,
    taken: Collection[str] = (),
) -> Computes:
    """Statements that read and write stacks; what enters or leaves is copied to or from them.

    With `bars`, the cotangents of the families are stacked as well, by names that are not `taken`.
    """
    places: dict[Tensor, tuple[Tensor, int, int]] = {}
    copies: list[Statement] = []
    written = {t.statement.target.tensor for t in blocks}
    taken = {*taken}
    for family in families:
        for number, tensor in enumerate(family.tensors):
            places[tensor] = family.stack, family.position, number
            if tensor in inputs and not bars:
                copies.append(_copied(blocks, tensor, places[tensor], inwards=True))
        duals = tuple(bars.get(t) for t in family.tensors)
        if not all(d is not None and d in written for d in duals):
            continue
        stack = _stack(duals, family.position, fresh(f"{family.stack.name}_bar", taken))
        for number, (tensor, dual) in enumerate(zip(family.tensors, duals, strict=True)):
            places[dual] = stack, family.position, number
            if tensor in inputs:
                copies.append(_copied(blocks, dual, places[dual], inwards=False))
    result = [adding(_in_stack(t.statement, places, order), t.origins) for t in blocks]
    return (*map(adding, copies), *result)


def _copied(blocks: Sequence[Compute], tensor: Tensor, place, *, inwards: bool) -> Statement:
    """``stack[0, j, k] = w[j, k]``, or back."""
    stack, position, number = place
    seen = [a for t in blocks for a in (t.statement.target, *t.statement.entries)]
    bare = [a for a in seen if a.tensor == tensor and all(affine(i).bare for i in a.index)]
    axes = tuple(
        Axis(str(bare[0].index[d]) if bare else f"i{d}", extent)
        for d, extent in enumerate(tensor.shape)
    )
    alone = Access(tensor, *axes)
    inside = Access(stack, *axes[:position], Integer(number), *axes[position:])
    return Statement(axes, inside, alone) if inwards else Statement(axes, alone, inside)


def _in_stack(statement: Statement, places, order: Order) -> Statement:
    found = {
        a: _moved(a, *places[a.tensor])
        for a in (statement.target, *statement.entries)
        if a.tensor in places
    }
    order.put(statement.value, found)
    return statement.substitute(found) if found else statement


def _moved(access: Access, stack: Tensor, position: int, number: int) -> Access:
    index = (*access.index[:position], Integer(number), *access.index[position:])
    return Access(stack, *index)


# ---- merging -------------------------------------------------------------------------------


def _merged(blocks: Sequence[Compute]) -> Computes:
    """Statements that differ in neighbouring places of stacks only become one."""
    blocks = tuple(blocks)
    while (step := _one_merged(blocks)) is not None:
        blocks = step
    return blocks


def _one_merged(blocks: Computes) -> Computes | None:
    groups: dict[Statement, list[tuple[int, Compute]]] = {}
    for one in blocks:
        for form, base in _forms(one.statement):
            groups.setdefault(form, []).append((base, one))
    best: list[tuple[int, Compute]] = []
    for members in groups.values():
        members.sort(key=lambda m: m[0])
        rising = [b for b, _ in members] == list(range(members[0][0], members[0][0] + len(members)))
        if rising and len(members) > max(len(best), 1):
            best = members
    if not best:
        return None
    form = next(f for f, members in groups.items() if members is best or members == best)
    names = names_in(statements_of(blocks))
    axis = Axis(fresh("stack", names), len(best))
    merged = _over(form, axis, best[0][0])
    originals = tuple(o for _, one in best for o in one.origins)
    gone = [one for _, one in best]
    place = min(blocks.index(one) for one in gone)
    rest = [None if one in gone else one for one in blocks]
    rest[place] = adding(merged, originals)
    return tuple(one for one in rest if one is not None)


@lru_cache(maxsize=4096)
def _forms(statement: Statement) -> tuple[tuple[Statement, int], ...]:
    return tuple(_relative(statement))


def _relative(statement: Statement) -> Iterable[tuple[Statement, int]]:
    """The statement with some constant indices relative to one of them, and the value of that.

    The target is among those that move, unless the statement is a sum, which may go on.
    """
    spots = [
        (access, d, int(i))  # type: ignore[arg-type]
        for access in dict.fromkeys(_places(statement))
        for d, i in _constants(access)
    ]
    if statement.where or len(spots) > MOST:
        return
    for count in range(1, len(spots) + 1):
        for chosen in combinations(spots, count):
            moves = any(access == statement.target for access, _, _ in chosen)
            if not moves and not _is_sum(statement):
                continue
            base = chosen[0][2]
            values: dict[Access, Access] = {}
            for access, d, number in chosen:
                index = list(values.get(access, access).index)
                index[d] = SHIFT + (number - base)
                values[access] = Access(access.tensor, *index)
            yield statement.substitute(values), base


def _over(form: Statement, axis: Axis, first: int) -> Statement:
    """The statement for all places at once."""
    index = axis + first
    target = form.target
    moved = [d for d, i in enumerate(target.index) if i.has(SHIFT)]
    after = target.index[moved[0] + 1 :] if moved else ()
    following = [a for i in after for a in affine(i).iterators]
    written = {a for i in target.index for a in affine(i).iterators}
    summed = [a for a in form.domain if a not in written]
    neighbour = (following or summed or [None])[0]
    where = form.domain.index(neighbour) if neighbour in form.domain else len(form.domain)
    result = form.substitute({SHIFT: index})
    return replace(result, domain=(*form.domain[:where], axis, *form.domain[where:]))
