"""What generated modules consist of, and what the engine may know: read off their syntax trees."""

import ast
import builtins
import re
from pathlib import Path

import pytest

import derive
from derive.language.scalars import SCALARS
from derive.ops import aliases
from derive.verification.field import FUNCTIONS
from tests.cases import SUBJECT, SUBJECTS, Subject

ROOT = Path(derive.__file__).resolve().parent
LAYERS = (
    "language",
    "calculus",
    "prose",
    "program",
    "passes",
    "arrays",
    "output",
    "backends",
    "verification",
    "claims",
)

BUILTINS = [
    "abs",
    "all",
    "any",
    "bool",
    "dict",
    "enumerate",
    "float",
    "frozenset",
    "hasattr",
    "int",
    "isinstance",
    "len",
    "list",
    "map",
    "max",
    "min",
    "range",
    "reversed",
    "set",
    "slice",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
    "TypeError",
    "ValueError",
]
NUMPY = [
    "ndarray",
    "all",
    "any",
    "arange",
    "array",
    "bool_",
    "clip",
    "full",
    "greater",
    "greater_equal",
    "inf",
    "max",
    "nan",
    "ndim",
    "result_type",
    "size",
    "logical_and",
    "logical_not",
    "logical_or",
    "dtype",
    "asarray",
    "ascontiguousarray",
    "empty",
    "zeros",
    "ones",
    "zeros_like",
    "ones_like",
    "empty_like",
    "broadcast_to",
    "copyto",
    "ndindex",
    "pad",
    "lib",
    "concatenate",
    "stack",
    "matmul",
    "tensordot",
    "dot",
    "add",
    "subtract",
    "multiply",
    "divide",
    "reciprocal",
    "negative",
    "maximum",
    "minimum",
    "where",
    "square",
    "sqrt",
    "exp",
    "expm1",
    "log",
    "log1p",
    "tanh",
    "sinh",
    "cosh",
    "sin",
    "cos",
    "tan",
    "arctan",
    "abs",
    "sign",
    "take_along_axis",
    "argmax",
    "argmin",
    "integer",
    "floating",
    "generic",
]
# On elements of a field these do not exist or would leave it without a word; a bare einsum is slow.
BARRED = [
    "astype",
    "isnan",
    "isfinite",
    "isinf",
    "logaddexp",
    "hypot",
    "vdot",
    "finfo",
    "iinfo",
    "item",
    "tolist",
    "view",
    "tobytes",
    "einsum",
    "float16",
    "float32",
    "float64",
    "longdouble",
    "int32",
    "int64",
    "integer",
    "floating",
    "generic",
    "asarray",
]


def tree(subject: Subject) -> ast.Module:
    return ast.parse(subject.path.read_text(encoding="utf-8"))


def functions(module: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}


# Functions of the seam are not run on elements: the field puts its own in their place.
SEAM = {f"_{name}" for name in FUNCTIONS} | {"_real", "_select"}


