"""Cases vary what a definition leaves open: options of which it states no samples."""

import pytest
from sympy import Eq, floor

from derive.language import Operation, axis, option, size, tensor
from derive.verification.cases import cases, few

N = size("N")
PAD, STRIDE = option("pad", 0, minimum=0), option("stride", 1, minimum=1)
SHARE, RATE = option("share", 0.1, integer=False), option("rate", 2.0, integer=False, minimum=1)
STATED = option("stated", 1, minimum=1, samples=(4,))
OPTIONS = (PAD, STRIDE, SHARE, RATE, STATED)
P = size("P", floor((N + 2 * PAD[0] - 1) / STRIDE[0]) + 1)
p = axis("p", P)
x, y = tensor("x", N, outside=0), tensor("y", P)
windows = Operation(
    "windows", "A test.", (x,), (y,),
    (Eq(y[p], SHARE[0] * x[STRIDE[0] * p - PAD[0]] ** 3 + RATE[0] * STATED[0]),),
    options=OPTIONS, requires=((P >= 1, "too small"), (STRIDE[0] <= 2, "too large")),
)  # fmt: skip


@pytest.mark.parametrize("chosen", [few, cases])
def test_options_without_samples_leave_their_defaults(chosen):
    tried = [case.options for case in chosen(windows)]
    said = {o.name: {case[o.name] for case in tried if o.name in case} for o in OPTIONS}
    every = {
        "pad": {1},  # the least number, and one more
        "stride": {2},
        "share": {0.05, 0.55},  # a share stays one
        "rate": {1, 2.5},
        "stated": {4},  # what is stated is all
    }
    assert all(said[name] and said[name] <= numbers for name, numbers in every.items())
    assert chosen is few or said == every
    assert any({"pad", "stride"} <= case.keys() for case in tried)
    assert not all(tried)  # nothing but defaults, too
