"""Attention, dense products by an equation and embeddings equal Keras's, masks included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import scratchnet as sn
from reference.agreement import built_twin, layer_errors, relative_error
from scratchnet import layers, ops
from scratchnet.layers.layer import reset_names

# Keras's remark on a softmax over a single value, which is drawn on purpose
pytestmark = pytest.mark.filterwarnings(r"ignore:(?s).*You are using a softmax over axis")

float64 = pytest.mark.usefixtures("float64")
seeds = st.integers(0, 2**32 - 1)


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def agrees(layer, x, **options):
    errors = layer_errors(layer, x, **options)
    assert max(errors.values()) <= 1e-12, errors


@st.composite
def sequences(draw, same_depth=False):
    """[query, value] or [query, value, key], and random masks for them."""
    n, t, s, d, e = (draw(st.integers(1, 4)) for _ in range(5))
    rng = np.random.default_rng(draw(seeds))
    with_key = draw(st.booleans())
    shapes = [(n, t, d), (n, s, e if with_key and not same_depth else d), (n, s, d)]
    x = [rng.standard_normal(shape) for shape in shapes[: 2 + with_key]]
    return x, [rng.random((n, t)) < 0.7, rng.random((n, s)) < 0.7], rng.random((n, t, s)) < 0.7


@float64
@pytest.mark.parametrize("kind", [layers.Attention, layers.AdditiveAttention])
@given(data=st.data(), drawn=sequences())
def test_attention(kind, data, drawn):
    x, masks, _ = drawn
    arguments = {"use_scale": data.draw(st.booleans()), "dropout": data.draw(rates), "seed": 7}
    if kind is layers.Attention:
        arguments["score_mode"] = data.draw(st.sampled_from(["dot", "concat"]))
    mask = [data.draw(st.sampled_from([None, each])) for each in masks]
    # A query that sees nothing has its scores rounded to 1e-7, the spacing near 1e9
    assume(mask[1] is None or mask[1].any(axis=-1).all())
    agrees(
        kind(**arguments),
        x,
        mask=data.draw(st.sampled_from([None, mask])),
        use_causal_mask=data.draw(st.booleans()),
        return_attention_scores=data.draw(st.booleans()),
    )


rates = st.sampled_from([0.0, 0.5])


@float64
@given(data=st.data(), drawn=sequences(same_depth=True))
@pytest.mark.parametrize("kind", [layers.MultiHeadAttention, layers.GroupQueryAttention])
def test_attention_of_several_heads(kind, data, drawn):
    x, masks, pairs = drawn
    heads = data.draw(st.integers(1, 3))
    # Of heads of length 1 Keras takes the bias for one of the tokens, where there are as many
    dims = data.draw(st.tuples(st.integers(2, 4), st.integers(2, 4)))
    arguments = {
        "use_bias": data.draw(st.booleans()),
        "use_gate": data.draw(st.booleans()),
        "dropout": data.draw(rates),
        "seed": 7,
        "sliding_window": data.draw(st.sampled_from([None, 1, 2])),
    }
    if kind is layers.MultiHeadAttention:
        sizes = data.draw(st.sampled_from([None, 3, (2, 3)]))
        layer = kind(heads, dims[0], value_dim=dims[1], output_shape=sizes, **arguments)
    else:
        layer = kind(dims[0], heads * (dims[1] - 1), heads, **arguments)
    of_values = data.draw(st.sampled_from([None, masks[1]]))
    of_keys = data.draw(st.sampled_from([None, masks[1][::-1]]))
    # Keras combines no mask of heads with masks of values
    of_heads = [pairs[:, None]] if of_values is None and of_keys is None else []
    options = {
        "attention_mask": data.draw(st.sampled_from([None, pairs, pairs[0], *of_heads])),
        "value_mask": of_values,
        "key_mask": of_keys,
        "use_causal_mask": data.draw(st.booleans()),
        "return_attention_scores": data.draw(st.booleans()),
    }
    agrees(layer, x, **options)


@float64
@given(data=st.data(), seed=seeds)
def test_attention_along_some_axes(data, seed):
    n, a, b, c, other = (data.draw(st.integers(1, 3)) for _ in range(5))
    axes = data.draw(st.sampled_from([None, 1, 2, (-2,), (1, 2), (2, 1)]))
    along = {None: (1, 2), 1: (1,), 2: (2,), (-2,): (2,), (1, 2): (1, 2), (2, 1): (1, 2)}[axes]
    sizes = [other if axis in along else size for axis, size in ((1, a), (2, b))]
    x = [random(seed, n, a, b, c), random(seed + 1, n, *sizes, c)]
    scores = data.draw(st.booleans())
    agrees(layers.MultiHeadAttention(2, 3, attention_axes=axes), x, return_attention_scores=scores)


@float64
@pytest.mark.parametrize("use_gate", [False, True])
def test_the_bias_of_the_keys_has_no_gradient(use_gate):
    layer = layers.MultiHeadAttention(2, 3, use_gate=use_gate, bias_initializer="ones")
    x = random(0, 2, 5, 4)
    layer(x, x)
    y, saved = layer.forward([x, x], True)
    _, gradients = layer.backward(random(1, *y.shape), saved)
    by_path = dict(zip([w.path for w in layer.weights], gradients, strict=True))
    of_kernel, of_bias = (by_path[f"{layer.name}/key/{name}"] for name in ("kernel", "bias"))
    assert abs(of_bias).max() <= 1e-14 * abs(of_kernel).max()


@float64
@pytest.mark.parametrize("kind", [layers.MultiHeadAttention, layers.GroupQueryAttention])
def test_a_query_that_sees_nothing(kind):
    """It sees all alike, or nothing where the weights are asked for, as in Keras."""
    layer = kind(2, 2, 2)
    x = random(0, 1, 3, 4)
    nothing = np.zeros((1, 3, 3), bool)
    everything = layer(x, x, attention_mask=nothing)
    assert np.allclose(everything[:, 0], everything[:, 1])
    y, weights = layer(x, x, attention_mask=nothing, return_attention_scores=True)
    assert not weights.any()
    assert not y.any()
    agrees(layer, [x, x], attention_mask=nothing)
    agrees(layer, [x, x], attention_mask=nothing, return_attention_scores=True)


@float64
@pytest.mark.parametrize("kind", [layers.Attention, layers.AdditiveAttention])
def test_a_query_that_sees_nothing_sees_all(kind):
    x = random(0, 1, 3, 4)
    nothing = [None, np.zeros((1, 3), bool)]
    layer = kind()
    agrees(layer, [x, x], mask=nothing)
    assert np.allclose(layer([x, x], mask=nothing), layer([x, x]), atol=1e-6)


@float64
def test_a_query_mask_is_what_comes_with_the_query_in_keras():
    import keras
    from keras.src.backend import set_keras_mask

    layer = layers.MultiHeadAttention(2, 3)
    x, mask = random(0, 2, 3, 4), np.array([[True, False, True], [False, True, True]])
    y = layer(x, x, query_mask=mask)
    query = keras.ops.convert_to_tensor(x)
    set_keras_mask(query, keras.ops.convert_to_tensor(mask))
    assert relative_error(y, built_twin(layer)(query, x)) <= 1e-12


@float64
def test_gradients_of_one_output_alone():
    """A graph gives None for an output that nothing depends on."""
    x = random(0, 2, 3, 4)
    for layer in (layers.Attention(use_scale=True), layers.MultiHeadAttention(2, 3)):
        layer.ensure_built([x.shape, x.shape])
        (y, weights), saved = layer.forward([x, x], True, return_attention_scores=True)
        dy, dweights = random(1, *y.shape), random(2, *weights.shape)
        first, second, both, zeros = (
            layer.backward(each, saved)
            for each in (
                [dy, None],
                [None, dweights],
                [dy, dweights],
                [np.zeros_like(dy), np.zeros_like(dweights)],
            )
        )
        for a, b, total, zero in zip(
            *([*dx, *gradients] for dx, gradients in (first, second, both, zeros)), strict=True
        ):
            assert np.allclose(a + b, total, rtol=1e-12, atol=1e-12)
            assert not zero.any()


def test_symbolic_calls():
    query, value = layers.Input((5, 8)), layers.Input((7, 8))
    y, weights = layers.MultiHeadAttention(3, 4, output_shape=(2, 6))(
        query, value, return_attention_scores=True, use_causal_mask=True
    )
    assert y.shape == (None, 5, 2, 6)
    assert weights.shape == (None, 3, 5, 7)
    assert y.node.args == (query, value)
    assert y.node.kwargs == {"return_attention_scores": True, "use_causal_mask": True}
    y, weights = layers.Attention()([query, value], return_attention_scores=True)
    assert (y.shape, weights.shape) == ((None, 5, 8), (None, 5, 7))
    assert layers.GroupQueryAttention(4, 6, 3)(query, value, key=value).shape == (None, 5, 8)


@float64
def test_weights_of_several_heads_are_those_of_keras():
    import keras

    layer = layers.MultiHeadAttention(2, 3, value_dim=4, use_gate=True, name="attention")
    theirs = keras.layers.MultiHeadAttention.from_config(layer.get_config())
    x = random(0, 2, 5, 6)
    layer(x, x)
    theirs(x, x)
    assert [w.path for w in layer.weights] == [w.path for w in theirs.weights]
    assert [w.shape for w in layer.weights] == [tuple(w.shape) for w in theirs.weights]
    for name in ("query_dense", "key_dense", "_gate_dense", "value_dense", "output_dense"):
        ours, other = layer.sublayers[name], getattr(theirs, name)
        assert ours.equation == other.equation
        assert [w.name for w in ours.weights] == [w.name for w in other.weights]
    assert [*layer.sublayers] == [
        "query_dense",
        "key_dense",
        "_gate_dense",
        "value_dense",
        "output_dense",
    ]
    values = [random(i, *w.shape) for i, w in enumerate(layer.weights)]
    layer.set_weights(values)
    assert np.array_equal(layer.value_dense.kernel.value, values[6])
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), values, strict=True))


@float64
def test_names_go_on_as_in_keras():
    import keras

    keras.utils.clear_session()
    reset_names()
    x = random(0, 1, 2, 3)
    layers.MultiHeadAttention(1, 2)(x, x)
    keras.layers.MultiHeadAttention(1, 2)(x, x)
    for kind in ("MultiHeadAttention", "Dropout", "Softmax", "EinsumDense", "GroupQueryAttention"):
        arguments = {
            "MultiHeadAttention": (1, 2),
            "GroupQueryAttention": (2, 2, 1),
            "Dropout": (0.5,),
            "EinsumDense": ("ab,bc->ac", 2),
        }.get(kind, ())
        ours, theirs = (getattr(each, kind)(*arguments) for each in (layers, keras.layers))
        assert ours.name == theirs.name


def test_freezing_reaches_the_projections():
    layer = layers.MultiHeadAttention(1, 2)
    x = random(0, 1, 2, 3)
    layer(x, x)
    layer.trainable = False
    assert layer.trainable_weights == []
    y, saved = layer.forward([x.astype(np.float32)] * 2, True)
    assert layer.backward(y, saved)[1] == []
    layer.trainable = True
    layer.key_dense.trainable = False
    y, saved = layer.forward([x.astype(np.float32)] * 2, True)
    assert len(layer.backward(y, saved)[1]) == len(layer.trainable_weights) == 6


def test_each_projection_draws_its_own_values_unless_there_is_a_seed():
    x = random(0, 1, 2, 3)
    layer = layers.MultiHeadAttention(2, 4)
    layer(x, x)
    assert not np.array_equal(layer.query_dense.kernel.value, layer.key_dense.kernel.value)
    layer = layers.MultiHeadAttention(2, 4, kernel_initializer=sn.initializers.GlorotUniform(1))
    layer(x, x)
    assert np.array_equal(layer.query_dense.kernel.value, layer.key_dense.kernel.value)


def test_first_values_follow_the_fans_of_the_equation():
    """A kernel (64, 4, 16) has 64 inputs and 4·16 outputs, not those of a convolution."""
    layer = layers.EinsumDense("abc,cde->abde", (None, 4, 16))
    layer.ensure_built((None, 3, 64))
    limit = np.sqrt(6 / (64 + 4 * 16))
    assert 0.98 * limit < abs(layer.kernel.value).max() <= limit


@st.composite
def equations(draw):
    """(equation, bias_axes, x, output_shape) with letters in any order."""
    free = draw(st.integers(0, 2))
    summed, made = draw(st.tuples(st.integers(0, 2), st.integers(1, 2)))
    shared = draw(st.integers(0, free))
    letters = "bcdefgh"
    kept, bound = letters[:free], letters[free : free + summed]
    new = letters[free + summed : free + summed + made]
    size = {letter: draw(st.integers(1, 3)) for letter in letters} | {"a": 2}
    x = "a" + "".join(draw(st.permutations(kept + bound)))
    kernel = "".join(draw(st.permutations(kept[:shared] + bound + new)))
    y = "a" + "".join(draw(st.permutations(kept + new)))
    bias = draw(st.none() | st.lists(st.sampled_from(y[1:]), min_size=1, unique=True))
    shape = [size[letter] for letter in x]
    # Keras takes a bias with a single axis above 1 for one of the last axis, or of axis 1
    if bias:
        first = min(y.index(letter) for letter in bias)
        long = [letter for letter in y[first:] if letter in bias and size[letter] > 1]
        assume(len(long) != 1 or long[0] == y[-1])
    array = random(draw(seeds), *shape)
    sizes = [size[letter] for letter in y[1:]]
    return f"{x},{kernel}->{y}", "".join(bias) if bias else None, array, sizes


@float64
@given(drawn=equations(), activation=st.sampled_from([None, "tanh"]))
def test_einsum_dense(drawn, activation):
    equation, bias_axes, x, sizes = drawn
    agrees(layers.EinsumDense(equation, sizes, activation, bias_axes), x)


@float64
@pytest.mark.parametrize(
    ("equation", "output_shape", "shape"),
    [
        ("...x,xy->...y", 5, (2, 3)),
        ("...x,xy->...y", 5, (2, 3, 4)),
        ("...bx,xy->...by", (3, 5), (2, 3, 4)),
        ("ab...,bc->ac...", 5, (2, 3)),
        ("ab...,bc->ac...", 5, (2, 3, 4, 2)),
    ],
)
def test_einsum_dense_with_further_axes(equation, output_shape, shape):
    bias_axes = "y" if "y" in equation else "c"
    x = random(0, *shape)
    if len(shape) == 2 and equation.startswith("..."):
        output_shape = 5
    agrees(layers.EinsumDense(equation, output_shape, bias_axes=bias_axes), x)


def test_einsum_dense_keeps_the_order_of_further_axes():
    """Keras's compute_output_shape turns three and more of them around."""
    layer = layers.EinsumDense("...x,xy->...y", 5)
    assert layer.compute_output_shape((None, 2, 3, 4)) == (None, 2, 3, 5)
    assert layer(np.ones((1, 2, 3, 4))).shape == (1, 2, 3, 5)


