"""The progress bar of `fit`, `evaluate` and `predict`.

On a terminal (verbose=1):

    Epoch 1/5
    157/157 ━━━━━━━━━━━━━━━━━━━━ 3s 19ms/step - accuracy: 0.8012 - loss: 0.5410

Into a file or a pipe, and with verbose=2, a line an epoch and no control characters:

    Epoch 1/5 - 157/157 - 3s - 19ms/step - accuracy: 0.8012 - loss: 0.5410

Source: the look and the numbers of keras/src/utils/progbar.py and
keras/src/callbacks/progbar_logger.py.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from scratchnet.callbacks.callback import Callback, Logs

_BOLD, _GREEN, _DIM, _RESET = "\x1b[1m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
_WIDTH, _LEAST_WIDTH = 20, 5


class ProgbarLogger(Callback):
    """Shows how far the run is, how long it takes, and the loss and the metrics so far.

    Validation inside `fit` shows only in its epoch's last line.

    Args:
        stream: what to write to; None means `sys.stdout` as it is when a bar begins.
        clock: gives the seconds since some moment.
        interval: least number of seconds between two drawings of a bar.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
        interval: float = 0.05,
    ) -> None:
        super().__init__()
        self._settings = (stream, clock, interval)
        self._bar: ProgressBar | None = None
        self._in_fit = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        epochs = self.params.get("epochs", 1)
        self._begin(f"Epoch {epoch + 1}/{epochs}" if epochs > 1 else "")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._update(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._update(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._update(batch, None)  # the logs are the predictions

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)

    def interrupt(self) -> None:
        """End the line of a bar that will not be finished."""
        if self._bar is not None:
            self._bar.interrupt()
        self._bar, self._in_fit = None, False

    def _begin(self, title: str = "") -> None:
        verbose = self.params.get("verbose", 1)
        stream, clock, interval = self._settings
        self._bar = None
        if verbose:
            target, plain = self.params.get("steps"), verbose == 2
            self._bar = ProgressBar(target, title, plain, stream or sys.stdout, clock, interval)

    def _update(self, batch: int, logs: Logs | None) -> None:
        if self._bar is not None:
            self._bar.update(batch + 1, logs)

    def _finish(self, logs: Logs | None) -> None:
        if self._bar is not None:
            self._bar.finish(logs)
        self._bar = None


class ProgressBar:
    """One bar, from its first step to its last line.

    Args:
        target: the number of steps; None where nobody knows.
        title: what the bar counts, such as "Epoch 1/5", or "".
        plain: write one line at the end, even on a terminal.
        stream, clock, interval: as in ProgbarLogger.
    """

    def __init__(
        self,
        target: int | None,
        title: str,
        plain: bool,
        stream: TextIO,
        clock: Callable[[], float],
        interval: float,
    ) -> None:
        self._target, self._title = target, title
        self._stream, self._clock, self._interval = stream, clock, interval
        self._live = not plain and _redraws(stream)
        self._colored = "NO_COLOR" not in os.environ
        self._glyphs = "━─…" if _encodes(stream, "━─…") else "=. "
        self._current = 0
        self._values: Logs = {}
        self._drawn_length = 0  # of the line that the cursor is on
        self._last_drawing = -float("inf")
        self._start = clock()
        self._after_first: float | None = None
        if title and self._live:
            self._write(f"{title}\n")

    def update(self, current: int, logs: Logs | None) -> None:
        """`current` steps are done; draws, unless that happened less than `interval` ago."""
        now = self._clock()
        self._current = current
        if current == 1:
            self._after_first = now
        if self._live and now - self._last_drawing >= self._interval:
            self._values.update(logs or {})
            self._draw(now, final=False)

    def finish(self, logs: Logs | None) -> None:
        """Draw for the last time and end the line."""
        self._values.update(logs or {})
        now = self._clock()
        if self._target is None:
            self._target = self._current
        if self._live:
            self._draw(now, final=True)
            self._write("\n")
            return
        elapsed, speed = f"{now - self._start:.0f}s", _speed(self._seconds_per_step(now))
        parts = [self._title, self._count(), elapsed, speed, *_metrics(self._values)]
        self._write(" - ".join(part for part in parts if part) + "\n")

    def interrupt(self) -> None:
        """End the line, if there is one."""
        if self._drawn_length:
            self._write("\n")
            self._drawn_length = 0

    def _draw(self, now: float, final: bool) -> None:
        per_step = self._seconds_per_step(now)
        left = None if self._target is None else per_step * (self._target - self._current)
        duration = f"{now - self._start:.0f}s" if final or left is None else _clock_face(left)
        count = self._count()
        rest = "".join(f" - {part}" for part in _metrics(self._values))
        rest = f" {_speed(per_step)}{rest}"

        # One column stays free: a character in the last one would begin a new line.
        room = _columns(self._stream) - 1 - len(count) - len(duration) - len(rest) - 2
        width = min(_WIDTH, room)
        if width < _LEAST_WIDTH:
            width = _WIDTH if final else 0  # the last line may go on in the next
        if self._target is None:
            width = 0
        spare = room + 1  # without a bar there is a space less
        if spare < 0 and not final:
            rest = rest[: spare - 1] + self._glyphs[2]
        done = width * self._current // max(self._target or 1, 1)
        bar = self._style(_GREEN, self._glyphs[0] * done)
        bar += self._style(_DIM, self._glyphs[1] * (width - done))
        parts = [self._style(_BOLD, count), bar, self._style(_BOLD, duration) + rest]
        line = " ".join(part for part in parts if part)
        length = len(count) + (width + 1 if width else 0) + 1 + len(duration) + len(rest)
        self._write(f"\r{line}{' ' * (self._drawn_length - length)}")
        self._drawn_length = length
        self._last_drawing = now

    def _count(self) -> str:
        if self._target is None:
            return f"{self._current:7d}/Unknown"
        return f"{self._current:{len(str(self._target))}d}/{self._target}"

    def _seconds_per_step(self, now: float) -> float:
        """The mean so far. The first step, which may compile something, counts only alone."""
        if self._current == 0:
            return 0.0
        if self._current == 1 or self._after_first is None:
            return (now - self._start) / self._current
        return (now - self._after_first) / (self._current - 1)

    def _style(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self._colored and text else text

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _redraws(stream: TextIO) -> bool:
    """Whether a carriage return goes back over a line: on a terminal, and in a notebook."""
    if type(stream).__module__.startswith("ipykernel."):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _encodes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):  # not a terminal of the system: COLUMNS, or 80
        return shutil.get_terminal_size().columns


def _clock_face(seconds: float) -> str:
    """
    >>> _clock_face(7.9), _clock_face(60), _clock_face(75), _clock_face(3700)
    ('7s', '60s', '1:15', '1:01:40')
    """
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if seconds > 60 else f"{whole}s"


def _speed(seconds: float) -> str:
    """
    >>> _speed(2.4), _speed(0.0191), _speed(0.00052), _speed(0.0)
    ('2s/step', '19ms/step', '520us/step', '0s/step')
    """
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


def _metrics(values: Logs) -> list[str]:
    """
    >>> _metrics({"loss": 0.25, "error": 0.0004, "note": "-"})
    ['loss: 0.2500', 'error: 4.0000e-04', 'note: -']
    """
    return [f"{name}: {_number(value)}" for name, value in values.items()]


def _number(value: Any) -> str:
    if isinstance(value, str):
        return value
    array = np.asarray(value, np.float64)
    mean = float(array if array.ndim == 0 else array.mean())
    return f"{mean:.4f}" if abs(mean) > 1e-3 else f"{mean:.4e}"
