"""A whole model in one `.keras` file: a zip archive of three parts.

    metadata.json      which version wrote it, and when
    config.json        the layers and how the model was compiled, in Keras's format
    model.weights.h5   the weights and the optimizer's state (`saving.weights_file`)

No part is code: loading a file never runs anything that came with it.
"""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py

from scratchnet import layers, losses, metrics, optimizers
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
    entry = layers.serialize(model)
    if model.compiled:
        entry["compile_config"] = _compile_config(model)
    metadata = {
        "keras_version": _FORMAT_VERSION,
        "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        write_weights(file, model)
    with atomic_write(filepath, overwrite) as path, zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(entry))
        archive.writestr("model.weights.h5", weights.getvalue())


def load_model(filepath: str | Path, compile: bool = True) -> Model:
    """The model in a `.keras` file, written here or by Keras, with weights and optimizer state.

    Args:
        filepath: of the file.
        compile: whether to compile the model as it was when it was saved.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a `.keras` file, or one with parts that scratchnet does not have.
    """
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
        entry = json.loads(archive.read("config.json"))
        model = layers.deserialize(entry)
        if not isinstance(model, Model):
            raise ValueError(f"{str(filepath)!r} holds a {entry['class_name']}. Expected a model.")
        compile_config = entry.get("compile_config")
        if compile and compile_config:
            names = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
            model.compile(**{name: compile_config.get(name) for name in names})
        with archive.open("model.weights.h5") as weights:
            read_weights(weights, model)
    return model


def _compile_config(model: Model) -> dict[str, Any]:
    arguments = {name: _entry(value) for name, value in model.compile_arguments.items()}
    return arguments | {
        "optimizer": optimizers.serialize(model._optimizer()),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }


def _entry(item: Any) -> Any:
    """Losses and metrics as they stand in the file: names, or classes with configurations."""
    if isinstance(item, Loss):
        return losses.serialize(item)
    if isinstance(item, Metric):
        return metrics.serialize(item)
    if isinstance(item, (list, tuple)):
        return [_entry(each) for each in item]
    return {name: _entry(each) for name, each in item.items()} if isinstance(item, dict) else item
