"""Operations of a first course that are not shipped: a network of two layers, attention."""

from sympy import Eq, Rational, Sum, exp, log, sqrt, tanh

from derive.language import (
    Maximum,
    Operation,
    axes,
    axis,
    parameter,
    sigmoid,
    sizes,
    state,
    stop,
    tensor,
)

N, I, H, O, T, S, D = sizes("N I H O T S D", minimum=1)
n, i, h, o, t, s, d, e = axes("n i h o t s d e", N, I, H, O, T, S, D, D)


def neurons() -> Operation:
    """Two neurons in a row and half a squared error, without any index."""
    x, target, u, v, error = (tensor(w) for w in ("x", "target", "u", "v", "error"))
    s1, s2, h1, y = (tensor(w) for w in ("s1", "s2", "h1", "y"))
    return Operation(
        "neurons", "Two neurons and their error.", (x, target, u, v), (error,),
        (
            Eq(s1[()], u[()] * x[()]),
            Eq(h1[()], sigmoid(s1[()])),
            Eq(s2[()], v[()] * h1[()]),
            Eq(y[()], sigmoid(s2[()])),
            Eq(error[()], (y[()] - target[()]) ** 2 / 2),
        ),
    )  # fmt: skip


def perceptron() -> Operation:
    """Two dense layers, and half a squared error."""
    x, target = tensor("x", N, I), tensor("target", N, O)
    w1, b1 = parameter("W1", H, I), parameter("b1", H)
    w2, b2 = parameter("W2", O, H), parameter("b2", O)
    h1, s2, y, loss = tensor("h1", N, H), tensor("s2", N, O), tensor("y", N, O), tensor("loss")
    s1 = tensor("s1", N, H)
    return Operation(
        "perceptron", "Two dense layers and their error.", (x, target, w1, b1, w2, b2), (loss,),
        (
            Eq(s1[n, h], Sum(w1[h, i] * x[n, i], i) + b1[h]),
            Eq(h1[n, h], tanh(s1[n, h])),
            Eq(s2[n, o], Sum(w2[o, h] * h1[n, h], h) + b2[o]),
            Eq(y[n, o], sigmoid(s2[n, o])),
            Eq(loss[()], Sum(Rational(1, 2) * (y[n, o] - target[n, o]) ** 2, n, o)),
        ),
    )  # fmt: skip


def attention() -> Operation:
    """Scaled dot-product attention of one head."""
    q, k, v = tensor("q", T, D), tensor("k", S, D), tensor("v", S, O)
    score, top, weight = tensor("score", T, S), tensor("top", T), tensor("e", T, S)
    total, p, y = tensor("total", T), tensor("p", T, S), tensor("y", T, O)
    return Operation(
        "attention", "Means of values, weighed by how well keys fit queries.", (q, k, v), (y,),
        (
            Eq(score[t, s], Sum(q[t, d] * k[s, d], d) / sqrt(D)),
            Eq(top[t], stop(Maximum(score[t, s], s))),
            Eq(weight[t, s], exp(score[t, s] - top[t])),
            Eq(total[t], Sum(weight[t, s], s)),
            Eq(p[t, s], weight[t, s] / total[t]),
            Eq(y[t, o], Sum(p[t, s] * v[s, o], s)),
        ),
    )  # fmt: skip


def classifier() -> Operation:
    """A dense layer, softmax and cross-entropy with targets as probabilities, averaged."""
    x, target = tensor("x", N, I), tensor("target", N, O)
    w, b = parameter("W", O, I), parameter("b", O)
    s, top, total = tensor("s", N, O), tensor("top", N), tensor("total", N)
    logp, loss = tensor("logp", N, O), tensor("loss")
    return Operation(
        "classifier", "A dense layer and its cross-entropy.", (x, target, w, b), (loss,),
        (
            Eq(s[n, o], Sum(w[o, i] * x[n, i], i) + b[o]),
            Eq(top[n], stop(Maximum(s[n, o], o))),
            Eq(total[n], Sum(exp(s[n, o] - top[n]), o)),
            Eq(logp[n, o], s[n, o] - top[n] - log(total[n])),
            Eq(loss[()], -Sum(target[n, o] * logp[n, o], n, o) / N),
        ),
    )  # fmt: skip


def elman() -> Operation:
    """A recurrent layer that reads one sequence, so that nothing has a batch axis."""
    x, h = tensor("x", T, I), state("h", T, H)
    u, w, b = parameter("U", H, I), parameter("W", H, H), parameter("b", H)
    y, j, k = tensor("y", T, H), axis("j", H), axis("k", H)
    return Operation(
        "elman", "One sequence, one recurrent layer.", (x, u, w, b), (y,),
        (
            Eq(h[-1, j], 0),
            Eq(h[t, j], tanh(Sum(u[j, i] * x[t, i], i) + Sum(w[j, k] * h[t - 1, k], k) + b[j])),
            Eq(y[t, j], h[t, j]),
        ),
    )  # fmt: skip


NETWORKS = (neurons(), perceptron(), attention(), classifier(), elman())
