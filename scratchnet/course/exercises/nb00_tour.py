"""Exercises of notebook 00: shapes and numbers of parameters of a small network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchnet.course.exercise import Exercise, Mistake

_SIDE, _CHANNELS, _CLASSES = 13, 8, 10  # rows of what reaches conv_2, its channels, the classes

Count = Callable[[int, int], float]  # of kernel_size and filters


def _conv(kernel_size: int, filters: int) -> int:
    return filters * (kernel_size**2 * _CHANNELS + 1)


def _dense(kernel_size: int, filters: int) -> float:
    return _after(((_SIDE - kernel_size + 1) // 2), filters)


def _after(side: float, filters: int) -> float:
    """Parameters of the dense layer behind maps of `side` rows and columns."""
    return side**2 * filters * _CLASSES + _CLASSES


def _both(conv: Count = _conv, dense: Count = _dense) -> Callable[..., tuple[float, float]]:
    return lambda kernel_size, filters: (conv(kernel_size, filters), dense(kernel_size, filters))


def _settings(_: Any) -> list[dict[str, int]]:
    pairs = [(3, 16), (5, 16), (4, 32), (1, 6), (7, 20)]
    return [{"kernel_size": k, "filters": f} for k, f in pairs]


PARAMETERS = Exercise(
    name="parameters",
    truth=_both(),
    inputs=_settings,
    outputs=("conv_2", "dense"),
    mistakes=(
        Mistake(
            "the biases are missing: one for each filter, and one for each class",
            _both(
                lambda k, f: _conv(k, f) - f,
                lambda k, f: _dense(k, f) - _CLASSES,
            ),
        ),
        Mistake(
            "the biases of conv_2 are missing: each filter has one",
            _both(conv=lambda k, f: _conv(k, f) - f),
        ),
        Mistake(
            "the biases of dense are missing: each class has one",
            _both(dense=lambda k, f: _dense(k, f) - _CLASSES),
        ),
        Mistake(
            "one bias for the whole of conv_2: each filter has its own",
            _both(conv=lambda k, f: _conv(k, f) - f + 1),
        ),
        Mistake(
            "the channels are missing in conv_2: a filter sees all 8 maps of pool_1, and has a "
            "window of weights for each of them",
            _both(conv=lambda k, f: f * (k**2 + 1)),
        ),
        Mistake(
            "a window has rows and columns: kernel_size² weights for each channel",
            _both(conv=lambda k, f: f * (k * _CHANNELS + 1)),
        ),
        Mistake(
            "the weights of conv_2 were counted once for each place: the same window slides over "
            "the whole map",
            _both(conv=lambda k, f: _conv(k, f) * (_SIDE - k + 1) ** 2),
        ),
        Mistake(
            "dense does not get what the larger window takes away: conv_2 leaves 13 − kernel_size "
            "+ 1 rows, and pool_2 half of them",
            _both(dense=lambda k, f: _after(5, f)),
        ),
        Mistake(
            "dense was computed as if conv_2 were padded: it leaves 13 − kernel_size + 1 rows",
            _both(dense=lambda k, f: _after(_SIDE // 2, f)),
        ),
        Mistake(
            "13 − kernel_size is one too few: the first place of the window counts too",
            _both(dense=lambda k, f: _after((_SIDE - k) // 2, f)),
        ),
        Mistake(
            "rounded up in pool_2: a window that would stick out at the edge is not made",
            _both(dense=lambda k, f: _after(-(-(_SIDE - k + 1) // 2), f)),
        ),
        Mistake(
            "pool_2 is missing: it halves rows and columns before dense sees them",
            _both(dense=lambda k, f: _after(_SIDE - k + 1, f)),
        ),
        Mistake(
            "not rounded in pool_2: half a row is not made, so round down",
            _both(dense=lambda k, f: _after((_SIDE - k + 1) / 2, f)),
        ),
        Mistake(
            "dense is that of the network above: it sees as many numbers as pool_2 leaves, and "
            "that depends on both arguments",
            _both(dense=lambda k, f: _dense(3, 16)),
        ),
        Mistake(
            "the two are exchanged: conv_2 first, then dense",
            lambda kernel_size, filters: _both()(kernel_size, filters)[::-1],
        ),
        Mistake(
            "dense sees rows and columns, side², not side",
            _both(
                dense=lambda k, f: (_SIDE - k + 1) // 2 * f * _CLASSES + _CLASSES,
            ),
        ),
    ),
)


# What is to be guessed

FIRST_LAYER = Exercise(
    name="first_layer",
    truth=80,
    mistakes=(
        Mistake("these are the weights; each filter has a bias too", 72),
        Mistake("each of the 8 filters has a bias of its own", 73),
        Mistake("that is one filter with its bias; there are 8", 10),
        Mistake("that is one filter without its bias; there are 8", 9),
        Mistake(
            "the same window slides over the whole image: it has no weights of its own for each of "
            "the 26 × 26 places",
            80 * 26 * 26,
        ),
        Mistake(
            "the same window slides over the whole image: its 9 weights serve all places",
            28 * 28 * 8,
        ),
    ),
)

LAST_MAP = Exercise(
    name="last_map",
    truth=(5, 5, 16),
    mistakes=(
        Mistake("then the convolutions were padded; without, each takes away 2 rows", (7, 7, 16)),
        Mistake("11 is odd: the window that would stick out is not made", (6, 6, 16)),
        Mistake("that is what comes out of conv_2; one pooling is left", (11, 11, 16)),
        Mistake(
            "a filter sees all 8 maps and adds up what it finds: one map for each filter",
            (5, 5, 128),
        ),
        Mistake("there are as many maps as filters in conv_2", (5, 5, 8)),
        Mistake("there are as many maps as filters in conv_2", (5, 5, 1)),
        Mistake("a 3 × 3 window takes away two rows and two columns, not three", (4, 4, 16)),
        Mistake("channels come last in this course", (16, 5, 5)),
    ),
)

LARGEST_LAYER = Exercise(
    name="largest_layer",
    truth="dense",
    mistakes=(
        Mistake("it has the fewest: its filters see a single channel", "conv_1"),
        Mistake(
            "it has 16 filters of 3 · 3 · 8 weights, 1168 with their biases; count the other one: "
            "how many numbers come in, and how many go out?",
            "conv_2",
        ),
    ),
)

EXERCISES = (FIRST_LAYER, LAST_MAP, LARGEST_LAYER, PARAMETERS)
