"""From equations to a system: split sums into statements, name what stands inside a function.

    y = tanh(b + Sum(w*x))     becomes     a += b;   a += w*x;   y += tanh(a)

so the textbook's pre-activation appears by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import chain, count

import sympy
from sympy import Add, Expr, Idx, Integer, Max, Min, Mod, Mul, Piecewise, Pow, Sum, Symbol
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean, BooleanAtom, Or

from derive.calculus.affine import NotAffine, affine, axes_in
from derive.calculus.bounds import excluded, nonnegative
from derive.calculus.conditions import joined
from derive.calculus.selection import attains
from derive.calculus.statements import Guard, Statement, System, accesses, distinct
from derive.errors import DefinitionError
from derive.language.maximum import ArgMaximum, Maximum
from derive.language.names import fresh
from derive.language.numbers import decimals, understood
from derive.language.operation import Equation, Operation
from derive.language.order import Order
from derive.language.scalars import SCALARS, with_numbers
from derive.language.symbols import Access, Axis, Tensor, entries_in

_DECIDED = """
SymPy decides an Eq by itself where its right side is nan or infinite (x*nan, x + oo): neither is a
value of an equation. It does so, too, where both sides are the same."""
_TEMPORARY_NAMES = ("a", "z", "s", "r", "m", "g")


@lru_cache(maxsize=64)  # asked by every stage
def equations_of(operation: Operation) -> tuple[Equation, ...]:
    """The operation's equations in one form, with SymPy's ``Idx`` turned into axes.

    Raises
    ------
    DefinitionError
        If one is neither a SymPy ``Eq`` with an access on its left nor an `accumulate`.
    """
    found = []
    for number, given in enumerate(operation.equations, 1):
        if isinstance(given, sympy.Eq) and isinstance(given.lhs, Access):
            given = Equation(given.lhs, given.rhs)
        if not isinstance(given, Equation) or not isinstance(given.left, Access):
            raise DefinitionError(
                operation.name,
                f"equation {number} is {given}, which does not define an entry of a tensor",
                remedy="Write Eq(y[i], ...) or accumulate(y[i], ...), y made by tensor(...); "
                "y[()] if y has no axes."
                + (_DECIDED if isinstance(given, bool | BooleanAtom) else ""),
            )
        order = operation.order
        right = order.put(understood(given.right), decimals(given.right))
        if not isinstance(right, Expr):
            raise DefinitionError(
                operation.name, f"equation {number} gives {given.left} the value {right}, no number"
            )
        given = Equation(given.left, with_numbers(joined(right)), given.scatter)
        summed = {limit[0] for s in given.right.atoms(Sum, Maximum) for limit in s.limits}
        ranges = {
            i: Axis(str(i.label), i.upper - i.lower + 1) + i.lower
            for side in (given.left, given.right)
            for i in side.atoms(Idx)
            if i.lower is not None and not isinstance(i, Axis) and i not in summed
        }
        found.append(
            Equation(
                given.left.xreplace(ranges),
                operation.order.put(given.right, ranges),
                given.scatter,
            )
        )
    return tuple(found)


def equation_with(part: Expr, operation: Operation, statement: Statement) -> Equation | Statement:
    """The equation in which something stands, as its author wrote it; else what became of it."""
    return next((e for e in equations_of(operation) if e.right.has(part)), statement)


def to_system(operation: Operation) -> System:
    """Split the operation's equations into statements over boxes of indices."""
    system = _statements_of(operation)
    return replace(system, order=system.order.copy())  # which passes write into


@cache
def _statements_of(operation: Operation) -> System:
    return outputs_apart(lifted(operation))


