"""Stop the training when it no longer helps.

Source: keras/src/callbacks/early_stopping.py.
"""

from __future__ import annotations

import warnings

import numpy as np

from scratchnet.callbacks.callback import Logs
from scratchnet.callbacks.monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Stop once `patience` epochs in a row have brought no improvement.

    After each epoch from `start_from_epoch` on, with v the value of `monitor`:

        wait ← wait + 1
        v better than best:      best ← v; wait ← 0, if v is also better than the baseline
        else, wait ≥ patience:   model.stop_training ← True, but never after the very first epoch

    "Better" means by more than `min_delta` (`callbacks.monitor`). NaN never is, also where it
    comes first: in Keras nothing is better than a first NaN, and the training stops however well
    it goes on.

    Args:
        monitor: name of the value in the logs; an epoch without it warns and is passed over.
        min_delta: how much better a value must be to count.
        patience: epochs without improvement after which to stop; 0 stops after the first.
        verbose: 1 prints when it stops and which epoch's weights it restores.
        mode: "min", "max" or "auto".
        baseline: improvements count only beyond this value, but `best` follows all of them.
        restore_best_weights: at the end of training give the model the weights of the best
            epoch, also where training ended of itself or nothing passed the baseline.
        start_from_epoch: number of epochs that are not looked at.

    Raises ValueError, after the first epoch, where mode "auto" does not know the monitor.

    >>> stop = EarlyStopping("val_accuracy", patience=3, mode="max", restore_best_weights=True)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._start()

    def _start(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._start()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._settle_direction()
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._improves(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self._improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: stopping early, {self.monitor} did not improve")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring the weights of epoch {self.best_epoch + 1}, the best")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """The value to look at; override this to watch something that is made of several."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"EarlyStopping watches {self.monitor!r}, which is not in the logs of this epoch: "
                f"{', '.join(logs)}.",
                stacklevel=2,
            )
        return value

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
