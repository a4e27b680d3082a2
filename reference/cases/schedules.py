"""Learning-rate schedules: steps before, on and after every boundary, whole and broken ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import relative_error
from reference.cases.case import Case
from reference.twin_optimizer import twin_schedule
from scratchnet.optimizers import schedules

# Decays below last 10 steps, periods begin at 10, 30, 70 (twice as long each time)
STEPS = (0, 1, 4, 9, 10, 11, 19, 20, 21, 29, 30, 31, 69, 70, 71, 1000)
BROKEN = (0.5, 9.75, 10.25)


def _case(kind: str, /, **arguments: Any) -> Case:
    def error() -> float:
        import keras

        ours = getattr(schedules, kind)(**arguments)
        theirs = twin_schedule(ours)
        whole = [keras.ops.convert_to_tensor(step, "int64") for step in STEPS]
        broken = [keras.ops.convert_to_tensor(step, "float64") for step in BROKEN]
        expected = [float(theirs(step)) for step in [*whole, *broken]]
        got = [ours(step) for step in [*STEPS, *BROKEN]]
        at_once = [*ours(np.array(STEPS)), *ours(np.array(BROKEN))]
        return max(relative_error(got, expected), relative_error(at_once, expected))

    label = ", ".join(f"{k}={v}" for k, v in arguments.items())
    return Case(f"optimizers.schedules.{kind}", label, error)


def _rates(name: str) -> list[Case]:
    start = {"initial_learning_rate": 0.3, "decay_steps": 10}
    return [
        _case(name, **start, decay_rate=0.7),
        _case(name, **start, decay_rate=0.7, staircase=True, name="other"),
        _case(name, initial_learning_rate=0.1, decay_steps=1, decay_rate=1.1),
    ]


def _polynomials() -> list[Case]:
    start = {"initial_learning_rate": 0.3, "decay_steps": 10}
    return [
        _case("PolynomialDecay", **start),
        _case("PolynomialDecay", **start, end_learning_rate=0.1, power=0.5, name="other"),
        _case("PolynomialDecay", **start, cycle=True),
        _case("PolynomialDecay", **start, end_learning_rate=0.1, power=3.0, cycle=True),
    ]


def _cosines() -> list[Case]:
    start = {"initial_learning_rate": 0.3, "decay_steps": 10}
    first = {"initial_learning_rate": 0.3, "first_decay_steps": 10}
    return [
        # α above 0: at α = 0 the end of the cosine is 0 but for rounding
        _case("CosineDecay", **start, alpha=0.1),
        _case("CosineDecay", **start, alpha=0.1, warmup_target=0.7, warmup_steps=20, name="other"),
        _case("CosineDecay", **start, alpha=0.3, warmup_target=0.7, warmup_steps=0),
        _case("CosineDecayRestarts", **first, alpha=0.1),
        _case("CosineDecayRestarts", **first, alpha=0.1, t_mul=1.0, m_mul=0.7, name="other"),
        _case("CosineDecayRestarts", **first, alpha=0.3, t_mul=1.5, m_mul=0.9),
    ]


def _pieces() -> list[Case]:
    return [
        _case("PiecewiseConstantDecay", boundaries=[10, 30], values=[0.3, 0.2, 0.1]),
        _case("PiecewiseConstantDecay", boundaries=[9.9, 20.0, 20.0], values=[0.3, 0.2, 0.7, 0.1]),
        _case("PiecewiseConstantDecay", boundaries=[70], values=[1.0, 0.1], name="other"),
    ]


def _own_schedule() -> float:
    """A schedule of the user's own drives both libraries' optimizers."""
    import keras

    from scratchnet import Variable, optimizers

    class Own(schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 0.5 / (1 + step)

    class KerasOwn(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 0.5 / (1 + keras.ops.cast(step, "float64"))

    start, gradient = np.linspace(-1, 2, 5), np.linspace(3, -1, 5)
    ours, theirs = Variable(start), keras.Variable(start)
    mine, other = optimizers.SGD(Own()), keras.optimizers.SGD(KerasOwn())
    for _ in range(3):
        mine.apply([gradient], [ours])
        other.apply([keras.ops.convert_to_tensor(gradient)], [theirs])
    return relative_error(ours.value, theirs.numpy())


SCHEDULES = [
    *_rates("ExponentialDecay"),
    *_rates("InverseTimeDecay"),
    *_polynomials(),
    *_cosines(),
    *_pieces(),
]
SAVED = (
    schedules.ExponentialDecay(0.5, 10, 0.25, staircase=True, name="other"),
    schedules.InverseTimeDecay(0.5, 10, 0.25),
    schedules.PolynomialDecay(0.5, 10, 0.25, power=2.0, cycle=True),
    schedules.CosineDecay(0.5, 10, 0.25, warmup_target=0.75, warmup_steps=5),
    schedules.CosineDecayRestarts(0.5, 10, 3.0, 0.75, 0.25),
    schedules.PiecewiseConstantDecay([10, 30], [0.5, 0.25, 0.125]),
)


def _exchange() -> float:
    """0 where both libraries write the same configuration and read the other's."""
    import keras

    for ours in SAVED:
        config = schedules.serialize(ours)
        theirs = keras.optimizers.schedules.deserialize(schedules.serialize(ours))
        back = schedules.deserialize(keras.optimizers.schedules.serialize(theirs))
        if theirs.get_config() != config["config"] or back.get_config() != config["config"]:
            return float("inf")
    return 0.0


CASES: list[Case] = [
    *SCHEDULES,
    Case("optimizers.schedules.LearningRateSchedule", "a schedule of one's own", _own_schedule),
    Case("optimizers.schedules.serialize", "read by Keras and back", _exchange),
    Case("optimizers.schedules.deserialize", "Keras's configurations", _exchange),
]
