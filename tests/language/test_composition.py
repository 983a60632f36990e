"""Operations as parts of others: names, shapes, options, and the networks that come out."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Eq, Max, Piecewise, Sum

import derive
from derive import Operation, axes, compose, integers, option, part, relu, sizes, tensor
from derive.errors import DefinitionError
from derive.language import leading, parameter, size
from derive.ops import shipped
from derive.pipeline import rendered
from derive.verification.verify import verify

OPERATION = {o.name: o for operations in shipped().values() for o in operations}
linear, correlate2d = OPERATION["linear"], OPERATION["correlate2d"]
N, I, H, O = sizes("N I H O")
n, i, h, o = axes("n i h o", N, I, H, O)


def verified(operation: Operation, tmp_path):
    """The generated module, after all three verifications."""
    (output,) = (f for f in rendered(operation, "").outputs if f.path.suffix == ".py")
    path = tmp_path / "module.py"
    path.write_text(output.text, encoding="utf-8")
    report = verify(operation, path)
    assert report.ok, report.failures[0]
    return derive.compile(operation)


def perceptron() -> Operation:
    x, hidden = tensor("x", N, I), tensor("hidden", N, H)
    first = part(linear, "hidden", x=x, O=H)
    second = part(linear, "output", x=hidden, O=O)
    return compose(
        "perceptron", "Two linear layers with ReLU between them.", (first, second),
        inputs=(x,), outputs=(second["y"],),
        equations=(Eq(hidden[n, h], relu(first["y"][n, h])),),
    )  # fmt: skip


def test_perceptron(tmp_path):
    """The same values and gradients as the layers one by one."""
    network = perceptron()
    names = [t.name for t in network.inputs]
    assert names == ["x", "weight_hidden", "weight_output", "bias_hidden", "bias_output"]
    module, layer = verified(network, tmp_path), derive.compile(linear)
    rng = np.random.default_rng(0)
    x, u, w, b, c = (rng.standard_normal(s) for s in ((5, 3), (4, 3), (2, 4), (4,), (2,)))
    y, residuals = module.forward(x, u, w, b, c)
    bar = rng.standard_normal(y.shape)
    grads = module.backward(bar, residuals)
    a, below = layer.forward(x, u, b)
    expected, above = layer.forward(np.maximum(a, 0), w, c)
    upper = layer.backward(bar, above)
    lower = layer.backward(upper.x * (a > 0), below)
    np.testing.assert_allclose(y, expected)
    for found, right in zip(
        grads, (lower.x, lower.weight, upper.weight, lower.bias, upper.bias), strict=True
    ):
        np.testing.assert_allclose(found, right)


def test_image_classifier(tmp_path):
    """A convolution, ReLU, and a linear layer over a product of three axes."""
    C, height, width = sizes("C height width")
    image = tensor("image", N, C, height, width)
    filters = part(correlate2d, "conv", x=image, padding=1, stride=(2, 1))
    y = filters["y"]
    (batch,), (K,), (P,), (Q,) = y.axes_of
    m, k, p, q = axes("m k p q", batch, K, P, Q)
    flat = tensor("flat", batch, (K, P, Q))
    layer = part(linear, "out", x=flat)
    network = compose(
        "classifier", "A small network for images.", (filters, layer), inputs=(image,),
        outputs=(layer["y"],), equations=(Eq(flat[m, (k, p, q)], relu(y[m, k, p, q])),),
    )  # fmt: skip
    assert network.options == ()
    module, rng = verified(network, tmp_path), np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((4, 3, 3, 3))
    conv = derive.compile(correlate2d).apply(x, w, padding=1, stride=(2, 1))
    v = rng.standard_normal((6, conv[0].size))
    np.testing.assert_allclose(
        module.apply(x, w, v), np.maximum(conv, 0).reshape(2, -1) @ v.T, atol=1e-12
    )


def test_options_are_handed_on_or_have_a_value(tmp_path):
    C, height, width = sizes("C height width")
    image = tensor("image", N, C, height, width, outside=0)
    step = option("step", 1, over=("h", "w"), minimum=1, samples=(2,))
    filters = part(correlate2d, "conv", x=image, stride=step, padding="same")
    network = compose(
        "strided", "One convolution.", (filters,), inputs=(image,), outputs=(filters["y"],),
        options=(step,),
    )  # fmt: skip
    module, plain = verified(network, tmp_path), derive.compile(correlate2d)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((4, 3, 3, 2))
    expected = plain.apply(x, w, padding="same", stride=2)
    np.testing.assert_allclose(module.apply(x, w, step=2), expected)


def test_leading_axes_become_those_of_the_caller():
    """linear over (*, I) is one over (N, H, I), and its output has these axes too."""
    used = part(linear, "a", x=tensor("x", N, H, I))
    assert used["y"].axes_of[:2] == ((N,), (H,))
    assert used["weight"].axes_of[1] == ((I,))
    assert [t.name for t in used.inputs] == ["weight_a", "bias_a"]


def test_a_part_knows_nothing_of_the_symbols_around_it():
    """Sizes that trade places: what was replaced is not replaced again."""
    x, w = tensor("x", I, H), parameter("w", H, I)
    y = tensor("y", I)
    inner = Operation("inner", "Inner.", (x, w), (y,), (Eq(y[i], Sum(x[i, h] * w[h, i], h)),))
    used = part(inner, "b", x=tensor("z", H, I))
    assert used["w"].shape == (I, H) and used["y"].shape == (H,)
    (equation,) = used.equations
    assert {str(a.extent) for a in equation.right.atoms(type(i))} == {"I", "H"}


def test_functions_of_indices():
    """One array holds what two parts read."""
    x, both = tensor("x", N, I), parameter("weights", 2, O, I)
    parts = [
        part(linear, str(d), x=x, weight=lambda o, i, d=d: both[d, o, i], O=O, I=I) for d in (0, 1)
    ]
    y = tensor("y", N, O)
    network = compose(
        "twice", "Two layers, added.", parts, inputs=(x, both), outputs=(y,),
        equations=(Eq(y[n, o], parts[0]["y"][n, o] + parts[1]["y"][n, o]),),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 2)), rng.standard_normal((2, 4, 2))
    np.testing.assert_allclose(derive.compile(network).apply(x, w), x @ (w[0] + w[1]).T)


def test_what_no_output_reads_is_left_out():
    used = part(OPERATION["rnn"], "", h_n=tensor("h_n", *sizes("N H")))
    network = compose("last", "The last state.", (used,), outputs=(used["h_n"],))
    assert "y" not in {t.name for t in network.tensors}


def test_minima_come_along():
    """A size that must not be 0 in the part must not be so in the whole."""
    M = size("M", minimum=2)
    (m,) = axes("m", M)
    x, y = tensor("x", M), tensor("y", M)
    inner = Operation("inner", "Inner.", (x,), (y,), (Eq(y[m], x[m]),))
    used = part(inner, "c", x=tensor("z", N))
    ((relation, words),) = used.requires
    assert relation == (N >= 2) and "inner" in words


@pytest.mark.parametrize(
    "bindings, said",
    [
        ({"z": tensor("z", N, I)}, "nothing that is called z.*It has x, weight, bias, y"),
        ({"x": 3}, "x is bound to 3"),
        ({"weight": tensor("w", O, I, H)}, "weight has 2 axes, and w has 3"),
        ({"x": tensor("z", N, I), "weight": tensor("w", O, H)}, "weight has the extent I, but H"),
        ({"x": integers("z", N, I, below=N)}, "one holds integers"),
    ],
    ids=["name", "kind", "rank", "extent", "integers"],
)
def test_what_does_not_fit(bindings, said):
    with pytest.raises(DefinitionError, match=f"(?s)linear: as the part d: .*{said}"):
        part(linear, "d", **bindings)


def test_products_that_do_not_fit():
    """With two groups, channels are a product; a plain axis has to be declared as one."""
    C, height, width = sizes("C height width")
    image = tensor("image", N, C, height, width)
    with pytest.raises(DefinitionError, match=r"x has an axis groups\*C, where image has C"):
        part(correlate2d, "e", x=image, groups=2)
    parted = part(correlate2d, "e", x=tensor("image", N, (2, C), height, width), groups=2)
    assert parted["weight"].axes_of[0][0] == 2


def test_a_split_size_has_to_be_an_index_by_itself():
    rows = leading("R")
    (r,) = axes("r", rows)
    x, y = tensor("x", rows, outside=0), tensor("y", rows)
    shift = Operation("shift", "Shift.", (x,), (y,), (Eq(y[r], x[r - 1]),))
    with pytest.raises(DefinitionError, match="r - 1 is not an index by itself"):
        part(shift, "f", x=tensor("z", N, H, outside=0))


def test_sums_in_functions_are_refused():
    """Their indices could be those of the part."""
    w = tensor("w", N, O, I)
    with pytest.raises(DefinitionError, match="returns a sum"):
        part(linear, "g", x=lambda n, i: Sum(w[n, o, i], o))


def test_a_tensor_that_was_given_as_a_function_has_no_name():
    used = part(linear, "g", x=lambda n, i: tensor("z", N, I, O)[n, i, 0])
    with pytest.raises(DefinitionError, match="x is no tensor of the part g"):
        used["x"]


def test_integers_that_may_be_left_out():
    """They have their default; a caller's own are looked at."""
    limit = integers("limit", N, below=I + 1, default=I)
    x, y = tensor("x", N, I), tensor("y", N)
    upto = Operation(
        "upto", "Add up to a limit.", (x, limit), (y,),
        (Eq(y[n], Sum(Piecewise((x[n, i], i < limit[n]), (0, True)), i)),),
    )  # fmt: skip
    module = derive.compile(upto)
    values = np.arange(6.0).reshape(2, 3)
    assert module.apply(values).tolist() == [3, 12]
    assert module.apply(values, limit=np.array([2, 0])).tolist() == [1, 0]
    _, residuals = module.forward(values)
    assert module.backward(np.ones(2), residuals).x.tolist() == [[1, 1, 1], [1, 1, 1]]
    with pytest.raises(ValueError, match="limit"):
        module.apply(values, limit=np.array([4, 0]))
    with pytest.raises(DefinitionError, match="no term is dropped"):
        integers("limit", N, below=I, default=0, optional=True)
    beyond = replace(upto, inputs=(x, integers("limit", N, below=I, default=I)))
    beyond = replace(beyond, equations=(Eq(y[n], x[n, 0]),))
    with pytest.raises(DefinitionError, match="the default I of limit need not be within"):
        derive.compile(beyond)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("max_pool2d", {"kernel_size": 2}),  # whose stride is the word None
        ("max_pool2d", {"kernel_size": 2, "stride": 1, "padding": 1}),
        ("max_pool2d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
        ("avg_pool2d", {"kernel_size": 2, "count_include_pad": False, "divisor_override": None}),
    ],
    ids=str,
)
def test_a_part_takes_options_as_its_module_does(name, given):
    """Words that are no strings among them."""
    C, height, width = sizes("C height width")
    image = tensor("image", N, C, height, width)
    pooled = part(OPERATION[name], "p", x=image, **given)
    whole = compose("pooled", "Pool.", (pooled,), inputs=(image,), outputs=(pooled["y"],))
    values = np.random.default_rng(0).standard_normal((2, 3, 6, 7))
    module, pool = derive.compile(whole), derive.compile(OPERATION[name])
    assert np.array_equal(module.apply(values), pool.apply(values, **given))


