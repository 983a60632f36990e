"""Try random definitions, and sort what becomes of them.

    python -m tests.survey 3000
    python -m tests.survey 200 --first 1000 --show

A definition may be refused, with a message that says why, or become a module that the checks
accept. Anything else is a defect of derive: a module that the checks refuse, or an exception that
is not meant for the author.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Annotated

import typer

from derive.errors import DefinitionError, NotVerified
from derive.language.operation import sides
from derive.pipeline import compile as compiled
from tests.definitions import random_definition

ACCEPTED, REFUSED = "accepted", "refused"


def outcome(seed: int) -> tuple[str, str]:
    """What becomes of the definition of a seed: `ACCEPTED`, `REFUSED` or a defect, and why."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            definition = random_definition(seed)
        except Exception as error:  # SymPy's own, too: its authors see them when they write
            return REFUSED, f"as it is written: {error}"
        try:
            compiled(definition)
        except DefinitionError as error:
            return REFUSED, error.what
        except NotVerified as error:
            return f"not verified: {error.check}", error.what
        except Exception as error:
            return type(error).__name__, str(error)
    return ACCEPTED, ""


def main(
    count: Annotated[int, typer.Argument(help="How many definitions.")],
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    show: Annotated[bool, typer.Option(help="Print the equations of every defect.")] = False,
) -> None:
    """Try random definitions on all cores, and count what becomes of them."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    seeds = range(first, first + count)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for seed, (what, why) in zip(seeds, pool.map(outcome, seeds, chunksize=8), strict=True):
            found[what].append((seed, why))
    for what, members in sorted(found.items(), key=lambda item: -len(item[1])):
        typer.echo(f"{len(members):5d}  {what}")
        for seed, why in [] if what == ACCEPTED else members[: 5 if what == REFUSED else 100]:
            typer.echo(f"         {seed}: {why.splitlines()[0][:120] if why else ''}")
            for equation in random_definition(seed).equations if show and what != REFUSED else ():
                typer.echo("             {} = {}".format(*sides(equation)))
    if found.keys() - {ACCEPTED, REFUSED}:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