def kernels(module: ast.Module, besides: set[str] = SEAM) -> list[ast.FunctionDef]:
    """The mathematics, strategies included, and every private function it calls."""
    defined = functions(module)
    found = [name for name in defined if name.startswith(("_forward", "_backward"))]
    for name in found:
        for node in ast.walk(defined[name]):
            known = {*found, *besides}
            if isinstance(node, ast.Name) and node.id in defined and node.id not in known:
                found.append(node.id)
    return [defined[name] for name in found]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_module_imports_numpy_and_nothing_else(subject: Subject):
    """It can be copied into any project."""
    imports = [n for n in ast.walk(tree(subject)) if isinstance(n, ast.Import | ast.ImportFrom)]
    found = [ast.unparse(node) for node in imports]
    assert [text for text in found if text != "from math import prod"] == [
        "from collections import namedtuple",
        "from typing import NamedTuple",
        "import numpy as np",
    ]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_module_has_no_state(subject: Subject):
    """At its top: a docstring, imports, constants, NamedTuples, functions."""
    module = tree(subject)
    assert ast.get_docstring(module)
    for node in module.body[1:]:
        if isinstance(node, ast.ClassDef):
            assert [ast.unparse(base) for base in node.bases] == ["NamedTuple"]
        elif isinstance(node, ast.Assign):
            (target,) = node.targets
            assert isinstance(target, ast.Name)
            if isinstance(node.value, ast.Call):
                assert ast.unparse(node.value).startswith(f"namedtuple('{target.id}', ")
            else:
                assert target.id == "__all__" or re.fullmatch("_[A-Z][A-Z0-9_]*", target.id)
        else:
            assert isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)
    barred = ast.Global | ast.Nonlocal | ast.Try | ast.With | ast.Await | ast.Yield | ast.Delete
    assert not [node for node in ast.walk(module) if isinstance(node, barred)]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_module_uses_what_is_allowed(subject: Subject):
    """No eval, no getattr, no dunder, no function of NumPy that is not on the list."""
    for node in ast.walk(tree(subject)):
        if isinstance(node, ast.Name) and hasattr(builtins, node.id):
            assert node.id in BUILTINS, node.id
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("__") or node.attr == "__name__", node.attr
            if isinstance(node.value, ast.Name) and node.value.id == "np":
                assert node.attr in NUMPY, node.attr


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_kernels_stay_within_any_field_of_numbers(subject: Subject):
    """Nothing that asks for a type or breaks on one; einsum is slow without BLAS; -1 is no size."""
    for function in kernels(tree(subject)):
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                assert node.attr not in BARRED, f"{function.name}: {node.attr}"
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".reshape"):
                assert "-1" not in re.split(r"[(), ]+", ast.unparse(node))
            if isinstance(node, ast.Compare):
                names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                assert "dtype" not in names, f"{function.name} branches on dtype"
            if isinstance(node, ast.Constant):
                assert not isinstance(node.value, float) or node.value * 2**16 % 1 == 0


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_sizes_decide_in_one_place(subject: Subject):
    """A strategy is straight-line code: its branches ask what is wanted, absent or empty."""
    defined = functions(tree(subject))
    for _, name in subject.loaded.strategies:
        for node in ast.walk(defined[name]):
            if isinstance(node, ast.If) and not ast.unparse(node.test).endswith(" > 0"):
                words = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
                sizes = set(subject.module._Sizes._fields)
                assert not words & sizes, f"{name} branches on {words & sizes}"


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_module_is_read_from_its_mathematics_to_its_checks(subject: Subject):
    """Forward and backward with what they call, then what is public, then arguments: in this order,
    and the table that the checks read is the last thing.
    """
    text = subject.path.read_text(encoding="utf-8")
    module = ast.parse(text)
    (rule,) = (n for n, line in enumerate(text.splitlines(), 1) if line.startswith("# ---- arg"))
    lines = {name: function.lineno for name, function in functions(module).items()}
    mathematics = {function.name for function in kernels(module, besides=set())}
    public = [lines[name] for name in ("apply", "forward", "backward")]
    assert public == sorted(public) and public[-1] < rule
    for name in lines.keys() - {"apply", "forward", "backward"}:
        assert lines[name] < public[0] if name in mathematics else rule < lines[name], name
    assert min(lines, key=lambda name: lines[name]).startswith("_forward")
    last = module.body[-1]
    assert isinstance(last, ast.Assign) and ast.unparse(last.targets) == "_SIGNATURE"


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_what_is_public_has_types(subject: Subject):
    """Every argument and every result."""
    defined = functions(tree(subject))
    for name in ("apply", "forward", "backward"):
        arguments = [*defined[name].args.args, *defined[name].args.kwonlyargs]
        assert defined[name].returns and all(a.annotation for a in arguments)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_what_is_defined_is_used(subject: Subject):
    """No support function without a caller."""
    module = tree(subject)
    used = {n.id for n in ast.walk(module) if isinstance(n, ast.Name)}
    assert set(functions(module)) - used <= {"apply", "forward", "backward"}
    assert {"apply", "forward", "backward"} <= set(functions(module))


