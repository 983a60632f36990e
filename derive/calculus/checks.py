"""What can be wrong with a definition, said before anything is derived from it.

Names and equations are checked as written, bounds on the statements they become. A bound that can
be neither proved nor refuted by samples is left to the generated module, which clips at run time.
"""

from __future__ import annotations

import itertools
import sys

import sympy
from sympy import Add, Basic, Expr, Max, Min, Mul, Piecewise, Pow, Sum, Symbol, Tuple
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean, BooleanAtom

from derive.calculus.affine import NotAffine, affine
from derive.calculus.bounds import nonnegative
from derive.calculus.declarations import check_numbers, check_texts
from derive.calculus.lift import equation_with, equations_of, free_axes
from derive.calculus.ranges import check_integers, check_powers
from derive.calculus.samples import counterexample, every_access, samples, symbols_of
from derive.calculus.statements import Statement, System
from derive.errors import DefinitionError
from derive.language.maximum import ArgMaximum, Maximum
from derive.language.names import checked_module_name, checked_name
from derive.language.operation import Equation, Operation
from derive.language.options import Setting
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis, Size, Tensor, entries_in

_INTEGER_FUNCTIONS = (sympy.floor, sympy.ceiling, sympy.Mod, sympy.Abs, Max, Min)
_ARITHMETIC = (Add, Mul, Pow, Sum, Maximum, Piecewise, Max, Min)
_CONDITIONS = (Relational, sympy.And, sympy.Or, sympy.Not, ExprCondPair, Tuple, BooleanAtom)
_OFFERED = (*_ARITHMETIC, *_INTEGER_FUNCTIONS, *_CONDITIONS)
_INSTEAD = {
    sympy.Product: "Let a state multiply along the index (p[-1] = 1, p[i] = p[i-1]*x[i]), or take "
    "exp of the Sum of logarithms.",
    sympy.Integral: "Sample it: a Sum over an axis of points, such as "
    "Sum(f((i + Rational(1, 2))/n), i)/n for an integral from 0 to 1.",
    sympy.Derivative: "Write the derivative out.",
    sympy.Determinant: "Write it out by the matrix's entries.",
    sympy.MatrixExpr: "Write matrices by their entries: Sum(a[i, j]*b[j, k], j).",
    sympy.KroneckerDelta: "Write Piecewise((value, Eq(i, j)), (0, True)).",
    sympy.Heaviside: "Write step(x), or a Piecewise.",
    Boolean: "Write conditions with comparisons, &, | and ~.",
}
_LONG = 1000  # letters of an equation in a message
_LARGEST, _SMALLEST = sympy.Rational(sys.float_info.max), sympy.Rational(5, 10**324)


def check_names(operation: Operation) -> None:
    """Every name can be a variable of the module, and means one thing only.

    Raises
    ------
    DefinitionError
        Naming the first name that does not.
    """
    checked_module_name(operation.name, "an operation")
    for alias in operation.aliases:
        checked_module_name(alias, "an alias")
    meaning: dict[str, tuple[str, object]] = {}

    def claim(name: str, what: str, thing: object) -> None:
        checked_name(name, what)
        before = meaning.setdefault(name, (what, thing))
        if before[1] != thing:
            alike = " with other properties" if before[0] == what else ""
            raise DefinitionError(
                operation.name,
                f"the name {name} stands for {before[0]} and for {what}{alike}",
                remedy="Rename one of them.",
            )

    equations = equations_of(operation)
    for what, listed in (("inputs", operation.inputs), ("outputs", operation.outputs)):
        names = [t.name for t in listed]
        for name in names:
            if names.count(name) > 1:
                raise DefinitionError(
                    operation.name, f"{what} lists {name} twice", remedy="Rename or remove one."
                )
    named = (access.tensor for e in equations for access in every_access(e))
    for tensor in (*operation.inputs, *operation.outputs, *named):
        claim(tensor.name, f"a tensor of shape {_shape(tensor)}", tensor)
    for option in operation.options:
        for setting in option.settings:
            claim(setting.name, f"a setting of option {option.name}", setting)
    for equation in equations:
        for symbol in sorted(symbols_of(equation), key=str):
            kind = "an index" if isinstance(symbol, Axis) else "a size"
            if isinstance(symbol, Size | Axis):
                claim(symbol.name, kind, symbol)
    for name in meaning:
        for owner in meaning:
            if name in _derived(owner):
                raise DefinitionError(
                    operation.name,
                    f"{meaning[name][0]} is called {name}, as a generated module calls something "
                    f"that belongs to {owner}",
                    remedy="Choose another name.",
                )
    for tensor in operation.inputs:
        packs = [e for e in tensor.shape if isinstance(e, Size) and e.packed and not e.kept]
        if len(packs) > 1:
            raise DefinitionError(
                operation.name,
                f"the shape of {tensor.name} does not tell where the axes "
                f"{', '.join(map(str, packs))} begin and end",
                remedy="One axis of an input can be made by leading(...).",
            )
    seen_optional = None
    for tensor in operation.inputs:
        if not tensor.required:
            seen_optional = tensor
        elif seen_optional is not None:
            raise DefinitionError(
                operation.name,
                f"the required input {tensor.name} stands behind the optional {seen_optional.name}",
                remedy="List required inputs first.",
            )


