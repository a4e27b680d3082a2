"""The operations in PyTorch, images in channels-last order; gradients by ATen's own functions, so
that nothing but the gradient is computed. Optimizers are PyTorch's fused ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.operations.operation import Operation, arrays, weights

_EPSILON = 1e-3
_ATEN = torch.ops.aten

Call = Callable[[], Any]
# Forward, and the gradient from (dy, saved); what is saved is the input (x) or the output (y).
_ACTIVATIONS: dict[str, tuple[Callable, Callable, str]] = {
    "relu": (functional.relu, lambda dy, y: _ATEN.threshold_backward(dy, y, 0), "y"),
    "elu": (functional.elu, lambda dy, y: _ATEN.elu_backward(dy, 1, 1, 1, True, y), "y"),
    "sigmoid": (torch.sigmoid, _ATEN.sigmoid_backward, "y"),
    "tanh": (torch.tanh, _ATEN.tanh_backward, "y"),
    "softplus": (functional.softplus, lambda dy, x: _ATEN.softplus_backward(dy, x, 1, 20), "x"),
    "silu": (functional.silu, _ATEN.silu_backward, "x"),
    "gelu": (functional.gelu, _ATEN.gelu_backward, "x"),
    "softmax": (
        lambda x: torch.softmax(x, -1),
        lambda dy, y: _ATEN._softmax_backward_data(dy, y, -1, torch.float32),
        "y",
    ),
}


def prepare(operation: Operation) -> Call:
    """The call to time."""
    torch.set_grad_enabled(False)
    if operation.kind in ("adam", "momentum"):
        return _optimizer(operation)
    x, kernel, dy = arrays(operation)
    if operation.kind in ("conv2d", "depthwise_conv2d"):
        assert kernel is not None
        return _convolution(operation, _images(x), _kernel(operation, kernel), _images(dy))
    if operation.kind == "dense":
        assert kernel is not None
        return _dense(operation, *(torch.from_numpy(a) for a in (x, kernel, dy)))
    if operation.kind == "batch_normalization":
        return _batch_normalization(operation, _images(x), _images(dy))
    if operation.kind in _ACTIVATIONS:
        forward, backward, saved = _ACTIVATIONS[operation.kind]
        given, gradient = (_images(a) if a.ndim == 4 else torch.from_numpy(a) for a in (x, dy))
        if operation.direction == "forward":
            return lambda: forward(given)
        of = forward(given) if saved == "y" else given
        return lambda: backward(gradient, of)
    return _pooling(operation, _images(x), dy)


def result(operation: Operation) -> list[np.ndarray]:
    """What the call computes, as arrays with scratchnet's axes."""
    value = prepare(operation)()
    found = []
    for tensor in value if isinstance(value, tuple | list) else [value]:
        array = tensor.numpy()
        if operation.kind in ("adam", "momentum") or array.ndim != 4:
            found.append(array)
        elif operation.direction == "dw":  # (F, C, KH, KW); depthwise (C, 1, KH, KW)
            order = (2, 3, 1, 0) if operation.kind == "conv2d" else (2, 3, 0, 1)
            found.append(array.transpose(order))
        else:
            found.append(array.transpose(0, 2, 3, 1))
    return found


def _images(array: np.ndarray) -> torch.Tensor:
    """(N, H, W, C) as (N, C, H, W) over the same memory: channels last."""
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def _kernel(operation: Operation, kernel: np.ndarray) -> torch.Tensor:
    order = (3, 2, 0, 1) if operation.kind == "conv2d" else (2, 3, 0, 1)
    weight = torch.from_numpy(np.ascontiguousarray(kernel.transpose(order)))
    return weight.contiguous(memory_format=torch.channels_last)


def _convolution(
    operation: Operation, x: torch.Tensor, kernel: torch.Tensor, dy: torch.Tensor
) -> Call:
    groups = operation.groups if operation.kind == "conv2d" else operation.shape[-1]
    # As wide as Keras's padding; with strides Keras puts all of an odd row at the end instead.
    strides, pads = [operation.strides] * 2, [operation.size // 2] * 2
    if operation.direction == "forward":
        return lambda: functional.conv2d(x, kernel, None, strides, pads, 1, groups)
    wanted = [operation.direction == "dx", operation.direction == "dw", False]
    return lambda: _ATEN.convolution_backward(
        dy, x, kernel, None, strides, pads, [1, 1], False, [0, 0], groups, wanted
    )[wanted.index(True)]


def _dense(operation: Operation, x: torch.Tensor, kernel: torch.Tensor, dy: torch.Tensor) -> Call:
    if operation.direction == "forward":
        return lambda: x @ kernel
    return lambda: (dy @ kernel.T, x.T @ dy)


def _batch_normalization(operation: Operation, x: torch.Tensor, dy: torch.Tensor) -> Call:
    gamma, beta = torch.ones(x.shape[1]), torch.zeros(x.shape[1])
    if operation.direction == "forward":
        return lambda: torch.native_batch_norm(x, gamma, beta, None, None, True, 0, _EPSILON)[0]
    _, mean, deviation = torch.native_batch_norm(x, gamma, beta, None, None, True, 0, _EPSILON)
    return lambda: _ATEN.native_batch_norm_backward(
        dy, x, gamma, None, None, mean, deviation, True, _EPSILON, [True, True, True]
    )


def _pooling(operation: Operation, x: torch.Tensor, gradient: np.ndarray) -> Call:
    window = [operation.size] * 2, [operation.strides] * 2
    if operation.kind in ("max_pool2d", "average_pool2d"):
        dy = _images(gradient)
    else:
        dy = torch.from_numpy(gradient)[:, :, None, None]
    if operation.kind == "max_pool2d":
        if operation.direction == "forward":  # with the places, as a training step needs them
            return lambda: _ATEN.max_pool2d_with_indices(x, *window)[0]
        places = _ATEN.max_pool2d_with_indices(x, *window)[1]
        return lambda: _ATEN.max_pool2d_with_indices_backward(
            dy, x, *window, [0, 0], [1, 1], False, places
        )
    if operation.kind == "average_pool2d":
        if operation.direction == "forward":
            return lambda: functional.avg_pool2d(x, *window)
        return lambda: _ATEN.avg_pool2d_backward(dy, x, *window, [0, 0], False, True, None)
    if operation.kind == "global_average_pool2d":
        if operation.direction == "forward":
            return lambda: x.mean((2, 3))
        return lambda: (
            (dy / (x.shape[2] * x.shape[3]))
            .expand(x.shape)
            .contiguous(memory_format=torch.channels_last)
        )
    if operation.direction == "forward":
        return lambda: torch.amax(x, (2, 3))
    largest = torch.amax(x, (2, 3), keepdim=True)

    def backward() -> torch.Tensor:
        mask = x == largest
        return mask * (dy / mask.sum((2, 3), keepdim=True))

    return backward


def _optimizer(operation: Operation) -> Call:
    values, gradients = weights(operation)
    parameters = [torch.nn.Parameter(torch.from_numpy(value)) for value in values]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.from_numpy(gradient)
    optimizer: torch.optim.Optimizer = (
        torch.optim.Adam(parameters, eps=1e-7, fused=True)
        if operation.kind == "adam"
        else torch.optim.SGD(parameters, 0.01, momentum=0.9, fused=True)
    )

    def step() -> list[torch.Tensor]:
        optimizer.step()
        return [parameter.detach() for parameter in parameters]

    return step
