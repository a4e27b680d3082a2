"""EarlyStopping and ReduceLROnPlateau: what counts as an improvement, and what follows."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import scratchnet as sn
from reference.callback_runs import Epoch, Standin, run, runs_differ
from reference.device import precision
from scratchnet import layers
from scratchnet.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau

pytestmark = pytest.mark.usefixtures("float64", "formulas")

NAN, INF = math.nan, math.inf
NOWHERE = Path("/nonexistent")
# Binary fractions, which Keras's rounding to float32 leaves alone; few, so that there are ties.
FRACTIONS = st.integers(-6, 6).map(lambda n: n / 8)
VALUES = st.lists(st.one_of(FRACTIONS, st.sampled_from([INF, -INF, NAN, None])), max_size=12)
DELTAS = st.sampled_from([0, 0.125, 0.25, -0.125])
MODES = st.sampled_from(["min", "max", "auto"])


def epochs_of(values, passed_over=0):
    """Epochs with these losses, None for none; the first that counts is made a number."""
    values = [0.5, *values]
    for i in range(passed_over, len(values)):
        if values[i] is not None:
            values[i] = 0.25 if math.isnan(values[i]) else values[i]
            break
    return [Epoch({"other": 0.5} | ({} if v is None else {"loss": v})) for v in values]


@given(
    values=VALUES,
    start_from_epoch=st.integers(0, 3),
    arguments=st.fixed_dictionaries(
        {
            "patience": st.integers(0, 4),
            "min_delta": DELTAS,
            "mode": MODES,
            "baseline": st.none() | FRACTIONS,
            "restore_best_weights": st.booleans(),
            "verbose": st.integers(0, 1),
        }
    ),
)
def test_early_stopping_is_keras_s_at_every_step(values, start_from_epoch, arguments):
    arguments |= {"monitor": "loss", "start_from_epoch": start_from_epoch}
    epochs = epochs_of(values, start_from_epoch)
    assert runs_differ(lambda library, _: library.EarlyStopping(**arguments), epochs) == 0


@given(
    values=VALUES,
    arguments=st.fixed_dictionaries(
        {
            "patience": st.integers(0, 3),
            "min_delta": DELTAS,
            "mode": MODES,
            "factor": st.sampled_from([0.5, 0.25, 0.1]),
            "cooldown": st.integers(0, 3),
            "min_lr": st.sampled_from([0.0, 0.125, 0.2, 1.0]),
            "verbose": st.integers(0, 1),
        }
    ),
)
def test_reduce_lr_on_plateau_is_keras_s_at_every_step(values, arguments):
    arguments |= {"monitor": "loss"}
    make = lambda library, _: library.ReduceLROnPlateau(**arguments)  # noqa: E731
    assert runs_differ(make, epochs_of(values)) <= 1e-15


def told(callback, values):
    """A Standin that trained with this callback, and the callback's states after each epoch."""
    model = Standin(sn)
    states = run(callback, model, [Epoch({"loss": v}) for v in values], NOWHERE)
    return model, states


def test_a_first_nan_is_not_the_best_for_ever():
    stop = EarlyStopping("loss", patience=3, restore_best_weights=True)
    model, states = told(stop, [NAN, NAN, 2.0, 1.0, 1.5, NAN])
    assert len(states) == 7, "all epochs, and the end"
    assert (stop.best, stop.best_epoch) == (1.0, 3)
    assert model.weight.tolist() == [8], "two batches an epoch, four epochs"
    theirs = keras.callbacks.EarlyStopping("loss", patience=3)
    run(theirs, Standin(keras), [Epoch({"loss": v}) for v in [NAN, 2.0, 1.0, 0.5]], NOWHERE)
    assert math.isnan(theirs.best)
    assert theirs.stopped_epoch == 3, "Keras stops while the loss halves"


def test_nothing_but_nan_uses_up_the_patience():
    stop = EarlyStopping("loss", patience=2)
    model, _ = told(stop, [NAN] * 5)
    assert model.stop_training
    assert stop.stopped_epoch == 1
    assert stop.best is None


