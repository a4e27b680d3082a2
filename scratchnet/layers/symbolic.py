"""What stands for an array while a graph of layers is being drawn.

`Input((28, 28, 1))` gives a `SymbolicTensor`: a shape without values. A layer called on one gives
another and notes in a `Node` where it came from; `Model(inputs, outputs)` follows the notes back.

>>> from scratchnet import layers
>>> x = layers.Input((28, 28, 1))
>>> y = layers.Conv2D(8, 3)(x)
>>> y.shape
(None, 26, 26, 8)
>>> y.node.layer.name, y.node.inputs == [x]
('conv2d', True)

Source: keras/src/backend/common/keras_tensor.py and keras/src/ops/node.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchnet.layers.layer import Layer

Shape = tuple[int | None, ...]

_serials = itertools.count()


class SymbolicTensor:
    """The shape and dtype of an output of a layer, without values.

    Attributes:
        shape: (None, …); None stands for the number of samples.
        dtype: name of the dtype.
        node: the call that it came from.
        index: which of that call's outputs it is.
    """

    def __init__(self, shape: Shape, dtype: str, node: Node, index: int) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.node = node
        self.index = index

    @property
    def name(self) -> str:
        """The name of the layer that gives it."""
        return self.node.layer.name

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            f"{self!r} has a shape but no values yet. Expected an array; make a model of it first, "
            f"Model(inputs, outputs), and call that on arrays."
        )

    def __repr__(self) -> str:
        return f"<SymbolicTensor of {self.name}, shape={self.shape}, dtype={self.dtype}>"


class Node:
    """One call of a layer on symbolic tensors.

    Attributes:
        layer: what was called; the same layer may have several nodes.
        inputs: the symbolic tensors, in order.
        several: whether the layer received a list and not a single tensor.
        options: further arguments of the call; a symbolic one gets no gradient.
        training: the mode of the call, for a model that is called without one.
        args, kwargs: how the layer was called, for the configuration.
        outputs: what the call gave.
        serial: a number that grows from call to call.
    """

    def __init__(
        self,
        layer: Layer,
        inputs: Any,
        options: dict[str, Any],
        training: bool | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.layer = layer
        self.several = isinstance(inputs, (list, tuple))
        self.inputs: list[SymbolicTensor] = list(inputs) if self.several else [inputs]
        self.options = options
        self.training = training
        self.args, self.kwargs = args, kwargs
        self.outputs: list[SymbolicTensor] = []
        self.serial = next(_serials)

    @property
    def sources(self) -> list[SymbolicTensor]:
        """All symbolic tensors that must be known before the layer can compute."""
        entries = [*self.inputs, *leaves(self.options)]
        return [entry for entry in entries if isinstance(entry, SymbolicTensor)]


def leaves(structure: Any) -> Iterator[Any]:
    """The entries of nested lists, tuples and dicts, in order.

    >>> list(leaves([1, (2, {"a": 3})]))
    [1, 2, 3]
    """
    if isinstance(structure, dict):
        structure = structure.values()
    elif not isinstance(structure, (list, tuple)):
        yield structure
        return
    for entry in structure:
        yield from leaves(entry)


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same nested structure with `function` of each entry.

    >>> mapped(str, {"a": [1, 2]})
    {'a': ['1', '2']}
    """
    if isinstance(structure, dict):
        return {key: mapped(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(mapped(function, value) for value in structure)
    return function(structure)


def is_symbolic(structure: Any) -> bool:
    """Whether there is a symbolic tensor anywhere in the structure."""
    return any(isinstance(leaf, SymbolicTensor) for leaf in leaves(structure))
