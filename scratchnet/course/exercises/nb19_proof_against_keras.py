"""Exercises of notebook 19: how an error is measured, and what a table of errors says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet import layers
from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops import formulas

# The suspects: each is called Conv2D, so that it is compared with Keras's Conv2D


def suspects() -> dict[str, Callable[[], layers.Layer]]:
    """{letter: what makes a convolution with a fault}; do not read on before you have guessed."""
    arguments: dict[str, Any] = {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}

    def maker(methods: dict[str, Any], **others: Any) -> Callable[[], layers.Layer]:
        kind = type("Conv2D", (layers.Conv2D,), methods)
        return lambda: kind(**arguments, **others)

    return {
        "A": maker({"backward": _without_slope}, activation="tanh"),
        "B": maker({"multiply": _padded_in_front, "multiply_backward": _padded_in_front_backward}),
        "C": maker({"multiply_backward": _flipped_backward}),
        "D": maker({"backward_logits": _means_of_weights}),
    }


def _without_slope(self: Any, dy: np.ndarray, saved: Any, needs_dx: bool = True) -> Any:
    return self.backward_logits(dy, saved[0], needs_dx)


def _in_front(x: np.ndarray) -> np.ndarray:
    return np.pad(x, ((0, 0), (1, 0), (1, 0), (0, 0)))


def _padded_in_front(self: Any, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return formulas.conv2d(_in_front(x), kernel, self.strides, "valid")


def _padded_in_front_backward(
    self: Any, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
) -> Any:
    padded = _in_front(x)
    dkernel = formulas.conv2d_kernel_gradient(dy, padded, kernel.shape, self.strides, "valid")
    dx = formulas.conv2d_input_gradient(dy, kernel, padded.shape, self.strides, "valid")
    return dx[:, 1:, 1:], dkernel


def _flipped_backward(
    self: Any, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
) -> Any:
    right = layers.Conv2D.multiply_backward
    dx, _ = right(self, dy, x, kernel[::-1, ::-1], needs_dx)
    return dx, right(self, dy, x, kernel, False)[1]


def _means_of_weights(self: Any, dz: np.ndarray, saved: Any, needs_dx: bool = True) -> Any:
    dx, gradients = layers.Conv2D.backward_logits(self, dz, saved, needs_dx)
    return dx, [each / len(dz) for each in gradients]


FAULTS = Exercise(
    name="faults",
    truth=("slope", "padding", "flip back", "mean"),
    mistakes=(
        Mistake(
            "A and B are swapped: a missing slope leaves the output alone, and zeros on the wrong "
            "side do not; the bias's gradient adds up dy, wherever the zeros are",
            ("padding", "slope", "flip back", "mean"),
        ),
        Mistake(
            "B: a kernel that is flipped only on the way forward would leave all gradients right",
            ("slope", "flip", "flip back", "mean"),
        ),
        Mistake(
            "C: a kernel that is flipped on the way forward would make the output wrong",
            ("slope", "padding", "flip", "mean"),
        ),
        Mistake(
            "D: if only the bias's gradient saw one sample, the kernel's would be right",
            ("slope", "padding", "flip back", "first sample"),
        ),
        Mistake(
            "A: means instead of sums would leave the gradient of the input alone; D: without the "
            "slope it would be wrong",
            ("mean", "padding", "flip back", "slope"),
        ),
        Mistake(
            "A: means instead of sums would leave the gradient of the input alone",
            ("mean", "padding", "flip back", "first sample"),
        ),
        Mistake(
            "C: zeros on the wrong side would make the output wrong",
            ("slope", "flip", "padding", "mean"),
        ),
        Mistake(
            "B: its output is wrong, so the fault is on the way forward; C: its output is right",
            ("slope", "flip back", "flip", "mean"),
        ),
        Mistake(
            "B: its output is wrong, so the fault is on the way forward; C: its output is right",
            ("slope", "flip back", "padding", "mean"),
        ),
    ),
)


# The measure


def _same_places(ours: np.ndarray, theirs: np.ndarray) -> bool:
    odd = ~np.isfinite(theirs)
    return bool(
        np.isfinite(ours[~odd]).all() and np.array_equal(ours[odd], theirs[odd], equal_nan=True)
    )


def _measure(ours: np.ndarray, theirs: np.ndarray) -> float:
    if not _same_places(ours, theirs):
        return float("inf")
    finite = np.isfinite(theirs)
    return _quotient(np.abs(ours[finite] - theirs[finite]), theirs[finite])


def _quotient(difference: np.ndarray, theirs: np.ndarray) -> float:
    largest, scale = difference.max(initial=0.0), np.abs(theirs).max(initial=0.0)
    return float(largest / scale) if scale else (float("inf") if largest else 0.0)


def _of_finite(function: Callable[..., float]) -> Callable[..., float]:
    """Another measure of the finite entries, with the same care for the others."""

    def measure(ours: np.ndarray, theirs: np.ndarray) -> float:
        if not _same_places(ours, theirs):
            return float("inf")
        finite = np.isfinite(theirs)
        with np.errstate(all="ignore"):
            return float(function(ours[finite], theirs[finite]))

    return measure


def _entry_by_entry(a: np.ndarray, b: np.ndarray) -> float:
    difference = np.abs(a - b)
    return np.divide(difference, np.abs(b), out=np.zeros(a.shape), where=difference > 0).max()


def _plain(ours: np.ndarray, theirs: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def _blind(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Only where both are finite."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    return _quotient(np.abs(ours[both] - theirs[both]), theirs[both])


def _only_whether_finite(ours: np.ndarray, theirs: np.ndarray) -> float:
    finite = np.isfinite(theirs)
    if not np.array_equal(np.isfinite(ours), finite):
        return float("inf")
    return _quotient(np.abs(ours[finite] - theirs[finite]), theirs[finite])


def _past_every_nan(ours: np.ndarray, theirs: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.nanmax(np.abs(ours - theirs)) / np.nanmax(np.abs(theirs)))


def _plain_by_entry(ours: np.ndarray, theirs: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float((np.abs(ours - theirs) / np.abs(theirs)).max())


def _zero_is_fine(ours: np.ndarray, theirs: np.ndarray) -> float:
    is_zero = not theirs[np.isfinite(theirs)].any()
    return 0.0 if is_zero and _same_places(ours, theirs) else _measure(ours, theirs)


def _pairs(rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Ordinary ones, a small entry with a large share wrong, and those that need care."""
    nan, inf = np.nan, np.inf
    b = rng.standard_normal((3, 4))
    return [
        {"ours": np.array([4.0, 1.0, -1.0]), "theirs": np.array([4.0, 2.0, -1.5])},
        {"ours": b + 1e-3 * rng.standard_normal(b.shape), "theirs": b},
        {"ours": np.array([-8.0, 0.0]), "theirs": np.array([-10.0, 1.0])},
        {"ours": np.array([1.0, nan, inf]), "theirs": np.array([1.5, nan, inf])},
        {"ours": np.array([1.0, nan, 2.0]), "theirs": np.array([1.0, 3.0, 2.0])},
        {"ours": np.array([1.0, 7.0]), "theirs": np.array([1.5, nan])},
        {"ours": np.array([1.0, inf]), "theirs": np.array([1.0, -inf])},
        {"ours": np.zeros(3), "theirs": np.zeros(3)},
        {"ours": np.array([0.0, 1e-9]), "theirs": np.zeros(2)},
    ]