def lifted(operation: Operation) -> System:
    """The statements, where outputs may still be read by others: all names are the author's."""
    equations = equations_of(operation)
    tensors = {e.left.tensor for e in equations} | set(operation.inputs)
    named = (*tensors, *operation.axes, *operation.sizes)
    names = {thing.name for thing in named} | _names(equations)
    names |= {s.name for option in operation.options for s in option.settings}
    several = {e.left.tensor for e in equations if e.scatter or not isinstance(e.right, Maximum)}
    lift = _Lift(operation.name, names, several, operation.order.copy())
    for equation in equations:
        lift.equation(equation)
    written = {s.target.tensor for s in lift.statements}
    for tensor, target in lift.defined.items():  # 0 throughout, it has to be made all the same
        if tensor not in written:
            domain = _ordered(target, axes_in(target.index))
            lift.statements.append(Statement(domain, target, Integer(0)))
    statements = distinct(lift.statements)
    return System(operation.inputs, operation.outputs, statements, lift.order)


def outputs_apart(system: System) -> System:
    """Give an output that statements read a tensor of its own to be read from.

    So the cotangent that a caller hands over and the one that accumulates are two tensors:

        y += x**2;  z += 3*y      becomes      y_value += x**2;  y += y_value;  z += 3*y_value
    """
    read = {access.tensor for s in system.statements if s.op != "first" for access in s.reads}
    taken = {t.name for t in system.tensors}
    statements = list(system.statements)
    for output in system.outputs:
        if output not in read:
            continue
        name = fresh(f"{output.name}_value", taken)
        inner = output.like(name=name)
        axes = _whole_box(output, statements) or tuple(
            Axis(_axis_name(number, taken), extent) for number, extent in enumerate(output.shape)
        )
        places = tuple(a + o for a, o in zip(axes, output.offset, strict=True))
        for statement in statements:
            system.order.put(statement.value, {output: inner})
        statements = [s.substitute({output: inner}) for s in statements]
        statements.append(Statement(axes, Access(output, *places), Access(inner, *places)))
    return replace(system, statements=tuple(statements))


def _whole_box(tensor: Tensor, statements: Iterable[Statement]) -> tuple[Axis, ...]:
    """The author's indices of all entries of a tensor, if a statement writes them by name."""
    for target in (s.target for s in statements if s.target.tensor == tensor):
        plain = [isinstance(i, Axis) and i.extent == extent
                 for i, extent in zip(target.index, tensor.shape, strict=True)]  # fmt: skip
        if all(plain) and len({*target.index}) == len(target.index):
            return target.index  # type: ignore[return-value]
    return ()


def _axis_name(number: int, taken: set[str]) -> str:
    return next(n for n in (f"i{number}", f"j{number}", f"index{number}") if n not in taken)


def _names(equations: tuple[Equation, ...]) -> set[str]:
    return {s.name for e in equations for side in (e.left, e.right) for s in side.atoms(Symbol)}


