"""Examples: what networks are made of, what they see, and how fast they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scratchnet import Sequential, datasets, layers, models, visualization


def model_graph() -> Any:
    x = image = layers.Input((32, 32, 16))
    y = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(16, 3, padding="same")(y)
    x = layers.ReLU()(layers.Add()([x, y]))
    scores = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    return visualization.model_graph(models.Functional(image, scores, name="residual_block"))


def feature_maps() -> Any:
    (images, _), _ = datasets.fashion_mnist.load_data()
    image = images[:1, :, :, None] / 255
    layer = layers.Conv2D(15, 3, activation="relu", kernel_initializer="he_normal")
    return visualization.feature_maps(layer(image)[0], image[0])


def filters_and_feature_maps() -> Any:
    (images, _), _ = datasets.fashion_mnist.load_data()
    image = images[:1, :, :, None] / 255
    layer = layers.Conv2D(16, 3, activation="relu")
    maps = layer(image)[0]
    return visualization.filters_and_feature_maps(layer.kernel.value, image[0], maps)


def grad_cam_overlay() -> Any:
    (images, labels), _ = datasets.fashion_mnist.load_data()
    convolution = Sequential([layers.Input((28, 28, 1)), layers.Conv2D(1, 9, strides=4)])
    heat = np.maximum(convolution(images[:5, :, :, None] / 255)[..., 0], 0)
    return visualization.grad_cam_overlay(images[:5], heat, [f"class {k}" for k in labels[:5]])


def saliency_overlay() -> Any:
    (images, _), _ = datasets.fashion_mnist.load_data()
    shown = images[:5].astype(float)
    rows, columns = np.gradient(shown, axis=(1, 2))
    return visualization.saliency_overlay(shown, np.hypot(rows, columns))


def ratio_bars() -> Any:
    cases = {"Conv2D": 1.8, "DepthwiseConv2D": 0.7, "Dense": 1.04, "MaxPooling2D": 4.2}
    rows = [
        {"layer": name, "ratio": ratio * noise * share, "against": against}
        for name, ratio in cases.items()
        for against, share in (("TensorFlow", 1.0), ("PyTorch", 0.8))
        for noise in (0.95, 1.0, 1.07)
    ]
    return visualization.ratio_bars(pd.DataFrame(rows), x="layer", hue="against")


def roofline() -> Any:
    rows = [
        ("loops", 2, 0.4),
        ("im2col", 6, 30),
        ("tile + BLAS", 14, 58),
        ("Winograd", 20, 75),
    ]
    frame = pd.DataFrame(rows, columns=["name", "intensity", "gflops"])
    return visualization.roofline(frame, peak_gflops=90, bandwidth_gbs=12)


def scaling() -> Any:
    rows = [
        {"threads": n, "images": 1000 * share * n**power * noise, "library": name}
        for name, share, power in (("scratchnet", 1.0, 0.9), ("TensorFlow", 0.8, 0.8))
        for n in (1, 2, 4, 8, 16)
        for noise in (0.95, 1.0, 1.04)
    ]
    frame = pd.DataFrame(rows)
    return visualization.scaling(
        frame, "threads", "images", "library", ideal=True, y_label="images per second"
    )
