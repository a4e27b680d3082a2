"""Exercises of notebook 01: where the window of a convolution lands, and what it adds up."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import conv2d
from scratchnet.ops.geometry import Pair, output_size, pad_amounts

# Output shape


def _of_each_axis(rule: Callable[[int, int, int, int, str], float]) -> Callable[..., np.ndarray]:
    """The shape of which `rule(i, k, s, d, padding)` gives one axis."""

    def shape(
        size: Pair, kernel_size: Pair, strides: Pair, padding: str, dilation: Pair
    ) -> np.ndarray:
        axes = zip(size, kernel_size, strides, dilation, strict=True)
        return np.array([rule(i, k, s, d, padding) for i, k, s, d in axes])

    return shape


_output_shape = _of_each_axis(output_size)


def _only_valid(rule: Callable[[int, int, int, int], int]) -> Callable[..., np.ndarray]:
    """Wrong for "valid", right for "same"."""
    return _of_each_axis(
        lambda i, k, s, d, padding: (
            rule(i, k, s, d) if padding == "valid" else output_size(i, k, s, d, padding)
        )
    )


def _only_same(rule: Callable[[int, int, int, int], int]) -> Callable[..., np.ndarray]:
    """Wrong for "same", right for "valid"."""
    return _of_each_axis(
        lambda i, k, s, d, padding: (
            rule(i, k, s, d) if padding == "same" else output_size(i, k, s, d, padding)
        )
    )


def _combinations(_: np.random.Generator) -> list[dict[str, Any]]:
    """All in which a window fits, small ones first."""
    found = []
    for size, kernel_size, dilation, strides, padding in itertools.product(
        [(6, 4), (9, 11)],
        [(3, 2), (1, 4), (5, 3)],
        [(1, 1), (2, 1), (1, 3)],
        [(1, 1), (2, 3), (3, 1)],
        ["valid", "same"],
    ):
        case = {
            "size": size,
            "kernel_size": kernel_size,
            "strides": strides,
            "padding": padding,
            "dilation": dilation,
        }
        if _output_shape(**case).min() > 0:
            found.append(case)
    return found


OUTPUT_SHAPE = Exercise(
    name="output_shape",
    truth=_output_shape,
    inputs=_combinations,
    mistakes=(
        Mistake(
            "the result is (columns, rows): rows come first, as in the shape of an array",
            lambda **case: _output_shape(**case)[::-1],
        ),
        Mistake(
            "the strides of rows and columns are mixed up: strides[0] is for the rows",
            lambda strides, **case: _output_shape(strides=strides[::-1], **case),
        ),
        Mistake(
            "the dilation is missing: k taps, d apart, reach over (k − 1)·d + 1 cells",
            _of_each_axis(lambda i, k, s, d, padding: output_size(i, k, s, 1, padding)),
        ),
        Mistake(
            "a dilated window was taken for k·d cells wide: there are only k − 1 steps between k "
            "taps, so it is (k − 1)·d + 1",
            _only_valid(lambda i, k, s, d: (i - k * d) // s + 1),
        ),
        Mistake(
            "one too few where nothing is padded: ⌊(i − k') / s⌋ counts the steps, and the first "
            "place of the window comes before them",
            _only_valid(lambda i, k, s, d: output_size(i, k, s, d, "valid") - 1),
        ),
        Mistake(
            "rounded up where nothing is padded: a window that sticks out at the end is not made, "
            "so round down",
            _only_valid(lambda i, k, s, d: -(-(i - (k - 1) * d - 1) // s) + 1),
        ),
        Mistake(
            "not rounded: a part of a place is none, so round down where nothing is padded, and up "
            'in "same"',
            _of_each_axis(
                lambda i, k, s, d, padding: (
                    i / s if padding == "same" else (i - (k - 1) * d - 1) / s + 1
                )
            ),
        ),
        Mistake(
            'the stride is missing in "same": the size stays the same at stride 1 only',
            _only_same(lambda i, k, s, d: i),
        ),
        Mistake(
            'rounded down in "same": the last window may stick out, so round i / s up',
            _only_same(lambda i, k, s, d: i // s),
        ),
        Mistake(
            '"same" was treated as "valid": the padding makes room, and the output is ⌈i / s⌉',
            _only_same(lambda i, k, s, d: output_size(i, k, s, d, "valid")),
        ),
        Mistake(
            "padded by ⌊k'/2⌋ on both sides: that is right for odd windows, and one cell too much "
            "for even ones",
            _only_same(
                lambda i, k, s, d: (i + 2 * (((k - 1) * d + 1) // 2) - (k - 1) * d - 1) // s + 1
            ),
        ),
    ),
)


# Padding


def _same_padding(i: int, k: int, s: int, d: int) -> np.ndarray:
    return np.array(pad_amounts(i, k, s, d, "same"))


def _halves(total: int) -> np.ndarray:
    return np.array([total // 2, total - total // 2])


def _needed(i: int, k: int, s: int, d: int) -> int:
    """What the last window lacks; negative where it does not reach the end."""
    return (output_size(i, k, s, d, "same") - 1) * s + (k - 1) * d + 1 - i


SAME_PADDING = Exercise(
    name="same_padding",
    truth=_same_padding,
    inputs=lambda rng: [
        {"i": i, "k": k, "s": s, "d": d}
        for i, k, s, d in [
            (6, 3, 2, 1),
            (5, 3, 1, 1),
            (7, 4, 2, 1),
            (8, 3, 1, 2),
            (9, 1, 3, 1),
            (10, 4, 3, 2),
        ]
    ],
    mistakes=(
        Mistake(
            "the odd cell is at the wrong end: TensorFlow and Keras put it after the image (below, "
            "on the right)",
            lambda **case: _same_padding(**case)[::-1],
        ),
        Mistake(
            "the same number on both sides, ⌊k'/2⌋: how much is needed depends on where the last "
            "window stands, and with a stride that is often less",
            lambda i, k, s, d: np.full(2, ((k - 1) * d + 1) // 2),
        ),
        Mistake(
            "k' − 1 cells in all: that is right at stride 1; with a stride see where the last "
            "window ends",
            lambda i, k, s, d: _halves((k - 1) * d),
        ),
        Mistake(
            "the dilation is missing: the window spans (k − 1)·d + 1 cells",
            lambda i, k, s, d: _same_padding(i, k, s, 1),
        ),
        Mistake(
            "negative padding: where the stride is larger than the window the last one may end "
            "inside the image, and 0 cells are needed",
            lambda i, k, s, d: _halves(_needed(i, k, s, d)),
        ),
        Mistake(
            "the total was put on one side: half of it, rounded down, goes before the image",
            lambda i, k, s, d: np.array([0, max(0, _needed(i, k, s, d))]),
        ),
    ),
)


# The convolution itself


def _convolution(x: np.ndarray, kernel: np.ndarray, strides: Pair, dilation: Pair) -> np.ndarray:
    return conv2d(x, kernel, strides, "valid", dilation)


def _cut(y: np.ndarray, case: dict[str, Any]) -> np.ndarray:
    """As many places as there should be."""
    rows, columns = _convolution(**case).shape[1:3]
    return y[:, :rows, :columns]


CONVOLUTION = Exercise(
    name="convolution",
    truth=_convolution,
    inputs=lambda rng: [
        {
            "x": rng.standard_normal((n, h, w, c)),
            "kernel": rng.standard_normal((kh, kw, c, f)),
            "strides": strides,
            "dilation": dilation,
        }
        for n, h, w, c, kh, kw, f, strides, dilation in [
            (1, 3, 4, 1, 2, 2, 1, (1, 1), (1, 1)),
            (2, 7, 6, 3, 3, 2, 4, (2, 1), (1, 1)),
            (2, 8, 9, 2, 2, 3, 3, (1, 1), (2, 3)),
            (1, 9, 8, 2, 3, 2, 2, (2, 3), (3, 2)),
        ]
    ],
    mistakes=(
        Mistake(
            "the kernel is flipped: that is the convolution of mathematics; network libraries take "
            "tap (a, b) for the pixel a rows down and b columns on",
            lambda x, kernel, strides, dilation: _convolution(
                x, kernel[::-1, ::-1], strides, dilation
            ),
        ),
        Mistake(
            "the dilation is missing: tap (a, b) looks a·d rows down and b·d columns on",
            lambda **case: _cut(_convolution(**case | {"dilation": (1, 1)}), case),
        ),
        Mistake(
            "the stride is missing: the window of output cell (p, q) begins at (p·s, q·s)",
            lambda **case: _cut(_convolution(**case | {"strides": (1, 1)}), case),
        ),
        Mistake(
            "the stride is missing: only every s-th place is made, so the result is smaller",
            lambda **case: _convolution(**case | {"strides": (1, 1)}),
        ),
        Mistake(
            "the strides of rows and columns are mixed up: strides[0] is for the rows",
            lambda strides, **case: _convolution(strides=strides[::-1], **case),
        ),
        Mistake(
            "the dilations of rows and columns are mixed up: dilation[0] is for the rows",
            lambda dilation, **case: _convolution(dilation=dilation[::-1], **case),
        ),
        Mistake(
            "only the first channel is seen: sum over a, b and c",
            lambda x, kernel, strides, dilation: _convolution(
                x[..., :1], kernel[:, :, :1], strides, dilation
            ),
        ),
        Mistake(
            "only the last tap counts: is there an = where += belongs?",
            lambda x, kernel, strides, dilation: (
                x[:, (kernel.shape[0] - 1) * dilation[0] :: strides[0]][
                    :, :, (kernel.shape[1] - 1) * dilation[1] :: strides[1]
                ]
                @ kernel[-1, -1]
            ),
        ),
        Mistake(
            "averaged over the taps: a convolution adds up",
            lambda kernel, **case: (
                _convolution(kernel=kernel, **case) / (kernel.shape[0] * kernel.shape[1])
            ),
        ),
    ),
    sizes=lambda kernel, **_: {"(KH·KW)": kernel.shape[0] * kernel.shape[1]},
)


# What is to be guessed

SIZES = Exercise(
    name="sizes",
    truth=(output_size(224, 7, 2, 1, "valid"), output_size(224, 7, 2, 1, "same")),
    mistakes=(
        Mistake(
            "without padding the last window must end inside the image: it begins at 217 at the "
            "latest",
            (112, 112),
        ),
        Mistake("the first place, 0, counts too: there is one place more than steps", (108, 112)),
        Mistake("half a step is no step: a window that sticks out is not made", (110, 112)),
        Mistake('"same" pads so that windows begin at 0, 2, 4, … of 224 pixels', (109, 109)),
        Mistake(
            "the size is the same only at stride 1: every second place is left out", (109, 224)
        ),
    ),
)

PADDING = Exercise(
    name="padding",
    truth=pad_amounts(6, 3, 2, 1, "same"),
    mistakes=(
        Mistake(
            "three windows of 3, two apart, reach over 7 cells, and 6 are there: how many are "
            "missing?",
            (1, 1),
        ),
        Mistake("one cell is right, but it is at the other end", (1, 0)),
        Mistake("then the third window would begin at 4 and miss a cell", (0, 0)),
    ),
)

EXERCISES = (SIZES, PADDING, OUTPUT_SHAPE, SAME_PADDING, CONVOLUTION)