def _shape(tensor: Tensor) -> str:
    extents = ("*".join(str(f) for f in factors) for factors in tensor.axes_of)
    return "(" + ", ".join(extents) + ")"


def _derived(name: str) -> set[str]:
    """What derivations and generated modules call things that belong to a tensor or a size."""
    return {f"{name}_kept", f"{name}_axes"}


def check_equations(operation: Operation) -> None:
    """Every symbol of every equation is known and bound, every index affine, every output defined.

    Raises
    ------
    DefinitionError
        Naming the equation and the remedy.
    """
    equations = equations_of(operation)
    settings = {s for option in operation.options for s in option.settings}
    written = {e.left.tensor for e in equations}
    for tensor in operation.inputs:
        if tensor in written:
            raise _error(
                operation,
                f"the input {tensor.name} stands on the left of an equation",
                next(e for e in equations if e.left.tensor == tensor),
                "Define a tensor of its own.",
            )
    for tensor in operation.outputs:
        if tensor not in written:
            raise DefinitionError(
                operation.name,
                f"no equation defines the output {tensor.name}",
                remedy=f"Add Eq({tensor.name}[...], ...).",
            )
    if not operation.outputs or not operation.inputs:
        raise DefinitionError(operation.name, "an operation needs inputs and outputs")
    if not any(not t.integer for t in operation.inputs):
        raise DefinitionError(operation.name, "no input holds real numbers")
    for tensor in operation.tensors:
        numbers = (tensor.outside, tensor.default, *(tensor.interval or ()))
        for number in numbers:
            if number is not None and number.is_number and not number.is_infinite:
                _check_number(operation, number, tensor)
    for tensor in operation.inputs:
        if tensor.integer and tensor.below is None:
            raise DefinitionError(
                operation.name,
                f"nothing says how large the entries of {tensor.name} may be",
                remedy=f'Say it: integers("{tensor.name}", ..., below=K) for 0 <= entry < K.',
            )
        if tensor.below is not None and tensor.default is not None:
            ends = (tensor.default, tensor.below - 1 - tensor.default)
            if not all(nonnegative(end, ()) for end in ends):
                raise DefinitionError(
                    operation.name,
                    f"the default {tensor.default} of {tensor.name} need not be within "
                    f"0 <= entry < {tensor.below}",
                    remedy="Choose a default that is, whatever the sizes.",
                )
    known = {*operation.inputs, *written}
    for equation in equations:
        _check_equation(operation, equation, known, settings)


def unread(operation: Operation) -> tuple[Tensor, ...]:
    """The inputs that reach no output, neither by their entries nor by the size of an axis."""
    equations = equations_of(operation)
    needed = set(operation.outputs)
    before: set[Tensor] = set()
    while needed != before:
        before = set(needed)
        for equation in equations:
            if equation.left.tensor in needed:
                needed |= {access.tensor for access in every_access(equation)}
    read = [t for t in operation.inputs if t in needed and t.tells_sizes]
    told = {s for tensor in read for extent in tensor.shape for s in extent.atoms(Size)}
    asked = {s for e in equations if e.left.tensor in needed for s in symbols_of(e)} - told

    def tells(tensor: Tensor) -> bool:
        own = {s for extent in tensor.shape for s in extent.atoms(Size)}
        return tensor.tells_sizes and bool(own & asked)

    return tuple(t for t in operation.inputs if t not in needed and not tells(t))


