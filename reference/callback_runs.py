"""Run a callback of either library by hand, and write down after each hook all that it did.

No training happens: what a callback is told (the logs) is chosen, and what it does is seen in its
own attributes, in the model it was given, in the logs, in files and in what it prints.
"""

from __future__ import annotations

import io
import math
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import scratchnet as sn
from reference.twin import twin

Logs = dict[str, Any]
Maker = Callable[[Any, Path], Any]  # (the library's module `callbacks`, a folder) -> a callback

_WATCHED = {
    "EarlyStopping": ("wait", "best", "best_epoch", "stopped_epoch"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
    "ModelCheckpoint": ("best",),
    "History": ("history", "epoch"),
}


class Epoch(NamedTuple):
    """What one epoch's hooks receive: its logs, and those of its batches and its validation."""

    logs: Logs
    batches: Sequence[Logs] = ({"loss": 0.5}, {"loss": 0.25})
    validation: Logs | None = None


class Standin:
    """As much of a model as most callbacks touch, the same for both libraries.

    Each batch adds 1 to its only weight; its files hold that weight as text.
    """

    name = "standin"
    built = True

    def __init__(self, library: Any) -> None:
        self.optimizer = library.optimizers.SGD(0.5)
        self.metrics: list[Any] = []
        self.stop_training = False
        self.weight = np.zeros(1)

    def train(self) -> None:
        self.weight += 1

    def get_weights(self) -> list[np.ndarray]:
        return [self.weight.copy()]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weight[...] = weights[0]

    def save(self, filepath: str, overwrite: bool = True) -> None:
        Path(filepath).parent.mkdir(parents=True, exist_ok=True)
        Path(filepath).write_text(f"model {self.weight}")

    def save_weights(self, filepath: str, overwrite: bool = True) -> None:
        Path(filepath).parent.mkdir(parents=True, exist_ok=True)
        Path(filepath).write_text(f"weights {self.weight}")


class Pair(NamedTuple):
    """A small model of ours and its twin, whose optimizers take steps with chosen gradients."""

    ours: Any
    theirs: Any


def pair(**optimizer: Any) -> Pair:
    """The same small model in both libraries, compiled with an SGD of these arguments too."""
    layers = sn.layers
    model = sn.Sequential(
        [
            layers.Input((4, 4, 1)),
            layers.Conv2D(2, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="flat"),
            layers.Dense(3, name="dense"),
        ],
        name="small",
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.random(weight.shape) for weight in model.get_weights()])
    model.compile(sn.optimizers.SGD(0.125, momentum=0.5, **optimizer), "mse")
    return Pair(model, twin(model))


def train_once(model: Any) -> None:
    """One step of the optimizer, of either library, with gradients that depend on the step."""
    step = int(np.asarray(model.optimizer.iterations))
    rng = np.random.default_rng(step)
    gradients = [rng.normal(size=tuple(weight.shape)) for weight in model.trainable_weights]
    model.optimizer.apply(gradients, model.trainable_weights)


def state_of(model: Any) -> dict[str, Any]:
    """Weights and the optimizer's state of a model of either library."""
    return {
        "weights": model.get_weights(),
        "optimizer": [np.asarray(v).copy() for v in model.optimizer.variables],
    }


def run(
    callback: Any, model: Any, epochs: Sequence[Epoch], folder: Path, is_killed: bool = False
) -> list[dict[str, Any]]:
    """Call the hooks of a training, until one sets `stop_training` or raises.

    Returns what there was to see after each epoch and, unless the run is killed, at the end: see
    the top of this file.
    """
    seen: list[dict[str, Any]] = []
    params = {"verbose": 2, "epochs": len(epochs), "steps": len(epochs[0].batches)}
    with _recorded() as record:
        try:
            callback.set_params(params)
            callback.set_model(model)
            callback.on_train_begin({})
            logs: Logs = {}
            for number in range(getattr(model, "_initial_epoch", None) or 0, len(epochs)):
                logs = _run_epoch(callback, model, number, epochs[number])
                seen.append(_seen(callback, model, logs, folder) | record())
                if model.stop_training:
                    break
            if is_killed:
                return seen
            callback.on_train_end(logs)
            seen.append(_seen(callback, model, logs, folder) | record())
        except (ValueError, RuntimeError, KeyError, OSError) as error:
            kind = "OSError" if isinstance(error, OSError) else type(error).__name__
            seen.append({"raised": kind} | _seen(callback, model, {}, folder))
    return seen


