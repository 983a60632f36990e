"""The command: what it prints, returns and leaves alone. The engine is a stub."""

import importlib
import os
import sys
import tempfile
import webbrowser
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType, SimpleNamespace
from urllib.parse import unquote, urlparse

import pytest
from typer.testing import CliRunner

import derive
from derive import cli
from derive.errors import DefinitionError, NotVerified, UsageError
from derive.output import stamp
from derive.output.files import Output, with_header

posix = pytest.mark.skipif(os.name != "posix", reason="links are a privilege on Windows")


@dataclass(frozen=True)
class Operation:
    """Stands in for derive.language.Operation; `body` is what the stub engine makes of it."""

    name: str
    summary: str = "Does something."
    body: str = "x = 1\n"
    dictionaries: tuple[str, ...] = ()


LINEAR = Operation("linear", "Multiply by a matrix.")
CORRELATE = Operation("correlate2d", "Slide filters over images.", dictionaries=("a", "b"))


@dataclass(frozen=True)
class Verdict:
    """Stands in for derive.claims.Verdict."""

    answer: str

    @property
    def holds(self) -> bool:
        return self.answer == "equal"

    def __str__(self) -> str:
        return self.answer


@dataclass(frozen=True)
class Claim:
    """Stands in for derive.language.Claim; what is made of it is its answer."""

    answer: str
    source: str = ""


class Engine:
    """What the command needs of the engine, in a few lines that a test can bend."""

    def __init__(self) -> None:
        self.families = {"dense": (LINEAR,), "convolution": (CORRELATE,)}
        self.ok = True
        self.version = "first"
        self.derived: list[str] = []

    def shipped(self):
        return self.families

    def find(self, name):
        name = {"conv2d": "correlate2d"}.get(name, name)
        pairs = [(family, o) for family, found in self.families.items() for o in found]
        return next((pair for pair in pairs if pair[1].name == name), None)

    def build(self, operation, folder, file="", *, root):
        if "wrong" in operation.body:
            raise NotVerified(operation.name, "values", f"{operation.name} x[1]", "", "y is 2")
        return self.rendered(operation, folder, file)

    def rendered(self, operation, folder, file="", *, verified=True):
        self.derived.append(operation.name)
        if "defect" in operation.body:
            raise DefinitionError(operation.name, "index c is not bound.", remedy="Sum over it.")
        if "crash" in operation.body:
            raise ZeroDivisionError
        outputs = tuple(
            stamped(
                f"{folder}/{operation.name}{ending}".lstrip("/"), operation.body, file, verified
            )
            for ending in (".py", ".tex")
        )
        return SimpleNamespace(operation=operation, outputs=outputs, steps=7, findings=None)

    def engine_hash(self, definitions=False):
        return f"{self.version} {self.families}" if definitions else self.version

    def written(self, operation, folder, root):
        done = (root / folder / f"{operation.name}.py").is_file()
        return replace_steps(Engine.rendered(Engine(), operation, folder)) if done else None

    def package_files(self):
        return tuple(stamped(f"{folder}/__init__.py") for folder in (".", *self.families))

    def show(self, operation, format, choices=None, *, all_steps=False, notation="bar", names=None,
             dictionary=""):  # fmt: skip
        said = f" with {choices}" if choices else ""
        said += f" called {names}" if names else ""
        said += f" in the words of {dictionary}" if dictionary else ""
        said += f" as {notation}" if notation != "bar" else ""
        return f"{format} of {operation.name}{said}{', all steps' * all_steps}\n"

    def page(self, operation, folder, file="", *, root=None):
        output = Output(PurePosixPath(f"{folder}/{operation.name}.html"), operation.body)
        return SimpleNamespace(operation=operation, outputs=(output,), steps=0, findings=None)

    def site_files(self, families):
        return (Output(PurePosixPath("operations.html"), "all of them\n"),)

    def verify(self, operation, path):
        compile(Path(path).read_text(), str(path), "exec")
        return SimpleNamespace(lines=["exact: 0 of 20 cases differ"], ok=self.ok)

    def audit(self, claim):
        if claim.answer == "undefined":
            raise DefinitionError("gru", "f is neither an input nor defined by an equation")
        return Verdict(claim.answer)


