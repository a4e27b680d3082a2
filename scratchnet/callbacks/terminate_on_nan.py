"""Stop a training that has gone astray.

Source: keras/src/callbacks/terminate_on_nan.py.
"""

from __future__ import annotations

import numpy as np

from scratchnet.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Stop after the batch that makes the loss NaN or infinite.

    Args:
        raise_error: False sets `model.stop_training`, so the epoch and the training end in
            order, every callback's `on_epoch_end` and `on_train_end` included. True raises at
            once, and those are not called: a `BackupAndRestore` keeps its last good backup.

    Raises RuntimeError, with `raise_error`, after such a batch.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"The loss is {loss} after batch {batch}. Expected a finite number; try a smaller "
                f"learning rate, or clipnorm in the optimizer, and look for NaN in the data."
            )
        print(f"Batch {batch}: the loss is {loss}, training stops")
        self.model.stop_training = True
