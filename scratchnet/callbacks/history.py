"""The record of a training run that `fit` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchnet.callbacks.callback import Callback, Logs

if TYPE_CHECKING:
    import pandas as pd


class History(Callback):
    """`history` maps each name in the logs to its values, one an epoch; `epoch` numbers them."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def frame(self) -> pd.DataFrame:
        """The record as a pandas DataFrame: a row an epoch, NaN where there was no validation.

        Raises ImportError, naming the extra to install, where pandas is missing.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                'History.frame needs pandas: pip install "scratchnet[plots]". The same values '
                "are in history.history, a dict of lists."
            ) from error
        columns = {name: pd.Series(values) for name, values in self.history.items()}
        frame = pd.DataFrame(columns)
        if len(frame) == len(self.epoch):
            frame.index = pd.Index(self.epoch, name="epoch")
        return frame
