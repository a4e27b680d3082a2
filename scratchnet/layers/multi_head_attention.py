"""Attention of several heads, each with projections of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.head_attention import HeadAttention
from scratchnet.layers.head_projections import check_positive
from scratchnet.regularizers import Regularizer


class MultiHeadAttention(HeadAttention):
    """Y = Σ_h softmax(Q_h·K_hᵀ / √key_dim)·V_h·O_h + b, with h the heads.

    Q_h, K_h and V_h are dense projections of query, value and key of each head, O_h one of what
    the head gives. Called as layer(query, value) or layer(query, value, key), of shapes
    (N, …, T, C), (N, …, S, C′) and (N, …, S, C″); without a key the value is the key. It gives
    (N, …, T, C). Self-attention is layer(x, x).

    Args:
        num_heads: number of heads H.
        key_dim: length of a head's queries and keys.
        value_dim: length of a head's values; None means key_dim.
        dropout: probability of dropping a weight of a mean in training.
        use_bias: whether the projections have biases.
        output_shape: sizes in the place of C; None keeps C.
        attention_axes: the axes T and S; None means all but the first and the last. Over several
            of them, T and S are all their cells.
        sliding_window: where given, query t sees key s only if |t − s| < sliding_window.
        flash_attention: must be None or False.
        kernel_initializer, bias_initializer: first values of the projections' weights; each draws
            its own, unless there is a seed.
        kernel_regularizer, bias_regularizer: penalties on them in the loss.
        activity_regularizer: must be None; Keras means the projections' outputs by it.
        kernel_constraint, bias_constraint: bounds that they are put back into after a step.
        use_gate: whether what the heads give is multiplied by the sigmoid of a further projection
            of the query.
        seed: of the dropout masks; None draws one.
        trainable, dtype, name: as every layer.

    Call arguments:
        query_mask, value_mask, key_mask: booleans of the shapes of query, value and key but the
            last axis: what is False takes no part. (Keras uses a query_mask only where it comes
            with the query from a masking layer, and ignores one that is given.)
        attention_mask: booleans that broadcast to (N, …, T, S), or with an axis for the heads to
            (N, …, H, T, S): whether t may see s.
        return_attention_scores: whether to return [Y, P] with the weights P: (N, …, H, T, S).
        use_causal_mask: whether query t sees the keys 0 … t only.

    A query that may see nothing looks at all keys alike. Where `return_attention_scores` or
    `dropout` is set, or there are more than three axes, its weights are 0 instead, as in Keras.

    Raises:
        ValueError: sizes that are no positive integers, axes that do not exist; later, inputs and
            masks whose shapes do not fit.

    >>> layer = MultiHeadAttention(num_heads=2, key_dim=4)
    >>> x = [[[0.5] * 8] * 3]
    >>> layer(x, x).shape
    (1, 3, 8)
    >>> [weight.path.split("/", 1)[1] for weight in layer.weights][:3]
    ['query/kernel', 'query/bias', 'key/kernel']

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2;
    keras/src/layers/attention/multi_head_attention.py.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: str | dict | Initializer = "glorot_uniform",
        bias_initializer: str | dict | Initializer = "zeros",
        kernel_regularizer: str | dict | Regularizer | None = None,
        bias_regularizer: str | dict | Regularizer | None = None,
        activity_regularizer: None = None,
        kernel_constraint: str | dict | Constraint | None = None,
        bias_constraint: str | dict | Constraint | None = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        for argument, value in (("num_heads", num_heads), ("key_dim", key_dim)):
            check_positive("MultiHeadAttention", argument, value)
        if value_dim is not None:
            check_positive("MultiHeadAttention", "value_dim", value_dim)
        super().__init__(
            query_heads=num_heads,
            key_value_heads=num_heads,
            key_dim=key_dim,
            value_dim=value_dim or key_dim,
            projected_shape=_as_tuple(output_shape),
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
            **kwargs,
        )
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim or key_dim
        self.attention_axes = _as_tuple(attention_axes)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_shape": self.projected_shape,
            "attention_axes": self.attention_axes,
        }


def _as_tuple(value: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """One integer as a tuple; None stays None."""
    if value is None:
        return None
    return (value,) if isinstance(value, int) else tuple(value)
