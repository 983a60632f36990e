"""Every error that is the user's to mend: one base class, and a message that says how."""

from collections.abc import Iterable
from difflib import get_close_matches

_REPORT = (
    "Most likely this is a defect of derive, not of the definition; please report it with the "
    "definition"
)


def printable(text: str) -> str:
    """Text that a terminal shows and does not obey: control characters stand as their escapes."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


class DeriveError(Exception):
    """Base of all errors raised on purpose; the command prints its text and no traceback."""

    def __str__(self) -> str:
        return printable(super().__str__())


class DefinitionError(DeriveError):
    """A definition that cannot be meant: where it is, what is wrong, how to mend it.

    Parameters
    ----------
    operation : str
        Name of the operation; empty when the file failed before it had one.
    what : str
        What is wrong, one sentence.
    equation : str, optional
        The equation it is wrong in, printed below and indented.
    remedy : str, optional
        What to do about it, one sentence.
    source : str, optional
        The file, or ``file:line``. Filled in by whoever knows it; the language does not.

    Examples
    --------
    >>> print(DefinitionError("square", "y is defined twice.", remedy="Rename one of them."))
    square: y is defined twice.
    Rename one of them.
    """

    def __init__(
        self, operation: str, what: str, *, equation: str = "", remedy: str = "", source: str = ""
    ) -> None:
        super().__init__(operation, what)
        self.operation = operation
        self.what = what
        self.equation = equation
        self.remedy = remedy
        self.source = source

    def __str__(self) -> str:
        place = [part for part in (self.source, self.operation) if part]
        equation = [f"  {line}" for line in self.equation.splitlines()]
        lines = [": ".join([*place, self.what]), *equation, *self.remedy.splitlines()]
        return printable("\n".join(lines))


class FileError(DeriveError):
    """A file that cannot be read, or that derive has no right to overwrite."""


class VerificationError(DeriveError):
    """A verification that could not be carried out, as opposed to one that failed."""


class NotVerified(DeriveError):
    """A module that is not what its definition says; it was not written.

    Parameters
    ----------
    operation : str
        Name of the operation.
    check : str
        Which check failed.
    case : str
        The call it failed on.
    strategy : str
        The strategies that were forced; empty if there was no choice.
    what : str
        What came, and what should have.
    """

    def __init__(self, operation: str, check: str, case: str, strategy: str, what: str) -> None:
        super().__init__(operation, check, case, strategy, what)
        self.operation, self.check, self.case = operation, check, case
        self.strategy, self.what = strategy, what

    def __str__(self) -> str:
        forced = f", by {self.strategy}" if self.strategy else ""
        return (
            f"{self.operation}: the module that was made is not what the definition says, "
            "so it was not written.\n"
            f"  check  {self.check}\n"
            f"  call   {self.case}{forced}\n"
            f"  found  {self.what}\n"
            f"{_REPORT}. --no-verify (in Python, verify=False) gives the module all the same."
        )


class BrokenProgram(DeriveError):
    """A program that does not keep the rules of programs, so that no module is made of it."""

    def __init__(self, program: str, faults: Iterable[str]) -> None:
        super().__init__(program, *faults)
        self.program, self.faults = program, tuple(faults)

    def __str__(self) -> str:
        lines = [f"{self.program}: the program that was made cannot be right.", *self.faults]
        return printable("\n  ".join(lines) + f"\n{_REPORT}.")


class UsageError(DeriveError):
    """A command that asks for something that does not exist."""

    @classmethod
    def unknown(cls, name: str, known: Iterable[str]) -> "UsageError":
        """No operation has this name; propose the ones that look like it."""
        close = get_close_matches(name, known)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        return cls(f"There is no operation {name!r}.{hint}\n`derive list` shows all of them.")
