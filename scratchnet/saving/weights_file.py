"""Weights in HDF5, laid out as Keras 3 does.

    layers/<class in snake case>[_n]/vars/<i>     weight i of the n-th layer of that class
    optimizer/vars/<i>                            step, learning rate, slots (whole models only)

The names come from the classes and their order, not from the layers' names, so a model that was
built again elsewhere finds its weights. A model inside a model has a "layers" of its own, and a
layer that is made of others has a group for each of them, by the name of its attribute.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from scratchnet.layers import Layer
from scratchnet.models import Model
from scratchnet.saving.atomic import atomic_write
from scratchnet.serialization import snake_case

# What Keras calls a class that it exports under another name
_NAMES_INSIDE_KERAS = {"GroupQueryAttention": "GroupedQueryAttention"}


def save_weights(model: Model, filepath: str | Path, overwrite: bool = True) -> None:
    """Write all weights of a built model to a file whose name ends in ".weights.h5".

    Raises:
        ValueError: another ending, or a model that is not built.
        FileExistsError: the file exists and `overwrite` is False.
    """
    if not str(filepath).endswith(".weights.h5"):
        raise ValueError(
            f"A file of weights has the ending '.weights.h5'; received {str(filepath)!r}. Expected "
            f"for example 'model.weights.h5'; a whole model goes to 'model.keras' with model.save."
        )
    _require_built(model)
    with atomic_write(filepath, overwrite) as path, h5py.File(path, "w") as file:
        write_weights(file, model)


def load_weights(model: Model, filepath: str | Path) -> None:
    """Read all weights of a built model from a `.weights.h5` or `.keras` file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a model that is not built, or weights that are missing or do not fit; the
            model keeps the weights it had.
    """
    _require_built(model)
    if zipfile.is_zipfile(filepath):
        with zipfile.ZipFile(filepath) as archive, archive.open("model.weights.h5") as weights:
            read_weights(weights, model)
    else:
        read_weights(filepath, model)


def write_weights(file: h5py.File, model: Model) -> None:
    """Write the layers' weights, and the optimizer's state where there is some, into `file`."""
    for path, layer, arrays in _groups(model):
        group = file.create_group(f"{path}/vars")
        group.attrs["name"] = layer.name
        for i, array in enumerate(arrays):
            group[str(i)] = array
    if model.optimizer is not None and model.optimizer.built:
        group = file.create_group("optimizer/vars")
        group.attrs["name"] = model.optimizer.name
        for i, variable in enumerate(model.optimizer.variables):
            group[str(i)] = variable.value


def read_weights(source: str | Path | IO[bytes], model: Model) -> None:
    """Read what `write_weights` or Keras wrote; see `load_weights`."""
    with h5py.File(source, "r") as file:
        found: list[tuple[np.ndarray, np.ndarray]] = []
        for path, layer, arrays in _groups(model):
            found += _matched(file, f"{path}/vars", arrays, layer._label())
        optimizer = model.optimizer
        if optimizer is not None and "optimizer/vars" in file:
            optimizer.build(model.trainable_weights)
            arrays = [variable.value for variable in optimizer.variables]
            found += _matched(file, "optimizer/vars", arrays, f"Optimizer {optimizer.name!r}")
        for array, value in found:
            array[...] = value


def _matched(
    file: h5py.File, path: str, arrays: list[np.ndarray], owner: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    group: Any = file.get(path, {})
    shapes = [tuple(group[str(i)].shape) for i in range(len(group))]
    expected = [array.shape for array in arrays]
    if shapes != expected:
        raise ValueError(
            f"The file does not fit the model. {owner} expected weights of shapes {expected}; the "
            f"file has {shapes} under {path!r}. Load it into the architecture it was saved from."
        )
    return [(array, group[str(i)][()]) for i, array in enumerate(arrays)]


def _groups(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer, list[np.ndarray]]]:
    """(path, layer, its own weights) for each layer inside, then for the layer itself."""
    seen: Counter[str] = Counter()
    for inner in layer.layers if isinstance(layer, Model) else []:
        kind = type(inner).__name__
        name = snake_case(_NAMES_INSIDE_KERAS.get(kind, kind))
        number = f"_{seen[name]}" if seen[name] else ""
        seen[name] += 1
        yield from _groups(inner, f"{path}layers/{name}{number}/")
    sublayers = getattr(layer, "sublayers", {})
    for name, inner in sublayers.items():
        yield from _groups(inner, f"{path}{name}/")
    inside = isinstance(layer, Model) or sublayers
    yield path.rstrip("/") or "/", layer, [] if inside else [w.value for w in layer.weights]


def _require_built(model: Model) -> None:
    if not model.built:
        raise ValueError(
            f"{model._label()} has no weights yet, since it is not built. Give it an Input as its "
            f"first layer, or call model.build((None, 28, 28, 1)) with the shape of its inputs."
        )
