"""The configuration of a functional model, in Keras's format, and back.

    {"name": …, "trainable": …,
     "layers": [{class and configuration of a layer, "name": …, "inbound_nodes": [calls]}, …],
     "input_layers": places, "output_layers": places}

A call is {"args": …, "kwargs": …}, in which a symbolic tensor stands as

    {"class_name": "__keras_tensor__", "config": {"shape", "dtype", "keras_history": place}}

A place is [name of the layer, number of its call in this model, number of the call's output].
Calls are numbered from 0, but from 1 where "output_layers" names one of a functional model inside.

Source: keras/src/models/functional.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scratchnet import layers
from scratchnet.layers import Layer
from scratchnet.layers.symbolic import SymbolicTensor, mapped

if TYPE_CHECKING:
    from scratchnet.models.model import Model

Place = list[Any]


def graph_config(model: Model) -> dict[str, Any]:
    """The configuration of a model's graph."""
    within = set(model.graph.nodes)
    numbers = {
        node: i
        for layer in model.layers
        for i, node in enumerate(node for node in layer.nodes if node in within)
    }

    def place(tensor: SymbolicTensor) -> Place:
        return [tensor.name, numbers[tensor.node], tensor.index]

    def end(tensor: SymbolicTensor) -> Place:
        name, number, index = place(tensor)
        return [name, number + _first_number(tensor.node.layer), index]

    def entry(value: Any) -> Any:
        if not isinstance(value, SymbolicTensor):
            return value
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": list(value.shape),
                "dtype": value.dtype,
                "keras_history": place(value),
            },
        }

    entries = []
    for layer in model.layers:
        calls = [node for node in layer.nodes if node in numbers and node.sources]
        entries.append(
            layers.serialize(layer)
            | {
                "name": layer.name,
                "inbound_nodes": [
                    {"args": mapped(entry, list(call.args)), "kwargs": mapped(entry, call.kwargs)}
                    for call in calls
                ],
            }
        )
    return {
        "name": model.name,
        "trainable": model._trainable,
        "layers": entries,
        "input_layers": mapped(end, model.input_structure),
        "output_layers": mapped(end, model.output_structure),
    }


def graph_from_config(config: dict[str, Any]) -> tuple[Any, Any]:
    """(inputs, outputs) of a new graph with new layers, for a new model.

    Raises ValueError where the configuration does not hang together.
    """
    created: dict[str, Layer] = {}
    waiting: dict[str, list[dict[str, Any]]] = {}
    for entry in config["layers"]:
        layer = layers.deserialize(entry)
        created[entry["name"]] = layer
        waiting[entry["name"]] = list(entry["inbound_nodes"])

    while any(waiting.values()):
        progress = False
        for name, calls in waiting.items():
            while calls and all(_is_there(place, created) for place in _places(calls[0])):
                call = calls.pop(0)
                args, kwargs = (_with_tensors(call[part], created) for part in ("args", "kwargs"))
                created[name](*args, **{k: v for k, v in kwargs.items() if v is not None})
                progress = True
        if not progress:
            raise ValueError(
                f"The configuration of the model {config['name']!r} is not complete: the layers "
                f"{sorted(name for name, calls in waiting.items() if calls)} wait for outputs that "
                f"no layer gives. Expected a configuration that get_config returned."
            )
    inputs, outputs = (_tensors(config[key], created) for key in ("input_layers", "output_layers"))
    return inputs, outputs


def _first_number(layer: Layer) -> int:
    """The number that a layer's first call has at the ends of a model."""
    return 1 if type(layer).__name__ == "Functional" else 0


def _is_there(place: Place, created: dict[str, Layer]) -> bool:
    name, number, _ = place
    return number < len(created[name].nodes)


def _tensor(place: Place, created: dict[str, Layer]) -> SymbolicTensor:
    name, number, index = place
    return created[name].nodes[number].outputs[index]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _places(value: Any) -> Iterator[Place]:
    """The places of all tensors in a call."""
    if _is_tensor(value):
        yield value["config"]["keras_history"]
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _places(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _places(entry)


def _with_tensors(value: Any, created: dict[str, Layer]) -> Any:
    """A call's arguments with the tensors themselves in their places."""
    if _is_tensor(value):
        return _tensor(value["config"]["keras_history"], created)
    if isinstance(value, dict):
        return {key: _with_tensors(entry, created) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_tensors(entry, created) for entry in value]
    return value


def _tensors(places: Any, created: dict[str, Layer]) -> Any:
    """The tensors of a nested structure of places."""
    if isinstance(places, dict):
        return {key: _tensors(place, created) for key, place in places.items()}
    if len(places) == 3 and isinstance(places[0], str):
        name, number, index = places
        return _tensor([name, number - _first_number(created[name]), index], created)
    return [_tensors(place, created) for place in places]