@dataclass
class _Lift:
    name: str
    taken: set[str]
    added: set[Tensor]  # what has terms that are added up; all else has maxima alone
    order: Order
    statements: list[Statement] = field(default_factory=list)
    defined: dict[Tensor, Access] = field(default_factory=dict)
    maxima: dict[Expr, Access] = field(default_factory=dict)
    integer: bool = False  # whether integers are defined

    def equation(self, equation: Equation) -> None:
        self.integer = equation.left.tensor.integer
        written = axes_in(equation.left.index)
        domain = _ordered(equation.left, written)
        if equation.scatter:
            bound = free_axes(equation.right) - written
            domain += tuple(sorted(bound, key=str))
        self.define(equation.left, equation.right, domain, ())

    def define(
        self, target: Access, value: Expr, domain: tuple[Axis, ...], where: tuple[Guard, ...]
    ) -> None:
        """Add the statements of ``target += value`` over `domain`."""
        self.defined.setdefault(target.tensor, target)
        alone = target.tensor not in self.added
        if isinstance(value, ArgMaximum) and alone:
            self.argmaximum(target, value, domain, where)
            return
        if isinstance(value, Maximum) and alone:
            self.maximum(target, value, domain, where)
            return
        # In the author's order. An absent optional input drops its statement, so each has a
        # statement of its own.
        base: dict[tuple, list[Expr]] = {}
        for number, (box, guards, term) in enumerate(self.terms(value, domain, where)):
            apart = number if box != domain or _reads_optional(term) else -1
            base.setdefault((box, guards, apart), []).append(term)
        for (box, guards, apart), terms in base.items():
            if excluded(guards, box):
                continue
            term = terms[0] if apart >= 0 else self.order.part(value, terms)
            lifted = self.name_reductions(term, box, guards)
            if lifted != 0:
                self.statements.append(Statement(box, target, lifted, guards))

    def maximum(
        self, target: Access, value: Maximum, domain: tuple[Axis, ...], where: tuple[Guard, ...]
    ) -> None:
        """Add the statements of ``target max= value``: one for each case that takes part."""
        function, bound = self.open(value, domain)
        box = domain + bound
        cases = [(function, ())]
        if isinstance(function, Piecewise) and _about_indices(function):
            cases = list(_cases(function, self.name, -sympy.oo))
        elif isinstance(function, Piecewise) and function.args[-1][1] != sympy.true:
            self.refuse_settings(function)
        for piece, guards in cases:
            lifted = self.name_reductions(piece, box, where + guards)
            known = where + guards
            bounds = [g for g in _taking_part(lifted) if not nonnegative(g.expression, box, known)]
            if _rounds(lifted):  # twice, it might not be the same number: nobody would attain it
                self.refuse_absent(lifted)
                lifted = self.named(lifted, box, known)
            self.statements.append(Statement(box, target, lifted, (*known, *bounds), "max"))
        self.maxima.setdefault(value, target)

    def argmaximum(
        self, target: Access, value: ArgMaximum, domain: tuple[Axis, ...], where: tuple[Guard, ...]
    ) -> None:
        """Add the statements of where a maximum lies, and of the maximum unless it is known."""
        integer, self.integer = self.integer, False  # real numbers are compared
        same = Maximum(*value.args)
        if same not in self.maxima:
            free = tuple(a for a in domain if a in free_axes(value))
            self.define(self.temporary(free), same, free, where)
        largest = self.maxima[same]
        for statement in tuple(self.statements):
            if statement.op == "max" and statement.target == largest:
                found = attains(statement.value, largest)
                self.statements.append(replace(statement, target=target, value=found, op="first"))
        self.integer = integer

    def terms(
        self,
        value: Expr,
        domain: tuple[Axis, ...],
        where: tuple[Guard, ...],
        summed: bool = False,
    ) -> Iterator[tuple[tuple[Axis, ...], tuple[Guard, ...], Expr]]:
        """The summands of `value`, each with its own box and guards."""
        if isinstance(value, Add):
            if not summed and self.stays_whole(value):
                yield domain, where, value
                return
            for argument in self.order.arguments(value):
                yield from self.terms(argument, domain, where, summed)
            return
        if isinstance(value, Mul) and any(isinstance(f, Sum | Piecewise) for f in value.args):
            inner = next(f for f in value.args if isinstance(f, Sum | Piecewise))
            factor = Mul(*(f for f in value.args if f is not inner))

            def times(new: Expr) -> Expr:
                return self.order.rebuilt(value, (new if f is inner else f for f in value.args))

            plain = not factor.has(Access) and not factor.has(Sum)
            if isinstance(inner, Sum) and plain:
                function, *limits = inner.args
                yield from self.terms(Sum(times(function), *limits), domain, where, summed)
                return
            if isinstance(inner, Piecewise) and _about_indices(inner):
                cases = Piecewise(*((times(piece), c) for piece, c in inner.args))
                yield from self.terms(cases, domain, where, summed)
                return
        if isinstance(value, Sum):
            inner, bound = self.open(value, domain)
            if self.is_entrywise(inner):
                inner = self.named(inner, domain + bound, where)
            yield from self.terms(inner, domain + bound, where, True)
            return
        if isinstance(value, Piecewise) and _about_indices(value):
            for piece, guards in _cases(value, self.name, Integer(0)):
                yield from self.terms(piece, domain, where + guards, summed)
            return
        yield domain, where, value

    def stays_whole(self, value: Add) -> bool:
        """Whether a sum of sums is one statement: where terms are subtracted, it matters which
        come first. Where all are added, as in ``W x + U h + b``, products are added to the target.
        """
        written = self.order.of(value)
        if written is None or _reads_optional(value) or not value.has(Sum):
            return False
        return len(value.args) > 2 and any(a.could_extract_minus_sign() for a in value.args)

    def is_entrywise(self, value: Expr) -> bool:
        """Whether terms are added up before they are summed over an index, as they are written:
        the sum of a − b, not sum of a − sum of b. Products of matrices are summed for themselves.
        """
        if not isinstance(value, Add) or _reads_optional(value) or value.has(Sum, Maximum):
            return False
        axes = free_axes(value)
        whole = any(axes <= axes_in(read.index) for read in accesses(value))
        return whole and self.order.of(value) is not None

    def open(
        self, reduction: Sum | Maximum, domain: tuple[Axis, ...]
    ) -> tuple[Expr, tuple[Axis, ...]]:
        """Take a binder off, renaming its index where that name is in use."""
        function, *limits = reduction.args
        bound: list[Axis] = []
        for limit in limits:
            index = limit[0]
            if len(limit) == 3:
                lower, upper = limit[1], limit[2]
                if axes_in((lower, upper)):
                    raise DefinitionError(
                        self.name,
                        f"the range {lower} .. {upper} of {index} depends on another index",
                        equation=str(reduction),
                        remedy=f"Sum over all of {index} and put the condition into a Piecewise.",
                    )
                plain = Axis(index.name, upper - lower + 1)
            elif isinstance(index, Axis):
                lower, plain = Integer(0), index
            else:
                raise DefinitionError(
                    self.name,
                    f"the sum over {index} has no range",
                    equation=str(reduction),
                    remedy=f'Make it an axis: {index} = axis("{index}", extent).',
                )
            used = {a.name for a in (*domain, *bound)}
            if plain.name in used:
                names = (f"{plain.name}{number}" for number in count(1))
                name = next(n for n in names if n not in used | self.taken)
                plain = Axis(name, plain.extent)
            if plain != index or lower != 0:
                function = self.order.put(function, {index: plain + lower})
            bound.append(plain)
        return function, tuple(bound)

    def name_reductions(
        self, value: Expr, domain: tuple[Axis, ...], where: tuple[Guard, ...]
    ) -> Expr:
        """Give what cannot stand inside `value` a tensor of its own: sums, the argument of a
        function if it is a sum, has cases by index, or may lose a term to an absent input, and long
        arguments of maxima and minima."""
        if not _needs_name(value):
            return value
        inner = value.func in SCALARS and _needs_name(value.args[0])
        if inner and _goes_with(value):
            inner = False  # without what is left out, it is no function of 0, but nothing
        if inner or _is_named_whole(value):
            named = self.named(value.args[0] if inner else value, domain, where)
            return value.func(named) if inner else named
        compared = isinstance(value, Max | Min)
        for long in (a for a in value.args if compared and _is_long(a)):
            self.refuse_absent(long)
        new = (
            self.named(a, domain, where) if compared and _is_long(a)
            else self.name_reductions(a, domain, where)
            for a in value.args
        )  # fmt: skip
        return self.order.rebuilt(value, new)

    def refuse_settings(self, cases: Piecewise) -> None:
        """Refuse to leave points out of a maximum by a real setting, which all of them share."""
        for condition in (c for _, c in cases.args if not entries_in(c)):
            raise DefinitionError(
                self.name,
                f"the condition {condition} compares a real setting, and a maximum leaves out "
                "points by it",
                remedy="Add a case for all else: (value, True).",
            )

    def refuse_absent(self, value: Expr) -> None:
        """Refuse to name a value that goes with an input which may be left out: its name would
        stay, and be 0."""
        if absent := _goes_with(value):
            raise DefinitionError(
                self.name,
                f"{absent.name} may be left out, and all of {value} with it, which is compared",
                remedy="Give it a default instead of optional=True, or compare what stays.",
            )

    def named(self, value: Expr, domain: tuple[Axis, ...], where: tuple[Guard, ...]) -> Access:
        """A tensor of its own for a value."""
        free = tuple(a for a in domain if a in free_axes(value))
        named = self.temporary(free)
        guards = tuple(g for g in where if axes_in((g.expression, g.modulus)) <= set(free))
        self.define(named, value, free, guards)
        return named

    def temporary(self, free: tuple[Axis, ...]) -> Access:
        names = chain(_TEMPORARY_NAMES, (f"a{i}" for i in count(1)))
        name = next(n for n in names if n not in self.taken)
        self.taken.add(name)
        return Access(Tensor(name, tuple((a.extent,) for a in free), integer=self.integer), *free)


