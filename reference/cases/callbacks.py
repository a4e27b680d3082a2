"""Callbacks beside Keras's: the same logs, and after each epoch the same state.

State is the callback's own (wait, best …), the model's (stop_training, learning rate, weights),
the logs, the files written with their contents, warnings, and whether something was printed. The
logs are binary fractions, for Keras rounds what it compares to float32.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

import scratchnet as sn
from reference.callback_runs import (
    Epoch,
    Maker,
    Standin,
    difference,
    events,
    pair,
    run,
    runs_differ,
    state_of,
    train_once,
    visible_words,
)
from reference.cases.case import Case

INF, NAN = math.inf, math.nan
# Better, tied, worse, missing, better by little, infinite, NaN, better again.
VALUES = (2.0, 1.5, 1.5, 1.75, None, 1.375, INF, NAN, 1.0, 1.125, 1.0, 1.25, 0.875)
EPOCHS = [Epoch({"accuracy": 0.5} | ({} if v is None else {"loss": v})) for v in VALUES]
RISING = [Epoch({"accuracy": -v}) for v in VALUES if v is not None]
FINITE = [Epoch({"loss": v, "accuracy": 1 / v}) for v in VALUES if v and math.isfinite(v)]


def _case(name: str, label: str, make: Maker, epochs: list[Epoch] = EPOCHS) -> Case:
    return Case(f"callbacks.{name}", label, lambda: runs_differ(make, epochs))


def _early_stopping(label: str, epochs: list[Epoch] = EPOCHS, **arguments: Any) -> Case:
    arguments = {"monitor": "loss"} | arguments
    return _case(
        "EarlyStopping", label, lambda library, _: library.EarlyStopping(**arguments), epochs
    )


def _plateau(label: str, epochs: list[Epoch] = EPOCHS, **arguments: Any) -> Case:
    arguments = {"monitor": "loss", "patience": 1, "min_delta": 0} | arguments
    return _case(
        "ReduceLROnPlateau",
        label,
        lambda library, _: library.ReduceLROnPlateau(**arguments),
        epochs,
    )


def _checkpoint(label: str, file: str, epochs: list[Epoch] = FINITE, **arguments: Any) -> Case:
    arguments = {"monitor": "loss"} | arguments
    return _case(
        "ModelCheckpoint",
        label,
        lambda library, folder: library.ModelCheckpoint(folder / file, **arguments),
        epochs,
    )


def _csv(label: str, epochs: list[Epoch] = EPOCHS, before: str = "", **arguments: Any) -> Case:
    def make(library: Any, folder: Path) -> Any:
        (folder / "log.csv").write_text(before)
        return library.CSVLogger(folder / "log.csv", **arguments)

    return _case("CSVLogger", label, make, epochs)


def _tensorboard_error(epochs: list[Epoch], **arguments: Any) -> float:
    """What TensorBoard reads in both folders; of a speed only that it is there."""
    import keras

    both = []
    for library, model in zip((sn, keras), pair(), strict=True):
        with tempfile.TemporaryDirectory() as name:
            callback = library.callbacks.TensorBoard(name, **arguments)
            run(callback, model, epochs, Path(name))
            both.append(
                [
                    event[:4] if event[1].endswith("steps_per_second") else event
                    for event in events(Path(name))
                ]
            )
    return difference(*both)


def _tensorboard(label: str, epochs: list[Epoch] = FINITE[:3], **arguments: Any) -> Case:
    return Case("callbacks.TensorBoard", label, lambda: _tensorboard_error(epochs, **arguments))


def _backup_error(**arguments: Any) -> float:
    """Back up in both libraries, stop, and let each restore both backups in fresh models."""
    import keras

    libraries, trained = (sn, keras), pair()
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, library.__name__) for library in libraries]
        places, errors = [], []
        for library, model, folder in zip(libraries, trained, folders, strict=True):
            callback = library.callbacks.BackupAndRestore(str(folder), **arguments)
            run(callback, model, FINITE[:2], folder, is_killed=True)
            place = json.loads((folder / "training_metadata.json").read_text())
            places.append([place, sorted(path.name for path in folder.iterdir())])
        errors.append(difference(*places))
        for folder in folders:
            for library, fresh in zip(libraries, pair(), strict=True):
                callback = library.callbacks.BackupAndRestore(str(folder), **arguments)
                callback.set_model(fresh)
                callback.on_train_begin()
                errors.append(difference(state_of(fresh), state_of(trained.ours)))
                errors.append(difference(fresh._initial_epoch, places[0][0]["epoch"]))
        for library, folder in zip(libraries, folders, strict=True):
            callback = library.callbacks.BackupAndRestore(str(folder), **arguments)
            callback.set_model(Standin(library))
            callback.on_train_end()
        errors.append(difference(*(float(folder.exists()) for folder in folders)))
    return max(errors)


def _backup(label: str, **arguments: Any) -> Case:
    return Case("callbacks.BackupAndRestore", label, lambda: _backup_error(**arguments))


def _averages_error(hooks: tuple[str, ...], **arguments: Any) -> float:
    """The model's weights after each of these hooks, beside the last of which is training."""
    import keras

    both: list[list[Any]] = [[], []]
    models = pair(use_ema=True, ema_momentum=0.5)
    for library, model, seen in zip((sn, keras), models, both, strict=True):
        callback = library.callbacks.SwapEMAWeights(**arguments)
        callback.set_params({"epochs": 3})
        callback.set_model(model)
        train_once(model)
        train_once(model)
        for hook in hooks:
            getattr(callback, hook)(*((0,) if "epoch" in hook else ()))
            seen.append(model.get_weights())
    return difference(*both)


