"""Definitions that nobody ships: each is legal, and each bends another part of the engine."""

from __future__ import annotations

from sympy import Eq, Max, Piecewise, Sum, exp, log, sqrt, tanh

from derive.language import (
    Operation,
    accumulate,
    axes,
    axis,
    integers,
    option,
    parameter,
    sigmoid,
    size,
    sizes,
    state,
    stop,
    tensor,
)

ZOO: dict[str, Operation] = {}


def define(name, inputs, outputs, *equations, **more) -> Operation:
    """An operation without words, entered in the table."""
    operation = Operation(name, f"The {name} of the zoo.", inputs, outputs, equations, **more)
    ZOO[name] = operation
    return operation


B, C, D, H, K, L, N, S, T = sizes("B C D H K L N S T")
P, Q = sizes("P Q")

# ---- sums of products ----------------------------------------------------------------------

i, j = axes("i j", N, C)
x, y = tensor("x", N), tensor("y", C)
a = parameter("a", N, C)
z = tensor("z")
define("bilinear", (x, a, y), (z,), Eq(z[()], Sum(x[i] * a[i, j] * y[j], i, j)))

b = axis("b", B)
k = axis("k", K)
xb, yb, w = tensor("x", B, N), tensor("y", B, C), parameter("w", K, N, C)
zb = tensor("z", B, K)
define(
    "bilinear_batch", (xb, w, yb), (zb,), Eq(zb[b, k], Sum(xb[b, i] * w[k, i, j] * yb[b, j], i, j))
)

o = tensor("o", N, C)
define("outer", (x, y), (o,), Eq(o[i, j], x[i] * y[j]))

sq = tensor("m", N, N)
i2 = axis("i2", N)
define("matrix_trace", (sq,), (z,), Eq(z[()], Sum(sq[i, i], i)))
d = tensor("d", N)
define("diagonal", (sq,), (d,), Eq(d[i], sq[i, i]))
dd = tensor("e", N, N)
define("diagonal_matrix", (x,), (dd,), Eq(dd[i, i2], Piecewise((x[i], Eq(i, i2)), (0, True))))

x0 = tensor("x", N, outside=0)
kern = tensor("v", N)
t1 = tensor("t", N)
define("toeplitz", (x0, kern), (t1,), Eq(t1[i], Sum(x0[i - i2] * kern[i2], i2)))
define("total", (xb,), (z,), Eq(z[()], Sum(xb[b, i], b, i)))
copies = option("copies", 2, minimum=1, samples=(1, 3))
row = tensor("u", copies.settings[0])
m = axis("m", copies.settings[0])
define("repeat_norm", (x,), (row,), Eq(row[m], Sum(x[i] ** 2, i)), options=(copies,))
three = tensor("u", 3, C)
define("repeat_thrice", (y,), (three,), Eq(three[axis("q", 3), j], y[j]))

# ---- windows -------------------------------------------------------------------------------

t, u = axes("t u", T, K)
dil = option("dilation", 1, minimum=1, samples=(2, 3))
g = dil.settings[0]
xs = tensor("x", B, C, T, outside=0)
ww = parameter("weight", D, C, K)
c, e = axes("c e", C, D)
ys = tensor("y", B, D, T)
define(
    "causal",
    (xs, ww),
    (ys,),
    Eq(ys[b, e, t], Sum(xs[b, c, t - g * u] * ww[e, c, u], c, u)),
    options=(dil,),
)
wl = parameter("weight", D, C, P, K)
p = axis("p", P)
xl = tensor("x", B, C, T, outside=0)
yl = tensor("y", B, D, P)
define(
    "locally_connected",
    (xl, wl),
    (yl,),
    Eq(yl[b, e, p], Sum(xl[b, c, p + u] * wl[e, c, p, u], c, u)),
)
h2 = axis("h2", 2)
up = tensor("y", B, C, (H, 2))
xh = tensor("x", B, C, H)
h = axis("h", H)
define("upsample", (xh,), (up,), Eq(up[b, c, (h, h2)], xh[b, c, h]))
low = tensor("y", B, C, H)
xup = tensor("x", B, C, (H, 2))
define("downsample", (xup,), (low,), Eq(low[b, c, h], Sum(xup[b, c, (h, h2)], h2) / 2))

