"""What need not be derived again: the hash of a definition, and the files that came from it."""

from dataclasses import replace

from sympy import Eq

from derive import Operation, axes, size, sizes, tensor
from derive.output.stamp import engine_hash
from derive.pipeline import definition_hash, rendered, written

N, M = sizes("N M")
(n,) = axes("n", N)
x, y = tensor("x", N), tensor("y", N)
double = Operation("double", "Twice.", (x,), (y,), (Eq(y[n], 2 * x[n]),))


def test_what_has_not_changed_is_read_from_its_files(tmp_path):
    outputs = rendered(double, "").outputs
    assert written(double, "", tmp_path) is None
    for output in outputs:
        (tmp_path / output.path).write_text(output.text, encoding="utf-8")
    found = written(double, "", tmp_path)
    assert found is not None and found.outputs == outputs
    assert written(replace(double, summary="Two times."), "", tmp_path) is None
    module = tmp_path / "double.py"
    module.write_text(module.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    assert written(double, "", tmp_path) is None


def test_a_hash_knows_what_names_stand_for():
    """Two definitions whose equations print alike differ in the formula of a size."""

    def cut(formula):
        p = axes("p", size("P", formula))[0]
        z = tensor("z", p.extent)
        return Operation("cut", "A part.", (x,), (z,), (Eq(z[p], x[p]),))

    assert definition_hash(cut(N - 1)) != definition_hash(cut(N - 2))
    assert definition_hash(cut(N - 1)) == definition_hash(cut(N - 1))


def test_a_hash_knows_what_is_given_and_in_which_order():
    """A call passes arrays by position; equations do not say which tensors are handed out."""
    a, b, half = tensor("a", N), tensor("b", N), tensor("half", N)
    between = (Eq(half[n], a[n] * b[n]), Eq(y[n], half[n] ** 2))
    made = [
        Operation("op", "An operation.", inputs, outputs, between)
        for inputs in ((a, b), (b, a))
        for outputs in ((y,), (y, half), (half, y))
    ]
    assert len({definition_hash(operation) for operation in made}) == len(made)


def test_the_engine_is_hashed_without_its_definitions():
    assert engine_hash() == engine_hash() != engine_hash(definitions=True)
    assert len(engine_hash()) == 16
