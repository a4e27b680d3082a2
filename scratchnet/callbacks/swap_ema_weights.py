"""Evaluate and save the averaged weights while the training goes on with its own.

Source: keras/src/callbacks/swap_ema_weights.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.callbacks.callback import Callback, Logs
from scratchnet.variable import Variable


class SwapEMAWeights(Callback):
    """Put the optimizer's averages into the model for validation, evaluation and prediction.

    For an optimizer with `use_ema=True`. The weights of the training are kept aside meanwhile
    and put back exactly; the averages themselves stay as they are. Where it differs from Keras,
    which exchanges weights and averages with each other:

    - After `predict` the weights of the training return. In Keras the averages stay.
    - With `swap_on_epoch` the model ends with the averages whatever ended its training. In Keras
      it does so only after the last epoch, and not where a callback stops it.

    Args:
        swap_on_epoch: also put the averages in at the end of an epoch, until the next begins, so
            that callbacks that follow, such as `ModelCheckpoint`, save them.

    Raises ValueError, at the first exchange, where the optimizer keeps no averages.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._set_aside: list[np.ndarray] | None = None

    def _put_averages_in(self) -> None:
        if self._set_aside is not None:
            return
        weights, averages = _weights_and_averages(self.model.optimizer)
        self._set_aside = [weight.numpy() for weight in weights]
        for weight, average in zip(weights, averages, strict=True):
            weight.assign(average.value)

    def _put_weights_back(self) -> None:
        if self._set_aside is None:
            return
        weights, _ = _weights_and_averages(self.model.optimizer)
        for weight, value in zip(weights, self._set_aside, strict=True):
            weight.assign(value)
        self._set_aside = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._set_aside = None  # of a training that was interrupted

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._set_aside = None  # the averages have become the weights for good

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._put_weights_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._put_averages_in()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._put_averages_in()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._put_weights_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._put_averages_in()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._put_weights_back()


def _weights_and_averages(optimizer: Any) -> tuple[list[Variable], list[Variable]]:
    if not (getattr(optimizer, "use_ema", False) and optimizer.built):
        raise ValueError(
            f"SwapEMAWeights needs an optimizer that averages the weights. Received "
            f"{type(optimizer).__name__} with use_ema={getattr(optimizer, 'use_ema', None)}"
            f"{'' if getattr(optimizer, 'built', False) else ', before its first step'}. Expected "
            f"for example SGD(0.01, use_ema=True), after a step of training."
        )
    return optimizer._built_for, optimizer._averages
