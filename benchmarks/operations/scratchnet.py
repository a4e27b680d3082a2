"""The operations in scratchnet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import scratchnet as sn
from benchmarks.operations.operation import Operation, arrays, weights
from scratchnet import ops
from scratchnet.ops.kernels import choice

# The gradient of these takes the output and not the input.
_OF_OUTPUT = ("sigmoid", "tanh", "softmax")
_EPSILON = 1e-3

Call = Callable[[], Any]


def prepare(operation: Operation) -> Call:
    """The call to time."""
    if operation.kind in ("adam", "momentum"):
        return _optimizer(operation)
    if operation.kind in ("conv2d", "depthwise_conv2d"):
        return _convolution(operation)
    if operation.kind == "batch_normalization":
        return _batch_normalization(operation)
    return _other(operation)


def result(operation: Operation) -> list[np.ndarray]:
    """What the call computes, as arrays."""
    value = prepare(operation)()
    return [np.asarray(each) for each in (value if isinstance(value, tuple | list) else [value])]


def algorithm(operation: Operation) -> str:
    """Which of several kernels serves; "" where there is one only."""
    if operation.kind != "conv2d":
        return ""
    passes = {"forward": "forward", "dx": "input gradient", "dw": "kernel gradient"}
    kernel_shape = (
        operation.size,
        operation.size,
        operation.shape[3] // operation.groups,
        operation.filters,
    )
    return choice.algorithm(
        passes[operation.direction],
        operation.shape,
        kernel_shape,
        (operation.strides,) * 2,
        operation.padding,
        groups=operation.groups,
    )


def _convolution(operation: Operation) -> Call:
    x, kernel, dy = arrays(operation)
    assert kernel is not None
    options: dict[str, Any] = {"strides": (operation.strides,) * 2, "padding": operation.padding}
    if operation.kind == "conv2d":
        options["groups"] = operation.groups
    forward = getattr(ops, operation.kind)
    dx = getattr(ops, f"{operation.kind}_input_gradient")
    dw = getattr(ops, f"{operation.kind}_kernel_gradient")
    calls: dict[str, Call] = {
        "forward": lambda: forward(x, kernel, **options),
        "dx": lambda: dx(dy, kernel, x.shape, **options),
        "dw": lambda: dw(dy, x, kernel.shape, **options),
    }
    return calls[operation.direction]


def _batch_normalization(operation: Operation) -> Call:
    x, _, dy = arrays(operation)
    gamma, beta = np.ones(x.shape[-1], x.dtype), np.zeros(x.shape[-1], x.dtype)
    mean, variance = ops.moments(x)
    if operation.direction == "forward":
        return lambda: ops.batch_normalization(x, *ops.moments(x), gamma, beta, _EPSILON)
    return lambda: ops.batch_normalization_backward(dy, x, mean, variance, gamma, _EPSILON)


def _other(operation: Operation) -> Call:
    x, kernel, dy = arrays(operation)
    forward, backward = getattr(ops, operation.kind), getattr(ops, f"{operation.kind}_backward")
    if operation.kind == "dense":
        calls: dict[str, Call] = {
            "forward": lambda: forward(x, kernel),
            "backward": lambda: backward(dy, x, kernel),
        }
    elif operation.kind in ("max_pool2d", "average_pool2d"):
        of = x if operation.kind == "max_pool2d" else x.shape
        window = (operation.size,) * 2, (operation.strides,) * 2
        calls = {
            "forward": lambda: forward(x, *window),
            "backward": lambda: backward(dy, of, *window),
        }
    else:
        saved = forward(x) if operation.kind in _OF_OUTPUT else x
        of = x.shape if operation.kind == "global_average_pool2d" else saved
        calls = {"forward": lambda: forward(x), "backward": lambda: backward(dy, of)}
    return calls[operation.direction]


def _optimizer(operation: Operation) -> Call:
    values, gradients = weights(operation)
    variables = [sn.Variable(value, f"w{i}") for i, value in enumerate(values)]
    optimizer = (
        sn.optimizers.Adam() if operation.kind == "adam" else sn.optimizers.SGD(0.01, momentum=0.9)
    )
    optimizer.build(variables)

    def step() -> list[np.ndarray]:
        optimizer.apply(gradients, variables)
        return [variable.value for variable in variables]

    return step
