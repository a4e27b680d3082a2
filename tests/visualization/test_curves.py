"""The curves of losses and of histories show the numbers they were given."""

import numpy as np
import pytest

from scratchnet.callbacks import History
from scratchnet.visualization import history, loss_curves


def test_loss_curves_draws_both_losses_over_the_batches():
    ours, theirs = [3.0, 2.0, 1.5], [3.0, 2.25, 1.0]
    figure = loss_curves(ours, theirs, labels=("mine", "yours"), x_label="step")
    top, bottom = figure.axes
    mine, yours = top.lines
    np.testing.assert_array_equal(mine.get_xydata(), [[1, 3.0], [2, 2.0], [3, 1.5]])
    np.testing.assert_array_equal(yours.get_xydata(), [[1, 3.0], [2, 2.25], [3, 1.0]])
    assert [text.get_text() for text in top.get_legend().texts] == ["mine", "yours"]
    assert top.get_title(loc="left") == "Loss of mine and yours"
    assert (top.get_ylabel(), bottom.get_xlabel()) == ("loss", "step")


def test_loss_curves_draws_the_difference_on_a_logarithmic_axis():
    bottom = loss_curves([3.0, 2.0, 1.5], [3.0, 2.25, 1.0]).axes[1]
    assert bottom.get_yscale() == "log"
    assert bottom.get_ylabel() == "|difference|"
    np.testing.assert_array_equal(bottom.lines[0].get_ydata(), [np.nan, 0.25, 0.5])
    low, high = bottom.get_ylim()
    assert low < 0.25
    assert high > 0.5


def test_loss_curves_marks_equal_losses_on_the_lower_edge_and_counts_them():
    bottom = loss_curves([3.0, 2.0, 1.0, 4.0], [3.0, 2.25, 1.0, 4.0]).axes[1]
    marks = bottom.lines[1]
    assert marks.get_xdata().tolist() == [1, 3, 4]
    assert set(marks.get_ydata()) == {bottom.get_ylim()[0]}
    assert [t.get_text() for t in bottom.get_legend().texts] == ["equal to the last bit (3 of 4)"]


def test_loss_curves_without_equal_losses_has_no_marks():
    bottom = loss_curves([3.0, 2.0], [3.5, 2.5]).axes[1]
    assert len(bottom.lines) == 1
    assert bottom.get_legend() is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([1.0, 2.0], [1.0, 2.0]),  # equal throughout
        ([1.0], [2.0]),  # one batch
        ([np.nan, 1.0], [np.nan, 1.5]),
        ([np.inf, 1.0, 2.0], [np.inf, 1.0, 3.0]),
        ([np.nan, np.inf], [1.0, np.inf]),
        ([1e-45, 3.4e38], [0.0, 0.0]),  # the range of float32
    ],
)
def test_loss_curves_draws_extreme_losses_without_a_warning(ours, theirs):
    figure = loss_curves(np.array(ours), np.array(theirs))
    figure.draw_without_rendering()
    low, high = figure.axes[1].get_ylim()
    assert 0 < low < high < np.inf


@pytest.mark.parametrize("theirs", [[1.0], [], [[1.0, 2.0]]])
def test_loss_curves_of_different_lengths_are_refused(theirs):
    with pytest.raises(ValueError, match=r"shapes \(2,\) and .* the same length"):
        loss_curves([1.0, 2.0], theirs)


def test_loss_curves_of_nothing_are_refused():
    with pytest.raises(ValueError, match="Expected two"):
        loss_curves([], [])


def recorded():
    """A run of three epochs, of which only the second was validated."""
    record = History()
    record.on_train_begin()
    record.on_epoch_end(0, {"accuracy": 0.5, "loss": 3.0})
    record.on_epoch_end(1, {"accuracy": 0.6, "loss": 2.0, "val_accuracy": 0.55, "val_loss": 2.5})
    record.on_epoch_end(2, {"accuracy": 0.7, "loss": 1.0})
    return record


def test_history_draws_the_loss_first_then_each_metric():
    loss, accuracy = history(recorded()).axes
    assert [axes.get_title(loc="left") for axes in (loss, accuracy)] == ["Loss", "Accuracy"]
    np.testing.assert_array_equal(loss.lines[0].get_xydata(), [[1, 3.0], [2, 2.0], [3, 1.0]])
    np.testing.assert_array_equal(accuracy.lines[0].get_xydata(), [[1, 0.5], [2, 0.6], [3, 0.7]])
    assert [text.get_text() for text in loss.get_legend().texts] == ["training", "validation"]
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "loss")


def test_history_draws_the_validation_at_the_epochs_that_had_one():
    loss, accuracy = history(recorded()).axes
    np.testing.assert_array_equal(loss.lines[1].get_xydata(), [[2, 2.5]])
    np.testing.assert_array_equal(accuracy.lines[1].get_xydata(), [[2, 0.55]])


def test_history_takes_a_mapping_as_keras_has_it():
    axes = history({"loss": [3, 2], "val_loss": [4, 3], "val_only": [1, 1], "lr": [0.1, 0.2]}).axes
    assert [each.get_title(loc="left") for each in axes] == ["Loss", "Val only", "Lr"]
    np.testing.assert_array_equal(axes[0].lines[1].get_xydata(), [[1, 4], [2, 3]])
    assert [len(each.lines) for each in axes] == [2, 1, 1]


def test_a_single_epoch_has_a_single_tick():
    (axes,) = history({"loss": [3.0]}).axes
    assert axes.get_xticks().tolist() == [1]


def test_history_refuses_a_mapping_that_does_not_say_which_epochs_were_validated():
    with pytest.raises(
        ValueError, match=r"'loss': 3, 'val_loss': 1.*the History that fit returned"
    ):
        history({"loss": [3, 2, 1], "val_loss": [4]})


@pytest.mark.parametrize("nothing", [History(), {}, {"loss": []}])
def test_history_refuses_no_epochs(nothing):
    with pytest.raises(ValueError, match="no epochs"):
        history(nothing)


def test_history_refuses_anything_else():
    with pytest.raises(TypeError, match=r"received list\. Expected what fit returned"):
        history([3, 2, 1])
