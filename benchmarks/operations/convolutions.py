"""The convolutions of well-known networks, from short tables of their papers' (224×224 images).

A network is a list of (rows of the image, channels, filters, size of the window, strides), with 0
filters for a depthwise convolution. A test holds the lists against `keras.applications`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.operations.operation import Operation

Convolution = tuple[int, int, int, int, int]
BATCH = 8

# (N, H, C, filters, size, strides): what kernels are tuned with, from the first layer of a small
# network to the last of a large one
TUNED = (
    (64, 28, 1, 32, 3, 1),
    (64, 14, 32, 64, 3, 1),
    (32, 32, 3, 64, 3, 1),
    (4, 224, 3, 64, 7, 2),
    (8, 56, 64, 256, 1, 1),
    (8, 56, 64, 64, 3, 1),
    (8, 28, 128, 128, 3, 1),
    (8, 14, 256, 256, 3, 1),
    (8, 7, 512, 512, 3, 1),
    (8, 28, 256, 256, 3, 2),
)


def vgg16() -> Iterator[Convolution]:
    """Simonyan and Zisserman, 2014, table 1, column D: (filters, convolutions) between poolings."""
    rows, channels = 224, 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            yield rows, channels, filters, 3, 1
            channels = filters
        rows //= 2


def resnet50() -> Iterator[Convolution]:
    """He et al., 2015, table 1: (filters, blocks, strides), the stride in the first 1×1 window."""
    yield 224, 3, 64, 7, 2
    rows, channels = 56, 64
    for filters, blocks, strides in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        yield rows, channels, 4 * filters, 1, strides  # the shortcut
        for block in range(blocks):
            yield rows, channels, filters, 1, strides if block == 0 else 1
            rows = rows // strides if block == 0 else rows
            yield rows, filters, filters, 3, 1
            yield rows, filters, 4 * filters, 1, 1
            channels = 4 * filters


def mobilenet() -> Iterator[Convolution]:
    """Howard et al., 2017, table 1: (filters, strides) of the depthwise separable layers."""
    yield 224, 3, 32, 3, 2
    rows, channels = 112, 32
    table = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5]
    for filters, strides in [*table, (1024, 2), (1024, 1)]:
        yield rows, channels, 0, 3, strides
        rows //= strides
        yield rows, channels, filters, 1, 1
        channels = filters


def efficientnet_b0() -> Iterator[Convolution]:
    """Tan and Le, 2019, table 1: (expansion, filters, blocks, size, strides) of each stage.

    Within a block: 1×1 expansion, depthwise window, squeeze and excitation to a quarter of the
    block's input channels, 1×1 projection.
    """
    yield 224, 3, 32, 3, 2
    rows, channels = 112, 32
    stages = (
        (1, 16, 1, 3, 1),
        (6, 24, 2, 3, 2),
        (6, 40, 2, 5, 2),
        (6, 80, 3, 3, 2),
        (6, 112, 3, 5, 1),
        (6, 192, 4, 5, 2),
        (6, 320, 1, 3, 1),
    )
    for expansion, filters, blocks, size, first_strides in stages:
        for block in range(blocks):
            wide, strides = expansion * channels, first_strides if block == 0 else 1
            if expansion > 1:
                yield rows, channels, wide, 1, 1
            yield rows, wide, 0, size, strides
            rows //= strides
            yield 1, wide, channels // 4, 1, 1
            yield 1, channels // 4, wide, 1, 1
            yield rows, wide, filters, 1, 1
            channels = filters
    yield rows, channels, 1280, 1, 1


NETWORKS = {
    "ResNet-50": resnet50,
    "VGG16": vgg16,
    "MobileNet": mobilenet,
    "EfficientNet-B0": efficientnet_b0,
}


def tuned() -> list[Operation]:
    """The forward operations of `TUNED`."""
    return [_operation(*shape, used_in="tuned") for shape in TUNED]


def distinct() -> list[Operation]:
    """The forward operation of every distinct convolution of the networks, at a batch of 8."""
    found: dict[Convolution, list[str]] = {}
    for name, table in NETWORKS.items():
        for shape in dict.fromkeys(table()):
            found.setdefault(shape, []).append(name)
    return [_operation(BATCH, *shape, used_in=", ".join(names)) for shape, names in found.items()]


def every() -> list[Operation]:
    """The tuned shapes and those of the networks; what is in both is listed once."""
    found = {operation.geometry: operation for operation in tuned()}
    for operation in distinct():
        known = found.get(operation.geometry)
        names = f"{known.used_in}, {operation.used_in}" if known else operation.used_in
        found[operation.geometry] = replace(known or operation, used_in=names)
    return list(found.values())


def _operation(
    n: int, rows: int, channels: int, filters: int, size: int, strides: int, used_in: str
) -> Operation:
    kind = "conv2d" if filters else "depthwise_conv2d"
    shape = (n, rows, rows, channels)
    return Operation(kind, "forward", shape, filters, size, strides, used_in=used_in)
