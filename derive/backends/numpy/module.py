"""The view that the module template sees: names and ready lines, nothing to decide."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import black
import sympy
from black.mode import TargetVersion

from derive.backends.numpy.arguments import Entry, enter
from derive.backends.numpy.docstrings import (
    described_parameters,
    described_returns,
    module_docstring,
    typed_parameters,
)
from derive.backends.numpy.integers import lower_integer
from derive.backends.numpy.lower import Direction, Mathematics
from derive.backends.numpy.text import WIDTH, program_text
from derive.backends.numpy.tree import (
    Assign,
    If,
    Line,
    Name,
    Node,
    Return,
    TupleOf,
    method,
    names_in,
)
from derive.backends.numpy.writer import Describe
from derive.calculus.derivation import Derivation, label_of
from derive.calculus.statements import Statement
from derive.language.operation import Operation
from derive.language.order import Order
from derive.language.symbols import Tensor
from derive.prose.text import statement_text
from derive.templating import environment, template_names, template_source

MODE = black.Mode(target_versions={TargetVersion.PY311}, line_length=WIDTH)


@dataclass(frozen=True)
class Constant:
    name: str
    value: str


@dataclass(frozen=True)
class Function:
    """A function of the mathematics: its first line, and its body."""

    head: str
    body: str


@dataclass(frozen=True)
class Choice:
    """Two strategies of one direction."""

    direction: str
    first: str
    second: str


@dataclass(frozen=True)
class ModuleView:
    """Everything the templates place, in the order of a module."""

    docstring: str
    products: bool
    constants: tuple[Constant, ...]
    choices: tuple[Choice, ...]
    functions: tuple[Function, ...]
    residuals: str
    differentiable: tuple[str, ...]
    outputs: tuple[str, ...]
    apply_head: str
    forward_head: str
    parameters: str
    returns: str
    passed: str
    all_names: str
    result_names: str
    result: str
    result_shapes: str
    grad_output: str
    wrt: str
    enter_backward: tuple[str, ...]
    backward_arguments: str
    sources: str
    sizes: str
    bind_head: str
    bind_lines: str
    table: tuple[tuple[str, str, str, bool], ...]


def comment(derivation: Derivation, order: Order) -> Describe:
    """What stands above the lines of a statement: its equation, in the order of the system that is
    lowered, and the step it is from.
    """
    cotangents = set(derivation.cotangent.values())

    def describe(statement: Statement, adds: bool) -> str:
        text = statement_text(statement, derivation.order, order)
        if adds and statement.op == "add" and " += " not in text:
            text = text.replace(" = ", " += ", 1)
        if not adds:
            text = text.replace(" += ", " = ", 1)
        if statement.target.tensor in cotangents:
            text += f"    ({label_of(statement, derivation)})"
        return text

    return describe


def render_module(mathematics: Mathematics, derivation: Derivation, *, layout: bool = True) -> str:
    """The text of a module, without its header; laid out by black if people are to read it.

    The mathematics stands first, with the functions it calls behind it; then what is public; then
    the checks of arguments, with theirs, and the table that they read.
    """
    view = module_view(mathematics, derivation)
    parts = [
        environment().get_template(f"numpy/{part}.py.j2").render(module=view)
        for part in ("mathematics", "interface", "table")
    ]
    if layout:
        parts = [black.format_str(part, mode=MODE) for part in parts]
    first, interface, table = parts
    # The functions behind them are laid out already (a test sees to that), and most of the text.
    variants = (*mathematics.forward.variants, *mathematics.backward.variants)
    called = _support(names_in(tuple(v.lines for v in variants)))
    known = ast.parse(interface + table)
    asked = {node.id for node in ast.walk(known) if isinstance(node, ast.Name)}
    checks = [text for text in _support(asked) if text not in called]
    return "\n\n".join((first, *called, interface, *checks, table))


def module_view(mathematics: Mathematics, derivation: Derivation) -> ModuleView:
    """Collect names and lines."""
    operation = derivation.operation
    entry = enter(operation)
    inputs, options, outputs = operation.inputs, operation.options, operation.outputs
    reals = [t for t in inputs if not t.integer]
    several = len(outputs) > 1
    names = [t.name for t in inputs]
    bars = {
        t: mathematics.cotangents[t].name for t in (*reals, *outputs) if t in mathematics.cotangents
    }
    arriving = [bars[t] for t in outputs if t in bars]
    saved = [t.name for t in mathematics.saved]
    directions = (
        _Direction("forward", ["sizes", "dtype", *names], mathematics.forward,
                   *_finish_forward(operation, entry, mathematics)),
        _Direction("backward", ["sizes", "dtype", "wrt", *arriving, *saved], mathematics.backward,
                   *_finish_backward(operation, entry, reals, bars)),
    )  # fmt: skip
    bound = [*names, *(o.name for o in options)]
    dtype = f"{reals[0].name}.dtype" if reals else "None"
    shapes = ["None" if t.integer else f"{t.name}.shape" for t in outputs]
    result = ", ".join(t.name for t in outputs)
    parameters = typed_parameters(inputs, options)
    returned = "Outputs" if several else "np.ndarray"
    fields = ["sizes", "dtype", "shapes", "expected", *saved]
    bind_lines = program_text(entry.lines)
    return ModuleView(
        docstring=module_docstring(derivation),
        products="prod(" in bind_lines,
        constants=tuple(
            Constant(name, _number(value))
            for name, value in sorted(mathematics.needs.constants.items())
        ),
        choices=tuple(c for d in directions for c in d.choice()),
        functions=tuple(f for d in directions for f in d.functions(entry)),
        residuals=f'Residuals = namedtuple("Residuals", {_words(fields)})',
        differentiable=tuple(t.name for t in reals),
        outputs=tuple(t.name for t in outputs) if several else (),
        apply_head=_wrapped("def apply(", parameters, f") -> {returned}:"),
        forward_head=_wrapped("def forward(", parameters, f") -> tuple[{returned}, Residuals]:"),
        parameters=described_parameters(operation),
        returns=described_returns(operation),
        passed=", ".join([*names, *(f"{o.name}={o.name}" for o in options)]),
        all_names=", ".join(bound),
        result_names=result,
        result=f"Outputs({result})" if several else result,
        result_shapes=f"({', '.join(shapes)})" if several else shapes[0],
        grad_output="grad_output: tuple" if several else "grad_output: np.ndarray",
        wrt=", ".join(f'"{t.name}"' for t in reals) + ("," if len(reals) == 1 else ""),
        enter_backward=(_arriving(outputs, bars),),
        backward_arguments=", ".join(["sizes", "dtype", "wrt", *arriving, "*saved"]),
        sources=repr(dict(entry.sources)) if "_fitted(" in bind_lines else "",
        sizes=f'_Sizes = namedtuple("_Sizes", {_words(entry.symbols)})',
        bind_head=_wrapped("def _bind(", bound, "):"),
        bind_lines=bind_lines + "\n" + _bound(entry, [dtype, "shapes", *names]),
        table=tuple(
            (name, "_integer_array" if integer else "_array", repr(axes), required)
            for name, integer, axes, required in entry.signature
        ),
    )


def _words(names: Sequence[str]) -> str:
    """Names in one string literal, or in several that follow one another."""
    lines = wrap(" ".join(names), 88) or [""]
    return " ".join(f'"{line} "' for line in lines[:-1]) + f' "{lines[-1]}"'


def _bound(entry: Entry, others: list[str]) -> str:
    """The end of ``_bind``: all sizes in one, and what else forward needs."""
    made = f"_Sizes({', '.join(entry.symbols)})"
    returned = f"    return {', '.join([made, *others])}"
    if len(returned) <= MODE.line_length:
        return returned
    sizes = _wrapped("    sizes = _Sizes(", entry.symbols, ")")
    return f"{sizes}\n    return sizes, {', '.join(others)}"


_FIXED = "\0"  # a blank at which no line ends


def _wrapped(head: str, names: Sequence[str], tail: str) -> str:
    """``head(names)``; what does not fit a line takes a few, where black would take one a name."""
    margin = head[: len(head) - len(head.lstrip())]
    text = f"{head}{', '.join(names)}{tail}"
    if len(text) <= MODE.line_length:
        return text
    room = MODE.line_length - len(margin) - 4
    whole = [name.replace(" ", _FIXED) for name in names]
    lines = [f"{margin}    {line}" for line in wrap(", ".join(whole) + ",", room)]
    lines = [line.replace(_FIXED, " ") for line in lines]
    return "\n".join((head, *lines, f"{margin}{tail}  # fmt: skip"))


def _number(value: sympy.Expr) -> str:
    return repr(float(sympy.N(value, 30)))


def _finish_forward(operation: Operation, entry: Entry, mathematics: Mathematics):
    """What stands before and after the mathematics of forward.

    Returned are the outputs as a caller has them, and then what is kept for backward; outputs are
    copied for it, for the caller may overwrite them.
    """
    outputs = operation.outputs
    returned = [_reshaped(Name(t.name), entry.merged[t], entry.split[t]) for t in outputs]
    returned += [
        method(Name(t.name), "copy") if t in outputs else Name(t.name) for t in mathematics.saved
    ]
    return "", (), (Return(TupleOf(tuple(returned))),)


def _finish_backward(
    operation: Operation, entry: Entry, reals: list[Tensor], bars: dict[Tensor, str]
) -> tuple[str, tuple[Line, ...], tuple[Line, ...]]:
    """What stands before and after the mathematics of backward."""
    split = tuple(
        Assign(Name(bars[t]), method(Name(bars[t]), "reshape", entry.split[t]))
        for t in operation.outputs
        if t in bars and entry.merged[t] != entry.split[t]
    )
    nothing = " = ".join([*(bars[t] for t in reals), "None"]) if reals else ""
    return nothing, split, (Return(TupleOf(tuple(Name(bars[t]) for t in reals))),)


def _reshaped(array: Node, shape: Node, now: Node) -> Node:
    return array if shape == now else method(array, "reshape", shape)


def _arriving(outputs: tuple[Tensor, ...], bars: dict[Tensor, str]) -> str:
    """Check the gradients by the outputs."""
    names = ", ".join(bars.get(t, "_") for t in outputs)
    if len(outputs) == 1:
        checked = f'{names} = _array("grad_output", grad_output, expected, '
        return checked + "(dtype,), exact=True)"
    return f"{names} = _outputs(grad_output, Outputs._fields, expected, dtype)"


@dataclass(frozen=True)
class _Direction:
    word: str
    parameters: list[str]
    direction: Direction
    nothing: str
    before: tuple[Line, ...]
    after: tuple[Line, ...]

    def functions(self, entry: Entry) -> list[Function]:
        """One function for each strategy, and before two of them, what chooses."""
        found = [f for choice in self.choice() for f in self.choosing(choice, entry)]
        for variant in self.direction.variants:
            lines = (*self.before, *variant.lines, *self.after)
            suffix = f"_{variant.name}" if variant.name else ""
            body = (*_taken(lines, entry), self.nothing and f"    {self.nothing}")
            found.append(
                Function(
                    _wrapped(f"def _{self.word}{suffix}(", self.parameters, "):"),
                    "\n".join((*filter(None, body), program_text(lines))),
                )
            )
        return found

    def choice(self) -> list[Choice]:
        """The strategies, if there are two."""
        names = [f"_{self.word}_{v.name}" for v in self.direction.variants]
        return [Choice(self.word, *names)] if len(names) > 1 else []

    def choosing(self, choice: Choice, entry: Entry) -> Iterator[Function]:
        """What runs the strategy that fits the sizes, and what chooses it."""
        chooser = f"_choose_{self.word}"
        run = f"    return {chooser}(sizes)(sizes, *arguments)"
        words = '    """Run the strategy that fits the sizes."""'
        yield Function(f"def _{self.word}(sizes, *arguments):", f"{words}\n{run}")
        assert self.direction.prefers is not None
        test = If(lower_integer(self.direction.prefers), (Return(Name(choice.first)),))
        words = '    """The faster one of the two strategies."""'
        lines = program_text((test, Return(Name(choice.second))))
        yield Function(f"def {chooser}(sizes):", "\n".join((words, *_taken((test,), entry), lines)))


def _taken(lines: Any, entry: Entry) -> list[str]:
    """Take from `sizes` the names that the lines mention, several in a line."""
    used = names_in(tuple(lines))
    taken = [s for s in entry.symbols if s in used]
    found: list[str] = []
    while taken:
        count = len(taken)
        while len(line := _unpacked(taken[:count])) > MODE.line_length and count > 1:
            count -= 1
        found.append(line)
        taken = taken[count:]
    return found


def _unpacked(names: list[str]) -> str:
    return f"    {', '.join(names)} = {', '.join(f'sizes.{name}' for name in names)}"


def _support(wanted: Iterable[str]) -> dict[str, None]:
    """The texts of the functions among these names, and of those they call, in order."""
    texts: dict[str, str] = {}
    queue = sorted(wanted)
    available = {
        name.removeprefix("numpy/support/").removesuffix(".py")
        for name in template_names()
        if name.startswith("numpy/support/")
    }
    while queue:
        name = queue.pop(0)
        if name in texts or name not in available:
            continue
        source = texts[name] = template_source(f"numpy/support/{name}.py")
        queue += sorted(other for other in available if f"{other}(" in source and other != name)
    return dict.fromkeys(texts[name] for name in sorted(texts))
