"""Keras's random layers, drawing scratchnet's random numbers.

Keras's own layer computes; only where it asks its backend for random numbers does it get those of
`scratchnet.ops.formulas.random_bits`, from the same seed and the same count of calls. The hash is
computed with Keras's operations, so that it runs inside a compiled training step too, in int32,
whose products wrap around as those of uint32 do; a shift to the right is masked, for int32 would
fill it with the sign.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

import numpy as np

from scratchnet.layers import Attention
from scratchnet.layers.dropout import RandomLayer
from scratchnet.layers.head_attention import HeadAttention


def injected_layer(layer: RandomLayer) -> Any:
    """The Keras layer for a scratchnet layer, at the same place of the same random numbers."""
    import keras

    kind = _injected(type(layer).__name__, keras.config.floatx())
    theirs = kind.from_config(layer.get_config())
    for name in ("seed_generator", "generator"):  # a rate of 0 has none
        if hasattr(theirs, name):
            # A copy: JAX may go on reading the memory of the array that it is given
            getattr(theirs, name).state.assign(layer.seed_state.copy())
    return theirs


def injected_attention(layer: Attention | HeadAttention) -> Any:
    """The Keras layer for attention that drops weights, with the draws of the layer inside it."""
    import keras

    base: Any = getattr(keras.layers, type(layer).__name__)

    class InjectedAttention(base):
        @wraps(base.build)
        def build(self, *args: Any, **kwargs: Any) -> None:
            super().build(*args, **kwargs)
            dropping: Any = getattr(self, "_dropout_layer", self)
            dropping.seed_generator.state.assign(layer.dropout_layer.seed_state.copy())

        @wraps(base.call)
        def call(self, *args: Any, **kwargs: Any) -> Any:
            with _our_draws():
                return super().call(*args, **kwargs)

    return InjectedAttention.from_config(layer.get_config())


@cache
def _injected(name: str, floatx: str) -> Any:
    """A subclass of the Keras layer of that name that draws our numbers."""
    import keras

    base = getattr(keras.layers, name)

    @wraps(base.call)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _our_draws():
            return base.call(self, *args, **kwargs)

    methods: dict[str, Any] = {"call": call}
    if name == "RandomRotation" and floatx != "float32":
        methods["_compute_affine_matrix"] = _rotation_matrix
    return type(f"Injected{name}", (base,), methods)


def _rotation_matrix(self: Any, *, angle: Any, height: Any, width: Any, **others: Any) -> Any:
    """Keras's own multiplies the angle by a float32 constant, which other dtypes refuse."""
    from keras import ops

    radians = angle * (math.pi / 180)
    cos, sin = ops.cos(radians), ops.sin(radians)
    x, y = ((ops.cast(cells, angle.dtype) - 1) / 2 for cells in (width, height))
    to_column = [cos, -sin, x - x * cos + y * sin]
    to_row = [sin, cos, y - x * sin - y * cos]
    return ops.stack([*to_column, *to_row, *[ops.zeros_like(angle)] * 2], axis=1)


@contextmanager
def _our_draws() -> Iterator[None]:
    """Replace what the layers of Keras draw with, while one of them is called."""
    from keras.src.backend import random

    ours = {"dropout": _dropout, "normal": _normal, "uniform": _uniform}
    theirs = {name: getattr(random, name) for name in ours}
    for name, function in ours.items():
        setattr(random, name, function)
    try:
        yield
    finally:
        for name, function in theirs.items():
            setattr(random, name, function)


def _dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    from keras import ops

    if rate == 1:
        return ops.zeros_like(inputs)
    shape = ops.shape(inputs)
    noise = noise_shape or [None] * len(shape)
    shape = [s if n is None else n for n, s in zip(noise, shape, strict=True)]
    keep = ops.reshape(_bits(_count(shape), seed) >= round(rate * 2**24), shape)
    kept = inputs / (1 - rate)  # a cast would pass float32
    return ops.where(keep, kept, ops.zeros_like(inputs))


def _uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """The middles of 2²⁴ equal parts: one is ≥ rate exactly where bits ≥ round(rate · 2²⁴)."""
    import keras

    bits = keras.ops.cast(_bits(_count(shape), seed), dtype or keras.config.floatx())
    return keras.ops.reshape(minval + (maxval - minval) * (bits + 0.5) / 2**24, shape)


def _normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    import keras
    from keras import ops

    bits = ops.reshape(_bits(2 * _count(shape), seed), (-1, 2))
    bits = ops.cast(bits, dtype or keras.config.floatx())
    u, v = (bits[:, 0] + 1) / 2**24, bits[:, 1] / 2**24
    z = ops.sqrt(-2 * ops.log(u)) * ops.cos(2 * np.pi * v)
    return ops.reshape(mean + stddev * z, shape)


def _count(shape: Any) -> Any:
    """The number of cells, which TensorFlow may not know yet while it compiles a step."""
    from keras import ops

    if all(isinstance(n, int) for n in shape):
        return math.prod(shape)
    return ops.prod(ops.stack([ops.cast(n, "int32") for n in [1, *shape]]))


def _bits(count: Any, seed_generator: Any) -> Any:
    """`scratchnet.ops.random_bits` for the generator's next key."""
    from keras import ops

    state = seed_generator.next()
    seed, call = _int32(state[0]), _int32(state[1])
    stream = _mix(ops.bitwise_xor(_mix(seed), call))
    return _shift(_mix(ops.bitwise_xor(_mix(ops.arange(count, dtype="int32")), stream)), 8)


def _mix(h: Any) -> Any:
    from keras import ops

    for by, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        h = ops.bitwise_xor(h, _shift(h, by))
        h = h * int(np.array(factor, np.uint32).astype(np.int32))
    return ops.bitwise_xor(h, _shift(h, 16))


def _shift(h: Any, by: int) -> Any:
    from keras import ops

    return ops.bitwise_and(ops.right_shift(h, by), (1 << (32 - by)) - 1)


def _int32(value: Any) -> Any:
    from keras import ops

    return ops.cast(value, "int32")
