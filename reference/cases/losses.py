"""Losses: values and gradients beside Keras's own, differentiated by TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from reference.cases.case import Case
from reference.compare import relative_error
from scratchnet import losses
from scratchnet.serialization import snake_case

N, H, C = 4, 3, 5
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
# Shapes of weights for losses (N, H), and one that makes more of them
WEIGHTS = ((), (1,), (H,), (N, 1), (1, H), (N, H), (N, H, 1), (2, N, H))


def loss_error(
    loss: losses.Loss, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: Any = None
) -> float:
    """Largest relative error of value and gradient; inf where a shape or the name differs."""
    import keras

    theirs = getattr(keras.losses, type(loss).__name__).from_config(loss.get_config())
    return _pair_error(loss, theirs, y_true, y_pred, sample_weight)


def _pair_error(
    ours: losses.Loss,
    theirs: Any,
    y_true: np.ndarray,
    y_pred: np.ndarray,
    sample_weight: Any = None,
) -> float:
    import tensorflow as tf

    prediction = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        value = theirs(y_true, prediction, sample_weight)
    gradient = tape.gradient(value, prediction).numpy()
    if ours.name != theirs.name:
        return float("inf")
    return max(
        _error(ours(y_true, y_pred, sample_weight), value),
        _error(ours.gradient(y_true, y_pred, sample_weight), gradient),
    )


def function_error(
    name: str, y_true: np.ndarray, y_pred: np.ndarray, arguments: dict[str, Any]
) -> float:
    """Relative error of a function, such as "mean_squared_error"; inf where a shape differs."""
    import keras
    import tensorflow as tf

    theirs = getattr(keras.losses, name)(tf.constant(y_true), tf.constant(y_pred), **arguments)
    return _error(getattr(losses, name)(y_true, y_pred, **arguments), theirs)


def alias_error(identifier: str, y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Relative error of what both libraries know by this name of a function, without reduction."""
    import keras
    import tensorflow as tf

    theirs = keras.losses.get(identifier)(tf.constant(y_true), tf.constant(y_pred))
    config = losses.serialize(losses.get(identifier))
    config["config"]["reduction"] = None
    return _error(losses.deserialize(config)(y_true, y_pred), theirs)