def replace_steps(build: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(operation=build.operation, outputs=build.outputs, steps=0, findings=None)


def stamped(path: str, body: str = "x = 1\n", file: str = "", verified: bool = True) -> Output:
    comment = "%" if path.endswith(".tex") else "#"
    command = f"derive build {file}"
    text = with_header(body, comment, "0" * 16, command, verified=verified)
    return Output(PurePosixPath(path), text)


def course_file() -> Output:
    return Output(PurePosixPath("index.html"), "the course\n")


@pytest.fixture(autouse=True)
def engine(monkeypatch, tmp_path) -> Engine:
    """The stub engine in place of the real one, in an empty directory, far from any checkout."""
    stub = Engine()
    language = ModuleType("derive.language")
    language.__path__ = [str(Path(derive.__file__).parent / "language")]
    language.__dict__.update(Operation=Operation, Claim=Claim)
    modules = {
        "derive.ops": SimpleNamespace(
            shipped=stub.shipped,
            find=stub.find,
            FAMILIES=(),
            aliases=lambda: {"conv2d": "correlate2d"},
        ),
        "derive.pipeline": stub,
        "derive.verification": stub,
        "derive.claims": stub,
        "derive.language": language,
        "derive.course": SimpleNamespace(FOLDER="course", OPERATIONS=()),
        "derive.course.page": SimpleNamespace(course_file=course_file),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    # Imported anew, for the stub's Operation; monkeypatch puts the old one back.
    monkeypatch.setitem(sys.modules, "derive.language.load", None)
    del sys.modules["derive.language.load"]
    importlib.import_module("derive.language.load")
    monkeypatch.setattr(derive, "__file__", str(tmp_path / "site" / "derive" / "__init__.py"))
    monkeypatch.setattr(stamp, "engine_hash", stub.engine_hash)
    monkeypatch.chdir(tmp_path)
    return stub


def run(*args: str, code: int = 0, **environment: str):
    result = CliRunner().invoke(cli.app, list(args), env=environment)
    assert result.exit_code == code, result.output
    return result


def written(root: str = "out") -> list[str]:
    found = Path(root).rglob("*")
    return sorted(
        path.relative_to(root).as_posix()
        for path in found
        if path.is_file() and path.name != ".engine"
    )


SHIPPED = [
    "__init__.py",
    "convolution/__init__.py",
    "convolution/correlate2d.py",
    "convolution/correlate2d.tex",
    "dense/__init__.py",
    "dense/linear.py",
    "dense/linear.tex",
]


def own_file(text: str, name: str = "own.py") -> str:
    Path(name).write_text("from derive.language import Operation\n" + text, encoding="utf-8")
    return name


# build


def test_build_writes_everything_once_and_reports_on_stderr():
    first = run("build", "--out", "out")
    assert written() == SHIPPED
    assert first.stdout == ""
    assert "correlate2d" in first.stderr
    assert "7 written" in first.stderr
    second = run("build", "--out", "out")
    assert "7 unchanged" in second.stderr
    assert "written" not in second.stderr


def test_what_is_current_is_not_derived_again(engine):
    """Unless the engine is another one, or a name or --force asks for it."""
    run("build", "--out", "out")
    assert engine.derived == ["linear", "correlate2d"]
    engine.derived.clear()
    assert "7 unchanged" in run("build", "--out", "out").stderr
    assert engine.derived == []
    run("build", "linear", "--out", "out")
    assert engine.derived == ["linear"]
    engine.version = "second"
    run("build", "--out", "out")
    assert engine.derived == ["linear", "linear", "correlate2d"]
    run("build", "--out", "out", "--force")
    assert len(engine.derived) == 5


def test_what_has_not_changed_is_seen_without_the_engine(engine, monkeypatch):
    """Nor are definitions read: it takes hashes alone. What is not as it was is looked at."""
    run("build", "--out", "out")
    for text in ("another engine\n", ""):
        stamp_file = Path("out/.engine")
        kept = stamp_file.read_text()
        stamp_file.write_text(text)
        assert "7 unchanged" in run("build", "--out", "out").stderr
        assert stamp_file.read_text() == kept
    with monkeypatch.context() as broken:
        broken.setattr(cli, "_select", None)  # nobody needs it
        assert "7 unchanged" in run("build", "--out", "out").stderr
    Path("out/dense/linear.py").unlink()
    assert "1 written" in run("build", "--out", "out").stderr


def test_without_a_command_everything_is_built_into_the_marked_directory():
    run("build", "linear", "--out", "generated")
    run()
    assert written("generated") == SHIPPED


def test_one_operation_is_built_with_the_package_around_it():
    run("build", "conv2d", "correlate2d", "--out", "out")
    assert written() == [name for name in SHIPPED if "linear" not in name]


def test_a_full_build_removes_what_no_definition_produces(engine):
    run("build", "--out", "out")
    engine.families["dense"] = ()
    assert "2 removed" in run("build", "--out", "out").stderr
    assert written() == [name for name in SHIPPED if "linear" not in name]


def test_hand_edits_are_kept_and_the_rest_is_written():
    run("build", "--out", "out")
    edited, missing = Path("out/dense/linear.py"), Path("out/dense/linear.tex")
    edited.write_text(edited.read_text() + "# mine\n")
    missing.unlink()
    result = run("build", "--out", "out", code=2)
    assert "linear.py: edited by hand" in result.stderr
    assert "--force" in result.stderr
    assert edited.read_text().endswith("# mine\n")
    assert missing.exists()
    run("build", "--out", "out", "--force")
    assert not edited.read_text().endswith("# mine\n")


def test_what_is_not_verified_is_not_written(engine):
    """The others are; what failed, and where, is said."""
    own = own_file(
        'a = Operation("a", "One.", body="wrong")\n'
        'b = Operation("b", "Another.", body="x = 2\\n")\n'
    )
    result = run("build", own, "--out", "out", code=2)
    assert "a: the module that was made is not what the definition says" in result.stderr
    assert "a x[1]" in result.stderr and "y is 2" in result.stderr
    assert written() == ["b.py", "b.tex"]


def test_a_module_that_was_not_checked_says_so():
    """And is not what the definition gives, until it has been checked."""
    own = own_file('a = Operation("a", "One.")\n')
    run("build", own, "--out", "out", "--no-verify")
    assert "\n# not verified\n" in Path("out/a.py").read_text()
    run("check", own, "--out", "out", code=1)
    run("build", own, "--out", "out")
    assert "not verified" not in Path("out/a.py").read_text()
    run("check", own, "--out", "out")


def test_nothing_is_written_before_everything_is_rendered(engine):
    engine.families["convolution"] = (Operation("correlate2d", body="defect"),)
    result = run("build", "--out", "out", code=2)
    assert "correlate2d: index c is not bound.\nSum over it.\n" in result.stderr
    assert "Traceback" not in result.output
    assert not Path("out").exists()


def test_ctrl_c_during_a_write_leaves_the_old_file(engine, monkeypatch):
    run("build", "--out", "out")
    before = Path("out/dense/linear.py").read_bytes()
    engine.families["dense"] = (Operation("linear", body="x = 2\n"),)

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    assert "Interrupted" in run("build", "--out", "out", code=130).stderr
    assert Path("out/dense/linear.py").read_bytes() == before
    assert written() == SHIPPED


def test_what_is_refused_leaves_no_empty_table():
    own = own_file('a = Operation("a", "One.", body="wrong")\n')
    result = run("build", own, "--out", "out", code=2)
    assert "checked on" not in result.stderr
    assert "out: nothing written (" in result.stderr


@posix
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_link_to_a_file_of_somebody_else_is_not_followed(force):
    Path("mine.py").write_text("precious\n")
    Path("out").mkdir()
    Path("out/a.py").symlink_to("../mine.py")
    own = own_file('a = Operation("a", "One.")\n')
    result = run("build", own, "--out", "out", *force, code=2)
    assert "a link to a file that derive did not write" in result.stderr
    assert "Remove the link" in result.stderr
    assert Path("mine.py").read_text() == "precious\n" and Path("out/a.py").is_symlink()
    assert written() == ["a.py", "a.tex"]


@posix
def test_a_dead_link_is_said_to_be_one():
    own = own_file('a = Operation("a", "One.")\n')
    Path("gone").symlink_to("nowhere")
    Path("gone.py").symlink_to("nowhere.py")
    words = "is a dead link: there is no nowhere"
    assert f"gone {words}." in run("build", own, "--out", "gone", code=2).stderr
    assert f"gone.py {words}.py." in run("build", "gone.py", "--out", "out", code=2).stderr


def test_a_file_is_no_directory_and_a_directory_no_file():
    own = own_file('a = Operation("a", "One.")\n')
    Path("file").touch()
    Path("folder.py").mkdir()
    for command in ("build", "check", "verify"):
        assert "file is not a directory." in run(command, own, "--out", "file", code=2).stderr
    assert "folder.py is a directory" in run("build", "folder.py", "--out", "out", code=2).stderr


def test_a_directory_that_is_not_derives_is_not_written_to():
    Path("generated").mkdir()
    Path("generated/__init__.py").write_text("")
    assert "--out DIR" in run("build", code=2).stderr
    assert written("generated") == ["__init__.py"]


def test_a_checkout_is_written_to_from_anywhere(tmp_path):
    (tmp_path / "site/pyproject.toml").parent.mkdir()
    (tmp_path / "site/pyproject.toml").write_text("")
    run("build")
    assert written("site/generated") == SHIPPED
    (tmp_path / "site/generated/__init__.py").write_text("")
    run("build", code=2)


def test_an_unknown_name_is_met_with_names_like_it():
    result = run("build", "corelate2d", "--out", "out", code=2)
    assert "Did you mean correlate2d?" in result.stderr
    assert "Did you mean" not in run("show", "zzz", code=2).stderr


# a user's own file


def test_an_own_file_is_built_flat_and_with_no_package():
    own = own_file('a = Operation("causal")\nb = Operation("bilinear")\nalso = a\n')
    run("build", own, "--out", "out")
    assert written() == ["bilinear.py", "bilinear.tex", "causal.py", "causal.tex"]
    run("check", own, "--out", "out")
    assert run("verify", own, "--out", "out").stdout.startswith("causal: exact")
    assert run("show", own).stdout == "text of causal\ntext of bilinear\n"


@pytest.mark.parametrize("command", ["build", "check", "verify"])
def test_an_own_file_needs_a_directory(command):
    assert "--out DIR" in run(command, own_file('a = Operation("a")\n'), code=2).stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_that_name\n", "own.py:2: ModuleNotFoundError: No module named"),
        ("def f():\n    return 1 / 0\n\nf()\n", "own.py:3: ZeroDivisionError: division by zero"),
        ("a = (\n", "own.py:2: SyntaxError: "),
        ("exit(0)\n", "own.py:2: SystemExit: 0"),
        ("a = 1\n", "own.py: the file defines no operation."),
        ('a = Operation("a")\nb = Operation("a")\n', "own.py: a: two operations of the file"),
        ('a = Operation("a", body="defect")\n', "own.py: a: index c is not bound."),
        (
            "from derive.errors import DefinitionError, NotVerified\n"
            'raise DefinitionError("a", "x has no axis n.", equation="y[n] = x[n]")\n',
            "own.py:3: a: x has no axis n.\n  y[n] = x[n]\n",
        ),
    ],
    ids=lambda value: value.split("\n")[0][:30],
)
def test_a_file_that_fails_is_named_with_its_line(text, message):
    result = run("build", own_file(text), "--out", "out", code=2)
    assert result.stderr.startswith(message)
    assert "Traceback" not in result.output
    assert not Path("out").exists()


