"""Whatever a definition says, nothing of it is ever taken for code: in Python, LaTeX, a terminal.

Every text there is gets every hostile string, and every name and number, too. A text means itself
in what is generated; or it is refused, with a message that is harmless itself.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from sympy import Eq, Function, Symbol, Tuple, oo

from derive.calculus.checks import check
from derive.errors import DefinitionError, DeriveError
from derive.language import (
    Operation,
    Setting,
    Tensor,
    axis,
    compose,
    integers,
    leading,
    option,
    part,
    size,
    sizes,
    state,
    tensor,
)
from derive.pipeline import rendered, show
from derive.prose.latex_text import escaped

N, M = sizes("N M")
n = axis("n", N)
x, y = tensor("x", N), tensor("y", N)

HOSTILE = (
    r"\input{marker}", r"\end{document}", r"\csname input\endcsname{marker}", "^^5cinput{marker}",
    "\\", "\\\\", "{", "}", "$", "a $ b", "&", "#1", "%", "~", "^", "_", "a_b", "`", "é", "漢",
    '"', '""', '"""', "'''", '"""\nimport os\n"""', '\\"""', '"\\', "'); raise SystemExit  #", "#",
    "{x}", "{{ 7 * 7 }}", "{% raw %}", "{# no #}", "%s %(x)s", r"\N{DASH}", r"\x41", r"\u0041",
    r"\8", "a\nb",
)  # fmt: skip
UNPRINTABLE = ("\x1b[31m", "a\rb", "\x00", "\x7f", "\x85", "\u202e", "a\u2028b", "\ud800", "\ufeff")


def spoken(text: str) -> Operation:
    """An operation that says a text wherever one can be said."""
    word = " ".join(text.split())  # a word is one line
    mode = option("mode", word, spellings={word: (2,), "plain": (1,)}, numeric=False, meaning=text)
    rate = option("rate", 1, spellings={word: (5,)}, meaning=text)
    return Operation(
        name="spoken",
        summary=text,
        inputs=(x,),
        outputs=(y,),
        options=(mode, rate),
        equations=(Eq(y[n], x[n] * mode.settings[0] * rate.settings[0]),),
        requires=((N >= 3, text),),
        legend={"n": text, text: "key", f"n, {text}": "keys"},
        notes=text,
        source=text,
    )


def generated(text: str) -> tuple[str, str]:
    """Module and document, without their headers."""
    module, paper = rendered(spoken(text), "").outputs
    return module.text.split("\n", 4)[4], paper.text.split("\n", 4)[4]


def shape(program: str) -> list[str]:
    """The syntax tree without the values of its strings."""
    return [type(node).__name__ for node in ast.walk(ast.parse(program))]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_in_python_a_text_is_a_string(text):
    program, _ = generated(text)
    assert shape(program) == shape(generated("plain words")[0])
    module = ModuleType("spoken")
    exec(compile(program, "spoken", "exec"), module.__dict__)
    words = " ".join(text.split())
    documented = " ".join((module.__doc__ or "").split())
    for said in (f"{words} y[n]", f"n: {words}", f"{words}: key", f"Source: {words}."):
        assert said in documented
    meaning = words[0].upper() + words[1:]
    assert meaning in " ".join((module.apply.__doc__ or "").split())
    assert module.apply(np.ones(3)).tolist() == [2, 2, 2]
    assert module.apply(np.ones(3), mode=words, rate=words).tolist() == [10, 10, 10]
    with pytest.raises(ValueError) as caught:
        module.apply(np.ones(2))
    assert str(caught.value).startswith(f"{text} (")
    with pytest.raises(ValueError, match=re.escape(repr(words))):
        module.apply(np.ones(3), mode="neither")


