"""What all models share: a graph of layers, the weights of all of them, a table, files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from scratchnet.layers.layer import Gradients, Layer, Saved
from scratchnet.layers.symbolic import Shape, SymbolicTensor, leaves, mapped
from scratchnet.models.graph import Graph
from scratchnet.models.training import Trainer
from scratchnet.names import unknown_name_message
from scratchnet.variable import Variable


class Model(Trainer):
    """A layer made of layers: a graph from some symbolic tensors to others.

    `Model(inputs, outputs)` gives a `Functional` model, which see; `Sequential` is the graph with
    a single path. A model is a layer, so it may stand in the graph of another one.

    Source: keras/src/models/model.py.
    """

    _graph: Graph | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls is Model:
            from scratchnet.models.functional import Functional  # a subclass of this one

            return object.__new__(Functional)  # type: ignore[return-value]
        return object.__new__(cls)

    def __init__(self, *, trainable: bool = True, **layer_arguments: Any) -> None:
        super().__init__(trainable=trainable, **layer_arguments)
        self._layers: list[Layer] = []
        self.input_structure: Any = None  # symbolic tensors, as the caller nested them
        self.output_structure: Any = None

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """A new model with new layers, from what `get_config` gave, here or in Keras.

        `custom_objects` is as in `layers.deserialize`.
        """
        from scratchnet.models.functional import Functional

        return Functional.from_config(config, custom_objects)  # type: ignore[return-value]

    # Computation

    def __call__(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        """The outputs for arrays or symbolic tensors, nested as the model's outputs are.

        Args:
            inputs: as the model's inputs are nested; a dict may name them instead.
            training: whether layers like dropout and batch normalisation train. With None each
                layer has the mode that it was called with when the model was wired, or does not
                train. A mode given here outranks those: `fit` trains all layers, `predict` none.
        """
        flat = self._flat("inputs", inputs)
        given = flat if self.several_inputs else flat[0]
        outputs = self._call(given, training, options, (inputs,), {})
        return self._nested(outputs if self.several_outputs else [outputs])

    def cast(self, inputs: Any) -> Any:
        arrays = [np.asarray(x) for x in (inputs if isinstance(inputs, list) else [inputs])]
        tensors = self.graph.inputs if self._graph else [None] * len(arrays)
        cast = [
            x.astype(self.dtype if t is None else t.dtype, copy=False)
            for x, t in zip(arrays, tensors, strict=True)
        ]
        return cast if isinstance(inputs, list) else cast[0]

    def forward(self, x: Any, training: bool | None) -> tuple[Any, Saved]:
        outputs, saved, _ = self.graph.forward(_listed(x), training)
        return (outputs if self.several_outputs else outputs[0]), saved

    def trains(self, training: bool | None) -> bool | None:  # type: ignore[override]
        return training

    def compute(self, x: Any, training: bool | None, **options: Any) -> Any:
        outputs, *_ = self.graph.forward(_listed(x), training, keep=False)
        return outputs if self.several_outputs else outputs[0]

    def backward(self, dy: Any, saved: Saved, needs_dx: bool = True) -> tuple[Any, Gradients]:
        return self._backward(_listed(dy), saved, needs_dx, {})

    @property
    def output_activation(self) -> str | None:  # type: ignore[override]
        if self._graph is None or len(self._graph.outputs) != 1:
            return None
        return self._graph.output_activation(0)

    def forward_logits(self, x: Any, training: bool | None) -> tuple[np.ndarray, Saved]:
        _, saved, z = self.graph.forward(_listed(x), training, logits=(0,))
        return z[0], saved

    def backward_logits(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[Any, Gradients]:
        return self._backward([None], saved, needs_dx, {0: dz})

    def _backward(
        self, dy: Any, saved: Saved, needs_dx: bool, dz: dict[int, np.ndarray]
    ) -> tuple[Any, Gradients]:
        dx, of_weights = self.graph.backward(dy, saved, needs_dx, dz)
        gradients: Any = [of_weights.get(id(weight)) for weight in self.trainable_weights]
        return (dx if self.several_inputs else dx[0]), gradients

    def activity_penalty(self, saved: Saved) -> float:
        return self.graph.activity_penalty(saved) if self.penalises_activities else 0.0

    @property
    def penalises_activities(self) -> bool:
        return any(layer.penalises_activities for layer in self._layers)

    # Structure

    @property
    def graph(self) -> Graph:
        """The graph of the layers; raises ValueError while the model is not built."""
        if self._graph is None:
            raise ValueError(
                f"{self._label()} is not built, so it has no graph yet. Give it an Input, or call "
                f"model.build((None, 28, 28, 1)) with the shape of its inputs."
            )
        return self._graph

    @property
    def is_path(self) -> bool:
        """Whether the layers stand one after the other, each once, as in a Sequential model."""
        if self._graph is None:
            return True
        nodes = self._graph.nodes
        return len(nodes) == len(self._graph.layers) and all(
            [tensor.node for tensor in node.sources] == [before]
            for before, node in itertools.pairwise(nodes)
        )

    @property
    def input(self) -> Any:
        """The symbolic tensors that the graph starts from."""
        self.graph  # noqa: B018  (raises where there is none)
        return self.input_structure

    @property
    def output(self) -> Any:
        """The symbolic tensors that the graph ends in."""
        self.graph  # noqa: B018
        return self.output_structure

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that the graph starts from, in a flat list."""
        return list(self.graph.inputs)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that the graph ends in, in a flat list."""
        return list(self.graph.outputs)

    @property
    def input_names(self) -> list[str]:
        """The names of the Inputs."""
        return [tensor.name for tensor in self.graph.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that give the outputs."""
        return [tensor.name for tensor in self.graph.outputs]

    @property
    def several_outputs(self) -> bool:
        """Whether the outputs are nested, if only in a list of one."""
        return self._graph is not None and not isinstance(self.output_structure, SymbolicTensor)

    def _flat(self, kind: str, values: Any) -> list[Any]:
        # Nested as the model's tensors are, or in a dict by their names
        structure = self.input_structure if kind == "inputs" else self.output_structure
        names = self.input_names if kind == "inputs" else self.output_names
        if isinstance(values, dict):
            keys = list(structure) if isinstance(structure, dict) else names
            unknown = sorted(set(values) - set(keys))
            missing = [key for key in keys if key not in values]
            if unknown or missing:
                raise ValueError(
                    f"{self._label()} received {kind} called {sorted(values)}. Expected "
                    f"{sorted(keys)}."
                )
            return [values[key] for key in keys]
        if structure is None or isinstance(structure, SymbolicTensor):
            # A list of one array is that array; a list of anything else is left to NumPy
            is_one = isinstance(values, (list, tuple)) and len(values) == 1
            return list(values) if is_one and hasattr(values[0], "__array__") else [values]
        tensors, flat = list(leaves(structure)), list(leaves(values))
        if len(flat) != len(tensors):
            raise ValueError(
                f"{self._label()} received {len(flat)} {kind}. Expected {len(tensors)}: "
                f"{', '.join(names)}."
            )
        return flat

    def _nested(self, flat: list[Any]) -> Any:
        remaining = iter(flat)
        return mapped(lambda _: next(remaining), self.output_structure)

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order in which they compute."""
        return [*self._layers]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that position.

        Raises ValueError for an unknown name (with the closest known one) or position.
        """
        if (name is None) == (index is None):
            raise ValueError(
                f"get_layer received name={name!r} and index={index!r}. Expected one of them."
            )
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ValueError(
                    f"get_layer received index={index}. Expected an index below "
                    f"{len(self._layers)}, the number of layers of {self.name!r}."
                )
            return self._layers[index]
        by_name = {layer.name: layer for layer in self._layers}
        if name not in by_name:
            raise ValueError(unknown_name_message(f"layer of {self.name!r}", name, by_name))
        return by_name[name]

    @property
    def weights(self) -> list[Variable]:
        """All weights, layer by layer; one that several layers share stands once."""
        return _unique(weight for layer in self._layers for weight in layer.weights)

    @property
    def trainable_weights(self) -> list[Variable]:
        return _unique(weight for layer in self._layers for weight in layer.trainable_weights)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return _unique(weight for layer in self._layers for weight in layer.non_trainable_weights)

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the weights; setting it sets it on every layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = value

    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print the table of layers, output shapes and numbers of weights, as Keras does."""
        from scratchnet.models.summary import print_summary  # it loads rich

        print_summary(self, line_length, print_fn, expand_nested, show_trainable)

    def save(self, filepath: str | Path, overwrite: bool = True) -> None:
        """Write the whole model to a `.keras` file, which Keras also reads."""
        from scratchnet.saving import save_model  # saving imports models

        save_model(self, filepath, overwrite)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture and how it was compiled, without the weights, as JSON.

        `models.model_from_json` takes it back. Further arguments are those of `json.dumps`.
        """
        from scratchnet.saving import model_to_json

        return model_to_json(self, **kwargs)

    def save_weights(self, filepath: str | Path, overwrite: bool = True) -> None:
        """Write the weights to a `.weights.h5` file, which Keras also reads."""
        from scratchnet.saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | Path) -> None:
        """Read the weights from a `.weights.h5` or `.keras` file, written here or by Keras."""
        from scratchnet.saving import load_weights

        load_weights(self, filepath)


def check_fit(model: Model, tensor: SymbolicTensor, shape: Shape) -> None:
    """Raise ValueError where an array of this shape is no input for this tensor of a model."""
    if len(shape) != len(tensor.shape) or any(
        e is not None and s is not None and e != s for e, s in zip(tensor.shape, shape, strict=True)
    ):
        raise ValueError(
            f"{model._label()} received an input of shape {shape}"
            f"{f' for {tensor.name!r}' if model.several_inputs else ''}. Expected {tensor.shape}, "
            f"as its Input says; None stands for any size, and the first axis counts the samples."
        )


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _unique(weights: Iterable[Variable]) -> list[Variable]:
    return list({id(weight): weight for weight in weights}.values())
