"""Exercises of notebook 10: momentum, the mean that begins at 0, and Adam."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake

# Momentum as an average


def _momentum_inputs(rng: np.random.Generator) -> list[dict[str, Any]]:
    """One step and two steps to work out by hand, and ordinary ones."""
    by_hand = {"p": np.array([1.0]), "learning_rate": 0.5, "beta": 0.75}
    return [
        by_hand | {"gradients": np.array([[2.0], [4.0]])},
        {
            "p": rng.standard_normal(3),
            "gradients": rng.normal(1, 1, (6, 3)),
            "learning_rate": 0.2,
            "beta": 0.9,
        },
        {
            "p": rng.standard_normal(2),
            "gradients": rng.normal(-1, 1, (15, 2)),
            "learning_rate": 0.01,
            "beta": 0.6,
        },
    ]


Average = Callable[[np.ndarray, float], np.ndarray]


def _momentum(
    average: Average, p: np.ndarray, gradients: np.ndarray, learning_rate: float, beta: float
) -> np.ndarray:
    """p after steps of `average` of the gradients so far."""
    for t in range(len(gradients)):
        p = p - learning_rate * average(gradients[: t + 1], beta)
    return p


def _mean(
    gradients: np.ndarray,
    beta: float,
    share: Callable[[float], float] = lambda beta: 1 - beta,
    keep: Callable[[float], float] = lambda beta: beta,
) -> np.ndarray:
    """keep · m + share · g, from m = 0."""
    m = np.zeros(gradients.shape[1])
    for g in gradients:
        m = keep(beta) * m + share(beta) * g
    return m


_sum = partial(_mean, share=lambda beta: 1.0)
_exchanged = partial(_mean, share=lambda beta: beta, keep=lambda beta: 1 - beta)
_unfading = partial(_mean, keep=lambda beta: 1.0)


def _from_first(gradients: np.ndarray, beta: float) -> np.ndarray:
    m = gradients[0]
    for g in gradients[1:]:
        m = beta * m + (1 - beta) * g
    return m


def _corrected(gradients: np.ndarray, beta: float, t: int | None = None) -> np.ndarray:
    with np.errstate(all="ignore"):  # at t = 0 it is the mistake
        return _mean(gradients, beta) / (1 - beta ** (len(gradients) if t is None else t))


MOMENTUM = Exercise(
    name="momentum",
    truth=partial(_momentum, _mean),
    inputs=_momentum_inputs,
    mistakes=(
        Mistake(
            "that is the other form, Keras's: there the gradients add up; in the average the new "
            "gradient has the share 1 − β",
            partial(_momentum, _sum),
        ),
        Mistake(
            "β and 1 − β are exchanged: β is the share that the old v keeps",
            partial(_momentum, _exchanged),
        ),
        Mistake(
            "the old gradients do not fade: v keeps the share β of itself",
            partial(_momentum, _unfading),
        ),
        Mistake(
            "only the last gradient counts in each step: v has to live on from step to step",
            partial(_momentum, lambda gradients, beta: gradients[-1]),
        ),
        Mistake(
            "v begins anew in each step: it has to live on from step to step",
            partial(_momentum, lambda gradients, beta: (1 - beta) * gradients[-1]),
        ),
        Mistake(
            "p moves before v does: take the new gradient into v first, then step",
            partial(_momentum, lambda gradients, beta: _mean(gradients[:-1], beta)),
        ),
        Mistake(
            "p moves up the slope: it is p − lr·v",
            lambda p, gradients, learning_rate, beta: _momentum(
                _mean, p, gradients, -learning_rate, beta
            ),
        ),
        Mistake(
            "v begins with the first gradient: here it begins at 0, so the first steps are short",
            partial(_momentum, _from_first),
        ),
        Mistake(
            "v was divided by 1 − βᵗ: that is Adam's correction, and comes later",
            partial(_momentum, _corrected),
        ),
        Mistake(
            "p moves only once, after the last gradient: it moves in each step",
            lambda p, gradients, learning_rate, beta: p - learning_rate * _mean(gradients, beta),
        ),
    ),
)


# The correction of a mean that begins at 0


def _corrected_in_each_step(gradients: np.ndarray, beta: float) -> np.ndarray:
    m = np.zeros(gradients.shape[1])
    for t, g in enumerate(gradients, 1):
        m = (beta * m + (1 - beta) * g) / (1 - beta**t)
    return m


CORRECTED_MEAN = Exercise(
    name="corrected_mean",
    truth=_corrected,
    inputs=lambda rng: [
        {"gradients": np.array([[2.0], [4.0]]), "beta": 0.75},
        {"gradients": rng.normal(1, 1, (5, 3)), "beta": 0.9},
        {"gradients": rng.normal(-2, 1, (20, 2)), "beta": 0.99},
    ],
    mistakes=(
        Mistake(
            "not corrected: the shares of the gradients add up to 1 − βᵀ, so divide by that",
            _mean,
        ),
        Mistake(
            "divided by 1 − β: the shares of T gradients add up to 1 − βᵀ",
            lambda gradients, beta: _corrected(gradients, beta, t=1),
        ),
        Mistake(
            "t is one too small: after the first gradient it is 1, for one share is in the mean",
            lambda gradients, beta: _corrected(gradients, beta, t=len(gradients) - 1),
        ),
        Mistake(
            "t is one too large: it is the number of gradients that are in the mean",
            lambda gradients, beta: _corrected(gradients, beta, t=len(gradients) + 1),
        ),
        Mistake(
            "that is the plain mean: late gradients have more weight, β times as much for each "
            "step back",
            lambda gradients, beta: gradients.mean(axis=0),
        ),
        Mistake(
            "begun with the first gradient: it would keep a weight of its own; begin at 0 and "
            "divide by 1 − βᵀ",
            _from_first,
        ),
        Mistake(
            "multiplied by 1 − βᵀ: the mean is too small, so divide",
            lambda gradients, beta: _mean(gradients, beta) * (1 - beta ** len(gradients)),
        ),
        Mistake(
            "corrected in each step: the mean lives on as it was; divide once, at the end",
            _corrected_in_each_step,
        ),
        Mistake(
            "β and 1 − β are exchanged: β is the share that the old mean keeps",
            lambda gradients, beta: (
                _exchanged(gradients, beta) / (1 - (1 - beta) ** len(gradients))
            ),
        ),
    ),
)


# Adam


def _adam_inputs(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Gradients of unequal sizes, and an ε that is not small beside some of them."""
    sizes = np.array([0.1, 1.0, 10.0])
    ordinary = {"learning_rate": 0.1, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 0.05}
    return [
        ordinary | {"p": np.array([1.0]), "gradients": np.array([[2.0], [-1.0]])},
        ordinary | {"p": rng.standard_normal(3), "gradients": rng.normal(0.5, 1, (6, 3)) * sizes},
        {
            "p": rng.standard_normal(2),
            "gradients": rng.normal(-1, 1, (12, 2)),
            "learning_rate": 0.01,
            "beta_1": 0.8,
            "beta_2": 0.95,
            "epsilon": 0.02,
        },
    ]