def _averages(label: str, hooks: tuple[str, ...], **arguments: Any) -> Case:
    return Case("callbacks.SwapEMAWeights", label, lambda: _averages_error(hooks, **arguments))


def _appending(calls: list[Any], name: str) -> Any:
    return lambda *values, **named: calls.append([name, *values, *named.values()])


def _recorder(library: Any, calls: list[Any]) -> Any:
    """A callback of the library all of whose hooks write down their calls."""
    callback = library.Callback()
    for name in dir(callback):
        if name.startswith("on_"):
            setattr(callback, name, _appending(calls, name))
    return callback


def _list_error(add_history: bool, add_progbar: bool) -> float:
    """Which hooks a CallbackList calls with what, and what it appends to itself."""
    import keras

    both = []
    for library in (sn, keras):
        calls: list[Any] = []
        model = Standin(library)
        hooks = library.callbacks.CallbackList(
            [_recorder(library.callbacks, calls)],
            add_history=add_history,
            add_progbar=add_progbar,
            model=model,
            verbose=0,
            epochs=2,
            steps=2,
        )
        run(hooks, model, [Epoch({"loss": 0.5, "accuracy": 0.25}, validation={"loss": 1.0})], _HERE)
        kinds = [type(each).__name__ for each in hooks.callbacks]
        history = model.history.history if add_history else None  # type: ignore[attr-defined]
        both.append([calls, kinds, history])
    return difference(*both)


def _short_names_error() -> float:
    """A plain Callback passes the hooks of training batches on to their short names."""
    import keras

    both = []
    for library in (sn, keras):
        calls: list[Any] = []
        callback = library.callbacks.Callback()
        callback.on_batch_begin = _appending(calls, "begin")
        callback.on_batch_end = _appending(calls, "end")
        callback.on_train_batch_begin(3, {})
        callback.on_train_batch_end(3, {"loss": 0.5})
        callback.set_params({"epochs": 2})
        callback.set_model("a model")
        both.append([calls, callback.params, callback.model])
    return difference(*both)


