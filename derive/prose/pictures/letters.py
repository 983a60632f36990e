"""What entries are called within a picture: a letter for a tensor, and the indices that count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sympy import Expr, Integer, Mul

from derive.calculus.step import Phrase
from derive.language.symbols import Access, Tensor, entries_in

NARROW, PLUS = "\u2009", " +\u00a0"  # no line ends behind a factor, and none behind a sign


class Letters:
    """Short names of tensors, all different: the first letter where no two begin alike.

    Parameters
    ----------
    tensors : iterable of Tensor
        Every tensor of the picture.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self.tensors = tuple(dict.fromkeys(tensors))
        firsts = [t.name[0] for t in self.tensors]
        self.names = {
            t: first if firsts.count(first) == 1 else t.name
            for t, first in zip(self.tensors, firsts, strict=True)
        }

    def entry(self, tensor: Tensor, place: Sequence[int | Expr], bar: bool = False) -> Access:
        """The entry of a tensor, or of its cotangent, at the indices that count."""
        name = self.names.get(tensor, tensor.name) + "_bar" * bar
        shape = tuple((Integer(1),) for _ in place)
        return Access(Tensor(name, shape), *map(Integer, place))

    def put(self, value: Expr, counting: Mapping[Tensor, Sequence[int]]) -> Expr:
        """A value with each entry written short; of the indices of a tensor, some count."""
        return value.xreplace({
            access: self.entry(access.tensor, [access.index[i] for i in counting[access.tensor]])
            for access in entries_in(value)
        })  # fmt: skip

    def legend(self) -> Phrase:
        """Which letter stands for which tensor, for those that have another name."""
        parts: list = []
        for tensor in self.tensors:
            if self.names[tensor] != tensor.name:
                parts += [", " if parts else "", self.entry(tensor, ()), f" is {tensor.name}"]
        return tuple(parts)


def times(weight: Expr, factor: Expr) -> list[Expr | str]:
    """A product, the weight before what it weighs, as part of a phrase."""
    if weight == 1:
        return [factor]
    if isinstance(weight, Access):
        return [weight, NARROW, factor]
    return [Mul(weight, factor)]