@pytest.mark.parametrize(
    "given", [{"kernel_size": 0}, {"kernel_size": 1.5}, {"ceil_mode": "yes"}, {"stride": True}]
)
def test_a_part_refuses_what_its_module_refuses(given):
    C, height, width = sizes("C height width")
    with pytest.raises(DefinitionError, match="is no value of the option"):
        part(OPERATION["max_pool2d"], "p", x=tensor("image", N, C, height, width), **given)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("axes_of", [(N,), (N, I)], ids=["one axis", "two axes"])
def test_a_loss_may_be_a_part(reduction, axes_of):
    """Its axes are kept or dropped, as its option says."""
    x, target = tensor("x", *axes_of), tensor("target", *axes_of)
    loss = part(OPERATION["mse_loss"], "loss", x=x, target=target, reduction=reduction)
    whole = compose("loss", "Loss.", (loss,), inputs=(x, target), outputs=(loss["y"],))
    shape = (4, 3)[: len(axes_of)]
    ones, values = np.ones(shape), np.arange(np.prod(shape), dtype=float).reshape(shape)
    squares = (values - 1) ** 2
    right = {"mean": squares.mean(), "sum": squares.sum(), "none": squares}[reduction]
    module = derive.compile(whole)
    found, residuals = module.forward(values, ones)
    assert found.shape == np.shape(right) and np.allclose(found, right)
    share = 2 * (values - 1) / (squares.size if reduction == "mean" else 1)
    assert np.allclose(module.backward(np.ones_like(found), residuals).x, share)


