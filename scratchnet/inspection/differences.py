"""The derivative of a function of one number, measured.

With the symmetric difference of step h

    D(h) = (f(t + h) − f(t − h)) / 2h  =  f'(t) + h²·f'''(t)/6 + O(h⁴)

Richardson's extrapolation takes the error of order h² away:

    f'(t) ≈ (4·D(h/2) − D(h)) / 3  =  f'(t) + O(h⁴)

so that a step of 2⁻¹⁰, large enough for rounding to be of no account, is small enough too.

Where f has a kink at t, no step helps. The bend

    B(h) = |f(t + h) − 2·f(t) + f(t − h)| / h

tells: it is h·|f''(t)| where f is smooth, so a smaller step makes it smaller; at a kink it stays
the jump of f'. Here f has many values, the terms of a sum, and the bend is added up term by term,
so that no kink hides another.

Source: Richardson, "The Approximate Arithmetical Solution by Finite Differences" (1911);
Press et al., "Numerical Recipes" (2007), section 5.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_STEPS = (2.0**-10, 2.0**-14, 2.0**-18)


class Derivative(NamedTuple):
    """What was measured.

    Attributes:
        value: f'(t).
        agrees: whether that is what was expected.
        jump: how far f' jumps at t, or nearer to t than the smallest step; 0 where f is smooth.
    """

    value: float
    agrees: bool
    jump: float


def derivative(
    f: Callable[[float], np.ndarray], t: float, expected: float, tolerance: float
) -> Derivative:
    """f'(t), and whether it is what is expected.

    A kink beside t spoils D but says nothing about f'(t), and a smaller step does not reach it. So
    a disagreement is only believed when three steps, each a sixteenth of the one before, see it.

    Args:
        f: of a number near t; its values, always of one shape, are added up.
        t: where.
        expected: what f'(t) should be.
        tolerance: largest |f'(t) − expected| that is an agreement, beside what rounding makes of
            the first and largest step.
    """
    at_t = f(t)
    bends = []
    for number, relative in enumerate(_STEPS):
        step = relative * max(1.0, abs(t))
        value, bend, rounding = _measured(f, t, at_t, step)
        bends.append(bend)
        allowed = tolerance + (min(rounding, tolerance) if number else rounding)
        if abs(value - expected) <= allowed:
            return Derivative(value, True, 0.0)
    smooth = bends[0] * _STEPS[-1] / _STEPS[0]
    noise = 16 * np.finfo(np.float64).eps * np.abs(at_t).sum() / step
    is_kink = bends[-1] > 2 * smooth + noise
    return Derivative(value, False, bends[-1] if is_kink else 0.0)


def _measured(
    f: Callable[[float], np.ndarray], t: float, at_t: np.ndarray, step: float
) -> tuple[float, float, float]:
    """(f'(t), the bend, what rounding can make of f'(t)) with this step."""
    slopes = []
    for h in (step / 2, step):
        above, below = t + h, t - h
        high, low = f(above), f(below)
        slopes.append(float((high - low).sum() / (above - below)))
    bend = float(np.abs(high - 2 * at_t + low).sum() / step)
    rounding = float(64 * np.finfo(np.float64).eps * np.linalg.norm(at_t) / step)
    return (4 * slopes[0] - slopes[1]) / 3, bend, rounding
