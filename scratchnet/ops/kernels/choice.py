"""Which algorithm computes a convolution.

    "blocks"        sums of products in the order of the definition: every shape and dtype
    "scattering"    products first, then scattered: the gradient of images with few channels
    "winograd_2x2"  4/9 of the multiplications: 3×3 kernels, strides and dilation 1
    "winograd_4x4"  1/4 of them, and errors of about 2e-6 instead of 3e-7 (float32, relative)

"auto" takes what does least work, and never "winograd_4x4". Winograd's convolution is left out for
float64, which is there for proofs, where channels or filters do not fill whole panels, and where
there is too little to do to make up for its transforms. `scratchnet.config.convolution_algorithm`
says otherwise, for a block of code or from then on; a shape that an algorithm is not made for is
computed in blocks.
"""

from __future__ import annotations

from math import prod

import numpy as np

from scratchnet import config
from scratchnet.ops.geometry import Pair, conv2d_window
from scratchnet.ops.kernels.blocks import PANELS, lanes

_TILES = 192  # of 2×2 outputs at least: fewer, and transforming the kernel costs more than it saves
_CHANNELS = 64  # and filters together, at least: fewer, and transforming the images does
_MOST = 2**15  # channels times filters, for the kernel's gradient: sums that stay in a cache
# and at least: where two panels are multiplied at once transforming takes longer than it saves
_LEAST = 2**11 if PANELS > 1 else 0

WINOGRAD = {"winograd_2x2": 2, "winograd_4x4": 4}  # rows of outputs computed together
PASSES = ("forward", "input gradient", "kernel gradient")


def algorithm(
    which: str,
    input_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
    dtype: str | np.dtype = "float32",
) -> str:
    """What computes the "forward" pass, the "input gradient" or the "kernel gradient".

    The other arguments are those of `ops.conv2d`, with shapes in place of arrays.
    """
    if which not in PASSES:
        raise ValueError(f"Unknown pass {which!r} of a convolution. Expected one of {PASSES}.")
    output = conv2d_window(input_shape, kernel_shape, strides, padding, dilation, groups).output
    height, width = input_shape[1:3] if which == "input gradient" else output
    of_group = (*kernel_shape[:3], kernel_shape[3] // groups)
    shape = input_shape[0], height, width
    return choose(which, shape, of_group, strides, dilation, np.dtype(dtype))


def choose(
    which: str,
    shape: tuple[int, int, int],
    kernel_shape: tuple[int, ...],
    strides: Pair,
    dilation: Pair,
    dtype: np.dtype,
) -> str:
    """As `algorithm`, for one group and the (N, rows, columns) that are computed or summed over."""
    taps, channels, filters = prod(kernel_shape[:2]), *kernel_shape[2:]
    wanted = config.convolution_algorithm()
    width = lanes(dtype)
    transformable = (
        kernel_shape[:2] == (3, 3)
        and tuple(strides) == tuple(dilation) == (1, 1)
        and channels % width == filters % width == 0
    )
    if transformable and wanted in WINOGRAD:
        return wanted
    if (
        transformable
        and wanted == "auto"
        and dtype == np.float32
        and shape[0] * prod(-(-size // 2) for size in shape[1:]) >= _TILES
        and channels + filters >= _CHANNELS
        and (which != "kernel gradient" or _LEAST <= channels * filters <= _MOST)
    ):
        return "winograd_2x2"
    if which == "input gradient" and wanted != "blocks":
        patch = taps * channels
        scattered = -(-patch // width) * width * filters + 2 * width * patch
        if scattered < taps * filters * -(-channels // width) * width:
            return "scattering"
    return "blocks"
