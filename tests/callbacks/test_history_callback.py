"""History: the record of a run."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from scratchnet.callbacks import History


def run(history, epochs):
    history.on_train_begin()
    for epoch, logs in epochs:
        history.on_epoch_end(epoch, logs)


def test_history_collects_each_names_values():
    history = History()
    run(history, [(0, {"loss": 0.5, "accuracy": 0.7}), (1, {"loss": 0.25, "accuracy": 0.8})])
    assert history.history == {"loss": [0.5, 0.25], "accuracy": [0.7, 0.8]}
    assert history.epoch == [0, 1]


def test_the_model_gets_the_history_after_an_epoch():
    history, model = History(), SimpleNamespace()
    history.set_model(model)
    run(history, [(0, None)])
    assert model.history is history
    assert (history.epoch, history.history) == ([0], {})


def test_a_second_run_begins_new_epochs_and_goes_on_collecting_as_in_keras():
    history = History()
    run(history, [(0, {"loss": 3.0})])
    run(history, [(1, {"loss": 2.0}), (2, {"loss": 1.0})])
    assert history.epoch == [1, 2]
    assert history.history == {"loss": [3.0, 2.0, 1.0]}
    assert history.frame()["loss"].tolist() == [2.0, 1.0]


def test_frame_has_a_row_for_each_epoch_with_nan_where_nothing_was_validated():
    history = History()
    run(history, [(4, {"loss": 3.0}), (5, {"loss": 2.0, "val_loss": 2.5}), (6, {"loss": 1.0})])
    frame = history.frame()
    assert frame.index.name == "epoch"
    assert frame.index.tolist() == [4, 5, 6]
    assert frame.columns.tolist() == ["loss", "val_loss"]
    np.testing.assert_array_equal(frame["loss"], [3.0, 2.0, 1.0])
    np.testing.assert_array_equal(frame["val_loss"], [np.nan, 2.5, np.nan])


def test_frame_of_no_epochs_is_empty():
    assert History().frame().empty


def test_frame_without_pandas_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'scratchnet\[plots\]'"):
        History().frame()


def test_repr_says_how_many_epochs_and_the_last_values():
    history = History()
    assert repr(history) == "<History of no epochs>"
    run(history, [(0, {"loss": 0.5})])
    assert repr(history) == "<History of 1 epoch; last: loss=0.5>"
    run(history, [(0, {"loss": 0.5}), (1, {"loss": 0.123456, "accuracy": 0.75})])
    assert repr(history) == "<History of 2 epochs; last: loss=0.1235, accuracy=0.75>"