# ---- functions -----------------------------------------------------------------------------

mean = tensor("mean", T)
cx = tensor("x", T)
s2 = axis("s", T)
define(
    "cumulative_mean",
    (cx,),
    (mean,),
    Eq(mean[t], Sum(Piecewise((cx[s2], s2 <= t), (0, True)), s2) / (t + 1)),
)
F = size("F", minimum=1)
f, f2 = axes("f f2", F, F)
nx, gain, shift = tensor("x", B, F), parameter("gain", F), parameter("shift", F)
mu, var, ny = tensor("mu", B), tensor("var", B), tensor("y", B, F)
eps = option("eps", 1e-5, integer=False, minimum=0)
define(
    "layer_norm",
    (nx, gain, shift),
    (ny,),
    Eq(mu[b], Sum(nx[b, f], f) / F),
    Eq(var[b], Sum((nx[b, f] - mu[b]) ** 2, f) / F),
    Eq(ny[b, f], gain[f] * (nx[b, f] - mu[b]) / sqrt(var[b] + eps.settings[0]) + shift[f]),
    options=(eps,),
)
E = size("E", minimum=1)
ee = axis("e", E)
q, ke, va = tensor("q", T, E), tensor("k", T, E), tensor("v", T, C)
sc, pr, zz = tensor("score", T, T), tensor("p", T, T), tensor("norm", T)
at = tensor("y", T, C)
define(
    "causal_attention",
    (q, ke, va),
    (at,),
    Eq(sc[t, s2], Sum(q[t, ee] * ke[s2, ee], ee) / sqrt(E)),
    Eq(pr[t, s2], Piecewise((exp(sc[t, s2]), s2 <= t), (0, True))),
    Eq(zz[t], Sum(pr[t, s2], s2)),
    Eq(at[t, c], Sum(pr[t, s2] * va[s2, c], s2) / zz[t]),
)
best = state("best", T)
top = tensor("y", T)
define(
    "running_log_sum_exp",
    (cx,),
    (top,),
    Eq(best[-1], 0),
    Eq(best[t], stop(Max(best[t - 1], cx[t]))),
    Eq(top[t], best[t] + log(Sum(Piecewise((exp(cx[s2] - best[t]), s2 <= t), (0, True)), s2))),
)
V = size("V", minimum=1)
token = integers("token", B, T, below=V)
table = parameter("table", V, D)
emb = tensor("y", B, T, D)
define("embedding", (token, table), (emb,), Eq(emb[b, t, e], table[token[b, t], e]))
hist = tensor("y", V)
wt = tensor("x", B, T)
bins = option("bins", 4, minimum=1, samples=(2, 3))
label = integers("label", B, T, below=bins.settings[0])
hist = tensor("y", bins.settings[0])
define("histogram", (label, wt), (hist,), accumulate(hist[label[b, t]], wt[b, t]), options=(bins,))

# ---- recurrences ---------------------------------------------------------------------------

