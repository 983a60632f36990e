"""The largest value over indices: the one reduction besides the sum."""

from __future__ import annotations

from sympy import Expr, Symbol, Tuple

from derive.errors import DefinitionError
from derive.language.numbers import understood
from derive.language.symbols import Axis


class Maximum(Expr):
    """``Maximum(value, u, v)``: the largest value over all points of the axes `u`, `v`.

    Where several points attain it, the first one takes the whole gradient: first in row-major
    order of the axes as they are listed. NaN counts as larger than any number. A point that reads
    a tensor beyond its end where that is -oo, or for which no case of a `Piecewise` holds, does not
    take part; the maximum of nothing is -oo.

    Parameters
    ----------
    value : sympy.Expr
        What is compared.
    *axes : Axis
        Over which it is compared.

    Raises
    ------
    DefinitionError
        If no axis is given, or something that is none.
    """

    def __new__(cls, value, *axes):
        limits = [a if isinstance(a, Tuple) else Tuple(a) for a in axes]
        for limit in limits:
            if len(limit) != 1 or not isinstance(limit[0], Axis):
                raise DefinitionError(
                    str(limit), f"Maximum runs over axes, not over {limit}",
                    remedy='Make one: u = axis("u", extent).',
                )  # fmt: skip
        if not limits:
            raise DefinitionError(str(value), f"Maximum({value}) has no axis to run over")
        return Expr.__new__(cls, understood(value), *limits)

    @property
    def function(self) -> Expr:
        """What is compared."""
        return self.args[0]  # type: ignore[return-value]

    @property
    def limits(self) -> tuple[Tuple, ...]:
        """The axes, each in a tuple, as a SymPy sum has them."""
        return self.args[1:]  # type: ignore[return-value]

    @property
    def free_symbols(self) -> set[Symbol]:
        """The symbols of the value, without the axes that are run over."""
        return self.function.free_symbols - {limit[0] for limit in self.limits}  # type: ignore

    def _eval_is_commutative(self) -> bool:
        return True

    def _eval_is_extended_real(self) -> bool:
        return True

    def _sympystr(self, printer) -> str:
        axes = ", ".join(printer._print(limit[0]) for limit in self.limits)
        return f"Maximum({printer._print(self.function)}, {axes})"

    _sympyrepr = _sympystr


class ArgMaximum(Maximum):
    """The number of the point where the largest value lies, counted as in `Maximum`.

    Points are numbered in row-major order of the axes: over `u`, `v` the number is ``u*V + v``. It
    is an integer, which an integer tensor may hold; it has no derivative.
    """

    def _eval_is_integer(self) -> bool:
        return True

    def _sympystr(self, printer) -> str:
        return "Arg" + super()._sympystr(printer)

    _sympyrepr = _sympystr


def Minimum(value, *axes) -> Expr:
    """The smallest value over all points of the axes: ``-Maximum(-value, *axes)``."""
    return -Maximum(-understood(value), *axes)
