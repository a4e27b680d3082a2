"""Exercises of notebook 02: a convolution as a product of matrices, and with fewer products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas.winograd import TRANSFORMS
from scratchnet.ops.geometry import Pair

# The matrix of patches


def _windows(x: np.ndarray, kernel_size: Pair) -> np.ndarray:
    """(N, OH, OW, KH, KW, C): what each place of the window sees."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size, axis=(1, 2))
    return windows.transpose(0, 1, 2, 4, 5, 3)


def _matrix(windows: np.ndarray, order: tuple[int, ...] = (0, 1, 2, 3, 4, 5)) -> np.ndarray:
    """Rows and columns from axes of `_windows` in another order."""
    n, rows, columns = windows.shape[:3]
    return windows.transpose(order).reshape(n * rows * columns, -1)


def _ordered(*order: int) -> Callable[..., np.ndarray]:
    return lambda x, kernel_size: _matrix(_windows(x, kernel_size), order)


_patches = _ordered(0, 1, 2, 3, 4, 5)

IM2COL = Exercise(
    name="im2col",
    truth=_patches,
    inputs=lambda rng: [
        {"x": rng.standard_normal(shape), "kernel_size": kernel_size}
        for shape, kernel_size in [
            ((1, 3, 4, 1), (2, 2)),
            ((2, 5, 4, 3), (3, 2)),
            ((2, 6, 7, 2), (2, 3)),
        ]
    ],
    mistakes=(
        Mistake(
            "the columns run over the channels first: their order is (a, b, c), so that the "
            "channel changes fastest, as in the kernel",
            _ordered(0, 1, 2, 5, 3, 4),
        ),
        Mistake(
            "the columns run over b before a: their order is (a, b, c)", _ordered(0, 1, 2, 4, 3, 5)
        ),
        Mistake(
            "the rows run over q before p: their order is (n, p, q), row by row of the image",
            _ordered(0, 2, 1, 3, 4, 5),
        ),
        Mistake(
            "the images are mixed: all places of the first one come before those of the second",
            _ordered(1, 2, 0, 3, 4, 5),
        ),
        Mistake(
            "rows and columns are exchanged: a row for each place, a column for each tap and "
            "channel",
            lambda x, kernel_size: _patches(x, kernel_size).T,
        ),
        Mistake(
            "the taps are flipped: column (a, b) holds the pixel a rows down and b columns on",
            lambda x, kernel_size: _matrix(_windows(x, kernel_size)[:, :, :, ::-1, ::-1]),
        ),
        Mistake(
            "the last places are missing: a window of KH rows has H − KH + 1 of them",
            lambda x, kernel_size: _matrix(_windows(x, kernel_size)[:, :-1, :-1]),
        ),
        Mistake(
            "the windows do not overlap: at stride 1 there is one at every row and column",
            lambda x, kernel_size: _matrix(
                _windows(x, kernel_size)[:, :: kernel_size[0], :: kernel_size[1]]
            ),
        ),
        Mistake(
            "only the first image is there: rows run over n too",
            lambda x, kernel_size: _matrix(_windows(x[:1], kernel_size)),
        ),
    ),
)


# Winograd's F(2, 3) along a row