def test_an_own_file_may_import_its_neighbours_but_not_define_what_is_shipped():
    own_file("SUMMARY = 'Shared.'\n", "neighbour.py")
    own = own_file(
        "from derive.ops import shipped\nfrom neighbour import SUMMARY\n"
        'theirs = shipped()["dense"][0]\nmine = Operation("mine", SUMMARY)\n'
    )
    path = list(sys.path)
    run("build", own, "--out", "out")
    assert written() == ["mine.py", "mine.tex"]
    assert sys.path == path
    del sys.modules["neighbour"]


def test_a_missing_file_is_an_error():
    assert "no such file" in run("build", "missing.py", "--out", "out", code=2).stderr


def test_an_operation_that_is_renamed_leaves_files_that_are_named():
    own = own_file('a = Operation("old")\nb = Operation("stays")\n')
    run("build", own, own_file('a = Operation("other")\n', "other.py"), "--out", "out")
    own_file('a = Operation("new")\nb = Operation("stays")\n')
    for command, code in (("build", 0), ("check", 1), ("build", 0)):
        result = run(command, own, "--out", "out", code=code)
        assert "out/old.py: its definition file does not define it any more" in result.stderr
        assert "--force" in result.stderr
        assert "other.py" not in result.stderr and "stays.py" not in result.stderr
        assert Path("out/old.py").exists()
    result = run("build", own, "--out", "out", "--force")
    assert "Removed out/old.py" in result.stderr and "2 removed" in result.stderr
    kept = {f"{name}{ending}" for name in ("new", "stays", "other") for ending in (".py", ".tex")}
    assert set(written()) == kept
    run("check", own, "--out", "out")