def test_the_package_offers_every_operation_by_all_its_names():
    """`from generated import correlate2d`, and `conv2d` for the same thing."""
    import generated

    for name, subject in SUBJECT.items():
        module = getattr(generated, name)
        assert Path(module.__file__).resolve() == subject.path
        assert {"Gradients", "Residuals", "apply", "backward", "forward"} <= {*module.__all__}
    for alias, name in aliases().items():
        assert getattr(generated, alias) is getattr(generated, name)


def operation_names() -> set[str]:
    """Every name an operation can be asked for by; the scalar functions are the engine's own."""
    functions = {row.function.__name__ for row in SCALARS.values()}
    return {*SUBJECT, *aliases()} - functions


def words(path: Path) -> set[str]:
    """Identifiers of a Python file and the strings it may compare names with; no prose."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(module):
        found |= {value for _, value in ast.iter_fields(node) if isinstance(value, str)}
        if isinstance(node, ast.keyword | ast.arg) and node.arg:
            found.add(node.arg)
        if isinstance(node, ast.alias):
            found |= {node.name, node.asname or ""}
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_the_engine_knows_no_operation(layer):
    """What is done for one operation is done by a rule for all of its kind."""
    for path in (ROOT / layer).rglob("*.py"):
        found = words(path) & operation_names()
        assert not found, f"{path}: {found}"


def test_templates_know_no_operation():
    """Neither Jinja nor the support functions."""
    templates = ROOT.parent / "templates"
    for path in templates.rglob("*"):
        if path.suffix == ".py":
            assert not words(path) & operation_names(), path
        elif path.is_file() and path.parent.name != "fonts":
            code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
            assert not set(re.findall(r"\w+", code)) & operation_names(), path


def imports(path: Path) -> list[tuple[str, str]]:
    """Every module that a file imports, with the function that imports it."""
    found = []

    def visit(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.Import):
            found.extend((alias.name, function) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.append((node.module or "", function))
            found.extend((f"{node.module}.{alias.name}", function) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_each_folder_imports_only_from_folders_above_it(layer):
    allowed = {"errors", "display", "templating", *LAYERS[: LAYERS.index(layer) + 1]}
    for path in (ROOT / layer).rglob("*.py"):
        for name, _ in imports(path):
            top, *rest = name.split(".")
            if top == "derive" and rest:
                assert rest[0] in allowed, f"{path} imports {name}"
            assert top != "generated", path


def written_and_said(path: Path) -> tuple[set[str], set[str]]:
    """Names and attributes, and the strings that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    written = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    written |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    alone = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    texts = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and n not in alone)
    return written, {n.value for n in texts if isinstance(n.value, str)}


@pytest.mark.parametrize("layer", LAYERS[: LAYERS.index("backends")])
def test_the_back_end_alone_knows_numpy(layer):
    """Neither NumPy nor the functions that modules carry, nor methods of arrays."""
    support = {p.stem for p in (ROOT.parent / "templates/numpy/support").glob("*.py")}
    methods = {"reshape", "transpose", "astype", "copyto", "ascontiguousarray", "matmul", "einsum"}
    for path in (ROOT / layer).rglob("*.py"):
        assert not any(name.split(".")[0] == "numpy" for name, _ in imports(path)), path
        written, said = written_and_said(path)
        assert not written & (methods | {"np"}), path
        if path.name != "names.py":  # a module must not be called numpy
            assert not said & (support | methods | {"np", "numpy"}), path
            assert not any(word.startswith("np.") for word in said), path


def test_nothing_of_the_engine_imports_the_operations():
    """Except the pipeline, where it lists what the shipped package holds."""
    files = [p for layer in LAYERS for p in (ROOT / layer).rglob("*.py")]
    for path in (*files, ROOT / "pipeline.py", ROOT / "errors.py"):
        for name, function in imports(path):
            if name.startswith("derive.ops"):
                assert path.name == "pipeline.py" and function in ("package_files", "site_files")
