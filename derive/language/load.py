"""Read a user's definition file, or one of claims.

A definition is a Python program and is run as one, in a namespace of its own. What it says is
whatever objects it leaves behind; its text is never looked at.
"""

import runpy
import sys
import traceback
from contextlib import chdir, redirect_stdout
from pathlib import Path

from derive.errors import DefinitionError, FileError
from derive.language import Claim, Operation


def load(path: Path) -> tuple[Operation, ...]:
    """Run a definition file and collect the operations it defines.

    Parameters
    ----------
    path : Path
        A Python file. It may import modules that lie beside it.

    Returns
    -------
    tuple of Operation
        The module-level operations in order of definition. Those that derive ships are left out:
        a file that builds on one imports it, and does not define it.

    Raises
    ------
    FileError
        If there is no such file.
    DefinitionError
        If the file fails, with the line in it that failed; if it defines no operation, or two of
        one name.
    """
    namespace = _run(path)
    shipped = _shipped()
    found = {
        id(value): value
        for value in namespace.values()
        if isinstance(value, Operation) and id(value) not in shipped
    }
    operations = tuple(found.values())
    if not operations:
        raise DefinitionError(
            "",
            "the file defines no operation.",
            remedy="Assign an Operation(...) to a name at the top level of the file.",
            source=str(path),
        )
    names = [operation.name for operation in operations]
    for name in names:
        if names.count(name) > 1:
            what = "two operations of the file have this name."
            raise DefinitionError(name, what, remedy="Rename one of them.", source=str(path))
    return operations


def load_claims(path: Path) -> dict[str, Claim]:
    """Run a file and collect the claims it makes.

    Parameters
    ----------
    path : Path
        A Python file. It may import modules that lie beside it.

    Returns
    -------
    dict of str to Claim
        The module-level claims by the names they are assigned to, in their order.

    Raises
    ------
    FileError
        If there is no such file.
    DefinitionError
        If the file fails, with the line in it that failed, or if it makes no claim.
    """
    found = {name: value for name, value in _run(path).items() if isinstance(value, Claim)}
    if not found:
        raise DefinitionError(
            "",
            "the file makes no claim.",
            remedy="Assign a Claim(operation, Eq(...)) to a name at the top level of the file.",
            source=str(path),
        )
    return found


def _run(path: Path) -> dict[str, object]:
    """The global names that a file leaves behind."""
    if path.is_dir():
        raise FileError(f"{path} is a directory, and a definition is a file.")
    if path.is_symlink() and not path.exists():
        raise FileError(f"{path} is a dead link: there is no {path.readlink()}.")
    if not path.is_file():
        raise FileError(f"{path}: there is no such file.")
    beside = str(path.resolve().parent)
    sys.path.insert(0, beside)
    try:
        # What a definition prints is no data of the command, and where it goes to, nobody follows:
        # the next file and the directory of the output are meant from here.
        with redirect_stdout(sys.stderr), chdir("."):
            return runpy.run_path(str(path), run_name="definition")
    except DefinitionError as error:
        error.source = error.source or _place(error, path)
        raise
    except (Exception, SystemExit) as error:
        what = traceback.format_exception_only(error)[-1].strip()
        raise DefinitionError("", what, source=_place(error, path)) from error
    finally:
        sys.path.remove(beside)


def _place(error: BaseException, path: Path) -> str:
    """The line of the definition file that raised: of all frames in it, the innermost."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == str(path):
            return f"{path}:{frame.lineno}"
    return str(path)


def _shipped() -> set[int]:
    """Identities of derive's own operations, if anything has imported them."""
    if "derive.ops" not in sys.modules:
        return set()
    families = sys.modules["derive.ops"].shipped()
    return {id(operation) for operations in families.values() for operation in operations}