def test_a_first_nan_does_not_make_the_learning_rate_fall():
    reduce = ReduceLROnPlateau("loss", patience=2)
    model, _ = told(reduce, [NAN, 2.0, 1.0, 0.5, 0.25])
    assert model.optimizer.learning_rate == 0.5
    assert reduce.best == 0.25


def test_small_improvements_count_where_keras_rounds_them_away():
    values = [1.0, 1.0 - 1e-9, 1.0 - 2e-9]
    stop = EarlyStopping("loss", patience=1)
    model, _ = told(stop, values)
    assert not model.stop_training
    theirs = keras.callbacks.EarlyStopping("loss", patience=1)
    run(theirs, Standin(keras), [Epoch({"loss": v}) for v in values], NOWHERE)
    assert theirs.stopped_epoch == 1


@pytest.mark.parametrize("first", [1.0, NAN])
def test_early_stopping_never_stops_after_the_first_epoch(first):
    stop = EarlyStopping("loss", patience=0, baseline=0.5)
    model, _ = told(stop, [first, NAN, 3.0])
    assert model.stop_training
    assert stop.stopped_epoch == 1


def test_a_rate_at_its_bound_is_not_reduced_again_where_float32_rounds_the_bound_up():
    """float32(0.1) is above 0.1: seen as such, the cooldown would begin again and again."""
    epochs = [Epoch({"loss": 1.0})] * 8
    with precision("float32"):
        assert float(sn.optimizers.SGD(0.1).learning_rate) > 0.1
        assert (
            runs_differ(
                lambda library, _: library.ReduceLROnPlateau(
                    "loss", patience=1, cooldown=1, min_lr=0.1
                ),
                epochs,
            )
            == 0
        )


def test_a_callback_can_serve_a_second_training():
    stop, reduce = EarlyStopping("loss"), ReduceLROnPlateau("loss", patience=1)
    for callback in (stop, reduce):
        told(callback, [1.0, 2.0])
        told(callback, [3.0])
        assert (callback.best, callback.wait) == (3.0, 0)


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (EarlyStopping("val_accuracy", mode="max"), "EarlyStopping watches 'val_accuracy'"),
        (ReduceLROnPlateau("val_accuracy", mode="max"), "ReduceLROnPlateau watches 'val_acc"),
    ],
)
def test_a_missing_monitor_warns_and_says_what_there_is(callback, words):
    callback.set_model(Standin(sn))
    callback.on_train_begin()
    with pytest.warns(UserWarning, match=f"{words}.*: loss"):
        callback.on_epoch_end(0, {"loss": 1.0})
    assert callback.best is None


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau])
def test_an_unknown_direction_is_refused(kind):
    callback = kind("val_score")
    callback.set_model(Standin(sn))
    callback.on_train_begin()
    with pytest.raises(ValueError, match=r"'val_score' with mode='auto'.*Pass mode='min' or"):
        callback.on_epoch_end(0, {"val_score": 1.0})
    assert callback.best is None


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau])
def test_an_unknown_mode_warns_and_means_auto(kind):
    with pytest.warns(UserWarning, match="received mode='down'. Expected 'auto', 'min' or 'max'"):
        callback = kind(mode="down")
    assert callback.mode == "auto"
    with pytest.warns(UserWarning, match="mode='best'") as caught:
        ModelCheckpoint("x.keras", mode="best")
    assert caught[0].filename == __file__


@pytest.mark.parametrize("factor", [1, 1.0, 2.5])
def test_a_factor_that_does_not_reduce_is_refused(factor):
    with pytest.raises(ValueError, match=rf"received factor={factor}.*below 1"):
        ReduceLROnPlateau(factor=factor)


def test_the_message_says_what_happened(capsys):
    told_stop = EarlyStopping("loss", verbose=1, restore_best_weights=True)
    model = Standin(sn)
    for callback in (told_stop, ReduceLROnPlateau("loss", patience=1, verbose=1, factor=0.5)):
        callback.set_model(model)
        callback.on_train_begin()
        callback.on_epoch_end(0, {"loss": 1.0})
        callback.on_epoch_end(1, {"loss": 1.0})
        callback.on_train_end()
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "Epoch 2: stopping early, loss did not improve",
        "Restoring the weights of epoch 1, the best",
        "",
        "Epoch 2: loss does not improve, the learning rate falls to 0.25",
    ]


