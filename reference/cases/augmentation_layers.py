"""Layers that change images at random: Keras's layer does what ours drew, and draws it itself.

Most cases compare four things: Keras's layer given the parameters that ours drew; Keras's layer
drawing them itself from the same seed (`reference.injected`); the gradient; and inference.

The gradient of rotation, translation and zoom has no counterpart in TensorFlow, whose own is none
(`scratchnet.ops.formulas.affine_transform`). It is compared with the transpose of the matrix that
Keras's forward pass is, read off from images with one bright pixel each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import built_twin, layer_errors, relative_error
from reference.cases.case import Case
from scratchnet import layers
from scratchnet.layers.augmentation.affine_layer import AffineLayer
from scratchnet.layers.augmentation.augmentation_layer import AugmentationLayer, Drawn

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 5, 6, 3)).astype(np.float64)
GREY = np.random.default_rng(1).uniform(0, 1, (4, 6, 5, 1))
# TensorFlow computes bilinear values in float32: of each, two products and a sum of four terms
FLOAT32 = 16 * 2.0**-24
# So it does when it resizes, where its places are float32 too (reference.cases.shape_layers)
RESIZED = 32 * 2.0**-24


def given_to_keras(layer: AugmentationLayer, drawn: Drawn, size: tuple[int, int]) -> Any:
    """What was drawn for images of `size` (rows, columns), as Keras's layer would have kept it."""
    if isinstance(layer, layers.RandomCrop):
        return int(drawn["h_start"]), int(drawn["w_start"])
    if isinstance(layer, layers.RandomRotation):
        return {"rotation_matrix": _eight_numbers(layer.matrix(drawn, size))}
    if isinstance(layer, layers.RandomTranslation):
        return {"translations": drawn["translations"].astype(np.float32)}
    return drawn


def errors(layer: AugmentationLayer, x: np.ndarray) -> dict[str, float]:
    """{quantity: error} of one call in training and one at inference."""
    import keras

    config = layer.get_config()
    theirs = getattr(keras.layers, type(layer).__name__).from_config(config)
    again, still = (type(layer).from_config(config) for _ in range(2))
    drawn = layer.draw(x.shape)
    y, saved = layer.transform(x, drawn)
    given = given_to_keras(layer, drawn, x.shape[1:3])
    their_y = theirs.transform_images(keras.ops.convert_to_tensor(x), given, training=True)
    found = {"output of what was drawn": relative_error(y, their_y)}
    found |= layer_errors(again, x)
    if isinstance(layer, AffineLayer):
        dy = np.random.default_rng(2).standard_normal(y.shape)
        matrix = layer.matrix(drawn, x.shape[1:3])
        expected = transposed_by_keras(layer, matrix, dy)
        found["input gradient"] = relative_error(layer.transform_backward(dy, saved), expected)
    if not isinstance(layer, layers.RandomCrop):  # see _crop_at_inference
        found["inference"] = max(layer_errors(still, x, training=False).values())
    return found


