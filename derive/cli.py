"""The `derive` command.

Data go to stdout, progress and messages to stderr. Exit codes: 0 all is well; 1 the answer is no
(stale, not verified); 2 there is no answer; 130 interrupted.

The engine is imported where it is used: SymPy costs half a second, which `derive --help` has not.
"""

from __future__ import annotations

import ast
import io
import re
import shlex
import sys
import textwrap
import traceback
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import repeat
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from tempfile import mkdtemp
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import derive
from derive.errors import (
    DefinitionError,
    DeriveError,
    FileError,
    NotVerified,
    UsageError,
    printable,
)
from derive.output import files, stamp

if TYPE_CHECKING:
    from rich.console import Console

    from derive.language import Operation
    from derive.output.files import Change, Output
    from derive.pipeline import Build


class _Commands(TyperGroup):
    """Turns what may go wrong into a message and an exit code, for every command alike."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except DeriveError as error:
            _say(str(error))
            raise typer.Exit(2) from error
        except KeyboardInterrupt as interrupt:
            _say("Interrupted. Every file is either the old one or the new one.")
            raise typer.Exit(130) from interrupt


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME|FILE.py",
        help="Operations that derive ships, or definition files of your own. Default: all shipped.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Directory of the generated files. Default for shipped operations: generated/.",
        show_default=False,
    ),
]


class Format(StrEnum):
    """How `derive show` writes a derivation."""

    text = "text"
    latex = "latex"
    html = "html"


class Notation(StrEnum):
    """How `derive show` writes the derivative of the loss."""

    bar = "bar"
    partial = "partial"
    delta = "delta"


class Direction(StrEnum):
    """Which program `derive explain` prints."""

    forward = "forward"
    backward = "backward"
    both = "both"


def main() -> None:
    """Entry point of the command."""
    for stream in (sys.stdout, sys.stderr):
        # Equations are Unicode; a pipe on Windows is not, unless told so.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app(prog_name="derive")
    except Exception:
        # Python's own exit code would be 1, which means "stale".
        traceback.print_exc()
        _say("This is a defect of derive; please report it.")
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"derive {derive.__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """From an equation to a derivation, a NumPy module, and checks that the two agree.

    Without a command: build all shipped operations.
    """
    if context.invoked_subcommand is None:
        build()


@app.command()
def build(
    names: Names = None,
    out: Out = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite hand edits, too, and remove leftovers.")
    ] = False,
    no_verify: Annotated[
        bool,
        typer.Option("--no-verify", help="Write modules that were not checked; they say so."),
    ] = False,
) -> None:
    """Check modules and write them, with their derivations; only what has changed."""
    start = perf_counter()
    everything = not (names or no_verify)
    if everything and not force and (count := stamp.unchanged(root := _directory((), out))):
        _say(f"{root}: {count} unchanged ({perf_counter() - start:.1f} s)")
        return
    from derive.pipeline import build as checked
    from derive.pipeline import rendered as unchecked

    targets = _select(names)
    root = _directory(targets, out)
    known = {} if names or force or no_verify else _written(targets, root)
    make = partial(unchecked, verified=False) if no_verify else partial(checked, root=root)
    rendered, refused = _render(targets, make, known)
    outputs = _outputs(rendered)
    changes = files.plan(outputs, root)
    if not refused:
        changes += files.orphans(outputs, root, complete=not names)
    left_alone = files.write(changes, force=force)
    if everything and not refused:
        stamp.remember(root, outputs)
    else:
        stamp.forget_others(root)

    _summarise(rendered, changes, left_alone, root, perf_counter() - start)
    for change in (c for c in left_alone if c.status == "leftover"):
        _say(f"{change.path}: {_REASON[change.status]}; with --force, it is removed.")
    left_alone = [change for change in left_alone if change.status != "leftover"]
    if left_alone:
        forced = any(change.status != "linked" for change in left_alone)
        remedy = "Move it elsewhere, or run again with --force to overwrite it."
        raise FileError(
            _left_alone(
                left_alone, remedy if forced else "Remove the link, or name another directory."
            )
        )
    if refused:
        raise typer.Exit(2)


@app.command()
def check(names: Names = None, out: Out = None) -> None:
    """Compare the generated files with their definitions.

    The exit status is 0 if they are current, 1 if some are stale, and 2 after a failure.
    """
    from derive.pipeline import rendered

    targets = _select(names)
    root = _directory(targets, out)
    current, _ = _render(targets, rendered)
    stale = files.stale(_outputs(current), root, complete=not names)
    for change in stale:
        typer.echo(files.diff(change), nl=False)
    if not stale:
        _say(f"{root} is current.")
        return
    command = ["derive", "build", *(names or ())]
    command += ["--out", str(out)] if out else []
    command += ["--force"] if any(change.protected for change in stale) else []
    for change in stale:
        _say(f"{change.path}: {_REASON[change.status]}")
    _say(f"To repair: {shlex.join(command)}")
    raise typer.Exit(1)


@app.command()
def verify(names: Names = None, out: Out = None) -> None:
    """Verify the generated files: reference loops, exact arithmetic, central differences."""
    from derive.verification import verify as verify_module

    targets = _select(names)
    root = _directory(targets, out)
    failed = []
    for target in targets:
        path = root / target.folder / f"{target.operation.name}.py"
        if not path.is_file():
            raise FileError(f"{path} does not exist. `derive build` makes it.")
        with _named(target):
            report = verify_module(target.operation, path)
        for line in report.lines:
            typer.echo(printable(f"{target.operation.name}: {line}"))
        if not report.ok:
            failed.append(target.operation.name)
    if failed:
        _say(f"Not verified: {', '.join(failed)}")
        raise typer.Exit(1)


@app.command()
def show(
    names: Annotated[list[str], typer.Argument(metavar="NAME|FILE.py")],
    format: Annotated[
        Format, typer.Option(help="For a terminal, for a paper, or for a browser.")
    ] = Format.text,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE,...",
            help="Show the case in which options have these values, and inputs that may be left "
            "out are given or absent: stride=2,padding=same or lengths=given.",
            show_default=False,
        ),
    ] = None,
    all_steps: Annotated[
        bool, typer.Option("--all-steps", help="Show bookkeeping steps one by one, too.")
    ] = False,
    notation: Annotated[
        Notation, typer.Option(help="How the derivative of the loss is written: x̄, ∂L/∂x or δ_x.")
    ] = Notation.bar,
    names_: Annotated[
        list[str] | None,
        typer.Option(
            "--names",
            metavar="DICTIONARY|NAME=NAME,...",
            help="Other names for tensors, indices and rows, as in a lecture: a dictionary that "
            "the operation ships with (`derive list` names them), such as uwv; or names one by "
            "one, weight_ih=U,weight_hh=W,h=s; or both, uwv,y=o.",
            show_default=False,
        ),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Show it in a browser instead of printing it.")
    ] = False,
) -> None:
    """Print the derivation, step by step: the plain case, and then the general one."""
    from derive.pipeline import show as derivation

    choices = _choices(set_, "--set") if set_ else None
    dictionary, pairs = _dictionary(names_ or ())
    called = {k: str(v) for k, v in _choices(pairs, "--names").items()}
    targets = _select(names)
    if format is Format.html and len(targets) > 1 and not open_:
        raise UsageError("A page shows one operation. Name one, or run `derive gallery` for all.")
    for target in targets:
        with _named(target):
            kind = Format.html if open_ else format
            text = derivation(
                target.operation, kind.value, choices,
                all_steps=all_steps, notation=notation.value, names=called,
                dictionary=dictionary,
            )  # fmt: skip
        if open_:
            _open(target.operation.name, text)
        else:
            typer.echo(text.rstrip("\n"))


@app.command()
def gallery(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory of the site: a new one, or a gallery.")
    ] = Path("gallery"),
) -> None:
    """Write a course and a page of each shipped operation, to be read without a network."""
    from derive.course import FOLDER, OPERATIONS
    from derive.course.page import course_file
    from derive.ops import shipped
    from derive.output import site
    from derive.pipeline import page, site_files

    start = perf_counter()
    site.check(out)
    own = [_Target(operation, folder=FOLDER) for operation in OPERATIONS]
    make = partial(page, root=_current())
    with ProcessPoolExecutor(1, mp_context=_processes(), initializer=_quiet) as apart:
        first = apart.submit(course_file)
        rendered = [each for part in (_select(None), own) for each in _render(part, make)[0]]
    outputs = [output for each in rendered for output in each.build.outputs]
    families = {**shipped(), FOLDER: OPERATIONS}
    changes = site.plan([first.result(), *site_files(families), *outputs], out)
    left_alone = site.write(changes, out)
    _summarise((), changes, left_alone, out, perf_counter() - start)
    if left_alone:
        raise FileError(_left_alone(left_alone, "Move it elsewhere, and run again."))


@app.command()
def audit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.py", help="Files of claims.")],
) -> None:
    """Say of gradients that somebody derived by hand whether they are right.

    The exit status is 0 if all claims hold, 1 if some do not, and 2 if of some there is no telling.
    """
    from derive.claims import audit as audited
    from derive.language.load import load_claims

    wrong = unanswered = False
    for path in files:
        for name, claim in load_claims(path).items():
            try:
                verdict = audited(claim)
            except DeriveError as error:
                _say(f"{path}: {name}: {error}")
                unanswered = True
                continue
            place = f"{name} ({claim.source})" if claim.source else name
            typer.echo(printable(f"{place}: {verdict}\n"))
            wrong |= not verdict.holds
    if unanswered or wrong:
        raise typer.Exit(2 if unanswered else 1)


@app.command()
def explain(
    names: Annotated[list[str], typer.Argument(metavar="NAME|FILE.py")],
    direction: Annotated[Direction, typer.Option(help="What to print.")] = Direction.both,
    after: Annotated[str, typer.Option(metavar="PASS", help="As it is after this pass.")] = "",
) -> None:
    """Print the program between the equations and the module, for those who work on passes."""
    from derive.pipeline import explain as explained

    words = ("forward", "backward") if direction is Direction.both else (direction.value,)
    for target in _select(names):
        with _named(target):
            for word in words:
                typer.echo(explained(target.operation, word, after))


@app.command("list")
def list_operations() -> None:
    """List the operations that derive ships."""
    from rich.console import Console

    from derive.ops import aliases

    console, targets = Console(), _shipped().values()
    width = max((len(target.operation.name) for target in targets), default=0)
    room = max((len(target.folder) for target in targets), default=0)
    for target in targets:
        name = target.operation.name
        also = ", ".join(alias for alias, original in aliases().items() if original == name)
        summary = target.operation.summary + (f" Also: {also}." if also else "")
        words = [*target.operation.dictionaries]
        ending = "ies" if len(words) > 1 else "y"
        summary += f" Dictionar{ending}: {', '.join(words)}." if words else ""
        line = f"{name:{width}}  {target.folder:{room}}  {summary}"
        if console.is_terminal:  # elsewhere, a line for each
            line = textwrap.fill(line, console.width, subsequent_indent=" " * (width + room + 4))
        typer.echo(line)


def _dictionary(given: Sequence[str]) -> tuple[str, list[str]]:
    """A dictionary's name, which may come first, and what follows it."""
    first, _, rest = ",".join(given).partition(",")
    if "=" in first:
        return "", list(given)
    return first.strip(), [rest] if rest else []


