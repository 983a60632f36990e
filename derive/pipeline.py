"""The way through, one line an arrow: an operation becomes a module and a derivation."""

from __future__ import annotations

import builtins
import hashlib
import linecache
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from shlex import quote
from types import ModuleType
from typing import Any

from derive.backends.numpy.lower import Mathematics, lower
from derive.backends.numpy.module import comment, render_module
from derive.backends.numpy.package import family_file, index_file, typed_marker
from derive.calculus.adjoint import adjoint
from derive.calculus.checks import check, check_system
from derive.calculus.derivation import Derivation, derivation, outline
from derive.calculus.example import given_numbers
from derive.calculus.lift import equations_of, lifted, outputs_apart, to_system
from derive.calculus.plain import ABSENT, distinction, plain, renamed, special
from derive.calculus.statements import System
from derive.errors import DefinitionError
from derive.language.dictionary import Dictionary
from derive.language.operation import Operation
from derive.language.symbols import Axis, entries_in
from derive.output.files import Output, body, intact, is_current, with_header
from derive.passes import after_passes, equations
from derive.passes.separate_windows import with_separate_windows
from derive.program.dependences import in_order
from derive.program.grammar import adding
from derive.program.show import show as program_text
from derive.prose.document import Case
from derive.prose.gallery import index, shared
from derive.prose.html import render_html
from derive.prose.latex import render_latex
from derive.prose.numbers import tables
from derive.prose.pictures import WITH_NUMBERS, Picture, pictures, steps_above
from derive.prose.terminal import render_text
from derive.prose.typeset import Notation
from derive.verification.example import Example, worked
from derive.verification.gate import Findings, examine


@dataclass(frozen=True)
class Build:
    """The generated files of one operation, and the number of steps of its derivation.

    The operation is None in a build that comes from another process; the number is 0 where nothing
    had to be derived; the findings are None where nothing was checked.
    """

    operation: Operation | None
    outputs: tuple[Output, ...]
    steps: int
    findings: Findings | None = None


def build(operation: Operation, folder: str, file: str = "FILE.py", *, root: Path) -> Build:
    """Everything that is generated for an operation, the module checked unless it is on disk.

    Parameters
    ----------
    operation : Operation
        The definition.
    folder : str
        Folder of the files below the output directory; empty for the directory itself.
    file : str, optional
        Name of the user's definition file, without a folder: files say what they came from.
    root : Path
        The output directory: a module that it holds already is not checked again.

    Raises
    ------
    DefinitionError
        If the definition does not make sense; the message says where and how to mend it.
    NotVerified
        If the module is not what the definition says.
    """
    built = rendered(operation, folder, file)
    module = built.outputs[0]
    if is_current(module, root):
        return built
    return replace(built, findings=examine(operation, module.text))


def rendered(
    operation: Operation, folder: str, file: str = "FILE.py", *, verified: bool = True
) -> Build:
    """What `build` would write; the files say that they were checked, or that they were not."""
    system, steps = _derived(operation)
    module = render_module(_mathematics(operation, system, steps), steps)
    paper = render_latex(_cases(operation, steps))

    stamp = definition_hash(operation)
    command = f"derive build {operation.name if folder else f'{quote(file)} --out DIR'}"
    place = PurePosixPath(folder) / operation.name
    header = with_header(module, "#", stamp, command, verified=verified)
    outputs = (
        Output(place.with_suffix(".py"), header),
        Output(place.with_suffix(".tex"), with_header(paper, "%", stamp, command)),
    )
    return Build(operation, outputs, len(steps.steps))


def _mathematics(
    operation: Operation, system: System, steps: Derivation | None = None
) -> Mathematics:
    """The lines of both directions; their comments name the steps, if there are any."""
    apart = with_separate_windows(system)
    describe = comment(steps, apart.order) if steps else lambda statement, adds: ""
    return lower(operation.name, apart, adjoint(apart), describe)


def _checked(operation: Operation) -> System:
    """The system of a definition that can be meant."""
    if not isinstance(operation, Operation):
        raise DefinitionError(
            "",
            f"{operation!r} is no operation",
            remedy="Give an Operation(name, summary, inputs, outputs, equations).",
        )
    check(operation)
    given_numbers(operation)
    system = lifted(operation)
    check_system(operation, system)
    in_order([adding(s) for s in system.statements], operation.name)  # a cycle, in its own names
    return outputs_apart(system)


def _derived(operation: Operation) -> tuple[System, Derivation]:
    """What module and derivation have in common."""
    system = _checked(operation)
    return system, derivation(operation, system, adjoint(system))


