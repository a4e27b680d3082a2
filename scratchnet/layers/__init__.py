"""Layers, with Keras's names and arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scratchnet.custom_objects import custom_object_scope
from scratchnet.layers.activation import Activation, Identity, Softmax
from scratchnet.layers.activity_regularization import ActivityRegularization
from scratchnet.layers.adaptive_pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
)
from scratchnet.layers.attention import AdditiveAttention, Attention
from scratchnet.layers.augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from scratchnet.layers.convolution import Conv1D, Conv2D
from scratchnet.layers.dense import Dense
from scratchnet.layers.depthwise import DepthwiseConv1D, DepthwiseConv2D
from scratchnet.layers.dropout import (
    AlphaDropout,
    Dropout,
    SpatialDropout1D,
    SpatialDropout2D,
)
from scratchnet.layers.einsum_dense import EinsumDense
from scratchnet.layers.embedding import Embedding
from scratchnet.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from scratchnet.layers.group_query_attention import GroupQueryAttention
from scratchnet.layers.input import Input, InputLayer
from scratchnet.layers.joining import Concatenate, Dot, concatenate, dot
from scratchnet.layers.lambda_layer import Lambda
from scratchnet.layers.layer import Layer
from scratchnet.layers.layer_normalization import GroupNormalization, LayerNormalization
from scratchnet.layers.measured_normalization import Normalization
from scratchnet.layers.merge import (
    Add,
    Average,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    maximum,
    minimum,
    multiply,
    subtract,
)
from scratchnet.layers.multi_head_attention import MultiHeadAttention
from scratchnet.layers.noise import GaussianDropout, GaussianNoise
from scratchnet.layers.normalization import BatchNormalization
from scratchnet.layers.padding import Cropping1D, Cropping2D, ZeroPadding1D, ZeroPadding2D
from scratchnet.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from scratchnet.layers.rectifiers import ELU, LeakyReLU, PReLU, ReLU
from scratchnet.layers.rescaling import Rescaling
from scratchnet.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from scratchnet.layers.resizing import CenterCrop, Resizing
from scratchnet.layers.separable import SeparableConv1D, SeparableConv2D
from scratchnet.layers.symbolic import SymbolicTensor
from scratchnet.layers.transposed import Conv1DTranspose, Conv2DTranspose
from scratchnet.layers.unit_normalization import RMSNormalization, UnitNormalization
from scratchnet.layers.upsampling import UpSampling1D, UpSampling2D
from scratchnet.serialization import find_class, serialize_object

# Keras's second names
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
Convolution1D = Conv1D
Convolution1DTranspose = Conv1DTranspose
Convolution2D = Conv2D
Convolution2DTranspose = Conv2DTranspose
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "GroupQueryAttention",
    "Identity",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Subtract",
    "SymbolicTensor",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

_KNOWN: dict[str, type[Layer]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Layer) and name == value.__name__
}


_MODULES = {"Sequential": "keras", "Functional": "keras.src.models.functional"}


def serialize(layer: Layer) -> dict[str, Any]:
    """A layer as Keras writes it: its class, where that is, and its configuration."""
    entry = serialize_object(layer, _MODULES.get(type(layer).__name__, "keras.layers"))
    return entry | {"build_config": layer.get_build_config()}


def deserialize(
    entry: dict[str, Any], custom_objects: Mapping[str, type[Layer]] | None = None
) -> Layer:
    """A new layer from what `serialize` gave, here or in Keras.

    Args:
        entry: the configuration.
        custom_objects: {class name: class} of layers of your own, and of all else that the
            configuration names; registered ones need not be named here.

    Raises ValueError for a class that is not known, with the closest that is.
    """
    from scratchnet import models  # they import layers

    known = _KNOWN | {
        "Sequential": models.Sequential,
        "Functional": models.Functional,
        "Model": models.Model,
    }
    with custom_object_scope(custom_objects):
        return find_class(entry, known, "layer", Layer).from_config(entry["config"])
