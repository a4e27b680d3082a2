"""Exercises of notebook 05: convolutions that do not look at all channels, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import conv2d, depthwise_conv2d, depthwise_conv2d_kernel_gradient
from scratchnet.ops.geometry import Pair

Cost = Callable[..., tuple[int, int]]  # (weights, multiplications)


def _cost(weights: Callable[..., int], work: Callable[..., int] | None = None) -> Cost:
    """`work` is the number of multiplications at one place; by default one for each weight."""

    def cost(output: Pair, kernel_size: Pair, **sizes: int) -> tuple[int, int]:
        taps = prod(kernel_size)
        return weights(taps, **sizes), prod(output) * (work or weights)(taps, **sizes)

    return cost


# A grouped convolution


def _grouped(taps: int, channels: int, filters: int, groups: int) -> int:
    return taps * channels // groups * filters


def _ordinary(taps: int, channels: int, filters: int, groups: int) -> int:
    return taps * channels * filters


def _one_group(taps: int, channels: int, filters: int, groups: int) -> int:
    return taps * (channels // groups) * (filters // groups)


def _multiplied(cost: Cost, weights: int, work: int) -> Cost:
    def multiple(**case: Any) -> tuple[int, int]:
        found = cost(**case)
        return weights * found[0], work * found[1]

    return multiple


_grouped_cost = _cost(_grouped)

GROUPED_COST = Exercise(
    name="grouped_cost",
    truth=_grouped_cost,
    inputs=lambda rng: [
        {
            "output": output,
            "kernel_size": kernel_size,
            "channels": channels,
            "filters": filters,
            "groups": groups,
        }
        for output, kernel_size, channels, filters, groups in [
            ((6, 6), (3, 3), 4, 6, 2),
            ((5, 7), (3, 2), 12, 8, 4),
            ((14, 10), (5, 5), 6, 9, 3),
            ((4, 3), (1, 1), 10, 5, 1),
        ]
    ],
    outputs=("weights", "multiplications"),
    mistakes=(
        Mistake(
            "the groups are missing: a filter sees channels / groups channels",
            _cost(_ordinary),
        ),
        Mistake(
            "divided by groups twice: that is one group, and there are as many as `groups` says",
            _cost(_one_group),
        ),
        Mistake(
            "the weights are right, but the multiplications are those without groups: each weight "
            "is used once at each place",
            _cost(_grouped, _ordinary),
        ),
        Mistake(
            "the multiplications are right, but the weights are those without groups",
            _cost(_ordinary, _grouped),
        ),
        Mistake(
            "the weights were counted once for each place: the same window slides over the image",
            lambda **case: (_grouped_cost(**case)[1],) * 2,
        ),
        Mistake(
            "the places are missing: each weight is used at every one of the OH·OW places",
            lambda **case: (_grouped_cost(**case)[0],) * 2,
        ),
        Mistake(
            "multiplications and additions were counted together; here only the former count",
            _multiplied(_grouped_cost, 1, 2),
        ),
        Mistake(
            "a window has rows and columns: KH·KW taps",
            lambda kernel_size, **case: _grouped_cost(kernel_size=(kernel_size[0], 1), **case),
        ),
        Mistake(
            "a bias was counted for each filter; here only the weights count",
            lambda filters, **case: (
                _grouped_cost(filters=filters, **case)[0] + filters,
                _grouped_cost(filters=filters, **case)[1],
            ),
        ),
        Mistake(
            "the two are exchanged: the weights first, then the multiplications",
            lambda **case: _grouped_cost(**case)[::-1],
        ),
    ),
)


# A separable convolution


def _separable(taps: int, channels: int, filters: int, multiplier: int) -> int:
    return taps * channels * multiplier + channels * multiplier * filters


_separable_cost = _cost(_separable)

SEPARABLE_COST = Exercise(
    name="separable_cost",
    truth=_separable_cost,
    inputs=lambda rng: [
        {
            "output": output,
            "kernel_size": kernel_size,
            "channels": channels,
            "filters": filters,
            "multiplier": multiplier,
        }
        for output, kernel_size, channels, filters, multiplier in [
            ((6, 6), (3, 3), 4, 6, 1),
            ((5, 7), (3, 2), 12, 8, 2),
            ((14, 10), (5, 5), 6, 9, 3),
        ]
    ],
    outputs=("weights", "multiplications"),
    mistakes=(
        Mistake(
            "the multiplier is missing: there are so many windows for each channel, and the 1 × 1 "
            "convolution sees all that they make",
            _cost(lambda taps, channels, filters, multiplier: channels * (taps + filters)),
        ),
        Mistake(
            "the multiplier is missing in the 1 × 1 part: it gets channels·multiplier channels",
            _cost(
                lambda taps, channels, filters, multiplier: channels * (taps * multiplier + filters)
            ),
        ),
        Mistake(
            "the multiplier is missing in the depthwise part",
            _cost(
                lambda taps, channels, filters, multiplier: channels * (taps + multiplier * filters)
            ),
        ),
        Mistake(
            "the two parts were multiplied: one comes after the other, so their costs add up",
            _cost(
                lambda taps, channels, filters, multiplier: (
                    taps * channels * multiplier * channels * multiplier * filters
                )
            ),
        ),
        Mistake(
            "that is an ordinary convolution: in a separable one the windows are not different "
            "for each filter",
            _cost(
                lambda taps, channels, filters, multiplier: taps * channels * filters * multiplier
            ),
        ),
        Mistake(
            "the two are exchanged: the weights first, then the multiplications",
            lambda **case: _separable_cost(**case)[::-1],
        ),
        Mistake(
            "the 1 × 1 part is missing",
            _cost(lambda taps, channels, filters, multiplier: taps * channels * multiplier),
        ),
        Mistake(
            "the depthwise part is missing",
            _cost(lambda taps, channels, filters, multiplier: channels * multiplier * filters),
        ),
        Mistake(
            "the windows mix channels: a depthwise convolution has multiplier windows for each "
            "channel, not for each pair of channels",
            _cost(
                lambda taps, channels, filters, multiplier: (
                    taps * channels**2 * multiplier + channels * multiplier * filters
                )
            ),
        ),
        Mistake(
            "the weights were counted once for each place: the same window slides over the image",
            lambda **case: (_separable_cost(**case)[1],) * 2,
        ),
        Mistake(
            "the places are missing: each weight is used at every one of the OH·OW places",
            lambda **case: (_separable_cost(**case)[0],) * 2,
        ),
        Mistake(
            "multiplications and additions were counted together; here only the former count",
            _multiplied(_separable_cost, 1, 2),
        ),
    ),
)


# A depthwise convolution

_SHAPES = [  # N, H, W, C, KH, KW, M
    (1, 3, 4, 1, 2, 2, 1),
    (2, 5, 6, 3, 2, 3, 1),
    (2, 6, 5, 3, 3, 2, 2),
]


def _arrays(rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    found = []
    for n, h, w, c, kh, kw, m in _SHAPES:
        x, kernel = rng.standard_normal((n, h, w, c)), rng.standard_normal((kh, kw, c, m))
        dy = rng.standard_normal((n, h - kh + 1, w - kw + 1, c * m))
        found.append({"x": x, "kernel": kernel, "dy": dy})
    return found


def _other_order(y: np.ndarray, channels: int) -> np.ndarray:
    """From f = c·M + m to f = m·C + c."""
    split = y.reshape(*y.shape[:3], channels, -1)
    return split.swapaxes(3, 4).reshape(y.shape)


def _depthwise(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return depthwise_conv2d(x, kernel)


def _mixed(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Every output gets the sum over all channels."""
    each = depthwise_conv2d(x, kernel)
    split = each.reshape(*each.shape[:3], kernel.shape[2], kernel.shape[3])
    return np.broadcast_to(split.sum(axis=3, keepdims=True), split.shape).reshape(each.shape)