def derived(operation: Operation) -> Derivation:
    """The derivation of an operation as it is: `derive.calculus.plain` has its special cases."""
    return _derived(operation)[1]


def written(operation: Operation, folder: str, root: Path) -> Build | None:
    """What was generated before, if the definition has not changed since, nor anybody the files.

    Says nothing of the engine: see `derive.output.stamp`.
    """
    place, stamp = PurePosixPath(folder) / operation.name, definition_hash(operation)
    outputs = []
    for suffix in (".py", ".tex"):
        text = intact(root / place.with_suffix(suffix), stamp)
        if text is None:
            return None
        outputs.append(Output(place.with_suffix(suffix), text))
    return Build(operation, tuple(outputs), 0)


def show(
    operation: Operation,
    format: str,
    choices: Mapping[str, Any] | None = None,
    *,
    all_steps: bool = False,
    notation: str = "bar",
    names: Mapping[str, str] | None = None,
    dictionary: str = "",
) -> str:
    """The derivation of an operation, as ``"text"``, ``"latex"`` or ``"html"``.

    Parameters
    ----------
    operation : Operation
        The definition.
    format : str
        What it is written in.
    choices : mapping of str to object, optional
        Values of options, as `derive.calculus.plain.special` has them: shown is that case alone,
        else the plain one and then the general one.
    all_steps : bool, optional
        Whether bookkeeping steps are shown one by one.
    notation : str, optional
        How cotangents are written: "bar", "partial" or "delta".
    names : mapping of str to str, optional
        What tensors, indices and rows are called instead, as in a lecture.
    dictionary : str, optional
        The one of the operation's dictionaries whose words are used; `names` come before it.
    """
    said = operation.dictionary(dictionary) if dictionary else Dictionary({}, operation.time)
    operation = renamed(operation, {**said.names, **(names or {})}, said.time)
    render = {"text": render_text, "latex": render_latex, "html": render_html}[format]
    if choices is None:
        return render(_cases(operation, _derived(operation)[1]), all_steps, Notation(notation))
    narrow = special(operation, choices)
    where = distinction(operation, narrow, choices)
    return render([Case(_derived(narrow)[1], where=where)], all_steps, Notation(notation))


def page(
    operation: Operation, folder: str, file: str = "FILE.py", *, root: Path | None = None
) -> Build:
    """The page of an operation in the gallery: derivation and module, each linked to the other.

    Parameters
    ----------
    operation : Operation
        The definition.
    folder : str
        Folder of the page below the site.
    file : str, optional
        Name of the definition file.
    root : Path, optional
        Where the modules lie just as this engine makes them, if anywhere: it need not then.
    """
    system, steps = _derived(operation)
    built = written(operation, folder, root) if root else None
    if built:
        module = body(built.outputs[0].text)
    else:
        module = render_module(_mathematics(operation, system, steps), steps)
    text = render_html(_cases(operation, steps), module=module, site="..")
    return Build(operation, (Output(PurePosixPath(folder) / f"{operation.name}.html", text),), 0)


def _cases(operation: Operation, general: Derivation) -> list[Case]:
    """The plain case, and then the general one if it is another."""
    narrow = plain(operation)
    derived = _derived(narrow)[1]
    where = distinction(operation, narrow, {})
    shown, steps = narrow, derived
    if operation.example and not narrow.example:  # it leaves a bias out
        spare = [t.name for t in operation.inputs if t.parameter and not t.required]
        left_out = [name for name in spare if name not in operation.example]
        shown = special(operation, dict.fromkeys(left_out, ABSENT))
        steps = _derived(shown)[1] if shown.example else general
        shown = shown if shown.example else operation
    example = worked(shown, steps) if shown.example else None
    drawn = _drawn(shown, to_system(shown), example)
    if shown is not narrow and not {picture.kind for picture in drawn} & WITH_NUMBERS:
        drawn = _drawn(narrow, to_system(narrow), None)
    case = Case(derived, "", where, drawn)
    if example:
        bars = (steps.cotangent.get(t) for t in example.given.arriving)
        arriving = (bar for bar in bars if bar is not None)
        known = {t.name for t in derived.order}
        numbers = {t: array for t, array in example.arrays.items() if t.name in known}
        given = (*example.given.arrays, *arriving)
        case = replace(case, tables=tuple(tables(numbers)), given=given)
    if not where and [s.label for s in derived.steps] == [s.label for s in general.steps]:
        return [case]
    return [replace(case, title="The plain case"), Case(general, "The general case")]


