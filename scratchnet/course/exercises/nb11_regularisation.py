"""Exercises of notebook 11: soft threshold, the shrink factor, and a decay that is decoupled."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import hard_shrink, soft_shrink
from scratchnet.regularizers import L2

# The minimum with L1

SHRINK = Exercise(
    name="shrink",
    truth=lambda a, threshold: soft_shrink(a, threshold),
    inputs=lambda rng: [
        {"a": np.array([2.0, -2.0, 0.3, -0.3, 0.0]), "threshold": 0.5},
        {"a": 2 * rng.standard_normal((4, 5)), "threshold": 0.8},
    ],
    mistakes=(
        Mistake(
            "that is the hard threshold: what survives is pulled in too, by the threshold",
            lambda a, threshold: hard_shrink(a, threshold),
        ),
        Mistake(
            "weights below the threshold overshoot to the other side: they stop at 0, so take "
            "max(|a| − t, 0)",
            lambda a, threshold: a - threshold * np.sign(a),
        ),
        Mistake(
            "the threshold was subtracted from negative weights too: they are pulled up, to 0",
            lambda a, threshold: np.where(np.abs(a) > threshold, a - threshold, 0),
        ),
        Mistake(
            "negative weights became 0: the threshold is for |a|, and the sign comes back",
            lambda a, threshold: np.maximum(a - threshold, 0),
        ),
        Mistake(
            "the sign is lost: multiply max(|a| − t, 0) by sign(a)",
            lambda a, threshold: np.maximum(np.abs(a) - threshold, 0),
        ),
        Mistake(
            "that is what is taken away: a minus it is left",
            lambda a, threshold: np.clip(a, -threshold, threshold),
        ),
        Mistake(
            "the threshold is halved: the loss is ½·(w − a)², so its slope is w − a, without a 2",
            lambda a, threshold: soft_shrink(a, threshold / 2),
        ),
        Mistake(
            "that is L2, which divides: L1 subtracts the same from all",
            lambda a, threshold: a / (1 + 2 * threshold),
        ),
    ),
)


# A step with L2


def _decayed(
    p: np.ndarray, g: np.ndarray, learning_rate: float, l2: float, factor: float = 2.0
) -> np.ndarray:
    """A step of gradient descent with factor · l2 · p in the gradient."""
    return p - learning_rate * (g + factor * l2 * p)


L2_STEP = Exercise(
    name="l2_step",
    truth=lambda p, g, learning_rate, l2: p - learning_rate * (g + L2(l2).gradient(p)),
    inputs=lambda rng: [
        {"p": np.array([1.0, -2.0]), "g": np.array([0.0, 1.0]), "learning_rate": 0.5, "l2": 0.25},
        {
            "p": rng.standard_normal((3, 4)),
            "g": rng.standard_normal((3, 4)),
            "learning_rate": 0.1,
            "l2": 0.3,
        },
    ],
    mistakes=(
        Mistake(
            "a 2 is missing: Keras's penalty is l2·Σ w² without the ½ of textbooks, and its "
            "gradient 2·l2·w",
            partial(_decayed, factor=1.0),
        ),
        Mistake(
            "the decay is not multiplied by the learning rate: it is a part of the gradient",
            lambda p, g, learning_rate, l2: (1 - 2 * l2) * p - learning_rate * g,
        ),
        Mistake(
            "the weights grow: the penalty's gradient is added to g, and the step goes against it",
            partial(_decayed, factor=-2.0),
        ),
        Mistake(
            "the shrinking comes after the step, and shrinks the gradient too: it acts on p as it "
            "was",
            lambda p, g, learning_rate, l2: (1 - 2 * learning_rate * l2) * (p - learning_rate * g),
        ),
        Mistake(
            "the penalty was added instead of its gradient: differentiate l2·w²",
            lambda p, g, learning_rate, l2: p - learning_rate * (g + l2 * p**2),
        ),
        Mistake(
            "that is L1: the pull of L2 is proportional to the weight",
            lambda p, g, learning_rate, l2: p - learning_rate * (g + l2 * np.sign(p)),
        ),
        Mistake(
            "no penalty in it: add its gradient, 2·l2·p, to g",
            partial(_decayed, factor=0.0),
        ),
        Mistake(
            "g is missing: it is the step of the loss, and the penalty on top",
            lambda p, g, learning_rate, l2: (1 - 2 * learning_rate * l2) * p,
        ),
    ),
)


# AdamW


def _adamw_inputs(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Gradients of unequal sizes, and weights that are far from 0."""
    ordinary = {"learning_rate": 0.1, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 0.01}
    sizes = np.array([0.1, 1.0, 10.0])
    return [
        ordinary | {"p": np.array([4.0]), "gradients": np.array([[2.0]]), "weight_decay": 0.5},
        ordinary
        | {
            "p": 2 + rng.standard_normal(3),
            "gradients": rng.normal(0.5, 1, (6, 3)) * sizes,
            "weight_decay": 0.3,
        },
    ]


