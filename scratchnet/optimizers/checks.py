"""What an optimizer accepts: its common arguments, its learning rate, the gradients of a step."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import floatx
from scratchnet.optimizers.schedules import LearningRateSchedule
from scratchnet.variable import Variable


def check_arguments(
    kind: str,
    clipping: dict[str, float | None],
    ema_momentum: float | None,
    ema_overwrite_frequency: int | None,
    loss_scale_factor: Any,
    gradient_accumulation_steps: int | None,
    unknown: dict[str, Any],
) -> None:
    """Raise TypeError for unknown arguments, ValueError for values out of range.

    `kind` is the optimizer's class; what belongs to the moving average is None where there is none.
    """
    if unknown:
        raise TypeError(
            f"{kind} does not know the argument(s) {', '.join(unknown)}. Expected the arguments "
            f"of keras.optimizers.{kind}; remove or correct them."
        )
    if loss_scale_factor is not None:
        raise ValueError(
            f"{kind} received loss_scale_factor={loss_scale_factor!r}. Expected None: weights "
            f"and gradients have one dtype here, so nothing needs scaling."
        )
    if sum(value is not None for value in clipping.values()) > 1:
        raise ValueError(f"{kind} received {clipping}. Expected at most one kind of clipping.")
    if ema_momentum is not None and not 0 <= ema_momentum <= 1:
        raise ValueError(
            f"{kind} received ema_momentum={ema_momentum!r}. Expected a number from 0 to 1."
        )
    for name, value, least in (
        ("ema_overwrite_frequency", ema_overwrite_frequency, 1),
        ("gradient_accumulation_steps", gradient_accumulation_steps, 2),
    ):
        if value is not None and not (isinstance(value, (int, np.integer)) and value >= least):
            raise ValueError(
                f"{kind} received {name}={value!r}. Expected an integer of at least {least}, or "
                f"None."
            )


def read_learning_rate(value: Any, kind: str) -> Variable | LearningRateSchedule:
    """A schedule as it is, a number as a variable of the dtype `floatx()`."""
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(
            f"{kind} received learning_rate={value!r} ({type(value).__name__}). Expected a "
            f"number, such as 0.001, or a schedule of optimizers.schedules; a function of your "
            f"own becomes one as a subclass of LearningRateSchedule."
        )
    return Variable(np.array(value, floatx()), "learning_rate", trainable=False)


def check_gradients(
    optimizer: str,
    gradients: Sequence[ArrayLike | None],
    variables: Sequence[Variable] | None,
    known: Sequence[Variable] | None,
) -> list[Variable]:
    """The weights that the gradients belong to; raises ValueError where they do not fit.

    Warns of weights that have no gradient.

    Args:
        optimizer: its name.
        gradients: one for each weight, or None.
        variables: the weights; None means those that are known.
        known: weights that the optimizer keeps slots for; None before it is built.
    """
    if variables is None:
        if known is None:
            raise ValueError(
                f"The optimizer {optimizer!r} received gradients without weights before it was "
                f"built. Expected apply(grads, trainable_variables), or build first."
            )
        variables = known
    if len(gradients) != len(variables):
        raise ValueError(
            f"The optimizer {optimizer!r} received {len(gradients)} gradients for "
            f"{len(variables)} weights. Expected one for each, in the same order."
        )
    without = []
    for g, variable in zip(gradients, variables, strict=True):
        if g is None:
            without.append(variable.path)
            continue
        # np.shape is slow, and a step asks it of every weight
        shape = g.shape if isinstance(g, np.ndarray) else np.shape(g)
        if shape != variable.value.shape:
            raise ValueError(
                f"The optimizer {optimizer!r} received a gradient of shape {shape} for "
                f"the weight {variable.path!r} of shape {variable.shape}. Expected the same."
            )
    if variables and known is not None and not _same(variables, known):
        raise ValueError(
            f"The optimizer {optimizer!r} keeps the state of other weights than those it "
            f"received: {[v.path for v in variables]} instead of {[v.path for v in known]}. "
            f"Compile the model again after freezing or adding layers; each model needs an "
            f"optimizer of its own."
        )
    if without:
        warnings.warn(
            f"The weights {', '.join(without)} have no gradient: the loss does not depend on them, "
            f"and they stay as they are. Is an output without a loss?",
            stacklevel=3,
        )
    return list(variables)


def _same(variables: Sequence[Variable], known: Sequence[Variable]) -> bool:
    return len(variables) == len(known) and all(map(operator.is_, variables, known))


def check_share(kind: str, **shares: float) -> None:
    """Raise ValueError for an argument that is not a number from 0 to 1."""
    for name, value in shares.items():
        if not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
            raise ValueError(f"{kind} received {name}={value!r}. Expected a number from 0 to 1.")
