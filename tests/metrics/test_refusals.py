"""Arguments and arrays that make no sense are refused by name, and change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from scratchnet import metrics


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("BinaryAccuracy", {"threshold": float("nan")}, r"threshold=nan.*finite number"),
        ("BinaryAccuracy", {"threshold": "0.5"}, r"threshold='0\.5'.*finite number"),
        ("TopKCategoricalAccuracy", {"k": 0}, r"k=0.*at least 1"),
        ("SparseTopKCategoricalAccuracy", {"k": 1.5}, r"k=1\.5.*at least 1"),
        ("TruePositives", {"thresholds": 1.5}, r"thresholds=1\.5.*number in \[0, 1\]"),
        ("Precision", {"thresholds": [0.5, -1]}, r"thresholds=\[0\.5, -1\].*in \[0, 1\]"),
        ("Recall", {"thresholds": []}, r"thresholds=\[\]"),
        ("Precision", {"thresholds": [None]}, r"thresholds=\[None\]"),
        ("Precision", {"top_k": 0}, r"Precision received top_k=0.*at least 1"),
        ("Recall", {"top_k": 2.5}, r"Recall received top_k=2\.5"),
        ("SensitivityAtSpecificity", {"specificity": 2}, r"specificity=2\..*\[0, 1\]"),
        ("PrecisionAtRecall", {"recall": -0.5}, r"recall=-0\.5\..*\[0, 1\]"),
        ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 0}, r"num_thresholds=0"),
        ("AUC", {"curve": "PRC"}, r"Unknown AUC curve 'PRC'\. Did you mean 'PR'\?"),
        ("AUC", {"curve": 3}, r"Unknown AUC curve 3"),
        ("AUC", {"summation_method": "minor"}, r"Did you mean 'minoring'\?"),
        ("AUC", {"num_thresholds": 1}, r"num_thresholds=1\..*above 1"),
        ("AUC", {"thresholds": [0.5, 7]}, r"thresholds=\[0\.5, 7\].*\[0, 1\]"),
        ("AUC", {"num_labels": 2}, r"num_labels=2 without multi_label"),
        ("F1Score", {"average": "binary"}, r"F1Score received average='binary'.*'micro'"),
        ("FBetaScore", {"beta": 2}, r"beta=2\. Expected a positive float"),
        ("FBetaScore", {"beta": 0.0}, r"beta=0\.0\. Expected a positive float"),
        ("F1Score", {"threshold": 1}, r"threshold=1\..*float in \(0, 1\]"),
        ("F1Score", {"threshold": 1.5}, r"threshold=1\.5\."),
        ("R2Score", {"class_aggregation": "mean"}, r"class_aggregation='mean'.*uniform_average"),
        ("R2Score", {"num_regressors": -1}, r"num_regressors=-1\. Expected 0 or more"),
        ("IoU", {"num_classes": 2, "target_class_ids": [2]}, r"\[2\]\. Expected classes from 0"),
        ("IoU", {"num_classes": 2, "target_class_ids": [-1]}, r"target_class_ids=\[-1\]"),
        ("BinaryCrossentropy", {"label_smoothing": 2}, r"label_smoothing=2.*from 0 to 1"),
        ("Mean", {"dtype": "int32"}, r"floating point; received dtype='int32'"),
    ],
)
def test_arguments(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(**arguments)


COLUMN, ROW = np.full((4, 1), 0.75), np.full(4, 0.75)
SCORES, BITS, LABELS = np.full((4, 3), 0.75), np.eye(4, 3), np.array([0, 1, 2, 1])


@pytest.mark.parametrize(
    ("metric", "good", "bad", "message"),
    [
        (metrics.CategoricalAccuracy(), (BITS, SCORES), (LABELS, SCORES), "class numbers go with"),
        (metrics.CategoricalAccuracy(), (BITS, SCORES), (BITS[:, :2], SCORES), r"\(4, 2\)"),
        (metrics.SparseCategoricalAccuracy(), (LABELS, SCORES), (BITS, SCORES), "one-hot rows"),
        (metrics.SparseCategoricalAccuracy(), (LABELS, SCORES), (LABELS[:2], SCORES), r"\(2,\)"),
        (metrics.TopKCategoricalAccuracy(1), (BITS, SCORES), (LABELS, SCORES), "class numbers"),
        (metrics.SparseTopKCategoricalAccuracy(1), (LABELS, SCORES), (BITS, SCORES), "one-hot"),
        (metrics.TruePositives(), (BITS, SCORES), (BITS[:, :2], SCORES), "'true_positives"),
        (metrics.Precision(top_k=2), (BITS, SCORES), (COLUMN, COLUMN), r"top_k=2.*\(4, 1\)"),
        (metrics.Recall(class_id=2), (BITS, SCORES), (COLUMN, COLUMN), r"class_id=2.*\(4, 1\)"),
        (metrics.Recall(class_id=0), (BITS, SCORES), (ROW, ROW), r"class_id=0.*\(4,\)"),
        (metrics.AUC(), (BITS, SCORES), (BITS, SCORES, [1, 2, 3]), r"\(3,\).*\(4, 3\)"),
        (metrics.AUC(label_weights=[1, 2, 3]), (BITS, SCORES), (ROW, ROW), "3 label_weights"),
        (metrics.AUC(multi_label=True), (BITS, SCORES), (COLUMN, COLUMN), "num_labels=3"),
        (metrics.AUC(multi_label=True, num_labels=1), (COLUMN, COLUMN), (ROW, ROW), r"\(N, L\)"),
        (metrics.F1Score(), (BITS, SCORES), (COLUMN, COLUMN), "same C in every batch"),
        (metrics.F1Score("micro"), (BITS, SCORES), (ROW, ROW), r"\(N, C\) with C classes"),
        (metrics.F1Score(), (BITS, SCORES), (BITS, SCORES, [1, 2]), r"\(2,\) for 4 samples"),
        (metrics.R2Score(), (BITS, SCORES), (COLUMN, COLUMN), "C = 3 as before"),
        (metrics.R2Score(), (BITS, SCORES), (ROW, ROW), r"\(N, C\)"),
        (metrics.R2Score(), (BITS, SCORES), (BITS, SCORES, [1, 2]), r"Expected \(4,\)"),
        (metrics.RootMeanSquaredError(), (BITS, SCORES), (BITS[:, :2], SCORES), "same shape"),
        (metrics.MeanSquaredError(), (BITS, SCORES), (BITS[:, :2], SCORES), "same shape"),
        (metrics.MeanSquaredError(), (BITS, SCORES), (BITS, SCORES, [1, 2]), "one weight for each"),
        (metrics.SparseCategoricalCrossentropy(), (LABELS, SCORES), (LABELS + 1, SCORES), "range"),
        (metrics.MeanIoU(3), (LABELS, LABELS), (LABELS, LABELS[:2]), "as many of both"),
        (metrics.MeanIoU(3), (LABELS, LABELS), (LABELS, LABELS, [1, 2]), r"\(2,\) for 4 classes"),
    ],
    ids=lambda value: value.name if isinstance(value, metrics.Metric) else "",
)
def test_arrays(metric, good, bad, message):
    metric.update_state(*good)
    before = [variable.numpy() for variable in metric.variables]
    with pytest.raises(ValueError, match=message):
        metric.update_state(*bad)
    for variable, value in zip(metric.variables, before, strict=True):
        assert np.array_equal(variable.value, value)


@pytest.mark.parametrize("metric", [metrics.F1Score(), metrics.R2Score()])
def test_what_needs_a_batch_to_know_its_shape_says_so(metric):
    with pytest.raises(RuntimeError, match=rf"'{metric.name}' has seen no batch yet"):
        metric.result()


def test_more_regressors_than_numbers_are_warned_of():
    metric = metrics.R2Score(num_regressors=3)
    plain = metrics.R2Score()
    batch = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [1.0]])
    with pytest.warns(UserWarning, match=r"not adjusted: it has seen 3 numbers"):
        assert metric(*batch) == plain(*batch)


def test_weights_that_lose_their_fractions_are_warned_of():
    with pytest.warns(UserWarning, match=r"lose their fractions in its dtype int64"):
        metrics.MeanIoU(2)([0, 1], [0, 1], sample_weight=[0.5, 1.0])
    metrics.MeanIoU(2)([0, 1], [0, 1], sample_weight=[2.0, 1.0])
