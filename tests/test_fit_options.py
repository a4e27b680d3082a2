"""Every option of fit does what Keras's does: the same weights, logs and calls of hooks."""

from __future__ import annotations

import io

import keras
import numpy as np
import pytest

import reference
import scratchnet as sn
from scratchnet import layers

pytestmark = pytest.mark.usefixtures("float64")

N = 23
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, 6, 6, 1)), RNG.integers(0, 3, N)
WEIGHT = RNG.random(N)


def network(**arguments):
    sn.set_random_seed(2)
    model = sn.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.25, seed=1),
            layers.Dense(3, activation="softmax"),
        ]
    )
    arguments = {
        "optimizer": sn.optimizers.SGD(0.05, momentum=0.9),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy", "sparse_categorical_crossentropy"],
        "weighted_metrics": ["accuracy"],
    } | arguments
    model.compile(**arguments)
    return model


def agree(model, twin, x=X, y=Y, **arguments):
    """Fit both; histories and weights are the same afterwards."""
    arguments = {"verbose": 0, "shuffle": False, "batch_size": 5} | arguments
    ours, theirs = model.fit(x, y, **arguments), twin.fit(x, y, **arguments)
    assert list(ours.history) == list(theirs.history)
    assert ours.epoch == list(theirs.epoch)
    for name, values in theirs.history.items():
        assert ours.history[name] == pytest.approx(values, rel=1e-10, abs=1e-13), name
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        assert np.abs(a - b).max(initial=0) < 1e-12
    return ours


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"epochs": 3},
        {"epochs": 4, "initial_epoch": 2},
        {"batch_size": 7},
        {"batch_size": 100},
        {"batch_size": None},
        {"sample_weight": WEIGHT},
        {"class_weight": {0: 2.0, 1: 0.5, 2: 1.0}},
        {"class_weight": {1: 3.0}},
        {"validation_split": 0.3},
        {"validation_split": 0.3, "sample_weight": WEIGHT},
        {"validation_data": (X[:7], Y[:7])},
        {"validation_data": (X[:7], Y[:7], WEIGHT[:7]), "validation_batch_size": 2},
        {"epochs": 4, "validation_split": 0.3, "validation_freq": 2},
        {"epochs": 4, "validation_split": 0.3, "validation_freq": [1, 4]},
    ],
    ids=str,
)
def test_an_option_changes_what_it_changes_in_keras(options):
    model = network()
    agree(model, reference.twin(model), **options)


@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize(
    ("loss", "last", "y"),
    [
        ("categorical_crossentropy", {"units": 3, "activation": "softmax"}, np.eye(3)[Y]),
        ("binary_crossentropy", {"units": 1, "activation": "sigmoid"}, (Y > 0).astype(float)),
        ("binary_crossentropy", {"units": 1, "activation": "sigmoid"}, Y[:, None] % 2),
        ("mse", {"units": 2}, RNG.normal(size=(N, 2))),
        ("mae", {"units": 1}, RNG.normal(size=N)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_loss_trains_as_in_keras(loss, last, y, batch_size):
    sn.set_random_seed(3)
    model = sn.Sequential([layers.Input((6, 6, 1)), layers.Flatten(), layers.Dense(**last)])
    metrics = ["accuracy"] if "entropy" in loss else ["mae"]
    model.compile("adam", loss, metrics=metrics)
    agree(model, reference.twin(model), y=y, epochs=2, batch_size=batch_size)


def test_a_nested_model_trains_as_in_keras_and_a_frozen_layer_stays():
    sn.set_random_seed(4)
    inner = sn.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="tanh"),
            layers.BatchNormalization(),
        ],
        name="inner",
    )
    model = sn.Sequential(
        [layers.Input((6, 6, 1)), inner, layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    inner.layers[1].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    twin = reference.twin(model)
    twin.layers[0].layers[1].trainable = False
    before = [w.copy() for w in inner.layers[1].get_weights()]
    agree(model, twin, epochs=2)
    for a, b in zip(before, inner.layers[1].get_weights(), strict=True):
        assert np.array_equal(a, b)
    model.layers[0].trainable = False
    twin.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    twin.compile("adam", "sparse_categorical_crossentropy")
    agree(model, twin)


def recorder(base, calls):
    """A callback of either library that writes down each hook, its number and its logs' names."""

    def hook(name):
        def called(self, *arguments, logs=None):
            number = [a for a in arguments if isinstance(a, int)]
            given = (
                logs
                if logs is not None
                else next((a for a in arguments if isinstance(a, dict)), None)
            )
            calls.append((name, number, sorted(given or {})))

        return called

    hooks = [name for name in dir(sn.callbacks.Callback) if name.startswith("on_")]
    return type("Recorder", (base,), {name: hook(name) for name in hooks})()


def test_hooks_are_called_in_keras_s_order_with_keras_s_logs():
    model = network()
    twin = reference.twin(model)
    calls: tuple[list, list] = [], []
    bases = sn.callbacks.Callback, keras.callbacks.Callback
    for one, base, seen in zip((model, twin), bases, calls, strict=True):
        callback = recorder(base, seen)
        one.fit(X, Y, 8, 2, verbose=0, callbacks=[callback], validation_split=0.3, shuffle=False)
        one.evaluate(X, Y, 8, verbose=0, callbacks=[callback])
        one.predict(X, 8, verbose=0, callbacks=[callback])
    assert len(calls[0]) == 38
    assert calls[0] == calls[1]


def test_stop_training_ends_after_the_same_epoch():
    class Stop(sn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    assert network().fit(X, Y, epochs=5, verbose=0, callbacks=[Stop()]).epoch == [0, 1]


def test_an_interrupted_bar_ends_its_line(monkeypatch):
    class Interrupt(sn.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    bar = sn.callbacks.ProgbarLogger(stream=(out := Terminal()), interval=0)
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, 5, callbacks=[bar, Interrupt()])
    assert "2/5" in out.getvalue()
    assert out.getvalue().endswith("\n")


def test_shuffling_is_the_seed_s_and_uses_every_sample_once():
    seen = []

    def first_pixels():
        sn.set_random_seed(9)
        model = sn.Sequential([layers.Input((1,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        train_step = model._train_step

        def step(batch):
            seen.append(batch.x[0][:, 0].tolist())
            return train_step(batch)

        model._train_step = step
        model.fit(np.arange(10.0)[:, None], np.zeros(10), 4, verbose=0)

    first_pixels()
    once = seen.copy()
    seen.clear()
    first_pixels()
    assert once == seen
    order = [value for batch in once for value in batch]
    assert sorted(order) == list(range(10))
    assert order != list(range(10))
