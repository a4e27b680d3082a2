"""The confusion matrix: what its rows and columns are, and what it takes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import metrics

TRUE = [0, 0, 1, 2, 2, 2]
PREDICTED = [0, 1, 1, 2, 0, 2]
COUNTS = [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_a_row_is_a_true_class_and_a_column_a_predicted_one():
    result = metrics.ConfusionMatrix(3)(TRUE, PREDICTED)
    assert result.tolist() == COUNTS
    assert result.dtype == np.int64


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("true", [[1 / 2, 1 / 2, 0], [0, 1, 0], [1 / 3, 0, 2 / 3]]),
        ("pred", [[1 / 2, 1 / 2, 0], [0, 1 / 2, 0], [1 / 2, 0, 1]]),
        ("all", [[1 / 6, 1 / 6, 0], [0, 1 / 6, 0], [1 / 6, 0, 2 / 6]]),
    ],
)
def test_it_can_be_normalised(normalize, expected):
    metric = metrics.ConfusionMatrix(3, normalize=normalize, dtype="float64")
    assert not metric.result().any()
    np.testing.assert_allclose(metric(TRUE, PREDICTED), expected, rtol=1e-15)


@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(2, 5),
    shape=st.sampled_from([(6,), (0,), (2, 3)]),
    one_hot=st.booleans(),
)
def test_it_counts_scores_and_one_hot_rows_of_any_shape(seed, classes, shape, one_hot):
    rng = np.random.default_rng(seed)
    true, scores = rng.integers(0, classes, shape), rng.random((*shape, classes))
    metric = metrics.ConfusionMatrix(classes)
    counts = np.zeros((classes, classes), int)
    for targets in (np.eye(classes)[true] if one_hot else true, true[..., None]):
        result = metric(targets, scores)
        np.add.at(counts, (true.ravel(), scores.argmax(axis=-1).ravel()), 1)
        assert np.array_equal(result, counts)
    metric.reset_state()
    assert not metric.result().any()


def test_two_classes_may_come_from_one_output():
    metric = metrics.ConfusionMatrix(2)
    assert metric([0, 1, 1], [[0.5], [0.9], [0.2]]).tolist() == [[1, 0], [1, 1]]


def test_weights_are_added_up():
    metric = metrics.ConfusionMatrix(3)
    result = metric(TRUE, PREDICTED, sample_weight=[1, 0, 0.5, 1, 1, 1])
    assert result.dtype == np.float32
    assert result.tolist() == [[1, 0, 0], [0, 0.5, 0], [1, 0, 2]]
    metric.reset_state()
    assert metric(TRUE, PREDICTED).dtype == np.int64


def test_its_table_names_rows_and_columns():
    metric = metrics.ConfusionMatrix(3)
    metric.update_state(TRUE, PREDICTED)
    frame = metric.frame(["cat", "dog", "owl"])
    assert frame.loc["owl", "cat"] == 1
    assert (frame.index.name, frame.columns.name) == ("true", "predicted")
    assert metric.frame().loc[2, 0] == 1
    with pytest.raises(ValueError, match=r"received 2 class names\. Expected 3"):
        metric.frame(["cat", "dog"])


def test_without_pandas_only_the_table_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    metric = metrics.ConfusionMatrix(3)
    assert metric(TRUE, PREDICTED).tolist() == COUNTS
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'scratchnet\[plots\]'"):
        metric.frame()


def test_its_configuration_gives_it_back():
    metric = metrics.ConfusionMatrix(4, normalize="pred", name="mixed_up")
    config = metrics.serialize(metric)
    assert config["module"] == "scratchnet.metrics"
    assert metrics.deserialize(config).get_config() == metric.get_config()


@pytest.mark.parametrize(
    ("y_true", "y_pred", "weight", "message"),
    [
        ([0, 3], [0, 1], None, r"received the class 3 in y_true\. Expected classes from 0 to 2"),
        ([0, -1], [0, 1], None, r"received the class -1 in y_true"),
        ([0, 0.5], [0, 1], None, r"received the class 0\.5 in y_true"),
        ([0, 1], [0, 7], None, r"received the class 7 in y_pred"),
        ([0, 1], [[0.1, 0.9], [0.2, 0.8]], None, r"y_pred of shape \(2, 2\).*scores \(N, 3\)"),
        ([0, 1], [0.1, 0.9], None, r"y_pred of shape \(2,\)"),
        ([0], [0, 1], None, r"y_true of shape \(1,\) for \(2,\) predicted classes"),
        ([0, 1], [0, 1], [1, 2, 3], r"received shape \(3,\) for \(2,\) samples"),
    ],
)
def test_what_holds_no_classes_is_refused_and_changes_nothing(y_true, y_pred, weight, message):
    metric = metrics.ConfusionMatrix(3)
    metric.update_state(TRUE, PREDICTED)
    with pytest.raises(ValueError, match=message):
        metric.update_state(y_true, y_pred, weight)
    assert metric.result().tolist() == COUNTS


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"num_classes=1\. Expected an integer of at least 2"):
        metrics.ConfusionMatrix(1)
    with pytest.raises(ValueError, match=r"normalize='rows'.*'true', 'pred' or 'all'"):
        metrics.ConfusionMatrix(2, normalize="rows")
