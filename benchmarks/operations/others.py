"""What surrounds the convolutions of a network, on arrays as they occur there."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.operations.operation import ACTIVATIONS, Operation, resnet20_weights


def others(n: int) -> list[Operation]:
    """Both directions of pooling, normalization, activations and dense layers; optimizers' steps.

    Args:
        n: images; softmax and dense layers get more rows.
    """
    images = [
        Operation("max_pool2d", "", (n, 56, 56, 64), size=2, strides=2),
        Operation("max_pool2d", "", (n, 55, 55, 64), size=3, strides=2),
        Operation("average_pool2d", "", (n, 56, 56, 64), size=2, strides=2),
        Operation("average_pool2d", "", (n, 55, 55, 64), size=3, strides=2),
        Operation("global_max_pool2d", "", (n, 7, 7, 1280)),
        Operation("global_average_pool2d", "", (n, 7, 7, 1280)),
        Operation("batch_normalization", "", (n, 56, 56, 64)),
        Operation("batch_normalization", "", (n, 7, 7, 512)),
        *(Operation(kind, "", (n, 28, 28, 128)) for kind in ACTIVATIONS),
    ]
    rows = [
        Operation("softmax", "", (8 * n, 10)),
        Operation("softmax", "", (8 * n, 1000)),
        Operation("dense", "", (2 * n, 1600), 128),
        Operation("dense", "", (n, 2048), 1000),
    ]
    both = [
        replace(operation, direction=direction)
        for operation in [*images, *rows]
        for direction in ("forward", "backward")
    ]
    steps = [
        Operation(kind, "step", resnet20_weights(), used_in="ResNet-20")
        for kind in ("adam", "momentum")
    ]
    return both + steps
