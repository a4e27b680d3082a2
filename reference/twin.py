"""The Keras model that a scratchnet model stands for, with the same weights.

`getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())` is the mapping. The
one exception is Dropout, whose masks Keras draws in its own way: the twin draws scratchnet's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

import scratchnet as sn
from reference.device import prepare
from scratchnet import layers as sn_layers
from scratchnet import losses as sn_losses
from scratchnet import metrics as sn_metrics
from scratchnet import optimizers as sn_optimizers


def twin(model: sn.Sequential) -> Any:
    """A `keras.Sequential` with the layers, weights and compilation of a built model.

    Args:
        model: built scratchnet model.

    Raises:
        ImportError: Keras is missing.
        ValueError: the model is not built.
    """
    prepare()
    import keras

    if not model.built or model.input_shape is None:
        raise ValueError(
            f"The model {model.name!r} is not built, so there are no weights to copy. Give it an "
            f"Input as its first layer, or call model.build(input_shape)."
        )
    input_dtype = model.input_layer.dtype if model.input_layer else model.dtype
    copy = keras.Sequential(
        [keras.Input(batch_shape=model.input_shape, dtype=input_dtype)], name=model.name
    )
    for layer in model.layers:
        copy.add(twin_layer(layer))
    copy.set_weights(model.get_weights())
    if model.compiled:
        plain, weighted = model._metric_sources
        copy.compile(
            optimizer=keras.optimizers.deserialize(sn_optimizers.serialize(model._optimizer())),
            loss=keras.losses.deserialize(sn_losses.serialize(model.loss)),
            metrics=[_metric(metric) for metric in plain] or None,
            weighted_metrics=[_metric(metric) for metric in weighted] or None,
        )
    return copy


def twin_layer(layer: sn_layers.Layer) -> Any:
    """The Keras layer for one scratchnet layer, without its weights."""
    import keras

    if isinstance(layer, sn_layers.Dropout):
        return _injected_dropout()(layer)
    if isinstance(layer, sn.Sequential):
        return twin(layer)
    return getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())


def _metric(source: Any) -> Any:
    import keras

    if isinstance(source, sn_metrics.Metric):
        return keras.metrics.deserialize(sn_metrics.serialize(source))
    return source


@cache
def _injected_dropout() -> Any:
    import keras
    from keras import ops

    class InjectedDropout(keras.layers.Dropout):
        """Dropout whose masks are scratchnet's: a hash of seed, call and position.

        The hash is computed in int32, whose products wrap around as those of uint32 do; a shift
        to the right is masked, for int32 would fill it with the sign.
        """

        def __init__(self, source: sn_layers.Dropout) -> None:
            super().__init__(source.rate, source.noise_shape, name=source.name, dtype=source.dtype)
            if source.rate > 0:
                # Keras keeps [seed, calls] as uint32 too, so both go on from here together
                self.seed_generator.state.assign(source.seed_state)

        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training or self.rate == 0:
                return inputs
            if self.rate == 1:
                return ops.zeros_like(inputs)
            state = self.seed_generator.next()
            seed, call = _int32(state[0]), _int32(state[1])
            stream = _mix(ops.bitwise_xor(_mix(seed), call))
            shape = self._noise_shape(inputs)
            count = ops.prod(ops.stack([ops.cast(n, "int32") for n in shape]))
            cells = ops.arange(count, dtype="int32")
            bits = _shift(_mix(ops.bitwise_xor(_mix(cells), stream)), 8)
            keep = ops.reshape(bits >= round(self.rate * 2**24), shape)
            kept = inputs / (1 - self.rate)  # a cast would pass float32
            return ops.where(keep, kept, ops.zeros_like(inputs))

        def _noise_shape(self, inputs: Any) -> Sequence[Any]:
            shape = ops.shape(inputs)
            noise = self.noise_shape or [None] * len(shape)
            return [s if n is None else n for n, s in zip(noise, shape, strict=True)]

    def _int32(value: Any) -> Any:
        return ops.cast(value, "int32")

    def _shift(h: Any, by: int) -> Any:
        return ops.bitwise_and(ops.right_shift(h, by), (1 << (32 - by)) - 1)

    def _mix(h: Any) -> Any:
        for by, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            h = ops.bitwise_xor(h, _shift(h, by))
            h = h * int(np.array(factor, np.uint32).astype(np.int32))
        return ops.bitwise_xor(h, _shift(h, 16))

    return InjectedDropout