def _choices(given: Sequence[str], option: str) -> dict[str, Any]:
    """What an option says by name, from ``stride=2,padding=(1, 2)``: numbers, tuples and words."""
    text = ",".join(given)
    parts = re.split(r",(?=\s*\w+\s*=)", text)
    choices: dict[str, Any] = {}
    for part in filter(None, parts):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name.isidentifier() and equals and value):
            raise UsageError(
                f"{option} takes NAME=VALUE, and got {part!r}. Write {option} stride=2,padding=1."
            )
        try:
            choices[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            choices[name] = value
    return choices


# What is asked for, and where it lies


@dataclass(frozen=True)
class _Target:
    """An operation, its folder below the output directory, and the user's file it is from."""

    operation: Operation
    folder: str = ""
    source: str = ""


@dataclass(frozen=True)
class _Rendered:
    """A target with everything that would be written for it, and what that took."""

    target: _Target
    build: Build
    seconds: float


_Make = Callable[..., "Build"]  # of an operation and its folder


def _shipped() -> dict[str, _Target]:
    from derive.ops import shipped

    return {
        operation.name: _Target(operation, folder=family)
        for family, operations in shipped().items()
        for operation in operations
    }


def _select(names: Sequence[str] | None) -> list[_Target]:
    """The operations that names and files stand for, each once; all shipped ones without names."""
    if not names:
        return list(_shipped().values())
    selected: dict[tuple[str, str], _Target] = {}
    for name in names:
        for target in _read(name) if name.endswith(".py") else [_find(name)]:
            selected[target.source, target.operation.name] = target
    return list(selected.values())


def _read(file: str) -> list[_Target]:
    from derive.language.load import load

    return [_Target(operation, source=file) for operation in load(Path(file))]


def _find(name: str) -> _Target:
    from derive.ops import aliases, find

    if found := find(name):
        family, operation = found
        return _Target(operation, folder=family)
    raise UsageError.unknown(name, [*_shipped(), *aliases()])


def _directory(targets: Sequence[_Target], out: Path | None) -> Path:
    """Where the generated files are: a directory that was named, or one that is derive's own."""
    if out is not None:
        if out.is_symlink() and not out.exists():
            raise FileError(f"{out} is a dead link: there is no {out.readlink()}.")
        if out.exists() and not out.is_dir():
            raise FileError(f"{out} is not a directory.")
        return out
    for target in targets:
        if target.source:
            raise UsageError(f"{target.source} is your own file: name a directory with --out DIR.")
    here = Path("generated")
    if files.carries_marker(here):
        return here
    checkout = Path(derive.__file__).resolve().parent.parent
    beside = checkout / "generated"
    empty = not beside.is_dir() or not any(beside.iterdir())
    if (checkout / "pyproject.toml").is_file() and (empty or files.carries_marker(beside)):
        return beside
    raise FileError(
        "There is no directory here that derive made (one with a generated __init__.py).\n"
        "Name the one you want with --out DIR."
    )


def _current() -> Path | None:
    """Where all generated files are just as this engine makes them, if they are anywhere."""
    try:
        root = _directory((), None)
    except FileError:
        return None
    return root if stamp.unchanged(root) else None


# Rendering, and what is said about it

_REASON = {
    "new": "missing",
    "changed": "out of date",
    "orphan": "no definition produces it",
    "leftover": "its definition file does not define it any more",
    "edited": "edited by hand",
    "foreign": "not generated by derive",
    "linked": "a link to a file that derive did not write, which --force does not follow",
}


def _left_alone(changes: Sequence[Change], remedy: str) -> str:
    listed = (f"  {change.path}: {_REASON[change.status]}" for change in changes)
    return "\n".join(["Left alone, because a person wrote what would be lost:", *listed, remedy])


def _open(name: str, page: str) -> None:
    """Show a page in the browser, from a file that outlives the command."""
    path = Path(mkdtemp(prefix="derive-")) / f"{name}.html"
    path.write_text(page, encoding="utf-8")
    if not webbrowser.open(path.as_uri()):
        raise FileError(f"There is no browser here. The page is {path}.")
    _say(str(path))


_MANY = 8  # operations for which starting a second process pays


def _written(targets: Sequence[_Target], root: Path) -> dict[str, Build]:
    """What need not be derived again, because neither its definition nor the engine has changed."""
    from derive.pipeline import written

    if not stamp.wrote(root):
        return {}
    found = {t.operation.name: written(t.operation, t.folder, root) for t in targets}
    return {name: build for name, build in found.items() if build is not None}


def _render(
    targets: Sequence[_Target], make: _Make, known: Mapping[str, Build] | None = None
) -> tuple[list[_Rendered], list[_Target]]:
    """Make everything in memory that is not known; and what was refused, which is said at once."""
    given = known or {}
    made = iter(_made([t for t in targets if t.operation.name not in given], make))
    rendered, refused = [], []
    for target in targets:
        name = target.operation.name
        result, seconds = (given[name], 0.0) if name in given else next(made)
        if isinstance(result, NotVerified):
            _say(str(result))
            refused.append(target)
        else:
            rendered.append(_Rendered(target, result, seconds))
    return rendered, refused


def _made(targets: Sequence[_Target], make: _Make) -> list[tuple[Build | NotVerified, float]]:
    """Make everything in memory, many shipped operations on all cores: none needs another."""
    from rich.progress import track

    console = _console()
    with ExitStack() as stack:
        ordered = list(targets)
        results = map(_make, repeat(make), ordered)
        if len(targets) >= _MANY and not any(target.source for target in targets):
            # The longest first, or the last of them would run alone.
            ordered.sort(key=lambda target: len(target.operation.equations), reverse=True)
            pool = ProcessPoolExecutor(mp_context=_processes(), initializer=_quiet)
            stack.enter_context(pool)
            names = [target.operation.name for target in ordered]
            results = pool.map(_make_by_name, repeat(make), names)
        shown = track(
            results,
            description="deriving and checking",
            total=len(targets),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        made = {id(target): result for target, result in zip(ordered, shown, strict=True)}
        return [made[id(target)] for target in targets]


def _processes() -> BaseContext:
    """How others are started: by one that has read all definitions, if the system can do that."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    from derive.ops import FAMILIES

    context = get_context("forkserver")
    families = (f"derive.ops.{family}" for family in FAMILIES)
    context.set_forkserver_preload(["derive.pipeline", *families])
    return context


def _make(make: _Make, target: _Target) -> tuple[Build | NotVerified, float]:
    """What is generated for a target or why it is not, and the seconds that took."""
    start = perf_counter()
    with _named(target):
        try:
            made = make(target.operation, target.folder, Path(target.source).name)
        except NotVerified as refusal:
            made = refusal
    return made, perf_counter() - start


def _make_by_name(make: _Make, name: str) -> tuple[Build | NotVerified, float]:
    """The same in another process, which makes the operation itself."""
    made, seconds = _make(make, _find(name))
    return (replace(made, operation=None) if not isinstance(made, NotVerified) else made), seconds


def _quiet() -> None:
    """Leave an interrupt to the process that writes."""
    signal(SIGINT, SIG_IGN)


def _outputs(rendered: Sequence[_Rendered]) -> list[Output]:
    """All files: those of the operations, and the package around the shipped ones."""
    outputs = [output for each in rendered for output in each.build.outputs]
    if any(not each.target.source for each in rendered):
        from derive.pipeline import package_files

        outputs += package_files()
    return outputs


@contextmanager
def _named(target: _Target) -> Iterator[None]:
    """Let an error in a definition name the file; the engine only knows the operation."""
    try:
        yield
    except DefinitionError as error:
        error.source = error.source or target.source
        raise


def _summarise(
    rendered: Sequence[_Rendered],
    changes: Sequence[Change],
    left_alone: Sequence[Change],
    root: Path,
    seconds: float,
) -> None:
    """One row for each operation, and a last line for the whole."""
    from rich.table import Table

    kept = {change.path for change in left_alone}
    current = {change.path for change in changes if change.status == "unchanged"}
    table = Table(box=None)
    table.add_column("operation")
    for column in ("steps", "lines", "checked on", "time"):
        table.add_column(column, justify="right")
    table.add_column("files")
    for each in (r for r in rendered if r.build.steps):  # the others did not have to be derived
        paths = {root / output.path for output in each.build.outputs}
        fate = "left alone" if paths & kept else "unchanged" if paths <= current else "written"
        lines = sum(o.text.count("\n") for o in each.build.outputs if o.path.suffix == ".py")
        table.add_row(
            each.target.operation.name,
            str(each.build.steps),
            str(lines),
            _checked(each.build),
            f"{each.seconds:.2f} s",
            fate,
        )
    if table.rows:
        _console().print(table)
    for each in rendered:
        for what in each.build.findings.unchecked if each.build.findings else ():
            _say(f"{each.target.operation.name}: checked {what}.")

    removed = [change for change in changes if change.new is None and change.path not in kept]
    for change in removed:
        _say(f"Removed {change.path}: {_REASON[change.status]}.")
    counts = {
        "written": len(changes) - len(current) - len(kept) - len(removed),
        "unchanged": len(current),
        "removed": len(removed),
        "left alone": len(kept),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    _say(f"{root}: {told or 'nothing written'} ({seconds:.1f} s)")


def _checked(build: Build) -> str:
    """On how many cases a module was checked just now."""
    return f"{build.findings.cases} cases" if build.findings else "-"


def _console() -> Console:
    """Where progress goes. (rich honours NO_COLOR.)"""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _say(message: str) -> None:
    typer.echo(printable(message), err=True)
