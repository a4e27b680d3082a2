"""Layers wired together: the order in which they compute, forward and backward.

A graph is drawn by calling layers on symbolic tensors (`layers.symbolic`) and cut out by naming
its inputs and outputs. Every tensor has a slot; a step takes arrays from slots and puts its
layer's outputs into others:

    forward    in topological order; each step keeps what its layer's backward needs (`saved`)
    backward   in the reverse order; where a tensor was used more than once, the gradients that
               come back from its uses are added up (the rule of the total derivative), and so are
               the gradients of a weight whose layer stands in several steps

Nothing is computed for which nobody asks: below the lowest weights that train, no gradients.

Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), algorithms 6.5 and 6.6; the order of
layers and steps is that of keras/src/ops/function.py, so that weights come in Keras's order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from scratchnet import activations, ops
from scratchnet.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    InputLayer,
    Layer,
    MaxPooling2D,
    ReLU,
)
from scratchnet.layers.symbolic import Node, Shape, SymbolicTensor, mapped

Arrays = list[np.ndarray]
Saved = list[Any]  # one entry for each step


@dataclass(frozen=True)
class Slot:
    """Stands in the options of a call for the value in that slot."""

    number: int


class Step(NamedTuple):
    """One call of a layer, with slots in place of symbolic tensors."""

    node: Node
    inputs: list[int]
    options: dict[str, Any]  # nested as the caller nested them
    outputs: list[int]
    last_uses: list[int]  # slots that no later step reads


class Graph:
    """What lies between some symbolic tensors and others.

    Args:
        inputs: outputs of InputLayers.
        outputs: what to compute.

    Attributes:
        layers: each once, in Keras's order, InputLayers included.
        nodes: the calls, in the order in which they compute.

    Raises:
        ValueError: an output depends on an Input that is not among the inputs, or two layers have
            one name.
    """

    def __init__(self, inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.nodes, self.layers = _in_order(self.inputs, self.outputs)
        self._check()
        slots: dict[tuple[Node, int], int] = {}
        for node in self.nodes:
            for i in range(len(node.outputs)):
                slots[node, i] = len(slots)
        self._count = len(slots)
        self._input_slots = [slots[t.node, t.index] for t in self.inputs]
        self._output_slots = [slots[t.node, t.index] for t in self.outputs]
        self._steps = self._plan(slots)
        read = [t for node in self.nodes for t in node.sources] + self.outputs
        readers = Counter(slots[t.node, t.index] for t in read)
        self._steps_of_outputs = _pooled(self._steps, readers)  # where no backward pass follows

    def forward(
        self,
        x: Sequence[np.ndarray],
        training: bool | None,
        logits: Collection[int] = (),
        keep: bool = True,
    ) -> tuple[Arrays, Saved, dict[int, np.ndarray]]:
        """Compute all steps.

        Args:
            x: one array for each input.
            training: the mode of all layers; with None each has that of its own call.
            logits: positions of outputs for which what goes into their last activation is wanted.
            keep: whether a backward pass may follow.

        Returns:
            The outputs, what backward needs, and the logits by position.
        """
        values: list[Any] = [None] * self._count
        for slot, array in zip(self._input_slots, x, strict=True):
            values[slot] = array
        wanted = {self._output_slots[i] for i in logits}
        saved: Saved = []
        z: dict[int, np.ndarray] = {}  # by slot
        for step in self._steps if keep else self._steps_of_outputs:
            layer = step.node.layer
            arrays = [values[slot] for slot in step.inputs]
            inputs = layer.cast(arrays if step.node.several else arrays[0])
            options = _filled(step.options, values)
            of_logits = step.outputs[0] in wanted
            mode = layer.trains(step.node.training if training is None else training)
            if of_logits:
                z[step.outputs[0]], kept = layer.forward_logits(inputs, mode)
                y = activations.get(layer.output_activation)(z[step.outputs[0]])
            elif keep:
                y, kept = layer.forward(inputs, mode, **options)
            else:
                y, kept = layer.compute(inputs, mode, **options), None
            for slot, array in zip(step.outputs, y if isinstance(y, list) else [y], strict=True):
                values[slot] = array
            if keep:
                saved.append((kept, y if layer.activity_regularizer or of_logits else None))
            for slot in step.last_uses:
                values[slot] = None
        outputs = [values[slot] for slot in self._output_slots]
        return outputs, saved, {i: z[self._output_slots[i]] for i in logits}

    def backward(
        self,
        dy: Sequence[np.ndarray | None],
        saved: Saved,
        needs_dx: bool = True,
        dz: dict[int, np.ndarray] | None = None,
    ) -> tuple[list[np.ndarray | None], dict[int, np.ndarray]]:
        """Gradients of the inputs, and of the weights by the `id` of their variable.

        Args:
            dy: ∂L/∂y for each output; None where L does not depend on it.
            saved: from `forward`.
            needs_dx: whether the gradients of the inputs are wanted.
            dz: ∂L/∂z for the positions whose logits `forward` gave, instead of their dy.
        """
        gradients: list[np.ndarray | None] = [None] * self._count
        for slot, upstream in zip(self._output_slots, dy, strict=True):
            _add(gradients, slot, upstream)
        of_logits: dict[int, np.ndarray] = {}
        for i, of_z in (dz or {}).items():  # the same output may be named twice
            slot = self._output_slots[i]
            of_logits[slot] = of_logits[slot] + of_z if slot in of_logits else of_z
        of_weights: dict[int, np.ndarray] = {}
        needed = self._needed(needs_dx)
        for step, (kept, y) in zip(reversed(self._steps), reversed(saved), strict=True):
            if not needed[step.outputs[0]]:
                continue
            layer = step.node.layer
            wanted = any(needed[slot] for slot in step.inputs)
            dx, own = _step_backward(layer, step, kept, y, gradients, of_logits, wanted)
            for variable, gradient in zip(layer.trainable_weights, own, strict=True):
                key = id(variable)
                if gradient is not None:
                    of_weights[key] = of_weights[key] + gradient if key in of_weights else gradient
            for slot in step.outputs:
                gradients[slot] = None
            if wanted and dx is not None:
                for slot, back in zip(step.inputs, dx if step.node.several else [dx], strict=True):
                    _add(gradients, slot, back)
        return [gradients[slot] for slot in self._input_slots], of_weights

    def output_activation(self, position: int) -> str | None:
        """The name of the activation that an output ends in, if any and if called plainly."""
        node = self.outputs[position].node
        return None if node.options else node.layer.output_activation

    def activity_penalty(self, saved: Saved) -> float:
        """Σ of the activity regularizers' penalties, each divided by the number of samples."""
        total = 0.0
        for step, (kept, y) in zip(self._steps, saved, strict=True):
            layer = step.node.layer
            if layer.activity_regularizer and len(y):
                total += float(layer.activity_regularizer(y)) / len(y)
            total += layer.activity_penalty(kept)
        return total

    def output_shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Shapes of the outputs for inputs of these shapes."""
        known: list[Any] = [None] * self._count
        for slot, shape in zip(self._input_slots, shapes, strict=True):
            known[slot] = tuple(shape)
        for step in self._steps:
            inputs = [known[slot] for slot in step.inputs]
            options = _filled(step.options, known)
            found = step.node.layer._output_shapes(
                inputs if step.node.several else inputs[0], options
            )
            for slot, shape in zip(
                step.outputs, found if isinstance(found, list) else [found], strict=True
            ):
                known[slot] = shape
        return [known[slot] for slot in self._output_slots]

    def _plan(self, slots: dict[tuple[Node, int], int]) -> list[Step]:
        """The steps; a slot is free after the last step that reads it."""
        steps: list[Step] = []
        free = set(range(self._count)) - set(self._output_slots)
        rectifiers = self._rectifiers()
        for node in reversed(self.nodes):
            if isinstance(node.layer, InputLayer) or node in rectifiers.values():
                continue
            inputs = [slots[t.node, t.index] for t in node.inputs]
            options = mapped(
                lambda t: Slot(slots[t.node, t.index]) if isinstance(t, SymbolicTensor) else t,
                node.options,
            )
            outputs = [slots[node, i] for i in range(len(node.outputs))]
            if node in rectifiers:
                options, outputs = {"relu": True}, [slots[rectifiers[node], 0]]
            used = [slots[t.node, t.index] for t in node.sources]
            last_uses = list(free & {*used, *outputs})
            free -= set(last_uses)
            steps.append(Step(node, inputs, options, outputs, last_uses))
        return steps[::-1]

    def _rectifiers(self) -> dict[Node, Node]:
        """The calls that can end in the plain ReLU that follows, and the call of that ReLU.

        Both are then one step, one pass over memory fewer (`ops.formulas.fused`).
        """
        read = [(t.node, t.index) for node in self.nodes for t in node.sources]
        readers = Counter([*read, *((t.node, t.index) for t in self.outputs)])
        found = {}
        for node in self.nodes:
            if _is_plain_relu(node.layer):
                (source,) = node.inputs
                before = source.node.layer
                plain = not (source.node.options or before.activity_regularizer)
                # In float16 a sum may be above 0 and rounded to it
                exact = before.dtype == node.layer.dtype in ("float32", "float64")
                alone = readers[source.node, source.index] == 1
                if type(before) in (Add, BatchNormalization) and plain and exact and alone:
                    found[source.node] = node
        return found

    def _needed(self, needs_dx: bool) -> list[bool]:
        """For each slot, whether some gradient that is wanted depends on that slot's."""
        needed = [False] * self._count
        for slot in self._input_slots:
            needed[slot] = needs_dx
        for step in self._steps:
            wanted = bool(step.node.layer.trainable_weights) or any(
                needed[slot] for slot in step.inputs
            )
            for slot in step.outputs:
                needed[slot] = wanted
        return needed

    def _check(self) -> None:
        given = {tensor.node for tensor in self.inputs}
        for node in self.nodes:
            if isinstance(node.layer, InputLayer) and node not in given:
                raise ValueError(
                    f"The graph is not connected: its outputs depend on Input "
                    f"{node.layer.name!r}, which is not among the inputs "
                    f"{[t.name for t in self.inputs]}. Expected every Input that was used."
                )
        names = [layer.name for layer in self.layers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"Several layers are called {twice[0]!r}. Expected a name of its own for each: "
                f"pass name=… to all but one of them."
            )


