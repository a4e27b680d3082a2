"""What the callbacks share that watch one value of the logs.

A value v is better than a reference r when it passes it by more than min_delta:

    mode "min":  v + min_delta < r
    mode "max":  v − min_delta > r

Source: keras/src/callbacks/monitor_callback.py. Keras rounds both sides to float32 first; here
they are compared as they are, so improvements below 1e-7 of the value count too.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from scratchnet.callbacks.callback import Callback


class MonitorCallback(Callback):
    """Base of the callbacks that watch one value of the logs, such as `val_loss`.

    NaN is never an improvement. In Keras a NaN that comes first is, and since no number is
    better than NaN, nothing improves any more.

    Args:
        monitor: name of the value.
        mode: "min" if smaller is better, "max" if larger is; "auto" knows it of losses and of
            the metrics that the model was compiled with. Another mode warns and means "auto".
        baseline: what the first value is compared with; None means that it counts as better.
        min_delta: how much better a value must be; its sign does not matter.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} received mode={mode!r}. Expected 'auto', 'min' or 'max'; "
                f"continuing with 'auto'.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._direction = None if mode == "auto" else mode

    def _settle_direction(self) -> None:
        """Find out whether smaller or larger is better, once the model's metrics have names.

        Raises ValueError where mode is "auto" and the name does not tell it.
        """
        if self._direction is not None:
            return
        name = self.monitor.removeprefix("val_")
        known = [
            direction
            for metric in getattr(self.model, "metrics", None) or ()
            if metric.name == name and (direction := _direction_of(metric)) is not None
        ]
        if known:
            self._direction = known[-1]
        elif name == "loss":
            self._direction = "min"
        else:
            raise ValueError(
                f"{type(self).__name__} received monitor={self.monitor!r} with mode='auto', but "
                f"whether smaller or larger is better is known only of losses and of metrics that "
                f"the model was compiled with. Pass mode='min' or mode='max'."
            )

    def _improves(self, value: Any, reference: float | None) -> bool:
        """Whether the value is better than the reference, by the formula above."""
        if np.isnan(value):
            return False
        if reference is None:
            return True
        if self._direction == "min":
            return bool(value + self.min_delta < reference)
        return bool(value - self.min_delta > reference)


def _direction_of(metric: Any) -> str | None:
    """ "min" or "max", as the metric's class declares it or its function, a loss, implies it."""
    declared = getattr(metric, "_direction", None)
    if declared is not None:
        return "max" if declared == "up" else "min"
    function = getattr(metric, "fn", None)
    is_loss = str(getattr(function, "__module__", "")).startswith("scratchnet.losses")
    return "min" if is_loss else None
