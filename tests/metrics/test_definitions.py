"""What metrics count, checked against their definitions, element by element."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import metrics
from scratchnet.metrics.arrays import pair

seeds = st.integers(0, 2**32 - 1)
CLASSES = [name for name in metrics.__all__ if name[0].isupper() and name != "Metric"]
NEEDED = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotMeanIoU": {"num_classes": 3},
    "ConfusionMatrix": {"num_classes": 3},
    "MeanMetricWrapper": {"fn": metrics.mean_squared_error},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}


def shares(yes, scores, threshold):
    """(recall, specificity, precision) of "score > threshold", 0 where nothing is to be shared."""
    said = scores > threshold
    right = said == yes
    tp, fp = (said & right).sum(), (said & ~right).sum()
    tn, fn = (~said & right).sum(), (~said & ~right).sum()
    return [a / (a + b) if a + b else 0.0 for a, b in ((tp, fn), (tn, fp), (tp, fp))]


@pytest.mark.parametrize(
    ("name", "wanted", "bounded"),
    [
        ("SensitivityAtSpecificity", 0, 1),
        ("SpecificityAtSensitivity", 1, 0),
        ("PrecisionAtRecall", 2, 0),
        ("RecallAtPrecision", 0, 2),
    ],
)
@given(seed=seeds, bound=st.sampled_from([0.0, 0.2, 0.5, 0.75, 0.9, 1.0]))
def test_operating_points_are_the_best_of_all_thresholds(name, wanted, bounded, seed, bound):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 30)
    yes, scores = rng.random(n) < 0.5, rng.integers(1, 20, n) / 20
    metric = getattr(metrics, name)(bound, num_thresholds=11, dtype="float64")
    thresholds = [-1e-7, *(i / 10 for i in range(1, 10)), 1 + 1e-7]
    at = [shares(yes, scores.astype(np.float32), np.float32(t)) for t in thresholds]
    best = max([each[wanted] for each in at if each[bounded] >= bound], default=0.0)
    assert metric(yes, scores) == pytest.approx(best, abs=1e-12)


@given(seed=seeds, k=st.integers(1, 4))
def test_top_k_of_pixels_is_top_k_of_rows(seed, k):
    rng = np.random.default_rng(seed)
    labels, scores = rng.integers(0, 4, (2, 3)), np.round(rng.random((2, 3, 4)), 1)
    found = metrics.sparse_top_k_categorical_accuracy(labels, scores, k)
    for place in np.ndindex(labels.shape):
        larger = (scores[place] > scores[place][labels[place]]).sum()
        assert found[place] == (larger < k)
    assert np.array_equal(metrics.top_k_categorical_accuracy(np.eye(4)[labels], scores, k), found)


def test_the_accuracy_of_labels_has_one_number_for_each():
    scores = np.array([[0.1, 0.9], [0.8, 0.2]])
    for labels in ([1, 1], [[1], [1]]):
        assert metrics.sparse_categorical_accuracy(labels, scores).tolist() == [1, 0]


def test_a_label_that_is_no_class_is_never_among_the_best():
    for classes in (1, 2):
        scores = np.full((3, classes), 0.5)
        found = metrics.sparse_top_k_categorical_accuracy([-1, 0, classes], scores, k=5)
        assert found.tolist() == [0, 1, 0]


@given(seed=seeds, k=st.integers(1, 3), name=st.sampled_from(["Precision", "Recall"]))
def test_top_k_of_maps_looks_at_each_row(seed, k, name):
    rng = np.random.default_rng(seed)
    yes, scores = rng.random((2, 5, 4)) < 0.5, rng.random((2, 5, 4))
    kind = getattr(metrics, name)
    rows = kind(top_k=k)(yes.reshape(10, 4), scores.reshape(10, 4))
    assert kind(top_k=k)(yes, scores) == rows


@pytest.mark.parametrize(
    "make",
    [
        metrics.TruePositives,
        metrics.Precision,
        metrics.AUC,
        metrics.BinaryAccuracy,
    ],
)
@given(seed=seeds, columns=st.integers(1, 4))
def test_weights_of_samples_may_stand_in_a_column(make, seed, columns):
    rng = np.random.default_rng(seed)
    yes, scores = rng.random((5, columns)) < 0.5, rng.random((5, columns))
    weights = rng.integers(0, 4, 5) / 2
    expected = make()(yes, scores, weights)
    assert make()(yes, scores, weights[:, None]) == expected
    if columns == 1:
        assert make()(yes[:, 0], scores[:, 0], weights[:, None]) == expected
    ones = np.ones((5, columns, 1))
    if make in (metrics.TruePositives, metrics.Precision, metrics.AUC):
        assert make()(yes, scores, ones) == make()(yes, scores)
        with pytest.raises(ValueError, match="do not fit"):
            make()(yes, scores, np.ones((5, columns, 2)))


@given(seed=seeds)
def test_a_confusion_matrix_counts_weights_however_they_stand(seed):
    rng = np.random.default_rng(seed)
    y_true, y_pred = rng.integers(0, 3, (2, 6))
    weights = rng.integers(0, 5, 6) / 2
    expected = np.zeros((3, 3))
    for t, p, w in zip(y_true, y_pred, weights, strict=True):
        expected[t, p] += w
    for given_weights in (weights, weights[:, None]):
        matrix = metrics.ConfusionMatrix(3)
        matrix.update_state(y_true, y_pred, given_weights)
        assert np.array_equal(matrix.result(), expected)


@given(seed=seeds, columns=st.booleans())
def test_unions_of_one_hot_rows_are_those_of_their_labels(seed, columns):
    rng = np.random.default_rng(seed)
    labels, scores = rng.integers(0, 3, 8), rng.random((8, 3))
    one_hot, found = np.eye(3)[labels], scores.argmax(axis=1)
    if columns:
        one_hot, scores = one_hot.T, scores.T
    axis = 0 if columns else -1
    mean, some = metrics.MeanIoU(3)(labels, found), metrics.IoU(3, [0, 2])(labels, found)
    assert metrics.OneHotMeanIoU(3, axis=axis)(one_hot, scores) == mean
    assert metrics.OneHotIoU(3, [0, 2], axis=axis)(one_hot, scores) == some
    assert metrics.OneHotMeanIoU(3, sparse_y_pred=True, axis=axis)(one_hot, found) == mean
    assert metrics.MeanIoU(3, sparse_y_true=False, axis=axis)(one_hot, found) == mean


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_can_be_read_as_attributes(name):
    metric = getattr(metrics, name)(**NEEDED.get(name, {}))
    held = getattr(metric, "_arguments", {})
    for key in metric.get_config():
        assert key in held or hasattr(metric, key), key


# Keras has no ConfusionMatrix; of a wrapper the callbacks ask the function
@pytest.mark.parametrize("name", sorted({*CLASSES} - {"ConfusionMatrix", "MeanMetricWrapper"}))
def test_which_direction_is_better_is_what_keras_says(name):
    ours, theirs = (
        getattr(each, name)(**NEEDED.get(name, {})) for each in (metrics, keras.metrics)
    )
    assert ours._direction == getattr(theirs, "_direction", None)


@pytest.mark.parametrize("name", ["PearsonCorrelation", "ConcordanceCorrelation"])
def test_correlations_keep_their_axis(name):
    assert getattr(metrics, name)(axis=1).axis == 1


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("CategoricalCrossentropy", {"axis": "1"}),
        ("SparseCategoricalCrossentropy", {"axis": "1"}),
        ("BinaryCrossentropy", {"label_smoothing": "1"}),
        ("CategoricalCrossentropy", {"label_smoothing": "1"}),
    ],
)
def test_an_argument_of_the_wrong_kind_is_named(name, arguments):
    ((argument, value),) = arguments.items()
    with pytest.raises(TypeError, match=rf"^{name} received {argument}='{value}'"):
        getattr(metrics, name)(**arguments)


def test_a_function_without_a_name_makes_a_metric_called_metric():
    fn = functools.partial(metrics.mean_squared_error)
    assert metrics.MeanMetricWrapper(fn).name == "metric"


def test_targets_take_the_dtype_of_floating_predictions_only():
    whole, real = np.array([1, 2]), np.array([0.5, 1.5], np.float32)
    assert [each.dtype for each in pair(whole, real)] == [np.float32, np.float32]
    assert [each.dtype for each in pair(real, whole)] == [np.float32, np.int64]


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("maps", [False, True])
def test_ignored_labels_weigh_nothing_however_the_weights_stand(column, maps):
    labels, weights = np.array([[0, 1], [2, 1]]), np.array([[1.0, 2.0], [3.0, 0.5]])
    scores = np.random.default_rng(0).dirichlet(np.ones(3), (2, 2))
    if not maps:
        labels, weights, scores = labels[0], weights[0], scores[0]
    kept = labels != 1
    losses = -np.log(np.take_along_axis(scores, labels[..., None], axis=-1)[..., 0])
    expected = (losses * weights * kept).sum() / (weights * kept).sum()
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1, dtype="float64")
    given_weights = weights[..., None] if column else weights
    metric.update_state(labels[..., None] if column else labels, scores, given_weights)
    assert metric.result() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("word", ["accuracy", "acc"])
@pytest.mark.parametrize(
    ("y_shape", "shape", "kind"),
    [
        ((4, 1), (4, 1), metrics.BinaryAccuracy),
        ((4, 3, 1), (4, 3, 1), metrics.BinaryAccuracy),
        ((4,), (4, 3), metrics.SparseCategoricalAccuracy),
        ((4, 1), (4, 3), metrics.SparseCategoricalAccuracy),
        ((4, 1), (4, 1, 3), metrics.SparseCategoricalAccuracy),
        ((4, 3), (4, 3), metrics.CategoricalAccuracy),
        ((4, 1, 3), (4, 1, 3), metrics.CategoricalAccuracy),
    ],
)
def test_accuracy_is_the_kind_that_fits(word, y_shape, shape, kind):
    metric = metrics.resolve(word, np.zeros(y_shape), np.zeros(shape))
    assert type(metric) is kind
    assert metric.name == word


@given(seed=seeds)
def test_the_sums_of_r2_are_keras_s(seed):
    rng = np.random.default_rng(seed)
    ours, theirs = metrics.R2Score(), keras.metrics.R2Score()
    for _ in range(2):
        y, prediction = rng.integers(-5, 6, (2, 6, 3)).astype(np.float32)
        weights = rng.integers(0, 3, 6).astype(np.float32)
        ours.update_state(y, prediction, weights)
        theirs.update_state(y, prediction, weights)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    for key in ("squared_sum", "sum", "total_mse", "count"):
        assert getattr(ours, key).value == pytest.approx(getattr(theirs, key).numpy(), rel=1e-6), (
            key
        )
