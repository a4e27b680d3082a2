"""LearningRateScheduler, TerminateOnNaN and LambdaCallback."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchnet as sn
from reference.callback_runs import Epoch, Standin, run, runs_differ
from scratchnet.callbacks import (
    CallbackList,
    History,
    LambdaCallback,
    LearningRateScheduler,
    TerminateOnNaN,
)

pytestmark = pytest.mark.usefixtures("float64")

NOWHERE = Path("/nonexistent")
RATES = st.floats(1e-6, 10)


@given(rates=st.lists(RATES, min_size=1, max_size=5), takes_both=st.booleans())
def test_the_rate_is_what_the_schedule_says_as_in_keras(rates, takes_both):
    def of_both(epoch, rate):
        return rate * rates[epoch]

    def of_epoch(epoch):
        return rates[epoch]

    schedule = of_both if takes_both else of_epoch
    make = lambda library, _: library.LearningRateScheduler(schedule, verbose=1)  # noqa: E731
    assert runs_differ(make, [Epoch({"loss": 1.0})] * len(rates)) == 0


@pytest.mark.parametrize("returned", [1, "0.1", None, np.array([0.1]), np.float16(0.5), True])
def test_a_schedule_that_returns_no_float_is_refused_and_changes_nothing(returned):
    callback, model = LearningRateScheduler(lambda epoch, rate: returned), Standin(sn)
    callback.set_model(model)
    with pytest.raises(ValueError, match=r"for epoch 3\. Expected a float"):
        callback.on_epoch_begin(3)
    assert model.optimizer.learning_rate == 0.5
    make = lambda library, _: library.LearningRateScheduler(lambda _: returned)  # noqa: E731
    assert runs_differ(make, [Epoch({"loss": 1.0})]) == 0


@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
def test_each_kind_of_float_will_do(kind):
    callback, model = LearningRateScheduler(lambda epoch, rate: kind(0.25)), Standin(sn)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    assert model.optimizer.learning_rate == 0.25


def test_an_error_inside_the_schedule_shows_as_it_is():
    """Keras takes the TypeError to mean that the schedule wants the epoch alone."""

    def schedule(epoch, rate):
        return rate + "0.1"

    warnings.simplefilter("ignore", DeprecationWarning)  # of Keras's own Variable
    for library, words in ((sn, "unsupported operand"), (keras, "missing 1 required")):
        callback = library.callbacks.LearningRateScheduler(schedule)
        callback.set_model(Standin(library))
        with pytest.raises(TypeError, match=words):
            callback.on_epoch_begin(0)


def test_a_function_without_a_signature_gets_both_arguments():
    callback, model = LearningRateScheduler(max), Standin(sn)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    assert model.optimizer.learning_rate == 0.5, "max(0, 0.5)"


def test_an_optimizer_without_a_rate_is_refused():
    callback = LearningRateScheduler(lambda epoch: 0.1)
    callback.set_model(SimpleNamespace(optimizer="none"))
    with pytest.raises(ValueError, match="the model's optimizer is 'none'"):
        callback.on_epoch_begin(0)


def test_the_rate_gets_into_the_history(capsys):
    history, model = History(), Standin(sn)
    scheduler = LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    hooks = CallbackList([scheduler, history], model=model)
    run(hooks, model, [Epoch({"loss": 1.0})] * 2, NOWHERE)
    assert history.history == {"loss": [1.0, 1.0], "learning_rate": [0.25, 0.125]}
    scheduler.on_epoch_begin(2)
    words = "\nEpoch 3: LearningRateScheduler sets the learning rate to 0.0625\n"
    assert capsys.readouterr().out == words


LOSSES = st.lists(st.sampled_from([1.0, 0.0, math.nan, math.inf, -math.inf, None]), max_size=6)


@given(losses=LOSSES, raise_error=st.booleans())
def test_training_stops_at_the_batch_where_keras_s_does(losses, raise_error):
    batches = [{"accuracy": 0.5} | ({} if v is None else {"loss": v}) for v in [1.0, *losses]]
    make = lambda library, _: library.TerminateOnNaN(raise_error)  # noqa: E731
    assert runs_differ(make, [Epoch({"loss": 1.0}, batches)] * 2) == 0


def test_what_stopped_the_training_is_said(capsys):
    callback, model = TerminateOnNaN(), Standin(sn)
    callback.set_model(model)
    callback.on_train_batch_end(7, {"loss": math.nan})
    assert capsys.readouterr().out == "Batch 7: the loss is nan, training stops\n"
    assert model.stop_training
    strict = TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match=r"The loss is -inf after batch 2.*smaller learning"):
        strict.on_train_batch_end(2, {"loss": -math.inf})


def test_a_lambda_takes_the_place_of_its_hook_alone():
    calls = []
    callback = LambdaCallback(
        on_epoch_end=lambda epoch, logs: calls.append((epoch, logs)),
        on_train_end=None,
        on_test_begin=lambda logs: calls.append("test"),
        on_predict_begin=None,
    )
    model = Standin(sn)
    run(callback, model, [Epoch({"loss": 1.0}, validation={"loss": 2.0})], NOWHERE)
    callback.on_predict_begin()
    assert calls == ["test", (0, {"loss": 1.0})]
    assert callback.model is model


def test_a_function_for_a_batch_is_called_by_either_name():
    calls = []
    callback = LambdaCallback(on_batch_end=lambda batch, logs: calls.append(batch))
    callback.on_train_batch_end(3, {})
    assert calls == [3]


def test_a_name_that_is_no_hook_is_refused():
    with pytest.raises(TypeError, match=r"hook 'on_epoch_ends'\. Did you mean 'on_epoch_end'"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="Unknown hook 'model'"):
        LambdaCallback(model=None)
