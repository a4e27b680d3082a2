"""Metrics: fed the same batches as Keras's own, and compared after every one.

Weights and scores are multiples of 1/4 and 1/10, so that scores tie and lie on thresholds. The
sums of such weights are exact: otherwise a count that is 0 here might be 1e-17 in Keras, which
takes the difference of two sums in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from reference.agreement import relative_error
from reference.cases.case import Case
from scratchnet import metrics

CLASSES = 4
# Keras computes every IoU in float32, where the order of a sum shows in the last bits
FLOAT32 = 3e-7


class Batch(NamedTuple):
    """The arguments of `update_state`."""

    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray | None


def batch(kind: str, rng: np.random.Generator, n: int) -> Batch:
    """n samples that a metric of this kind is meant for; the last class never occurs."""
    labels = rng.integers(0, CLASSES - 1, n)
    scores = np.round(rng.random((n, CLASSES)), 1)
    positive = scores + 0.05
    probabilities = positive / positive.sum(axis=-1, keepdims=True)
    bits = rng.integers(0, 2, (n, CLASSES)).astype(np.float64)
    normal = rng.normal(size=(n, CLASSES))
    y_true, y_pred = {
        "labels": (labels, rng.integers(0, CLASSES, n)),
        "sparse": (labels, probabilities),
        "sparse column": (labels[:, None], probabilities),
        "sparse logits": (labels, normal),
        # TensorFlow counts the top k of float32 only
        "sparse float32": (rng.integers(-1, CLASSES + 1, n), scores.astype(np.float32)),
        "sorted ids": (labels, np.argsort(-scores, axis=-1, kind="stable")),
        "one-hot": (np.eye(CLASSES)[labels], probabilities),
        # and some rows are 0, which call no class in an F-score
        "one-hot ties": (np.eye(CLASSES)[labels], scores * rng.integers(0, 3, (n, 1)).clip(0, 1)),
        "one-hot float32": (np.eye(CLASSES)[labels], scores.astype(np.float32)),
        "one-hot logits": (np.eye(CLASSES)[labels], normal),
        "binary": (bits[:, :1], scores[:, :1]),
        "flat binary": (bits[:, 0], scores[:, 0]),
        "multi-label": (bits, scores),
        "multi-label logits": (bits, normal),
        "real": (rng.normal(size=(n, CLASSES)), normal),
        # exact sums of squares, for R² subtracts one from the other
        "halves": (rng.integers(-6, 7, (n, CLASSES)) / 2, rng.integers(-6, 7, (n, CLASSES)) / 2),
        "maps": (rng.normal(size=(n, 2, 3)), rng.normal(size=(n, 2, 3))),
        "positive": (np.exp(rng.normal(size=(n, CLASSES))), positive),
        "signs": (2 * bits - 1, normal),
        "regions": (rng.integers(-1, CLASSES, (n, 2)), rng.integers(0, CLASSES + 1, (n, 2))),
        "mask": (bits, scores),
        "one-hot columns": (np.eye(CLASSES)[:, labels], scores.T),
        "one-hot and labels": (np.eye(CLASSES)[labels], rng.integers(0, CLASSES, n)),
    }[kind]
    whole = kind in ("regions", "mask")  # Keras counts pixels in integers
    weight = rng.integers(0, 3, y_true.shape) if whole else rng.integers(0, 5, n) / 4
    return Batch(y_true, y_pred, weight)


def batches(kind: str, seed: int = 0, sizes: Iterable[int] = (6, 4, 1, 5)) -> list[Batch]:
    """Several batches of this kind, of which every other one has weights."""
    rng = np.random.default_rng(seed)
    given = [batch(kind, rng, n) for n in sizes]
    return [b if i % 2 else b._replace(sample_weight=None) for i, b in enumerate(given)]


def metric_error(metric: metrics.Metric, given: Iterable[Batch]) -> float:
    """Largest relative error of the results after each batch, the last one after a reset.

    Keras's metric is made of the configuration of this one. `inf` where a name, a shape or a
    dtype differs, or the configuration that Keras makes of its metric does not give ours back.
    """
    import keras

    theirs = keras.metrics.deserialize(metrics.serialize(metric))
    back = metrics.deserialize(keras.metrics.serialize(theirs))
    if metric.name != theirs.name or back.get_config() != metric.get_config():
        return float("inf")
    return results_error(metric, theirs, given)


def results_error(ours: Any, theirs: Any, given: Iterable[Batch]) -> float:
    """As `metric_error`, for two metrics."""
    worst, before = 0.0, list(given)
    for i, arguments in enumerate(before):
        if i == len(before) - 1:
            ours.reset_state()
            theirs.reset_state()
        ours.update_state(*arguments)
        theirs.update_state(*arguments)
        worst = max(worst, value_error(ours.result(), theirs.result()))
    return worst


def value_error(ours: Any, theirs: Any) -> float:
    """Relative error of one result; `inf` where a shape or dtype differs."""
    a, b = np.asarray(ours), np.asarray(theirs)
    return relative_error(a, b) if (a.shape, a.dtype) == (b.shape, b.dtype) else float("inf")


# (class, kind of batches, arguments)
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Accuracy", "labels", {}),
    ("BinaryAccuracy", "binary", {}),
    ("BinaryAccuracy", "multi-label", {"threshold": 0.3}),
    ("BinaryAccuracy", "multi-label logits", {"threshold": 0.0}),
    ("CategoricalAccuracy", "one-hot ties", {}),
    ("SparseCategoricalAccuracy", "sparse", {}),
    ("SparseCategoricalAccuracy", "sparse column", {}),
    ("TopKCategoricalAccuracy", "one-hot float32", {}),
    ("TopKCategoricalAccuracy", "one-hot float32", {"k": 2}),
    ("SparseTopKCategoricalAccuracy", "sparse float32", {"k": 2}),
    ("SparseTopKCategoricalAccuracy", "sorted ids", {"k": 2, "from_sorted_ids": True}),
    *(
        (name, kind, arguments)
        for name in (
            "TruePositives",
            "TrueNegatives",
            "FalsePositives",
            "FalseNegatives",
            "Precision",
            "Recall",
        )
        for kind, arguments in (
            ("flat binary", {}),
            ("multi-label", {"thresholds": 0.3}),
            ("multi-label", {"thresholds": [0.7, 0.2, 0.3]}),
            ("multi-label", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}),
        )
    ),
    *(
        (name, "multi-label", arguments)
        for name in ("Precision", "Recall")
        for arguments in (
            {"top_k": 2},
            {"class_id": 1},
            {"top_k": 2, "class_id": 0, "thresholds": [0.3, 0.6]},
        )
    ),
    *(
        (name, kind, {bound: 0.5} | arguments)
        for name, bound in (
            ("SensitivityAtSpecificity", "specificity"),
            ("SpecificityAtSensitivity", "sensitivity"),
            ("PrecisionAtRecall", "recall"),
            ("RecallAtPrecision", "precision"),
        )
        for kind, arguments in (
            ("flat binary", {}),
            ("flat binary", {"num_thresholds": 1}),
            ("multi-label", {"num_thresholds": 11, "class_id": 1}),
        )
    ),
    *(
        ("AUC", "flat binary", {"curve": curve, "summation_method": method})
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "majoring")
    ),
    ("AUC", "flat binary", {"num_thresholds": 11}),
    ("AUC", "flat binary", {"thresholds": [0.3, 0.1, 0.9]}),
    ("AUC", "multi-label", {"label_weights": [1.0, 2.0, 0.5, 0.0]}),
    ("AUC", "multi-label logits", {"from_logits": True}),
    ("AUC", "multi-label", {"multi_label": True, "num_thresholds": 11}),
    ("AUC", "multi-label", {"multi_label": True, "curve": "PR", "thresholds": [0.3, 0.8]}),
    (
        "AUC",
        "multi-label",
        {"multi_label": True, "num_labels": 4, "label_weights": [1.0, 2.0, 0.5, 0.0]},
    ),
    *(("F1Score", "one-hot ties", {"average": a}) for a in (None, "micro", "macro", "weighted")),
    ("F1Score", "multi-label", {"threshold": 0.5}),
    ("FBetaScore", "one-hot ties", {"beta": 2.0}),
    ("FBetaScore", "multi-label", {"average": "weighted", "beta": 0.5, "threshold": 0.3}),
    ("MeanSquaredError", "real", {}),
    ("MeanSquaredError", "maps", {}),
    ("RootMeanSquaredError", "real", {}),
    ("RootMeanSquaredError", "maps", {}),
    ("MeanAbsoluteError", "real", {}),
    ("MeanAbsolutePercentageError", "real", {}),
    ("MeanSquaredLogarithmicError", "positive", {}),
    ("LogCoshError", "real", {}),
    ("CosineSimilarity", "real", {}),
    *(
        ("R2Score", "halves", {"class_aggregation": aggregation, "num_regressors": regressors})
        for aggregation in (None, "uniform_average", "variance_weighted_average")
        for regressors in (0, 2)
    ),
    ("PearsonCorrelation", "real", {}),
    ("PearsonCorrelation", "maps", {"axis": 2}),
    ("ConcordanceCorrelation", "real", {}),
    ("ConcordanceCorrelation", "maps", {"axis": 2}),
    ("Hinge", "signs", {}),
    ("Hinge", "multi-label logits", {}),
    ("SquaredHinge", "signs", {}),
    ("CategoricalHinge", "one-hot logits", {}),
    ("KLDivergence", "one-hot", {}),
    ("Poisson", "positive", {}),
    ("BinaryCrossentropy", "multi-label", {}),
    ("BinaryCrossentropy", "multi-label", {"label_smoothing": 0.25}),
    ("BinaryCrossentropy", "multi-label logits", {"from_logits": True}),
    ("CategoricalCrossentropy", "one-hot", {}),
    ("CategoricalCrossentropy", "one-hot", {"label_smoothing": 0.25, "axis": 1}),
    ("CategoricalCrossentropy", "one-hot logits", {"from_logits": True}),
    ("SparseCategoricalCrossentropy", "sparse", {}),
    ("SparseCategoricalCrossentropy", "sparse column", {"ignore_class": 1, "axis": 1}),
    ("SparseCategoricalCrossentropy", "sparse logits", {"from_logits": True}),
    ("IoU", "regions", {"num_classes": 4, "target_class_ids": [0, 2]}),
    ("IoU", "regions", {"num_classes": 4, "target_class_ids": [1], "ignore_class": 0}),
    ("IoU", "regions", {"num_classes": 4, "target_class_ids": [1, 3], "dtype": "float64"}),
    (
        "IoU",
        "one-hot columns",
        {"num_classes": 4, "target_class_ids": [1], "sparse_y_true": False}
        | {"sparse_y_pred": False, "axis": 0, "dtype": "float64"},
    ),
    ("BinaryIoU", "mask", {}),
    ("BinaryIoU", "mask", {"target_class_ids": [1], "threshold": 0.3}),
    ("MeanIoU", "regions", {"num_classes": 4}),
    ("MeanIoU", "regions", {"num_classes": 4, "ignore_class": -1}),
    (
        "MeanIoU",
        "one-hot columns",
        {"num_classes": 4, "sparse_y_true": False, "sparse_y_pred": False}
        | {"axis": 0, "dtype": "float64"},
    ),
    *(
        (name, kind, {"num_classes": 4, "dtype": "float64"} | some | arguments)
        for name, some in (("OneHotIoU", {"target_class_ids": [0, 2]}), ("OneHotMeanIoU", {}))
        for kind, arguments in (
            ("one-hot ties", {}),
            ("one-hot columns", {"ignore_class": 1, "axis": 0}),
            ("one-hot and labels", {"sparse_y_pred": True}),
        )
    ),
)
# (function, kind of batches, arguments)
FUNCTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("binary_accuracy", "multi-label", {}),
    ("binary_accuracy", "multi-label", {"threshold": 0.3}),
    ("categorical_accuracy", "one-hot ties", {}),
    ("sparse_categorical_accuracy", "sparse", {}),
    ("sparse_categorical_accuracy", "sparse column", {}),
    ("top_k_categorical_accuracy", "one-hot float32", {"k": 2}),
    ("sparse_top_k_categorical_accuracy", "sparse float32", {"k": 2}),
    ("sparse_top_k_categorical_accuracy", "sorted ids", {"k": 2, "from_sorted_ids": True}),
    ("pearson_correlation", "real", {}),
    ("pearson_correlation", "maps", {"axis": 1}),
    ("concordance_correlation", "real", {}),
    ("concordance_correlation", "maps", {"axis": 1}),
    ("mean_squared_error", "real", {}),
    ("mean_absolute_error", "real", {}),
    ("mean_absolute_percentage_error", "real", {}),
    ("mean_squared_logarithmic_error", "positive", {}),
    ("huber", "real", {"delta": 0.5}),
    ("log_cosh", "real", {}),
    ("hinge", "signs", {}),
    ("squared_hinge", "signs", {}),
    ("categorical_hinge", "one-hot logits", {}),
    ("kl_divergence", "one-hot", {}),
    ("poisson", "positive", {}),
    ("binary_crossentropy", "multi-label", {"label_smoothing": 0.25}),
    ("binary_focal_crossentropy", "multi-label", {"gamma": 1.5}),
    ("categorical_crossentropy", "one-hot", {"label_smoothing": 0.25}),
    ("categorical_focal_crossentropy", "one-hot", {"gamma": 1.5}),
    ("sparse_categorical_crossentropy", "sparse", {"ignore_class": 1}),
)
# Names that Keras's `get` knows beside the classes' own, and batches for them
ALIASES: dict[str, str] = {
    "mse": "real",
    "MSE": "real",
    "mae": "real",
    "MAE": "real",
    "mape": "real",
    "MAPE": "real",
    "msle": "positive",
    "MSLE": "positive",
    "bce": "multi-label",
    "BCE": "multi-label",
    "accuracy": "labels",
    "auc": "flat binary",
    "f_beta_score": "one-hot ties",
    "top_k_categorical_accuracy": "one-hot float32",
}


def function_error(name: str, kind: str, arguments: dict[str, Any]) -> float:
    """Relative error of a function of y_true and y_pred; `inf` where a shape or dtype differs."""
    import keras

    y_true, y_pred, _ = batches(kind)[0]
    ours = getattr(metrics, name)(y_true, y_pred, **arguments)
    return value_error(ours, getattr(keras.metrics, name)(y_true, y_pred, **arguments))


def reduction_error(name: str, weighted: bool) -> float:
    """Errors of `Mean` and `Sum` of values with weights of every rank that Keras takes."""
    import keras

    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 3, 2))
    shapes = [(), (4,), (4, 1), (4, 3), (4, 3, 1), (4, 3, 2)] if weighted else [None]
    worst = 0.0
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    for shape in shapes:
        for v in (values, values[..., :1], values[:, 0, 0]):
            if shape is not None and len(shape) > v.ndim:
                continue
            weight = None if shape is None else np.broadcast_to(rng.random(shape), shape)
            if weight is not None and weight.ndim == 3:
                weight = weight[..., : v.shape[-1]]
            ours.update_state(v, weight)
            theirs.update_state(v, weight)
            worst = max(worst, value_error(ours.result(), theirs.result()))
    return worst


def wrapper_error() -> float:
    """Error of a metric of a function with further arguments, and of its configuration."""
    import keras

    ours = metrics.MeanMetricWrapper(metrics.binary_accuracy, name="mine", threshold=0.3)
    theirs = keras.metrics.MeanMetricWrapper(
        keras.metrics.binary_accuracy, name="mine", threshold=0.3
    )
    back = metrics.MeanMetricWrapper.from_config(theirs.get_config())
    if back.get_config() != ours.get_config():
        return float("inf")
    return results_error(ours, theirs, batches("multi-label"))


def alias_error(identifier: str) -> float:
    """Error of what both libraries know by this name; `inf` where their classes differ."""
    import keras

    ours, theirs = metrics.get(identifier), keras.metrics.get(identifier)
    if type(ours).__name__ != type(theirs).__name__:
        return float("inf")
    return results_error(ours, theirs, batches(ALIASES[identifier]))


def subclass_error() -> float:
    """Error of a metric of one's own, written as Keras's documentation writes it."""
    import keras

    def positives(base: Any, as_float: Callable[[Any], float]) -> Any:
        class Positives(base):
            def __init__(self) -> None:
                super().__init__(name="positives", dtype="float64")
                self.total = self.add_variable(shape=(), initializer="zeros", name="total")

            def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
                self.total.assign(self.total + as_float((y_true * y_pred).sum()))

            def result(self) -> Any:
                return self.total

        return Positives()

    ours = positives(metrics.Metric, np.float64)
    theirs = positives(keras.metrics.Metric, float)
    if ours.name != theirs.name or len(ours.variables) != len(theirs.variables):
        return float("inf")
    return results_error(ours, theirs, batches("multi-label"))


def confusion_error() -> float:
    """Error of the counts beside those that Keras's MeanIoU keeps, which has the same matrix."""
    import keras

    ours = metrics.ConfusionMatrix(CLASSES)
    theirs = keras.metrics.OneHotMeanIoU(CLASSES)
    for y_true, y_pred, _ in batches("one-hot ties"):
        ours.update_state(y_true, y_pred)
        theirs.update_state(y_true, y_pred)
    return value_error(ours.result(), theirs.total_cm)