def test_integers_of_a_part_keep_what_may_occur_besides():
    """A class that does not count is refused by nobody: −100 marks it."""
    C, M = size("C", minimum=1), size("M")
    x = tensor("x", N, C, M)
    loss = part(OPERATION["nll_loss"], "", x=x)
    whole = compose("loss", "Loss.", (loss,), inputs=(x,), outputs=(loss["y"],))
    values = np.log([[[0.25], [0.75]], [[0.5], [0.5]]])
    found = derive.compile(whole).apply(values, np.array([[1], [-100]]))
    assert np.allclose(found, -np.log(0.75))


def test_a_pack_may_stand_anywhere_and_have_no_axes(tmp_path):
    """Channels of plain vectors, and of images, by one definition over (N, C, *)."""
    C, M, L = size("C", minimum=1), *sizes("M L")
    for more in ((), (M, L)):
        x = tensor("x", N, C, *more)
        slopes = part(OPERATION["prelu"], "rectified", x=x)
        flat = part(OPERATION["flatten"], "", x=slopes["y"])
        network = compose("flat", "Rectify, and flatten.", (slopes, flat), inputs=(x,),
                          outputs=(flat["y"],))  # fmt: skip
        assert flat["y"].axes_of == ((N,), (C, *more))
        shape = (2, 3, 2, 2)[: 2 + len(more)]
        values = np.random.default_rng(0).standard_normal(shape)
        found = verified(network, tmp_path).apply(values, np.full(3, 0.5))
        assert np.array_equal(found, np.where(values > 0, values, values / 2).reshape(2, -1))