def _adamw(
    p: np.ndarray,
    gradients: np.ndarray,
    learning_rate: float,
    weight_decay: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    *,
    place: str = "weights",
    corrected: bool = True,
) -> np.ndarray:
    """AdamW, its decay in the right `place` or in a wrong one, with Adam's corrections or not."""
    m = v = np.zeros_like(p)
    first = p
    for t, g in enumerate(gradients, 1):
        if place == "gradient":
            g = g + weight_decay * p
        if place == "gradient, with a 2":
            g = g + 2 * weight_decay * p
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        rests = (1 - beta_1**t, 1 - beta_2**t) if corrected else (1.0, 1.0)
        m_hat, root = m / rests[0], np.sqrt(v / rests[1]) + epsilon
        decay = {
            "weights": learning_rate * weight_decay * p,
            "weights, with a 2": 2 * learning_rate * weight_decay * p,
            "weights, without lr": weight_decay * p,
            "numerator": learning_rate * weight_decay * p / root,
            "first weights": learning_rate * weight_decay * first,
            "upwards": -learning_rate * weight_decay * p,
        }.get(place, 0.0)
        p = p - decay - learning_rate * m_hat / root
        if place == "afterwards":
            p = p - learning_rate * weight_decay * p
    return p


ADAMW = Exercise(
    name="adamw",
    truth=_adamw,
    inputs=_adamw_inputs,
    mistakes=(
        Mistake(
            "the decay went through the gradient, and so into m and v: that is Adam with L2, and "
            "√v̂ divides the decay too; take it from p directly",
            partial(_adamw, place="gradient"),
        ),
        Mistake(
            "that is Adam with Keras's L2, whose gradient has a 2; the decay of AdamW goes to p "
            "directly, and has none",
            partial(_adamw, place="gradient, with a 2"),
        ),
        Mistake(
            "the decay was added to m̂: √v̂ divides it then; take it from p directly",
            partial(_adamw, place="numerator"),
        ),
        Mistake(
            "the decay is not multiplied by the learning rate: it is lr·λ·p",
            partial(_adamw, place="weights, without lr"),
        ),
        Mistake(
            "the decay is twice as large: the 2 comes from differentiating w², and nothing is "
            "differentiated here",
            partial(_adamw, place="weights, with a 2"),
        ),
        Mistake(
            "the decay comes after the step: it takes its share of p as it was before",
            partial(_adamw, place="afterwards"),
        ),
        Mistake(
            "the decay is always that of the first weights: it takes a share of p as it is now",
            partial(_adamw, place="first weights"),
        ),
        Mistake(
            "the weights grow: the decay is subtracted",
            partial(_adamw, place="upwards"),
        ),
        Mistake(
            "that is Adam: the decay is missing, lr·λ·p",
            partial(_adamw, place="nowhere"),
        ),
        Mistake(
            "not corrected: m̂ and v̂ are m and v, divided by 1 − β₁ᵗ and 1 − β₂ᵗ",
            partial(_adamw, corrected=False),
        ),
    ),
)


# What is to be guessed

L1_MINIMUM = Exercise(
    name="l1_minimum",
    truth=0,
    mistakes=(
        Mistake("it would overshoot: below 0 the penalty rises again, and pulls up", -0.2),
        Mistake("with the signs exchanged: 0.5 is larger than 0.3", 0.2),
        Mistake("that is without the penalty, or with one that is much weaker", 0.3),
        Mistake("that is L2's answer; the pull of L1 does not fade near 0", 0.15),
    ),
)

L2_MINIMUM = Exercise(
    name="l2_minimum",
    truth=0.15,
    mistakes=(
        Mistake("near 0 the parabola is flat: its pull fades before it gets there", 0),
        Mistake("there is no ½ before the penalty: the slope of 0.5·w² is w", 0.2),
        Mistake("that is without the penalty", 0.3),
        Mistake("L2 does not subtract; set the slope w − 0.3 + w to 0", -0.2),
    ),
)

EXACT_ZEROS = Exercise(
    name="exact_zeros",
    truth=0,
    mistakes=(
        Mistake(
            "so it is at the minimum; but a step of lr·λ from a weight of 0.001 lands beyond 0", 17
        ),
        Mistake("these three are the useful ones", 3),
    ),
)

EXERCISES = (L1_MINIMUM, L2_MINIMUM, SHRINK, EXACT_ZEROS, L2_STEP, ADAMW)
