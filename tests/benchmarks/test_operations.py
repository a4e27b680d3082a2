"""All sides of the benchmark of operations compute the same, so their times can be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.operations import Operation
from benchmarks.operations import scratchnet as ours
from benchmarks.operations.convolutions import NETWORKS, distinct, tuned
from benchmarks.operations.operation import ACTIVATIONS, resnet20_weights
from scratchnet import ops

CONVOLUTION = Operation("conv2d", "", (2, 7, 7, 4), filters=6, size=3)
CONVOLUTIONS = [
    replace(case, direction=direction)
    for case in (
        CONVOLUTION,
        replace(CONVOLUTION, size=1, strides=2),
        replace(CONVOLUTION, kind="depthwise_conv2d", filters=0),
        replace(CONVOLUTION, kind="depthwise_conv2d", filters=0, size=5),
        replace(CONVOLUTION, kind="depthwise_conv2d", filters=0, strides=2),
    )
    for direction in ("forward", "dx", "dw")
]
OTHERS = [
    replace(case, direction=direction)
    for case in (
        Operation("max_pool2d", "", (2, 6, 6, 3), size=2, strides=2),
        Operation("average_pool2d", "", (2, 7, 7, 3), size=3, strides=2),
        Operation("global_max_pool2d", "", (2, 3, 4, 5)),
        Operation("global_average_pool2d", "", (2, 3, 4, 5)),
        Operation("batch_normalization", "", (4, 3, 3, 5)),
        Operation("softmax", "", (3, 10)),
        Operation("dense", "", (3, 5), 4),
        *(Operation(kind, "", (2, 3, 3, 4)) for kind in ACTIVATIONS),
    )
    for direction in ("forward", "backward")
]
STEPS = [Operation(kind, "step", ((3, 4), (4,))) for kind in ("adam", "momentum")]
OPERATIONS = [*CONVOLUTIONS, *OTHERS, *STEPS]


def agree(operation, module):
    with ops.use("formulas"):
        expected = ours.result(operation)
    got = module.result(operation)
    assert len(got) == len(expected)
    for theirs, mine in zip(got, expected, strict=True):
        assert theirs.shape == mine.shape
        assert np.linalg.norm(theirs - mine) <= 1e-5 * np.linalg.norm(mine)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_tensorflow_computes_what_scratchnet_computes(operation):
    from benchmarks.operations import tensorflow

    agree(operation, tensorflow)


def test_work_is_counted_as_one_counts_by_hand():
    one = Operation("conv2d", "forward", (2, 5, 5, 3), filters=4, size=3, strides=2)
    assert one.output_shape == (2, 3, 3, 4)
    assert one.flops == 2 * (2 * 3 * 3 * 4) * (3 * 3 * 3)
    assert one.moved == 4 * (2 * 5 * 5 * 3 + 3 * 3 * 3 * 4 + 2 * 3 * 3 * 4)
    depthwise = Operation("depthwise_conv2d", "forward", (1, 4, 4, 6), size=3)
    assert depthwise.flops == 2 * (4 * 4 * 6) * 9
    assert Operation("dense", "backward", (5, 7), 3).flops == 2 * 2 * 5 * 7 * 3
    assert Operation("relu", "backward", (10, 10)).moved == 4 * 3 * 100
    assert Operation("adam", "step", ((2, 3), (4,))).moved == 7 * 4 * 10


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("ResNet-50", "ResNet50"),
        ("VGG16", "VGG16"),
        ("MobileNet", "MobileNet"),
        ("EfficientNet-B0", "EfficientNetB0"),
    ],
)
def test_the_tables_of_convolutions_are_those_of_keras_applications(name, application):
    import keras

    model = getattr(keras.applications, application)(
        weights=None, include_top=False, input_shape=(224, 224, 3)
    )
    expected = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("Conv2D", "DepthwiseConv2D"):
            rows = layer.output.shape[1]  # what the layer reads may be padded already
            filters = layer.filters if kind == "Conv2D" else 0
            channels = layer.input.shape[-1]
            expected.append((rows, channels, filters, layer.kernel_size[0], layer.strides[0]))
    found = [(-(-rows // s), c, f, k, s) for rows, c, f, k, s in NETWORKS[name]()]
    assert sorted(found) == sorted(expected)


def test_every_distinct_convolution_is_listed_once_with_all_its_networks():
    listed = distinct()
    assert len({operation.geometry for operation in listed}) == len(listed)
    first = next(o for o in listed if o.geometry == "8,224,224,3→32 3×3 /2")
    assert first.used_in == "MobileNet, EfficientNet-B0"
    assert len(tuned()) == 10


def test_the_weights_of_resnet20_are_the_networks():
    import scratchnet
    from benchmarks.networks.dialect import model

    network = model("ResNet-20", scratchnet)
    assert sorted(w.shape for w in network.trainable_weights) == sorted(resnet20_weights())
