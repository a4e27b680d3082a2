"""The confusion matrix counts right and says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet.visualization import confusion_matrix

TRUE = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 0])
PREDICTED = np.array([0, 0, 1, 1, 1, 0, 2, 2, 2, 2])
COUNTS = [[2, 1, 1], [0, 2, 0], [1, 0, 3]]
NAMES = ["shirt", "shoe", "bag"]


def counts(figure) -> np.ndarray:
    numbers = [int(text.get_text()) for text in figure.axes[0].texts]
    size = int(len(numbers) ** 0.5)
    return np.array(numbers).reshape(size, size)


def shares(figure) -> np.ndarray:
    array = figure.axes[0].collections[0].get_array()
    size = int(array.size**0.5)
    return np.asarray(array).reshape(size, size)


def test_the_numbers_are_counts_and_the_colours_are_shares_of_the_row():
    figure = confusion_matrix(TRUE, PREDICTED, NAMES)
    assert counts(figure).tolist() == COUNTS
    np.testing.assert_array_equal(
        shares(figure), [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.25, 0.0, 0.75]]
    )


def test_title_axes_and_classes_are_named():
    axes, scale = confusion_matrix(TRUE, PREDICTED, NAMES).axes
    assert axes.get_title(loc="left") == "Confusion matrix: 7 of 10 right (70.0%)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in axes.get_xticklabels()] == NAMES
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES
    assert scale.get_ylabel() == "share of the true class"


@settings(max_examples=10, deadline=None)
@given(data=st.data(), classes=st.integers(2, 5))
def test_the_counts_are_those_of_a_loop_over_the_pairs(data, classes):
    pairs = data.draw(
        st.lists(st.tuples(*[st.integers(0, classes - 1)] * 2), min_size=1, max_size=30)
    )
    expected = [[0] * classes for _ in range(classes)]
    for true, predicted in pairs:
        expected[true][predicted] += 1
    true, predicted = zip(*pairs, strict=True)
    figure = confusion_matrix(list(true), list(predicted), [str(c) for c in range(classes)])
    assert counts(figure).tolist() == expected


def test_probabilities_and_one_hot_rows_count_by_their_largest():
    probabilities = np.full((10, 3), 0.2)
    probabilities[np.arange(10), PREDICTED] = 0.6
    figure = confusion_matrix(np.eye(3)[TRUE], probabilities, NAMES)
    assert counts(figure).tolist() == COUNTS


def test_a_column_of_classes_and_whole_floats_are_classes():
    figure = confusion_matrix(TRUE[:, None], PREDICTED.astype(np.float32), NAMES)
    assert counts(figure).tolist() == COUNTS


def test_a_class_without_samples_has_an_empty_row():
    figure = confusion_matrix([0, 0], [0, 2], NAMES)
    assert counts(figure).tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert shares(figure)[1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([0, 1], [0], "2 values of y_true and 1 of y_pred"),
        ([], [], "0 values of y_true and 0 of y_pred"),
        ([0, 3], [0, 1], "y_true has classes from 0 to 3. Expected 0 to 2"),
        ([0, 1], [-1, 1], "y_pred has classes from -1 to 1. Expected 0 to 2"),
        ([0, 1], [0.5, 1], r"y_pred has shape \(2,\) and dtype float64. Expected \(N,\) whole"),
        ([0, 1], np.ones((2, 4)), r"y_pred has shape \(2, 4\).* or \(N, 3\)"),
        (["shirt", "bag"], [0, 1], "y_true has shape"),
    ],
)
def test_what_are_no_classes_is_refused(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(y_true, y_pred, NAMES)