ERROR_MEASURE = Exercise(
    name="error_measure",
    truth=_measure,
    inputs=_pairs,
    mistakes=(
        Mistake(
            "each difference was divided by its own entry: where one is nearly 0 rounding looks "
            "like a mistake; divide once, by the largest",
            _of_finite(lambda a, b: _entry_by_entry(a, b)),
        ),
        Mistake(
            "each difference was divided by its own entry, and NaN and ∞ were not thought of",
            _plain_by_entry,
        ),
        Mistake(
            "not divided: what is much depends on how large the numbers are",
            _of_finite(lambda a, b: np.abs(a - b).max(initial=0.0)),
        ),
        Mistake(
            "averaged: one wrong entry among a million would disappear; take the largest",
            _of_finite(lambda a, b: _quotient(np.abs(a - b).mean(keepdims=True), b)),
        ),
        Mistake(
            "no absolute value of the difference: one that is negative would pass any test",
            _of_finite(lambda a, b: _quotient(a - b, b)),
        ),
        Mistake(
            "no absolute value of what is divided by: the largest entry may be a negative one",
            _of_finite(lambda a, b: _quotient(np.abs(a - b), np.full(1, b.max(initial=0.0)))),
        ),
        Mistake(
            "divided by the largest of ours: the reference is the measure, and a program that "
            "gives too much would be judged mildly",
            _of_finite(lambda a, b: _quotient(np.abs(a - b), a)),
        ),
        Mistake(
            "NaN and ∞ were not thought of: the result is NaN, also where both sides agree, and "
            "NaN is not above any tolerance",
            _plain,
        ),
        Mistake(
            "places where one side is not finite were left out, although the other one is: a NaN "
            "would never be found",
            _blind,
        ),
        Mistake(
            "NaN, ∞ and −∞ were taken for the same: compare the places of each by itself",
            _only_whether_finite,
        ),
        Mistake(
            "every NaN was passed over, also one that stands on one side only, and an ∞ of theirs "
            "became the measure",
            _past_every_nan,
        ),
        Mistake(
            "if the reference is 0 everywhere and ours is not, nothing is right: the error is ∞",
            _zero_is_fine,
        ),
    ),
)


