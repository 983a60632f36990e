"""Words of a definition: what names are refused, what indexes a tensor, what is the same symbol."""

import numpy as np
import pytest
from sympy import Abs, Eq, Idx, Piecewise, Sum, Symbol

from derive import compile
from derive.calculus.lift import to_system
from derive.errors import DefinitionError
from derive.language import (
    Operation,
    axes,
    axis,
    integers,
    kept,
    leading,
    option,
    parameter,
    size,
    sizes,
    state,
    tensor,
)
from derive.language.names import RESERVED
from derive.language.symbols import Axis, Bound, Size

N, C = sizes("N C")
n, c = axes("n c", N, C)
MAKERS = {
    "size": size,
    "axis": lambda name: axis(name, N),
    "tensor": lambda name: tensor(name, N),
    "parameter": lambda name: parameter(name, N),
    "integers": lambda name: integers(name, N, below=3),
    "state": lambda name: state(name, N),
    "option": lambda name: option(name, 1),
}
REFUSED = ("lambda", "match", "2x", "a b", "", "x-1", "ñ", "_x", "__import__('os')", *RESERVED)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", sorted(REFUSED, key=str))
def test_a_name_that_no_module_can_use_is_refused(maker, name):
    """Keywords, non-identifiers, leading underscores and the module's own names."""
    with pytest.raises(DefinitionError, match="the name of"):
        MAKERS[maker](name)


@pytest.mark.parametrize("name", ["range", "reversed", "max", "min", "abs", "int", "shapes"])
def test_a_name_that_the_module_body_calls_is_refused(name):
    """Lowered code calls these builtins; a tensor of that name would hide them."""
    with pytest.raises(DefinitionError):
        tensor(name, N)


def test_the_number_of_indices_must_be_the_rank():
    """One index for each axis, no slices, no numbers with a point."""
    x = tensor("x", N, C)
    for index in ((n,), (n, c, c), ()):
        with pytest.raises(DefinitionError, match="2 axes"):
            x[index]
    for bad in (slice(None), Ellipsis, "n", 0.5):
        with pytest.raises(DefinitionError, match="cannot index"):
            x[n, bad]
    with pytest.raises(TypeError, match="not iterable"):
        iter(x)


def test_a_product_axis_takes_one_index_for_each_factor():
    """``x[n, (g, c)]``; alone, Python's ``b[(g, c)]`` is ``b[g, c]``."""
    x, b = tensor("x", N, (2, C)), tensor("b", (2, C))
    g = axis("g", 2)
    assert x[n, (g, c)].index == (n, g, c)
    assert b[(g, c)].index == b[g, c].index == (g, c)
    assert x.rank == 3 and len(x.axes_of) == 2
    for wrong in (c, (g,), (g, c, c)):
        with pytest.raises(DefinitionError, match="2 factor"):
            x[n, wrong]


def test_a_scalar_is_indexed_by_nothing():
    """Rank 0 is a rank like any other."""
    assert tensor("z")[()].index == () and tensor("z").shape == ()


def test_symbols_of_one_name_that_carry_different_things_differ():
    """A formula, an extent, a shape, an outside are part of the identity; equal ones are equal."""
    assert size("P") == size("P") and tensor("x", N) == tensor("x", N)
    assert len({size("P"), size("P", N), size("P", N + 1), size("P", minimum=1)}) == 4
    assert len({axis("i", N), axis("i", C), axis("i", N + 1)}) == 3
    different = {
        tensor("x", N),
        tensor("x", C),
        tensor("x", N, C),
        tensor("x", (N, C)),
        tensor("x", N, outside=0),
        tensor("x", N, outside=1),
        tensor("x", N, optional=True),
        parameter("x", N),
        integers("x", N, below=2),
        state("x", N - 1),
    }
    assert len(different) == 10


def test_a_spelling_gives_a_value_for_each_setting():
    """Pairs where the option has sides, one number for each axis otherwise."""
    good = option("pad", 0, over=("h", "w"), sides=True, spellings={"one": [(1, 2), (3, 4)]})
    assert good.spellings["one"] == (1, 2, 3, 4)
    assert good[1] == (good.settings[2], good.settings[3])
    with pytest.raises(DefinitionError, match="2 values for 4 settings"):
        option("pad", 0, over=("h", "w"), sides=True, spellings={"one": [(1, 2)]})
    with pytest.raises(DefinitionError, match="1 values for 2 settings"):
        option("stride", 1, over=("h", "w"), spellings={"one": [1]})


def test_axes_need_a_name_for_each_extent():
    """Too few extents are no axes."""
    with pytest.raises(DefinitionError, match="2 names and 1 extents"):
        axes("n c", N)


