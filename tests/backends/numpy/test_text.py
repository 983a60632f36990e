"""The printer writes what was built: parentheses where they are needed."""

import ast
import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.backends.numpy.text import expression_text, program_text
from derive.backends.numpy.tree import (
    ALL,
    NONE,
    Assign,
    Binary,
    Comment,
    For,
    If,
    Literal,
    Name,
    Node,
    Return,
    Slice,
    Subscript,
    TupleOf,
    Unary,
    Unpack,
    Update,
    call,
    integer,
    method,
    numpy,
)

few = settings(max_examples=200, deadline=None, derandomize=True)
a, b = Name("a"), Name("b")

INFIX = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Term:
    """Remembers how it was made."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __neg__(self):
        return Term(f"(-{self.text})")

    def __bool__(self):
        return True

    def __eq__(self, other):  # pyright: ignore[reportIncompatibleMethodOverride]
        return Term(f"({self.text}=={other.text})")

    __hash__ = None  # type: ignore[assignment]


def _method(sign: str):
    return lambda self, other: Term(f"({self.text}{sign}{other.text})")


for sign, function in INFIX.items():
    if sign != "==":
        setattr(Term, f"__{function.__name__.rstrip('_')}__", _method(sign))


def built(node: Node) -> str:
    """Fully parenthesised, straight from the tree."""
    if isinstance(node, Name):
        return node.id
    if isinstance(node, Unary):
        return f"(-{built(node.operand)})"
    assert isinstance(node, Binary)
    return f"({built(node.left)}{node.operator}{built(node.right)})"


names = st.sampled_from("abc").map(Name)
trees = st.recursive(
    names,
    lambda inner: (
        st.builds(Binary, st.sampled_from(sorted(INFIX)), inner, inner)
        | st.builds(Unary, st.just("-"), inner)
    ),
    max_leaves=8,
)


@few
@given(trees)
def test_a_printed_tree_evaluates_as_it_was_built(tree):
    """Operators that record their operands see exactly the tree."""
    terms = {name: Term(name) for name in "abc"}
    assert eval(expression_text(tree), {}, terms).text == built(tree)


numbers = st.recursive(
    st.integers(0, 5).map(integer) | st.integers(1, 5).map(lambda n: Unary("-", integer(n))),
    lambda inner: (
        st.builds(Binary, st.sampled_from(["+", "-", "*", "<", "and", "or"]), inner, inner)
        | st.builds(Unary, st.sampled_from(["-", "not"]), inner)
    ),
    max_leaves=6,
)


def value(node: Node):
    """The value of a tree of numbers."""
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Unary):
        operand = value(node.operand)
        return not operand if node.operator == "not" else -operand
    assert isinstance(node, Binary)
    if node.operator in ("and", "or"):
        left = value(node.left)
        return (left and value(node.right)) if node.operator == "and" else left or value(node.right)
    return INFIX[node.operator](value(node.left), value(node.right))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@few
@given(numbers)
def test_truth_and_sign_bind_as_python_says(tree):
    """``not`` binds less than a comparison and more than ``and``."""
    assert eval(expression_text(tree)) == value(tree)


@pytest.mark.parametrize(
    "node, text",
    [
        (Binary("**", Unary("-", a), b), "(-a) ** b"),
        (Binary("**", a, Unary("-", b)), "a ** (-b)"),
        (Unary("-", Binary("**", a, b)), "-a ** b"),
        ((a + b)[Slice(None, b)], "(a + b)[:b]"),
        (a[Slice(b, None, integer(2)), ALL, NONE], "a[b::2, :, None]"),
        (a[Slice(step=Unary("-", integer(1)))], "a[::-1]"),
        (Subscript(a, ()), "a[()]"),
        (a[Literal(...)], "a[...]"),
        (method(a @ b, "reshape", TupleOf((integer(2),))), "(a @ b).reshape((2,))"),
        (a.transpose(0, 1), "a"),
        (a.transpose(1, 0), "a.transpose(1, 0)"),
        (TupleOf(()), "()"),
        (TupleOf((Unpack(a), b)), "(*a, b)"),
        (numpy("sum", a, axis=integer(0)), "np.sum(a, axis=0)"),
        (call("f", a - (b - a)), "f(a - (b - a))"),
        (Unary("not", Binary("in", a, b)), "not a in b"),
        (Binary("is not", a, NONE), "a is not None"),
        (Binary("==", Binary("==", a, b), a), "(a == b) == a"),
    ],
)  # fmt: skip
def test_nodes_print_as_people_write_them(node, text):
    """Few parentheses that say nothing, none left out."""
    assert expression_text(node) == text
    ast.parse(expression_text(node))


def test_lines_print_with_their_blocks():
    """Loops, conditions, empty bodies and bare tuples."""
    lines = (
        Comment("one\ntwo"),
        For(TupleOf((a, b)), call("zip", a, b), (Update(a, b, "-"),)),
        If(a, (), (Assign(TupleOf((a, b)), b),)),
        Return(TupleOf((a,))),
    )
    assert program_text(lines, 0).splitlines() == [
        "# one",
        "# two",
        "for a, b in zip(a, b):",
        "    a -= b",
        "if a:",
        "    pass",
        "else:",
        "    a, b = b",
        "return (a,)",
    ]