def _check_equation(
    operation: Operation, equation: Equation, known: set[Tensor], settings: set
) -> None:
    for access in every_access(equation):
        if access.tensor not in known:
            names = ", ".join(sorted(t.name for t in known))
            raise _error(
                operation,
                f"{access.tensor.name} is neither an input nor defined by an equation",
                equation,
                f"List it in inputs=, or define it. Known tensors: {names}.",
            )
        for position, index in enumerate(access.index):
            real = [s for s in index.free_symbols if isinstance(s, Setting) and not s.is_integer]
            if real or index.has(Sum, Maximum):
                raise _error(
                    operation,
                    f"index {position} of {access.tensor.name} is {index}, "
                    + (f"where {real[0]} is a real number" if real else "which holds a sum"),
                    equation,
                    "An index is a sum of axes times sizes or settings, or an integer entry.",
                )
            try:
                reads = affine(index).reads
            except NotAffine as reason:
                raise _error(
                    operation,
                    f"index {position} of {access.tensor.name} is not affine: {reason}",
                    equation,
                    "An index is a sum of axes times sizes or settings, or an integer entry.",
                ) from None
            for read in reads:
                if not read.tensor.integer:
                    raise _error(
                        operation,
                        f"{read.tensor.name} stands in an index, but holds real numbers",
                        equation,
                        f"Declare it with integers({read.tensor.name!r}, ..., below=...).",
                    )
    _check_heads(operation, equation)
    bound = free_axes(equation.left)
    for axis in sorted(free_axes(equation.right), key=str):
        if axis not in bound and not equation.scatter:
            raise _error(
                operation,
                f"index {axis.name} is used on the right but is neither summed nor on the left",
                equation,
                "Sum over it, or add it to the left.",
            )
    for symbol in sorted(symbols_of(equation), key=str):
        if isinstance(symbol, Setting) and symbol not in settings:
            raise _error(
                operation,
                f"{symbol.name} belongs to the option {symbol.option}, which is not listed",
                equation,
                "Add it to options=.",
            )
        if not isinstance(symbol, Setting | Size | Axis):
            raise _error(
                operation,
                f"the symbol {symbol} is neither a size, an axis nor a setting of an option",
                equation,
                "Make it with size(...), axis(...) or option(...); a learned number is a "
                "parameter of rank 0, indexed by [()].",
            )
    if equation.left.tensor.integer:
        _check_integers(operation, equation)
    else:
        _check_functions(operation, equation, equation.right)


def _check_heads(operation: Operation, equation: Equation) -> None:
    """Everything in the equation is offered here at all, and every number a real one."""
    parts = sympy.preorder_traversal(equation.right)
    numbers: set[Basic] = set()  # those that are parts of others
    for part in parts:
        if isinstance(part, Access | Axis):
            parts.skip()
            continue
        if isinstance(part, Expr) and part.is_number and not part.has(Access):
            if part not in numbers:
                _check_number(operation, part, equation)
            numbers |= set(part.args)
            if part.is_Atom:
                continue
        known = isinstance(part, _OFFERED) or part.func in SCALARS
        if not (known or part.is_Symbol):
            name = part.func.__name__
            remedy = next((words for kind, words in _INSTEAD.items() if isinstance(part, kind)), "")
            raise _error(
                operation,
                f"{name} is not offered",
                equation,
                remedy or "Functions are " + ", ".join(sorted(f.__name__ for f in SCALARS)) + ".",
            )


def _check_number(operation: Operation, number: Expr, where: object) -> None:
    value = sympy.N(number)
    if number.is_infinite:
        raise _error(
            operation,
            f"{number} stands in an equation",
            where,
            "Infinity is no value. Leave out what shall not count: a Piecewise that is 0 there, "
            "or, inside Maximum, one without a case for it.",
        )
    if not value.is_real:
        raise _error(operation, f"{number} is no real number", where, "Use finite real numbers.")
    size = abs(sympy.Rational(str(value)))
    if size > _LARGEST or 0 < size < _SMALLEST:
        what = "large" if size > 1 else "small"
        raise _error(
            operation,
            f"{sympy.N(number, 4)} is too {what} a number for floating point",
            where,
            "Scale the equation, for instance by working with logarithms.",
        )