def _pooled(steps: list[Step], readers: Counter[int]) -> list[Step]:
    """The steps, with a pooling and what alone it reads as one step.

    That is a convolution, a batch normalisation, or both, which then need not write what would be
    pooled (`ops.formulas.fused`).
    """
    merged: list[Step | None] = []
    made_by: dict[int, int] = {}  # by the slot of an output, where its step stands in `merged`

    def before(step: Step, kind: type[Layer]) -> int | None:
        """Where the step stands that only this one reads, of the same mode, if it is of a kind."""
        place = made_by.get(step.inputs[0]) if len(step.inputs) == 1 else None
        found = None if place is None else merged[place]
        if found is None or type(found.node.layer) is not kind or readers[step.inputs[0]] != 1:
            return None
        alike = found.node.layer.dtype == step.node.layer.dtype in ("float32", "float64")
        return place if alike and found.node.training == step.node.training else None

    for step in steps:
        if type(step.node.layer) in (AveragePooling2D, MaxPooling2D):
            options: dict[str, Any] = {"pool": step.node.layer}
            parts, place = [step], before(step, BatchNormalization)
            if place is not None:
                normalization = cast(Step, merged[place])
                parts = [normalization, step]
                convolution = before(normalization, Conv2D)
                if convolution is not None:
                    merged[place], place = None, convolution
                    options |= {"normalization": normalization.node.layer, **normalization.options}
            else:
                place = before(step, Conv2D)
            if place is not None:
                first = cast(Step, merged[place])
                last_uses = [slot for part in (first, *parts) for slot in part.last_uses]
                merged[place] = first._replace(
                    options=first.options | options,
                    outputs=step.outputs,
                    last_uses=list(dict.fromkeys(last_uses)),
                )
                continue
        made_by |= {slot: len(merged) for slot in step.outputs}
        merged.append(step)
    return [step for step in merged if step is not None]


