"""The progress bar, with a clock and a terminal that exist only here."""

import io
import os
import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet.callbacks import Callback, CallbackList, ProgbarLogger
from scratchnet.callbacks.progress import ProgressBar

CODES = re.compile(r"\x1b\[\d*m")


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True

    def drawings(self):
        """What each carriage return brought, without colours and padding."""
        return [CODES.sub("", part).rstrip(" ") for part in self.getvalue().split("\r")[1:]]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def bar(stream, clock, target=4, title="", plain=False, interval=0.05):
    return ProgressBar(target, title, plain, stream, clock, interval)


def fit(stream, clock, steps=4, epochs=2, verbose=1, seconds=1.0, validation=False):
    """What `fit` does with its callbacks."""
    logger = ProgbarLogger(stream, clock)
    hooks = CallbackList(logger, verbose=verbose, epochs=epochs, steps=steps)
    hooks.on_train_begin()
    for epoch in range(epochs):
        hooks.on_epoch_begin(epoch)
        logs = {}
        for step in range(steps):
            clock.now += seconds
            logs = {"accuracy": 0.5 + 0.1 * step, "loss": 1.0 / (step + 1)}
            hooks.on_train_batch_end(step, logs)
        if validation:
            hooks.on_test_begin()
            hooks.on_test_batch_end(0, {"loss": 9.0})
            hooks.on_test_end({"loss": 9.0})
            logs = logs | {"val_loss": 0.125}
        hooks.on_epoch_end(epoch, logs)
    hooks.on_train_end()
    return hooks


def test_on_a_terminal_an_epoch_looks_as_in_keras():
    stream = Terminal()
    fit(stream, Clock(), epochs=1, validation=True)
    assert stream.drawings() == [
        "1/4 ━━━━━─────────────── 3s 1s/step - accuracy: 0.5000 - loss: 1.0000",
        "2/4 ━━━━━━━━━━────────── 2s 1s/step - accuracy: 0.6000 - loss: 0.5000",
        "3/4 ━━━━━━━━━━━━━━━───── 1s 1s/step - accuracy: 0.7000 - loss: 0.3333",
        "4/4 ━━━━━━━━━━━━━━━━━━━━ 0s 1s/step - accuracy: 0.8000 - loss: 0.2500",
        "4/4 ━━━━━━━━━━━━━━━━━━━━ 4s 1s/step - accuracy: 0.8000 - loss: 0.2500"
        " - val_loss: 0.1250\n",
    ]


def test_several_epochs_have_their_numbers_above_them():
    stream = Terminal()
    fit(stream, Clock(), epochs=2, steps=1)
    lines = CODES.sub("", stream.getvalue()).split("\n")
    assert lines[0] == "Epoch 1/2"
    assert lines[1].endswith(
        "1/1 ━━━━━━━━━━━━━━━━━━━━ 1s 1s/step - accuracy: 0.5000 - loss: 1.0000"
    )
    assert lines[2] == "Epoch 2/2"
    assert lines[4] == ""


def test_one_epoch_has_no_number_above_it():
    stream = Terminal()
    fit(stream, Clock(), epochs=1)
    assert "Epoch" not in stream.getvalue()


def test_the_bar_is_drawn_at_most_every_interval_and_at_the_end():
    stream, clock = Terminal(), Clock()
    drawn = bar(stream, clock, target=1000, interval=0.0625)
    for step in range(1, 1001):
        clock.now += 0.0078125  # 128 steps a second
        drawn.update(step, {"loss": float(step)})
    drawn.finish({"loss": 1000.0})
    steps = [int(line.split("/")[0]) for line in stream.drawings()]
    assert steps == [*range(1, 1001, 8), 1000]
    assert stream.getvalue().endswith("\n")


class Watched:
    """A value that counts how often somebody wants its number."""

    reads = 0

    def __array__(self, dtype=None, copy=None):
        type(self).reads += 1
        return np.array(0.5)


def test_between_two_drawings_no_value_is_read():
    stream, clock = Terminal(), Clock()
    drawn = bar(stream, clock, target=100)
    for step in range(1, 101):
        drawn.update(step, {"loss": Watched()})
    assert Watched.reads == 1
    drawn.finish({"loss": Watched()})
    assert Watched.reads == 2


def test_a_shorter_line_leaves_nothing_of_the_longer_one():
    stream, clock = Terminal(), Clock()
    drawn = bar(stream, clock)
    drawn.update(1, {"loss": 1e-9})
    clock.now += 1
    drawn.update(2, {"loss": 1.0})
    first, second = (CODES.sub("", part) for part in stream.getvalue().split("\r")[1:])
    assert len(second) == len(first)
    assert second.endswith("loss: 1.0000    ")


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_where_no_terminal_is_each_epoch_is_one_plain_line(verbose):
    stream = io.StringIO()
    fit(stream, Clock(), verbose=verbose, validation=True)
    assert stream.getvalue() == (
        "Epoch 1/2 - 4/4 - 4s - 1s/step - accuracy: 0.8000 - loss: 0.2500 - val_loss: 0.1250\n"
        "Epoch 2/2 - 4/4 - 4s - 1s/step - accuracy: 0.8000 - loss: 0.2500 - val_loss: 0.1250\n"
    )