def _lambda_error() -> float:
    """The function of each argument is called with what its hook receives."""
    import keras

    names = [name for name in dir(sn.callbacks.Callback) if name.startswith("on_")]
    both = []
    for library in (sn, keras):
        calls: list[Any] = []
        callback = library.callbacks.LambdaCallback(
            **{name: _appending(calls, name) for name in names}
        )
        run(callback, Standin(library), FINITE[:2], _HERE)
        both.append(calls)
    return difference(*both)


def _bar_error() -> float:
    """The line of an epoch with verbose=2, times left out."""
    import keras

    both = []
    for library in (sn, keras):
        with redirect_stdout(io.StringIO()) as out:
            bar = library.callbacks.ProgbarLogger()
            bar.set_params({"verbose": 2, "epochs": 2, "steps": 2})
            bar.set_model(Standin(library))
            bar.on_train_begin()
            for epoch in range(2):
                bar.on_epoch_begin(epoch)
                bar.on_train_batch_end(0, {"loss": 0.5})
                bar.on_train_batch_end(1, {"loss": 0.25})
                bar.on_epoch_end(epoch, {"loss": 0.25, "val_loss": 0.00012207})
            bar.on_train_end()
        both.append(visible_words(out.getvalue()))
    return difference(*both)


def _falling_rate(epoch: int, rate: float) -> float:
    return rate * 0.75**epoch


_HERE = Path(tempfile.gettempdir(), "no-such-folder")
_STRANGE = [
    Epoch({"loss": np.array([1.0, 2.0]), "name": "a,b"}),
    Epoch({"loss": np.array(0.5)}),
    Epoch({"loss": [1, 2], "more": 1.0}),
]
_CREEPING = [Epoch({"loss": 1 - i / 2**14}) for i in range(4)]
_NAN_BATCH = [Epoch({"loss": 1.0}, [{"loss": 1.0}, {"loss": NAN}, {"loss": 1.0}])]
_INF_BATCH = [Epoch({"loss": 1.0}), Epoch({"loss": 1.0}, [{"loss": INF}, {"accuracy": 1.0}])]
_VALIDATED = [
    Epoch({"loss": 0.5, "val_loss": 0.75}, [{"loss": 1.0}] * 3, {"loss": 0.75}),
    Epoch({"loss": 0.25, "val_loss": 0.5}, [{"loss": 0.5}] * 3, {"loss": 0.5}),
]
_WEIGHTS: dict[str, Any] = {"save_weights_only": True}
_BEST: dict[str, Any] = {"save_best_only": True, "verbose": 1}