def test_something_made_of_several_values_can_be_watched():
    class Gap(EarlyStopping):
        def get_monitor_value(self, logs):
            return logs["val_loss"] - logs["loss"]

    stop = Gap(patience=1)
    stop.set_model(Standin(sn))
    stop.on_train_begin()
    stop.on_epoch_end(0, {"loss": 1.0, "val_loss": 1.5})
    assert stop.best == 0.5


def compiled(metrics):
    sn.set_random_seed(1)
    model = sn.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile(sn.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=metrics)
    return model


X = np.random.default_rng(0).normal(size=(20, 4))
Y = np.random.default_rng(1).integers(0, 3, 20)


@pytest.mark.parametrize(
    ("metric", "name", "direction"),
    [
        ("accuracy", "accuracy", "max"),
        (sn.metrics.SparseCategoricalAccuracy(name="right"), "val_right", "max"),
        ("sparse_categorical_crossentropy", "val_sparse_categorical_crossentropy", "min"),
        (
            sn.losses.sparse_categorical_crossentropy,
            "val_sparse_categorical_crossentropy",
            "min",
        ),
        (lambda y, p: p[:, 0], "<lambda>", None),
    ],
)
def test_the_direction_of_a_compiled_metric_is_known(metric, name, direction):
    model = compiled([metric])
    model.fit(X, Y, verbose=0)
    stop = EarlyStopping(name)
    stop.set_model(model)
    if direction is None:
        with pytest.raises(ValueError, match="mode='auto'"):
            stop._settle_direction()
    else:
        stop._settle_direction()
        assert stop._direction == direction


def test_every_metric_s_direction_is_keras_s():
    """Of all metrics that scratchnet has, as far as they can be made without arguments."""
    from scratchnet.callbacks.monitor import _direction_of

    seen = 0
    for name, kind in vars(sn.metrics).items():
        try:
            metric = kind()
            theirs = getattr(keras.metrics, name)()
        except (TypeError, AttributeError):
            continue
        declared = getattr(theirs, "_direction", None)
        assert _direction_of(metric) == {"up": "max", "down": "min", None: None}[declared], name
        seen += 1
    assert seen > 5


def test_a_metric_of_one_s_own_can_say_its_direction():
    class Right(sn.metrics.SparseCategoricalAccuracy):
        _direction = "down"

    model = compiled([Right(name="wrong")])
    model.fit(X, Y, verbose=0)
    stop = EarlyStopping("wrong")
    stop.set_model(model)
    stop._settle_direction()
    assert stop._direction == "min"


def test_a_training_with_all_of_them_is_keras_s(tmp_path):
    """The same epochs, history with learning rates, final weights and best weights on disk."""
    model = compiled(["accuracy"])
    twin = reference.twin(model)

    def fitted(one, library, folder):
        history = one.fit(
            *(X, Y),
            batch_size=5,
            epochs=12,
            verbose=0,
            shuffle=False,
            validation_data=(X[:9], (Y[:9] + 1) % 3),
            callbacks=[
                library.callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5),
                library.callbacks.EarlyStopping(
                    "val_accuracy", patience=5, restore_best_weights=True
                ),
                library.callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True),
            ],
        )
        best = library.models.load_model(folder / "best.keras") if library is keras else None
        return history.history, one.get_weights(), best

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs, their_weights, their_best = fitted(twin, keras, tmp_path / "keras")
    ours, weights, _ = fitted(model, sn, tmp_path / "ours")
    best = sn.saving.load_model(tmp_path / "ours" / "best.keras")
    assert list(ours) == list(theirs)
    assert "learning_rate" in ours
    assert len(ours["loss"]) < 12
    assert len(set(ours["learning_rate"])) > 1
    for name, values in theirs.items():
        assert ours[name] == pytest.approx(values, rel=1e-12), name
    for a, b in zip(weights, their_weights, strict=True):
        assert np.abs(a - b).max() < 1e-13
    for a, b in zip(best.get_weights(), their_best.get_weights(), strict=True):
        assert np.abs(a - b).max() < 1e-13
