"""Which algorithm computes a convolution.

    "blocks"        sums of products in the order of the definition: every shape and dtype
    "scattering"    products first, then scattered: the gradient of images with few channels
    "lines"         neighbours in a line together: few filters, and not the gradient of the images
    "winograd_2x2"  4/9 of the multiplications: 3×3 kernels, strides and dilation 1
    "winograd_2x4"  3/9 of them, and rounding errors 1.5 to 2 times as large
    "winograd_4x4"  1/4 of them, and errors 3 times as large

"auto" takes what does least work among those that are, on the whole, as near to the exact result as
Keras. There all products of a sum are added in one chain, so its errors grow with the number of
terms; Winograd's have fewer terms. So 2×4 or 4×4 outputs are computed together where as many
channels, or for the kernel's gradient tiles, are summed as `_AS_NEAR` says. Winograd's convolution
is left out for float64, which is there for proofs, where channels or filters do not fill whole
panels, and where there is too little to do to make up for its transforms.
`scratchnet.config.convolution_algorithm` says otherwise, for a block of code or from then on; what
Winograd's is not made for is computed as by "auto".
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from scratchnet import config
from scratchnet.ops.geometry import Pair, conv2d_window
from scratchnet.ops.kernels.blocks import lanes
from scratchnet.ops.kernels.taps import CHANNELS

_TILES = 192  # of 2×2 outputs at least: fewer, and transforming the kernel costs more than it saves
_CHANNELS = 64  # and filters together, at least: fewer, and transforming the images does
_AS_NEAR = {"winograd_2x2": 0, "winograd_2x4": 32, "winograd_4x4": 256}  # terms of a sum
_TILES_AS_NEAR = {"winograd_2x2": 0, "winograd_2x4": 2048}  # the same for the kernel's gradient
# Channels times filters for that: fewer are not worth transforming both images for 2×2 outputs, and
# of many more than tiles there are the sums take longer than the products
_SUMS, _SUMS_OF_TILE = 2**11, 2**10
# To transform the kernel, and to read it transformed, takes as long as so many tiles
_OF_KERNEL = 160
# What a product costs of those that are transformed to and from. Where taps are multiplied one by
# one (`ops.kernels.taps`), products with the zeros around an image are saved
_TRANSFORMED = 1.15
_OF_RUN = 12
# Terms of a sum at most; how much less there must be to do; terms that cost what it does to take a
# number of x or y to its plane
_TERMS_IN_LINES, _LESS_IN_LINES, _OF_PLANE = 2**8, 2.5, 16

WINOGRAD = {"winograd_2x2": (2, 2), "winograd_2x4": (2, 4), "winograd_4x4": (4, 4)}
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
    wanted = config.convolution_algorithm()
    return _chosen(wanted, which, shape, kernel_shape, strides, dilation, dtype)


@lru_cache(maxsize=1024)
def _chosen(
    wanted: str,
    which: str,
    shape: tuple[int, int, int],
    kernel_shape: tuple[int, ...],
    strides: Pair,
    dilation: Pair,
    dtype: np.dtype,
) -> str:
    taps, channels, filters = prod(kernel_shape[:2]), *kernel_shape[2:]
    width = lanes(dtype)
    transformable = (
        kernel_shape[:2] == (3, 3)
        and tuple(strides) == tuple(dilation) == (1, 1)
        and channels % width == filters % width == 0
    )
    if transformable and wanted in WINOGRAD:
        return wanted
    if transformable and wanted == "auto" and dtype == np.float32:
        tiles = {name: _tiles(shape, m) for name, m in WINOGRAD.items()}
        most = tiles["winograd_2x2"]
        if most >= _TILES and channels + filters >= _CHANNELS:
            if which == "kernel gradient":
                near = [name for name, least in _TILES_AS_NEAR.items() if tiles[name] >= least]
                if channels * filters < _SUMS:
                    near.remove("winograd_2x2")
                if channels * filters > _SUMS_OF_TILE * most:
                    near = []
            else:
                terms = channels if which == "forward" else filters
                near = [name for name, least in _AS_NEAR.items() if terms >= least]
            if near:
                products = {name: _entries(name) * (tiles[name] + _OF_KERNEL) for name in near}
                best = min(near, key=products.__getitem__)
                images, height, columns = shape
                by_taps = images * (3 * height - 2) * (3 * columns - 2)
                without_zeros = which != "kernel gradient" and terms >= CHANNELS
                if not without_zeros or products[best] * _TRANSFORMED < by_taps:
                    return best
    if which != "input gradient" and wanted != "blocks" and strides[1] == 1:
        terms, columns = taps * channels, shape[2]
        few = terms <= _TERMS_IN_LINES and filters <= width // 2
        # In vectors; where there is one panel, a block waits for its loads half of the time
        in_lines = -(-columns // width) * filters * (terms + _OF_PLANE)
        if few and in_lines * _LESS_IN_LINES < 2 * columns * terms:
            return "lines"
    if which == "input gradient" and wanted != "blocks":
        # In multiplications; to add a run of neighbours costs as much as `_OF_RUN` vectors of them
        runs, neighbours = kernel_shape[0], kernel_shape[1] * channels
        if dilation[1] > 1:
            runs, neighbours = taps, channels
        added = runs * (_OF_RUN + 2 * -(-neighbours // width)) * 2 * width
        scattered = -(-taps * channels // width) * width * filters + added
        if scattered < taps * filters * -(-channels // width) * width:
            return "scattering"
    return "blocks"


def _tiles(shape: tuple[int, int, int], m: Pair) -> int:
    return shape[0] * -(-shape[1] // m[0]) * -(-shape[2] // m[1])


def _entries(name: str) -> int:
    return prod(size + 2 for size in WINOGRAD[name])
