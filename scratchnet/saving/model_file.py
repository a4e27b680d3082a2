"""A whole model in one `.keras` file: a zip archive of three parts.

    metadata.json      which version wrote it, and when
    config.json        the layers and how the model was compiled, in Keras's format
    model.weights.h5   the weights and the optimizer's state (`saving.weights_file`)

No part is code: loading a file never runs anything that came with it. A class of the user's own
stands in it by its name (`scratchnet.custom_objects`).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py

from scratchnet import layers, losses, metrics, optimizers
from scratchnet.custom_objects import (
    custom_object_scope,
    get_registered_name,
    get_registered_object,
)
from scratchnet.losses import Loss
from scratchnet.metrics import Metric
from scratchnet.models import Model
from scratchnet.saving.atomic import atomic_write
from scratchnet.saving.weights_file import _require_built, read_weights, write_weights

# The version of Keras whose format this is.
_FORMAT_VERSION = "3.15.1"


def save_model(model: Model, filepath: str | Path, overwrite: bool = True) -> None:
    """Write a built model to a file whose name ends in ".keras".

    Raises:
        ValueError: another ending, or a model that is not built.
        FileExistsError: the file exists and `overwrite` is False.
    """
    if not str(filepath).endswith(".keras"):
        raise ValueError(
            f"A file of a model has the ending '.keras'; received {str(filepath)!r}. Expected for "
            f"example 'model.keras'; weights alone go to 'model.weights.h5' with save_weights."
        )
    _require_built(model)
    metadata = {
        "keras_version": _FORMAT_VERSION,
        "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        write_weights(file, model)
    with atomic_write(filepath, overwrite) as path, zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", model_to_json(model))
        archive.writestr("model.weights.h5", weights.getvalue())


def load_model(
    filepath: str | Path,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """The model in a `.keras` file, written here or by Keras, with weights and optimizer state.

    Args:
        filepath: of the file.
        custom_objects: {class name: class} of layers, losses, … of your own; registered ones need
            not be named here.
        compile: whether to compile the model as it was when it was saved.
        safe_mode: must stay True: code in a file is never run.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a `.keras` file, or one with parts that scratchnet does not have, such as a
            Lambda layer.
    """
    if not safe_mode:
        raise ValueError(
            "load_model received safe_mode=False. Expected True: code in a file is never run here. "
            "A class of your own replaces a Lambda layer and is given as custom_objects."
        )
    if not Path(filepath).exists():
        raise FileNotFoundError(
            f"There is no file {str(filepath)!r} to load a model from. Expected a '.keras' file; "
            f"`scratchnet train --save model.keras` or model.save('model.keras') writes one."
        )
    if not zipfile.is_zipfile(filepath):
        raise ValueError(
            f"{str(filepath)!r} is not a '.keras' file, which is a zip archive. Expected a file "
            f"written by model.save; weights alone are read by model.load_weights."
        )
    with zipfile.ZipFile(filepath) as archive:
        model = _from_json(archive.read("config.json"), custom_objects, compile, filepath)
        with archive.open("model.weights.h5") as weights:
            read_weights(weights, model)
    return model


def model_to_json(model: Model, **kwargs: Any) -> str:
    """The layers of a model and how it was compiled, without the weights, as JSON.

    Further arguments are those of `json.dumps`.
    """
    entry = layers.serialize(model)
    if model.compiled:
        entry["compile_config"] = _compile_config(model)
    return json.dumps(entry, **kwargs)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """A new model, with new weights, from what `model.to_json()` gave, here or in Keras.

    It is compiled as the other one was, which Keras does too, though its documentation denies it.

    Args:
        json_string: of the model.
        custom_objects: as in `load_model`.

    Raises ValueError for JSON that is no model's, or has parts that scratchnet does not have.
    """
    return _from_json(json_string, custom_objects, True, "The JSON")


def _from_json(
    text: str | bytes, custom_objects: Mapping[str, Any] | None, compile: bool, source: str | Path
) -> Model:
    entry = json.loads(text)
    with custom_object_scope(custom_objects):
        model = layers.deserialize(entry)
        if not isinstance(model, Model):
            raise ValueError(f"{str(source)!r} holds a {entry['class_name']}. Expected a model.")
        compile_config = entry.get("compile_config")
        if compile and compile_config:
            names = ("optimizer", "loss", "loss_weights")
            arguments = {name: compile_config.get(name) for name in names}
            of_metrics = ("metrics", "weighted_metrics")
            arguments |= {name: _made_now(compile_config.get(name)) for name in of_metrics}
            model.compile(**arguments)
    return model


def _made_now(item: Any) -> Any:
    """Metrics of the user's own, which compile would only look up when the scope has ended."""
    if isinstance(item, dict) and "class_name" in item:
        return metrics.get(item)
    if isinstance(item, str):
        return metrics.get(item) if get_registered_object(item) else item
    if isinstance(item, dict):
        return {name: _made_now(each) for name, each in item.items()}
    return [_made_now(each) for each in item] if isinstance(item, (list, tuple)) else item


def _compile_config(model: Model) -> dict[str, Any]:
    arguments = {name: _entry(value) for name, value in model.compile_arguments.items()}
    return arguments | {
        "optimizer": optimizers.serialize(model._optimizer()),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }


def _entry(item: Any) -> Any:
    """Losses and metrics as they stand in the file: names, or classes with configurations.

    A function, which only a metric can be, stands there by its name.
    """
    if isinstance(item, Loss):
        return losses.serialize(item)
    if isinstance(item, Metric):
        return metrics.serialize(item)
    if isinstance(item, (list, tuple)):
        return [_entry(each) for each in item]
    if isinstance(item, dict):
        return {name: _entry(each) for name, each in item.items()}
    return get_registered_name(item) if callable(item) else item