# One step at a time

Step = Callable[[np.ndarray], np.ndarray]


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


def _forced(ours: Step, theirs: Step, start: np.ndarray, steps: int) -> list[float]:
    found, weights = [], start
    for _ in range(steps):
        after = theirs(weights)
        found.append(_relative(ours(weights), after))
        weights = after
    return found


def _free(ours: Step, theirs: Step, start: np.ndarray, steps: int) -> list[float]:
    found, mine, other = [], start, start
    for _ in range(steps):
        mine, other = ours(mine), theirs(other)
        found.append(_relative(mine, other))
    return found


def _along_ours(ours: Step, theirs: Step, start: np.ndarray, steps: int) -> list[float]:
    found, weights = [], start
    for _ in range(steps):
        after = ours(weights)
        found.append(_relative(after, theirs(weights)))
        weights = after
    return found


def _from_the_start(ours: Step, theirs: Step, start: np.ndarray, steps: int) -> list[float]:
    return [_relative(ours(start), theirs(start))] * steps


def _not_divided(ours: Step, theirs: Step, start: np.ndarray, steps: int) -> list[float]:
    found, weights = [], start
    for _ in range(steps):
        after = theirs(weights)
        found.append(float(np.abs(ours(weights) - after).max()))
        weights = after
    return found


def _entry_by_entry_forced(ours: Step, theirs: Step, start: np.ndarray, steps: int) -> list[float]:
    found, weights = [], start
    for _ in range(steps):
        after = theirs(weights)
        found.append(float((np.abs(ours(weights) - after) / np.abs(after)).max()))
        weights = after
    return found


def _distance_walked(ours: Step, theirs: Step, start: np.ndarray, steps: int) -> list[float]:
    found, weights = [], start
    for _ in range(steps):
        after = theirs(weights)
        found.append(_relative(ours(weights), weights))
        weights = after
    return found


def _two_programs(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A map that folds the weights, and one that is nearly the same."""

    def theirs(w: np.ndarray) -> np.ndarray:
        return w - 0.8 * np.sin(3 * w)

    def ours(w: np.ndarray) -> np.ndarray:
        return theirs(w) + 1e-3 * np.cos(7 * w)

    return [
        {"ours": ours, "theirs": theirs, "start": rng.standard_normal(n), "steps": steps}
        for n, steps in ((3, 2), (5, 6))
    ]


FORCED_ERRORS = Exercise(
    name="forced_errors",
    truth=_forced,
    inputs=_two_programs,
    mistakes=(
        Mistake(
            "both ran on their own: that is the free comparison; give ours their weights before "
            "each step",
            _free,
        ),
        Mistake(
            "you went along our path: where ours goes wrong, both go on from a wrong place; the "
            "reference leads",
            _along_ours,
        ),
        Mistake(
            "every step began at the start: go on from where theirs has arrived",
            _from_the_start,
        ),
        Mistake("not divided by the largest weight after the step", _not_divided),
        Mistake(
            "each difference was divided by its own weight: divide once, by the largest",
            _entry_by_entry_forced,
        ),
        Mistake(
            "the list begins one step too early: its first entry is the error after the first step",
            lambda ours, theirs, start, steps: [0.0, *_forced(ours, theirs, start, steps - 1)],
        ),
        Mistake(
            "that is how far ours walked in the step: compare it with where theirs arrived from "
            "the same place",
            _distance_walked,
        ),
    ),
)


# What is to be guessed

FLOAT32_SUM = Exercise(
    name="float32_sum",
    truth=2**24,
    mistakes=(
        Mistake("that number needs 25 binary digits: near 2^24 the meshes are 2 wide", 2**24 + 1),
        Mistake(
            "it lies in the middle between 2^24 and 2^24 + 2, and of two that are equally near "
            "the even one is taken, here the lower",
            2**24 + 2,
        ),
    ),
)

FOUND_IN = Exercise(
    name="found_in",
    truth="float64",
    mistakes=(
        Mistake(
            "in float32 both have the same slope: yours is rounded when it meets a float32 array",
            "float32",
        ),
        Mistake(
            "in float32 both have the same slope: yours is rounded when it meets a float32 array",
            "both",
        ),
        Mistake(
            "the slopes differ by a few 1e-8 of themselves: much less than 1e-5, but much more "
            "than 1e-12",
            "none",
        ),
    ),
)

AFTER_200 = Exercise(
    name="after_200",
    truth=0.3,
    mistakes=(
        Mistake("so it would be if each step forgot the errors of those before it", 1e-7),
        Mistake(
            "so it would be if errors were only added up; a step also makes those larger that are "
            "there",
            2e-5,
        ),
    ),
)

EXERCISES = (FLOAT32_SUM, FOUND_IN, AFTER_200, ERROR_MEASURE, FAULTS, FORCED_ERRORS)