def _is_plain_relu(layer: Layer) -> bool:
    """Whether it computes max(x, 0) and no more; a subclass may do anything."""
    if layer.activity_regularizer:
        return False
    if type(layer) is ReLU:
        return layer.max_value is None and layer.negative_slope == layer.threshold == 0
    return type(layer) is Activation and layer.activation is activations.relu


def _filled(options: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    """The options with the values of their slots."""
    if not options:
        return options
    return mapped(lambda each: values[each.number] if isinstance(each, Slot) else each, options)


def _step_backward(
    layer: Layer,
    step: Step,
    kept: Any,
    y: np.ndarray | None,
    gradients: list[np.ndarray | None],
    of_logits: dict[int, np.ndarray],
    wanted: bool,
) -> tuple[Any, Sequence[np.ndarray | None]]:
    """(dx, gradients of the weights) of one step, from what has come back to its outputs."""
    dy: Any = [gradients[slot] for slot in step.outputs]
    if layer.activity_regularizer is not None and y is not None:
        penalty = layer.activity_regularizer.gradient(y) / max(len(y), 1)
        dy[0] = penalty if dy[0] is None else dy[0] + penalty
    if step.outputs[0] in of_logits:
        dz = of_logits[step.outputs[0]]
        if dy[0] is not None:  # y was used elsewhere too, or is penalised
            assert y is not None
            dz = dz + activations.get(layer.output_activation).gradient(dy[0], y)
        return layer.backward_logits(dz.astype(layer.dtype, copy=False), kept, wanted)
    if all(gradient is None for gradient in dy):
        return None, [None] * len(layer.trainable_weights)
    if len(dy) > 1:
        return layer.backward(dy, kept, wanted)
    return layer.backward(dy[0].astype(layer.dtype, copy=False), kept, wanted)


def _add(gradients: list[np.ndarray | None], slot: int, gradient: np.ndarray | None) -> None:
    """Add to what has come back so far; never in place, for a layer may return its own dy."""
    before = gradients[slot]
    if gradient is not None:
        gradients[slot] = gradient if before is None else ops.add([before, gradient])


def _in_order(
    inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]
) -> tuple[list[Node], list[Layer]]:
    """The nodes in the order of computation and the layers in the order of their weights.

    Both are sorted by depth, the length of the longest way to an output, largest first. Within one
    depth the nodes stand as a walk back from the outputs reaches them; the layers, each with its
    largest depth, as a walk depth-first from the outputs meets them.
    """
    finished, met = walk_back(outputs)
    depths: dict[Node, int] = {}
    layer_depths: dict[Layer, int] = {}
    for node in reversed(finished):
        depth = max(depths.setdefault(node, 0), layer_depths.get(node.layer, 0))
        depths[node] = layer_depths[node.layer] = depth
        for source in node.sources:
            depths[source.node] = max(depth + 1, depths.get(source.node, 0))
    for tensor in inputs:  # one that no output depends on
        if tensor.node not in depths:
            depths[tensor.node] = layer_depths[tensor.node.layer] = 0
            met[tensor.node.layer] = -1
    nodes = sorted(depths, key=lambda node: -depths[node])
    layers = sorted(layer_depths, key=lambda layer: (-layer_depths[layer], met[layer]))
    return nodes, layers


def walk_back(outputs: list[SymbolicTensor]) -> tuple[list[Node], dict[Layer, int]]:
    """Depth-first from the outputs: the nodes, each after all its sources, and when each layer
    was met. A loop and not a recursion, so that a deep graph is no trouble for Python."""
    finished: dict[Node, None] = {}
    met: dict[Layer, int] = {}
    for output in outputs:
        path = [(output.node, iter(output.node.sources))]
        met.setdefault(output.node.layer, len(met))
        while path:
            node, sources = path[-1]
            source = next(sources, None)
            if source is None:
                finished.setdefault(node)
                path.pop()
            elif source.node not in finished:
                met.setdefault(source.node.layer, len(met))
                path.append((source.node, iter(source.node.sources)))
    return list(finished), met
