"""How far pairs of vectors are apart.

    pairwise_distance    y[m] = √(Σ_d (x1[m,d] − x2[m,d] + eps)²)
    cosine_similarity    y[m] = Σ_d x1[m,d]·x2[m,d] / (‖x1[m]‖·‖x2[m]‖)

Names, options and shapes are PyTorch's.
"""

from collections.abc import Callable

from sympy import Eq, Sum

from derive.language import Operation, Option, axes, compose, leading, option, part, sizes, tensor
from derive.ops.normalization import normalize, root_of

(D,) = sizes("D")
M = leading("M")
m, d = axes("m d", M, D)
VECTORS = {"m": "vector (any leading axes)", "d": "feature"}
PAIR = {"x1": [[3, 4]], "x2": [[4, 3]]}
x1, x2 = tensor("x1", M, D), tensor("x2", M, D)


def eps(default: float, meaning: str) -> Option:
    return option("eps", default, integer=False, minimum=0, samples=(0.1, 1), meaning=meaning)


ADDED = eps(1e-6, "what is added to every difference")


def _pairwise_distance() -> Operation:
    apart, square, y = tensor("apart", M, D), tensor("square", M), tensor("y", M)
    return Operation(
        name="pairwise_distance",
        summary="Euclidean distances of pairs of vectors.",
        inputs=(x1, x2),
        outputs=(y,),
        equations=(
            Eq(apart[m, d], x1[m, d] - x2[m, d] + ADDED[0]),
            Eq(square[m], Sum(apart[m, d] ** 2, d)),
            Eq(y[m], root_of(square[m])),
        ),
        options=(ADDED,),
        legend=VECTORS,
        notes="Where a distance is 0, so is its slope.",
        example=PAIR | {"x2": [[0, 0]], "eps": 0},
    )


def naming(number: str) -> Callable[[str], str]:
    """The tensors of a part have a number, its indices are those of the whole."""
    return lambda name: {"n": "m", "h": "d"}.get(name, f"{name}{number}")


def _cosine_similarity() -> Operation:
    floor = eps(1e-8, "least length that counts")
    units, y = [tensor(f"unit{i}", M, D) for i in (1, 2)], tensor("y", M)
    return compose(
        "cosine_similarity",
        "Cosines of the angles of pairs of vectors.",
        [
            part(normalize, naming(number), x=x, y=unit, eps=floor)
            for number, x, unit in zip("12", (x1, x2), units, strict=True)
        ],
        inputs=(x1, x2),
        outputs=(y,),
        equations=(Eq(y[m], Sum(units[0][m, d] * units[1][m, d], d)),),
        options=(floor,),
        legend=VECTORS,
        example=PAIR | {"eps": 1},
    )


pairwise_distance, cosine_similarity = _pairwise_distance(), _cosine_similarity()
OPERATIONS = (pairwise_distance, cosine_similarity)
