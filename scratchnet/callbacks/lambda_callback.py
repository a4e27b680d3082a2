"""A callback made of functions.

Source: keras/src/callbacks/lambda_callback.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchnet.callbacks.callback import Callback
from scratchnet.names import unknown_name_message

_HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Calls a function where a subclass of `Callback` would override a hook.

    Args:
        on_epoch_begin, on_epoch_end: functions (epoch, logs).
        on_train_begin, on_train_end: functions (logs).
        on_train_batch_begin, on_train_batch_end: functions (batch, logs).
        other_hooks: functions for the other hooks, by their names.

    Raises TypeError for a name that is no hook, with the closest that is, where Keras would never
    call the function and not say so.

    >>> show = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> show.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **other_hooks: Callable[..., Any] | None,
    ) -> None:
        for name in other_hooks:
            if name not in _HOOKS:
                raise TypeError(f"LambdaCallback: {unknown_name_message('hook', name, _HOOKS)}")
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        } | other_hooks
        for name, function in given.items():
            if function is not None:
                setattr(self, name, function)