def test_verbose_2_is_one_plain_line_on_a_terminal_too():
    stream = Terminal()
    fit(stream, Clock(), epochs=1, verbose=2)
    assert stream.getvalue() == "4/4 - 4s - 1s/step - accuracy: 0.8000 - loss: 0.2500\n"


def test_verbose_auto_is_the_bar_on_a_terminal():
    stream = Terminal()
    fit(stream, Clock(), epochs=1, verbose="auto")
    assert len(stream.drawings()) == 5


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_verbose_0_is_silent(stream):
    fit(stream, Clock(), verbose=0, validation=True)
    assert stream.getvalue() == ""


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    fit(stream, Clock(), epochs=1)
    assert stream.getvalue() == "4/4 - 4s - 1s/step - accuracy: 0.8000 - loss: 0.2500\n"


def test_a_notebook_gets_the_bar():
    class OutStream(io.StringIO):
        """Jupyter's stream says that it is no terminal, but understands a carriage return."""

    OutStream.__module__ = "ipykernel.iostream"
    stream = OutStream()
    fit(stream, Clock(), epochs=1)
    assert stream.getvalue().count("\r") == 5


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    fit(stream, Clock(), epochs=1)
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().startswith("\r1/4 ━━━━━─────────────── 3s")


def test_the_bar_is_green_and_the_count_bold():
    stream = Terminal()
    fit(stream, Clock(), epochs=1)
    assert stream.getvalue().startswith(
        f"\r\x1b[1m1/4\x1b[0m \x1b[32m{'━' * 5}\x1b[0m\x1b[2m{'─' * 15}\x1b[0m \x1b[1m3s\x1b[0m 1s"
    )


def test_an_encoding_without_the_bars_characters_gets_other_ones():
    class Old(Terminal):
        encoding = "ascii"

    stream = Old()
    fit(stream, Clock(), epochs=1)
    assert stream.getvalue().isascii()
    assert stream.drawings()[1].startswith("2/4 ==========.......... 2s")


@pytest.mark.parametrize("columns", range(12, 110))
def test_no_drawing_is_wider_than_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    fit(stream, Clock(), epochs=1, validation=True)
    *drawings, last = stream.drawings()
    assert max(len(line) for line in drawings) < columns
    assert "val_loss: 0.1250" in last, "the last line says everything"
    assert last.count("━") >= 5, "and always has its bar, even where it needs a second line"
    full = "4/4 ━━━━━━━━━━━━━━━━━━━━ 0s 1s/step - accuracy: 0.8000 - loss: 0.2500"
    if columns > len(full):
        assert drawings[3] == full
    elif columns > len(full) - 15:
        assert drawings[3].count("━") == 19 - (len(full) - columns), "the bar gives way first"
    elif columns <= len(full) - 21:
        assert drawings[3].endswith("…")
        assert len(drawings[3]) == columns - 1


def test_a_terminal_of_the_system_is_asked_for_its_width(monkeypatch):
    class Real(Terminal):
        def fileno(self):
            return 77

    asked = []
    monkeypatch.setattr(
        os, "get_terminal_size", lambda n: asked.append(n) or os.terminal_size([40, 9])
    )
    stream = Real()
    fit(stream, Clock(), epochs=1)
    assert set(asked) == {77}
    assert max(len(line) for line in stream.drawings()[:-1]) == 39


def test_an_unknown_number_of_steps_is_said_to_be_unknown_until_the_end():
    stream, clock = Terminal(), Clock()
    drawn = bar(stream, clock, target=None)
    clock.now += 1
    drawn.update(1, {"loss": 1.0})
    clock.now += 1
    drawn.update(2, {"loss": 1.0})
    drawn.finish({"loss": 1.0})
    assert stream.drawings() == [
        "      1/Unknown 1s 1s/step - loss: 1.0000",
        "      2/Unknown 2s 1s/step - loss: 1.0000",
        "2/2 ━━━━━━━━━━━━━━━━━━━━ 2s 1s/step - loss: 1.0000\n",
    ]