def test_a_formatter_may_run_over_generated_files(engine):
    own = own_file('a = Operation("a", body="x = {1: (2)}\\n")\n')
    run("build", own, "--out", "out")
    path = Path("out/a.py")
    laid_out = path.read_text().replace("x = {1: (2)}\n", "x = {\n    1: 2,\n}\n")
    path.write_text(laid_out)
    run("check", own, "--out", "out")
    assert "2 unchanged" in run("build", own, "--out", "out").stderr
    assert path.read_text() == laid_out
    own_file('a = Operation("a", body="x = {1: 3}\\n")\n')
    assert "2 written" in run("build", own, "--out", "out").stderr


def test_a_definition_that_goes_elsewhere_moves_nothing(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    gone = f"import os\nos.chdir({str(elsewhere)!r})\n"
    first = own_file(f'{gone}a = Operation("a")\n')
    second = own_file(f'{gone}b = Operation("b")\n', "second.py")
    run("build", first, second, "--out", "out")
    assert written() == ["a.py", "a.tex", "b.py", "b.tex"]
    assert not list(elsewhere.iterdir())
    run("build", own_file(f"{gone}1 / 0\n"), "--out", "out", code=2)
    assert Path.cwd() == tmp_path


def test_messages_hold_no_commands_for_a_terminal():
    """Whatever is in a definition, or in the name of its file."""
    error = own_file('raise ValueError("\\x1b[31m \\u202e \\ud800 \\r.")\n')
    result = run("build", error, "--out", "out", code=2)
    assert r"ValueError: \x1b[31m \u202e \ud800 \r." in result.stderr
    result = run("build", "a\x1b[31m.py", "--out", "out", code=2)
    assert result.stderr == "a\\x1b[31m.py: there is no such file.\n"
    assert "\x1b" not in run("build", "a\x1b[31m", code=2).stderr


# check, verify, show, list


def test_check_is_silent_on_stdout_when_current():
    run("build", "--out", "out")
    assert run("check", "--out", "out").stdout == ""


def test_check_prints_the_diff_and_the_repairing_command(engine):
    run("build", "--out", "out")
    engine.families["dense"] = (Operation("linear", body="x = 2\n"),)
    before = written()
    result = run("check", "linear", "--out", "out", code=1)
    assert "--- out/dense/linear.py\n+++ out/dense/linear.py\n" in result.stdout
    assert "\n-x = 1\n+x = 2\n" in result.stdout
    assert "To repair: derive build linear --out out\n" in result.stderr
    assert written() == before
    run("build", "linear", "--out", "out")
    run("check", "--out", "out")


def test_check_finds_missing_edited_and_orphaned_files(engine):
    run("build", "--out", "out")
    Path("out/dense/linear.tex").unlink()
    edited = Path("out/dense/linear.py")
    edited.write_text(edited.read_text() + "# mine\n")
    engine.families["convolution"] = ()
    result = run("check", "--out", "out", code=1)
    assert "linear.tex: missing" in result.stderr
    assert "linear.py: edited by hand" in result.stderr
    assert "correlate2d.py: no definition produces it" in result.stderr
    assert "derive build --out out --force\n" in result.stderr
    assert "\n-# mine\n" in result.stdout


def test_check_that_cannot_be_carried_out_is_no_verdict(engine):
    engine.families["dense"] = (Operation("linear", body="defect"),)
    run("check", "--out", "out", code=2)


def test_verify_prints_a_line_each_and_fails_with_one(engine):
    run("build", "--out", "out")
    assert run("verify", "--out", "out").stdout.split("\n")[:2] == [
        "linear: exact: 0 of 20 cases differ",
        "correlate2d: exact: 0 of 20 cases differ",
    ]
    engine.ok = False
    assert "Not verified: linear" in run("verify", "linear", "--out", "out", code=1).stderr


def test_verify_without_the_file_says_how_to_make_it():
    assert "derive build" in run("verify", "linear", "--out", "out", code=2).stderr


def test_show_prints_the_derivation_to_stdout():
    assert run("show", "linear").stdout == "text of linear\n"
    assert run("show", "linear", "--format", "latex").stdout == "latex of linear\n"
    run("show", "linear", "--format", "word", code=2)


def test_show_says_what_is_asked_for():
    assert run("show", "linear", "--set", "stride=2,padding=same", "--all-steps").stdout == (
        "text of linear with {'stride': 2, 'padding': 'same'}, all steps\n"
    )


def test_show_takes_names_from_a_dictionary_one_by_one_or_both():
    shown = run("show", "linear", "--names", "x=u, y=v").stdout
    assert shown == "text of linear called {'x': 'u', 'y': 'v'}\n"
    assert run("show", "linear", "--names", "uwv").stdout == "text of linear in the words of uwv\n"
    both = "text of linear called {'y': 'o'} in the words of uwv\n"
    assert run("show", "linear", "--names", "uwv,y=o").stdout == both
    assert run("show", "linear", "--names", "uwv", "--names", "y=o").stdout == both
    assert "--names takes NAME=VALUE" in run("show", "linear", "--names", "uwv,y", code=2).stderr


def test_show_prints_one_page_at_a_time():
    assert run("show", "linear", "--format", "html").stdout == "html of linear\n"
    refused = run("show", "linear", "conv2d", "--format", "html", code=2)
    assert "A page shows one operation." in refused.stderr


def test_show_opens_pages(monkeypatch):
    opened = []
    monkeypatch.setattr(tempfile, "tempdir", str(Path.cwd()))
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    assert run("show", "linear", "conv2d", "--open").stdout == ""
    pages = [Path(unquote(urlparse(url).path)) for url in opened]
    assert [page.read_text() for page in pages] == ["html of linear\n", "html of correlate2d\n"]


def test_a_page_that_no_browser_opens_is_told(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(Path.cwd()))
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    assert "The page is " in run("show", "linear", "--open", code=2).stderr


def test_gallery_writes_a_site_and_leaves_alone_what_it_did_not_write():
    told = run("gallery", "--out", "site").stderr
    assert "site: 4 written" in told
    assert written("site") == [
        ".gallery", "convolution/correlate2d.html", "dense/linear.html", "index.html",
        "operations.html",
    ]  # fmt: skip
    Path("site/index.html").write_text("mine")
    refused = run("gallery", "--out", "site", code=2).stderr
    assert "site/index.html: edited by hand" in refused.replace("\\", "/")
    assert Path("site/index.html").read_text() == "mine"


def test_gallery_wants_a_folder_of_its_own():
    Path("thesis.txt").write_text("mine")
    assert "is not empty, and no gallery" in run("gallery", "--out", ".", code=2).stderr
    assert Path("thesis.txt").read_text() == "mine"


def test_list_names_every_operation_and_its_aliases():
    assert run("list").stdout == (
        "linear       dense        Multiply by a matrix.\n"
        "correlate2d  convolution  Slide filters over images. Also: conv2d. Dictionaries: a, b.\n"
    )


def test_a_list_fits_the_terminal():
    """And has a line for each operation where it goes to a file."""
    shown = run("list", FORCE_COLOR="1", TERM="xterm-256color", COLUMNS="50").stdout
    assert max(map(len, shown.splitlines())) <= 50
    assert " ".join(shown.split()) == " ".join(run("list").stdout.split())
    indent = " " * len("correlate2d  convolution  ")
    assert shown.splitlines()[-1].startswith(indent)


# audit


def claims(*answers: str, name: str = "claims.py") -> str:
    lines = [f"claim{i} = Claim({answer!r}, 'slide {i}')" for i, answer in enumerate(answers)]
    text = "\n".join(["from derive.language import Claim", *lines, ""])
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_audit_says_of_each_claim_whether_it_holds():
    result = run("audit", claims("equal", "equal"))
    assert result.stdout == "claim0 (slide 0): equal\n\nclaim1 (slide 1): equal\n\n"


def test_audit_fails_with_one_that_does_not():
    """And says everything about the others all the same."""
    result = run("audit", claims("not equal", "equal"), claims("equal", name="more.py"), code=1)
    assert result.stdout.count("equal") == 3


def test_audit_without_an_answer_is_no_verdict():
    result = run("audit", claims("undefined", "not equal"), code=2)
    assert "claims.py: claim0: gru: f is neither an input nor defined" in result.stderr
    assert "claim1 (slide 1): not equal" in result.stdout


def test_audit_needs_claims():
    assert "the file makes no claim" in run("audit", own_file("x = 1\n"), code=2).stderr
    assert "there is no such file" in run("audit", "nowhere.py", code=2).stderr


# the command as such


def test_version_and_help_need_no_engine(monkeypatch):
    monkeypatch.setitem(sys.modules, "derive.pipeline", None)
    assert run("--version").stdout == f"derive {derive.__version__}\n"
    assert "verify" in run("--help").stdout


def test_wrong_usage_is_exit_code_two():
    run("--nonsense", code=2)
    run("bild", code=2)


def test_no_color_is_honoured():
    coloured = run("build", "--out", "out", FORCE_COLOR="1", TERM="xterm-256color")
    plain = run("build", "--out", "out", FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1")
    colour = "\x1b[3"
    assert colour in coloured.stderr
    assert colour not in plain.stderr


def test_a_defect_of_derive_is_not_taken_for_stale(engine, monkeypatch, capsys):
    engine.families["dense"] = (Operation("linear", body="crash"),)
    monkeypatch.setattr(sys, "argv", ["derive", "check", "--out", "out"])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    assert exit.value.code == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_definition_error_is_laid_out_and_can_cross_processes():
    import pickle

    error = DefinitionError(
        "correlate2d",
        "index c is used on the right but is neither summed nor on the left.",
        equation="y[n,k,p,q] = x[n, c, p, q]",
        remedy="Sum over it, or add it to the output.",
    )
    text = (
        "correlate2d: index c is used on the right but is neither summed nor on the left.\n"
        "  y[n,k,p,q] = x[n, c, p, q]\n"
        "Sum over it, or add it to the output."
    )
    assert str(error) == text
    error.source = "own.py:3"
    assert str(pickle.loads(pickle.dumps(error))) == f"own.py:3: {text}"


def test_unknown_names_suggest_nothing_when_nothing_is_close():
    assert str(UsageError.unknown("x", [])).startswith("There is no operation 'x'.\n")