wi, ui = parameter("w"), parameter("u")
hs = state("h", T)
h0 = tensor("h0", optional=True)
yt = tensor("y", T)
define(
    "linear_recurrence",
    (cx, wi, ui),
    (yt,),
    Eq(hs[-1], 0),
    Eq(hs[t], wi[()] * hs[t - 1] + ui[()] * cx[t]),
    Eq(yt[t], hs[t]),
)
define(
    "scalar_start",
    (cx, wi, h0),
    (yt,),
    Eq(hs[-1], h0[()]),
    Eq(hs[t], wi[()] * hs[t - 1] + cx[t]),
    Eq(yt[t], hs[t]),
)
pstate, qstate = state("p", T, N), state("q", T, N)
a2 = parameter("a", N, N)
xt = tensor("x", T, N)
yp = tensor("y", T, N)
define(
    "predator_prey",
    (xt, a2),
    (yp,),
    Eq(pstate[-1, i], 1),
    Eq(qstate[-1, i], 2),
    Eq(pstate[t, i], pstate[t - 1, i] * tanh(qstate[t - 1, i]) + xt[t, i]),
    Eq(qstate[t, i], Sum(a2[i, i2] * pstate[t, i2], i2) - qstate[t - 1, i]),
    Eq(yp[t, i], qstate[t, i]),
)
fw = state("fw", T, N)
bw = tensor("bw", T, N, outside=0)
both = tensor("y", T, 2, N)
af, ab = parameter("af", N, N), parameter("ab", N, N)
define(
    "bidirectional",
    (xt, af, ab),
    (both,),
    Eq(fw[-1, i], 0),
    Eq(fw[t, i], tanh(xt[t, i] + Sum(af[i, i2] * fw[t - 1, i2], i2))),
    Eq(bw[t, i], tanh(xt[t, i] + Sum(ab[i, i2] * bw[t + 1, i2], i2))),
    Eq(both[t, 0, i], fw[t, i]),
    Eq(both[t, 1, i], bw[t, i]),
)
r, l = axes("r l", H, L)
grid = tensor("h", H, L, outside=0)
xg = tensor("x", H, L)
yg = tensor("y", H, L)
define(
    "grid",
    (xg, wi, ui),
    (yg,),
    Eq(grid[r, l], tanh(xg[r, l] + wi[()] * grid[r - 1, l] + ui[()] * grid[r, l - 1])),
    Eq(yg[r, l], grid[r, l]),
)
gru_h = state("h", T, B, N)
xgru = tensor("x", T, B, N)
ur, uz, uh = (parameter(n, N, N) for n in ("ur", "uz", "uh"))
rg, zg, hg = (tensor(n, T, B, N) for n in ("r", "z", "g"))
ygru = tensor("y", B, N)
hinit = tensor("h0", B, N)
define(
    "gru_reset_before",
    (xgru, ur, uz, uh, hinit),
    (ygru,),
    Eq(gru_h[-1, b, i], hinit[b, i]),
    Eq(rg[t, b, i], sigmoid(xgru[t, b, i] + Sum(ur[i, i2] * gru_h[t - 1, b, i2], i2))),
    Eq(zg[t, b, i], sigmoid(xgru[t, b, i] + Sum(uz[i, i2] * gru_h[t - 1, b, i2], i2))),
    Eq(
        hg[t, b, i],
        tanh(xgru[t, b, i] + Sum(uh[i, i2] * rg[t, b, i2] * gru_h[t - 1, b, i2], i2)),
    ),
    Eq(gru_h[t, b, i], zg[t, b, i] * gru_h[t - 1, b, i] + (1 - zg[t, b, i]) * hg[t, b, i]),
    Eq(ygru[b, i], gru_h[T - 1, b, i]),
)
feed = tensor("y", T, C, outside=0)
hf = tensor("h", T, N)
wo = parameter("wo", C, N)
wf = parameter("wf", N, C)
define(
    "output_feedback",
    (xt, wo, wf),
    (feed,),
    Eq(hf[t, i], tanh(xt[t, i] + Sum(wf[i, j] * feed[t - 1, j], j))),
    Eq(feed[t, j], Sum(wo[j, i] * hf[t, i], i)),
)
lag = option("lag", 1, minimum=1, samples=(2, 3))
hl = tensor("h", T, outside=0)
define(
    "lagged",
    (cx, wi),
    (yt,),
    Eq(hl[t], tanh(cx[t] + wi[()] * hl[t - lag.settings[0]])),
    Eq(yt[t], hl[t]),
    options=(lag,),
)
hx = state("h", T)
define(
    "total_at_each_step",
    (cx,),
    (yt,),
    Eq(hx[-1], 1),
    Eq(hx[t], tanh(hx[t - 1] + Sum(cx[s2] * hx[t - 1], s2))),
    Eq(yt[t], hx[t]),
)
hp = state("h", T, N)
peep = parameter("peep", N, optional=True)
define(
    "peephole_optional",
    (xt, a2, peep),
    (yp,),
    Eq(hp[-1, i], 1),
    Eq(hp[t, i], xt[t, i] * tanh(peep[i] * hp[t - 1, i] + Sum(a2[i, i2] * hp[t - 1, i2], i2))),
    Eq(yp[t, i], hp[t, i]),
)
