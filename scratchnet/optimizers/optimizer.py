"""What every optimizer shares: its arguments, and the order in which a step happens.

One step, from a gradient for each weight:

    1. accumulate   with gradient_accumulation_steps = k, only every k-th step goes on, with the
                    mean of the last k gradients
    2. clip         the gradients (`optimizers.clipping`)
    3. decay        p ← p − p·weight_decay·lr
    4. update       the optimizer's own rule; where there is a kernel that does 3 and 4 in one pass
                    over all weights, to the same bits, it serves in the place of the formula
    5. average      with use_ema, a moving average of each weight, which takes the weight's place
                    at the end of training or every ema_overwrite_frequency steps
    6. constrain    p ← constraint(p) where the weight has one: after every call, also one that
                    only accumulates, and after an average has taken the weight's place; the
                    average itself is of the weights before it

A learning-rate schedule is asked at the number of calls so far, the accumulating ones included;
everything else that depends on a step number t counts the updates of the weights.

Source: keras/src/optimizers/base_optimizer.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import ops
from scratchnet.config import floatx
from scratchnet.optimizers import schedules
from scratchnet.optimizers.checks import check_arguments, check_gradients, read_learning_rate
from scratchnet.optimizers.clipping import clip_global_norm, clip_norms, clip_values
from scratchnet.optimizers.schedules import LearningRateSchedule
from scratchnet.serialization import snake_case
from scratchnet.variable import Variable

if TYPE_CHECKING:
    from scratchnet.ops.kernels.steps import Plan

Gradients = list[np.ndarray | None]
OnePass = tuple[str, tuple[np.floating, ...]]


class Optimizer:
    """Base of all optimizers. A new one defines `slot_groups`, `update` and `get_config`.

    Args:
        learning_rate: lr, a number, which is kept in `config.floatx()` as in Keras, or a
            `schedules.LearningRateSchedule`.
        weight_decay: share of each weight, times lr, that a step takes away; None means none.
        clipnorm, clipvalue, global_clipnorm: bounds of the gradients; at most one of them, where
            0 means none, too.
        use_ema: whether to average the weights over the steps.
        ema_momentum: of that average.
        ema_overwrite_frequency: steps after which the average takes the weights' place; None
            means only at the end of training.
        gradient_accumulation_steps: batches whose gradients make one step; at least 2, or None.
        loss_scale_factor: must stay None; there is no mixed precision to scale for.
        name: None means the class's name in snake case.

    Raises:
        ValueError: arguments out of range, or more than one kind of clipping.
        TypeError: a learning rate that is neither a number nor a schedule, unknown arguments.
    """

    # Names of the arrays that are kept for each weight. Keras creates group after group, and
    # within a group weight by weight, which is the order in files.
    slot_groups: tuple[tuple[str, ...], ...] = ()

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule,
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
        **unknown: Any,
    ) -> None:
        check_arguments(
            type(self).__name__,
            {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm},
            ema_momentum if use_ema else None,
            ema_overwrite_frequency if use_ema else None,
            loss_scale_factor,
            gradient_accumulation_steps,
            unknown,
        )
        self.name = name or snake_case(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._spared: list[int] | None = None  # numbers of weights that do not decay
        self._plan: Plan | None = None
        self._iterations = Variable(np.array(0, np.int64), "iteration", trainable=False)
        self._learning_rate = read_learning_rate(learning_rate, type(self).__name__)
        self._excluded: tuple[set[int], str | None] = (set(), None)
        self._memory: dict[np.dtype, np.ndarray] = {}

    # What an optimizer defines

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        """Move the weight p against its gradient g, in place, with its slots in order."""
        raise NotImplementedError(f"{type(self).__name__} does not define update(p, g, lr, slots).")

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass | None:
        """How `update` is done in one pass over memory, where `ops.kernels.updates` has it.

        Returns the name of the kernel, and the numbers that it takes after the arrays and lr, in
        `dtype`; None where no kernel does what `update` does.
        """
        return None

    def slot_groups_of(self, variable: Variable) -> tuple[tuple[str, ...], ...]:
        """The slot groups of this weight; as many for each weight."""
        return self.slot_groups

    def weight_decay_of(self, variable: Variable) -> float | None:
        """The weight decay of this weight."""
        return self.weight_decay

    def initial_slot(self, name: str, p: np.ndarray) -> np.ndarray:
        """First value of the slot of this name for the weight p."""
        return np.zeros_like(p)

    def before_update(self) -> None:
        """Called once in a step, before the weights are updated."""

    def extra_variables(self, dtype: np.dtype) -> list[Variable]:
        """Variables that are kept once and not for each weight."""
        return []

    def get_config(self) -> dict[str, Any]:
        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": (
                schedules.serialize(rate)
                if isinstance(rate, LearningRateSchedule)
                else float(rate.value)
            ),
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
        """A new optimizer from what `get_config` gave, here or in Keras."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = config | {"learning_rate": schedules.deserialize(rate)}
        return cls(**config)

    # What all optimizers share

    @property
    def learning_rate(self) -> float:
        """lr of the next step. It may be set between steps, unless a schedule is in force.

        Setting a number then raises TypeError; setting another schedule replaces it.
        """
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return float(rate(int(self._iterations.value)))
        return float(rate.value)

    @learning_rate.setter
    def learning_rate(self, value: float | LearningRateSchedule) -> None:
        new, rate = read_learning_rate(value, type(self).__name__), self._learning_rate
        if isinstance(new, LearningRateSchedule):
            self._learning_rate = new
        elif isinstance(rate, LearningRateSchedule):
            raise TypeError(
                f"The optimizer {self.name!r} follows a schedule, {type(rate).__name__}, so its "
                f"learning rate cannot be set; received {value!r}. Expected another schedule; to "
                f"set numbers, create the optimizer with a number."
            )
        else:
            rate.assign(new.value)

    @property
    def iterations(self) -> int:
        """Number of updates of the weights so far."""
        return int(self._iterations.value) // (self.gradient_accumulation_steps or 1)

    @property
    def variables(self) -> list[Variable]:
        """Step, learning rate (not of a schedule), what is kept for the weights: Keras's order."""
        rate = [self._learning_rate] if isinstance(self._learning_rate, Variable) else []
        kept = [*self._averages, *self._accumulated, *self._kept] if self.built else []
        return [self._iterations, *rate, *kept]

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Spare these weights, and those whose name matches one of `var_names`, from the decay.

        Raises ValueError once the optimizer is in use.
        """
        if self.built:
            raise ValueError(
                f"The optimizer {self.name!r} is in use already. Expected "
                f"exclude_from_weight_decay before the first step."
            )
        pattern = "|".join(sorted(set(var_names))) if var_names else None
        self._excluded = ({id(variable) for variable in var_list or ()}, pattern)

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots for these weights, once."""
        if self.built:
            return
        self._built_for = list(variables)
        self._averages = self._slot_of_each("average") if self.use_ema else []
        self._accumulated = (
            self._slot_of_each("gradient_accumulator") if self.gradient_accumulation_steps else []
        )
        self._slots: list[list[Variable]] = [[] for _ in variables]
        self._kept: list[Variable] = []
        for group in zip(*map(self.slot_groups_of, variables), strict=True):
            for variable, slots, names in zip(variables, self._slots, group, strict=True):
                new = [
                    _slot(variable, name, self.initial_slot(name, variable.value)) for name in names
                ]
                slots += new
                self._kept += new
        dtype = variables[0].dtype if variables else np.dtype(floatx())
        self._kept += self.extra_variables(dtype)
        self._updated = [
            each
            for variable, slots in zip(variables, self._slots, strict=True)
            for each in (variable, *slots)
        ]
        self.built = True

    def apply(
        self,
        grads: Sequence[ArrayLike | None],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """One step: see the top of this file.

        Args:
            grads: one gradient for each weight, of its shape; a weight whose gradient is None
                stays as it is, which is warned of.
            trainable_variables: the weights; None means those of `build`.

        Raises ValueError, and changes nothing, where the gradients do not belong to the weights
        or the weights are not those of the first step.
        """
        known = self._built_for if self.built else None
        variables = check_gradients(self.name, grads, trainable_variables, known)
        if all(g is None for g in grads):
            return
        self.build(variables)
        gradients = [
            None if g is None else np.asarray(g, v.value.dtype)
            for g, v in zip(grads, variables, strict=True)
        ]
        with np.errstate(all="ignore"):  # a diverging run shows in its loss, as in Keras
            if self.gradient_accumulation_steps:
                gradients = self._accumulate(gradients, self.gradient_accumulation_steps)
            if gradients:
                self._step(self._clipped(gradients), variables)
            if self.use_ema:
                self._average(variables)
            for variable, g in zip(variables, grads, strict=True):
                if variable.constraint is not None and g is not None:
                    variable.assign(variable.constraint(variable.value))
        self._iterations.value += 1

    def apply_gradients(self, grads_and_vars: Iterable[tuple[ArrayLike, Variable]]) -> None:
        """`apply` for pairs of a gradient and its weight, as training loops of Keras write it."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [variable for _, variable in pairs])

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """At the end of training: with use_ema, the averages become the weights."""
        if self.use_ema and self.built:
            for variable, average in zip(var_list, self._averages, strict=True):
                variable.assign(average.value)

    def work_arrays(self, p: np.ndarray, count: int) -> list[np.ndarray]:
        """Arrays like p for intermediate results of `update`; the memory stays for other weights.

        Allocating it anew at every step would cost as much as the arithmetic.
        """
        memory = self._memory.get(p.dtype)
        if memory is None or memory.size < count * p.size:
            memory = self._memory[p.dtype] = np.empty(count * p.size, p.dtype)
        return [memory[i * p.size : (i + 1) * p.size].reshape(p.shape) for i in range(count)]

    # The parts of a step

    def _accumulate(self, gradients: Gradients, k: int) -> Gradients:
        """The mean of k gradients at every k-th call, an empty list at the others."""
        for g, total in zip(gradients, self._accumulated, strict=True):
            if g is not None:
                total.value += g
        if (int(self._iterations.value) + 1) % k:
            return []
        means = [
            None if g is None else total.value / k
            for g, total in zip(gradients, self._accumulated, strict=True)
        ]
        for total in self._accumulated:
            total.value[...] = 0
        return means

    def _clipped(self, gradients: Gradients) -> Gradients:
        if not (self.clipnorm or self.global_clipnorm or self.clipvalue):
            return gradients
        present = [g for g in gradients if g is not None]
        if self.clipnorm and self.clipnorm > 0:
            present = clip_norms(present, self.clipnorm)
        elif self.global_clipnorm and self.global_clipnorm > 0:
            present = clip_global_norm(present, self.global_clipnorm)
        elif self.clipvalue and self.clipvalue > 0:
            present = clip_values(present, self.clipvalue)
        clipped = iter(present)
        return [None if g is None else next(clipped) for g in gradients]

    def _step(self, gradients: Gradients, variables: Sequence[Variable]) -> None:
        rate = self.learning_rate
        self.before_update()
        shares = self._shares(variables)
        for i in self._update_in_one_pass(gradients, shares, rate):
            g, p, share = gradients[i], variables[i].value, shares[i]
            if g is None:
                continue
            lr = p.dtype.type(rate)
            if share:
                self._decay(p, share, lr)
            self.update(p, g, lr, [slot.value for slot in self._slots[i]])

    def _update_in_one_pass(
        self, gradients: Gradients, shares: Sequence[float | None], rate: float
    ) -> Sequence[int]:
        """Decay and update by kernels; gives the numbers of the weights that none serves."""
        if ops.implementation() == "formulas" or not self._has_one_pass():
            return range(len(gradients))
        arrays = [each.value for each in self._updated]
        if self._plan is None or not self._plan.holds(arrays):
            from scratchnet.ops.kernels.steps import Plan  # here, for it needs Numba

            remaining = iter(arrays)
            self._plan = Plan([[*islice(remaining, 1 + len(slots))] for slots in self._slots])
        of_weights = np.zeros(len(shares), np.float32)  # as `as_keras_casts`
        if any(shares):
            of_weights[:] = [share or 0 for share in shares]
        return self._plan.update(gradients, of_weights, rate, self.one_pass)

    def _has_one_pass(self) -> bool:
        """Whether `one_pass` is about this `update`, and no class below has one of its own."""
        lineage = type(self).__mro__
        fused, updated = (
            next(i for i, each in enumerate(lineage) if name in vars(each))
            for name in ("one_pass", "update")
        )
        return fused <= updated

    def _shares(self, variables: Sequence[Variable]) -> list[float | None]:
        """The weight decay of each weight; None for those that are spared from it."""
        shares: list[float | None] = [*map(self.weight_decay_of, variables)]
        if any(shares):
            if self._spared is None:  # once, for to look for a pattern in each name takes long
                self._spared = [i for i, each in enumerate(variables) if not self._decays(each)]
            for i in self._spared:
                shares[i] = None
        return shares

    def _decays(self, variable: Variable) -> bool:
        excluded, pattern = self._excluded
        return id(variable) not in excluded and not (pattern and re.search(pattern, variable.name))

    def _decay(self, p: np.ndarray, share: float, lr: np.floating) -> None:
        (loss,) = self.work_arrays(p, 1)
        np.multiply(p, as_keras_casts(share, p.dtype), out=loss)
        loss *= lr
        p -= loss

    def _average(self, variables: Sequence[Variable]) -> None:
        first = self.iterations == 0
        for variable, average in zip(variables, self._averages, strict=True):
            momentum = variable.dtype.type(0 if first else self.ema_momentum)
            (part,) = self.work_arrays(variable.value, 1)
            np.multiply(variable.value, 1 - momentum, out=part)
            average.value *= momentum
            average.value += part
        frequency = self.ema_overwrite_frequency
        if frequency and (self.iterations + 1) % frequency == 0:
            self.finalize_variable_values(variables)

    def _slot_of_each(self, name: str) -> list[Variable]:
        return [_slot(v, name, np.zeros_like(v.value)) for v in self._built_for]


def _slot(variable: Variable, name: str, value: np.ndarray) -> Variable:
    return Variable(value, f"{variable.path.replace('/', '_')}_{name}", trainable=False)


def as_keras_casts(constant: float, dtype: np.dtype) -> np.floating:
    """A constant in `dtype`, by way of float32.

    Keras's TensorFlow backend turns a Python number into a float32 tensor before it casts it, so
    its β₂ = 0.999 is 0.99900001… even for float64 weights. That shifts 1 − β₂ by 1e-5 of itself.
    """
    return dtype.type(np.float32(constant))
