"""Central differences of ⟨ȳ, f(x)⟩ in float64, with the reasons for which they mislead.

Along a direction v, with D(h) = (L(x+hv) − L(x−hv)) / 2h and L(x) = ⟨ȳ, f(x)⟩, the slope
⟨∇L, v⟩ is (4 D(h/2) − D(h)) / 3 up to

* rounding, about ε·|L| / h, which grows as the step shrinks;
* curvature, O(h²), which D(h) − D(h/2) shows, as it shows a kink within the step;
* a kink at x itself, which cancels in D but not in the gap between the one-sided slopes,
  G(h) = (L(x+hv) − 2 L(x) + L(x−hv)) / h. Where L is smooth G(h) halves with h.

The step starts at ε^⅓ times the size of x, where rounding and curvature balance, and shrinks
while D and G say that L is not smooth. Source: Press et al., Numerical Recipes, section 5.7.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any

import numpy as np

from derive.verification.exact import leaves, like

TOLERANCE = 1e-6
"""Error allowed in a slope, relative to the gradient's Euclidean norm or to the slope itself.

Differences in float64 are good to about 1e-9 on values near 1; a wrong gradient is off by
about 1. Between the two, 1e-6 leaves room for long sums and for badly scaled values."""

_EPS = float(np.finfo(np.float64).eps)
_STEP = _EPS ** (1 / 3)


class Diagnosis(StrEnum):
    """What the comparison means; kinks and rounding say nothing about the gradients."""

    AGREES = "gradients agree with central differences"
    ONE_WRONG = "one parameter wrong"
    SEVERAL_WRONG = "several parameters wrong"
    KINK_CROSSED = "kink crossed: the function is not differentiable here, choose other inputs"
    STEP_TOO_SMALL = "step too small: rounding hides the slope"
    MISSHAPEN = "a gradient is missing or not shaped as its input"
    NOT_FINITE = "a value or a gradient is not finite"


@dataclass(frozen=True)
class Differences:
    """How far gradients are from central differences.

    Attributes
    ----------
    worst : float
        Largest relative error among the inputs; compare it with `TOLERANCE`.
    by_input : mapping of str to float
        Relative error per input, along a random direction within that input.
    diagnosis : Diagnosis
        What it means.
    where : tuple of str
        The inputs it is about; for a wrong gradient with an entry that is off, ``h0[1, 2]``.
    """

    worst: float
    by_input: Mapping[str, float]
    diagnosis: Diagnosis
    where: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the gradients are right, as far as differences can tell."""
        return self.diagnosis is Diagnosis.AGREES

    def __str__(self) -> str:
        where = f" ({', '.join(self.where)})" if self.where else ""
        return f"{self.diagnosis}{where}, worst relative error {self.worst:.1e}"


@dataclass(frozen=True)
class _Slope:
    """⟨∇L, v⟩: as measured, and as ``backward`` claims."""

    claimed: float
    measured: float
    norm: float  # of the claimed gradient
    noise: float  # what rounding alone may make of a gradient that is zero
    rounding: float  # what rounding may have done to the measured one
    roughness: float  # how far L is from smooth within the step
    cancelled: float  # what rounding of the inputs may show where L does not depend on them

    @property
    def vanishes(self) -> bool:
        """Whether the gradient is zero up to rounding, by both accounts."""
        measured = abs(self.measured) + self.roughness
        return self.norm <= self.noise and measured <= self.cancelled

    @property
    def is_smooth(self) -> bool:
        if self.vanishes:
            return True
        scale = max(self.norm, abs(self.measured))
        return self.roughness <= TOLERANCE * scale + self.rounding

    @property
    def error(self) -> float:
        if self.vanishes:
            return 0.0
        doubt = (self.rounding + self.roughness) / TOLERANCE
        scale = max(self.norm, abs(self.measured), doubt)
        return abs(self.claimed - self.measured) / scale if scale else 0.0