COMMANDS = (
    r"\\textbackslash\{\}|\\textasciicircum\{\}|\\textasciitilde\{\}|\\['`^\"~]\{[a-z]\}|"
    r"\\[{}$&#%_]|\$[<>|]\$"
)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_in_latex_a_text_is_text(text):
    """What stands for it holds no character that LaTeX obeys, and nothing else is changed by it."""
    assert not re.search(r"[\\{}$&#%_^~]", re.sub(COMMANDS, "", escaped(text)))
    if text.isidentifier():
        return  # a key like that is a symbol
    plain, paper = generated("zz zz")[1], generated(text)[1]
    assert paper.split() == plain.replace("zz zz", escaped(text)).split()


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no LaTeX here")
def test_latex_agrees(tmp_path):
    (tmp_path / "marker.tex").write_text(r"\errmessage{obeyed}")
    pages = [generated(text)[1] for text in HOSTILE]
    # One document of all of them: the first one's preamble, and everybody's body.
    head = pages[0].partition(r"\begin{document}")[0]
    bodies = [re.findall(r"(?s)\\begin{document}(.*)\\end{document}", page)[0] for page in pages]
    body = "\n\\clearpage\n".join(bodies)
    (tmp_path / "all.tex").write_text(f"{head}\\begin{{document}}{body}\\end{{document}}\n")
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "marker.tex" not in done.stdout


FIELDS: dict[str, Callable[[str], object]] = {
    "summary": lambda t: operation(summary=t),
    "notes": lambda t: operation(notes=t),
    "source": lambda t: operation(source=t),
    "legend key": lambda t: operation(legend={t: "meaning"}),
    "legend value": lambda t: operation(legend={"n": t}),
    "words": lambda t: operation(requires=((N >= 1, t),)),
    "meaning": lambda t: scaled(option("rate", 1, meaning=t)),
    "spelling": lambda t: scaled(option("rate", 1, spellings={t: (2,)})),
    "default": lambda t: scaled(option("rate", t, spellings={t: (2,)}, numeric=False)),
}
NAMES: dict[str, Callable[[str], object]] = {
    "operation": lambda t: operation(name=t),
    "alias": lambda t: operation(aliases=(t,)),
    "size": lambda t: operation(inputs=(tensor("x", size(t)),)),
    "leading": lambda t: operation(inputs=(tensor("x", leading(t)),)),
    "axis": lambda t: axis(t, N),
    "axis by symbol": lambda t: over(axis(Symbol(t, integer=True), N)),
    "tensor": lambda t: tensor(t, N),
    "state": lambda t: state(t, N),
    "integers": lambda t: integers(t, N),
    "bare tensor": lambda t: operation(inputs=(Tensor(t, ((N,),)),)),
    "option": lambda t: option(t, 1),
    "letter": lambda t: scaled(option("rate", 1, over=[t])),
    "setting": lambda t: operation(equations=(Eq(y[n], x[n] * Setting(t, "rate")),)),
    "symbol": lambda t: operation(equations=(Eq(y[n], x[n] * Symbol(t)),)),
    "part": lambda t: whole(part(operation(), lambda name: t, x=x)),
    "suffix": lambda t: whole(part(operation(), t, x=x)),
}
NUMBERS: dict[str, Callable[[str], object]] = {
    "outside": lambda t: reading(tensor("x", N, outside=Symbol(t))),
    "default": lambda t: reading(tensor("x", N, default=Symbol(t))),
    "interval": lambda t: reading(tensor("x", N, interval=(0, Symbol(t)))),
    "shape": lambda t: reading(tensor("x", N, Symbol(t, integer=True)), 0),
    "below": lambda t: chosen(integers("k", N, below=Symbol(t, integer=True))),
    "besides": lambda t: chosen(integers("k", N, below=M, besides=Symbol(t, integer=True))),
    "default of integers": lambda t: chosen(
        integers("k", N, below=M, default=Symbol(t, integer=True))
    ),
    "formula": lambda t: over(axis("n", size("P", N + Symbol(t, integer=True)))),
    "requires": lambda t: operation(requires=((Symbol(t, integer=True) <= N, "words"),)),
    "value": lambda t: scaled(option("rate", 1, spellings={"a": (Symbol(t),)})),
}


def operation(**fields) -> Operation:
    usual = {"name": "usual", "summary": "Copy.", "inputs": (x,), "outputs": (y,)}
    return Operation(**usual | {"equations": (Eq(y[n], x[n]),)} | fields)