def _ordered(access: Access, axes: set[Axis]) -> tuple[Axis, ...]:
    """The axes of an access in the order in which its indices name them."""
    seen: dict[Axis, None] = {}
    for index in access.index:
        for axis in sorted(axes_in((index,)) & axes, key=str):
            seen.setdefault(axis)
    return tuple(seen)


def free_axes(value: Expr) -> set[Axis]:
    """Axes that no sum or maximum inside `value` binds."""
    if isinstance(value, Sum | Maximum):
        function, *limits = value.args
        return free_axes(function) - {limit[0] for limit in limits}
    if isinstance(value, Access):
        return axes_in(value.index)
    if isinstance(value, Axis):
        return {value}
    found: set[Axis] = set()
    for argument in value.args:
        found |= free_axes(argument)
    return found


def _is_named_whole(value: Expr) -> bool:
    """Whether it is the value itself that becomes a statement."""
    cases = isinstance(value, Piecewise) and _about_indices(value)
    whole = isinstance(value, Sum | Maximum) or cases
    return whole or (isinstance(value, Add) and _reads_optional(value))


def _needs_name(value: Expr) -> bool:
    """Whether something in the value has to become a statement of its own."""
    if isinstance(value, Access):
        return False
    if _is_named_whole(value) or (isinstance(value, Max | Min) and any(map(_is_long, value.args))):
        return True
    return any(_needs_name(argument) for argument in value.args)


