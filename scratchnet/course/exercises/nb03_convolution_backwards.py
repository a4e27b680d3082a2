"""Exercises of notebook 03: the gradients of a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import conv2d, conv2d_input_gradient, conv2d_kernel_gradient

_SHAPES = [  # N, H, W, C, KH, KW, F: a case that can be worked out by hand first
    (1, 3, 3, 1, 2, 2, 1),
    (2, 5, 4, 3, 3, 2, 2),
    (3, 4, 6, 2, 1, 3, 4),
]


def _arrays(rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    found = []
    for n, h, w, c, kh, kw, f in _SHAPES:
        shapes = {
            "x": (n, h, w, c),
            "kernel": (kh, kw, c, f),
            "dy": (n, h - kh + 1, w - kw + 1, f),
        }
        found.append({name: rng.standard_normal(shape) for name, shape in shapes.items()})
    return found


# dw


def _kernel_gradient(dy: np.ndarray, x: np.ndarray, kernel_size: Any) -> np.ndarray:
    shape = (*kernel_size, x.shape[-1], dy.shape[-1])
    return conv2d_kernel_gradient(dy, x, shape)


def _last_sample_only(dy: np.ndarray, x: np.ndarray, kernel_size: Any) -> np.ndarray:
    return _kernel_gradient(dy[-1:], x[-1:], kernel_size)


def _last_place_only(dy: np.ndarray, x: np.ndarray, kernel_size: Any) -> np.ndarray:
    kh, kw = kernel_size
    return np.einsum("nabc,nf->abcf", x[:, -kh:, -kw:], dy[:, -1, -1])


KERNEL_GRADIENT = Exercise(
    name="kernel_gradient",
    truth=_kernel_gradient,
    inputs=lambda rng: [
        {"dy": each["dy"], "x": each["x"], "kernel_size": each["kernel"].shape[:2]}
        for each in _arrays(rng)
    ],
    mistakes=(
        Mistake(
            "the tap runs the wrong way: dw[a, b] belongs to x[p + a, q + b], as in the forward "
            "pass; only dx has a mirrored kernel",
            lambda dy, x, kernel_size: _kernel_gradient(dy, x, kernel_size)[::-1, ::-1],
        ),
        Mistake(
            "averaged over the samples: the 1/N is the loss's and is in dy already, so here the "
            "samples are summed up",
            lambda dy, x, kernel_size: _kernel_gradient(dy, x, kernel_size) / len(x),
        ),
        Mistake(
            "averaged over the output cells: every one of them uses the same kernel, and what "
            "they say is summed up",
            lambda dy, x, kernel_size: (
                _kernel_gradient(dy, x, kernel_size) / (dy.shape[1] * dy.shape[2])
            ),
        ),
        Mistake("only the last sample counts: is there an = where += belongs?", _last_sample_only),
        Mistake("only the last output cell counts: is there an = for a +=?", _last_place_only),
        Mistake(
            "only the last output cell of the last sample counts: is there an = for a +=?",
            lambda dy, x, kernel_size: _last_place_only(dy[-1:], x[-1:], kernel_size),
        ),
    ),
    sizes=lambda dy, **_: {"N": len(dy), "(OH·OW)": dy.shape[1] * dy.shape[2]},
)


# dx


def _input_gradient(dy: np.ndarray, kernel: np.ndarray, input_shape: Any) -> np.ndarray:
    return conv2d_input_gradient(dy, kernel, tuple(input_shape))


def _without_flip(dy: np.ndarray, kernel: np.ndarray, input_shape: Any) -> np.ndarray:
    return _input_gradient(dy, kernel[::-1, ::-1], input_shape)


def _overwritten(dy: np.ndarray, kernel: np.ndarray, input_shape: Any) -> np.ndarray:
    dx = np.zeros(input_shape)
    kh, kw = kernel.shape[:2]
    for p, q in np.ndindex(dy.shape[1:3]):
        dx[:, p : p + kh, q : q + kw] = np.einsum("nf,abcf->nabc", dy[:, p, q], kernel)
    return dx


def _overwritten_by_taps(dy: np.ndarray, kernel: np.ndarray, input_shape: Any) -> np.ndarray:
    dx = np.zeros(input_shape)
    for a, b in np.ndindex(kernel.shape[:2]):
        dx[:, a : a + dy.shape[1], b : b + dy.shape[2]] = dy @ kernel[a, b].T
    return dx


INPUT_GRADIENT = Exercise(
    name="input_gradient",
    truth=_input_gradient,
    inputs=lambda rng: [
        {"dy": each["dy"], "kernel": each["kernel"], "input_shape": each["x"].shape}
        for each in _arrays(rng)
    ],
    mistakes=(
        Mistake(
            "kernel not flipped: x[i, j] met the tap (i − p, j − q), so a loop over the taps adds "
            "at p + a, and a convolution over dy needs the kernel mirrored in both axes",
            _without_flip,
        ),
        Mistake(
            "later windows overwrite earlier ones: a pixel that several windows saw gets the sum, "
            "so += and not =",
            _overwritten,
        ),
        Mistake(
            "later taps overwrite earlier ones: a pixel that several taps met gets the sum, so += "
            "and not =",
            _overwritten_by_taps,
        ),
        Mistake(
            "only the first filter sends its gradient back: all filters saw the pixel, so sum over "
            "f",
            lambda dy, kernel, input_shape: _input_gradient(
                dy[..., :1], kernel[..., :1], input_shape
            ),
        ),
    ),
    sizes=lambda dy, kernel, **_: {"N": len(dy), "(KH·KW)": kernel.shape[0] * kernel.shape[1]},
)


# The kernel with which dx is a convolution again


def _swapped(kernel: np.ndarray) -> np.ndarray:
    return kernel.transpose(0, 1, 3, 2)


FLIPPED_KERNEL = Exercise(
    name="flipped_kernel",
    truth=lambda kernel: _swapped(kernel[::-1, ::-1]),
    inputs=lambda rng: (
        [{"kernel": each["kernel"]} for each in _arrays(rng)[1:]]
        + [{"kernel": rng.standard_normal((2, 2, 3, 3))}]
    ),
    mistakes=(
        Mistake(
            "flipped, but the channels did not change places: on the way back dy's filters come "
            "in and x's channels go out",
            lambda kernel: kernel[::-1, ::-1],
        ),
        Mistake(
            "the channels changed places, but the kernel is not flipped: mirror its rows and "
            "columns",
            _swapped,
        ),
        Mistake(
            "flipped in one direction only: a kernel has rows and columns, and both are mirrored",
            lambda kernel: _swapped(kernel[::-1]),
        ),
        Mistake(
            "flipped in one direction only: a kernel has rows and columns, and both are mirrored",
            lambda kernel: _swapped(kernel[:, ::-1]),
        ),
        Mistake(
            "transposed instead of mirrored: tap (a, b) went to (b, a), not to (−a, −b)",
            lambda kernel: kernel.transpose(1, 0, 3, 2),
        ),
        Mistake(
            "the channels were mirrored too: they have no left and right, only rows and columns "
            "are flipped",
            lambda kernel: _swapped(kernel[::-1, ::-1, ::-1, ::-1]),
        ),
        Mistake(
            "reshaped, which keeps the numbers in their order: channels and filters change places "
            "by a transpose",
            lambda kernel: kernel[::-1, ::-1].reshape(_swapped(kernel).shape),
        ),
    ),
)


# Strides


def _spread(dy: np.ndarray, stride: int) -> np.ndarray:
    n, rows, columns, filters = dy.shape
    wide = np.zeros((n, (rows - 1) * stride + 1, (columns - 1) * stride + 1, filters))
    wide[:, ::stride, ::stride] = dy
    return wide


def _spread_with_a_tail(dy: np.ndarray, stride: int) -> np.ndarray:
    n, rows, columns, filters = dy.shape
    wide = np.zeros((n, rows * stride, columns * stride, filters))
    wide[:, ::stride, ::stride] = dy
    return wide


SPREAD = Exercise(
    name="spread",
    truth=_spread,
    inputs=lambda rng: [
        {"dy": rng.standard_normal((1, 2, 2, 1)), "stride": 2},
        {"dy": rng.standard_normal((2, 3, 2, 2)), "stride": 3},
        {"dy": rng.standard_normal((2, 2, 3, 1)), "stride": 1},
    ],
    mistakes=(
        Mistake(
            "the cells were repeated: between them belong zeros, for there was no window there",
            lambda dy, stride: dy.repeat(stride, axis=1).repeat(stride, axis=2),
        ),
        Mistake(
            "there are zeros after the last cell too: they belong between the cells only, so the "
            "size is (OH − 1)·s + 1",
            _spread_with_a_tail,
        ),
        Mistake(
            "there are s zeros between two cells: s − 1 places were skipped",
            lambda dy, stride: _spread(dy, stride + 1),
        ),
    ),
)


# What is to be guessed


def _uses(image: int, window: int, stride: int) -> np.ndarray:
    """How many windows see each pixel: dx for a dy and a kernel of ones."""
    ones = np.ones((1, image, image, 1))
    kernel = np.ones((window, window, 1, 1))
    strides = (stride, stride)
    dy = np.ones_like(conv2d(ones, kernel, strides))
    return conv2d_input_gradient(dy, kernel, ones.shape, strides)[0, :, :, 0]


CELLS_FED = Exercise(
    name="cells_fed",
    truth=9,
    mistakes=(
        Mistake(
            "one cell of dy is one place of the window, and the window saw more than one pixel", 1
        ),
        Mistake("that is how many cells dy has; the question is what one of them reaches", 16),
        Mistake("that would be all of dx: the window saw only a part of the image", 36),
    ),
)

BUSIEST_PIXEL = Exercise(
    name="busiest_pixel",
    truth=tuple(int(i) for i in np.argwhere(_uses(5, 3, 2) == _uses(5, 3, 2).max())[0]),
    mistakes=(
        Mistake("the corner is seen by one window only", (0, 0)),
        Mistake("count again which windows see that pixel: they start at 0 and at 2", (1, 1)),
    ),
)

EXERCISES = (
    CELLS_FED,
    BUSIEST_PIXEL,
    KERNEL_GRADIENT,
    INPUT_GRADIENT,
    FLIPPED_KERNEL,
    SPREAD,
)