def scaled(rate) -> Operation:
    return operation(options=(rate,), equations=(Eq(y[n], x[n] * rate.settings[0]),))


def over(index) -> Operation:
    z = tensor("y", index.extent)
    return operation(
        inputs=(tensor("x", index.extent),),
        outputs=(z,),
        equations=(Eq(z[index], tensor("x", index.extent)[index]),),
    )


def reading(given, *more) -> Operation:
    return operation(inputs=(given,), equations=(Eq(y[n], given[(n, *more)]),))


def chosen(k) -> Operation:
    table = tensor("table", M)
    return operation(inputs=(table, k), equations=(Eq(y[n], table[k[n]]),))


def whole(made) -> Operation:
    return compose("whole", "A part.", [made], inputs=(x,), outputs=(made["y"],))


def refusal(make: Callable[[str], object], text: str) -> str:
    """The message of the error with which a definition is refused."""
    with pytest.raises(DeriveError) as caught:
        made = make(text)
        check(made if isinstance(made, Operation) else operation(inputs=(made,)))
    return str(caught.value)


@pytest.mark.parametrize("text", UNPRINTABLE, ids=ascii)
@pytest.mark.parametrize("field", FIELDS)
def test_text_that_is_not_printable_is_refused(field, text):
    message = refusal(FIELDS[field], text)
    assert message.replace("\n", "").isprintable() and ascii(text)[1:-1] in message


@pytest.mark.parametrize("field", ["spelling", "default"])
def test_a_word_is_one_line(field):
    assert r"a\nb" in refusal(FIELDS[field], "a\nb")


@pytest.mark.parametrize("value", [None, 3, b"words", ("a", "b")], ids=repr)
@pytest.mark.parametrize("field", ["summary", "notes", "source", "legend value", "words"])
def test_what_is_no_text_is_refused(field, value):
    assert repr(value) in refusal(FIELDS[field], value)


@pytest.mark.parametrize("field", [*NAMES, *NUMBERS])
def test_a_name_is_a_name_and_a_number_a_number(field):
    """Of sizes and settings: nothing else is defined in a generated module."""
    for text in (*HOSTILE, *UNPRINTABLE):
        if not (text.isascii() and text.isidentifier()):
            message = refusal({**NAMES, **NUMBERS}[field], text)
            assert message.replace("\n", "").isprintable()


@pytest.mark.parametrize("field", [*NUMBERS, "symbol", "setting"])
def test_a_number_holds_no_name_that_nobody_defines(field):
    """A module would find one of its own, or nothing."""
    for name in ("os", "np", "a_b"):
        assert name in refusal({**NAMES, **NUMBERS}[field], name)


@pytest.mark.parametrize("given", [Function("evil")(N), Function("evil")(N) > 2, Tuple(N)], ids=str)
def test_a_number_calls_nothing_that_is_not_known(given):
    for make in (
        lambda t: reading(tensor("x", N, outside=given)),
        lambda t: operation(requires=((given, "words"),)),
        lambda t: scaled(option("rate", 1, spellings={"a": (given,)})),
    ):
        assert str(given) in refusal(make, "")


def test_numbers_of_sizes_settings_and_no_bound_are_accepted():
    rate = option("rate", 2, minimum=1)
    (r,) = rate.settings
    operation_of_many = Operation(
        name="many",
        summary="Copy.",
        inputs=(tensor("x", N, outside=-oo, interval=(0, oo)),),
        outputs=(y,),
        options=(rate,),
        equations=(Eq(y[n], r * tensor("x", N, outside=-oo, interval=(0, oo))[n]),),
        requires=((r <= N, "too few"),),
    )
    check(operation_of_many)


def test_a_derivation_on_a_terminal_is_printable():
    for text in HOSTILE:
        assert show(spoken(text), "text").replace("\n", "").isprintable()


def test_messages_of_errors_are_printable():
    error = DefinitionError("a\x1b", "\x07 and \u202e", equation="y\x00 = 1", remedy="\ud800")
    assert str(error) == "a\\x1b: \\x07 and \\u202e\n  y\\x00 = 1\n\\ud800"
