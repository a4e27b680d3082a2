"""The end of a convolution or a dense layer: y = f(z + b), on numbers that a kernel just stored."""

from __future__ import annotations

from scratchnet.ops.kernels import elementary
from scratchnet.ops.kernels.jit import jit

LINEAR, RELU, TANH = 0, 1, 2
ACTIVATIONS = {"linear": LINEAR, "relu": RELU, "tanh": TANH}


def _add_and_activate(z, bias, activation):  # type: ignore[no-untyped-def]
    # In place, to as many numbers as there are of the bias
    if activation == TANH:
        for k in range(len(z)):
            z[k] = elementary.tanh(z[k] + bias[k])
    else:
        for k in range(len(z)):
            y = z[k] + bias[k]
            z[k] = 0 if (activation == RELU) & (y <= 0) else y


add_bias = jit(_add_and_activate, parallel=False)