def configuration_error(loss: losses.Loss, y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Relative error of the losses that each library makes of the other's configuration."""
    import keras

    theirs = keras.losses.deserialize(losses.serialize(loss))
    ours = losses.deserialize(keras.losses.serialize(theirs))
    return _error(ours(y_true, y_pred), theirs(y_true, y_pred))


def subclass_error(reduction: str | None, y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Relative error of a loss of one's own, the mean of |e|³, which each library reduces."""
    import keras
    import tensorflow as tf

    class OurCube(losses.Loss):
        def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
            return (np.abs(y_pred - y_true) ** 3).mean(axis=-1)

        def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
            e = y_pred - y_true
            return 3 * e * np.abs(e) / y_pred.shape[-1]

    class TheirCube(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return tf.reduce_mean(tf.abs(y_pred - y_true) ** 3, axis=-1)

    ours, theirs = OurCube("cube", reduction, "float64"), TheirCube("cube", reduction, "float64")
    return _pair_error(ours, theirs, y_true, y_pred)


def _error(ours: Any, theirs: Any) -> float:
    theirs = np.asarray(theirs)
    return relative_error(ours, theirs) if np.shape(ours) == theirs.shape else float("inf")


def samples(kind: str, shape: tuple[int, ...] = (N, H, C)) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions of this shape that a loss of this kind is meant for."""
    rng = np.random.default_rng(len(kind) + sum(shape))
    normal = rng.normal(size=shape)
    positive = np.exp(rng.normal(size=shape))
    probabilities = positive / positive.sum(axis=-1, keepdims=True)
    labels = rng.integers(0, shape[-1], shape[:-1])
    one_hot = np.eye(shape[-1])[labels]
    yes_no = rng.integers(0, 2, shape).astype(np.float64)
    share = rng.uniform(0.05, 0.95, shape)
    return {
        "real": (rng.normal(size=shape), normal),
        "positive": (np.exp(rng.normal(size=shape)), positive),
        "signs": (2 * yes_no - 1, normal),
        "classes": (one_hot, probabilities),
        "class logits": (one_hot, normal),
        "labels": (labels.astype(np.float64), probabilities),
        "label logits": (labels.astype(np.float64), normal),
        "yes or no": (yes_no, share),
        "yes or no logits": (yes_no, normal),
    }[kind]


def embeddings() -> tuple[np.ndarray, np.ndarray]:
    """Class numbers (2·N,), of which one occurs once, and vectors (2·N, C) of length 1."""
    vectors = np.random.default_rng(0).normal(size=(2 * N, C))
    labels = np.array([0, 1, 2, 0, 1, 1, 3, 2], np.float64)
    return labels, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# (class, kind of samples, function's arguments beyond the targets and predictions)
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("MeanSquaredError", "real", {}),
    ("MeanAbsoluteError", "real", {}),
    ("MeanAbsolutePercentageError", "real", {}),
    ("MeanSquaredLogarithmicError", "positive", {}),
    ("Huber", "real", {"delta": 0.75}),
    ("LogCosh", "real", {}),
    ("CosineSimilarity", "real", {"axis": 1}),
    ("Poisson", "positive", {}),
    ("KLDivergence", "classes", {}),
    ("Hinge", "signs", {}),
    ("SquaredHinge", "signs", {}),
    ("CategoricalHinge", "class logits", {}),
    ("BinaryCrossentropy", "yes or no", {"label_smoothing": 0.1}),
    ("CategoricalCrossentropy", "classes", {"label_smoothing": 0.1}),
    ("SparseCategoricalCrossentropy", "labels", {"ignore_class": 1}),
    ("BinaryFocalCrossentropy", "yes or no", {"apply_class_balancing": True, "alpha": 0.3}),
    ("CategoricalFocalCrossentropy", "classes", {"gamma": 1.5}),
    ("CategoricalGeneralizedCrossEntropy", "labels", {"q": 0.7}),
    ("Dice", "yes or no", {"axis": (1, 2)}),
    ("Tversky", "yes or no", {"alpha": 0.3, "beta": 0.8, "axis": (1, 2)}),
)
# (class, kind of samples, arguments)
ARGUMENTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Huber", "real", {"delta": 0.3}),
    ("CosineSimilarity", "real", {"axis": 1}),
    ("CosineSimilarity", "real", {"axis": 0}),
    ("BinaryCrossentropy", "yes or no logits", {"from_logits": True, "label_smoothing": 0.2}),
    ("BinaryCrossentropy", "yes or no", {"label_smoothing": 0.2, "axis": 1}),
    ("CategoricalCrossentropy", "class logits", {"from_logits": True, "label_smoothing": 0.2}),
    ("CategoricalCrossentropy", "classes", {"label_smoothing": 0.2, "axis": 1}),
    ("SparseCategoricalCrossentropy", "label logits", {"from_logits": True, "ignore_class": 0}),
    ("SparseCategoricalCrossentropy", "labels", {"ignore_class": 2, "axis": 2}),
    ("BinaryFocalCrossentropy", "yes or no", {"gamma": 0.5, "label_smoothing": 0.2}),
    ("BinaryFocalCrossentropy", "yes or no", {"apply_class_balancing": True, "alpha": 0.3}),
    ("BinaryFocalCrossentropy", "yes or no logits", {"from_logits": True, "axis": 1}),
    ("CategoricalFocalCrossentropy", "classes", {"alpha": 0.3, "gamma": 0.5}),
    ("CategoricalFocalCrossentropy", "classes", {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5]}),
    ("CategoricalFocalCrossentropy", "class logits", {"from_logits": True, "gamma": 3.0}),
    ("CategoricalFocalCrossentropy", "classes", {"label_smoothing": 0.2, "axis": 1}),
    ("CategoricalGeneralizedCrossEntropy", "labels", {"q": 0.9}),
    ("Dice", "yes or no", {"axis": 1}),
    ("Dice", "yes or no", {"axis": (1, 2)}),
    ("Tversky", "yes or no", {"alpha": 0.3, "beta": 0.8}),
    ("Tversky", "yes or no", {"alpha": 0.3, "axis": -1}),
)
CIRCLES: tuple[dict[str, Any], ...] = (
    {},
    {"gamma": 10.0},
    {"margin": 0.25},
    {"remove_diagonal": False},
    {"reduction": "mean_with_sample_weight"},
    {"reduction": "sum", "name": "another", "dtype": "float64"},
)
ALIASES = ("mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "kld", "KLD", "bce", "BCE")


ALIAS_KINDS = {"kld": "classes", "bce": "yes or no"}


def _text(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items()) or "defaults"


def _loss_case(
    name: str,
    kind: str,
    arguments: dict[str, Any],
    label: str = "",
    weight_shape: tuple[int, ...] | None = None,
) -> Case:
    def error() -> float:
        weight = None
        if weight_shape is not None:
            weight = np.random.default_rng(0).uniform(0.5, 2, weight_shape)
        return loss_error(getattr(losses, name)(**arguments), *samples(kind), weight)

    return Case(f"losses.{name}", label or _text(arguments), error)


def _dtype_case(name: str, kind: str) -> Case:
    def error() -> float:
        import keras

        y_true, y_pred = (array.astype(np.float32) for array in samples(kind))
        ours, theirs = (
            getattr(library, name)(dtype="float64", name="another")
            for library in (losses, keras.losses)
        )
        value = ours(y_true, y_pred)
        same = ours.name == theirs.name and value.dtype == np.float64
        return _error(value, theirs(y_true, y_pred)) if same else float("inf")

    return Case(f"losses.{name}", "name=another, dtype=float64 for float32 predictions", error)


def _function_case(name: str, kind: str, arguments: dict[str, Any]) -> Case:
    return Case(
        f"losses.{name}",
        _text(arguments),
        lambda: function_error(name, *samples(kind), arguments),
    )


def _circle_cases() -> Iterator[Case]:
    for arguments in CIRCLES:
        label = _text(arguments)
        loss = losses.Circle(**arguments)
        yield Case("losses.Circle", label, partial(loss_error, loss, *embeddings()))
        weight = np.linspace(0.5, 2, 2 * N)
        weighted = partial(loss_error, loss, *embeddings(), weight)
        yield Case("losses.Circle", f"{label}, sample_weight", weighted)
    labels, vectors = embeddings()
    for own in (
        {},
        {"gamma": 10.0, "margin": 0.25},
        {
            "ref_labels": labels[:3],
            "ref_embeddings": vectors[::-1][:3],
            "remove_diagonal": False,
        },
    ):
        label = f"arguments {', '.join(own) or 'at their defaults'}"
        yield Case("losses.circle", label, partial(function_error, "circle", labels, vectors, own))


def _cases() -> Iterator[Case]:
    for name, kind, arguments in KINDS:
        yield _loss_case(name, kind, {})
        for reduction in REDUCTIONS:
            label = f"reduction={reduction}, sample_weight"
            yield _loss_case(name, kind, {"reduction": reduction}, label, (N, H))
        yield _dtype_case(name, kind)
        yield _function_case(snake_case(name), kind, arguments)
    for name, kind, arguments in ARGUMENTS:
        yield _loss_case(name, kind, arguments)
    yield from _circle_cases()
    for reduction in REDUCTIONS:
        for shape in WEIGHTS:
            label = f"reduction={reduction}, sample_weight of shape {shape}"
            yield _loss_case("MeanSquaredError", "real", {"reduction": reduction}, label, shape)
        yield Case(
            "losses.Loss",
            f"a subclass, reduction={reduction}",
            partial(subclass_error, reduction, *samples("real")),
        )
    for identifier in ALIASES:
        kind = ALIAS_KINDS.get(identifier.lower(), "positive")
        yield Case("losses.get", identifier, partial(alias_error, identifier, *samples(kind)))
    for name in ("serialize", "deserialize"):
        yield Case(
            f"losses.{name}",
            "Huber",
            lambda: configuration_error(losses.Huber(), *samples("real")),
        )


CASES: list[Case] = list(_cases())
