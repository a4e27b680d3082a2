"""Attention whose heads share keys and values in groups."""

from __future__ import annotations

from typing import Any

from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.head_attention import HeadAttention
from scratchnet.layers.head_projections import check_positive
from scratchnet.layers.layer import unique_name
from scratchnet.regularizers import Regularizer


class GroupQueryAttention(HeadAttention):
    """`MultiHeadAttention` in which every few heads of queries read the same keys and values.

    Called as layer(query, value) or layer(query, value, key), of shapes (N, T, C), (N, S, C′) and
    (N, S, C″), with the call arguments of `MultiHeadAttention`; it gives (N, T, C).

    Args:
        head_dim: length of a head's queries, keys and values.
        num_query_heads: number of heads of queries.
        num_key_value_heads: number of heads of keys and values, of which num_query_heads is a
            multiple; 1 is multi-query attention.
        others: as `MultiHeadAttention`, which has value_dim, output_shape and attention_axes
            besides.

    Raises:
        ValueError: numbers of heads that do not divide; otherwise as `MultiHeadAttention`.

    >>> layer = GroupQueryAttention(head_dim=4, num_query_heads=6, num_key_value_heads=2)
    >>> x = [[[0.5] * 8] * 3]
    >>> layer(x, x).shape, layer.key_dense.kernel.shape
    ((1, 3, 8), (8, 2, 4))

    Source: Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models" (2023);
    keras/src/layers/attention/grouped_query_attention.py.
    """

    underscored = ("query", "key", "gate", "value", "output")

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        for argument, value in (
            ("head_dim", head_dim),
            ("num_query_heads", num_query_heads),
            ("num_key_value_heads", num_key_value_heads),
        ):
            check_positive("GroupQueryAttention", argument, value)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"GroupQueryAttention received num_query_heads={num_query_heads} and "
                f"num_key_value_heads={num_key_value_heads}. Expected a multiple: each head of "
                f"keys and values serves equally many heads of queries."
            )
        super().__init__(
            query_heads=num_query_heads,
            key_value_heads=num_key_value_heads,
            key_dim=head_dim,
            value_dim=head_dim,
            projected_shape=None,
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
            # Keras exports its class GroupedQueryAttention under another name
            name=unique_name("GroupedQueryAttention") if name is None else name,
            **kwargs,
        )
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
        }