def _row(
    of_input: Any = TRANSFORMS[2].input,
    of_kernel: Any = TRANSFORMS[2].kernel,
    of_output: Any = TRANSFORMS[2].output,
    step: int = 2,
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """F(2, 3) by these matrices, on tiles that begin `step` apart."""

    def row(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tiles = np.lib.stride_tricks.sliding_window_view(x, 4)[::step]
        products = (tiles @ np.transpose(of_input)) * (np.asarray(of_kernel) @ w)
        return products, (products @ np.transpose(of_output)).reshape(-1)

    return row


def _changed(matrix: np.ndarray, row: int, factor: float) -> np.ndarray:
    changed = matrix.astype(float)
    changed[row] *= factor
    return changed


def _signs(matrix: np.ndarray, row: int, signs: tuple[int, ...]) -> np.ndarray:
    changed = matrix.astype(float)
    changed[row] = np.abs(changed[row]) * signs
    return changed


_B, _G, _A = TRANSFORMS[2]
_winograd_row = _row()


def _not_interleaved(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    products, y = _winograd_row(x, w)
    return products, y.reshape(-1, 2).T.reshape(-1)


def _without_half(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    whole = _changed(_changed(_G, 1, 2), 2, 2)
    return _row(of_kernel=whole)(x, w)


WINOGRAD_ROW = Exercise(
    name="winograd_row",
    truth=_winograd_row,
    inputs=lambda rng: [
        {"x": np.array([1.0, 2, 4, 8]), "w": np.array([1.0, 3, 2])},
        {"x": rng.standard_normal(6), "w": rng.standard_normal(3)},
        {"x": rng.standard_normal(12), "w": rng.standard_normal(3)},
    ],
    outputs=("products", "y"),
    mistakes=(
        Mistake(
            "the tiles do not overlap: each makes two outputs, so the next begins two numbers on "
            "and shares two of its four numbers with it",
            _row(step=4),
        ),
        Mistake(
            "the tiles begin one number apart: each makes two outputs, so the next begins two on",
            _row(step=1),
        ),
        Mistake("the halves are missing in m₁ and m₂", _without_half),
        Mistake(
            "m₂ has the wrong sign: it is (d₂ − d₁), not (d₁ − d₂)",
            _row(of_input=_changed(_B, 2, -1)),
        ),
        Mistake(
            "m₃ is (d₁ − d₃)·g₂; with the other sign the algorithm is as good, if y₁ adds it, but "
            "here it is to be as in the formula",
            _row(of_input=_changed(_B, 3, -1), of_output=_signs(_A, 1, (1, 1, -1, 1))),
        ),
        Mistake(
            "m₃ has the wrong sign: it is (d₁ − d₃), not (d₃ − d₁)",
            _row(of_input=_changed(_B, 3, -1)),
        ),
        Mistake(
            "m₀ has the wrong sign: it is (d₀ − d₂), not (d₂ − d₀)",
            _row(of_input=_changed(_B, 0, -1)),
        ),
        Mistake(
            "m₂ and m₃ have changed places: the columns are m₀, m₁, m₂, m₃",
            lambda x, w: (_winograd_row(x, w)[0][:, [0, 1, 3, 2]], _winograd_row(x, w)[1]),
        ),
        Mistake(
            "the products are right; in y₁ both m₂ and m₃ are subtracted",
            _row(of_output=_signs(_A, 1, (1, 1, -1, 1))),
        ),
        Mistake(
            "the products are right; in y₁ both m₂ and m₃ are subtracted",
            _row(of_output=_signs(_A, 1, (1, 1, 1, -1))),
        ),
        Mistake(
            "the products are right, but y has the first outputs of all tiles and then the second "
            "ones: the two outputs of a tile are neighbours",
            _not_interleaved,
        ),
        Mistake(
            "the taps are flipped: as in all convolutions of this course tap 0 meets the first "
            "number of the window",
            lambda x, w: _winograd_row(x, w[::-1]),
        ),
    ),
)


# What is to be guessed

COPIES = Exercise(
    name="copies",
    truth=9,
    mistakes=(
        Mistake(
            "the windows overlap: the next one is one pixel on, and sees most of them again", 1
        ),
        Mistake("three windows of a line see it; and there are three such lines", 3),
        Mistake("that is one fewer than there are taps: the window also begins at the pixel", 8),
        Mistake("it is seen by each tap once: how many taps has the window?", 6),
    ),
)

WHY_FASTER = Exercise(
    name="why_faster",
    truth="order",
    mistakes=(
        Mistake(
            "each entry of the result is still the sum of KH·KW·C products, one for each tap and "
            "channel",
            "products",
        ),
        Mistake(
            "the matrix is a copy of the image, nine times as large: more memory is moved",
            "memory",
        ),
    ),
)

FEWEST = Exercise(
    name="fewest",
    truth=4,
    mistakes=(
        Mistake("that is the definition; the two outputs have inputs in common", 6),
        Mistake("it can be done with one fewer still", 5),
        Mistake("that is too few: as many are needed as there are inputs", 3),
        Mistake("that is too few: as many are needed as there are inputs", 2),
    ),
)

EXERCISES = (COPIES, WHY_FASTER, FEWEST, IM2COL, WINOGRAD_ROW)