def test_einsum_dense_adds_a_bias_along_its_own_axis():
    """Keras adds it to the channels where there are as many of them."""
    layer = layers.EinsumDense("abc,cd->abd", (3, 3), bias_axes="b")
    layer.ensure_built((None, 3, 4))
    layer.set_weights([np.zeros((4, 3)), [[1.0], [2.0], [3.0]]])
    assert layer(np.ones((1, 3, 4)))[0].tolist() == [[1, 1, 1], [2, 2, 2], [3, 3, 3]]


@float64
@given(data=st.data(), seed=seeds)
def test_embedding(data, seed):
    classes, units = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 4)))
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    x = np.random.default_rng(seed).integers(0, classes, shape)
    agrees(
        layers.Embedding(classes, units), x.astype(data.draw(st.sampled_from(["i4", "i8", "u1"])))
    )


def test_embedding_takes_whole_numbers_of_any_kind():
    layer = layers.Embedding(3, 2, weights=np.arange(6.0).reshape(3, 2))
    expected = layer([[0, 2]])
    for x in ([[0.0, 2.0]], np.array([[0, 2]], ">i2"), np.array([[0, 2]], np.float16)):
        assert np.array_equal(layer(x), expected)
    assert layer([[]]).shape == (1, 0, 2)
    assert layer(np.zeros((0, 4), int)).shape == (0, 4, 2)


