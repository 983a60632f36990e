"""Dense layers.

y[n,o] = b[o] + sum_i x[n,i] * w[o,i]
"""

from sympy import Eq, Sum

from derive.language import Operation, axes, leading, parameter, sizes, tensor

N = leading("N")
I, O = sizes("I O")
n, i, o = axes("n i o", N, I, O)

x = tensor("x", N, I)
weight = parameter("weight", O, I)
bias = parameter("bias", O, optional=True)
y = tensor("y", N, O)

linear = Operation(
    name="linear",
    summary="Multiply vectors by a matrix and add a bias: what PyTorch calls linear.",
    inputs=(x, weight, bias),
    outputs=(y,),
    equations=(Eq(y[n, o], bias[o] + Sum(x[n, i] * weight[o, i], i)),),
    legend={"n": "vector (any leading axes)", "i": "input feature", "o": "output feature"},
    source="Goodfellow, Bengio and Courville, Deep Learning, section 6.5",
)

OPERATIONS = (linear,)
