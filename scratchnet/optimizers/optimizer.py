"""What every optimizer shares: its arguments, and the order in which a step happens.

One step, from a gradient for each weight:

    1. accumulate   with gradient_accumulation_steps = k, only every k-th step goes on, with the
                    mean of the last k gradients
    2. clip         clipnorm: g·min(1, c/‖g‖) for each weight; global_clipnorm: the same with the
                    norm of all gradients together; clipvalue: each entry to [−c, c]
    3. decay        p ← p − p·weight_decay·lr
    4. update       the optimizer's own rule
    5. average      with use_ema, a moving average of each weight, which takes the weight's place
                    at the end of training or every ema_overwrite_frequency steps
    6. constrain    p ← constraint(p) where the weight has one: after every call, also one that
                    only accumulates, and after an average has taken the weight's place; the
                    average itself is of the weights before it

Source: keras/src/optimizers/base_optimizer.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from scratchnet.config import floatx
from scratchnet.serialization import snake_case
from scratchnet.variable import Variable


class Optimizer:
    """Base of all optimizers. A new one defines `slots`, `update` and `get_config`.

    Args:
        learning_rate: lr, kept in `config.floatx()` as in Keras.
        weight_decay: share of each weight, times lr, that a step takes away; None means none.
        clipnorm, clipvalue, global_clipnorm: bounds of the gradients; at most one of them.
        use_ema: whether to average the weights over the steps.
        ema_momentum: of that average.
        ema_overwrite_frequency: steps after which the average takes the weights' place; None
            means only at the end of training.
        gradient_accumulation_steps: batches whose gradients make one step; at least 2, or None.
        loss_scale_factor: must stay None; there is no mixed precision to scale for.
        name: None means the class's name in snake case.
    """

    slots: tuple[str, ...] = ()  # names of the arrays that are kept for each weight

    def __init__(
        self,
        learning_rate: float,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        kind = type(self).__name__
        rate = _learning_rate(learning_rate, kind)
        if loss_scale_factor is not None:
            raise ValueError(
                f"{kind} received loss_scale_factor={loss_scale_factor!r}. Expected None: weights "
                f"and gradients have one dtype here, so nothing needs scaling."
            )
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(value is not None for value in given.values()) > 1:
            raise ValueError(f"{kind} received {given}. Expected at most one kind of clipping.")
        if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
            raise ValueError(
                f"{kind} received gradient_accumulation_steps={gradient_accumulation_steps!r}. "
                f"Expected an integer of at least 2, or None."
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(
                f"{kind} received ema_momentum={ema_momentum!r}. Expected a number from 0 to 1."
            )
        if use_ema and ema_overwrite_frequency is not None and ema_overwrite_frequency < 1:
            raise ValueError(
                f"{kind} received ema_overwrite_frequency={ema_overwrite_frequency!r}. Expected a "
                f"positive integer, or None."
            )
        self.name = name or snake_case(kind)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._iterations = Variable(np.array(0, np.int64), "iteration", trainable=False)
        self._learning_rate = Variable(np.array(rate, floatx()), "learning_rate", trainable=False)
        self._excluded: tuple[set[int], str | None] = (set(), None)

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        """Move the weight p against its gradient g, in place, with its slots in order."""
        raise NotImplementedError

    def before_update(self) -> None:
        """Called once in a step, before the weights are updated."""

    def extra_variables(self, dtype: np.dtype) -> list[Variable]:
        """Variables that are kept once and not for each weight."""
        return []

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": None,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    @property
    def learning_rate(self) -> float:
        """lr; it may be set between steps."""
        return float(self._learning_rate.value)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate.assign(_learning_rate(value, type(self).__name__))

    @property
    def iterations(self) -> int:
        """Number of updates of the weights so far."""
        return int(self._iterations.value) // (self.gradient_accumulation_steps or 1)

    @property
    def variables(self) -> list[Variable]:
        """Step, learning rate, then what is kept for the weights, in Keras's order."""
        kept = [*self._averages, *self._accumulated, *self._kept] if self.built else []
        return [self._iterations, self._learning_rate, *kept]

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Spare these weights, and those whose name matches one of `var_names`, from the decay.

        Raises RuntimeError once the optimizer is in use.
        """
        if self.built:
            raise RuntimeError(
                f"The optimizer {self.name!r} is in use already. Expected "
                f"exclude_from_weight_decay before the first step."
            )
        pattern = "|".join(sorted(set(var_names))) if var_names else None
        self._excluded = ({id(variable) for variable in var_list or ()}, pattern)

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots for these weights, once."""
        if self.built:
            return

        def zeros(purpose: str) -> list[Variable]:
            return [
                Variable(np.zeros_like(v.value), f"{v.path}_{purpose}", trainable=False)
                for v in variables
            ]

        self._built_for = list(variables)
        self._averages = zeros("average") if self.use_ema else []
        self._accumulated = zeros("gradient") if self.gradient_accumulation_steps else []
        per_slot = [zeros(slot) for slot in self.slots]
        self._slots = [[slot[i] for slot in per_slot] for i in range(len(variables))]
        dtype = variables[0].dtype if variables else np.dtype(floatx())
        # Weight by weight, as Keras numbers them: momentum and velocity of the first, …
        self._kept = [s for slots in self._slots for s in slots] + self.extra_variables(dtype)
        self.built = True

    def apply(self, grads: Sequence[np.ndarray], variables: Sequence[Variable]) -> None:
        """One step: see the top of this file.

        Raises ValueError, and changes nothing, where the gradients do not belong to the weights
        or the weights are not those of the first step.
        """
        self._check(grads, variables)
        if not grads:
            return
        self.build(variables)
        last = True
        if self.gradient_accumulation_steps:
            k = self.gradient_accumulation_steps
            last = (int(self._iterations.value) + 1) % k == 0
            sums = [g + a.value for g, a in zip(grads, self._accumulated, strict=True)]
            for accumulated, total in zip(self._accumulated, sums, strict=True):
                accumulated.assign(np.zeros_like(total) if last else total)
            grads = [total / k for total in sums]
        if last:
            self._step(self._clipped(grads), variables)
        if self.use_ema:
            self._average(variables)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.value += 1

    def finalize_variable_values(self, variables: Sequence[Variable]) -> None:
        """At the end of training: with use_ema, the averages become the weights."""
        if self.use_ema and self.built:
            for variable, average in zip(variables, self._averages, strict=True):
                variable.assign(average.value)

    def _step(self, grads: Sequence[np.ndarray], variables: Sequence[Variable]) -> None:
        rate = self._learning_rate.value
        if self.weight_decay is not None:
            for variable in variables:
                if self._decays(variable):
                    decay = as_keras_casts(self.weight_decay, variable.dtype)
                    variable.value -= variable.value * decay * variable.dtype.type(rate)
        self.before_update()
        for variable, g, slots in zip(variables, grads, self._slots, strict=True):
            g = g.astype(variable.dtype, copy=False)
            self.update(
                variable.value, g, variable.dtype.type(rate), [slot.value for slot in slots]
            )

    def _clipped(self, grads: Sequence[np.ndarray]) -> list[np.ndarray]:
        if self.clipnorm:
            return [_scaled_to(g, self.clipnorm, _norm([g])) for g in grads]
        if self.global_clipnorm:
            norm = _norm(grads)
            return [_scaled_to(g, self.global_clipnorm, norm) for g in grads]
        if self.clipvalue:
            return [np.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return list(grads)

    def _average(self, variables: Sequence[Variable]) -> None:
        first = self.iterations == 0
        for variable, average in zip(variables, self._averages, strict=True):
            momentum = variable.dtype.type(0 if first else self.ema_momentum)
            average.assign(momentum * average.value + (1 - momentum) * variable.value)
        frequency = self.ema_overwrite_frequency
        if frequency and (self.iterations + 1) % frequency == 0:
            self.finalize_variable_values(variables)

    def _decays(self, variable: Variable) -> bool:
        excluded, pattern = self._excluded
        return id(variable) not in excluded and not (pattern and re.search(pattern, variable.name))

    def _check(self, grads: Sequence[np.ndarray], variables: Sequence[Variable]) -> None:
        if len(grads) != len(variables):
            raise ValueError(
                f"The optimizer {self.name!r} received {len(grads)} gradients for "
                f"{len(variables)} weights. Expected one for each, in the same order."
            )
        for g, variable in zip(grads, variables, strict=True):
            if np.shape(g) != variable.shape:
                raise ValueError(
                    f"The optimizer {self.name!r} received a gradient of shape {np.shape(g)} for "
                    f"the weight {variable.path!r} of shape {variable.shape}. Expected the same."
                )
        if self.built and [id(v) for v in variables] != [id(v) for v in self._built_for]:
            raise ValueError(
                f"The optimizer {self.name!r} keeps the state of other weights than those it "
                f"received: {[v.path for v in variables]} instead of "
                f"{[v.path for v in self._built_for]}. Compile the model again after freezing or "
                f"adding layers; each model needs an optimizer of its own."
            )


def _learning_rate(value: Any, kind: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(
            f"{kind} received learning_rate={value!r} ({type(value).__name__}). Expected a "
            f"number, such as 0.001; a callback may set optimizer.learning_rate between epochs."
        )
    return float(value)


def as_keras_casts(constant: float, dtype: np.dtype) -> np.floating:
    """A constant in `dtype`, by way of float32.

    Keras's TensorFlow backend turns a Python number into a float32 tensor before it casts it, so
    its β₂ = 0.999 is 0.99900001… even for float64 weights. That shifts 1 − β₂ by 1e-5 of itself.
    """
    return dtype.type(np.float32(constant))


def _norm(grads: Sequence[np.ndarray]) -> np.floating:
    """‖g‖₂ over all entries of all arrays."""
    return np.sqrt(sum(np.square(g).sum() for g in grads))


def _scaled_to(g: np.ndarray, bound: float, norm: np.floating) -> np.ndarray:
    """g, shortened where the norm exceeds the bound."""
    return g * (g.dtype.type(bound) / norm) if norm > bound else g
