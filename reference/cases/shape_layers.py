"""Layers that reshape, pad, crop, repeat and resize."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import built_twin, keras_gradients, layer_errors, relative_error
from reference.cases.case import Case
from scratchnet import layers

Array = np.ndarray

_rng = np.random.default_rng(18)
IMAGES = _rng.standard_normal((2, 4, 6, 3))
SEQUENCES = _rng.standard_normal((2, 5, 3))
VECTORS = _rng.standard_normal((3, 4))
# Whole numbers: at sizes that are powers of 2 float32 interpolates them without rounding
WHOLE = _rng.integers(-8, 9, (2, 4, 8, 3)).astype(np.float64)
PIXELS = _rng.integers(0, 256, (2, 4, 8, 3)).astype(np.uint8)
TALL, WIDE = _rng.standard_normal((1, 9, 4, 2)), _rng.standard_normal((1, 3, 11, 2))

# TensorFlow computes the places and weights of an interpolation in float32, whatever the images'
# dtype is: a place among 11 cells is off by up to 11 · 2⁻²⁴, and some roundings follow. The same
# formula is exact to 1e-12 where float32 does not round, see `_exact`, and against exact
# fractions in the tests.
_FLOAT32 = 32 * 2.0**-24


def _layer(kind: str, x: Array, bound: float = 1e-12, **arguments: Any) -> Case:
    def error() -> float:
        return max(layer_errors(getattr(layers, kind)(**arguments), x).values())

    return Case(f"layers.{kind}", _label(x, arguments), error, bound)


def _label(x: Array, arguments: dict[str, Any]) -> str:
    shape = "x".join(str(n) for n in x.shape[1:])
    return ", ".join([f"{k}={v}" for k, v in arguments.items()] + [f"{x.dtype} {shape}"])


def _exact(kind: str, **arguments: Any) -> Case:
    """Whole numbers in x and dy and powers of 2 as sizes: float32 does not round."""

    def error() -> float:
        layer = getattr(layers, kind)(**arguments)
        layer.ensure_built((None, *WHOLE.shape[1:]))
        y, saved = layer.forward(WHOLE, True)
        dy = np.random.default_rng(0).integers(-8, 9, y.shape).astype(np.float64)
        their_y, their_dx, _ = keras_gradients(built_twin(layer), WHOLE, dy)
        dx, _ = layer.backward(dy, saved)
        return max(relative_error(y, their_y), relative_error(dx, their_dx))

    return Case(f"layers.{kind}", f"without rounding, {_label(WHOLE, arguments)}", error)


def _forward(kind: str, x: Array, bound: float = 1e-12, **arguments: Any) -> Case:
    """The output alone, where Keras has no gradient."""

    def error() -> float:
        layer = getattr(layers, kind)(**arguments)
        y = layer(x)
        their_y = built_twin(layer)(x).numpy()
        same_kind = y.dtype.kind == their_y.dtype.kind
        return relative_error(y, their_y) if same_kind else float("inf")

    return Case(f"layers.{kind}", f"output, {_label(x, arguments)}", error, bound)


def _single(kind: str, x: Array, **arguments: Any) -> Case:
    """In float32, where TensorFlow's gradient knows no float64."""
    return _layer(kind, x.astype(np.float32), _FLOAT32, dtype="float32", **arguments)


