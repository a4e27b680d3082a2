"""What a query may see: masks of inputs, of pairs and of distances, in one."""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from scratchnet.layers.attention_axes import AttentionAxes


class Masks(NamedTuple):
    """The masks of a call; None hides nothing.

    Attributes:
        query, value, key: booleans of the shapes of the inputs but the last axis.
        pairs: booleans (…, *T, *S).
        causal: whether query t sees the keys 0 … t only.
        window: where given, query t sees key s only if |t − s| < window.
    """

    query: Any = None
    value: Any = None
    key: Any = None
    pairs: Any = None
    causal: bool = False
    window: int | None = None


def combined_mask(
    masks: Masks, axes: AttentionAxes, shapes: list[tuple[int, ...]], heads: int, label: str
) -> np.ndarray | None:
    """What all masks leave, broadcast to (N, others, H, T, S); None where they hide nothing.

    Args:
        masks: of the call.
        axes: that attention runs along.
        shapes: of the inputs.
        heads: their number H.
        label: the layer's, for errors.

    Raises ValueError for a mask of another shape, and for distances along several axes.
    """
    query, value, key = shapes[0], shapes[1], shapes[-1]
    queries = as_mask(masks.query, query[:-1], "query_mask", label)
    values = as_mask(masks.value, value[:-1], "value_mask", label)
    keys = as_mask(masks.key, key[:-1], "key_mask", label)
    parts = [] if queries is None else [axes.along_queries(queries)]
    parts += [axes.along_keys(mask) for mask in (values, keys) if mask is not None]
    if masks.causal or masks.window is not None:
        parts.append(_by_distance(masks, axes, query, key, label))
    if masks.pairs is not None:
        pairs = np.asarray(masks.pairs).astype(bool)
        scores = axes.scores_shape(query, key, heads)
        try:
            parts.append(axes.of_scores(pairs, scores))
        except ValueError:
            raise ValueError(
                f"{label} received an attention_mask of shape {pairs.shape}. Expected one that "
                f"broadcasts to {scores}; it may lack axes before the last {2 * len(axes.axes)}."
            ) from None
    return reduce(np.logical_and, parts) if parts else None


def as_mask(mask: Any, shape: tuple[int, ...], what: str, label: str) -> np.ndarray | None:
    """The mask as booleans of this shape; None stays None.

    Raises ValueError where it does not broadcast to the shape.
    """
    if mask is None:
        return None
    array = np.asarray(mask).astype(bool)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"{label} received a {what} of shape {array.shape}. Expected {shape}, with True for "
            f"what takes part."
        ) from None


def _by_distance(
    masks: Masks,
    axes: AttentionAxes,
    query: tuple[int, ...],
    key: tuple[int, ...],
    label: str,
) -> np.ndarray:
    """(T, S): whether t may see s by how far apart they are."""
    if len(axes.axes) > 1:
        raise ValueError(
            f"{label} attends over the axes {axes.axes}, whose cells have no single order. "
            f"Expected no sliding_window and no use_causal_mask: pass an attention_mask."
        )
    (queries,), (keys,) = axes.length(query), axes.length(key)
    distance = np.arange(queries)[:, None] - np.arange(keys)
    seen = distance >= 0 if masks.causal else np.ones(distance.shape, bool)
    return seen if masks.window is None else seen & (abs(distance) < masks.window)
