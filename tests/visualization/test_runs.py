"""Curves are read from files too, and several runs are compared."""

import numpy as np
import pytest

import scratchnet
from scratchnet import Sequential, callbacks, layers
from scratchnet.visualization import compare_runs, history


@pytest.mark.parametrize("separator", [",", ";"])
def test_the_file_of_a_csv_logger_draws_what_fit_returned(tmp_path, separator):
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    path = tmp_path / "log.csv"
    x = np.random.default_rng(0).normal(size=(8, 2))
    logger = callbacks.CSVLogger(path, separator)
    with scratchnet.use("formulas"):
        run = model.fit(x, x[:, :1], epochs=3, validation_split=0.5, verbose=0, callbacks=[logger])
    for axes, expected in zip(history(path).axes, history(run).axes, strict=True):
        assert axes.get_title(loc="left") == expected.get_title(loc="left")
        for line, other in zip(axes.lines, expected.lines, strict=True):
            np.testing.assert_allclose(line.get_xydata(), other.get_xydata(), rtol=1e-15)


def test_what_a_file_lacks_is_not_drawn(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('epoch,loss,odd,val_loss\n0,3.0,"[1, 2]",NA\n1,2.0,"[3, 4]",2.5\n')
    (axes,) = history(str(path)).axes
    assert axes.lines[0].get_xydata().tolist() == [[1, 3.0], [2, 2.0]]
    assert axes.lines[1].get_xydata().tolist() == [[2, 2.5]]


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("step,loss\n0,3\n")
    with pytest.raises(ValueError, match=r"does not begin with a column 'epoch', but with 'step"):
        history(path)
    path.write_text("epoch,loss\n")
    with pytest.raises(ValueError, match="no epochs"):
        history(path)
    with pytest.raises(FileNotFoundError):
        history(tmp_path / "missing.csv")


def test_runs_are_compared_by_their_least_loss():
    runs = {"a": {"val_loss": [3, 1, 2]}, "b": {"val_loss": [3, 2, np.nan]}}
    (axes,) = compare_runs(runs).axes
    assert axes.lines[0].get_xydata().tolist() == [[1, 3], [2, 1], [3, 2]]
    assert axes.lines[1].get_xydata().tolist() == [[1, 3], [2, 2]]
    assert axes.get_title(loc="left") == "Best: a with 1 in epoch 2"
    assert [text.get_text() for text in axes.get_legend().texts] == ["a", "b"]


def test_runs_are_compared_by_their_largest_accuracy():
    runs = {"a": {"accuracy": [0.5, 0.25]}, "b": {"accuracy": [0.25, 0.75]}}
    (axes,) = compare_runs(runs, "accuracy").axes
    assert axes.get_title(loc="left") == "Best: b with 0.75 in epoch 2"


def test_runs_without_the_metric_are_refused():
    with pytest.raises(ValueError, match="no runs"):
        compare_runs({})
    with pytest.raises(ValueError, match=r"The run 'a' has no 'val_loss', but \['loss'\]"):
        compare_runs({"a": {"loss": [1]}})