def _is_long(value: Expr) -> bool:
    """Whether a value is too long to be compared as it stands: SymPy solves conditions over sums
    and cases, and may not come to an end."""
    several = sum(not access.tensor.integer for access in accesses(value)) > 1
    return value.has(Piecewise) or (isinstance(value, Add) and several)


def _reads_optional(value: Expr) -> bool:
    return any(access.tensor.optional for access in entries_in(value))


def _goes_with(value: Expr) -> Tensor | None:
    """An input which may be left out, and without which all of the value is dropped."""
    if isinstance(value, Access):
        inside = (_goes_with(i) for i in value.index)
        return value.tensor if value.tensor.optional else next(filter(None, inside), None)
    if isinstance(value, Add | Sum | Maximum) or not value.args:
        return None  # these lose a term
    if isinstance(value, Piecewise) and _about_indices(value):
        return None
    return next(filter(None, map(_goes_with, value.args)), None)


def _rounds(value: Expr) -> bool:
    """Whether NumPy may round the value in two ways, by where its entries lie in memory."""
    powers = (p for p in value.atoms(Pow) if p.has(Access) and not p.exp.is_Integer)
    return any(f.has(Access) for f in value.atoms(*SCALARS)) or any(powers)


def _about_indices(cases: Piecewise) -> bool:
    """Whether the conditions compare integers alone."""
    compared = {thing for _, c in cases.args for thing in (*entries_in(c), *c.free_symbols)}
    return all(thing.is_integer for thing in compared)


