"""A stack of layers: each one's output is the next one's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from scratchnet import activations, layers
from scratchnet.activations import ActivationFunction
from scratchnet.layers import InputLayer, SymbolicTensor
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape
from scratchnet.models.model import Model


class Sequential(Model):
    """y = f_n(… f_2(f_1(x))).

    Args:
        layers: in order; `Input(shape)` as the first one builds the model at once, otherwise it
            is built by the first array that it sees, or by `build`.
        trainable, name: as every layer.

    >>> from scratchnet.layers import Dense, Input
    >>> model = Sequential([Input((4,)), Dense(3, activation="relu"), Dense(2)])
    >>> model.count_params()
    23

    Source: keras/src/models/sequential.py.
    """

    def __init__(
        self,
        layers: Sequence[Layer | SymbolicTensor] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self.input_layer: InputLayer | None = None
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Layer | SymbolicTensor) -> None:
        """Put a layer on top.

        Raises:
            TypeError: not a layer.
            ValueError: a name that is taken, an input that is not the first, shapes that do not
                fit; the model stays as it was.
        """
        if isinstance(layer, SymbolicTensor) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(
                f"Sequential takes layers; received {layer!r} ({type(layer).__name__}). Expected "
                f"an instance such as layers.Dense(10)."
            )
        if isinstance(layer, InputLayer):
            if self._layers or self.input_layer:
                raise ValueError(
                    f"Input {layer.name!r} comes after other layers. Expected it first, and once."
                )
            self.input_layer = layer
            self.dtype = layer.dtype
            self._build_from(layer.batch_shape)
            return
        if layer.name in {other.name for other in self._layers}:
            raise ValueError(
                f"Two layers are called {layer.name!r}. Expected a name of its own for each: pass "
                f"name=… to one of them, or do not add the same layer twice."
            )
        if self.input_shape is not None:
            layer.ensure_built(self._output_shape if self._layers else self.input_shape)
        if not self._trainable:
            layer.trainable = False
        self._layers.append(layer)
        if self.input_shape is not None:
            self._build_from(self.input_shape)

    def pop(self) -> Layer:
        """Take the top layer off and return it. Raises IndexError where there is none."""
        if not self._layers:
            raise IndexError(f"{self._label()} has no layer to take off.")
        layer = self._layers.pop()
        if self.input_shape is not None:
            self._build_from(self.input_shape)
        return layer

    def build(self, input_shape: Shape) -> None:
        """Create the weights of all layers for inputs of this shape, such as (None, 28, 28, 1)."""
        self._build_from(tuple(input_shape))

    def check_input(self, shape: Shape) -> None:
        if not self._layers:
            raise ValueError(
                f"{self._label()} has no layers. Expected at least one: model.add(layers.Dense(1))."
            )
        if self.input_layer is not None:
            expected = self.input_layer.batch_shape
            if len(shape) != len(expected) or any(
                e is not None and s is not None and e != s
                for e, s in zip(expected, shape, strict=True)
            ):
                raise ValueError(
                    f"{self._label()} received an input of shape {shape}. Expected {expected}, as "
                    f"its Input says; None stands for any size, and the first axis counts the "
                    f"samples."
                )
        self._layers[0].check_input(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    # Computation. `saved` has one (what the layer saved, its output if that is penalised) a layer.

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        saved = []
        for layer in self._layers:
            x, kept = layer.forward(x.astype(layer.dtype, copy=False), training)
            saved.append((kept, x if layer.activity_regularizer else None))
        return x, saved

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return self._backward(dy, saved, len(self._layers), [], needs_dx)

    @property
    def output_activation(self) -> str | None:  # type: ignore[override]
        return self._layers[-1].output_activation if self._layers else None

    def forward_logits(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        *inner, last = self._layers
        saved = []
        for layer in inner:
            x, kept = layer.forward(x.astype(layer.dtype, copy=False), training)
            saved.append((kept, x if layer.activity_regularizer else None))
        z, kept = last.forward_logits(x.astype(last.dtype, copy=False), training)
        penalised = self._last_activation()(z) if last.activity_regularizer else None
        return z, [*saved, (kept, penalised)]

    def backward_logits(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        last, (kept, y) = self._layers[-1], saved[-1]
        if y is not None:
            dz = dz + self._last_activation().gradient(_penalty_gradient(last, y), y)
        needed = needs_dx or self._first_trained() < len(self._layers) - 1
        dx, gradients = last.backward_logits(dz, kept, needed)
        if not needed:
            return dx, gradients
        assert dx is not None
        return self._backward(dx, saved, len(self._layers) - 1, gradients, needs_dx)

    def activity_penalty(self, saved: Saved) -> float:
        total = 0.0
        for layer, (kept, y) in zip(self._layers, saved, strict=True):
            if y is not None and layer.activity_regularizer and len(y):
                total += float(layer.activity_regularizer(y)) / len(y)
            if isinstance(layer, Sequential):
                total += layer.activity_penalty(kept)
        return total

    def _backward(
        self, dy: np.ndarray, saved: Saved, top: int, gradients: Gradients, needs_dx: bool
    ) -> tuple[np.ndarray | None, Gradients]:
        """Backward through the layers below `top`, which already gave `gradients`.

        Below the lowest layer that trains nobody asks for a gradient, unless dx is wanted.
        """
        lowest = 0 if needs_dx else self._first_trained()
        for i in reversed(range(lowest, top)):
            layer, (kept, y) = self._layers[i], saved[i]
            if y is not None:
                dy = dy + _penalty_gradient(layer, y)
            dx, own = layer.backward(
                dy.astype(layer.dtype, copy=False), kept, needs_dx or i > lowest
            )
            gradients = own + gradients
            if dx is None:
                return None, gradients
            dy = dx
        return dy, gradients

    def _first_trained(self) -> int:
        trained = (i for i, layer in enumerate(self._layers) if layer.trainable_weights)
        return next(trained, len(self._layers))

    def _last_activation(self) -> ActivationFunction:
        return activations.get(self.output_activation)

    def _build_from(self, input_shape: Shape) -> None:
        shape = input_shape
        for layer in self._layers:
            layer.ensure_built(shape)
            shape = layer.compute_output_shape(shape)
        self.input_shape, self._output_shape = input_shape, shape
        self.built = True

    # Configuration

    def get_config(self) -> dict[str, Any]:
        stack = ([self.input_layer] if self.input_layer else []) + self._layers
        config = super().get_config() | {"layers": [layers.serialize(layer) for layer in stack]}
        if self.input_shape is not None:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        build_input_shape = config.pop("build_input_shape", None)
        stack = [layers.deserialize(entry) for entry in config.pop("layers")]
        model = cls(stack, **config)
        if build_input_shape is not None and not model.built:
            model.build(tuple(build_input_shape))
        return model


def _penalty_gradient(layer: Layer, y: np.ndarray) -> np.ndarray:
    """∂/∂y of activity_regularizer(y) / N."""
    assert layer.activity_regularizer is not None
    return (layer.activity_regularizer.gradient(y) / max(len(y), 1)).astype(y.dtype, copy=False)
