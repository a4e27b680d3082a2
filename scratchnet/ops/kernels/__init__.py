"""The operations as compiled kernels: same names and signatures as `ops.formulas`.

Arrays that a kernel is not made for (other dtypes, empty ones) go to the formula. An operation that
is not imported below has no kernel: there the formula itself serves.
"""

from scratchnet.ops.formulas import *
from scratchnet.ops.formulas import __all__ as __all__
from scratchnet.ops.kernels.convolution import (
    conv2d,
    conv2d_backward,
    conv2d_bias,
    conv2d_input_gradient,
    conv2d_kernel_gradient,
)
from scratchnet.ops.kernels.depthwise import (
    depthwise_conv2d,
    depthwise_conv2d_backward,
    depthwise_conv2d_input_gradient,
    depthwise_conv2d_kernel_gradient,
)
from scratchnet.ops.kernels.distributions import log_softmax, softmax, softmax_backward
from scratchnet.ops.kernels.dropout import dropout, dropout_backward, dropout_mask
from scratchnet.ops.kernels.gates import (
    gelu,
    gelu_backward,
    hard_silu,
    hard_silu_backward,
    silu,
    silu_backward,
)
from scratchnet.ops.kernels.layer_normalization import (
    layer_normalization,
    layer_normalization_backward,
)
from scratchnet.ops.kernels.linear import (
    bias_add,
    bias_add_activation,
    bias_add_activation_backward,
    bias_add_backward,
    dense,
    dense_backward,
    dense_bias,
)
from scratchnet.ops.kernels.merge import add, add_relu
from scratchnet.ops.kernels.normalization import (
    batch_normalization,
    batch_normalization_backward,
    batch_normalization_inference_backward,
    batch_normalization_relu,
    batch_normalization_relu_backward,
    moments,
)
from scratchnet.ops.kernels.normalized_pooling import batch_normalization_max_pool2d
from scratchnet.ops.kernels.pooled_convolution import conv2d_bias_pool2d
from scratchnet.ops.kernels.pooling import (
    average_pool2d,
    average_pool2d_backward,
    global_average_pool2d,
    global_average_pool2d_backward,
    global_max_pool2d,
    global_max_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from scratchnet.ops.kernels.rectifiers import (
    elu,
    elu_backward,
    relu,
    relu_backward,
    selu,
    selu_backward,
)
from scratchnet.ops.kernels.sigmoids import (
    hard_sigmoid,
    hard_sigmoid_backward,
    hard_tanh,
    hard_tanh_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from scratchnet.ops.kernels.smooth_rectifiers import softplus, softplus_backward
from scratchnet.ops.kernels.transposed import (
    conv2d_transpose,
    conv2d_transpose_backward,
    conv2d_transpose_input_gradient,
    conv2d_transpose_kernel_gradient,
)
