"""Vectors for class numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import constraints, initializers, ops, regularizers
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape
from scratchnet.layers.low_rank import refuse_adapters
from scratchnet.regularizers import Regularizer
from scratchnet.variable import Variable


class Embedding(Layer):
    """y = E[x]: each integer of x, of any shape, becomes a row of E: (input_dim, output_dim).

    Args:
        input_dim: number of classes; x holds 0 … input_dim − 1.
        output_dim: length of the vectors.
        embeddings_initializer: first values of E.
        embeddings_regularizer: penalty on E in the loss.
        embeddings_constraint: bound that E is put back into after a step.
        mask_zero: must stay False; masks are passed to the layers that use them.
        weights: E's first values as an array, instead of the initializer's.
        lora_rank, lora_alpha, quantization_config: must stay None.
        activity_regularizer, trainable, dtype, name: as every layer.

    Raises:
        ValueError: sizes that are no positive integers; later, numbers that are not whole or not
            from 0 to input_dim − 1. (Keras cuts off what is behind the point, and counts negative
            ones from the last row.)

    >>> Embedding(3, 2, weights=[[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])([[2, 1]])
    array([[[3., 4.],
            [1., 2.]]], dtype=float32)

    Source: keras/src/layers/core/embedding.py.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: str | dict | Initializer = "uniform",
        embeddings_regularizer: str | dict | Regularizer | None = None,
        embeddings_constraint: str | dict | Constraint | None = None,
        mask_zero: bool = False,
        weights: ArrayLike | None = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        for argument, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                raise ValueError(
                    f"Embedding received {argument}={value!r} ({type(value).__name__}). Expected a "
                    f"positive integer."
                )
        if mask_zero:
            raise ValueError(
                "Embedding received mask_zero=True. Masks do not travel with arrays here; expected "
                "False: pass mask=… to the layer that is to skip the zeros."
            )
        refuse_adapters(
            "Embedding",
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.embeddings: Variable
        if weights is not None:
            self.build(())
            self.built = True
            alone = isinstance(weights, list) and len(weights) == 1
            self.set_weights(weights if alone else [weights])  # type: ignore[arg-type]

    def build(self, input_shape: Shape) -> None:
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            "embeddings",
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    def ensure_built(self, input_shape: Any) -> None:
        super().ensure_built(input_shape)
        if self.input_shape is None:  # built in advance, from `weights`
            self.input_shape = input_shape

    def check_input(self, shape: Any) -> None:
        if isinstance(shape, list):
            super().check_input(shape)

    def cast(self, inputs: Any) -> np.ndarray:
        """The class numbers as integers.

        Raises ValueError for one that is not whole or not in the table, and says where it stands.
        """
        x = np.asarray(inputs)
        with np.errstate(invalid="ignore"):  # a NaN, which the comparison finds
            indices = x.astype(np.int64)
        wrong = (indices != x) | (indices < 0) | (indices >= self.input_dim)
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"{self._label()} received {x[place]} at position {place} of an input of shape "
                f"{x.shape}. Expected integers from 0 to {self.input_dim - 1}: input_dim is "
                f"{self.input_dim}."
            )
        return indices

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        indices = self.cast(x)
        return ops.embedding(indices, self.embeddings.value), indices

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        if not self.trainable:
            return None, []
        return None, [ops.embedding_backward(dy, saved, self.input_dim)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": False,
        }