def test_embedding_in_a_model_learns_the_rows_that_it_saw():
    model = sn.Sequential([layers.Embedding(4, 2), layers.Flatten(), layers.Dense(1)])
    model.build((None, 2))
    model.compile("sgd", "mse")
    x, y = np.array([[0, 2], [2, 0]]), np.ones((2, 1))
    model.train_on_batch(x, y)
    before = model.get_weights()[0]
    model.train_on_batch(x, y)
    moved = (model.get_weights()[0] != before).any(axis=1)
    assert moved.tolist() == [True, False, True, False]


@float64
def test_a_transformer_block_trains_as_in_keras():
    from reference.compare import weights_after_training

    x = layers.Input((4, 6))
    y = layers.add([x, layers.MultiHeadAttention(2, 3, dropout=0.5, seed=1)(x, x)])
    y = layers.concatenate([y, layers.AdditiveAttention()([x, y])])
    model = sn.Model(x, layers.Dense(2)(layers.Flatten()(y)))
    # A larger rate diverges from some initial weights, and rounding errors with it
    model.compile(sn.optimizers.SGD(2**-7), "mse")
    data = random(0, 8, 4, 6), random(1, 8, 2)
    assert weights_after_training(model, *data, steps=4, batch_size=4) <= 1e-9


SELF = {
    "Attention": lambda: layers.Attention(use_scale=True),
    "Attention concat": lambda: layers.Attention(score_mode="concat"),
    "AdditiveAttention": layers.AdditiveAttention,
    "MultiHeadAttention": lambda: layers.MultiHeadAttention(
        2, 3, use_gate=True, dropout=0.5, seed=1
    ),
    "GroupQueryAttention": lambda: layers.GroupQueryAttention(3, 4, 2, sliding_window=2),
}
ODD = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}