_SHAPES = [
    *(_layer("Flatten", x) for x in (IMAGES, SEQUENCES, VECTORS, VECTORS[:, 0])),
    *(_layer("Reshape", IMAGES, target_shape=t) for t in ((6, 12), (-1,), (2, -1, 3), [72])),
    _layer("Reshape", VECTORS[:, 0], target_shape=(1, 1)),
    *(_layer("Permute", IMAGES, dims=dims) for dims in ((1, 2, 3), (3, 1, 2), [2, 1, 3])),
    _layer("Permute", SEQUENCES, dims=(2, 1)),
    *(_layer("RepeatVector", VECTORS, n=n) for n in (1, 3)),
]
_BORDERS = [
    *(_layer("ZeroPadding1D", SEQUENCES, padding=p) for p in (0, 2, (0, 3), [1, 0])),
    _layer("ZeroPadding1D", SEQUENCES, data_format="channels_last"),
    *(
        _layer("ZeroPadding2D", IMAGES, padding=p)
        for p in (0, 2, (0, 3), ((1, 0), (2, 3)), (1, (2, 0)), [[0, 1], [0, 1]])
    ),
    _layer("ZeroPadding2D", IMAGES, data_format="channels_last"),
    *(_layer("Cropping1D", SEQUENCES, cropping=c) for c in (0, 2, (0, 3), [1, 0])),
    _layer("Cropping1D", SEQUENCES),
    *(
        _layer("Cropping2D", IMAGES, cropping=c)
        for c in (0, 1, (0, 2), ((1, 0), (2, 3)), (1, (2, 0)), [[0, 1], [0, 1]])
    ),
    _layer("Cropping2D", IMAGES, data_format="channels_last"),
]
_LARGER = [
    *(_layer("UpSampling1D", SEQUENCES, size=size) for size in (1, 2, 3)),
    *(_layer("UpSampling2D", IMAGES, size=size) for size in (1, 2, (3, 1), [1, 4])),
    _layer("UpSampling2D", IMAGES, data_format="channels_last", interpolation="nearest"),
    _exact("UpSampling2D", interpolation="bilinear"),
    _exact("UpSampling2D", size=(4, 1), interpolation="bilinear"),
    _layer("UpSampling2D", IMAGES, _FLOAT32, size=(3, 5), interpolation="bilinear"),
    _layer("UpSampling2D", IMAGES, _FLOAT32, size=(3, 2), interpolation="bicubic"),
    _single("UpSampling2D", IMAGES, size=(3, 2), interpolation="lanczos3"),
    _single("UpSampling2D", IMAGES, size=2, interpolation="lanczos5"),
    _forward("UpSampling2D", IMAGES, _FLOAT32, size=(2, 3), interpolation="area"),
]
_SIZE = {"height": 5, "width": 7}
_RESIZED = [
    *(_layer("Resizing", x, interpolation="nearest", **_SIZE) for x in (IMAGES, TALL, WIDE)),
    *(_layer("Resizing", x, _FLOAT32, **_SIZE) for x in (IMAGES, TALL, WIDE, SEQUENCES)),
    _layer("Resizing", IMAGES, _FLOAT32, height=4, width=6, data_format="channels_last"),
    _exact("Resizing", height=8, width=2),
    _exact("Resizing", height=2, width=8, crop_to_aspect_ratio=True),
    _exact("Resizing", height=8, width=8, pad_to_aspect_ratio=True, fill_value=3.0),
    *(_layer("Resizing", x, _FLOAT32, interpolation="bicubic", **_SIZE) for x in (TALL, WIDE)),
    *(
        _single("Resizing", x, interpolation=interpolation, antialias=antialias, **_SIZE)
        for x in (TALL, WIDE)
        for interpolation, antialias in (
            ("lanczos3", False),
            ("lanczos5", True),
            ("bilinear", True),
            ("bicubic", True),
        )
    ),
    _layer("Resizing", WIDE, interpolation="nearest", antialias=True, **_SIZE),
    *(_forward("Resizing", x, _FLOAT32, interpolation="area", **_SIZE) for x in (TALL, WIDE)),
    *(
        _layer("Resizing", x, interpolation="nearest", **_SIZE, **fit)
        for x in (TALL, WIDE)
        for fit in (
            {"crop_to_aspect_ratio": True},
            {"pad_to_aspect_ratio": True, "fill_mode": "constant", "fill_value": 0.3},
        )
    ),
    *(
        _forward("Resizing", PIXELS, height=8, width=2, interpolation=interpolation)
        for interpolation in ("nearest", "bilinear")
    ),
]
_CUT = [
    *(_layer("CenterCrop", IMAGES, height=h, width=w) for h, w in ((4, 6), (1, 1), (2, 3), (3, 5))),
    _layer("CenterCrop", SEQUENCES, height=1, width=2, data_format="channels_last"),
    *(_single("CenterCrop", x, **_SIZE) for x in (TALL, WIDE, IMAGES)),
    _forward("CenterCrop", WHOLE, height=8, width=2),
    _forward("CenterCrop", PIXELS, height=2, width=16),
]

CASES: list[Case] = [*_SHAPES, *_BORDERS, *_LARGER, *_RESIZED, *_CUT]
