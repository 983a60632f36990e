"""Attention: a query looks at all keys, and sees the values of those that it resembles.

    a[n,l,s] = Σ_e query[n,l,e]·key[n,s,e] / √E
    p[n,l,s] = softmax of a[n,l,s] over s
    y[n,l,v] = Σ_s p[n,l,s]·value[n,s,v]

A mask says which keys a query may look at. With several heads, this is done for parts of the
features, all of them projections of what is given.
"""

from sympy import Eq, Expr, Max, Or, Piecewise, Sum, exp, sqrt

from derive.language import (
    Axis,
    Maximum,
    Operation,
    Size,
    Tensor,
    axes,
    flag,
    integers,
    leading,
    option,
    parameter,
    size,
    sizes,
    stop,
    tensor,
)

L, V, I, F = sizes("L V I F")
S, E = size("S", minimum=1), size("E", minimum=1)
l, s, e, v, i, f = axes("l s e v i f", L, S, E, V, I, F)
CAUSAL = flag("is_causal", meaning="let no query look at keys behind its own place")
LEGEND = {"l": "query", "s": "key", "e": "feature", "p": "how much of each key a query sees"}
NOTES = (
    "mask[n,l,s] is 1 where query l may look at key s, and 0 where it may not. A query that may "
    "look at nothing sees 0. The largest product of a query is taken off first, which changes "
    "nothing but the range."
)
SOURCE = "Vaswani et al., Attention is all you need, 2017"
HIDDEN = -(10**30)  # its exponential is 0


def attention(
    places: tuple[Axis, ...], query: Tensor, key: Tensor, value: Tensor, mask: Tensor, feature: Axis
) -> tuple[Expr, tuple[Eq, ...]]:
    """What queries see, and the equations of that; a mask has the first of the places alone."""
    extents = [axis.extent for axis in places]
    n, at, row = places[0], (*places, l, s), (*places, l)
    a, shifted, w, p = (tensor(name, *extents, L, S) for name in ("a", "shifted", "w", "p"))
    top, total = tensor("top", *extents, L), tensor("total", *extents, L)
    sees = integers("sees", n.extent, L, S, below=2)
    count, blind = integers("count", n.extent, L), integers("blind", n.extent, L)
    products = Sum(query[*row, e] * key[*places, s, e], e)
    may = sees[n, l, s] >= 1
    return Sum(p[at] * value[*places, s, feature], s), (
        Eq(a[at], products / sqrt(E)),
        Eq(sees[n, l, s], Piecewise((mask[n, l, s], Or(CAUSAL[0] <= 0, s <= l)), (0, True))),
        Eq(count[n, l], Sum(sees[n, l, s], s)),
        # Where all is hidden, the total would be 0.
        Eq(blind[n, l], Max(0, 1 - count[n, l])),
        Eq(top[row], stop(Maximum(Piecewise((a[at], may)), s))),
        Eq(shifted[at], Piecewise((a[at] - top[row], may), (HIDDEN, True))),
        Eq(w[at], exp(shifted[at])),
        Eq(total[row], Sum(w[at], s) + blind[n, l]),
        Eq(p[at], w[at] / total[row]),
    )


def everything(n: Size) -> Tensor:
    """A mask; left out, every query may look at all keys."""
    return integers("mask", n, L, S, below=2, default=1)


def _scaled_dot_product_attention() -> Operation:
    N = leading("N")
    (n,) = axes("n", N)
    query, key, value = tensor("query", N, L, E), tensor("key", N, S, E), tensor("value", N, S, V)
    y, mask = tensor("y", N, L, V), everything(N)
    seen, equations = attention((n,), query, key, value, mask, v)
    return Operation(
        name="scaled_dot_product_attention",
        summary="Let queries see values, each by the resemblance of its key to the query.",
        inputs=(query, key, value, mask),
        outputs=(y,),
        options=(CAUSAL,),
        equations=(*equations, Eq(y[n, l, v], seen)),
        legend={"n": "sequence (any leading axes)", **LEGEND, "v": "feature of a value"},
        notes=NOTES,
        source=SOURCE,
        example={
            "query": [[[2], [0]]], "key": [[[1], [0]]], "value": [[[1, 0], [0, 1]]],
        },
    )  # fmt: skip


def _multi_head_attention() -> Operation:
    heads = option(
        "num_heads", 1, minimum=1, samples=(2, 3), meaning="parts of the features", essential=True
    )
    (N,), many = sizes("N"), heads[0]
    n, h = axes("n h", N, many)
    shapes = {"query": L, "key": S, "value": S}
    given = {name: tensor(name, extent, N, I) for name, extent in shapes.items()}
    inner = {name: tensor(f"{name}_heads", N, many, extent, E) for name, extent in shapes.items()}
    weight_in = parameter("in_proj_weight", (3, many, E), I)
    bias_in = parameter("in_proj_bias", (3, many, E), optional=True)
    weight_out = parameter("out_proj_weight", F, (many, E))
    bias_out = parameter("out_proj_bias", F, optional=True)
    projected = tuple(
        Eq(
            inner[name][n, h, at, e],
            Sum(weight_in[(part, h, e), i] * given[name][at, n, i], i) + bias_in[(part, h, e)],
        )
        for part, (name, at) in enumerate(zip(given, (l, s, s), strict=True))
    )
    mask, z, y = everything(N), tensor("z", N, many, L, E), tensor("y", L, N, F)
    seen, equations = attention((n, h), inner["query"], inner["key"], inner["value"], mask, e)
    return Operation(
        name="multi_head_attention",
        summary="Let queries see values by several heads, each of which has projections of its own "
        "and a part of the features.",
        inputs=(*given.values(), weight_in, weight_out, bias_in, bias_out, mask),
        outputs=(y,),
        options=(heads, CAUSAL),
        equations=(
            *projected,
            *equations,
            Eq(z[n, h, l, e], seen),
            Eq(y[l, n, f], Sum(weight_out[f, (h, e)] * z[n, h, l, e], h, e) + bias_out[f]),
        ),
        legend={"n": "sequence", "h": "head", **LEGEND, "i": "input feature",
                "f": "output feature"},
        notes="Sequences are laid out as (place, batch, features). " + NOTES,
        source=SOURCE,
    )  # fmt: skip


OPERATIONS = (_scaled_dot_product_attention(), _multi_head_attention())
