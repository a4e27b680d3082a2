"""Every operation in plain NumPy, straight from its definition: what a student reads.

The operations are pure functions in forward/backward pairs. With L the loss, `dy` stands for
∂L/∂y; a backward function turns it into ∂L/∂x (`dx`) and ∂L/∂w for each weight. They never
change a dtype unasked and never write to their arguments. Convolution, dense, bias and pooling
also work on integer arrays and on arrays of `fractions.Fraction`, which makes exact proofs
possible.
"""

from scratchnet.ops.formulas.activations import (
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from scratchnet.ops.formulas.convolution import (
    conv2d,
    conv2d_backward,
    conv2d_input_gradient,
    conv2d_kernel_gradient,
)
from scratchnet.ops.formulas.dropout import dropout, dropout_backward, dropout_mask
from scratchnet.ops.formulas.linear import bias_add, bias_add_backward, dense, dense_backward
from scratchnet.ops.formulas.normalization import (
    batch_normalization,
    batch_normalization_backward,
    batch_normalization_inference_backward,
    moments,
)
from scratchnet.ops.formulas.pooling import (
    average_pool2d,
    average_pool2d_backward,
    global_average_pool2d,
    global_average_pool2d_backward,
    global_max_pool2d,
    global_max_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)

__all__ = [
    "average_pool2d",
    "average_pool2d_backward",
    "batch_normalization",
    "batch_normalization_backward",
    "batch_normalization_inference_backward",
    "bias_add",
    "bias_add_backward",
    "conv2d",
    "conv2d_backward",
    "conv2d_input_gradient",
    "conv2d_kernel_gradient",
    "dense",
    "dense_backward",
    "dropout",
    "dropout_backward",
    "dropout_mask",
    "global_average_pool2d",
    "global_average_pool2d_backward",
    "global_max_pool2d",
    "global_max_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "moments",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "tanh",
    "tanh_backward",
]
