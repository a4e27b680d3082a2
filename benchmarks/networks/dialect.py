"""The networks in Keras's dialect: `keras` below is Keras itself or scratchnet.

model("ResNet-20", scratchnet)
model("ResNet-20", keras)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from benchmarks.networks.run import CLASSES, NETWORKS, Run, data


@lru_cache(maxsize=1)  # the next network takes the place of the last one
def model(network: str, keras: Any) -> Any:
    """A new model, compiled with the network's optimizer."""
    facts = NETWORKS[network]
    image = keras.Input(facts.shape)
    features = _FEATURES[network](image, keras.layers)
    made = keras.Model(image, keras.layers.Dense(CLASSES, activation="softmax")(features))
    optimizer = (
        keras.optimizers.Adam()
        if facts.optimizer == "adam"
        else keras.optimizers.SGD(0.01, momentum=0.9)
    )
    made.compile(optimizer, "sparse_categorical_crossentropy")
    return made


def prepare(run: Run, keras: Any) -> Callable[[], Any]:
    """The call to time: `fit` for an epoch, or `predict`."""
    made = model(run.network, keras)
    x, y = data(run)
    if run.method == "predict":
        return lambda: made.predict(x, run.batch, verbose=0)
    return lambda: made.fit(x, y, run.batch, epochs=1, verbose=0, shuffle=False)


def flops(network: str, keras: Any) -> float:
    """Multiplications and additions of one image's forward pass, in convolutions and dense layers.

    A training step takes three times as many: forward, and the gradients with respect to the input
    and to the kernel.
    """
    total = 0.0
    for layer in model(network, keras).layers:
        for weight in layer.weights:
            if weight.name != "kernel":
                continue
            size = float(weight.shape[0])
            for each in weight.shape[1:]:
                size *= each
            positions = 1
            for each in layer.output.shape[1:-1]:
                positions *= each
            total += 2 * size * positions
    return total


def lenet5(x: Any, layers: Any) -> Any:
    """LeCun et al., 1998, with average pooling and tanh."""
    x = layers.Conv2D(6, 5, padding="same", activation="tanh")(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(16, 5, activation="tanh")(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(120, activation="tanh")(x)
    return layers.Dense(84, activation="tanh")(x)


def readme_cnn(x: Any, layers: Any) -> Any:
    """The network of the README."""
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(x)
    return layers.Dense(128, activation="relu")(x)


def vgg_like(x: Any, layers: Any) -> Any:
    """Pairs of 3×3 convolutions between poolings, after Simonyan and Zisserman, 2014."""
    for filters in (32, 64, 128):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu")(x)
    return layers.Dropout(0.5)(x)


def resnet20(x: Any, layers: Any) -> Any:
    """He et al., 2015, section 4.2, with a 1×1 convolution where the size of the map changes."""

    def convolution(x: Any, filters: int, size: int, strides: int) -> Any:
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    x = layers.ReLU()(convolution(x, 16, 3, 1))
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if block == 0 and filters > 16 else 1
            inside = layers.ReLU()(convolution(x, filters, 3, strides))
            inside = convolution(inside, filters, 3, 1)
            around = convolution(x, filters, 1, strides) if strides > 1 else x
            x = layers.ReLU()(layers.Add()([inside, around]))
    return layers.GlobalAveragePooling2D()(x)


def mobilenet_like(x: Any, layers: Any) -> Any:
    """Depthwise separable convolutions, after Howard et al., 2017, with half as many filters."""

    def normalized(x: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization()(x))

    x = normalized(layers.Conv2D(16, 3, 2, padding="same", use_bias=False)(x))
    for filters, strides in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        x = normalized(layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x))
        x = normalized(layers.Conv2D(filters, 1, use_bias=False)(x))
    return layers.GlobalAveragePooling2D()(x)


_FEATURES: dict[str, Callable[[Any, Any], Any]] = {
    "LeNet-5": lenet5,
    "README CNN": readme_cnn,
    "VGG-like": vgg_like,
    "ResNet-20": resnet20,
    "MobileNet-like": mobilenet_like,
}
