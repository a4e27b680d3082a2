"""Optimizers: a few steps from Keras's weights and state, every weight and slot compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.cases.case import Case
from reference.steps import step_errors
from scratchnet import constraints, optimizers
from scratchnet.optimizers import schedules


def _steps(kind: str, label: str, how: dict[str, Any] | None = None, /, **arguments: Any) -> Case:
    def error() -> float:
        optimizer = getattr(optimizers, kind)(**arguments)
        return max(step_errors(optimizer, **(how or {})).values())

    return Case(f"optimizers.{kind}", label, error)


def _labelled(kind: str, /, **arguments: Any) -> Case:
    return _steps(kind, _label(arguments), **arguments)


def _label(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


# Each optimizer's own arguments
OWN: dict[str, list[dict[str, Any]]] = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"learning_rate": 0.3}],
    "Momentum": [{"beta": 0.7, "weight_decay": 0.3, "learning_rate": 0.3}],
    "Adagrad": [
        {"initial_accumulator_value": 0.3},
        {"initial_accumulator_value": 0.0, "epsilon": 1e-3},
        {"learning_rate": 0.3},
    ],
    "Adadelta": [{"rho": 0.7}, {"epsilon": 1e-3}, {"learning_rate": 1.0}],
    "RMSprop": [
        {"rho": 0.7, "epsilon": 1e-3},
        {"momentum": 0.9},
        {"centered": True},
        {"momentum": 0.9, "centered": True, "learning_rate": 0.3},
    ],
    "Adam": [
        {"beta_1": 0.7, "beta_2": 0.9},
        {"epsilon": 1e-2, "learning_rate": 0.3},
        {"amsgrad": True, "beta_2": 0.3},
    ],
    "AdamW": [
        {"weight_decay": 0.3},
        {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2},
        {"amsgrad": True, "learning_rate": 0.3},
    ],
    "Adamax": [{"beta_1": 0.7, "beta_2": 0.9}, {"epsilon": 1e-2, "learning_rate": 0.3}],
    "Nadam": [{"beta_1": 0.7, "beta_2": 0.9}, {"epsilon": 1e-2, "learning_rate": 0.3}],
    "Lamb": [{"beta_1": 0.7, "beta_2": 0.9}, {"epsilon": 1e-2, "learning_rate": 0.3}],
    "Adafactor": [
        {"beta_2_decay": -0.3, "epsilon_1": 1e-3, "relative_step": False},
        {"epsilon_2": 3.0, "clip_threshold": 0.3, "learning_rate": 2.0},
    ],
    "Muon": [
        {"adam_beta_1": 0.7, "adam_beta_2": 0.9, "epsilon": 1e-2, "adam_lr_ratio": 0.3},
        {"adam_weight_decay": 0.3, "weight_decay": None, "momentum": 0.7, "nesterov": False},
        {"muon_a": 2.0, "muon_b": -1.5, "muon_c": 0.5, "ns_steps": 3, "rms_rate": None},
        {"exclude_layers": ["w0"], "exclude_embeddings": False, "learning_rate": 0.3},
    ],
    "Lion": [{"beta_1": 0.5, "beta_2": 0.7}, {"learning_rate": 0.3}],
    "Ftrl": [
        {"learning_rate_power": -0.8, "initial_accumulator_value": 0.3},
        {"learning_rate_power": 0.0, "initial_accumulator_value": 0.0},
        {"l1_regularization_strength": 0.5, "l2_regularization_strength": 0.3},
        {"l2_shrinkage_regularization_strength": 0.3, "beta": 0.7, "learning_rate": 0.3},
    ],
}


def _common(kind: str) -> list[Case]:
    """The arguments that every optimizer has."""
    accumulating = {"gradient_accumulation_steps": 2, "global_clipnorm": 0.7, "use_ema": True}
    averaging = {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 2}
    rate = schedules.ExponentialDecay(0.3, 2, 0.7)
    # Momentum's twin needs a constant learning rate
    scheduled = {"learning_rate": 0.3 if kind == "Momentum" else rate, "weight_decay": 0.3}
    return [
        _labelled(kind, weight_decay=0.25, clipnorm=0.7, name="other"),
        _steps(
            kind,
            f"{_label(averaging)}, clipvalue=0.3, a constraint",
            {"constrained": constraints.MaxNorm(0.5), "shapes": ((4, 3), (2, 1, 3, 2))},
            **averaging,
            clipvalue=0.3,
        ),
        _steps(
            kind,
            f"{_label(accumulating)}, weight_decay=0.3, a schedule",
            {"steps": 5},
            **accumulating,
            **scheduled,
        ),
    ]


def _descent(library: Any) -> Any:
    """An optimizer of the user's own, p ← p − lr·g."""
    if library is optimizers:

        class Descent(optimizers.Optimizer):
            def update(self, p: Any, g: Any, lr: Any, slots: Any) -> None:
                p -= lr * g

        return Descent(0.3, weight_decay=0.25)

    class KerasDescent(library.Optimizer):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign_sub(variable, learning_rate * gradient)

    return KerasDescent(0.3, weight_decay=0.25)


