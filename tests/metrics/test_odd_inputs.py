"""Strange arrays, small types and long epochs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import metrics

BITS = np.array([[1.0, 0, 0, 1], [0, 1, 0, 0], [1, 1, 0, 1]])
SCORES = np.array([[0.75, 0.25, 0.5, 0.5], [0.5, 0.125, 0.875, 0.25], [0.25, 0.75, 0.5, 0.5]])
LABELS = np.array([0, 2, 1])
EVERY = [
    (metrics.Accuracy, BITS, SCORES),
    (metrics.BinaryAccuracy, BITS, SCORES),
    (metrics.CategoricalAccuracy, BITS, SCORES),
    (metrics.SparseCategoricalAccuracy, LABELS, SCORES),
    (metrics.TopKCategoricalAccuracy, BITS, SCORES),
    (metrics.SparseTopKCategoricalAccuracy, LABELS, SCORES),
    (metrics.TruePositives, BITS, SCORES),
    (metrics.TrueNegatives, BITS, SCORES),
    (metrics.FalsePositives, BITS, SCORES),
    (metrics.FalseNegatives, BITS, SCORES),
    (metrics.Precision, BITS, SCORES),
    (metrics.Recall, BITS, SCORES),
    (lambda: metrics.Precision(top_k=2), BITS, SCORES),
    (lambda: metrics.SensitivityAtSpecificity(0.5), BITS, SCORES),
    (metrics.AUC, BITS, SCORES),
    (lambda: metrics.AUC(curve="PR", thresholds=[0.3]), BITS, SCORES),
    (lambda: metrics.AUC(multi_label=True), BITS, SCORES),
    (lambda: metrics.AUC(from_logits=True), BITS, SCORES),
    (metrics.F1Score, BITS, SCORES),
    (metrics.R2Score, BITS, SCORES),
    (metrics.MeanSquaredError, BITS, SCORES),
    (metrics.RootMeanSquaredError, BITS, SCORES),
    (metrics.CosineSimilarity, BITS, SCORES),
    (metrics.PearsonCorrelation, BITS, SCORES),
    (metrics.ConcordanceCorrelation, BITS, SCORES),
    (metrics.CategoricalCrossentropy, BITS, SCORES),
    (metrics.SparseCategoricalCrossentropy, LABELS, SCORES),
    (metrics.BinaryCrossentropy, BITS, SCORES),
    (lambda: metrics.MeanIoU(4), LABELS, LABELS[::-1]),
    (metrics.BinaryIoU, BITS, SCORES),
    (lambda: metrics.ConfusionMatrix(4), LABELS, SCORES),
]


def odd(array, layout):
    if layout == "Fortran":
        return np.asfortranarray(array)
    if layout == "negative strides":
        return np.ascontiguousarray(array[::-1])[::-1]
    if layout == "read-only":
        copy = array.copy()
        copy.flags.writeable = False
        return copy
    if layout == "big-endian":
        return array.astype(array.dtype.newbyteorder(">"))
    return array.tolist()


@pytest.mark.parametrize(
    "layout", ["Fortran", "negative strides", "read-only", "big-endian", "list"]
)
def test_the_layout_of_an_array_changes_nothing(layout):
    for kind, y_true, y_pred in EVERY:
        expected = kind()(y_true, y_pred)
        arrays = odd(y_true, layout), odd(y_pred, layout)
        # Python's floats become float32, which computes logarithms less exactly
        tolerance = 1e-6 if layout == "list" else 0
        np.testing.assert_allclose(kind()(*arrays), expected, rtol=tolerance, err_msg=kind().name)
        if layout != "list":
            assert np.array_equal(arrays[0], y_true)
            assert np.array_equal(arrays[1], y_pred)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_result_has_the_dtype_that_was_asked_for(dtype):
    for kind, y_true, y_pred in EVERY:
        config = kind().get_config()
        if config["dtype"] == "int64":
            continue
        metric = type(kind()).from_config(config | {"dtype": dtype})
        result = metric(y_true, y_pred if y_pred is not SCORES else SCORES.astype(dtype))
        if metric.name.startswith("confusion"):
            assert result.dtype == np.int64
        else:
            assert result.dtype == dtype, metric.name
            np.testing.assert_allclose(result, kind()(y_true, y_pred), rtol=3e-3, atol=1e-3)


def test_an_empty_batch_changes_no_result():
    for kind, y_true, y_pred in EVERY:
        metric = kind()
        expected = metric(y_true, y_pred)
        np.testing.assert_array_equal(metric(y_true[:0], y_pred[:0]), expected, metric.name)


def test_nan_shows_in_an_error_and_is_no_positive():
    for kind in (metrics.MeanSquaredError, metrics.RootMeanSquaredError, metrics.R2Score):
        assert np.isnan(kind()([[1.0], [2.0]], [[np.nan], [2.0]])), kind
    assert metrics.Recall()([1, 1], [np.nan, 0.75]) == 0.5
    assert metrics.Precision()([1, 1], [np.nan, 0.75]) == 1
    assert metrics.FalseNegatives([0, 0.5, 1])([1], [np.nan]).tolist() == [1, 1, 1]


def test_weights_belong_to_samples_and_not_to_the_axis_that_happens_to_match():
    y_true, y_pred = np.ones((2, 2, 3)), np.ones((2, 2, 3))
    y_pred[0] = 0
    assert metrics.TruePositives()(y_true, y_pred, sample_weight=[1.0, 0.0]) == 0
    assert metrics.FalseNegatives()(y_true, y_pred, sample_weight=[1.0, 0.0]) == 6
    assert metrics.TruePositives()(y_true[:, 0, 0], y_pred[:, 0, 0], [[1.0], [3.0]]) == 3


def test_every_label_but_0_is_a_positive():
    labels = [1.0, 0.25, -1.0, 0.0]
    assert metrics.TruePositives()(labels, [0.9] * 4) == 3
    assert keras.metrics.TruePositives()(np.array(labels), np.full(4, 0.9)) == 3


def test_a_negative_weight_makes_no_logarithm_of_a_negative_number():
    arguments = np.array([1, 1, 0]), np.array([0.9, 0.1, 0.5]), np.array([1.0, -2.5, 1.0])
    ours, theirs = (m.AUC(curve="PR", num_thresholds=5) for m in (metrics, keras.metrics))
    ours.update_state(*arguments)
    theirs.update_state(*arguments)
    assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)


def test_labels_are_averaged_by_their_weights():
    columns = [float(metrics.AUC()(BITS[:, i], SCORES[:, i])) for i in range(4)]
    mean = metrics.AUC(multi_label=True)(BITS, SCORES)
    weights = [1.0, 0.0, 2.0, 0.5]
    weighted = metrics.AUC(multi_label=True, label_weights=weights)(BITS, SCORES)
    assert mean == pytest.approx(np.mean(columns))
    assert weighted == pytest.approx(np.average(columns, weights=weights))


def test_a_long_epoch_in_float32_loses_no_small_batch():
    mean, total = metrics.Mean(), metrics.Sum()
    for metric in (mean, total):
        metric.update_state(np.float32(2**24))
        for _ in range(4):
            metric.update_state(np.float32(1))
    assert total.result() == 2**24 + 4
    assert mean.total.value == 2**24 + 4
    positives = metrics.TruePositives()
    positives.update_state([1.0], [1.0], [2.0**24])
    for _ in range(4):
        positives.update_state([1.0], [1.0])
    assert positives.result() == 2**24 + 4


@given(
    scores=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20),
    seed=st.integers(0, 2**32 - 1),
    thresholds=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=6),
)
def test_counts_are_what_their_definition_says(scores, seed, thresholds):
    s = np.array(scores, np.float32)
    y = np.random.default_rng(seed).integers(0, 2, s.size)
    above = s > np.array(thresholds, np.float32)[:, None]
    for name, chosen in (
        ("TruePositives", above & (y == 1)),
        ("FalsePositives", above & (y == 0)),
        ("TrueNegatives", ~above & (y == 0)),
        ("FalseNegatives", ~above & (y == 1)),
    ):
        metric = getattr(metrics, name)(thresholds)
        if not metric._thresholds.even:
            assert np.array_equal(np.atleast_1d(metric(y, s)), chosen.sum(axis=1))


@given(seed=st.integers(0, 2**32 - 1))
def test_minoring_and_majoring_bound_the_area_by_pairs(seed):
    rng = np.random.default_rng(seed)
    y, s = np.array([0, 1, *rng.integers(0, 2, 30)]), rng.random(32)
    lower, upper, between = (
        float(metrics.AUC(summation_method=method, dtype="float64")(y, s))
        for method in ("minoring", "majoring", "interpolation")
    )
    # the area is the share of pairs of a positive and a negative in which the positive wins
    positive, negative = s[y == 1][:, None], s[y == 0]
    pairs = (positive > negative).mean()
    assert lower - 1e-12 <= between <= upper + 1e-12
    assert lower - 1e-12 <= pairs <= upper + 1e-12
