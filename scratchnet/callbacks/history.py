"""The record of a training run.

Source: keras/src/callbacks/history.py; the pandas view is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchnet.callbacks.callback import Callback, Logs

if TYPE_CHECKING:
    import pandas as pd


class History(Callback):
    """What `fit` returns: the loss and the metrics of each epoch.

    Attributes:
        history: {name: its values}, one value for each epoch in which the name was in the logs.
        epoch: the epochs of the last run, counted from 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self._logs: list[Logs] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch, self._logs = [], []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        self.epoch.append(epoch)
        self._logs.append(dict(logs))
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self

    def frame(self) -> pd.DataFrame:
        """The last run as a table: a row for each epoch, a column for each name.

        A name that an epoch's logs did not have, such as `val_loss` where only some epochs were
        validated, is NaN in that epoch.

        Raises ModuleNotFoundError, with the extra to install, where pandas is missing.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "history.frame() needs pandas, which is not installed: "
                "pip install 'scratchnet[plots]'. history.history has the same values.",
                name="pandas",
            ) from error
        return pd.DataFrame(self._logs, index=pd.Index(self.epoch, name="epoch", dtype="int64"))

    def __repr__(self) -> str:
        if not self._logs:
            return "<History of no epochs>"
        count = len(self.epoch)
        values = ", ".join(f"{name}={value:.4g}" for name, value in self._logs[-1].items())
        return f"<History of {count} epoch{'s' * (count > 1)}; last: {values}>"