def check_differences(
    module: ModuleType,
    inputs: Mapping[str, np.ndarray | None],
    options: Mapping[str, Any],
    differentiable: Collection[str],
    rng: np.random.Generator,
    *,
    constant_outputs: Collection[str] = (),
    step: float | None = None,
) -> Differences:
    """Compare ``backward`` with central differences of ``apply``, input by input.

    Parameters
    ----------
    module : ModuleType
        A generated module.
    inputs : mapping of str to ndarray or None
        In the order of the signature: float64 arrays, integer arrays, None where absent.
    options : mapping
        Keyword options.
    differentiable : collection of str
        Names of the inputs that have a gradient.
    rng : numpy.random.Generator
        Source of the cotangent and of the directions.
    constant_outputs : collection of str, optional
        Fields of the output that have no cotangent. Integer arrays never have one.
    step : float, optional
        First step, relative to max(1, |x|); the cube root of the rounding unit unless given.

    Returns
    -------
    Differences
    """
    wrt = tuple(n for n, x in inputs.items() if n in differentiable and x is not None)
    output, residuals = module.forward(*inputs.values(), **options)
    y = leaves(output)
    y_bar = {
        # What is infinite, such as the maximum of nothing, has no slope.
        name: np.where(np.isfinite(leaf), rng.standard_normal(leaf.shape), 0)
        for name, leaf in y.items()
        if leaf.dtype.kind == "f" and name not in constant_outputs
    }
    grads = module.backward(like(output, y_bar), residuals, wrt=wrt)
    g = {name: getattr(grads, name) for name in wrt}
    x: dict[str, Any] = {name: inputs[name] for name in wrt}
    magnitude = sum(_inner(np.abs(y_bar[leaf]), np.abs(y[leaf])) for leaf in y_bar)
    # Of numbers of this size the output may be a difference that cancels.
    spread = max((float(np.max(np.abs(x[name]), initial=0)) for name in wrt), default=0.0)
    weight = sum(float(np.sum(np.abs(y_bar[leaf]))) for leaf in y_bar)

    stopped = _Stopped(module)
    stopped.record(lambda: module.apply(*inputs.values(), **options))

    def loss(name: str, shift: Any) -> float:
        shifted = dict(inputs) | {name: x[name] + shift}
        y = leaves(stopped.replay(lambda: module.apply(*shifted.values(), **options)))
        return sum(_inner(y_bar[leaf], y[leaf]) for leaf in y_bar)

    def slope(name: str, v: np.ndarray, shrunk: int = 0) -> _Slope:
        size = max(1.0, float(np.max(np.abs(x[name]), initial=0)))
        h = size * (step or _STEP) / 8**shrunk
        measured, roughness = _measure(lambda h: loss(name, h * v), h)
        claimed, norm = float(np.sum(g[name] * v)), float(np.linalg.norm(g[name]))
        rounding = _EPS * (32 * magnitude + 4 * size * norm) / h
        cancelled = _EPS * 32 * (magnitude + weight * spread) / h
        noise = 64 * _EPS * (magnitude + weight * spread)
        result = _Slope(claimed, measured, norm, noise, rounding, roughness, cancelled)
        return result if result.is_smooth or shrunk == 3 else slope(name, v, shrunk + 1)

    if misshapen := [n for n in wrt if g[n] is None or np.shape(g[n]) != np.shape(x[n])]:
        return Differences(np.inf, {}, Diagnosis.MISSHAPEN, tuple(misshapen))
    # Neither equal nor opposite in size, so that two wrong entries cannot cancel.
    v = {
        name: np.asarray(
            rng.uniform(0.5, 1, np.shape(x[name])) * rng.choice((-1, 1), np.shape(x[name]))
        )
        for name in wrt
    }
    slopes = {name: slope(name, v[name]) for name in wrt}

    diagnosis, where = _diagnose(slopes)
    if diagnosis in (Diagnosis.ONE_WRONG, Diagnosis.SEVERAL_WRONG):
        where = tuple(_locate(name, v[name], slope) for name in where)
    by_input = {name: slope.error for name, slope in slopes.items()}
    return Differences(
        float(np.max(list(by_input.values()), initial=0)), by_input, diagnosis, where
    )


def _inner(weight: np.ndarray, values: np.ndarray) -> float:
    """⟨weight, values⟩, where a weight of 0 takes even an infinite value out."""
    return float(np.sum(weight * np.where(weight == 0, 0, values)))


class _Stopped:
    """Holds what a module's ``_stop`` has seen, so that differences see no slope through it."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.seen = module, []

    def record(self, run: Callable[[], Any]) -> Any:
        def stop(x: Any) -> Any:
            self.seen.append(np.array(x))
            return x

        return self._with(stop, run)

    def replay(self, run: Callable[[], Any]) -> Any:
        values = iter(self.seen)
        return self._with(lambda x: next(values), run)

    def _with(self, stop: Callable[[Any], Any], run: Callable[[], Any]) -> Any:
        own = vars(self.module).get("_stop")
        if own is None:
            return run()
        vars(self.module)["_stop"] = stop
        try:
            return run()
        finally:
            vars(self.module)["_stop"] = own


def _measure(line: Callable[[float], float], h: float) -> tuple[float, float]:
    """The slope of a function of one number at 0, and its roughness within ±h."""
    centre, up, down = line(0), line(h), line(-h)
    half_up, half_down = line(h / 2), line(-h / 2)
    wide, narrow = (up - down) / (2 * h), (half_up - half_down) / h
    wide_gap = (up - 2 * centre + down) / h
    narrow_gap = 2 * (half_up - 2 * centre + half_down) / h
    roughness = max(abs(narrow - wide), abs(narrow_gap - wide_gap / 2))
    return (4 * narrow - wide) / 3, roughness


def _diagnose(slopes: Mapping[str, _Slope]) -> tuple[Diagnosis, tuple[str, ...]]:
    """Name the first of the things that can be the matter, and the inputs it is about."""
    largest = max((slope.norm for slope in slopes.values()), default=0.0)

    def those(condition: Callable[[_Slope], bool]) -> tuple[str, ...]:
        return tuple(name for name, slope in slopes.items() if condition(slope))

    if where := those(lambda s: not np.isfinite(s.claimed + s.measured)):
        return Diagnosis.NOT_FINITE, where
    if where := those(lambda s: s.is_smooth and s.error > TOLERANCE):
        return Diagnosis.ONE_WRONG if len(where) == 1 else Diagnosis.SEVERAL_WRONG, where
    if where := those(lambda s: not s.is_smooth):
        return Diagnosis.KINK_CROSSED, where
    if where := those(lambda s: s.norm > s.noise and s.rounding > TOLERANCE * largest):
        return Diagnosis.STEP_TOO_SMALL, where
    return Diagnosis.AGREES, ()


def _locate(name: str, v: np.ndarray, slope: Callable[[str, np.ndarray], _Slope]) -> str:
    """Find an entry with a wrong gradient by halving: log₂ of the size in slopes."""
    entries = np.arange(v.size)
    while entries.size > 1:
        halves = np.array_split(entries, 2)
        errors = []
        for half in halves:
            part = np.zeros(v.size)
            part[half] = v.reshape(-1)[half]
            found = slope(name, part.reshape(v.shape))
            errors.append(abs(found.claimed - found.measured))
        entries = halves[int(np.argmax(errors))]
    index = ", ".join(str(int(i)) for i in np.unravel_index(entries[0], v.shape))
    return f"{name}[{index}]"