Root = Callable[[np.ndarray, float], np.ndarray]


def _adam(
    p: np.ndarray,
    gradients: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    *,
    first: int = 1,
    corrects: tuple[bool, bool] = (True, True),
    by_power: bool = True,
    by_last: bool = False,
    kept: bool = False,
    shares: bool = True,
    squares: bool = True,
    root: Root = lambda v, epsilon: np.sqrt(v) + epsilon,
    early_epsilon: bool = False,
) -> np.ndarray:
    """Adam as in algorithm 1 of the paper, or with one of the mistakes that the keywords name."""
    m = v = np.zeros_like(p)
    with np.errstate(all="ignore"):
        for t, g in enumerate(gradients, first):
            m = beta_1 * m + ((1 - beta_1) if shares else 1.0) * g
            v = beta_2 * v + ((1 - beta_2) if shares else 1.0) * (g**2 if squares else abs(g))
            power = len(gradients) if by_last else t if by_power else 1
            rests = [1 - beta**power for beta in (beta_1, beta_2)]
            m_hat, v_hat = (
                np.divide(mean, rest) if wanted else mean
                for mean, rest, wanted in zip((m, v), rests, corrects, strict=True)
            )
            if kept:
                m, v = m_hat, v_hat
            if early_epsilon:  # beside √v, before the correction
                p = p - learning_rate * m_hat / ((np.sqrt(v) + epsilon) / np.sqrt(rests[1]))
            else:
                p = p - learning_rate * m_hat / root(v_hat, epsilon)
    return p


def _betas_exchanged(**arguments: Any) -> np.ndarray:
    betas = {"beta_1": arguments["beta_2"], "beta_2": arguments["beta_1"]}
    return _adam(**arguments | betas)