CASES = [
    _early_stopping("patience=0"),
    _early_stopping("patience=2", patience=2),
    _early_stopping("patience=3, min_delta=0.25", patience=3, min_delta=0.25),
    _early_stopping("patience=3, min_delta=-0.25", patience=3, min_delta=-0.25),
    _early_stopping("mode=max", RISING, monitor="accuracy", mode="max", patience=3),
    _early_stopping("mode=min", mode="min", patience=4, verbose=1),
    _early_stopping("mode=strange", mode="strange", patience=3),
    _early_stopping("baseline=1.25", baseline=1.25, patience=4),
    _early_stopping("baseline never reached", baseline=0.5, patience=4),
    _early_stopping("restore_best_weights", patience=3, restore_best_weights=True, verbose=1),
    _early_stopping(
        "restore_best_weights, baseline",
        baseline=0.5,
        patience=3,
        restore_best_weights=True,
    ),
    _early_stopping("start_from_epoch=5", start_from_epoch=5, patience=1),
    _early_stopping("missing monitor", monitor="val_loss"),
    _early_stopping("unknown direction", monitor="accuracy"),
    _plateau("patience=1"),
    _plateau("patience=2, factor=0.5", patience=2, factor=0.5),
    _plateau("cooldown=2", cooldown=2, verbose=1),
    _plateau("min_delta=0.25", min_delta=0.25),
    _plateau("default min_delta", _CREEPING, min_delta=1e-4),
    _plateau("min_lr=0.125", min_lr=0.125, factor=0.5),
    _plateau("mode=max", RISING, monitor="accuracy", mode="max"),
    _plateau("monitor=learning_rate", monitor="learning_rate", mode="min"),
    _plateau("missing monitor", monitor="val_loss"),
    _plateau("unknown direction", monitor="accuracy"),
    _checkpoint("every epoch", "model.keras", verbose=1),
    _checkpoint("names in braces", "sub/{epoch:02d}-{loss:.2f}-{accuracy}.keras"),
    _checkpoint("missing name", "{val_loss}.keras"),
    _checkpoint("save_weights_only", "{epoch}.weights.h5", **_WEIGHTS),
    _checkpoint("save_best_only", "{epoch}.keras", EPOCHS, **_BEST),
    _checkpoint("mode=max", "{epoch}.keras", RISING, monitor="accuracy", mode="max", **_BEST),
    _checkpoint("initial_value_threshold", "{epoch}.keras", initial_value_threshold=1.5, **_BEST),
    _checkpoint("monitor is an array", "{epoch}.keras", _STRANGE[:2], **_BEST),
    _checkpoint("save_freq=1", "{epoch}-{batch}-{loss}.keras", save_freq=1),
    _checkpoint("save_freq=3", "{epoch}-{batch}.weights.h5", save_freq=3, **_WEIGHTS),
    _case(
        "LearningRateScheduler",
        "of epoch and rate",
        lambda library, _: library.LearningRateScheduler(_falling_rate, verbose=1),
    ),
    _case(
        "LearningRateScheduler",
        "of the epoch",
        lambda library, _: library.LearningRateScheduler(lambda epoch: np.float64(0.5**epoch)),
    ),
    _case(
        "LearningRateScheduler",
        "of no float",
        lambda library, _: library.LearningRateScheduler(lambda epoch, rate: 1),
    ),
    _case("TerminateOnNaN", "NaN", lambda library, _: library.TerminateOnNaN(), _NAN_BATCH),
    _case("TerminateOnNaN", "infinite", lambda library, _: library.TerminateOnNaN(), _INF_BATCH),
    _case(
        "TerminateOnNaN",
        "raise_error",
        lambda library, _: library.TerminateOnNaN(raise_error=True),
        _NAN_BATCH,
    ),
    _csv("a new file"),
    _csv("over an old file", before="old\n"),
    _csv("separator=;", separator=";"),
    _csv("append to nothing", append=True),
    _csv("append", before="epoch,accuracy,loss\r\n0,1,2\r\n", append=True),
    _csv("validated", _VALIDATED),
    _csv("arrays and text", _STRANGE),
    _tensorboard("defaults", _VALIDATED),
    _tensorboard("histogram_freq=2", histogram_freq=2, write_graph=False),
    _tensorboard("write_images", histogram_freq=1, write_images=True),
    _tensorboard("update_freq=batch", _VALIDATED, update_freq="batch"),
    _tensorboard("update_freq=3", _VALIDATED, update_freq=3, write_steps_per_second=True),
    _tensorboard("write_steps_per_second", write_steps_per_second=True),
    _backup("save_freq=epoch"),
    _backup("save_freq=2", save_freq=2),
    _backup("double_checkpoint", double_checkpoint=True),
    _backup("delete_checkpoint=False", delete_checkpoint=False),
    _averages("validation", ("on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end")),
    _averages("prediction", ("on_predict_begin",)),
    _averages(
        "swap_on_epoch",
        ("on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end", "on_epoch_begin"),
        swap_on_epoch=True,
    ),
    _case("History", "of all epochs", lambda library, _: library.History()),
    Case("callbacks.Callback", "short names of hooks", _short_names_error),
    Case("callbacks.CallbackList", "hooks", lambda: _list_error(False, False)),
    Case("callbacks.CallbackList", "add_history, add_progbar", lambda: _list_error(True, True)),
    Case("callbacks.LambdaCallback", "every hook", _lambda_error),
    Case("callbacks.ProgbarLogger", "verbose=2", _bar_error),
]