def test_an_epoch_that_stops_early_says_how_far_it_came():
    stream = io.StringIO()
    drawn = bar(stream, Clock(), target=10)
    drawn.update(3, {"loss": 1.0})
    drawn.finish({"loss": 1.0})
    assert stream.getvalue().startswith(" 3/10 - ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5000"),
        (np.float32(12.34567), "12.3457"),
        (-3.0, "-3.0000"),
        (0.001, "1.0000e-03"),
        (-0.0005, "-5.0000e-04"),
        (0.0, "0.0000e+00"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (np.array([1.0, 2.0]), "1.5000"),
        ("low", "low"),
    ],
)
def test_values_are_written_as_in_keras(value, text):
    stream = io.StringIO()
    bar(stream, Clock()).finish({"name": value})
    assert stream.getvalue().endswith(f" - name: {text}\n")


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(1e-5, 900.0), min_size=2, max_size=6),
    values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=3),
)
def test_the_visible_text_is_that_of_kerass_bar(steps, values):
    """The same steps at the same times, with every step drawn: only the glyphs of what remains
    differ, and Keras fills the end of the line with spaces."""
    import keras
    from keras.src.utils import io_utils, progbar

    clock, theirs = Clock(), []
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setenv("COLUMNS", "250")
        patched.setattr(progbar.time, "time", clock)
        patched.setattr(io_utils, "print_msg", lambda text, line_break=True: theirs.append(text))
        their_bar = keras.utils.Progbar(len(steps), interval=0, stateless_metrics=set())
        stream = Terminal()
        our_bar = bar(stream, clock, target=len(steps), interval=0)
        logs = {f"metric_{i}": value for i, value in enumerate(values)}
        for number, seconds in enumerate(steps, start=1):
            clock.now += seconds
            our_bar.update(number, logs)
            their_bar.update(number, list(logs.items()), finalize=False)
        our_bar.finish(logs)
        their_bar.update(len(steps), list(logs.items()), finalize=True)
    expected = [re.sub("[\b\r\n]", "", CODES.sub("", text)).rstrip() for text in theirs]
    assert [line.replace("─", "━").rstrip() for line in stream.drawings()] == expected


def test_evaluate_has_a_bar_of_its_own():
    stream, clock = io.StringIO(), Clock()
    hooks = CallbackList(ProgbarLogger(stream, clock), verbose=1, epochs=1, steps=2)
    hooks.on_test_begin()
    for step in range(2):
        clock.now += 0.25
        hooks.on_test_batch_end(step, {"loss": 0.5})
    hooks.on_test_end({"loss": 0.75})
    assert stream.getvalue() == "2/2 - 0s - 250ms/step - loss: 0.7500\n"


def test_predict_has_a_bar_without_values():
    stream, clock = Terminal(), Clock()
    hooks = CallbackList(ProgbarLogger(stream, clock), verbose=1, epochs=1, steps=2)
    hooks.on_predict_begin()
    for step in range(2):
        clock.now += 0.0005
        hooks.on_predict_batch_end(step, {"outputs": np.ones(3)})
    hooks.on_predict_end()
    assert stream.drawings()[-1] == "2/2 ━━━━━━━━━━━━━━━━━━━━ 0s 500us/step\n"


def test_a_bar_that_was_used_in_fit_shows_in_evaluate():
    stream = io.StringIO()
    hooks = fit(stream, Clock(), epochs=1)
    before = len(stream.getvalue())
    hooks.on_test_begin()
    hooks.on_test_batch_end(3, {"loss": 0.5})
    hooks.on_test_end({"loss": 0.5})
    assert stream.getvalue()[before:] == "4/4 - 0s - 0s/step - loss: 0.5000\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_the_cursor_on_a_new_line(error):
    stream, clock = Terminal(), Clock()

    class Stops(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise error

    hooks = CallbackList([ProgbarLogger(stream, clock), Stops()], verbose=1, epochs=1, steps=4)

    def run():
        with hooks:
            hooks.on_train_begin()
            hooks.on_epoch_begin(0)
            for step in range(4):
                clock.now += 1
                hooks.on_train_batch_end(step, {"loss": 1.0})

    with pytest.raises(error):
        run()
    assert stream.drawings()[-1].endswith("loss: 1.0000\n")
    hooks.on_test_begin()
    hooks.on_test_batch_end(0, {"loss": 2.0})
    hooks.on_test_end({"loss": 2.0})
    assert "loss: 2.0000\n" in stream.getvalue(), "the bar of an interrupted fit serves again"


def test_an_interruption_without_a_drawn_line_writes_nothing():
    stream = Terminal()
    hooks = CallbackList(ProgbarLogger(stream, Clock()), verbose=1, epochs=1, steps=4)

    def run():
        with hooks:
            hooks.on_train_begin()
            hooks.on_epoch_begin(0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    with hooks:
        pass
    assert stream.getvalue() == ""


def test_the_bar_goes_to_the_stdout_of_the_moment_it_begins(monkeypatch):
    logger = ProgbarLogger(clock=Clock())
    streams = io.StringIO(), io.StringIO()
    for stream in streams:
        monkeypatch.setattr(sys, "stdout", stream)
        logger.on_test_begin()
        logger.on_test_batch_end(0, {"loss": 1.0})
        logger.on_test_end({"loss": 1.0})
    assert [stream.getvalue() for stream in streams] == ["1/1 - 0s - 0s/step - loss: 1.0000\n"] * 2