def illustrate(operation: Operation | Example, **said: Any) -> tuple[Picture, ...]:
    """The pictures of an operation, on the numbers of its example where it has one.

    Parameters
    ----------
    operation : Operation or Example
        The definition, or its worked example, if there is one already.
    **said
        Options by name; the others have their defaults. Sums and winners are those of the example,
        whatever is said.
    """
    example, drawn = (
        (operation, operation.operation) if isinstance(operation, Example) else (None, operation)
    )
    if example is None and drawn.example:
        example = worked(drawn)
    return _drawn(drawn, _checked(drawn), example, said)


def _drawn(
    operation: Operation,
    system: System,
    example: Example | None,
    said: Mapping[str, Any] | None = None,
) -> tuple[Picture, ...]:
    arrays, values = (example.arrays, example.given.values) if example else (None, None)
    found = pictures(system, operation.options, said=said, arrays=arrays, values=values)
    return tuple(map(steps_above, found)) if operation.time == "superscript" else found


def explain(operation: Operation, direction: str, after: str = "") -> str:
    """The program of ``"forward"`` or ``"backward"``, as it is after a pass, or in the end."""
    system = with_separate_windows(_checked(operation))
    module = after_passes(equations(operation.name, system, adjoint(system)), after=after)
    program = getattr(module, direction)
    kept = module.saved if program is module.forward else ()
    return program_text(program, module.order, kept)


def compile(operation: Operation, *, verify: bool = True) -> ModuleType:
    """The generated module of an operation, in memory: for notebooks and tests.

    Parameters
    ----------
    operation : Operation
        The definition.
    verify : bool, optional
        Whether the module is checked against the definition before it is handed out.

    Returns
    -------
    module
        With ``apply``, ``forward`` and ``backward``, exactly as a generated file has them.

    Raises
    ------
    DefinitionError
        If the definition does not make sense.
    NotVerified
        If the module is not what the definition says.

    Warns
    -----
    UserWarning
        If a check could not be made in the usual way; one warning each, saying why.
    """
    system = _checked(operation)
    # Nobody reads the text, so it names no steps, and is not laid out.
    lines, whole = _mathematics(operation, system), outline(operation, adjoint(system))
    text = render_module(lines, whole, layout=False)
    if verify:
        for clause in examine(operation, text).unchecked:
            warnings.warn(f"{operation.name} was checked {clause}", stacklevel=2)
    module = ModuleType(operation.name)
    module.__doc__ = operation.summary
    file = f"<derived {operation.name}>"
    exec(builtins.compile(text, file, "exec"), module.__dict__)
    # So that a traceback shows the line, and `inspect.getsource` finds it.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return module


def definition_hash(operation: Operation) -> str:
    """A short hash of everything a definition says."""
    parts = [operation.name, operation.summary, operation.notes, operation.source]
    equations = equations_of(operation)
    named = (a.tensor for e in equations for side in (e.left, e.right) for a in entries_in(side))
    ends = (operation.inputs, operation.outputs)
    parts.append(" → ".join(", ".join(t.name for t in tensors) for tensors in ends))
    tensors = {*operation.inputs, *operation.outputs, *named}
    parts += sorted(f"{t.name}{t.axes_of}{t.carried[1:]}" for t in tensors)
    parts += [f"{e}{e.scatter}" for e in equations]
    parts.append(operation.order.key(e.right for e in equations))
    axes = {a for e in equations for side in (e.left, e.right) for a in side.atoms(Axis)}
    parts += sorted(f"{a.name}<{a.extent}" for a in axes)
    parts += [f"{s.name}={s.formula}{s.minimum}{s.packed}" for s in operation.sizes]
    parts += [
        f"{o.name}={o.default!r}{o.settings}{sorted(o.spellings.items(), key=str)}"
        f"{o.minimum}{o.meaning}{o.ranked}{o.sides}{o.integer}{o.numeric}"
        for o in operation.options
    ]
    parts += [f"{relation}{words}" for relation, words in operation.requires]
    parts += [f"{key}{value}" for key, value in operation.legend.items()]
    parts += [f"{index}{tuple(names)}" for index, names in operation.rows.items()]
    parts += [operation.time] * (operation.time != "index")
    parts += operation.aliases  # dictionaries change nothing that is written
    parts += [f"{name}={numbers!r}" for name, numbers in operation.example.items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def package_files() -> tuple[Output, ...]:
    """The package around the shipped modules; the same whatever was built."""
    from derive.ops import shipped

    families = shipped()
    folders = (family_file(family, operations) for family, operations in families.items())
    return (index_file(families), typed_marker(), *folders)


def site_files(families: Mapping[str, Sequence[Operation]]) -> tuple[Output, ...]:
    """The list of all operations, and what the pages of a gallery share."""
    texts = {"operations.html": index(families), **shared()}
    return tuple(Output(PurePosixPath(name), text) for name, text in texts.items())