def test_an_option_of_the_whole_keeps_several_axes(tmp_path):
    x, target = tensor("x", N, I), tensor("target", N, I)
    how = option(
        "how", "mean", over=("a", "b"), numeric=False,
        spellings={"mean": (0, Max(1, N * I)), "none": (1, 1)},
    )  # fmt: skip
    loss = part(OPERATION["mse_loss"], "loss", x=x, target=target, reduction=how)
    whole = compose("distance", "Loss.", (loss,), inputs=(x, target), outputs=(loss["y"],),
                    options=(how,))  # fmt: skip
    module, ones = verified(whole, tmp_path), np.ones((2, 3))
    assert module.apply(2 * ones, ones) == 1
    assert np.array_equal(module.apply(2 * ones, ones, how="none"), ones)


def test_what_is_one_has_no_index():
    """One filter in each of two groups is no axis of its own."""
    C, height, width = sizes("C height width")
    image = tensor("image", N, (2, C), height, width)
    filters = part(correlate2d, "a", x=image, groups=2, K=1)
    assert filters["y"].axes_of[1] == (2,) and filters["weight"].axes_of[0] == (2,)
    lonely = part(correlate2d, "b", x=tensor("image", N, 1, height, width), C=1, K=1)
    assert lonely["y"].axes_of[1] == (1,) and lonely["weight"].axes_of[:2] == ((1,), (1,))


def test_one_name_of_an_index_in_two_parts(tmp_path):
    """Each means its own; so does that of the whole."""
    (i_hidden,) = axes("i", H)
    x, hidden, more = tensor("x", N, I), tensor("hidden", N, H), tensor("more", N, H)
    scale = Operation("scale", "Scale.", (more,), (hidden,),
                      (Eq(hidden[n, i_hidden], 2 * more[n, i_hidden]),))  # fmt: skip
    lower = part(linear, "lower", x=x, O=H)
    upper = part(scale, "upper", more=lower["y"])
    network = compose("scaled", "Twice a product.", (lower, upper), inputs=(x,),
                      outputs=(upper["hidden"],))  # fmt: skip
    assert [a.name for a in network.axes if a.extent in (I, H)] == ["i", "i2", "o_lower"]
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
    np.testing.assert_allclose(verified(network, tmp_path).apply(x, w), 2 * x @ w.T)


def test_an_error_names_the_part_and_shows_the_equation():
    (r,) = axes("r", leading("R"))
    x, y = tensor("x", r.extent, outside=0), tensor("y", r.extent)
    shift = Operation("shift", "Shift.", (x,), (y,), (Eq(y[r], x[r - 1]),))
    for naming in ({}, {"name": "late"}):
        with pytest.raises(DefinitionError) as refused:
            part(shift, "late" if not naming else "", x=tensor("z", N, H, outside=0), **naming)
        first, equation, remedy = str(refused.value).splitlines()
        assert first.startswith("shift: as the part late: R becomes a product")
        assert equation == "  y[r] = x[r - 1]" and remedy.startswith("Give a tensor")