def transposed_by_keras(layer: AffineLayer, matrix: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Aᵀ·dy, with the A of each image as Keras's affine_transform computes its columns."""
    import keras

    samples, rows, columns, channels = dy.shape
    cells = rows * columns
    units = np.eye(cells).reshape(cells, rows, columns, 1)
    dx = np.empty(dy.shape)
    for n in range(samples):
        images = keras.ops.image.affine_transform(
            units,
            np.repeat(_eight_numbers(matrix[n : n + 1]), cells, axis=0),
            interpolation=layer.interpolation,
            fill_mode=layer.fill_mode,
        )
        transposed = np.asarray(images).reshape(cells, cells)
        dx[n] = (transposed @ dy[n].reshape(cells, channels)).reshape(dx[n].shape)
    return dx


def _eight_numbers(matrix: np.ndarray) -> np.ndarray:
    """(N, 2, 3) as Keras writes it: row after row, and two zeros for what is not affine."""
    return np.concatenate([matrix.reshape(-1, 6), np.zeros((len(matrix), 2), np.float32)], axis=1)


def _case(
    kind: str, x: np.ndarray = IMAGES, bound: float = 1e-12, /, label: str = "", **arguments: Any
) -> Case:
    def error() -> float:
        return max(errors(getattr(layers, kind)(**arguments), x).values())

    listed = ", ".join(f"{name}={value}" for name, value in arguments.items())
    return Case(f"layers.{kind}", label or listed, error, bound)


def _affine(kind: str, **arguments: Any) -> list[Case]:
    """Both interpolations with each fill mode."""
    return [
        _case(
            kind,
            IMAGES,
            FLOAT32 if interpolation == "bilinear" else 1e-12,
            **arguments,
            fill_mode=fill_mode,
            interpolation=interpolation,
        )
        for fill_mode in ("reflect", "wrap", "constant", "nearest")
        for interpolation in ("bilinear", "nearest")
    ]


def _single_image(kind: str, bound: float = 1e-12, **arguments: Any) -> Case:
    """(H, W, C), which Keras's layer takes too."""

    def error() -> float:
        layer = getattr(layers, kind)(**arguments)
        layer.ensure_built(IMAGES.shape[1:])
        theirs = built_twin(layer)
        return max(relative_error(layer(image), theirs(image)) for image in IMAGES)

    return Case(f"layers.{kind}", "single images, one after another", error, bound)


def _crop_at_inference(height: int, width: int) -> Case:
    """Keras's RandomCrop returns the images uncut; what it is said to do is what Resizing does."""

    def error() -> float:
        import keras

        layer = layers.RandomCrop(height, width)
        resizing = keras.layers.Resizing(height, width, crop_to_aspect_ratio=True)
        return relative_error(layer(IMAGES, training=False), resizing(IMAGES))

    return Case("layers.RandomCrop", f"inference, {height} × {width}", error, RESIZED)


CASES: list[Case] = [
    _case("RandomFlip", seed=1, label="defaults"),
    *(
        _case("RandomFlip", seed=seed, mode=mode)
        for seed, mode in enumerate(("horizontal", "vertical", "horizontal_and_vertical"))
    ),
    _case("RandomFlip", seed=3, data_format="channels_last", name="flip", dtype="float64"),
    _single_image("RandomFlip", seed=4),
    _case("RandomCrop", height=3, width=4, seed=1),
    _case("RandomCrop", height=1, width=1, seed=2, data_format="channels_last", name="crop"),
    _case("RandomCrop", height=5, width=4, seed=3),
    _case("RandomCrop", height=5, width=6, seed=3),
    _case("RandomCrop", IMAGES, RESIZED, height=7, width=9, seed=3),
    _case("RandomCrop", IMAGES, RESIZED, height=8, width=2, seed=3),
    _single_image("RandomCrop", height=3, width=4, seed=1),
    *(_crop_at_inference(height, width) for height, width in ((3, 4), (5, 5), (9, 2))),
    *_affine("RandomRotation", factor=0.3, seed=1),
    _case("RandomRotation", GREY, FLOAT32, factor=(0.25, -0.5), seed=2, name="turn"),
    _case(
        "RandomRotation",
        IMAGES,
        FLOAT32,
        factor=0.5,
        seed=3,
        fill_mode="constant",
        fill_value=0.25,
        data_format="channels_last",
    ),
    _single_image("RandomRotation", FLOAT32, factor=0.1, seed=1),
    *_affine("RandomTranslation", height_factor=0.4, width_factor=(-0.3, 1.0), seed=1),
    _case("RandomTranslation", GREY, FLOAT32, height_factor=[0.1, -0.5], width_factor=0, seed=2),
    _case(
        "RandomTranslation",
        IMAGES,
        FLOAT32,
        height_factor=-1.0,
        width_factor=1.0,
        seed=3,
        fill_mode="constant",
        fill_value=0.25,
        data_format="channels_last",
        name="move",
    ),
    _single_image("RandomTranslation", FLOAT32, height_factor=0.3, width_factor=0.2, seed=1),
    *_affine("RandomZoom", height_factor=0.5, width_factor=(-0.75, 1.0), seed=1),
    _case("RandomZoom", GREY, FLOAT32, height_factor=(-0.5, 0.5), seed=2, name="zoom"),
    _case(
        "RandomZoom",
        IMAGES,
        FLOAT32,
        height_factor=1.0,
        width_factor=None,
        seed=3,
        fill_mode="constant",
        fill_value=0.25,
        data_format="channels_last",
    ),
    _single_image("RandomZoom", FLOAT32, height_factor=0.3, width_factor=0.2, seed=1),
    _case("RandomContrast", factor=0.5, seed=1),
    _case("RandomContrast", factor=(0.25, 1.0), value_range=(50, 200), seed=2, name="contrast"),
    _case("RandomContrast", GREY, factor=[1, 0], value_range=[0, 1], seed=3),
    _single_image("RandomContrast", factor=1.0, seed=4),
    _case("RandomBrightness", factor=0.5, seed=1),
    _case("RandomBrightness", factor=(-1.0, 0.25), value_range=(200, 50), seed=2, name="light"),
    _case("RandomBrightness", GREY, factor=[1, 0.5], value_range=[0.0, 1.0], seed=3),
    _single_image("RandomBrightness", factor=1.0, seed=4),
    _case("RandomErasing", seed=1, label="defaults"),
    _case("RandomErasing", factor=(1.0, 1.0), scale=0.5, value_range=(-100, 100), seed=2),
    _case("RandomErasing", factor=[0.75, 0.5], scale=(1, 1), fill_value=7, seed=3, name="erase"),
    _case("RandomErasing", factor=(1, 1), fill_value=[1.0, 300.0, -2.0], seed=4),
    _case(
        "RandomErasing",
        GREY,
        factor=(1, 1),
        fill_value=0.25,
        value_range=(0, 1),
        data_format="channels_last",
        seed=5,
    ),
    _single_image("RandomErasing", factor=(1, 1), seed=4),
]
