"""The verifications bite: one slip in the mathematics of a module, and one of them fails.

All mutants are tried with DERIVE_ALL_MUTANTS=1 (minutes); otherwise a fixed sample of each module.
"""

import ast
import os
import random
import re
import warnings
from dataclasses import replace
from functools import cache

import pytest

from derive.verification.cases import Case, cases
from derive.verification.sizes import formulas_of
from derive.verification.strategies import Loaded
from derive.verification.verify import runs
from tests.cases import SUBJECTS, Subject
from tests.mutants import Mutant, count, is_mathematics, mutants

ALL = bool(os.environ.get("DERIVE_ALL_MUTANTS"))
SAMPLE = max(8, 350 // len(SUBJECTS))  # of each module

# (what was changed, why the program is the same one); \1 is what did not change
EQUIVALENT: tuple[tuple[str, str], ...] = (
    (
        r"(\w+ = \w+\.sum\(axis=\()[0-9, ]+\)\)  ->  \1[0-9, ]+\)\)",
        "the axes of a sum have no order",
    ),
    (
        r"if [\w *+()-]+ > 0:  ->  if [\w *+()-]+ > (0|-1):",
        "the block adds nothing where an extent is 0, so it may as well run there",
    ),
    (
        r"(count = |.*\.reshape\(\(.*)(\w+) - (\w+)(.*)  ->  \1\3 - \2\4"
        r"|(.*\.reshape\(\(.*)\((.*) - 1\)(.*)  ->  \5\(1 - \(\6\)\)\7",
        "it stands in one place of a reshape, and NumPy infers a negative extent from the rest",
    ),
    (
        r"(\w+_bar = .*reshape\(\(.*)(\w+), (\w+)(.*)  ->  \1\3, \2\4",
        "two extents split one run of entries, stay neighbours, and are merged into that run again",
    ),
    (
        r"(\w+_matrix(?:\[\w\])?) \+= (.*)  ->  \1 = \2",
        "without a batch there is one part: its product is added to zeros, once",
    ),
    (
        r"(np\.(?:add|multiply|maximum|minimum))\((.*), (.*), (out=\S+)\)  ->  \1\(\3, \2, \4\)",
        "sums, products and extrema of two have no order",
    ),
    (
        r"(.*\[first(?: \+ 1)?:last(?: \+ 1)?)(\b.*)  ->  \1 \+ 1\2",
        "a row more than a stretch of time has is never read",
    ),
    (
        r"(\w+\[0\]) \+= (\w+)  ->  \1 = \2",
        "the row before the first step was zeros",
    ),
    (
        r"(.*\w+\[1:T \+ )1(\].*)  ->  \1(2|1 \+ 1)\2"
        r"|(\w+ = np\.zeros\(\(T \+ )1(, .*)  ->  \4\d\5",
        "a state has T + 1 rows: a slice ends there, and a row more is never read",
    ),
    (
        r"(.*\[)lengths\[n\] - 1 - \(t_end - 1\)(:.*)  ->  \1t_end - 1 - \(lengths\[n\] - 1\)\2",
        "as many steps are reversed as the sequence has: both are 0",
    ),
    (
        r"weight_hh_bar \+= a_bar\.T @ h0  ->  weight_hh_bar = a_bar\.T @ h0",
        "h0 may be absent, so zeros were made for it; nothing else is added",
    ),
    (
        r"(mean_\w+_bar\[\.\.\.\]) \+= (.*)  ->  \1 = \2",
        "what is there is the sum of the cotangents of entries less their mean, and 0",
    ),
    (
        r"(y_reverse = np\.where\(.*, )0\)  ->  \1.*\)",
        "only what lies before the end of a sequence is read, backwards from there",
    ),
    (
        r"return \(h, a\)  ->  return \(h, h\)",
        "a is kept for its sign alone, and h = relu(a) has the same",
    ),
    (
        r".*clip > -np\.minimum\(a\[t, :, \d\], clip\).*  ->  .*-np\.minimum\(a\[t, :, \d\], T\).*",
        "min(a, b) > -clip says that a > -clip, for every b above -clip",
    ),
    (
        r"top\[.*\] = _stop\(.*  ->  .*",
        "what is subtracted from all exponents alike cancels, and no derivative passes through it",
    ),
    (
        r"(\w+_matrix = .*\.reshape\(\()(?:1, )*([\w *]+)(?:, 1)*(\)\)\))  ->  "
        r"\1(?:1, )*\2(?:, 1)*\3",
        "with one filter and one group, axes of length 1 trade places until the result is reshaped",
    ),
    (
        r"(.*np\.(?:minimum|maximum)\()(.*), (.*)(\).*)  ->  \1\3, \2\4",
        "the larger of two numbers is that in either order",
    ),
    (
        r"(.*np\.minimum\([^()]*, )6(\) > 0.*)  ->  \1(?:7)\2",
        "a bound above 0 does not change what is above 0",
    ),
    (
        r"(y = _relu\(x\) \+ at_zero \* )np\.where\(x == 0, x, 0\)  ->  \1np\.where\(.*\)",
        "what is added is 0, and there for its slope alone",
    ),
    (
        r"(.*np\.where\(x <= )0(, x, 0\).*)  ->  \1(?:1)\2"
        r"|(.*np\.where\(x <= 0, x, )0(\).*)  ->  \3(?:-?1)\4"
        r"|(.*np\.where\(x > 0, .*np\.where\(x <= 0, .*), 0(\)\).*)  ->  \5, -?1\6",
        "it stands in the piece that is not taken",
    ),
    (
        r"(.*)np\.square\(d\)(.*)  ->  \1np\.square\(Abs_d\)\2",
        "|d| and d have one square",
    ),
    (
        r"l_bar \+= (.*)  ->  l_bar = \1",
        "losses are summed or kept apart: nothing was added before",
    ),
    (
        r"(y \+= l\[.*:R\w)(.*\])  ->  \1 \+ 1\2",
        "where losses are kept apart, the slice takes all of them",
    ),
    (
        r"(divisor\[\.\.\.\] = np\.where\(\w+ > 0, \w+, )1\)  ->  \1.*\)",
        "what is divided there is 0",
    ),
    (
        r"(.*)max\(1, M\)(.*)  ->  \1max\(2, M\)\2",
        "of a single number all differences from the mean are 0",
    ),
    (
        r"(.*)\((target|\(target) >= 0\) & \(target <= C - 1\)(.*)  ->  "
        r"\1\((\(?counts|\(?target) >= (0|1|-1)\) & \(target <= C - (0|1|2)\)\3",
        "targets beyond the classes do not count, which makes their weight 0",
    ),
    (
        r"return \(y,\)  ->  return \(x,\)|(x_bar.*)(M|:K)(.*)  ->  \1(K|:K \+ 1)\3",
        "flat and not flat are the same memory; that they must not share it is a law of its own",
    ),
    (
        r"weight_hh_bar \+= (.*)  ->  weight_hh_bar = \1|return \(h, a\)  ->  return \(h, h\)",
        "of a single step there is one product, and max(a, 0) is positive where a is",
    ),
    (
        r"(.*\w+_factor(?:_\d+)?\[t - )first(\].*)  ->  \1last\2",
        "factors are made for the steps from first to last: the same row, counted from the end",
    ),
    (
        r"(.*_span\()(\w+), (\w+)(, 1, 0\))  ->  \1\3, \2\4",
        "from 0 to the smaller of two extents, whichever is named first",
    ),
    (
        r"(base(?:_part)?\[\.\.\.\] = np\.where\(total(?:_part)? == 0, )1(, .*)  ->  \1[2]\2",
        "the root of a sum of 0 is a piece of its own; 1 only keeps the other piece finite",
    ),
    (
        r"(.*)([tuv]) \+ (stride_\w \* [opq]_first)(:.*norm_type.*)  ->  \1\2 - \3\4",
        "windows without padding start inside of the input: the first is 0",
    ),
    (
        r"(\w+_argmax\w*\[.*_first\(_attains\(.*:)start(_\w\[\w\] \+ \w_end)(\].*)  ->  "
        r"\1(?:start\2 \+ 1|end\2)\3",
        "what attains the maximum first lies before the entries behind the window",
    ),
    (
        r"(base_bar = np\.where\(total_part == 0, )0(, .*norm_type.*)  ->  \1(1|-1)\2",
        "where the sum is 0, total_bar is 0 whatever base_bar is",
    ),
    (
        r"(\w+_argmax_part\[\.\.\.\] = )-1  ->  \1(?:\+1|1|-2|-0)",
        "every window has an entry, and its number is written over this one",
    ),
    (
        r"(\w+_argmax = np\.full\(.*, )-1(, int\))  ->  \1(?:\+1|-2|-0)\2",
        "every window has an entry, and its number is written over this one",
    ),
    (
        r"(\w+_first, \w+_end = _overlap\()(.*\)), (_until\(.*\))\)  ->  \1\3, \2\)",
        "what two ranges have in common does not depend on their order",
    ),
    (
        r"(.*start_\w\[\w\] )\+( \w_first:.*)  ->  \1-\2",
        "a window that starts inside of the input has no tap before it: the first is 0",
    ),
    (
        r"(.*_first, \w+_end = _overlap\(_span\(\w+, \w+, 1, start_\w\[)\w(\].*)  ->  "
        r"\1\w_first\2",
        "windows end inside of the input, whatever is asked beside the number of their entries",
    ),
    (
        r"(a(?:_over_\w)?\[.*\]) \+= (\w+\[.*:start_.*\]\.sum\(axis=\d\))  ->  \1 = \2",
        "one window makes all of an entry, which was 0",
    ),
    (
        r"(.*_attains\()(.*), (\w+(?:\[.*\])?)(\).*)  ->  \1\3, \2\4",
        "two numbers are equal in either order, and a maximum is NaN where an entry is",
    ),
    (
        r"(\w+ = x\.(?:max|sum)\(axis=\()[0-9, ]+(\).*)  ->  \1[0-9, ]+\2",
        "the axes of a sum or a maximum have no order",
    ),
)

# Far from the cases of `derive verify`: hardly two numbers agree, and both (u-1)*d > u-1+d and
# (p-1)*s > p-1+s, which small numbers never show. Options are those of the last one to three axes.
SIZES = {"T": 2, "U": 3, "V": 3, "D": 2, "H": 6, "W": 8, "O": 2, "P": 3, "Q": 5}
SIZES |= {"N": 3, "C": 2, "K": 3}
ALONE = {"N": 1, "C": 1, "K": 1, "T": 3, "U": 3, "V": 3, "O": 3, "P": 3, "Q": 4}
STATED: tuple[tuple[dict[str, int], dict[str, tuple]], ...] = (
    (SIZES, {"dilation": (1, 2, 4), "padding": ((0, 1), (1, 0), (2, 1))}),
    (SIZES, {"stride": (1, 2, 1), "dilation": (1, 3, 2), "padding": ((1, 0), (2, 1), (0, 1))}),
    (
        {**ALONE, "D": 9, "H": 8, "W": 7},
        {"dilation": (4, 3, 2), "padding": ((1, 0),) * 3, "output_size": (7, 5, 5)},
    ),
    ({**ALONE, "T": 2, "U": 2, "V": 2, "D": 10, "H": 8, "W": 8}, {"stride": (4, 3, 2)}),
)


@cache
def discriminating(subject: Subject) -> tuple[Case, ...]:
    """Cases on which hardly two numbers agree; too large for plain loops, not for the field."""
    operation = subject.operation
    free = {size.name for size in formulas_of(operation).free}
    stated = []
    for sizes, options in STATED:
        given: dict[str, object] = {n: v for n, v in sizes.items() if n in free}
        for option in operation.options:
            if option.name in options:
                rank = len(option.settings) // (2 if option.sides else 1)
                given[option.name] = options[option.name][-rank:]
            elif option.name == "groups" and not stated:
                given["groups"] = 2
        stated.append(given)
    return cases(replace(operation, cases=tuple(stated)))[: len(stated)]


def killed(subject: Subject, mutant: Mutant) -> bool:
    """Whether a verification fails; raising an exception is a way to fail."""
    verification = subject.verification
    hardest = sorted(subject.cases, key=lambda case: case.is_empty)
    try:
        loaded = Loaded(subject.path, mutant.text)
        # Twice, since a case is run with the batch cut, or not, by its position.
        for case, module, _ in runs([*hardest, hardest[-1], *hardest], loaded):
            if verification.reference(case, module)[1]:
                return True
        for case, module, _ in runs(discriminating(subject), loaded):
            if verification.exact(case, module)[1]:
                return True
    except Exception:
        return True
    return False


def excused(mutant: Mutant) -> bool:
    """Whether a mutant is in the table, or its frames are larger than they need be."""
    change = f"{mutant.before}  ->  {mutant.after}"
    return any(re.fullmatch(row, change) for row, _ in EQUIVALENT) or is_larger_frame(mutant)


def is_larger_frame(mutant: Mutant) -> bool:
    """Whether only the extents of a frame changed, and none of them can become smaller.

    A frame is an array with zeros around it. Windows read it, or are added to it, up to the end of
    the last window, and it is cropped to the tensor's own extents, so what lies beyond is zero,
    and nobody's.
    """
    if not re.match(r"\w+_framed = ", mutant.before):
        return False
    old, new = (ast.parse(text) for text in (mutant.before, mutant.after))
    extents = [e for module in (old, new) if (e := _taken_out(module.body[0])) is not None]
    if ast.dump(old) != ast.dump(new) or len(extents) < 2:
        return False
    source = random.Random(0)
    names = sorted({n.id for e in extents for n in ast.walk(e) if isinstance(n, ast.Name)})
    for _ in range(200):
        sizes = {name: source.randint(1, 9) for name in names}
        smaller, larger = (_evaluated(e, sizes) for e in extents)
        if any(n < o for o, n in zip(smaller, larger, strict=True)):
            return False
    return True


def _taken_out(statement: ast.stmt) -> ast.expr | None:
    """The extents of the window axes of a frame; in their place a constant is left behind."""
    call = statement.value if isinstance(statement, ast.Assign) else None
    if not isinstance(call, ast.Call) or not call.args:
        return None
    if ast.unparse(call.func) != "np.zeros":
        extents, call.args[2] = call.args[2], ast.Constant(None)
        return extents
    shape = call.args[0]
    if not isinstance(shape, ast.Tuple):
        return None
    plain = sum(isinstance(extent, ast.Name) for extent in shape.elts)
    extents = ast.Tuple(shape.elts[plain:], ast.Load())
    shape.elts[plain:] = []
    return extents


def _evaluated(node: ast.expr, sizes: dict[str, int]) -> list[int]:
    """Numbers of a tuple of sums and products; no other text is ever evaluated."""
    assert isinstance(node, ast.Tuple)
    return [_number(extent, sizes) for extent in node.elts]


def _number(node: ast.expr, sizes: dict[str, int]) -> int:
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int)
        return node.value
    if isinstance(node, ast.Name):
        return sizes[node.id]
    assert isinstance(node, ast.BinOp)
    left, right = _number(node.left, sizes), _number(node.right, sizes)
    kinds = {ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right}
    return kinds[type(node.op)]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_every_slip_in_the_mathematics_is_noticed(subject: Subject):
    """Survivors are in the table, with the reason why they are the same program."""
    text = subject.path.read_text(encoding="utf-8")
    every = 1 if ALL else max(1, count(text, is_mathematics) // SAMPLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        tried = mutants(text, every, is_mathematics)
        survivors = [str(m) for m in tried if not excused(m) and not killed(subject, m)]
    assert not survivors, "\n" + "\n".join(survivors)