def passes(make, x, dtype="float32"):
    """(y, dquery, dvalue, gradients) of a new layer with fixed weights."""
    layer = make()
    layer.dtype = dtype
    layer.ensure_built([(None, *x.shape[1:])] * 2)
    layer.set_weights([0.5 * random(i, *w.shape) for i, w in enumerate(layer.weights)])
    y, saved = layer.forward(layer.cast([x, x]), True)
    dx, gradients = layer.backward(random(1, *y.shape).astype(y.dtype), saved)
    return [y, *dx, *gradients]


@pytest.mark.parametrize("implementation", ["formulas", "kernels"])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", SELF)
def test_the_layout_of_an_array_changes_nothing(name, odd, implementation):
    x = random(0, 2, 5, 4).astype(np.float32)
    unusual = ODD[odd](x)
    unusual.flags.writeable = False
    with ops.use(implementation):
        for a, b in zip(passes(SELF[name], unusual), passes(SELF[name], x), strict=True):
            assert a.dtype == np.float32
            assert np.allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 5, 4), (1, 1, 1), (2, 1, 4)])
@pytest.mark.parametrize("name", SELF)
def test_no_sample_one_token_one_cell(name, shape):
    y, *gradients = passes(SELF[name], np.ones(shape, np.float32))
    assert y.shape == shape
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", SELF)
def test_float16_stays_float16_and_is_near_the_result_of_float32(name):
    x = random(0, 2, 5, 4).astype(np.float16)
    expected = passes(SELF[name], x)
    for a, b in zip(passes(SELF[name], x, "float16"), expected, strict=True):
        assert a.dtype == np.float16
        assert np.allclose(a, b, rtol=0.03, atol=0.06)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_hidden_value_has_no_weight_in_any_dtype(dtype):
    x, seen = random(0, 1, 4, 3), np.array([[True, True, False, True]])
    plain = layers.Attention(dtype=dtype)
    _, weights = plain([x, x], mask=[None, seen], return_attention_scores=True)
    assert not weights[..., 2].any()
    heads = layers.MultiHeadAttention(2, 3, dtype=dtype)
    y = heads(x, x, value_mask=seen)
    x[:, 2] = 100  # but as a query
    assert np.array_equal(heads(x, x, value_mask=seen)[:, [0, 1, 3]], y[:, [0, 1, 3]])