def _taking_part(value: Expr) -> Iterator[Guard]:
    """What a point must meet to be compared: reads where -oo lies outside stay inside."""
    for read in accesses(value):
        tensor = read.tensor
        if tensor.outside != -sympy.oo or not _is_lost(value, read):
            continue
        for index, extent, first in zip(read.index, tensor.shape, tensor.offset, strict=True):
            yield Guard("ge", index - first)
            yield Guard("ge", first + extent - 1 - index)


def _is_lost(value: Expr, read: Access) -> bool:
    """Whether the value is -oo where the read is."""
    if isinstance(value, Add):
        return any(_is_lost(term, read) for term in value.args)
    return bool(value.xreplace({read: -sympy.oo}) == -sympy.oo)


def _cases(cases: Piecewise, name: str, nothing: Expr) -> Iterator[tuple[Expr, tuple[Guard, ...]]]:
    """The pieces with disjoint guards, in order; those that change nothing are left out."""
    earlier: Boolean = sympy.true
    for piece, condition in cases.args:
        holds = And(earlier, condition)
        if piece != nothing:
            for conjunction in _disjoint(holds, name):
                yield piece, conjunction
        earlier = And(earlier, sympy.Not(condition))


def _disjoint(condition: Boolean, name: str) -> Iterator[tuple[Guard, ...]]:
    """A condition as disjoint conjunctions of guards."""
    condition = sympy.to_nnf(condition, simplify=False)
    if condition == sympy.true:
        yield ()
        return
    if condition == sympy.false:
        return
    if isinstance(condition, Or):
        first, *rest = condition.args
        yield from _disjoint(first, name)
        yield from _disjoint(And(sympy.Not(first), Or(*rest)), name)
        return
    if isinstance(condition, And):
        combined: list[tuple[Guard, ...]] = [()]
        for part in condition.args:
            options = list(_disjoint(part, name))
            combined = [left + right for left in combined for right in options]
        yield from combined
        return
    if isinstance(condition, Relational):
        yield from _relation(condition, name)
        return
    raise DefinitionError(
        name,
        f"the condition {condition} is not a comparison of indices",
        remedy="Use <, <=, >, >=, Eq, Ne, &, | of affine expressions, or Eq(Mod(i, k), 0).",
    )


def _check_affine(condition: Relational, side: Expr, name: str) -> None:
    """What is compared is affine in the indices, but for one remainder."""
    equal = isinstance(condition, sympy.Eq | sympy.Ne)
    for part in side.args if equal and isinstance(side, Mod) else (side,):
        try:
            affine(part)
        except NotAffine as reason:
            raise DefinitionError(
                name,
                f"the condition {condition} is not affine in its indices: {reason}",
                remedy="Compute the number in an equation of its own, for an integer tensor, and "
                "compare that: Eq(k[i], ...), k[i] > 0.",
            ) from None


def _relation(condition: Relational, name: str) -> Iterator[tuple[Guard, ...]]:
    left, right = condition.args
    for side in (left, right):
        _check_affine(condition, side, name)
    difference, scale = sympy.fraction(sympy.together(left - right))
    if not scale.is_positive:
        difference = left - right
    if isinstance(condition, sympy.Ge):
        yield (Guard("ge", difference),)
    elif isinstance(condition, sympy.Gt):
        yield (Guard("ge", difference - 1),)
    elif isinstance(condition, sympy.Le):
        yield (Guard("ge", -difference),)
    elif isinstance(condition, sympy.Lt):
        yield (Guard("ge", -difference - 1),)
    elif isinstance(left, Mod) or isinstance(right, Mod):
        modular, other = (left, right) if isinstance(left, Mod) else (right, left)
        expression, modulus = modular.args
        kind = "divides" if isinstance(condition, sympy.Eq) else "indivisible"
        yield (Guard(kind, expression - other, modulus),)
    elif isinstance(condition, sympy.Eq):
        yield (Guard("eq", difference),)
    elif isinstance(condition, sympy.Ne):
        yield (Guard("ge", difference - 1),)
        yield (Guard("ge", -difference - 1),)
    else:
        raise DefinitionError(name, f"the condition {condition} is not understood")
