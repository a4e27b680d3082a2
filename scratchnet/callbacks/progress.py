"""The progress bar that `fit`, `evaluate` and `predict` show, in Keras's looks.

On a terminal the line is redrawn at most 20 times a second; elsewhere (a file, a pipe) one plain
line is written when an epoch ends.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from scratchnet.callbacks.callback import Callback, Logs

_WIDTH = 20
_SECONDS_BETWEEN = 0.05


class ProgbarLogger(Callback):
    """Shows epochs, steps, time a step and the running loss and metrics.

    Args:
        stream: where to write; None means `sys.stdout`.
        clock: seconds since some moment; None means the real clock.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__()
        self._stream = stream
        self._clock = clock
        self._epochs: int | None = None  # None outside of fit

    def on_train_begin(self, logs: Logs = None) -> None:
        self._epochs = self.params["epochs"]

    def on_train_end(self, logs: Logs = None) -> None:
        self._epochs = None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self._verbose:
            self._write(f"Epoch {epoch + 1}/{self._epochs}\n")
        self._start()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._draw(batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        if self._epochs is None:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._epochs is None:
            self._draw(batch + 1, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if self._epochs is None:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._draw(batch + 1, None)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    @property
    def _verbose(self) -> int:
        verbose = self.params.get("verbose", 1)
        return 1 if verbose == "auto" else int(verbose)

    @property
    def _out(self) -> TextIO:
        return self._stream or sys.stdout

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _start(self) -> None:
        self._began = self._drawn = self._clock()

    def _draw(self, done: int, logs: Logs) -> None:
        """Redraw the line on a terminal, unless that happened a moment ago."""
        if self._verbose != 1 or not self._out.isatty():
            return
        now = self._clock()
        if now - self._drawn < _SECONDS_BETWEEN:
            return
        self._drawn = now
        steps = self.params.get("steps") or done
        left = (now - self._began) / done * (steps - done)
        self._redraw(f"{_bar(done, steps)} {_duration(left)} {self._speed(done)}{_values(logs)}")

    def _finish(self, logs: Logs) -> None:
        if not self._verbose:
            return
        steps = self.params.get("steps") or 1
        spent = f"{_duration(self._clock() - self._began)} {self._speed(steps)}{_values(logs)}"
        if self._verbose == 1 and self._out.isatty():
            self._redraw(f"{_bar(steps, steps)} {spent}")
            self._write("\n")
        else:
            self._write(f"{steps}/{steps} - {spent}\n")

    def _redraw(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._write(f"\r\x1b[2K{line[:width]}")

    def _speed(self, done: int) -> str:
        seconds = (self._clock() - self._began) / max(done, 1)
        if seconds >= 1 or seconds == 0:
            return f"{seconds:.0f}s/step"
        return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


def _bar(done: int, steps: int) -> str:
    filled = _WIDTH * done // max(steps, 1)
    return f"{done:>{len(str(steps))}}/{steps} {'━' * filled}{' ' * (_WIDTH - filled)}"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}" if whole >= 60 else f"{whole}s"


def _values(logs: dict[str, Any] | None) -> str:
    return "".join(f" - {name}: {_number(value)}" for name, value in (logs or {}).items())


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"