@pytest.mark.parametrize("name", SELF)
def test_a_nan_stays_in_its_sample(name):
    layer = SELF[name]()
    x = random(0, 3, 5, 4)
    call = (lambda: layer(x, x)) if layer.spread_inputs else (lambda: layer([x, x]))
    clean = call()
    x[1, 2, 3] = np.nan
    got = call()
    assert np.array_equal(got[[0, 2]], clean[[0, 2]])
    assert np.isnan(got[1]).any()


@pytest.mark.parametrize(
    "make",
    [
        *SELF.values(),
        lambda: layers.Embedding(3, 2, embeddings_regularizer="l2"),
        lambda: layers.EinsumDense("abc,cd->abd", (None, 4), "relu", "d"),
        lambda: layers.MultiHeadAttention(2, 3, 4, output_shape=5, attention_axes=[1]),
    ],
)
def test_a_configuration_gives_the_layer_back_here_and_in_keras(make):
    import keras

    layer = make()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    theirs = getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())
    known = theirs.get_config()
    assert set(known) >= set(layer.get_config())
    assert type(layer).from_config(known).get_config() == layer.get_config()


X = np.ones((2, 3, 4))
CALLS = {
    "one array": (lambda: layers.Attention()(X), "Expected a list of inputs"),
    "one input": (lambda: layers.Attention()([X]), "received 1 inputs"),
    "four inputs": (lambda: layers.Attention()([X] * 4), "2 to 3"),
    "two axes": (lambda: layers.Attention()([X[0], X[0]]), "Expected at least 3 axes"),
    "depths": (lambda: layers.Attention()([X, X[..., :2]]), "(N, …, S, D)"),
    "lengths": (lambda: layers.Attention()([X, X, X[:, :2]]), "(N, …, S, D)"),
    "samples": (lambda: layers.Attention()([X, X[:1]]), "different numbers of samples"),
    "mask": (lambda: layers.Attention()([X, X], mask=np.ones((2, 3))), "[query_mask, value_mask]"),
    "shape of mask": (lambda: layers.Attention()([X, X], mask=[None, [True] * 4]), "value mask"),
    "option": (lambda: layers.Attention()([X, X], masks=None), "masks"),
    "score_mode": (lambda: layers.Attention(score_mode="dots"), "score_mode='dots'"),
    "additive": (lambda: layers.AdditiveAttention(score_mode="dot"), "no score_mode"),
    "dropout": (lambda: layers.Attention(dropout=2), "dropout=2"),
    "heads": (lambda: layers.MultiHeadAttention(0, 2), "num_heads=0"),
    "key_dim": (lambda: layers.MultiHeadAttention(2, 2.5), "key_dim=2.5"),
    "value_dim": (lambda: layers.MultiHeadAttention(2, 2, True), "value_dim=True"),
    "window": (lambda: layers.MultiHeadAttention(2, 2, sliding_window=0), "sliding_window=0"),
    "flash": (lambda: layers.MultiHeadAttention(2, 2, flash_attention=True), "flash_attention"),
    "activity": (
        lambda: layers.MultiHeadAttention(2, 2, activity_regularizer="l2"),
        "activity_regularizer",
    ),
    "values and keys": (lambda: layers.MultiHeadAttention(1, 2)(X, X, X[:, :2]), "equal sizes"),
    "ranks": (lambda: layers.MultiHeadAttention(1, 2)(X, X[0]), "at least 3 axes"),
    "axes": (lambda: layers.MultiHeadAttention(1, 2, attention_axes=0)(X, X), "attention_axes"),
    "last axis": (lambda: layers.MultiHeadAttention(1, 2, attention_axes=-1)(X, X), "depth"),
    "attention_mask": (
        lambda: layers.MultiHeadAttention(1, 2)(X, X, attention_mask=np.ones((2, 3, 4))),
        "(2, 1, 3, 3)",
    ),
    "key_mask": (lambda: layers.MultiHeadAttention(1, 2)(X, X, key_mask=np.ones(4)), "key_mask"),
    "order": (
        lambda: layers.MultiHeadAttention(1, 2)(X[None], X[None], use_causal_mask=True),
        "no single order",
    ),
    "groups": (lambda: layers.GroupQueryAttention(2, 3, 2), "num_key_value_heads=2"),
    "equation": (lambda: layers.EinsumDense("ab-bc", 2), "equation='ab-bc'"),
    "ellipsis": (lambda: layers.EinsumDense("...a,ab->b", 2), "...c,cd->...d"),
    "kernel's letter": (lambda: layers.EinsumDense("ab,bcd->ac", 2), "'d'"),
    "output's letter": (lambda: layers.EinsumDense("ab,bc->acd", 2), "'d'"),
    "bias_axes": (lambda: layers.EinsumDense("ab,bc->ac", 2, bias_axes="b"), "bias_axes"),
    "twice": (lambda: layers.EinsumDense("aa,ab->ab", 2), "twice in one term"),
    "rank of x": (lambda: layers.EinsumDense("ab,bc->ac", 2)(X), "one axis for each letter"),
    "sizes": (lambda: layers.EinsumDense("abc,cd->abd", 2)(X), "letters b, d"),
    "shared": (lambda: layers.EinsumDense("abc,cd->abd", (5, 2))(X), "has 3 cells"),
    "unknown": (lambda: layers.EinsumDense("abc,cd->abd", (3, None))(X), "'d'"),
    "lora": (lambda: layers.EinsumDense("ab,bc->ac", 2, lora_rank=4), "lora_rank=4"),
    "input_dim": (lambda: layers.Embedding(0, 2), "input_dim=0"),
    "output_dim": (lambda: layers.Embedding(2, 1.5), "output_dim=1.5"),
    "mask_zero": (lambda: layers.Embedding(2, 2, mask_zero=True), "mask_zero=True"),
    "lora of embeddings": (lambda: layers.Embedding(2, 2, lora_rank=1), "lora_rank=1"),
    "weights": (lambda: layers.Embedding(2, 2, weights=np.ones((3, 2))), "(3, 2)"),
    "class too large": (lambda: layers.Embedding(3, 2)([[0, 3]]), "3 at position (0, 1)"),
    "negative class": (lambda: layers.Embedding(3, 2)([[-1]]), "-1 at position (0, 0)"),
    "half a class": (lambda: layers.Embedding(3, 2)([[0.5]]), "0.5 at position (0, 0)"),
    "no number": (lambda: layers.Embedding(3, 2)([[np.nan]]), "nan at position (0, 0)"),
}


@pytest.mark.parametrize("case", CALLS)
def test_what_does_not_fit_is_refused_in_a_sentence(case):
    call, message = CALLS[case]
    with pytest.raises((ValueError, TypeError), match=r"[Ee]xpected") as error:
        call()
    assert message in str(error.value)


def test_a_later_call_must_fit_the_weights():
    heads, additive = layers.MultiHeadAttention(1, 2), layers.AdditiveAttention()
    heads(X, X)
    additive([X, X])
    for call in (lambda: heads(X, X[..., :2]), lambda: additive([X[..., :2], X[..., :2]])):
        with pytest.raises(ValueError, match="as when its weights were created"):
            call()
    dense = layers.EinsumDense("abc,cd->abd", (None, 2))
    dense(X)
    with pytest.raises(ValueError, match="as when that was created"):
        dense(X[..., :2])


def test_a_refused_mask_draws_nothing():
    layer = layers.Attention(dropout=0.5, seed=1)
    with pytest.raises(ValueError, match="value mask"):
        layer([X, X], training=True, mask=[None, np.ones((2, 9))])
    assert layer.dropout_layer.seed_state.tolist() == [1, 0]
