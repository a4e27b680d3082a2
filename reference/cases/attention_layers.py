"""Attention, and the layers that it is made of: dense products by an equation, embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import built_twin, keras_gradients, layer_errors, relative_error
from reference.cases.case import Case
from scratchnet import layers

Arrays = list[np.ndarray]

_RNG = np.random.default_rng(0)
QUERY, VALUE, KEY = (_RNG.standard_normal(shape) for shape in ((2, 3, 4), (2, 5, 6), (2, 5, 4)))
IMAGE, OTHER_IMAGE = _RNG.standard_normal((2, 3, 4, 5)), _RNG.standard_normal((2, 3, 2, 5))
OF_QUERY, OF_VALUE = np.array([[1, 0, 1], [1, 1, 0]]) > 0, np.arange(10).reshape(2, 5) % 3 > 0
PAIRS = _RNG.random((2, 3, 5)) < 0.6
NOTHING = np.zeros((2, 3, 5), bool)
IMAGE_OPTIONS: dict[str, Any] = {
    "attention_mask": _RNG.random((2, 3, 4, 3, 2)) < 0.6,
    "return_attention_scores": True,
}
CLASSES = np.array([[0, 3, 3], [1, 3, 0]])


def _case(kind: str, label: str, x: Any, options: dict[str, Any], /, **arguments: Any) -> Case:
    def error() -> float:
        return max(layer_errors(getattr(layers, kind)(**arguments), x, **options).values())

    return Case(f"layers.{kind}", label, error)


def _attention(kind: str) -> list[Case]:
    two, three = [QUERY, KEY], [QUERY, VALUE, KEY]
    masks = [OF_QUERY, OF_VALUE]
    return [
        _case(kind, "query and value", two, {}),
        _case(kind, "query, value and key", three, {}),
        _case(kind, "use_scale=True", three, {}, use_scale=True),
        _case(kind, "use_scale=False", three, {}, use_scale=False),
        _case(kind, "mask", three, {"mask": masks}),
        _case(kind, "mask of the query alone", two, {"mask": [OF_QUERY, None]}),
        _case(kind, "mask of the value alone", two, {"mask": [None, OF_VALUE]}),
        _case(kind, "mask that hides all", two, {"mask": [None, NOTHING[:, 0]]}),
        _case(kind, "use_causal_mask", three, {"use_causal_mask": True}),
        _case(kind, "use_causal_mask and mask", three, {"use_causal_mask": True, "mask": masks}),
        _case(kind, "return_attention_scores", two, {"return_attention_scores": True}),
        _case(kind, "dropout=0.5", three, {"return_attention_scores": True}, dropout=0.5, seed=3),
        _case(kind, "dropout=1", two, {}, dropout=1.0),
        _case(kind, "trainable=False", two, {}, trainable=False, name="frozen"),
    ]


def _heads(kind: str, /, **sizes: Any) -> list[Case]:
    two, three = [QUERY, KEY], [QUERY, KEY, VALUE[..., :4]]
    scores = {"return_attention_scores": True}
    nothing = {"attention_mask": NOTHING}

    def case(label: str, x: Arrays, options: dict[str, Any], **arguments: Any) -> Case:
        return _case(kind, label, x, options, **(sizes | arguments))

    return [
        case("query and value", two, {}),
        case("query, value and key", three, {}),
        case("one token", [QUERY[:, :1], QUERY[:, :1]], {}),
        case("attention_mask", three, {"attention_mask": PAIRS}),
        case("value_mask and key_mask", two, {"value_mask": OF_VALUE, "key_mask": OF_VALUE[::-1]}),
        case("use_causal_mask", three, {"use_causal_mask": True}),
        case("a mask that hides all", two, nothing),
        case("a mask that hides all, with scores", two, nothing | scores),
        case("scores of the past", three, {"use_causal_mask": True} | scores),
        case("dropout=0.5", two, {"attention_mask": PAIRS} | scores, dropout=0.5, seed=3),
        case("use_bias=False", three, {}, use_bias=False),
        case("use_gate=True", two, {}, use_gate=True),
        case("sliding_window=2", two, {"use_causal_mask": True}, sliding_window=2),
        case("trainable=False", two, {}, trainable=False, flash_attention=False, name="frozen"),
        case(
            "initializers, regularizers, constraints",
            two,
            {},
            kernel_initializer="he_normal",
            bias_initializer="ones",
            kernel_regularizer="l2",
            bias_regularizer="l1",
            kernel_constraint="non_neg",
            bias_constraint="non_neg",
        ),
    ]


def _multi_head(label: str, x: Arrays, options: dict[str, Any], /, **arguments: Any) -> Case:
    sizes = {"num_heads": 2, "key_dim": 3}
    return _case("MultiHeadAttention", label, x, options, **(sizes | arguments))


def _group_query(label: str, options: dict[str, Any], /, **sizes: Any) -> Case:
    return _case("GroupQueryAttention", label, [QUERY, KEY], options, head_dim=4, **sizes)


def _query_mask(kind: str, /, **arguments: Any) -> Case:
    """Keras's own layer takes the mask that comes with a query from a masking layer."""

    def error() -> float:
        import keras
        from keras.src.backend import set_keras_mask

        layer = getattr(layers, kind)(**arguments)
        y = layer(QUERY, KEY, query_mask=OF_QUERY)
        theirs = built_twin(layer)
        query = keras.ops.convert_to_tensor(QUERY)
        set_keras_mask(query, keras.ops.convert_to_tensor(OF_QUERY))
        return relative_error(y, theirs(query, KEY))

    return Case(f"layers.{kind}", "query_mask", error)


