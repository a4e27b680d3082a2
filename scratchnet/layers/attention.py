"""Attention of one head, over scores that are dot products or a sum of tanh."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.attention_mask import as_mask
from scratchnet.layers.dropout import Dropout
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.layers.several_inputs import SeveralInputs
from scratchnet.variable import Variable

Arrays = list[np.ndarray]


class Attention(SeveralInputs):
    """Y = softmax(S)·V with scores S of queries and keys: dot-product attention after Luong.

        score_mode "dot"       S = c·Q·Kᵀ
        score_mode "concat"    S_ts = w · Σ_d tanh(c·(Q_td + K_sd))

    Called on a list [query, value] or [query, value, key], of shapes (N, …, T, D), (N, …, S, E)
    and (N, …, S, D); without keys the values are the keys. It gives (N, …, T, E).

    Args:
        use_scale: whether c is a weight, with 1 as its first value, and not just 1.
        score_mode: "dot" or "concat", whose w is a weight too.
        dropout: probability of dropping a weight of the mean in training; Keras returns the
            weights after that, and so does this layer.
        seed: of the dropout masks; None draws one.
        trainable, dtype, name: as every layer.

    Call arguments:
        mask: [query_mask, value_mask] of booleans (N, …, T) and (N, …, S), or None in the place
            of one. A value that is False is not seen, a query that is False gives 0. A query that
            sees no value looks at all of them, as in Keras.
        return_attention_scores: whether to return [Y, P] with P = softmax(S): (N, …, T, S).
        use_causal_mask: whether query t sees the values 0 … t only.

    Raises:
        ValueError: an unknown score_mode, a dropout outside [0, 1]; later, inputs that are no list
            of two or three or whose shapes do not fit, and masks of other shapes.

    >>> query, value = np.zeros((1, 1, 2)), np.array([[[1.0, 3.0], [3.0, 5.0]]])
    >>> Attention()([query, value])
    array([[[2., 4.]]], dtype=float32)

    Source: Luong et al. (2015); keras/src/layers/attention/attention.py.
    """

    fewest, most = 2, 3
    min_rank = 3
    example = "layer([query, value]) or layer([query, value, key])"
    call_options = ("mask", "return_attention_scores", "use_causal_mask")

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                f"{type(self).__name__} received score_mode={score_mode!r}. Expected 'dot' or "
                f"'concat'."
            )
        check_dropout(type(self).__name__, dropout)
        super().__init__(**kwargs)
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        self.dropout_layer = Dropout(
            dropout, seed=seed, dtype=self.dtype, name=f"{self.name}_dropout"
        )
        self.scale: Variable | None = None
        self.concat_score_weight: Variable | None = None

    def build(self, input_shape: Any) -> None:
        if self.use_scale:
            self.scale = self.add_weight((), "ones", "scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", "concat_score_weight")

    def check_input(self, shape: Any) -> None:
        super().check_input(shape)
        query, value, key = shape[0], shape[1], shape[-1]
        ranks = {len(each) for each in shape}
        fits = len(ranks) == 1 and not (
            sizes_differ(query[:-2], value[:-2])
            or sizes_differ(value[:-1], key[:-1])
            or sizes_differ(query[-1:], key[-1:])
        )
        if not fits:
            raise ValueError(
                f"{self._label()} received inputs of shapes {shape}. Expected (N, …, T, D) for the "
                f"query, (N, …, S, E) for the value and (N, …, S, D) for the key, which is the "
                f"value where none is given."
            )

    def forward(  # type: ignore[override]
        self,
        x: Arrays,
        training: bool,
        mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Saved]:
        query, value, key = x[0], x[1], x[-1]
        query_mask, value_mask = self._masks(mask, query, value)
        seen = None if value_mask is None else value_mask[..., None, :]
        if use_causal_mask:
            causal = np.tri(query.shape[-2], value.shape[-2], dtype=bool)
            seen = causal if seen is None else seen & causal
        scores = self.scores(query, key)
        if seen is not None:
            far = scores.dtype.type(65504 if scores.dtype == np.float16 else 1e9)
            scores = np.where(seen, scores, scores - far)
        weights = ops.softmax(scores)
        dropped, keep = self.dropout_layer.forward(weights, training)
        y = ops.attention_output(dropped, value)
        if query_mask is not None:
            y = np.where(query_mask[..., None], y, 0).astype(y.dtype)
        saved = (x, weights, dropped, keep, query_mask)
        return ([y, dropped] if return_attention_scores else y), saved

    def backward(  # type: ignore[override]
        self, dy: Any, saved: Saved, needs_dx: bool = True
    ) -> tuple[Arrays, Gradients]:
        x, weights, dropped, keep, query_mask = saved
        query, value, key = x[0], x[1], x[-1]
        dy, ddropped = dy if isinstance(dy, list) else (dy, None)
        if dy is None:
            dy = np.zeros((*query.shape[:-1], value.shape[-1]), value.dtype)
        if query_mask is not None:
            dy = np.where(query_mask[..., None], dy, 0).astype(dy.dtype)
        dweights, dvalue = ops.attention_output_backward(dy, dropped, value)
        if ddropped is not None:
            dweights = dweights + ddropped
        dweights, _ = self.dropout_layer.backward(dweights, keep)
        dscores = ops.softmax_backward(dweights, weights)
        dquery, dkey, gradients = self.scores_backward(dscores, query, key)
        dx = [dquery, dvalue + dkey] if len(x) == 2 else [dquery, dvalue, dkey]
        return dx, gradients if self.trainable else []

    def scores(self, query: np.ndarray, key: np.ndarray) -> np.ndarray:
        """S: (N, …, T, S)."""
        one = np.ones((), query.dtype)
        scale = one if self.scale is None else self.scale.value
        if self.concat_score_weight is None:
            return ops.attention_scores(query, key) * scale
        weight = self.concat_score_weight.value
        return ops.additive_attention_scores(query, key, weight, scale)

    def scores_backward(
        self, dscores: np.ndarray, query: np.ndarray, key: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Gradients]:
        """(∂L/∂Q, ∂L/∂K, gradients of the weights) from ∂L/∂S."""
        one = np.ones((), query.dtype)
        scale = one if self.scale is None else self.scale.value
        if self.concat_score_weight is None:
            dscale = np.sum(dscores * ops.attention_scores(query, key), dtype=query.dtype)
            dquery, dkey = ops.attention_scores_backward(dscores * scale, query, key)
            return dquery, dkey, [] if self.scale is None else [np.asarray(dscale)]
        weight = self.concat_score_weight.value
        dquery, dkey, dweight, dscale = ops.additive_attention_scores_backward(
            dscores, query, key, weight, scale
        )
        return dquery, dkey, [dweight] if self.scale is None else [dscale, dweight]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        query, value = input_shape[:2]
        return (*query[:-1], value[-1])

    def _output_shapes(self, shape: Any, options: dict[str, Any]) -> Any:
        output = self.compute_output_shape(shape)
        if not options.get("return_attention_scores"):
            return output
        return [output, (*shape[0][:-1], shape[-1][-2])]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }

    def _masks(
        self, mask: Any, query: np.ndarray, value: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """(query_mask, value_mask) as booleans of the shapes of query and value but the last."""
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ValueError(
                f"{self._label()} received mask={mask!r}. Expected a list of two, [query_mask, "
                f"value_mask], with None in the place of one that hides nothing."
            )
        return (
            as_mask(mask[0], query.shape[:-1], "query mask", self._label()),
            as_mask(mask[1], value.shape[:-1], "value mask", self._label()),
        )


class AdditiveAttention(Attention):
    """Y = softmax(S)·V with S_ts = Σ_d w_d · tanh(Q_td + K_sd): attention after Bahdanau.

    Inputs, output, call arguments and errors are those of `Attention`.

    Args:
        use_scale: whether w: (D,) is a weight, and not just ones.
        dropout: probability of dropping a weight of the mean in training.
        seed: of the dropout masks; None draws one.
        trainable, dtype, name: as every layer.

    >>> query, value = np.zeros((1, 1, 2)), np.array([[[1.0, 3.0], [1.0, 3.0]]])
    >>> AdditiveAttention()([query, value])
    array([[[1., 3.]]], dtype=float32)

    Source: Bahdanau et al. (2015); keras/src/layers/attention/additive_attention.py.
    """

    def __init__(
        self,
        use_scale: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if "score_mode" in kwargs:
            raise ValueError(
                f"AdditiveAttention received score_mode={kwargs['score_mode']!r}. Its scores have "
                f"one form; expected no score_mode. layers.Attention has two."
            )
        super().__init__(use_scale=use_scale, dropout=dropout, seed=seed, **kwargs)

    def build(self, input_shape: Any) -> None:
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", "scale")

    def check_input(self, shape: Any) -> None:
        super().check_input(shape)
        if self.scale is not None and self.scale.shape != (shape[0][-1],):
            raise ValueError(
                f"{self._label()} received inputs of shapes {shape} of depth {shape[0][-1]}. "
                f"Expected {self.scale.shape[0]}, as when its weights were created."
            )

    def scores(self, query: np.ndarray, key: np.ndarray) -> np.ndarray:
        one = np.ones((), query.dtype)
        weight = one if self.scale is None else self.scale.value
        return ops.additive_attention_scores(query, key, weight, one)

    def scores_backward(
        self, dscores: np.ndarray, query: np.ndarray, key: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Gradients]:
        one = np.ones((), query.dtype)
        weight = one if self.scale is None else self.scale.value
        dquery, dkey, dweight, _ = ops.additive_attention_scores_backward(
            dscores, query, key, weight, one
        )
        return dquery, dkey, [] if self.scale is None else [dweight]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config


def check_dropout(layer: str, dropout: float) -> None:
    """Raise ValueError for what is no probability."""
    if not 0 <= dropout <= 1:
        raise ValueError(
            f"{layer} received dropout={dropout!r}. Expected a probability from 0 (keep all) to 1."
        )


def sizes_differ(first: Shape, second: Shape) -> bool:
    """Whether two shapes of one rank contradict each other; None fits any size."""
    return any(a != b and None not in (a, b) for a, b in zip(first, second, strict=True))
