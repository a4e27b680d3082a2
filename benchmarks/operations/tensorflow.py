"""The operations in TensorFlow, compiled with `tf.function`; gradients by the raw operations, so
that nothing but the gradient is computed. Optimizers are Keras's, compiled the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.operations.operation import Operation, arrays, weights

_EPSILON = 1e-3

Call = Callable[[], Any]
# Forward, and the gradient from (dy, saved); what is saved is the input (x) or the output (y).
_ACTIVATIONS: dict[str, tuple[Callable, Callable, str]] = {
    "relu": (tf.nn.relu, lambda dy, y: tf.raw_ops.ReluGrad(gradients=dy, features=y), "y"),
    "elu": (tf.nn.elu, lambda dy, y: tf.raw_ops.EluGrad(gradients=dy, outputs=y), "y"),
    "sigmoid": (tf.nn.sigmoid, lambda dy, y: tf.raw_ops.SigmoidGrad(y=y, dy=dy), "y"),
    "tanh": (tf.nn.tanh, lambda dy, y: tf.raw_ops.TanhGrad(y=y, dy=dy), "y"),
    "softplus": (
        tf.nn.softplus,
        lambda dy, x: tf.raw_ops.SoftplusGrad(gradients=dy, features=x),
        "x",
    ),
    "silu": (tf.nn.silu, lambda dy, x: _taped(tf.nn.silu, dy, x), "x"),
    "gelu": (
        lambda x: tf.nn.gelu(x, approximate=False),
        lambda dy, x: _taped(lambda x: tf.nn.gelu(x, approximate=False), dy, x),
        "x",
    ),
    # as TensorFlow itself differentiates it
    "softmax": (
        tf.nn.softmax,
        lambda dy, y: (dy - tf.reduce_sum(dy * y, -1, keepdims=True)) * y,
        "y",
    ),
}


def prepare(operation: Operation) -> Call:
    """The call to time."""
    if operation.kind in ("adam", "momentum"):
        return _optimizer(operation)
    x, kernel, dy = (None if a is None else tf.constant(a) for a in arrays(operation))
    if operation.kind in ("conv2d", "depthwise_conv2d"):
        return _convolution(operation, x, kernel, dy)
    if operation.kind == "dense":
        return _dense(operation, x, kernel, dy)
    if operation.kind == "batch_normalization":
        return _batch_normalization(operation, x, dy)
    if operation.kind in _ACTIVATIONS:
        forward, backward, saved = _ACTIVATIONS[operation.kind]
        if operation.direction == "forward":
            return _compiled(forward, x)
        return _compiled(backward, dy, forward(x) if saved == "y" else x)
    return _pooling(operation, x, dy)


def result(operation: Operation) -> list[np.ndarray]:
    """What the call computes, as arrays."""
    value = prepare(operation)()
    return [np.asarray(each) for each in (value if isinstance(value, tuple | list) else [value])]


def _compiled(function: Callable[..., Any], *arguments: Any) -> Call:
    """A call of the compiled function, without the look-up that finds it."""
    concrete = tf.function(function).get_concrete_function(*arguments)
    return lambda: concrete(*arguments)


def _taped(function: Callable[..., Any], dy: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x, dy)


def _convolution(operation: Operation, x: Any, kernel: Any, dy: Any) -> Call:
    options = {"strides": [1, operation.strides, operation.strides, 1], "padding": "SAME"}
    name = "Conv2D" if operation.kind == "conv2d" else "DepthwiseConv2dNative"
    forward, dx, dw = (
        getattr(tf.raw_ops, name + end) for end in ("", "BackpropInput", "BackpropFilter")
    )
    if operation.direction == "forward":
        return _compiled(lambda x, w: forward(input=x, filter=w, **options), x, kernel)
    if operation.direction == "dx":
        return _compiled(
            lambda w, dy: dx(input_sizes=x.shape, filter=w, out_backprop=dy, **options), kernel, dy
        )
    sizes = kernel.shape
    return _compiled(
        lambda x, dy: dw(input=x, filter_sizes=sizes, out_backprop=dy, **options), x, dy
    )


def _dense(operation: Operation, x: Any, kernel: Any, dy: Any) -> Call:
    if operation.direction == "forward":
        return _compiled(tf.matmul, x, kernel)
    return _compiled(
        lambda dy, x, w: (tf.matmul(dy, w, transpose_b=True), tf.matmul(x, dy, transpose_a=True)),
        dy,
        x,
        kernel,
    )


def _batch_normalization(operation: Operation, x: Any, dy: Any) -> Call:
    gamma, beta = tf.ones(x.shape[-1]), tf.zeros(x.shape[-1])
    options = {"epsilon": _EPSILON, "is_training": True}
    nothing = tf.constant([], tf.float32)

    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        return tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=nothing, variance=nothing, **options
        )

    if operation.direction == "forward":
        call = _compiled(forward, x, gamma, beta)
        return lambda: call()[0]
    saved = forward(x, gamma, beta)

    def backward(dy: Any, x: Any, gamma: Any, *reserved: Any) -> Any:
        spaces = {f"reserve_space_{i + 1}": reserve for i, reserve in enumerate(reserved)}
        return tf.raw_ops.FusedBatchNormGradV3(y_backprop=dy, x=x, scale=gamma, **spaces, **options)

    call = _compiled(backward, dy, x, gamma, *saved[3:6])
    return lambda: call()[:3]


def _pooling(operation: Operation, x: Any, dy: Any) -> Call:
    window = {
        "ksize": [1, operation.size, operation.size, 1],
        "strides": [1, operation.strides, operation.strides, 1],
        "padding": "VALID",
    }
    sizes = tf.constant(x.shape)
    pixels = x.shape[1] * x.shape[2]
    if operation.kind == "max_pool2d":
        forward = lambda x: tf.raw_ops.MaxPool(input=x, **window)  # noqa: E731
        backward = _compiled(
            lambda dy, x, y: tf.raw_ops.MaxPoolGrad(orig_input=x, orig_output=y, grad=dy, **window),
            dy,
            x,
            forward(x),
        )
    elif operation.kind == "average_pool2d":
        forward = lambda x: tf.raw_ops.AvgPool(value=x, **window)  # noqa: E731
        backward = _compiled(
            lambda dy: tf.raw_ops.AvgPoolGrad(orig_input_shape=sizes, grad=dy, **window), dy
        )
    elif operation.kind == "global_max_pool2d":
        forward = lambda x: tf.reduce_max(x, [1, 2])  # noqa: E731
        backward = _compiled(lambda dy, x: _taped(forward, dy, x), dy, x)
    else:
        forward = lambda x: tf.reduce_mean(x, [1, 2])  # noqa: E731
        backward = _compiled(
            lambda dy: tf.broadcast_to(dy[:, None, None] / pixels, tf.shape(x)), dy
        )
    return _compiled(forward, x) if operation.direction == "forward" else backward


def _optimizer(operation: Operation) -> Call:
    import keras

    values, gradients = weights(operation)
    variables = [keras.Variable(value) for value in values]
    given = [tf.constant(gradient) for gradient in gradients]
    optimizer = (
        keras.optimizers.Adam()
        if operation.kind == "adam"
        else keras.optimizers.SGD(0.01, momentum=0.9)
    )
    optimizer.build(variables)
    apply = tf.function(lambda gradients: optimizer.apply(gradients))

    def step() -> list[Any]:
        apply(given)
        return [variable.value for variable in variables]

    return step