def test_an_absolute_value_leaves_the_extents_inside_it_alone():
    """SymPy's turns ``a - b`` into ``-(b - a)`` wherever it stands, limits of indices included."""
    first, beyond = (Bound(name, Size("N")) for name in ("first", "beyond"))
    part = axis("n", beyond - first)
    assert Abs(Symbol("a") * part).atoms(Axis) == {part}


def test_sympys_own_index_works_as_an_axis():
    """``Idx`` with a range, free or summed."""
    i = Idx("i", N)
    x, y, z = tensor("x", N), tensor("y", N), tensor("z")
    equations = (Eq(y[i], x[i] ** 2), Eq(z[()], Sum(x[i], i)))
    system = to_system(Operation("f", "F.", (x,), (y, z), equations))
    assert [[a.extent for a in s.domain] for s in system.statements] == [[N], [N]]


def test_sympys_own_index_may_begin_at_one():
    """``Idx("i", (1, N))`` runs over 1 .. N."""
    i = Idx("i", (1, N))
    x, z = tensor("x", N), tensor("z")
    system = to_system(Operation("f", "F.", (x,), (z,), (Eq(z[()], Sum(x[i - 1], i)),)))
    assert system.statements[0].domain[0].extent == N


def test_a_state_begins_at_minus_one():
    """One more row than steps, and the offset says where it begins."""
    h = state("h", N, C, (2, C))
    assert h.shape == (N + 1, C, 2, C) and h.offset == (-1, 0, 0, 0)
    with pytest.raises(DefinitionError, match="no product axis"):
        state("h", (N, C))


def test_axes_that_an_option_keeps():
    """A kept size is that of the pack or 1; no input tells one, and none has two packs."""
    m = leading("M")
    how = option("how", "all", spellings={"all": (1,), "one": (0,)}, numeric=False)
    r = kept("R", m, when=how[0] >= 1)
    assert r.packed and r.kept == (m, how[0] >= 1)
    assert r.formula == Piecewise((m, how[0] >= 1), (1, True))
    assert r != kept("R", m, when=how[0] >= 2)
    x, y = tensor("x", m), tensor("y", r)
    (i,), (j,) = axes("i", m), axes("j", r)
    cases = Piecewise((x[j], how[0] >= 1), (Sum(x[i], i), True))
    module = compile(Operation("f", "F.", (x,), (y,), (Eq(y[j], cases),), (how,)))
    array = np.arange(6.0).reshape(2, 3)
    assert module.apply(array) is not array and np.array_equal(module.apply(array), array)
    assert module.apply(array, how="one").shape == () and module.apply(array, how="one") == 15
    _, residuals = module.forward(array, how="one")
    assert np.array_equal(module.backward(np.array(2.0), residuals).x, np.full((2, 3), 2.0))
    z = tensor("z", r)
    module = compile(Operation("f", "F.", (x, z), (y,), (Eq(y[j], cases + z[j]),), (how,)))
    assert module.apply(array, np.array(1.0), how="one") == 16
    assert np.array_equal(module.apply(array, array), 2 * array)
    with pytest.raises(ValueError, match=r"z has shape \(\), expected \(2, 3\)"):
        module.apply(array, np.array(1.0))
    with pytest.raises(DefinitionError, match=r"no input binds the size [MR]"):
        compile(Operation("f", "F.", (z,), (y,), (Eq(y[j], z[j]),), (how,)))
    wrong = tensor("z", m, leading("K"))
    p, q = axes("p q", *wrong.shape)
    with pytest.raises(DefinitionError, match="does not tell where the axes"):
        equation = Eq(y[j], cases + Sum(wrong[p, q], p, q))
        compile(Operation("f", "F.", (x, wrong), (y,), (equation,), (how,)))


def test_a_pack_may_stand_in_the_middle():
    """``(N, *, C)``; what stands behind it is counted from the end."""
    n, c, m = *sizes("N C"), leading("M")
    x, weight, y = tensor("x", n, m, c), parameter("weight", c, default=2), tensor("y", n, m)
    i, j, k = axes("i j k", n, m, c)
    equation = Eq(y[i, j], Sum(x[i, j, k] * weight[k], k))
    module = compile(Operation("f", "F.", (x, weight), (y,), (equation,)))
    array = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    given = np.arange(5.0)
    np.testing.assert_allclose(module.apply(array, given), array @ given)
    np.testing.assert_allclose(module.apply(array), 2 * array.sum(-1))
    output, residuals = module.forward(array[:, 0, 0])
    assert output.shape == (2,) and module.backward(output, residuals).weight is None
    with pytest.raises(ValueError, match="axis 0 of weight"):
        module.apply(array, given[1:])


def test_a_default_is_not_optional():
    with pytest.raises(DefinitionError, match="it is not optional"):
        parameter("w", 3, optional=True, default=1)
