"""Lower the learning rate when the training no longer improves.

Source: keras/src/callbacks/reduce_lr_on_plateau.py.
"""

from __future__ import annotations

import warnings

import numpy as np

from scratchnet.callbacks.callback import Logs
from scratchnet.callbacks.monitor import MonitorCallback


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by `factor` after `patience` epochs without improvement.

    After each epoch, with v the value of `monitor` and c the epochs of cooldown that are left:

        c > 0:                        c ← c − 1
        v better than best:           best ← v, wait ← 0
        else, where c is 0 by now:    wait ← wait + 1, and once wait ≥ patience and lr > min_lr:
                                      lr ← max(lr·factor, min_lr), c ← cooldown, wait ← 0

    "Better" means by more than `min_delta` (`callbacks.monitor`). NaN never is, also where it
    comes first: in Keras nothing is better than a first NaN, and the learning rate falls however
    well the training goes on. The logs gain `learning_rate`, as it was during the epoch, for the
    callbacks that follow and for the history.

    Args:
        monitor: name of the value in the logs; an epoch without it warns and is passed over.
        factor: what the learning rate is multiplied by; below 1.
        patience: epochs without improvement after which the learning rate falls.
        verbose: 1 prints each reduction.
        mode: "min", "max" or "auto".
        min_delta: how much better a value must be to count.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the learning rate never falls below it.

    Raises ValueError for a factor of 1 or more, and, after the first epoch, where mode "auto"
    does not know the monitor.

    >>> halve = ReduceLROnPlateau("val_loss", factor=0.5, patience=5, min_lr=1e-5)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau received factor={factor!r}, which would not reduce the "
                f"learning rate. Expected a number below 1, such as 0.1."
            )
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._start()

    def _start(self) -> None:
        self.best: float | None = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._start()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._settle_direction()
        logs = logs or {}
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"ReduceLROnPlateau watches {self.monitor!r}, which is not in the logs of this "
                f"epoch: {', '.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
        if self._improves(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def in_cooldown(self) -> bool:
        """Whether the last reduction was so short ago that nothing is counted yet."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        # In float32, for an optimizer that keeps min_lr in float32 may keep it rounded up.
        if np.float32(rate) <= np.float32(self.min_lr):
            return
        lower = max(rate * self.factor, self.min_lr)
        optimizer.learning_rate = lower
        if self.verbose > 0:
            print(
                f"\nEpoch {epoch + 1}: {self.monitor} does not improve, the learning rate falls "
                f"to {lower}"
            )
        self.cooldown_counter = self.cooldown
        self.wait = 0