def _last_tap(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    kh, kw, _, _ = kernel.shape
    return depthwise_conv2d(x[:, kh - 1 :, kw - 1 :], kernel[-1:, -1:])


DEPTHWISE = Exercise(
    name="depthwise",
    truth=_depthwise,
    inputs=lambda rng: [{"x": each["x"], "kernel": each["kernel"]} for each in _arrays(rng)],
    mistakes=(
        Mistake(
            "the outputs are in another order: those of one channel are neighbours, f = c·M + m",
            lambda x, kernel: _other_order(_depthwise(x, kernel), x.shape[-1]),
        ),
        Mistake(
            "summed over the channels: that is the ordinary convolution; here each channel stays "
            "by itself",
            lambda x, kernel: conv2d(x, kernel),
        ),
        Mistake(
            "every output holds the sum over the channels: leave the channel axis out of the sum",
            _mixed,
        ),
        Mistake(
            "all channels use the window of the first one: each has its own, kernel[:, :, c]",
            lambda x, kernel: _depthwise(x, np.repeat(kernel[:, :, :1], x.shape[-1], axis=2)),
        ),
        Mistake(
            "the kernel is flipped: tap (a, b) meets the pixel a rows down and b columns on",
            lambda x, kernel: _depthwise(x, kernel[::-1, ::-1]),
        ),
        Mistake("only the last tap counts: is there an = where += belongs?", _last_tap),
        Mistake(
            "only the first of the M windows of each channel is used: the result has C·M channels",
            lambda x, kernel: _depthwise(x, kernel[..., :1]),
        ),
    ),
)


# The gradient of its kernel


def _gradient(dy: np.ndarray, x: np.ndarray, kernel_size: Pair) -> np.ndarray:
    shape = (*kernel_size, x.shape[-1], dy.shape[-1] // x.shape[-1])
    return depthwise_conv2d_kernel_gradient(dy, x, shape)


def _read_in_other_order(dy: np.ndarray, x: np.ndarray, kernel_size: Pair) -> np.ndarray:
    """dy read as f = m·C + c."""
    multiplier = dy.shape[-1] // x.shape[-1]
    return _gradient(_other_order(dy, multiplier), x, kernel_size)


def _of_all_channels(dy: np.ndarray, x: np.ndarray, kernel_size: Pair) -> np.ndarray:
    """As for an ordinary convolution: every channel gets the gradient of every output."""
    split = dy.reshape(*dy.shape[:3], x.shape[-1], -1)
    total = np.broadcast_to(split.sum(axis=3, keepdims=True), split.shape).reshape(dy.shape)
    return _gradient(total, x, kernel_size)


DEPTHWISE_KERNEL_GRADIENT = Exercise(
    name="depthwise_kernel_gradient",
    truth=_gradient,
    inputs=lambda rng: [
        {"dy": each["dy"], "x": each["x"], "kernel_size": each["kernel"].shape[:2]}
        for each in _arrays(rng)
    ],
    mistakes=(
        Mistake(
            "dy was split in another order: its channel is c·M + m, so reshape it to (…, C, M), "
            "not to (…, M, C)",
            _read_in_other_order,
        ),
        Mistake(
            "the channels were mixed: w[a, b, c, m] reaches the output c·M + m only",
            _of_all_channels,
        ),
        Mistake(
            "the tap runs the wrong way: dw[a, b] belongs to x[p + a, q + b], as in the forward "
            "pass",
            lambda **case: _gradient(**case)[::-1, ::-1],
        ),
        Mistake(
            "averaged over the samples: the 1/N is the loss's and is in dy already",
            lambda dy, **case: _gradient(dy, **case) / len(dy),
        ),
        Mistake(
            "averaged over the output cells: all of them use the same window, and what they say is "
            "summed up",
            lambda dy, **case: _gradient(dy, **case) / (dy.shape[1] * dy.shape[2]),
        ),
        Mistake(
            "only the last sample counts: is there an = where += belongs?",
            lambda dy, x, kernel_size: _gradient(dy[-1:], x[-1:], kernel_size),
        ),
    ),
    sizes=lambda dy, **_: {"N": len(dy), "(OH·OW)": dy.shape[1] * dy.shape[2]},
)


# What is to be guessed

FEWER_WITH_GROUPS = Exercise(
    name="fewer_with_groups",
    truth=4,
    mistakes=(
        Mistake(
            "one group has 1/16 of the weights: 1/4 of the channels times 1/4 of the filters; how "
            "many groups are there?",
            16,
        ),
        Mistake(
            "there are as many filters as before, but each sees fewer channels",
            1,
        ),
        Mistake("4 groups: how many channels does each filter see?", 2),
    ),
)

FEWER_IF_SEPARABLE = Exercise(
    name="fewer_if_separable",
    truth=8,
    mistakes=(
        Mistake(
            "that is the 1 × 1 part alone; the depthwise part needs 1/64 of the multiplications",
            9,
        ),
        Mistake(
            "that is the depthwise part alone; the 1 × 1 part needs 1/9 of the multiplications", 64
        ),
        Mistake("the two parts come one after the other: add up what they need", 73),
        Mistake("the two parts come one after the other: add up what they need", 576),
        Mistake("a window of 3 × 3 has 9 taps", 3),
    ),
)

GREY = Exercise(
    name="grey",
    truth="no",
    mistakes=(
        Mistake("grey is a sum of red, green and blue: which part of it sees all three?", "yes"),
    ),
)

EXERCISES = (
    FEWER_WITH_GROUPS,
    FEWER_IF_SEPARABLE,
    GREY,
    GROUPED_COST,
    SEPARABLE_COST,
    DEPTHWISE,
    DEPTHWISE_KERNEL_GRADIENT,
)
