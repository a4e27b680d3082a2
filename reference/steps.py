"""One optimizer beside its Keras twin: the same weights, state and gradients, the errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference.agreement import relative_error
from reference.device import prepare
from reference.twin_optimizer import twin_optimizer
from scratchnet import Variable, constraints
from scratchnet.constraints import Constraint
from scratchnet.optimizers import Momentum, Optimizer

Shapes = Sequence[tuple[int, ...]]


def step_errors(
    ours: Optimizer,
    steps: int = 3,
    seed: int = 0,
    shapes: Shapes = ((3, 4), (5,)),
    constrained: Constraint | None = None,
    excluded: Sequence[int] = (),
    excluded_names: Sequence[str] = (),
) -> dict[str, float]:
    """The largest error of each weight and of each variable of the optimizer over some steps.

    Every step starts from Keras's weights and state, so that no error hides behind another.

    Args:
        ours: not built; weights and slots have the dtype `floatx()`.
        steps: how many.
        seed: of weights and gradients.
        shapes: of the weights.
        constrained: constraint of every weight.
        excluded, excluded_names: numbers and names of the weights without decay.

    Returns:
        {"w0", …, and the names of the optimizer's variables: error}, and "final w0", … after
        `finalize_variable_values`; `inf` where the variables' number, order or shapes differ.
    """
    prepare()
    import keras

    rng = np.random.default_rng(seed)
    theirs = twin_optimizer(ours)
    dtype = keras.config.floatx()
    values = [rng.standard_normal(shape) for shape in shapes]
    mine = [
        Variable(v.astype(dtype), f"w{i}", constraint=constrained) for i, v in enumerate(values)
    ]
    other = [keras.Variable(v, dtype=dtype, name=f"w{i}") for i, v in enumerate(values)]
    for variable in other:
        variable.constraint = keras.constraints.deserialize(constraints.serialize(constrained))
    for optimizer, variables in ((ours, mine), (theirs, other)):
        if excluded or excluded_names:
            optimizer.exclude_from_weight_decay([variables[i] for i in excluded], excluded_names)
        optimizer.build(variables)
    if len(ours.variables) != len(theirs.variables):
        return {"number of variables": float("inf")}
    errors: dict[str, float] = {}
    for _ in range(steps):
        gradients = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
        ours.apply(gradients, mine)
        theirs.apply([keras.ops.convert_to_tensor(g) for g in gradients], other)
        for a, b in [*zip(mine, other, strict=True), *_paired_variables(ours, theirs)]:
            errors[a.name] = max(errors.get(a.name, 0.0), _follow(a, b, _factor(ours, a.name)))
    ours.finalize_variable_values(mine)
    theirs.finalize_variable_values(other)
    for a, b in zip(mine, other, strict=True):
        errors[f"final {a.name}"] = relative_error(a.value, b.numpy())
    return errors


def _paired_variables(ours: Optimizer, theirs: Any) -> list[tuple[Variable, Any]]:
    pairs = zip(ours.variables, theirs.variables, strict=True)
    if isinstance(ours, Momentum):  # its SGD has another learning rate
        return [(a, b) for a, b in pairs if a.name != "learning_rate"]
    return list(pairs)


def _factor(optimizer: Optimizer, name: str) -> float:
    """By what a variable of ours is multiplied to be Keras's."""
    is_mean = isinstance(optimizer, Momentum) and name.endswith("_velocity")
    return -optimizer.learning_rate if is_mean else 1.0


def _follow(ours: Variable, theirs: Any, factor: float) -> float:
    """The error of a variable, which then takes Keras's value."""
    value = np.asarray(theirs.numpy())
    if ours.shape != value.shape:
        return float("inf")
    error = relative_error(ours.value * factor, value)
    ours.assign(value / factor)
    return error