def _check_integers(operation: Operation, equation: Equation) -> None:
    """What defines integers is computed from indices, sizes and integers alone."""
    allowed = (Add, Mul, Pow, Sum, Piecewise, Boolean, Relational, *_INTEGER_FUNCTIONS)
    parts = sympy.preorder_traversal(equation.right)
    for part in parts:
        if isinstance(part, ArgMaximum):
            _check_functions(operation, equation, part.function)
            parts.skip()
        elif isinstance(part, Access):
            if not part.tensor.integer:
                raise _error(
                    operation,
                    f"{equation.left.tensor.name} holds integers, but is computed from "
                    f"{part.tensor.name}, which holds real numbers",
                    equation,
                    "Compute integers from indices, sizes, settings and integers.",
                )
        elif not (part.is_Atom or isinstance(part, (Tuple, ExprCondPair, Axis, *allowed))):
            raise _error(
                operation,
                f"{part} cannot be computed with integers",
                equation,
                "Use +, -, *, floor, ceiling, Mod, Min, Max, comparisons and Sum.",
            )


def _check_functions(operation: Operation, equation: Equation, value: Expr) -> None:
    if isinstance(value, Access | Axis) or value.is_Atom:
        return
    if isinstance(value, ArgMaximum):
        raise _error(
            operation,
            f"{value} is an integer, and stands in an equation of real numbers",
            equation,
            "Give it a tensor of its own, made by integers(...): Eq(k[n], ArgMaximum(...)), and "
            "read k[n].",
        )
    plain = all(access.tensor.integer for access in entries_in(value))
    allowed = isinstance(value, _ARITHMETIC) or value.func in SCALARS
    if not allowed and not (plain and isinstance(value, _INTEGER_FUNCTIONS)):
        raise _error(
            operation,
            f"{value.func.__name__} is not offered for real numbers",
            equation,
            "It may be taken of indices, sizes and integers.",
        )
    if isinstance(value, Sum | Maximum):
        _check_functions(operation, equation, value.function)
        return
    if isinstance(value, Piecewise):
        read = {access for _, condition in value.args for access in entries_in(condition)}
        about_integers = all(access.tensor.integer for access in read)
        if not about_integers:
            _check_one_term(operation, equation, value)
        for piece, condition in value.args:
            _check_functions(operation, equation, piece)
            for part in () if about_integers else condition.atoms(sympy.core.relational.Relational):
                for side in part.args:
                    _check_functions(operation, equation, side)
        return
    for argument in value.args:
        if isinstance(argument, Boolean | BooleanAtom):
            continue
        _check_functions(operation, equation, argument)


def _error(operation: Operation, what: str, equation: object, remedy: str) -> DefinitionError:
    return DefinitionError(operation.name, what, equation=_shortened(equation), remedy=remedy)


def _shortened(equation: object) -> str:
    text = str(equation)
    return text if len(text) < _LONG else f"{text[:_LONG]} ..."


def check_system(operation: Operation, system: System) -> None:
    """No access leaves its tensor unless it may, no point is defined twice, all inputs are read.

    Raises
    ------
    DefinitionError
        With a counterexample: sizes for which it happens.
    """
    for statement in system.statements:
        for read in statement.reads:
            if read.tensor.outside is None:
                _check_inside(operation, statement, read)
        check_powers(operation, statement)
    check_integers(operation, system)
    _check_once(operation)
    for tensor in unread(operation):
        raise DefinitionError(
            operation.name,
            f"no output depends on the input {tensor.name}",
            remedy="Remove it from inputs=, or read it in an equation.",
        )


def _check_one_term(operation: Operation, equation: Equation, cases: Piecewise) -> None:
    """Cases that data decide are one term, which goes with what is left out: the slope of a case
    that does not read it would stay."""
    pieces = [piece for piece, _ in cases.args if piece != 0]  # a term that is dropped is 0, too
    read = [{a.tensor for a in entries_in(piece) if a.tensor.optional} for piece in pieces]
    if some := sorted(set.union(*read) - set.intersection(*read), key=str):
        raise _error(
            operation,
            f"{some[0].name} may be left out, and stands in some cases of {cases} alone: there is "
            "no telling whether these or all of them are dropped",
            equation,
            "Give it a default instead of optional=True, or add a term of its own.",
        )