def _own_optimizer() -> float:
    import keras

    from reference.agreement import relative_error
    from scratchnet import Variable

    start, gradient = np.linspace(-1, 2, 5), np.linspace(3, -1, 5)
    ours, theirs = Variable(start), keras.Variable(start)
    _descent(optimizers).apply_gradients([(gradient, ours)])
    _descent(keras.optimizers).apply_gradients([(keras.ops.convert_to_tensor(gradient), theirs)])
    return relative_error(ours.value, theirs.numpy())


def _exchange(read: Callable[[Any], Any] | None = None) -> float:
    """0 where both libraries write the same configuration and read the other's."""
    import keras

    for name, choices in OWN.items():
        if name in ("Momentum", "Lamb"):  # Keras has no Momentum and reads no Lamb
            continue
        rate = schedules.CosineDecay(0.5, 10, alpha=0.25)
        ours = getattr(optimizers, name)(**choices[0] | {"learning_rate": rate})
        config = optimizers.serialize(ours)
        theirs = keras.optimizers.deserialize(optimizers.serialize(ours))
        back = (read or optimizers.deserialize)(keras.optimizers.serialize(theirs))
        if theirs.get_config() != config["config"] or back.get_config() != config["config"]:
            return float("inf")
    return 0.0


def _names() -> float:
    """0 where a name gives the optimizer that Keras gives, with its defaults."""
    import keras

    for name in OWN:
        if name in ("Momentum", "Lamb"):  # Keras has no Momentum and knows no "lamb"
            continue
        for alias in (name, name.lower()):
            ours, theirs = optimizers.get(alias), keras.optimizers.get(alias)
            expected = theirs.get_config() | {"name": ours.name}  # Keras numbers its names
            if type(ours).__name__ != type(theirs).__name__ or ours.get_config() != expected:
                return float("inf")
    return 0.0


CASES: list[Case] = [
    *(_steps(name, "defaults") for name in OWN),
    *(_labelled(name, **arguments) for name, choices in OWN.items() for arguments in choices),
    *(case for name in OWN for case in _common(name)),
    _steps(
        "SGD",
        "weight_decay=0.25 without the weights 0 and w1",
        {"excluded": (0,), "excluded_names": ("w1",)},
        weight_decay=0.25,
    ),
    Case("optimizers.Optimizer", "an optimizer of one's own", _own_optimizer),
    Case("optimizers.serialize", "read by Keras and back", _exchange),
    Case("optimizers.deserialize", "Keras's configurations", _exchange),
    Case("optimizers.get", "a configuration", lambda: _exchange(optimizers.get)),
    Case("optimizers.get", "names", _names),
]
