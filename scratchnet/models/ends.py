"""What goes into a model and what is compared with what comes out, sorted by the model's ends.

A caller passes arrays, or lists and dicts of them, by the nesting or the names of the model's
inputs and outputs. They become `Samples`, checked against each other and the model before anything
changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scratchnet.layers.layer import Layer
from scratchnet.losses import Loss
from scratchnet.models.data import Samples, array, require_one_length, weights_of_classes
from scratchnet.models.graph import Graph


class ModelWithEnds(Layer):
    """A layer with a graph, whose inputs and outputs have names."""

    @property
    def graph(self) -> Graph:
        """The graph of the layers."""
        raise NotImplementedError

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of the graph."""
        raise NotImplementedError

    def _losses(self) -> list[Loss | None]:
        """The loss of each output, None for one that has none."""
        raise NotImplementedError

    def _flat(self, kind: str, values: Any) -> list[Any]:
        """Values for the "inputs" or "outputs" in the order of the graph."""
        raise NotImplementedError

    def _nested(self, flat: list[Any]) -> Any:
        """One value for each output, nested as the model's outputs are."""
        raise NotImplementedError

    def _gather(
        self,
        caller: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Mapping[int, float] | None = None,
    ) -> Samples:
        """Check x, y and the weights against each other and the model, before anything changes."""
        if x is None:
            raise TypeError("x is missing: received None. Expected an array with a row a sample.")
        named = {"x": x, "y": y, "sample_weight": sample_weight}
        flat: dict[str, Any] = {}
        if not any(isinstance(each, (list, tuple, dict)) for each in named.values()):
            # One array each: their lengths can be compared before there is a model to fit
            flat = {k: array(k, v) for k, v in named.items() if v is not None}
            require_one_length(flat)
        xs = self._inputs(x)
        if len(xs[0]) == 0:
            raise ValueError(
                f"{caller} received no samples: x has shape {xs[0].shape}. Expected at least one."
            )
        if y is None:
            raise ValueError(
                f"{caller} received x without y. Expected the targets that the loss compares with."
            )
        losses = self._losses()
        names = self.output_names
        ys = self._targets(losses, y, names)
        weights = self._sample_weights(sample_weight, class_weight, ys, names)
        require_one_length(
            {
                _label(kind, i, len(arrays)): each
                for kind, arrays in (("x", xs), ("y", ys), ("sample_weight", weights))
                for i, each in enumerate(arrays)
                if each is not None
            }
        )
        shapes = self.graph.output_shapes([each.shape for each in xs])
        for loss, target, shape in zip(losses, ys, shapes, strict=True):
            if loss is not None:
                loss.check(target, shape)
        return Samples(xs, ys, weights)

    def _inputs(self, x: Any) -> list[np.ndarray]:
        """One array for each input; the model is built for them if it was not yet."""
        flat = self._flat("inputs", x)
        arrays = [array(_label("x", i, len(flat)), each) for i, each in enumerate(flat)]
        require_one_length({_label("x", i, len(flat)): each for i, each in enumerate(arrays)})
        shapes: Any = [each.shape for each in arrays]
        self.ensure_built((None, *shapes[0][1:]))
        self.check_input(shapes if self.several_inputs else shapes[0])
        return arrays

    def _targets(self, losses: Sequence[Loss | None], y: Any, names: list[str]) -> list[Any]:
        """One array for each output, None for one without a loss that was left out."""
        with_loss = [i for i, loss in enumerate(losses) if loss is not None]
        is_partial = isinstance(y, (list, tuple)) and len(y) == len(with_loss) < len(names)
        flat: list[Any] = [None] * len(names)
        for i, each in zip(
            with_loss if is_partial else range(len(names)),
            y if is_partial else self._flat("outputs", y),
            strict=True,
        ):
            flat[i] = None if each is None else array(_label("y", i, len(names)), each)
        missing = [names[i] for i in with_loss if flat[i] is None]
        if missing:
            raise ValueError(
                f"There are no targets for the output {missing[0]!r}, which has a loss. Expected "
                f"an array in y for it, or None in its place in the losses."
            )
        return flat

    def _sample_weights(
        self,
        sample_weight: Any,
        class_weight: Mapping[int, float] | None,
        ys: list[Any],
        names: list[str],
    ) -> list[Any]:
        """The weights of the samples for each output, None where they all weigh 1."""
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "Received both class_weight and sample_weight. Expected one of them: multiply "
                    "the class weights into sample_weight."
                )
            if len(names) > 1:
                raise ValueError(
                    f"class_weight goes with a model of one output; this one has {len(names)}. "
                    f"Expected sample_weight, with an array for each output."
                )
            return [weights_of_classes(ys[0], class_weight)]
        if sample_weight is None or hasattr(sample_weight, "__array__"):
            one = None if sample_weight is None else array("sample_weight", sample_weight)
            return [one] * len(names)
        flat = self._flat("outputs", sample_weight)
        return [
            None if each is None else array(_label("sample_weight", i, len(flat)), each)
            for i, each in enumerate(flat)
        ]


def _label(kind: str, i: int, count: int) -> str:
    return kind if count == 1 else f"{kind}[{i}]"
