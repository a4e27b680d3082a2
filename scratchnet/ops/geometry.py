"""Where a sliding window lands: output sizes and padding of convolution and pooling.

One axis at a time. With input size i, window size k, stride s and dilation d, the window spans
k' = (k − 1)·d + 1 cells, and

    "valid":  out = ⌊(i − k') / s⌋ + 1        no padding
    "same":   out = ⌈i / s⌉                   total padding max(0, (out − 1)·s + k' − i)

An odd total puts the extra cell at the end (bottom, right), as TensorFlow does; frameworks that
take a padding number instead put the same number on both sides, which is why ported weights
can be off by one pixel at stride 2.

Source: keras/src/ops/operation_utils.py (compute_conv_output_shape), TensorFlow's "Notes on
padding" in the guide to tf.nn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

Pair = tuple[int, int]


class Window(NamedTuple):
    """Output size and padding of a 2-D window, rows first."""

    output: Pair
    pad_rows: Pair  # cells above, below
    pad_columns: Pair  # cells left, right


def output_size(i: int, k: int, s: int, d: int, padding: str) -> int:
    """Number of places where a window of k cells, s apart and dilated by d, fits on i cells.

    Zero or negative when a "valid" window is larger than the input.
    """
    if padding == "same":
        return -(-i // s)
    if padding == "valid":
        return (i - (k - 1) * d - 1) // s + 1
    raise ValueError(
        f"Unknown padding {padding!r}. Expected 'valid' (no padding) or 'same' (output size is "
        f"the input size divided by the stride, rounded up)."
    )


def pad_amounts(i: int, k: int, s: int, d: int, padding: str) -> Pair:
    """Cells of padding before and after the i cells of the input; the extra one goes after."""
    if padding == "valid":
        return 0, 0
    total = max(0, (output_size(i, k, s, d, padding) - 1) * s + (k - 1) * d + 1 - i)
    return total // 2, total - total // 2


def window2d(
    size: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: str, dilation: Pair
) -> Window:
    """Geometry of a 2-D window over an image of `size` (rows, columns).

    Raises ValueError when the output would have no cell.
    """
    return _window2d(tuple(size), tuple(window), tuple(strides), padding, tuple(dilation))


@lru_cache(maxsize=1024)
def _window2d(
    size: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...],
) -> Window:
    rows, columns = (
        output_size(i, k, s, d, padding)
        for i, k, s, d in zip(size, window, strides, dilation, strict=True)
    )
    if rows <= 0 or columns <= 0:
        raise ValueError(
            f"The output would be empty: a window of {window} with strides {strides}, dilation "
            f"{dilation} and padding={padding!r} gives ({rows}, {columns}) cells on an image of "
            f"{size}. Expected at least one row "
            f"and one column: use a smaller window, padding='same' or a larger image."
        )
    pad_rows, pad_columns = (
        pad_amounts(i, k, s, d, padding)
        for i, k, s, d in zip(size, window, strides, dilation, strict=True)
    )
    return Window((rows, columns), pad_rows, pad_columns)


def conv2d_window(
    input_shape: Sequence[int],
    kernel_shape: Sequence[int],
    strides: Pair,
    padding: str,
    dilation: Pair,
    groups: int,
) -> Window:
    """Geometry of a convolution of x: (N, H, W, C) with a kernel: (KH, KW, C/groups, F).

    Raises ValueError when the channels do not fit or the output would be empty.
    """
    channels, per_group, filters = input_shape[-1], kernel_shape[2], kernel_shape[3]
    if channels != per_group * groups:
        raise ValueError(
            f"The channels of the image and of the kernel differ: received x of shape "
            f"{tuple(input_shape)} with {channels} channels and a kernel of shape "
            f"{tuple(kernel_shape)} with groups={groups}, which expects "
            f"{per_group} × {groups} = {per_group * groups} channels. Images are channels-last, "
            f"(N, H, W, C); an (N, C, H, W) array needs np.moveaxis(x, 1, -1)."
        )
    if filters % groups:
        raise ValueError(
            f"{filters} filters cannot be shared out among groups={groups}. Expected a number "
            f"of filters that groups divides; the kernel has shape {tuple(kernel_shape)}."
        )
    return window2d(input_shape[1:3], kernel_shape[:2], strides, padding, dilation)


def depthwise_window(
    input_shape: Sequence[int],
    kernel_shape: Sequence[int],
    strides: Pair,
    padding: str,
    dilation: Pair,
) -> Window:
    """Geometry of a depthwise convolution of x: (N, H, W, C) with a kernel: (KH, KW, C, M).

    Raises ValueError when the channels differ or the output would be empty.
    """
    if input_shape[-1] != kernel_shape[2]:
        raise ValueError(
            f"The channels of the image and of the kernel differ: received x of shape "
            f"{tuple(input_shape)} with {input_shape[-1]} channels and a depthwise kernel of shape "
            f"{tuple(kernel_shape)}, which expects {kernel_shape[2]}. Images are channels-last, "
            f"(N, H, W, C), and a depthwise kernel is (KH, KW, C, multiplier)."
        )
    return window2d(input_shape[1:3], kernel_shape[:2], strides, padding, dilation)


def transposed_size(i: int, k: int, s: int, d: int, padding: str, extra: int | None) -> int:
    """Number of cells that a transposed convolution makes from i cells.

    A convolution with stride s turns s neighbouring sizes into the same i; `extra`, the output
    padding, says which of them comes back. With the window's span k' = (k − 1)·d + 1,

        "valid":  (i − 1)·s + max(k', s)        or, with extra,  (i − 1)·s + k' + extra
        "same":   i·s                           or, with extra,  (i − 1)·s + (k' mod 2) + extra

    Source: keras/src/backend/common/backend_utils.py (compute_conv_transpose_output_shape).
    """
    span = (k - 1) * d + 1
    if padding == "valid":
        return (i - 1) * s + (max(span, s) if extra is None else span + extra)
    return i * s if extra is None else (i - 1) * s + span % 2 + extra


def transposed_output(
    input_shape: Sequence[int],
    kernel_shape: Sequence[int],
    strides: Pair,
    padding: str,
    dilation: Pair,
    output_padding: Pair | None,
) -> tuple[int, int, int, int]:
    """Shape of y: (N, OH, OW, F) for x: (N, H, W, C) and a kernel: (KH, KW, F, C).

    Raises ValueError when the channels differ, or when no convolution would turn y's size back
    into x's.
    """
    n, *size, channels = input_shape
    if channels != kernel_shape[3]:
        raise ValueError(
            f"The channels of the image and of the kernel differ: received x of shape "
            f"{tuple(input_shape)} with {channels} channels and a kernel of shape "
            f"{tuple(kernel_shape)}, which expects {kernel_shape[3]}. The kernel of a transposed "
            f"convolution is (KH, KW, filters, C)."
        )
    extras = output_padding or (None, None)
    per_axis = list(zip(size, kernel_shape[:2], strides, dilation, strict=True))
    rows, columns = (
        transposed_size(i, k, s, d, padding, extra)
        for (i, k, s, d), extra in zip(per_axis, extras, strict=True)
    )
    back = [
        output_size(o, k, s, d, padding)
        for o, (_, k, s, d) in zip((rows, columns), per_axis, strict=True)
    ]
    if back != size or min(size) < 1:
        raise ValueError(
            f"A transposed convolution of an image of {tuple(size)} with a window of "
            f"{tuple(kernel_shape[:2])}, strides {tuple(strides)}, dilation {tuple(dilation)}, "
            f"padding={padding!r} and output_padding={output_padding} would make ({rows}, "
            f"{columns}) cells, which the convolution turns into {tuple(back)}. Expected the same "
            f"size again, at least one row and one column: leave output_padding at None, or make "
            f"it smaller than the strides, and with padding='same' and an even window at least 1."
        )
    return n, rows, columns, kernel_shape[2]
