"""Several callbacks as one.

Source: keras/src/callbacks/callback_list.py.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from scratchnet.callbacks.callback import Callback, Logs
from scratchnet.callbacks.history import History
from scratchnet.callbacks.progress import ProgbarLogger


class CallbackList(Callback):
    """Calls each hook of all its callbacks, in their order.

    A hook receives a dict of its own making, sorted by name, whose numbers are Python floats.
    As a context manager around a run it ends a half-drawn progress bar's line when the run is
    interrupted, so that what is printed next begins on a line of its own.

    Args:
        callbacks: one callback, or lists of them, nested or not.
        add_history: append a `History` where there is none.
        add_progbar: append a `ProgbarLogger` where there is none.
        model: given to every callback; its `history` becomes the History.
        params: verbose, epochs and steps of the run, given to every callback.

    Raises:
        TypeError: something among the callbacks is none.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Callback] = _flat(callbacks)
        for callback in self.callbacks:
            _require_callback(callback)
        self._history = self._last(History)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        self._progbar = self._last(ProgbarLogger)
        if self._progbar is None and add_progbar:
            self._progbar = ProgbarLogger()
            self.callbacks.append(self._progbar)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def _last(self, kind: type) -> Any:
        return next((each for each in reversed(self.callbacks) if isinstance(each, kind)), None)

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None and self._progbar is not None:
            self._progbar.interrupt()

    def _call(self, hook: str, logs: Logs | None, *number: int) -> None:
        logs = _python_numbers(logs)
        for callback in self.callbacks:
            getattr(callback, hook)(*number, logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_begin", logs, epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_end", logs, epoch)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_train_batch_begin", logs, batch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_train_batch_end", logs, batch)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_batch_begin", logs, batch)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_batch_end", logs, batch)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._call("on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_test_batch_begin", logs, batch)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_test_batch_end", logs, batch)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._call("on_predict_end", logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_predict_batch_begin", logs, batch)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_predict_batch_end", logs, batch)


HOOKS = tuple(name for name in vars(CallbackList) if name.startswith("on_"))


def _flat(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, (list, tuple)):
        return [one for each in callbacks for one in _flat(each)]
    return [callbacks]


def _require_callback(callback: Any) -> None:
    """Refuse what has not all the hooks: an object of another library that has them is welcome."""
    if isinstance(callback, type):
        raise TypeError(
            f"callbacks received the class {callback.__name__}. Expected an object of it: write "
            f"{callback.__name__}()."
        )
    missing = [hook for hook in HOOKS if not callable(getattr(callback, hook, None))]
    if missing:
        raise TypeError(
            f"callbacks received {callback!r} ({type(callback).__name__}), which has no "
            f"{missing[0]}. Expected callbacks; make it a subclass of "
            f"scratchnet.callbacks.Callback."
        )


def _python_numbers(logs: Logs | None) -> Logs:
    """The logs sorted by name, with each number as a Python float; arrays stay what they are."""
    if not logs:
        return {}
    return {
        name: float(value)
        if isinstance(value, (int, float, np.number, np.bool_))
        or (isinstance(value, np.ndarray) and value.ndim == 0)
        else value
        for name, value in sorted(logs.items())
    }
