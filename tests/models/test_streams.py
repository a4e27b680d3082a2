"""Data that come batch by batch: the same batches, steps and logs as in Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import reference
import scratchnet as sn
from scratchnet import layers

pytestmark = [
    pytest.mark.usefixtures("float64"),
    # Keras's remarks; ours are asserted
    pytest.mark.filterwarnings("ignore:`shuffle=True` was passed"),
    pytest.mark.filterwarnings("ignore:Your input ran out of data"),
]

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(22, 3)), RNG.normal(size=(22, 1))
WEIGHT = RNG.random(22)


def network():
    sn.set_random_seed(0)
    model = sn.Sequential([layers.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    model.compile(sn.optimizers.SGD(0.125), "mse", metrics=["mae"])
    return model


def endless(weighted=False):
    while True:
        yield from once(weighted)


def once(weighted=False):
    for start in range(0, 22, 4):
        rows = slice(start, start + 4)
        yield (X[rows], Y[rows], WEIGHT[rows]) if weighted else (X[rows], Y[rows])


class Batches(keras.utils.PyDataset):
    """A dataset of Keras, which our models take as it is."""

    def __init__(self):
        super().__init__()
        self.ended = 0

    def __len__(self):
        return 5

    def __getitem__(self, i):
        return X[i * 4 : i * 4 + 4], Y[i * 4 : i * 4 + 4]

    def on_epoch_end(self):
        self.ended += 1


class Pass:
    """What can be iterated anew, as a DataLoader can."""

    def __iter__(self):
        return once()


def agree(ours, theirs, model, twin):
    assert list(ours.history) == list(theirs.history)
    for name, values in theirs.history.items():
        assert ours.history[name] == pytest.approx(values, rel=1e-10), name
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        assert np.abs(a - b).max() < 1e-12


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (lambda: endless(), {"steps_per_epoch": 4}),
        (lambda: endless(True), {"steps_per_epoch": 7}),
        (lambda: once(), {"epochs": 1}),
        (lambda: Batches(), {"shuffle": False}),
        (
            lambda: endless(),
            {
                "steps_per_epoch": 3,
                "validation_data": (X, Y),
                "validation_steps": 2,
                "validation_batch_size": 4,
            },
        ),
    ],
    ids=["generator", "weights", "a single pass", "PyDataset", "validation steps"],
)
def test_batches_of_a_stream_train_as_in_keras(data, options):
    model = network()
    twin = reference.twin(model)
    options = {"epochs": 2, "verbose": 0} | options
    agree(model.fit(data(), **options), twin.fit(data(), **options), model, twin)


@pytest.mark.parametrize("steps", [2, 3])
def test_steps_cut_arrays_where_keras_cuts_them(steps):
    model = network()
    twin = reference.twin(model)
    options = {
        "epochs": 3,
        "steps_per_epoch": steps,
        "batch_size": 4,
        "shuffle": False,
        "verbose": 0,
    }
    agree(model.fit(X[:24], Y[:24], **options), twin.fit(X[:24], Y[:24], **options), model, twin)


def test_a_pass_that_ends_early_is_warned_of():
    with pytest.warns(UserWarning, match="before the 9 steps"):
        history = network().fit(X, Y, batch_size=4, steps_per_epoch=9, verbose=0)
    assert len(history.history["loss"]) == 1


def test_a_generator_that_is_used_up_is_warned_of():
    with pytest.warns(UserWarning, match="passed over once only"):
        network().fit(once(), epochs=2, verbose=0)


def test_what_can_be_iterated_anew_serves_every_epoch():
    model, other = network(), network()
    model.fit(Pass(), epochs=3, verbose=0)
    other.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_a_dataset_is_told_when_an_epoch_ends():
    data = Batches()
    network().fit(data, epochs=3, verbose=0)
    assert data.ended == 3


def test_streams_are_evaluated_and_predicted_too():
    model = network()
    whole = model.evaluate(X, Y, batch_size=4, verbose=0)
    assert model.evaluate(once(), verbose=0) == whole
    assert np.array_equal(model.predict(once(), verbose=0), model.predict(X, 4, verbose=0))
    assert model.predict(endless(), steps=2, verbose=0).shape == (8, 1)
    assert model.evaluate(endless(), steps=2, verbose=0) == model.evaluate(X[:8], Y[:8], 4, 0)


def test_batch_size_reaches_from_stochastic_to_full_gradient_descent():
    seen = []

    class Count(sn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    for size, steps in ((1, 22), (5, 5), (22, 1), (100, 1)):
        seen.clear()
        network().fit(X, Y, batch_size=size, verbose=0, callbacks=[Count()])
        assert len(seen) == steps


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.fit(once(), Y), r"x is a generator.*received y too"),
        (lambda m: m.fit(once(), batch_size=3), r"received batch_size too"),
        (lambda m: m.fit(once(), validation_split=0.5), r"cannot be split"),
        (lambda m: m.fit(iter([(X, Y, X, Y)])), r"tuple of 4"),
        (lambda m: m.fit(iter([(X[:, :2], Y)])), r"Expected \(None, 3\)"),
        (lambda m: m.fit(X, Y, validation_data=X), r"\(x, y\) or \(x, y, sample_weight\)"),
        (lambda m: m.fit(X, Y, shuffle="batch"), r"shuffle='batch'"),
    ],
)
def test_what_is_no_stream_of_batches_is_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(network())
