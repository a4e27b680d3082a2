"""The shape and dtype that a network starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.layers.layer import Gradients, Layer, Saved
from scratchnet.layers.symbolic import Node, Shape, SymbolicTensor


class InputLayer(Layer):
    """Says what one sample looks like, so that a model can be built before it sees any.

    Args:
        shape: of one sample, without the batch axis; None where a size may vary.
        batch_size: fixed number of samples; None leaves it open.
        dtype: as every layer, or an integer one: "int32", "int64", "uint8", "bool".
        name: as every layer.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
        **kwargs: Any,
    ) -> None:
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                f"Input received shape={shape!r} and batch_shape={batch_shape!r}. Expected one of "
                f"them: shape=(28, 28, 1) describes one sample."
            )
        integers = _integer_dtype(dtype)
        super().__init__(
            dtype=None if integers else dtype, name=name, **_without_absent_features(kwargs)
        )
        self.dtype = integers or self.dtype
        if batch_shape is None:
            batch_shape = (batch_size, *_sample_shape(shape))
        self.batch_shape: Shape = tuple(batch_shape)
        self.ensure_built(self.batch_shape)
        node = Node(self, [], {}, None, (), {})
        node.outputs = [SymbolicTensor(self.batch_shape, self.dtype, node, 0)]
        self.nodes.append(node)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x, None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy, []

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "batch_shape": self.batch_shape}


def Input(  # noqa: N802  (Keras's name)
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
) -> SymbolicTensor:
    """Where a graph starts, or the first entry of a `Sequential([Input((28, 28, 1)), …])`.

    Arguments as `InputLayer`.

    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    return InputLayer(shape, batch_size, dtype, name, batch_shape).output


def _sample_shape(shape: Any) -> tuple[int | None, ...]:
    if isinstance(shape, (int, np.integer)):
        raise ValueError(f"Input received shape={shape!r}. Expected a tuple, such as ({shape},).")
    return tuple(shape)


def _integer_dtype(dtype: Any) -> str | None:
    """The dtype's name where it is one of class numbers, tokens or pixels, else None."""
    try:
        name = np.dtype(dtype).name if dtype is not None else ""
    except TypeError:
        return None
    return name if name in ("bool", "uint8", "int32", "int64") else None


def _without_absent_features(arguments: dict[str, Any]) -> dict[str, Any]:
    """Drop what Keras writes into the configuration of every input when it is not in use."""
    absent = {"sparse": False, "ragged": False, "optional": False}
    return {k: v for k, v in arguments.items() if not (k in absent and v in (absent[k], None))}
