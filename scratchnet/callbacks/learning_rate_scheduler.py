"""A learning rate that is a function of the epoch.

Source: keras/src/callbacks/learning_rate_scheduler.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

from scratchnet.callbacks.callback import Callback, Logs


class LearningRateScheduler(Callback):
    """Before each epoch set lr ← schedule(epoch, lr).

    After the epoch the logs gain `learning_rate`, for the callbacks that follow and for the
    history. Keras calls a schedule again, with the epoch alone, whenever it raises a TypeError;
    here its signature decides, so an error inside the schedule shows as what it is.

    Args:
        schedule: function of the epoch (counted from 0) and the current learning rate, or of the
            epoch alone; returns a float.
        verbose: 1 prints the learning rate of each epoch.

    Raises, before an epoch:
        ValueError: the model's optimizer has no learning rate, or what the schedule returned is
            no float; the learning rate stays what it was.

    >>> halve_every_ten_epochs = LearningRateScheduler(
    ...     lambda epoch, rate: rate / 2 if epoch and epoch % 10 == 0 else rate
    ... )
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        if not hasattr(optimizer, "learning_rate"):
            raise ValueError(
                f"LearningRateScheduler cannot set a learning rate: the model's optimizer is "
                f"{optimizer!r}. Expected an optimizer with a learning_rate; compile the model "
                f"with one of scratchnet.optimizers."
            )
        arguments = (epoch, float(optimizer.learning_rate))
        takes_both = _accepts(self.schedule, arguments)
        rate = self.schedule(*arguments) if takes_both else self.schedule(epoch)
        if not isinstance(rate, (float, np.float32, np.float64)):
            raise ValueError(
                f"The schedule of LearningRateScheduler returned {rate!r} "
                f"({type(rate).__name__}) for epoch {epoch}. Expected a float; write "
                f"`return float(...)`."
            )
        optimizer.learning_rate = rate
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler sets the learning rate to {rate}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _accepts(function: Callable[..., object], arguments: tuple) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # a function in C may have no signature to look at
        return True
    return True
