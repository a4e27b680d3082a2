"""The dense projections around attention of several heads: into the heads, and out of them."""

from __future__ import annotations

import string
from typing import Any, ClassVar

from scratchnet import constraints, initializers, regularizers
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.attention import check_dropout
from scratchnet.layers.dropout import Dropout
from scratchnet.layers.einsum_dense import EinsumDense
from scratchnet.layers.layer import Layer, Shape, unique_name
from scratchnet.layers.several_inputs import SeveralInputs
from scratchnet.regularizers import Regularizer


class HeadProjections(SeveralInputs):
    """Base of attention layers of several heads: it holds their projections and dropout.

    Args:
        query_heads, key_value_heads: numbers of heads.
        key_dim, value_dim: lengths of a head's queries and keys, and of its values.
        projected_shape: sizes in the place of the query's last axis; None keeps that.
        others: as the layers'.
    """

    # Those that Keras's class has no property for, so that its files have its private name
    underscored: ClassVar[tuple[str, ...]] = ("gate",)

    def __init__(
        self,
        *,
        query_heads: int,
        key_value_heads: int,
        key_dim: int,
        value_dim: int,
        projected_shape: tuple[int, ...] | None,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        kernel_initializer: str | dict | Initializer,
        bias_initializer: str | dict | Initializer,
        kernel_regularizer: str | dict | Regularizer | None,
        bias_regularizer: str | dict | Regularizer | None,
        activity_regularizer: None,
        kernel_constraint: str | dict | Constraint | None,
        bias_constraint: str | dict | Constraint | None,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        layer = type(self).__name__
        check_dropout(layer, dropout)
        if sliding_window is not None:
            check_positive(layer, "sliding_window", sliding_window)
        for argument, value in (
            ("flash_attention", flash_attention or None),
            ("activity_regularizer", activity_regularizer),
        ):
            if value is not None:
                raise ValueError(
                    f"{layer} received {argument}={value!r}, which is not supported. Expected None."
                )
        super().__init__(**kwargs)
        self._query_heads, self._key_value_heads = query_heads, key_value_heads
        self._key_dim, self._value_dim = key_dim, value_dim
        self.projected_shape = projected_shape  # `output_shape` is a property of all layers
        self.dropout = dropout
        self.use_bias = use_bias
        self.sliding_window = sliding_window
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.use_gate = use_gate
        self.seed = seed
        self.query_dense: EinsumDense
        self.key_dense: EinsumDense
        self.value_dense: EinsumDense
        self.output_dense: EinsumDense
        self.gate_dense: EinsumDense | None = None
        self.dropout_layer: Dropout

    @property
    def projections(self) -> dict[str, EinsumDense]:
        """The dense layers in the order of their weights; none before the layer is built."""
        if not hasattr(self, "output_dense"):
            return {}
        gate = {"gate": self.gate_dense} if self.gate_dense else {}
        return {
            "query": self.query_dense,
            "key": self.key_dense,
            **gate,
            "value": self.value_dense,
            "output": self.output_dense,
        }

    @property
    def sublayers(self) -> dict[str, Layer]:
        """The projections, as Keras calls them in its files."""
        return {
            f"{'_' * (name in self.underscored)}{name}_dense": layer
            for name, layer in self.projections.items()
        }

    def build(self, input_shape: Any) -> None:
        query, value, key = input_shape[0], input_shape[1], input_shape[-1]
        of_query = (self._query_heads, self._key_dim)
        of_values = (self._query_heads, self._value_dim)
        self.query_dense = self._projection("query", query, 1, of_query)
        self.key_dense = self._projection("key", key, 1, (self._key_value_heads, self._key_dim))
        if self.use_gate:
            self.gate_dense = self._projection("gate", query, 1, of_values, activation="sigmoid")
        self.value_dense = self._projection(
            "value", value, 1, (self._key_value_heads, self._value_dim)
        )
        unique_name("Softmax")  # Keras has a layer of it inside, which takes a name
        self.dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype)
        combined = (*query[:-1], *of_values)
        self.output_dense = self._projection(
            "attention_output", combined, 2, self.projected_shape or query[-1:]
        )

    def _projection(
        self, name: str, shape: Shape, bound: int, sizes: Shape, activation: str | None = None
    ) -> EinsumDense:
        """A dense layer that replaces the last `bound` axes by axes of these sizes."""
        free = len(shape) - bound
        letters = string.ascii_lowercase
        kept, summed = letters[:free], letters[free : len(shape)]
        made = letters[len(shape) : len(shape) + len(sizes)]
        dense = EinsumDense(
            f"{kept}{summed},{summed}{made}->{kept}{made}",
            output_shape=(*[None] * (free - 1), *sizes),
            activation=activation,
            bias_axes=made if self.use_bias else None,
            kernel_initializer=_renewed(self.kernel_initializer),
            bias_initializer=_renewed(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            trainable=self.trainable,
            dtype=self.dtype,
            name=name,
        )
        dense.ensure_built((None, *shape[1:]))
        for weight in dense.weights:
            weight.path = f"{self.name}/{weight.path}"
        self._weights += dense.weights
        return dense

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the weights; set it to freeze or thaw the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.projections.values():
            layer.trainable = value

    def get_build_config(self) -> dict[str, Any] | None:
        if not self.built:
            return None
        names = ("query_shape", "value_shape", "key_shape")
        return {"shapes_dict": dict(zip(names, self.input_shape, strict=False))}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "sliding_window": self.sliding_window,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "seed": self.seed,
        }


def check_positive(layer: str, argument: str, value: Any) -> None:
    """Raise ValueError for what is no positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{layer} received {argument}={value!r}. Expected a positive integer.")


def _renewed(initializer: Initializer) -> Initializer:
    """One of the same configuration, which without a seed draws other values."""
    return type(initializer).from_config(initializer.get_config())