def _text(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items()) or "defaults"


def _bound(name: str) -> float:
    return FLOAT32 if "IoU" in name else 1e-12


def _metric_case(name: str, kind: str, arguments: dict[str, Any]) -> Case:
    return Case(
        f"metrics.{name}",
        f"{_text(arguments)}, {kind}",
        lambda: metric_error(getattr(metrics, name)(**arguments), batches(kind)),
        _bound(name),
    )


def _cases() -> Iterator[Case]:
    for name, kind, arguments in KINDS:
        yield _metric_case(name, kind, arguments)
    for name, kind, arguments in FUNCTIONS:
        error = partial(function_error, name, kind, arguments)
        yield Case(f"metrics.{name}", f"{_text(arguments)}, {kind}", error)
    for name in ("Mean", "Sum"):
        for weighted in (False, True):
            label = "weights of every rank" if weighted else "no weights"
            yield Case(f"metrics.{name}", label, partial(reduction_error, name, weighted))
    yield Case("metrics.MeanMetricWrapper", "a function and its threshold", wrapper_error)
    yield Case("metrics.Metric", "a subclass", subclass_error)
    yield Case("metrics.ConfusionMatrix", "beside the matrix of OneHotMeanIoU", confusion_error)
    for identifier in ALIASES:
        yield Case("metrics.get", identifier, partial(alias_error, identifier))
    for function in ("serialize", "deserialize"):
        area = _metric_case("AUC", "flat binary", {"thresholds": [0.25, 0.5], "name": "area"})
        yield Case(f"metrics.{function}", "AUC, both ways", area.error)


CASES: list[Case] = list(_cases())