def _run_epoch(callback: Any, model: Any, number: int, epoch: Epoch) -> Logs:
    callback.on_epoch_begin(number, {})
    for batch, batch_logs in enumerate(epoch.batches):
        callback.on_train_batch_begin(batch, {})
        model.train() if isinstance(model, Standin) else train_once(model)
        callback.on_train_batch_end(batch, dict(batch_logs))
        if model.stop_training:
            break
    if epoch.validation is not None:
        callback.on_test_begin({})
        for batch in range(len(epoch.batches)):
            callback.on_test_batch_begin(batch, {})
            callback.on_test_batch_end(batch, dict(epoch.validation))
        callback.on_test_end(dict(epoch.validation))
    logs = dict(epoch.logs)
    callback.on_epoch_end(number, logs)
    return logs


def _seen(callback: Any, model: Any, logs: Logs, folder: Path) -> dict[str, Any]:
    watched = _WATCHED.get(type(callback).__name__, ())
    return {
        "attributes": [getattr(callback, name) for name in watched],
        "stop": bool(model.stop_training),
        "learning_rate": float(np.asarray(model.optimizer.learning_rate)),
        "weights": model.get_weights(),
        "logs": dict(logs),
        "files": _texts(folder) if isinstance(model, Standin) else {},
    }


def _texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_bytes().decode(errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@contextmanager
def _recorded() -> Iterator[Callable[[], dict[str, Any]]]:
    """Gives a function that says how many warnings there were, and whether there was a print."""
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(io.StringIO()) as out:
        warnings.simplefilter("always")

        def record() -> dict[str, Any]:
            count = sum(each.category is UserWarning for each in caught)
            return {"warnings": count, "printed": bool(out.getvalue())}

        yield record


def runs_differ(make: Maker, epochs: Sequence[Epoch], models: Pair | None = None) -> float:
    """The largest relative difference between what both libraries' callbacks did.

    Args:
        make: how the callback is made, given the library's callbacks and an empty folder.
        epochs: what the hooks receive.
        models: what is trained meanwhile; None means a Standin for each library.
    """
    import keras

    runs = []
    for library, model in zip((sn, keras), models or map(Standin, (sn, keras)), strict=True):
        with tempfile.TemporaryDirectory() as name:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                callback = make(library.callbacks, Path(name))
            runs.append(run(callback, model, epochs, Path(name)))
    return difference(*runs)


def difference(ours: Any, theirs: Any) -> float:
    """0 where both are equal, else the largest relative error of a number in them; inf where
    they are made differently."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            return math.inf
        return max((difference(value, theirs[key]) for key, value in ours.items()), default=0.0)
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        if len(ours) != len(theirs):
            return math.inf
        pairs = zip(ours, theirs, strict=True)
        return max((difference(one, other) for one, other in pairs), default=0.0)
    if any(value is None or isinstance(value, (str, bytes)) for value in (ours, theirs)):
        return 0.0 if ours == theirs else math.inf
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if a.shape != b.shape:
        return math.inf
    if np.array_equal(a, b, equal_nan=True):
        return 0.0
    error = float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), np.finfo(float).tiny))
    return math.inf if math.isnan(error) else error


def events(folder: Path) -> list[tuple[str, str, int, str, Any]]:
    """What TensorBoard reads in a folder: (folder, tag, step, plugin, value), sorted.

    An image is read down to its pixels. The model's graph, which only Keras writes, is left out.
    """
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    found: list[tuple[str, str, int, str, Any]] = []
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                content: Any = tensor_util.make_ndarray(value.tensor)
                if plugin == "images":
                    size, encoded = content[:2].tolist(), content[2:]
                    content = [size, [tf.io.decode_png(each).numpy() for each in encoded]]
                place = str(path.parent.relative_to(folder))
                found.append((place, value.tag, event.step, plugin, content))
    return sorted(
        (each for each in found if each[3] != "graph_keras_model"), key=lambda each: each[:4]
    )


def visible_words(text: str) -> list[str]:
    """The words of a progress bar, times and separators left out."""
    without_times = re.sub(r"\b\d+(us|ms|s)(/step)?", "", text)
    return [word for word in without_times.split() if word != "-"]
