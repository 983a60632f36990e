"""The view that the module template sees: names and ready lines, nothing to decide."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import black
import sympy
from black.mode import TargetVersion

from derive.calculus.derivation import Derivation, label_of
from derive.calculus.statements import Statement
from derive.language.operation import Operation
from derive.language.options import Option
from derive.language.order import Order
from derive.language.symbols import Size, Tensor
from derive.lowering.entry import Entry, enter
from derive.lowering.integers import lower_integer
from derive.lowering.lower import Direction, Program
from derive.lowering.program import (
    NONE,
    Assign,
    Attribute,
    Binary,
    If,
    Line,
    Literal,
    Name,
    Return,
    TupleOf,
    call,
    method,
    names_in,
)
from derive.lowering.writer import Describe
from derive.prose.text import equation_text, statement_text
from derive.rendering.python import expression_text, program_text
from derive.templating import environment, template_names, template_source

MODE = black.Mode(target_versions={TargetVersion.PY311}, line_length=100)


@dataclass(frozen=True)
class Constant:
    name: str
    value: str


@dataclass(frozen=True)
class Function:
    """A private function of the module: its parameters, docstring and body."""

    name: str
    parameters: str
    docstring: str
    body: str


@dataclass(frozen=True)
class Choice:
    """Two strategies of one direction; the first is the faster one where `prefers` says so."""

    direction: str
    first: str
    second: str
    parameters: str
    prefers: str


@dataclass(frozen=True)
class ModuleView:
    """Everything the template places."""

    name: str
    docstring: str
    constants: tuple[Constant, ...]
    sizes: tuple[str, ...]
    packed: tuple[str, ...]
    reals: tuple[str, ...]
    saved: tuple[str, ...]
    differentiable: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    signature: str
    parameters: str
    returns: str
    passed: str
    bound: str
    all_names: str
    computed: str
    arguments: str
    leave: tuple[str, ...]
    absentable: str
    result: str
    residual_values: str
    wrt: str
    enter_backward: tuple[str, ...]
    backward_arguments: str
    bind_lines: str
    dtype: str
    functions: tuple[Function, ...]
    choices: tuple[Choice, ...]
    support: tuple[str, ...]


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
        return "\n".join(wrap(text, 88, subsequent_indent="    ", break_long_words=False))

    return describe


def render_module(program: Program, derivation: Derivation, *, layout: bool = True) -> str:
    """The text of a module, without its header; laid out by black if people are to read it."""
    view = module_view(program, derivation)
    text = environment().get_template("numpy/module.py.j2").render(module=view)
    # The functions behind it are laid out already (a test sees to that), and most of the text.
    text = black.format_str(text, mode=MODE) if layout else text
    return "\n\n".join((text, *view.support))


def _docstring(derivation: Derivation) -> str:
    """Summary, equations, legend, notes and source, none of which can end the string."""
    operation = derivation.operation
    paragraphs = ["\n".join(wrap(operation.summary, 96))]
    order, written = derivation.order, derivation.written
    printed = [equation_text(e, order, written) for e in derivation.definition]
    paragraphs.append(
        "\n".join(
            line
            for equation in printed
            for line in wrap(equation, 96, initial_indent="    ", subsequent_indent="        ")
        )
    )
    if operation.legend:
        paragraphs.append("\n".join(f"{key}: {text}" for key, text in operation.legend.items()))
    if operation.notes:
        paragraphs.append("\n".join(wrap(operation.notes, 96)))
    if derivation.ties:
        words = "Of equal arguments of max or min the first has the gradient, as they stand above."
        paragraphs.append(words)
    if operation.source:
        paragraphs.append("\n".join(wrap(f"Source: {operation.source}.", 96)))
    return escaped("\n\n".join(paragraphs))


def escaped(text: str) -> str:
    """Text that means itself inside a docstring, and cannot end it."""
    return text.replace("\\", "\\\\").replace('"' * 3, '\\"' * 3)


def module_view(program: Program, derivation: Derivation) -> ModuleView:
    """Collect names and lines."""
    operation = derivation.operation
    entry = enter(operation)
    inputs, options = operation.inputs, operation.options
    reals = [t for t in inputs if not t.integer]
    temporaries = [t for t in program.saved if t not in inputs]
    outputs = operation.outputs
    several = len(outputs) > 1
    names = [t.name for t in inputs]
    computed = [t.name for t in (*outputs, *(t for t in temporaries if t not in outputs))]
    differentiable = [t.name for t in reals]
    absentable = ", ".join(f'("{t.name}", {t.name})' for t in reals if not t.required)
    bars = {t: program.cotangents[t].name for t in (*reals, *outputs) if t in program.cotangents}
    arriving = [bars[t] for t in outputs if t in bars]
    saved = [t.name for t in program.saved]
    backward_parameters = ["sizes", "dtype", "wrt", *arriving, *saved]
    returned = (Return(TupleOf(tuple(Name(n) for n in computed))),)
    directions = (
        _Direction("forward", ", ".join(["sizes", "dtype", *names]), program.forward, (), returned),
        _Direction("backward", ", ".join(backward_parameters), program.backward,
                   *_finish_backward(entry, reals, bars)),
    )  # fmt: skip
    return ModuleView(
        name=operation.name,
        docstring=_docstring(derivation),
        constants=tuple(
            Constant(name, _number(value))
            for name, value in sorted(program.needs.constants.items())
        ),
        sizes=entry.symbols,
        packed=tuple(n for n in entry.symbols if n.endswith("_axes")),
        reals=tuple(s.name for o in options if not o.integer for s in o.settings),
        saved=tuple(saved),
        differentiable=tuple(differentiable),
        outputs=outputs if several else (),
        signature=_signature(inputs, options),
        parameters=_parameters(operation),
        returns=_returns(operation),
        passed=", ".join([*names, *(f"{o.name}={o.name}" for o in options)]),
        bound=", ".join(names),
        all_names=", ".join([*names, *(o.name for o in options)]),
        computed=", ".join(computed) if len(computed) > 1 else f"({computed[0]},)",
        arguments=", ".join(names),
        leave=tuple(_leave(operation, entry, program)),
        absentable=absentable + ("," if absentable else ""),
        result=_result(outputs),
        residual_values=", ".join(
            ["sizes", "dtype", "absent", *(_kept(t, operation) for t in program.saved)]
        ),
        wrt=", ".join(f'"{n}"' for n in differentiable) + ("," if len(differentiable) == 1 else ""),
        enter_backward=tuple(_enter_backward(operation, entry, bars)),
        backward_arguments=", ".join(
            ["sizes", "dtype", "wrt", *arriving, *(f"residuals.{n}" for n in saved)]
        ),
        bind_lines=program_text(entry.lines),
        dtype=expression_text(Attribute(Name(reals[0].name), "dtype")) if reals else "None",
        functions=tuple(f for d in directions for f in d.functions(operation.name, entry)),
        choices=tuple(c for d in directions for c in d.choice(entry)),
        support=_support(program, entry, several),
    )


def _number(value: sympy.Expr) -> str:
    return repr(float(sympy.N(value, 30)))


def _signature(inputs: tuple[Tensor, ...], options: tuple[Option, ...]) -> str:
    parts = [t.name if t.required else f"{t.name}=None" for t in inputs]
    if options:
        parts.append("*")
    parts += [f"{o.name}={_default(o.default)}" for o in options]
    return ", ".join(parts)


def _default(value: Any) -> str:
    plain = isinstance(value, str) and not {'"', "\\"} & set(value)
    return f'"{value}"' if plain else repr(value)


def _shape_text(tensor: Tensor) -> str:
    parts = []
    for factors in tensor.axes_of:
        if isinstance(factors[0], Size) and factors[0].packed:
            parts.append("*")
        else:
            parts.append("*".join(str(f) for f in factors))
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"


def _parameters(operation: Operation) -> str:
    lines = ["    Parameters", "    ----------"]
    for tensor in operation.inputs:
        kind = "ndarray of int" if tensor.integer else "ndarray"
        optional = ", optional" if tensor.optional else ""
        optional = optional if tensor.default is None else f", default {tensor.default}"
        lines.append(f"    {tensor.name} : {kind} {_shape_text(tensor)}{optional}")
        if tensor.below is not None:
            besides = "" if tensor.besides is None else f", or are {tensor.besides}"
            lines.append(f"        Entries lie in 0 <= entry < {tensor.below}{besides}.")
        if tensor.interval is not None:
            low, high = tensor.interval
            begin = f"{low} <= " if low.is_finite else ""
            end = f" <= {high}" if high.is_finite else ""
            lines.append(f"        Entries lie in {begin}entry{end}, and none is NaN.")
    for option in operation.options:
        kind, default = escaped(_kind(option)), escaped(_default(option.default))
        lines.append(f"    {option.name} : {kind}, default {default}")
        if option.meaning:
            meaning = escaped(" ".join(option.meaning.split()))
            lines.append(f"        {meaning[0].upper()}{meaning[1:]}.")
    return "\n".join(lines)


def _kind(option: Option) -> str:
    words = [_default(word) for word in option.spellings]
    if not option.numeric:
        return "{" + ", ".join(words) + "}"
    if not option.integer:
        return "float"
    kinds = ["int"]
    if option.sides:
        kinds += ["tuple of int", "tuple of (low, high)"]
    elif option.ranked:
        kinds += ["tuple of int"]
    return " or ".join([*kinds, *words])


def _returns(operation: Operation) -> str:
    lines = []
    for tensor in operation.outputs:
        lines.append(f"    {tensor.name} : ndarray {_shape_text(tensor)}")
    return "\n".join(lines)


def _result(outputs: tuple[Tensor, ...]) -> str:
    names = ", ".join(t.name for t in outputs)
    return names if len(outputs) == 1 else f"Outputs({names})"


def _kept(tensor: Tensor, operation: Operation) -> str:
    """What the residuals hold: outputs are copied, for the caller may overwrite them."""
    return f"{tensor.name}_kept" if tensor in operation.outputs else tensor.name


def _leave(operation: Operation, entry: Entry, program: Program) -> list[str]:
    lines: list[Line] = []
    for tensor in operation.outputs:
        if tensor in program.saved:
            lines.append(Assign(Name(f"{tensor.name}_kept"), method(Name(tensor.name), "copy")))
        if entry.merged[tensor] != entry.split[tensor]:
            shaped = method(Name(tensor.name), "reshape", entry.merged[tensor])
            lines.append(Assign(Name(tensor.name), shaped))
    return program_text(_with_sizes(lines, entry), 0).splitlines()


def _enter_backward(operation: Operation, entry: Entry, bars: dict[Tensor, str]) -> list[str]:
    """Check the gradients by the outputs and split their product axes."""
    outputs = [t for t in operation.outputs if t in bars]
    lines: list[Line] = []
    shapes = [NONE if t.integer else entry.merged[t] for t in operation.outputs]
    if len(operation.outputs) == 1:
        value = call(
            "_cotangent", Literal("grad_output"), Name("grad_output"), *shapes, Name("dtype")
        )
        lines.append(Assign(Name(bars[outputs[0]] if outputs else "_"), value))
    else:
        names = TupleOf(tuple(Literal(t.name) for t in operation.outputs))
        targets = TupleOf(
            tuple(Name(bars[t]) if t in bars else Name("_") for t in operation.outputs)
        )
        value = call("_outputs", Name("grad_output"), names, TupleOf(tuple(shapes)), Name("dtype"))
        lines.append(Assign(targets, value))
    for tensor in outputs:
        if entry.merged[tensor] != entry.split[tensor]:
            bar = Name(bars[tensor])
            lines.append(Assign(bar, method(bar, "reshape", entry.split[tensor])))
    return program_text(_with_sizes(lines, entry), 0).splitlines()


def _finish_backward(
    entry: Entry, reals: list[Tensor], bars: dict[Tensor, str]
) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """What stands before and after the mathematics of backward."""
    before: list[Line] = [Assign(Name(bars[t]), NONE) for t in reals]
    after: list[Line] = []
    for tensor in reals:
        bar = Name(bars[tensor])
        if entry.merged[tensor] != entry.split[tensor]:
            shaped = method(bar, "reshape", entry.merged[tensor])
            after.append(If(Binary("is not", bar, NONE), (Assign(bar, shaped),)))
    after.append(Return(call("Gradients", *(Name(bars[t]) for t in reals))))
    return tuple(before), tuple(after)


@dataclass(frozen=True)
class _Direction:
    word: str
    parameters: str
    direction: Direction
    before: tuple[Line, ...]
    after: tuple[Line, ...]

    def functions(self, operation: str, entry: Entry) -> list[Function]:
        """One function for each strategy."""
        found = []
        for variant in self.direction.variants:
            lines = _with_sizes((*self.before, *variant.lines, *self.after), entry)
            suffix = f"_{variant.name}" if variant.name else ""
            how = f", by {variant.name}" if variant.name else ""
            found.append(
                Function(
                    f"_{self.word}{suffix}",
                    self.parameters,
                    f"{operation}, {self.word}s{how}.",
                    program_text(lines),
                )
            )
        return found

    def choice(self, entry: Entry) -> list[Choice]:
        variants = self.direction.variants
        if len(variants) == 1:
            return []
        first, second = (f"_{self.word}_{v.name}" for v in variants)
        assert self.direction.prefers is not None
        test = Return(lower_integer(self.direction.prefers))
        lines = program_text(_with_sizes((test,), entry))
        return [Choice(self.word, first, second, self.parameters, lines)]


def _with_sizes(lines: Any, entry: Entry) -> list[Line]:
    """Take from `sizes` the names that the lines mention."""
    used = names_in(tuple(lines))
    taken = [s for s in entry.symbols if s in used]
    return [
        *(Assign(Name(s), Attribute(Name("sizes"), s)) for s in taken),
        *lines,
    ]


def _support(program: Program, entry: Entry, several: bool) -> tuple[str, ...]:
    """The texts of the functions the module calls, and of those they call."""
    texts: dict[str, str] = {}
    variants = (*program.forward.variants, *program.backward.variants)
    wanted = names_in((entry.lines, tuple(v.lines for v in variants)))
    arriving = "_outputs" if several else "_cotangent"
    queue = sorted({"_wanted", arriving} | wanted)
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
    return tuple(texts[name] for name in sorted(texts))