def _m_and_v_exchanged(
    p: np.ndarray,
    gradients: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> np.ndarray:
    m = v = np.zeros_like(p)
    with np.errstate(all="ignore"):  # the root of a negative mean is NaN
        for t, g in enumerate(gradients, 1):
            m = beta_1 * m + (1 - beta_1) * g
            v = beta_2 * v + (1 - beta_2) * g**2
            m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
            p = p - learning_rate * v_hat / (np.sqrt(m_hat) + epsilon)
    return p


ADAM = Exercise(
    name="adam",
    truth=_adam,
    inputs=_adam_inputs,
    mistakes=(
        Mistake(
            "t begins at 0: then 1 − β⁰ = 0 is divided by; the first step is t = 1",
            partial(_adam, first=0),
        ),
        Mistake(
            "t begins at 2: raise it after the step, or begin with 0 and raise it before",
            partial(_adam, first=2),
        ),
        Mistake(
            "no correction: m and v begin at 0 and are too small at first, v much longer than m",
            partial(_adam, corrects=(False, False)),
        ),
        Mistake(
            "only m is corrected: v begins at 0 too, and is divided by 1 − β₂ᵗ",
            partial(_adam, corrects=(True, False)),
        ),
        Mistake(
            "only v is corrected: m begins at 0 too, and is divided by 1 − β₁ᵗ",
            partial(_adam, corrects=(False, True)),
        ),
        Mistake(
            "divided by 1 − β instead of 1 − βᵗ: that is right in the first step only",
            partial(_adam, by_power=False),
        ),
        Mistake(
            "corrected by 1 − βᵀ in all steps: in step t it is 1 − βᵗ",
            partial(_adam, by_last=True),
        ),
        Mistake(
            "the corrected means live on: m̂ and v̂ are for the step alone; the next one begins "
            "with m and v as they were",
            partial(_adam, kept=True),
        ),
        Mistake(
            "ε is inside the root: it stands outside, √v̂ + ε (RMSprop has it inside)",
            partial(_adam, root=lambda v, epsilon: np.sqrt(v + epsilon)),
        ),
        Mistake(
            "ε is forgotten: it stands beside the root, √v̂ + ε",
            partial(_adam, root=lambda v, epsilon: np.sqrt(v)),
        ),
        Mistake(
            "ε stands beside √v, before the correction: so it is in Keras; here it stands beside "
            "√v̂",
            partial(_adam, early_epsilon=True),
        ),
        Mistake(
            "the root is forgotten: divide by √v̂ + ε, so that a step does not depend on the size "
            "of the gradients",
            partial(_adam, root=lambda v, epsilon: v + epsilon),
        ),
        Mistake("β₁ and β₂ are exchanged: β₁ is the memory of m, β₂ that of v", _betas_exchanged),
        Mistake(
            "m and v are exchanged: the step goes along m̂, and is divided by √v̂ + ε",
            _m_and_v_exchanged,
        ),
        Mistake(
            "v averages |g|: it is the mean of the squares, g²",
            partial(_adam, squares=False),
        ),
        Mistake(
            "the new gradient has no share: it is (1 − β)·g, and (1 − β)·g² in v",
            partial(_adam, shares=False),
        ),
        Mistake(
            "p moves up the slope: it is p − lr·m̂/(√v̂ + ε)",
            lambda **arguments: _adam(**arguments | {"learning_rate": -arguments["learning_rate"]}),
        ),
    ),
)


# What is to be guessed

LARGEST_RATE = Exercise(
    name="largest_rate",
    truth=1,
    mistakes=(
        Mistake("that is the best one for y: it goes to 0 in one step; it may overshoot", 0.5),
        Mistake("that is the bound for x; y is steeper, and gives up first", 20),
        Mistake("the gradient in y is 2y, so a step makes y − lr·2y of it", 2),
        Mistake("the best rate for x; but y would have been lost long before", 10),
    ),
)

STEADY_STEP = Exercise(
    name="steady_step",
    truth=1,
    mistakes=(
        Mistake("so it would be without the past; but 0.9 of each earlier step is added", 0.1),
        Mistake("that is the sum of the gradients; each is multiplied by the learning rate", 10),
        Mistake("that is the share that is kept; the steps become 0.1 + 0.09 + 0.081 + …", 0.9),
        Mistake("nearly: that is the second step; the sum goes on", 0.19),
        Mistake("so the weight changes, downhill; how long is that step?", -1),
    ),
)

FIRST_STEP = Exercise(
    name="first_step",
    truth=0.1,
    mistakes=(
        Mistake("so far would plain gradient descent go; Adam divides by the size", 100),
        Mistake(
            "so it would be without the correction: 0.1·1000 / √(0.001·1000²) times 0.1",
            float(np.round(0.1 * 100 / np.sqrt(1000), 3)),
        ),
        Mistake("m is 0.1 of the gradient at first, but that is corrected", 0.01),
        Mistake("it goes downhill, that is right; how far, without the sign?", -0.1),
        Mistake("the size of the gradient is divided out, and the learning rate is left", 1000),
        Mistake("the size of the gradient is divided out, and the learning rate is left", 1),
    ),
)

KERAS_RATE = Exercise(
    name="keras_rate",
    truth=0.05,
    mistakes=(
        Mistake("then Keras's steps are 10 times as long: there the gradients add up", 0.5),
        Mistake("the other way round: Keras's form makes longer steps by itself", 5),
        Mistake("the new gradient has the share 1 − β, not β", 0.45),
    ),
)

EXERCISES = (
    LARGEST_RATE,
    STEADY_STEP,
    FIRST_STEP,
    MOMENTUM,
    KERAS_RATE,
    CORRECTED_MEAN,
    ADAM,
)
