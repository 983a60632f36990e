"""What README.md and CONTRIBUTING.md show is so: code runs, commands print it, excerpts are there.

A fenced block of Python is executed, in order, with the names that the blocks before it left. A
comment in the line above a block makes it something else:

    <!-- file: NAME -->        a definition file of a reader; later blocks and commands find it
    <!-- excerpt: PATH -->     lines of a file of the repository, or of one that a command made

A block of the console is a command and what it prints to stdout. In both, `...` stands for lines
that are left out; digits of a verification's figure are not compared.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

import derive
from derive.cli import app
from derive.ops import aliases, shipped

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"

_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>file|excerpt): (?P<name>\S+) -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FIGURE = re.compile(r"\d\.\de[+-]\d\d\b")


@dataclass(frozen=True)
class Block:
    """A fenced block, with its place."""

    line: int
    language: str
    kind: str
    name: str
    text: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            line=text.count("\n", 0, found.start("text")),
            language=found["language"],
            kind=found["kind"] or "",
            name=found["name"] or "",
            text=found["text"],
        )
        for found in _BLOCK.finditer(text)
    ]


def parts(shown: list[str]) -> Iterator[list[str]]:
    """Runs of lines between those that are left out."""
    part: list[str] = []
    for line in shown:
        if line.strip() == "...":
            yield part
            part = []
        else:
            part.append(line)
    yield part


def is_excerpt(shown: str, whole: str) -> bool:
    """Whether `shown` is `whole` with some lines left out where it says so."""
    lines = [_FIGURE.sub("#", line.rstrip()) for line in whole.splitlines()]
    pieces = list(parts([_FIGURE.sub("#", line.rstrip()) for line in shown.splitlines()]))
    position = 0
    for number, part in enumerate(pieces):
        free = number > 0  # lines may be left out before it
        last = number == len(pieces) - 1
        places = range(position, len(lines) - len(part) + 1) if free else [position]
        if last and part:
            places = [p for p in places if p == len(lines) - len(part)]
        found = next((p for p in places if lines[p : p + len(part)] == part), None)
        if found is None or (last and not free and len(part) != len(lines)):
            return False
        position = found + len(part)
    return True


def commands(text: str) -> Iterator[tuple[list[str], str]]:
    """The commands of a console, each with what it prints."""
    for found in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        yield found[1].split(), found[2]


class Reader:
    """Somebody who does in an empty folder what a page says, from top to bottom."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.names: dict[str, object] = {"__name__": "reader"}

    def follow(self, block: Block) -> None:
        if block.kind == "file":
            (self.folder / block.name).write_text(block.text, encoding="utf-8")
        elif block.kind == "excerpt":
            self.compare(block)
        elif block.language == "python":
            text = "\n" * block.line + block.text  # so that a traceback names the page's own line
            exec(compile(text, str(self.page), "exec"), self.names)
        elif block.language == "console":
            for command, printed in commands(block.text):
                self.run(command, printed)
        else:
            assert block.language == "sh", f"line {block.line}: nothing is known to check this by"

    def compare(self, block: Block) -> None:
        made = self.folder / block.name
        path = made if made.is_file() else ROOT / block.name
        whole = path.read_text(encoding="utf-8")
        assert is_excerpt(f"...\n{block.text}...\n", whole), f"line {block.line}: not in {path}"

    def run(self, command: list[str], printed: str) -> None:
        program, *arguments = command
        assert program == "derive"
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        # An audit says no by its exit status, too.
        refuted = arguments[0] == "audit" and "not equal" in printed
        assert result.exit_code == int(refuted), result.output
        assert is_excerpt(printed, result.stdout), f"{' '.join(command)} prints\n{result.stdout}"