def _check_inside(operation: Operation, statement: Statement, access: Access) -> None:
    tensor = access.tensor
    for position, (index, size, origin) in enumerate(
        zip(access.index, tensor.shape, tensor.offset, strict=True)
    ):
        reads = affine(index).reads
        for read in reads:
            _check_inside(operation, statement, read)
        for bound in (index - origin, size - 1 - (index - origin)):
            if nonnegative(bound, statement.domain, statement.where):
                continue
            where = "some entries of " + ", ".join(sorted(r.tensor.name for r in reads))
            if not reads:
                points = (counterexample(bound, statement, v) for v in samples(operation))
                point = next((p for p in points if p), None)
                if point is None:
                    continue
                where = ", ".join(f"{s} = {v}" for s, v in point.items())
            remedy = "Change the index, or give a size that must not be 0 minimum=1."
            if not tensor.integer:
                remedy = f"Say what {tensor.name} reads there, for instance "
                remedy += f'tensor("{tensor.name}", ..., outside=0), change the index, or give a '
                remedy += "size that must not be 0 minimum=1."
            if min(tensor.offset) < 0 == origin:
                remedy += "\nA state begins at -1 along one axis, its first; a tensor with an "
                remedy += "offset for each axis, such as offset=(-1, -1), begins so along several."
            raise DefinitionError(
                operation.name,
                f"{access} can leave {tensor.name}: {index}, its index {position}, is outside "
                f"{origin} .. {origin + size - 1} for {where}",
                equation=_shortened(equation_with(access, operation, statement)),
                remedy=remedy,
            )


def _check_once(operation: Operation) -> None:
    """Every entry that equations define is defined by exactly one point of one of them."""
    equations = equations_of(operation)
    tried: list[dict[Symbol, sympy.Integer]] = []
    for tensor in dict.fromkeys(e.left.tensor for e in equations):
        own = [e for e in equations if e.left.tensor == tensor]
        if any(e.scatter for e in own) or (len(own) == 1 and one_to_one(own[0].left)):
            continue
        tried = tried or list(itertools.islice(samples(operation), 6))
        for values in tried:
            _check_once_for(operation, tensor, own, values)


def one_to_one(access: Access) -> bool:
    """Whether the indices are distinct axes, each over its whole dimension."""
    bare = [affine(i).bare for i in access.index]
    whole = all(
        axis is not None and axis.extent == size
        for axis, size in zip(bare, access.tensor.shape, strict=True)
    )
    return whole and len(set(bare)) == len(bare)


def _check_once_for(
    operation: Operation, tensor: Tensor, own: list[Equation], values: dict
) -> None:
    defined: dict[tuple[int, ...], Equation] = {}
    for equation in own:
        axes = sorted(free_axes(equation.left), key=str)
        extents = [range(int(a.extent.xreplace(values))) for a in axes]
        for point in itertools.product(*extents):
            here = {**values, **dict(zip(axes, point, strict=True))}
            place = tuple(int(i.xreplace(here)) for i in equation.left.index)
            if place in defined:
                raise _error(
                    operation,
                    f"{tensor.name}{list(place)} is defined twice",
                    equation,
                    f"The other definition is {defined[place]}. Make their indices disjoint, or "
                    "state a sum with accumulate(...).",
                )
            defined[place] = equation
    extents = [
        range(origin, origin + int(e.xreplace(values)))
        for e, origin in zip(tensor.shape, tensor.offset, strict=True)
    ]
    for place in itertools.product(*extents):
        if place not in defined:
            raise _error(
                operation,
                f"no equation defines {tensor.name}{list(place)}",
                own[-1],
                "Let the indices on the left cover the tensor, or add an equation for the rest.",
            )


def check(operation: Operation) -> None:
    """Everything that can be seen without deriving: texts, names, numbers, then equations."""
    check_texts(operation)
    check_names(operation)
    check_numbers(operation)
    check_equations(operation)
