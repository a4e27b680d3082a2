"""PyTorch's side of the benchmarks computes the same, where PyTorch is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import scratchnet
from benchmarks.networks import dialect
from benchmarks.networks.run import NETWORKS, Run, data
from scratchnet import ops
from tests.benchmarks.test_operations import CONVOLUTION, OPERATIONS, agree

torch = pytest.importorskip("torch")
on_torch = pytest.importorskip("benchmarks.networks.on_torch")
operations = pytest.importorskip("benchmarks.operations.torch")

GROUPS = [replace(CONVOLUTION, groups=2, direction=each) for each in ("forward", "dx", "dw")]


@pytest.mark.parametrize("operation", [*OPERATIONS, *GROUPS], ids=str)
def test_an_operation_computes_what_scratchnet_computes(operation):
    agree(operation, operations)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_predicts_the_same_from_the_same_weights(name):
    torch.set_grad_enabled(True)
    ours, run = dialect.model(name, scratchnet), Run(name, "predict", 2, 4)
    theirs, _ = on_torch._model(name)
    copy_weights(ours, theirs)
    if name in ("ResNet-20", "MobileNet-like"):
        return  # with strides Keras pads the end of an image, PyTorch both sides: other pixels
    with ops.use("formulas"):
        expected = ours.predict(data(run)[0], verbose=0)
    got = on_torch.prepare(run)().numpy()
    assert got.shape == expected.shape
    assert np.linalg.norm(got - expected) <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("name", ["LeNet-5", "README CNN"])
def test_an_epoch_trains(name):
    torch.set_grad_enabled(True)
    epoch = on_torch.prepare(Run(name, "fit", 2, 8))
    losses = [epoch() for _ in range(20)]
    assert min(losses) < losses[0]


def copy_weights(ours, theirs):
    """The weights of scratchnet's model into PyTorch's, kind by kind in the order of creation."""
    flattened = [each.input.shape[1:] for each in ours.layers if type(each).__name__ == "Flatten"]
    with torch.no_grad():
        for kind, (belongs, copy) in KINDS.items():
            layers = [each for each in ours.layers if type(each).__name__ == kind]
            layers.sort(key=lambda each: (len(each.name), each.name))  # conv2d, conv2d_1, …
            modules = [each for each in theirs.modules() if belongs(each)]
            assert len(modules) == len(layers)
            for module, layer in zip(modules, layers, strict=True):
                values = [torch.from_numpy(each) for each in layer.get_weights()]
                if kind == "Dense" and flattened:  # PyTorch flattens channels first
                    rows, columns, channels = flattened.pop()
                    values[0] = values[0].reshape(rows, columns, channels, -1).permute(2, 0, 1, 3)
                    values[0] = values[0].flatten(0, 2)
                copy(module, *values)


def copy_kernel(axes):
    def copy(module, kernel, *bias):
        module.weight.copy_(kernel.permute(axes))
        for value in bias:
            module.bias.copy_(value)

    return copy


def copy_normalization(module, gamma, beta, mean, variance):
    module.weight.copy_(gamma)
    module.bias.copy_(beta)
    module.running_mean.copy_(mean)
    module.running_var.copy_(variance)


def is_convolution(module, depthwise):
    return isinstance(module, torch.nn.Conv2d) and (module.groups > 1) == depthwise


KINDS = {  # of layers: which modules they are in PyTorch, and how the weights are copied
    "Conv2D": (lambda m: is_convolution(m, False), copy_kernel((3, 2, 0, 1))),
    "DepthwiseConv2D": (lambda m: is_convolution(m, True), copy_kernel((2, 3, 0, 1))),
    "BatchNormalization": (lambda m: isinstance(m, torch.nn.BatchNorm2d), copy_normalization),
    "Dense": (lambda m: isinstance(m, torch.nn.Linear), copy_kernel((1, 0))),
}