def _einsum(equation: str, x: np.ndarray, output_shape: Any, /, **arguments: Any) -> Case:
    return _case(
        "EinsumDense",
        ", ".join([equation, *(f"{key}={value}" for key, value in arguments.items())]),
        x,
        {},
        equation=equation,
        output_shape=output_shape,
        **arguments,
    )


def _inferred_sizes() -> float:
    """None in output_shape; Keras does not fill it in from the input in compute_output_shape."""
    layer = layers.EinsumDense("abc,cd->abd", (None, 7), bias_axes="d")
    y = layer(QUERY)
    their_y, _, _ = keras_gradients(built_twin(layer), QUERY, np.ones_like(y))
    return relative_error(y, their_y)


def _given_embeddings() -> float:
    import keras

    table = np.arange(12.0).reshape(4, 3)
    theirs = keras.layers.Embedding(4, 3, weights=[table])
    return max(
        relative_error(layers.Embedding(4, 3, weights=weights)(CLASSES), theirs(CLASSES))
        for weights in (table, [table])
    )


CASES: list[Case] = [
    *_attention("Attention"),
    _case("Attention", "score_mode=concat", [QUERY, KEY], {}, score_mode="concat"),
    _case(
        "Attention",
        "score_mode=concat, use_scale=True",
        [QUERY, VALUE, KEY],
        {"mask": [OF_QUERY, OF_VALUE]},
        score_mode="concat",
        use_scale=True,
    ),
    *_attention("AdditiveAttention"),
    *_heads("MultiHeadAttention", num_heads=2, key_dim=3),
    _multi_head("value_dim=5", [QUERY, VALUE], {}, value_dim=5),
    _multi_head("output_shape=7", [QUERY, VALUE, KEY], {}, output_shape=7),
    _multi_head("output_shape=(2, 3)", [QUERY, VALUE], {}, output_shape=(2, 3)),
    _multi_head("attention_mask of heads", [QUERY, KEY], {"attention_mask": PAIRS[:, None]}),
    _multi_head("attention_mask of pairs alone", [QUERY, KEY], {"attention_mask": PAIRS[0]}),
    _multi_head(
        "all masks",
        [QUERY, KEY],
        {"attention_mask": PAIRS, "value_mask": OF_VALUE},
        dropout=0.1,
        seed=5,
    ),
    _multi_head("sliding_window=2 without an end", [QUERY, KEY], {}, sliding_window=2),
    _multi_head("use_gate=True, use_bias=False", [QUERY, KEY], {}, use_gate=True, use_bias=False),
    _multi_head("four axes", [IMAGE, OTHER_IMAGE], {}),
    _multi_head("four axes, attention_mask", [IMAGE, OTHER_IMAGE], IMAGE_OPTIONS),
    _multi_head("attention_axes=2", [IMAGE, OTHER_IMAGE], {}, attention_axes=2),
    _multi_head(
        "attention_axes=(-2,), attention_mask",
        [IMAGE, OTHER_IMAGE],
        {"attention_mask": IMAGE_OPTIONS["attention_mask"][:, :, :, 0]},
        attention_axes=(-2,),
    ),
    _multi_head(
        "attention_axes=1, with scores",
        [IMAGE, IMAGE[:, :2]],
        {"return_attention_scores": True},
        attention_axes=1,
    ),
    _query_mask("MultiHeadAttention", num_heads=2, key_dim=3),
    *_heads("GroupQueryAttention", head_dim=3, num_query_heads=4, num_key_value_heads=2),
    _group_query("one head of keys", {}, num_query_heads=3, num_key_value_heads=1),
    _group_query("query_mask", {"query_mask": OF_QUERY}, num_query_heads=2, num_key_value_heads=2),
    _einsum("ab,bc->ac", QUERY[:, 0], 6, bias_axes="c", activation="tanh"),
    _einsum("abc,cd->abd", QUERY, (3, 7)),
    _einsum("abc,cde->abde", QUERY, (3, 2, 5), bias_axes="de"),
    _einsum("abc,cde->abde", QUERY, [3, 2, 5], bias_axes="d"),
    _einsum("abc,bcd->abd", QUERY, (3, 7), bias_axes="bd", activation="softmax"),
    _einsum("abc,cd->ad", QUERY, 7, bias_axes="d"),
    _einsum("abcd,cde->abe", IMAGE, (3, 7), bias_axes="e"),
    _einsum("...x,xy->...y", QUERY, 7, bias_axes="y"),
    _einsum("...ab,bc->...ac", QUERY, (3, 7), bias_axes="ac"),
    _einsum("ab...,bc->ac...", IMAGE, 7, bias_axes="c"),
    _einsum(
        "ab,bc->ac",
        QUERY[:, 0],
        6,
        bias_axes="c",
        kernel_initializer="he_normal",
        bias_initializer="ones",
        kernel_regularizer="l2",
        bias_regularizer="l1",
        kernel_constraint="non_neg",
        bias_constraint="non_neg",
        activity_regularizer="l2",
    ),
    _einsum("ab,bc->ac", QUERY[:, 0], 6, trainable=False),
    Case("layers.EinsumDense", "None in output_shape", _inferred_sizes),
    _case("Embedding", "a matrix", CLASSES, {}, input_dim=4, output_dim=3),
    _case("Embedding", "a column", CLASSES[:, 0], {}, input_dim=4, output_dim=1),
    _case("Embedding", "int32", CLASSES.astype(np.int32), {}, input_dim=9, output_dim=2),
    _case("Embedding", "trainable=False", CLASSES, {}, input_dim=4, output_dim=3, trainable=False),
    _case(
        "Embedding",
        "initializer, regularizer, constraint",
        CLASSES,
        {},
        input_dim=4,
        output_dim=3,
        embeddings_initializer="ones",
        embeddings_regularizer="l2",
        embeddings_constraint="unit_norm",
        mask_zero=False,
    ),
    Case("layers.Embedding", "weights", _given_embeddings),
]
