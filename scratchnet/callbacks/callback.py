"""The hooks that a run of `fit`, `evaluate` or `predict` calls.

    fit                              evaluate, and validation in fit     predict
    on_train_begin                   on_test_begin                       on_predict_begin
      on_epoch_begin                   on_test_batch_begin, _end …         on_predict_batch_begin,
        on_train_batch_begin, _end …   on_test_end                           _end …
        (validation)                                                     on_predict_end
      on_epoch_end
    on_train_end

Source: keras/src/callbacks/callback.py.
"""

from __future__ import annotations

from typing import Any

Logs = dict[str, Any]


class Callback:
    """Subclass this and override the hooks that you need; the others do nothing.

    `self.model` is the model that runs, `self.params` holds verbose, epochs and steps of the run.
    `logs` maps names to values: after a batch the loss and the metrics so far in this epoch, after
    an epoch also those of the validation (`val_loss` …), elsewhere nothing or what came last.

    >>> class StopAtGoodAccuracy(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if logs["accuracy"] > 0.9:
    ...             self.model.stop_training = True
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that runs; None before `set_model`."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive verbose, epochs and steps of the run that is about to begin."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receive the model of the run that is about to begin."""
        self._model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Training begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Training has ended; `logs` are those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """The epoch (counted from 0) begins."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """The epoch has ended, its validation too."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The batch (counted from 0 in each epoch) is about to be trained on."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The batch has been trained on."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Evaluation or validation begins."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Evaluation or validation has ended; `logs` are its results."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The batch is about to be evaluated."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The batch has been evaluated."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Prediction begins."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Prediction has ended."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The batch is about to be predicted."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The batch has been predicted; `logs["outputs"]` are its predictions."""
