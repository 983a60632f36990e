"""A filter F slides over an image X: is its gradient a convolution, or a correlation?

O[p,q] = Σ_{u,v} X[p + u, q + v] F[u,v]
"""

from sympy import Eq, Sum

from derive import Claim, Operation, axes, cotangent, parameter, size, sizes, tensor

H, W = sizes("H W")
U, V = sizes("U V", minimum=1)
P, Q = size("P", H - U + 1), size("Q", W - V + 1)
h, w, u, v, p, q = axes("h w u v p q", H, W, U, V, P, Q)

X, F, O = tensor("X", H, W), parameter("F", U, V), tensor("O", P, Q)

filtered = Operation(
    name="filtered",
    summary="Slide a filter over an image.",
    inputs=(X, F),
    outputs=(O,),
    equations=(Eq(O[p, q], Sum(X[p + u, q + v] * F[u, v], u, v)),),
    requires=((P >= 1, "the filter is higher than the image"),
              (Q >= 1, "the filter is wider than the image")),
)  # fmt: skip

dX, dF, dO = cotangent(X), cotangent(F), cotangent(O)

# "∂L/∂F is the convolution of X and ∂L/∂O." It is their correlation.
slide_filter = Claim(filtered, Eq(dF[u, v], Sum(X[u - p, v - q] * dO[p, q], p, q)))
mended_filter = Claim(filtered, Eq(dF[u, v], Sum(X[u + p, v + q] * dO[p, q], p, q)))

# "∂L/∂X is the convolution of ∂L/∂O with F rotated by 180°." Convolution turns F by itself:
rotated = F[U - 1 - u, V - 1 - v]
slide_image = Claim(filtered, Eq(dX[h, w], Sum(dO[h - u, w - v] * rotated, u, v)))
mended_image = Claim(filtered, Eq(dX[h, w], Sum(dO[h - u, w - v] * F[u, v], u, v)))

# ... or one correlates with F rotated, from the far end of the filter on.
also_mended_image = Claim(
    filtered,
    Eq(dX[h, w], Sum(dO[h - (U - 1) + u, w - (V - 1) + v] * rotated, u, v)),
)
