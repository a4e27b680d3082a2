"""CallbackList: which hook is called when, and with what."""

from types import SimpleNamespace

import numpy as np
import pytest

from scratchnet.callbacks import Callback, CallbackList, History, ProgbarLogger
from scratchnet.callbacks.callback_list import HOOKS

NUMBERED = [hook for hook in HOOKS if "batch" in hook or "epoch" in hook]
UNNUMBERED = [hook for hook in HOOKS if hook not in NUMBERED]


class Recorder(Callback):
    """Writes down every call of a hook."""

    def __init__(self, name, calls):
        super().__init__()
        for hook in HOOKS:
            setattr(self, hook, lambda *args, hook=hook: calls.append((name, hook, *args)))


def test_all_of_kerass_hooks_are_there():
    assert set(HOOKS) == {
        *(f"on_{run}_{end}" for run in ("train", "test", "predict") for end in ("begin", "end")),
        *(
            f"on_{run}_batch_{end}"
            for run in ("train", "test", "predict")
            for end in ("begin", "end")
        ),
        *("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"),
    }


@pytest.mark.parametrize("hook", NUMBERED)
def test_a_numbered_hook_reaches_every_callback_in_order(hook):
    calls = []
    hooks = CallbackList([Recorder("a", calls), Recorder("b", calls)])
    getattr(hooks, hook)(3, {"loss": 0.5})
    getattr(hooks, hook)(4)
    assert calls == [
        ("a", hook, 3, {"loss": 0.5}),
        ("b", hook, 3, {"loss": 0.5}),
        ("a", hook, 4, {}),
        ("b", hook, 4, {}),
    ]


@pytest.mark.parametrize("hook", UNNUMBERED)
def test_a_hook_without_a_number_reaches_every_callback_in_order(hook):
    calls = []
    hooks = CallbackList([Recorder("a", calls), Recorder("b", calls)])
    getattr(hooks, hook)({"loss": 0.5})
    getattr(hooks, hook)()
    assert calls == [
        ("a", hook, {"loss": 0.5}),
        ("b", hook, {"loss": 0.5}),
        ("a", hook, {}),
        ("b", hook, {}),
    ]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_plain_callback_answers_every_hook_with_nothing(hook):
    number = (0,) if hook in NUMBERED else ()
    assert getattr(Callback(), hook)(*number) is None
    assert getattr(Callback(), hook)(*number, {"loss": 1.0}) is None


def test_on_train_batch_calls_its_short_name_too():
    calls = []

    class Short(Callback):
        def on_batch_begin(self, batch, logs=None):
            calls.append(("begin", batch, logs))

        def on_batch_end(self, batch, logs=None):
            calls.append(("end", batch, logs))

    hooks = CallbackList(Short())
    hooks.on_train_batch_begin(7)
    hooks.on_train_batch_end(7, {"loss": 2.0})
    assert calls == [("begin", 7, {}), ("end", 7, {"loss": 2.0})]


def test_the_calls_are_those_of_kerass_list():
    """The same calls to both lists reach the same hooks with the same arguments."""
    import keras

    def calls_of(base, list_class):
        calls = []
        names = {
            hook: lambda self, *args, hook=hook, **kwargs: calls.append((hook, *args, kwargs))
            for hook in HOOKS
        }
        hooks = list_class([type("Recorder", (base,), names)()], verbose=0, epochs=2, steps=1)
        logs = {"loss": np.float32(0.5), "accuracy": np.float64(0.25)}
        hooks.on_train_begin()
        hooks.on_epoch_begin(0)
        hooks.on_train_batch_begin(0)
        hooks.on_train_batch_end(0, logs)
        hooks.on_test_begin()
        hooks.on_test_batch_begin(0)
        hooks.on_test_batch_end(0, logs)
        hooks.on_test_end(logs)
        hooks.on_epoch_end(0, logs | {"val_loss": 1})
        hooks.on_train_end(logs)
        hooks.on_predict_begin()
        hooks.on_predict_batch_begin(0)
        hooks.on_predict_batch_end(0, {"outputs": "an array"})
        hooks.on_predict_end()
        # Keras passes the logs of batches by keyword: the values are what counts.
        return [(hook, *args, *kwargs.values()) for hook, *args, kwargs in calls]

    ours = calls_of(Callback, CallbackList)
    assert ours == calls_of(keras.callbacks.Callback, keras.callbacks.CallbackList)
    assert len(ours) == 14
    assert list(ours[8][2]) == ["accuracy", "loss", "val_loss"]


def test_logs_hold_python_floats_and_arrays_stay_arrays():
    calls = []
    hooks = CallbackList(Recorder("a", calls))
    outputs = np.ones((1, 1))
    logs = {"z": np.float32(0.5), "b": np.array(2), "a": 1, "outputs": outputs}
    hooks.on_predict_batch_end(0, logs)
    received = calls[0][3]
    assert list(received) == ["a", "b", "outputs", "z"]
    assert [type(received[name]) for name in "abz"] == [float, float, float]
    assert received["outputs"] is outputs
    assert type(logs["z"]) is np.float32, "the caller's dict is not touched"


def test_params_and_the_model_reach_every_callback():
    model = SimpleNamespace()
    first, second = Callback(), Callback()
    hooks = CallbackList([first, second], model=model, verbose=2, epochs=3, steps=4)
    for each in (first, second, hooks):
        assert each.params == {"verbose": 2, "epochs": 3, "steps": 4}
        assert each.model is model
    assert not hasattr(model, "history"), "nobody asked for a History"


def test_a_history_and_a_progress_bar_are_appended_when_asked_for():
    model = SimpleNamespace()
    mine = Callback()
    hooks = CallbackList(mine, add_history=True, add_progbar=True, model=model)
    assert [type(each) for each in hooks.callbacks] == [Callback, History, ProgbarLogger]
    assert hooks.callbacks[0] is mine
    assert model.history is hooks.callbacks[1]
    assert CallbackList().callbacks == []


def test_a_history_and_a_progress_bar_that_are_there_are_kept():
    model = SimpleNamespace()
    history, progress = History(), ProgbarLogger()
    hooks = CallbackList([progress, history], add_history=True, add_progbar=True, model=model)
    assert hooks.callbacks == [progress, history]
    assert model.history is history


def test_the_given_list_is_flattened_and_not_changed():
    a, b, c = Callback(), Callback(), Callback()
    given = [a, (b, [c])]
    assert CallbackList(given, add_history=True).callbacks[:3] == [a, b, c]
    assert given == [a, (b, [c])]


def test_a_class_among_the_callbacks_is_refused():
    with pytest.raises(TypeError, match=r"the class History\. Expected .* write History\(\)"):
        CallbackList([History])


def test_what_has_no_hooks_is_refused():
    with pytest.raises(TypeError, match=r"received 'early' \(str\), which has no on_train_begin"):
        CallbackList(["early"])


def test_an_exception_in_a_hook_stops_the_others_and_the_list_stays_usable():
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                raise RuntimeError("disk full")

    history = History()
    hooks = CallbackList([Fails(), history])
    hooks.on_train_begin()
    with pytest.raises(RuntimeError, match="disk full"):
        hooks.on_epoch_end(0, {"loss": 3.0})
    assert history.history == {}
    hooks.on_epoch_end(1, {"loss": 2.0})
    assert history.history == {"loss": [2.0]}
