"""SwapEMAWeights: whose weights the model has, when."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import scratchnet as sn
from reference.callback_runs import Standin, difference, pair, train_once
from scratchnet import layers
from scratchnet.callbacks import EarlyStopping, LambdaCallback, SwapEMAWeights

pytestmark = pytest.mark.usefixtures("float64", "formulas")


def hooks_of(steps, is_validated):
    """The hooks of an epoch, and "step" where the optimizer takes one."""
    validation = ["on_test_begin", "on_test_end"] * is_validated
    return ["on_epoch_begin", *["step"] * steps, *validation, "on_epoch_end"]


EPOCH = st.builds(hooks_of, st.integers(1, 3), st.booleans())


@given(epochs=st.lists(EPOCH, min_size=1, max_size=2), swap_on_epoch=st.booleans())
def test_the_weights_after_each_hook_are_keras_s(epochs, swap_on_epoch):
    seen = ([], [])
    models = pair(use_ema=True, ema_momentum=0.75)
    for library, model, mine in zip((sn, keras), models, seen, strict=True):
        callback = library.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
        callback.set_params({"epochs": len(epochs)})
        callback.set_model(model)
        callback.on_train_begin()
        for number, epoch in enumerate(epochs):
            for hook in epoch:
                if hook == "step":
                    train_once(model)
                else:
                    getattr(callback, hook)(*((number,) if "epoch" in hook else ()))
                mine.append(model.get_weights())
        model.optimizer.finalize_variable_values(model.trainable_weights)
        callback.on_train_end()
        mine.append(model.get_weights())
    assert difference(*seen) <= 1e-12  # Keras swaps by adding and subtracting


def trained(**arguments):
    model = pair(use_ema=True, ema_momentum=0.75).ours
    for _ in range(3):
        train_once(model)
    callback = SwapEMAWeights(**arguments)
    callback.set_model(model)
    averages = [average.numpy() for average in model.optimizer._averages]
    return model, callback, averages, model.get_weights()


def trainable(model):
    return [weight.numpy() for weight in model.trainable_weights]


def test_after_prediction_the_weights_of_the_training_return():
    model, callback, averages, weights = trained()
    callback.on_predict_begin()
    assert difference(trainable(model), averages) == 0
    callback.on_predict_end()
    assert difference(model.get_weights(), weights) == 0


def test_weights_and_averages_come_back_exactly():
    model, callback, averages, weights = trained()
    for _ in range(3):
        callback.on_test_begin()
        callback.on_test_begin()
        callback.on_test_end()
        callback.on_test_end()
    assert difference(model.get_weights(), weights) == 0
    assert difference([a.numpy() for a in model.optimizer._averages], averages) == 0


def test_evaluation_after_a_training_keeps_what_it_ended_with():
    model, callback, averages, _ = trained(swap_on_epoch=True)
    callback.on_epoch_end(0)
    callback.on_train_end()
    callback.on_test_begin()
    callback.on_test_end()
    assert difference(trainable(model), averages) == 0


def test_a_training_that_is_stopped_early_ends_with_the_averages():
    """In Keras it ends with the other weights: only its last epoch is prepared for."""
    sn.set_random_seed(0)
    model = sn.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile(sn.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5), "mse")
    x, y = np.ones((4, 3)), np.ones((4, 2))
    average: list[np.ndarray] = []
    model.fit(
        *(x, y),
        epochs=5,
        verbose=0,
        callbacks=[
            LambdaCallback(
                on_epoch_end=lambda epoch, logs: average.append(
                    model.optimizer._averages[0].numpy()
                )
            ),
            SwapEMAWeights(swap_on_epoch=True),
            EarlyStopping("loss", mode="max"),  # the loss falls
        ],
    )
    assert len(average) == 2
    assert difference(model.get_weights()[0], average[-1]) == 0


def test_validation_in_fit_sees_the_averages_as_in_keras():
    sn.set_random_seed(0)
    model = sn.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile(sn.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5), "mse")
    twin = reference.twin(model)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    results = []
    for one, library in ((model, sn), (twin, keras)):
        history = one.fit(
            *(x, y),
            batch_size=2,
            epochs=3,
            verbose=0,
            shuffle=False,
            validation_data=(x, y),
            callbacks=[library.callbacks.SwapEMAWeights()],
        )
        results.append([history.history, one.get_weights()])
    assert difference(*results) <= 1e-12


@pytest.mark.parametrize(
    ("arguments", "steps", "words"),
    [({}, 1, "SGD with use_ema=False. "), ({"use_ema": True}, 0, "use_ema=True, before its first")],
)
def test_an_optimizer_without_averages_is_refused(arguments, steps, words):
    model = pair(**arguments).ours
    for _ in range(steps):
        train_once(model)
    before = model.get_weights()
    callback = SwapEMAWeights()
    callback.set_model(model)
    with pytest.raises(ValueError, match=words):
        callback.on_test_begin()
    assert difference(model.get_weights(), before) == 0
    callback.set_model(Standin(sn))
