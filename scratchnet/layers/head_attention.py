"""Attention of several heads, with projections into them and out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from scratchnet import ops
from scratchnet.layers.attend import SavedHeads, attend, attend_backward
from scratchnet.layers.attention import sizes_differ
from scratchnet.layers.attention_axes import AttentionAxes
from scratchnet.layers.attention_mask import Masks, combined_mask
from scratchnet.layers.head_projections import HeadProjections
from scratchnet.layers.layer import Gradients, Saved, Shape

Arrays = list[np.ndarray]


class _Saved(NamedTuple):
    """What backward needs: what the projections kept, and what happened between them."""

    kept: dict[str, Saved]  # by the names of `projections`
    heads: SavedHeads
    gate: np.ndarray | None
    context: np.ndarray | None  # what goes through the gate
    shapes: list[tuple[int, ...]]


class HeadAttention(HeadProjections):
    """Base of MultiHeadAttention and GroupQueryAttention, which say how many heads there are."""

    spread_inputs = True
    fewest, most = 2, 3
    min_rank = 3
    example = "layer(query, value) or layer(query, value, key)"
    call_options = (
        "query_mask",
        "value_mask",
        "key_mask",
        "attention_mask",
        "return_attention_scores",
        "use_causal_mask",
    )
    attention_axes: tuple[int, ...] | None = None  # None means all but the first and the last

    def __call__(  # type: ignore[override]
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Y, or [Y, P]; the class describes the arguments."""
        inputs = [query, value] if key is None else [query, value, key]
        options = {
            "query_mask": query_mask,
            "value_mask": value_mask,
            "key_mask": key_mask,
            "attention_mask": attention_mask,
            "return_attention_scores": return_attention_scores or None,
            "use_causal_mask": use_causal_mask or None,
        }
        options = {name: value for name, value in options.items() if value is not None}
        return self._call(inputs, training, options, tuple(inputs), options)

    def check_input(self, shape: Any) -> None:
        super().check_input(shape)
        query, value, key = shape[0], shape[1], shape[-1]
        rank = len(query)
        if any(len(each) != rank for each in shape):
            raise ValueError(
                f"{self._label()} received inputs of shapes {shape}. Expected one number of axes."
            )
        others = [[each[axis] for axis in self._axes(rank).others] for each in (query, value)]
        if sizes_differ(value[1:-1], key[1:-1]) or sizes_differ(*map(tuple, others)):
            raise ValueError(
                f"{self._label()} received inputs of shapes {shape}. Expected a value and a key of "
                f"equal sizes but for the last axis, and a query of equal sizes but for the last "
                f"and those that attention runs along, {self._axes(rank).axes}."
            )
        if not self.built:
            return
        for name, dense, each in (
            ("query", self.query_dense, query),
            ("value", self.value_dense, value),
            ("key", self.key_dense, key),
        ):
            if dense.input_shape is not None and sizes_differ(dense.input_shape[-1:], each[-1:]):
                raise ValueError(
                    f"{self._label()} received a {name} of shape {each}. Expected "
                    f"{dense.input_shape[-1]} cells in its last axis, as when its weights were "
                    f"created."
                )

    def forward(  # type: ignore[override]
        self,
        x: Arrays,
        training: bool,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Saved]:
        query, value, key = x[0], x[1], x[-1]
        shapes = [each.shape for each in x]
        axes = self._axes(query.ndim)
        masks = Masks(
            query_mask, value_mask, key_mask, attention_mask, use_causal_mask, self.sliding_window
        )
        mask = combined_mask(masks, axes, shapes, self._query_heads, self._label())
        kept: dict[str, Saved] = {}
        q, kept["query"] = self.query_dense.forward(query, training)
        k, kept["key"] = self.key_dense.forward(key, training)
        v, kept["value"] = self.value_dense.forward(value, training)
        # As in Keras, which leaves its fused product only where it cannot serve
        zero_unseeing = self.dropout > 0 or return_attention_scores or query.ndim > 3
        q, k, v = map(axes.heads_first, (q, k, v))
        k, v = self._for_all_heads(k), self._for_all_heads(v)
        means, weights, heads = attend(q, k, v, mask, zero_unseeing, self.dropout_layer, training)
        context = axes.heads_last(means, query.shape)
        gate = None
        if self.gate_dense is not None:
            gate, kept["gate"] = self.gate_dense.forward(query, training)
        combined = context if gate is None else context * gate
        y, kept["output"] = self.output_dense.forward(combined, training)
        saved = _Saved(kept, heads, gate, None if gate is None else context, shapes)
        if not return_attention_scores:
            return y, saved
        return [y, weights.reshape(self._scores_shape(shapes))], saved

    def backward(  # type: ignore[override]
        self, dy: Any, saved: _Saved, needs_dx: bool = True
    ) -> tuple[Arrays, Gradients]:
        axes = self._axes(len(saved.shapes[0]))
        dy, dweights = dy if isinstance(dy, list) else (dy, None)
        if dy is None:
            dy = np.zeros(self.compute_output_shape(saved.shapes), saved.heads.q.dtype)
        if dweights is not None:
            dweights = dweights.reshape(saved.heads.weights.shape)
        dcombined, of_output = self._projection_backward("output", dy, saved)
        dcontext = dcombined if saved.gate is None else dcombined * saved.gate
        dq, dk, dv = attend_backward(
            axes.heads_first(dcontext), dweights, saved.heads, self.dropout_layer
        )
        query_shape, value_shape = saved.shapes[:2]
        dq = axes.heads_last(dq, query_shape)
        dk = axes.heads_last(self._for_all_heads_backward(dk), value_shape)
        dv = axes.heads_last(self._for_all_heads_backward(dv), value_shape)
        dquery, gradients = self._projection_backward("query", dq, saved)
        dkey, of_key = self._projection_backward("key", dk, saved)
        gradients = gradients + of_key
        if saved.gate is not None:
            dgate = dcombined * saved.context
            through_gate, of_gate = self._projection_backward("gate", dgate, saved)
            dquery, gradients = dquery + through_gate, gradients + of_gate
        dvalue, of_value = self._projection_backward("value", dv, saved)
        dx = [dquery, dvalue + dkey] if len(saved.shapes) == 2 else [dquery, dvalue, dkey]
        return dx, gradients + of_value + of_output

    def _for_all_heads(self, heads: np.ndarray) -> np.ndarray:
        """As many heads of keys or values as there are of queries."""
        times = self._query_heads // self._key_value_heads
        return heads if times == 1 else ops.repeat_heads(heads, times)

    def _for_all_heads_backward(self, dheads: np.ndarray) -> np.ndarray:
        times = self._query_heads // self._key_value_heads
        return dheads if times == 1 else ops.repeat_heads_backward(dheads, times)

    def _projection_backward(
        self, name: str, dy: np.ndarray, saved: _Saved
    ) -> tuple[np.ndarray, Gradients]:
        dx, gradients = self.projections[name].backward(dy, saved.kept[name])
        assert dx is not None
        return dx, gradients

    def compute_output_shape(self, input_shape: Any) -> Shape:
        query = input_shape[0]
        return (*query[:-1], *(self.projected_shape or query[-1:]))

    def _output_shapes(self, shape: Any, options: dict[str, Any]) -> Any:
        output = self.compute_output_shape(shape)
        if not options.get("return_attention_scores"):
            return output
        return [output, self._scores_shape(shape)]

    def _scores_shape(self, shapes: Sequence[Shape]) -> Shape:
        return self._axes(len(shapes[0])).scores_shape(shapes[0], shapes[1], self._query_heads)

    def _axes(self, rank: int) -> AttentionAxes:
        return AttentionAxes(self.attention_axes, rank)