def made_here(folder: Path, module: object) -> bool:
    """Whether a module's file is below a folder.

    What the module itself says is asked, and no `__getattr__` of its: some have everything.
    """
    said = getattr(module, "__dict__", {})
    places = [said.get("__file__"), *(said.get("__path__") or ())]
    return any(p and Path(p).resolve().is_relative_to(folder) for p in places)


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=lambda page: page.stem)
def test_what_a_page_shows_is_so(page, tmp_path, monkeypatch):
    """In an empty folder, which `derive` and Python both look into."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    reader = Reader(page, tmp_path)
    found = blocks(page)
    # Excerpts may come before the command that makes the file.
    later = [b for b in found if b.kind == "excerpt"]
    try:
        for block in found:
            if block not in later:
                reader.follow(block)
        for block in later:
            reader.follow(block)
    finally:
        for name, module in list(sys.modules.items()):
            if made_here(tmp_path.resolve(), module):
                del sys.modules[name]


def test_modules_that_answer_anything_are_not_taken_for_made_here(tmp_path):
    """PyTorch puts one into `sys.modules` whose every attribute is an object of its own."""

    class Anything(ModuleType):
        def __getattr__(self, name):
            return object()

    assert not made_here(tmp_path, Anything("anything"))
    assert not made_here(tmp_path, None)
    mine = ModuleType("mine")
    mine.__file__ = str(tmp_path / "mine.py")
    assert made_here(tmp_path, mine)


def test_every_block_is_looked_at():
    """A fence without a language would be executed by nobody."""
    for page in (README, CONTRIBUTING):
        fences = re.findall(r"^```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page))


def test_the_two_commands_are_those_of_continuous_integration():
    """A newcomer types what is tested, word for word."""
    commands_shown, *_ = (b.text.splitlines() for b in blocks(README) if b.language == "sh")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    executed = re.findall(r"^run '(.*)'$", script, re.MULTILINE)
    assert executed[:2] == commands_shown


def test_modules_are_checked_and_nothing_is_called_proved():
    """Pages, the description of the package and the help of the command say how often instead."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    said = [page.read_text(encoding="utf-8") for page in (README, CONTRIBUTING)]
    said += [project, derive.__doc__ or ""]
    names = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
    for command in ([], *([name] for name in names)):
        said.append(CliRunner().invoke(app, [*command, "--help"]).stdout)
    assert len(names) > 4
    for text in said:
        assert not re.search(r"\b(proof|prov(e[sd]?|en|ing))\b", text, re.IGNORECASE)
    assert "24 calls" in said[0]


def test_the_table_lists_every_operation():
    """By all its names, and nothing else."""
    rows = re.findall(r"^\| (`.*?) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name for row in rows if "/" not in row for name in re.findall(r"`(\w+)`", row)}
    operations = {o.name for family in shipped().values() for o in family}
    assert listed == operations | aliases().keys()


@pytest.mark.parametrize(
    "page", [README, CONTRIBUTING, ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")],
    ids=lambda page: page.stem,
)  # fmt: skip
def test_links_and_paths_exist(page):
    """Whatever looks like a file or folder of the repository is one."""
    text = page.read_text(encoding="utf-8")
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    for link in linked:
        assert (page.parent / link).exists(), link
    tops = "|".join(re.escape(p.name) for p in ROOT.iterdir() if p.is_dir() and p.name[0] != ".")
    for path in re.findall(rf"`((?:{tops})/[\w./]*)`", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    "shown, whole, answer",
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("b\n", "a\nb\n", False),
        ("a\n...\n", "a\nb\n", True),
        ("...\nb\n", "a\nb\n", True),
        ("...\na\n", "a\nb\n", False),
        ("a\n...\nc\n", "a\nb\nc\n", True),
        ("a\nc\n", "a\nb\nc\n", False),
        ("...\nb\n...\na\n...\n", "a\nb\n", False),
        ("error 1.0e-16\n", "error 2.5e-09\n", True),
        ("0 defects\n", "1 defects\n", False),
        ("", "a\n", False),
        ("", "", True),
    ],
)
def test_excerpts_are_told_from_inventions(shown, whole, answer):
    assert is_excerpt(shown, whole) is answer
