"""Layers that merge several inputs equal Keras's, ties and broadcasting included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference.agreement import layer_errors, relative_error
from scratchnet import layers, ops

float64 = pytest.mark.usefixtures("float64")

ELEMENTWISE = [
    layers.Add,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
]
EVERY = {
    **{kind.__name__: kind for kind in ELEMENTWISE},
    "Subtract": layers.Subtract,
    "Concatenate": lambda: layers.Concatenate(1),
    "Dot": lambda: layers.Dot(-1),
    "Dot normalized": lambda: layers.Dot((2, 1), normalize=True),
}


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def broadcasting(draw, most=4):
    """Arrays of whole numbers, which tie often, with axes that are missing or of size 1."""
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    seed = draw(st.integers(0, 2**32 - 1))
    arrays = []
    for i in range(draw(st.integers(2, most))):
        cells = [draw(st.sampled_from([1, n])) for n in shape[1:]]
        missing = draw(st.integers(0, len(cells)))
        arrays.append(np.round(2 * random(seed + i, shape[0], *cells[missing:])))
    return arrays


def keras_adds_along_another_axis(xs):
    """Whether Keras on TensorFlow takes one of the arrays for a bias of the wrong axis.

    It takes any array with a single axis above 1 for a bias, of the last axis where that has its
    size, else of axis 1, wherever that single axis really lies.
    """
    rank = max(x.ndim for x in xs)
    shapes = [(x.shape[0], *[1] * (rank - x.ndim), *x.shape[1:]) for x in xs]
    total = shapes[0]
    for shape in shapes[1:]:
        long = [axis for axis, n in enumerate(shape) if n > 1]
        if len(long) == 1 and rank > 1 and shape[long[0]] in (total[1], total[-1]):
            taken = rank - 1 if shape[long[0]] == total[-1] else 1
            if taken != long[0]:
                return True
        total = np.broadcast_shapes(total, shape)
    return False


def agrees(layer, xs):
    errors = layer_errors(layer, xs)
    assert max(errors.values()) <= 1e-12, errors


@float64
@pytest.mark.parametrize("kind", ELEMENTWISE)
@given(xs=broadcasting())
def test_merging_cell_by_cell(kind, xs):
    assume(kind not in (layers.Add, layers.Average) or not keras_adds_along_another_axis(xs))
    agrees(kind(), xs)


@float64
@given(xs=broadcasting(most=2))
def test_subtract(xs):
    agrees(layers.Subtract(), xs)


@float64
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_concatenate(data, seed):
    shape = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    axis = data.draw(st.integers(1, len(shape) - 1))
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    xs = [random(seed + i, *shape[:axis], n, *shape[axis + 1 :]) for i, n in enumerate(sizes)]
    agrees(layers.Concatenate(data.draw(st.sampled_from([axis, axis - len(shape)]))), xs)


@float64
@given(data=st.data(), normalize=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_dot(data, normalize, seed):
    # The length of one number is itself: normalised, its gradient is 0 but for rounding
    samples, products = data.draw(st.tuples(st.integers(1, 3), st.integers(1 + normalize, 4)))
    others = [data.draw(st.lists(st.integers(1, 3), max_size=2)) for _ in range(2)]
    places = [data.draw(st.integers(0, len(each))) for each in others]
    xs = [
        random(seed + i, samples, *each[:place], products, *each[place:])
        for i, (each, place) in enumerate(zip(others, places, strict=True))
    ]
    axes = [place + 1 for place in places]
    if data.draw(st.booleans()):
        axes = [axis - x.ndim for axis, x in zip(axes, xs, strict=True)]
    agrees(layers.Dot(axes[0] if axes[0] == axes[1] else axes, normalize), xs)


@pytest.mark.parametrize("kind", [layers.Add, layers.Average])
def test_a_number_for_each_sample_is_added_to_that_sample(kind):
    """Keras adds it to a channel where there are as many channels as samples."""
    x, of_samples = np.zeros((2, 1, 2)), np.array([[[1.0]], [[2.0]]])
    y = kind()([x, of_samples])
    assert (y[1] == 2 * y[0]).all()


@float64
@pytest.mark.parametrize("kind", [layers.Maximum, layers.Minimum])
def test_of_equals_the_first_gets_the_gradient(kind):
    x = np.ones((1, 2))
    layer = kind()
    _, saved = layer.forward([x, x, x], True)
    gradients, _ = layer.backward(np.array([[3.0, 4.0]]), saved)
    assert [g.tolist() for g in gradients] == [[[3, 4]], [[0, 0]], [[0, 0]]]


@float64
@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_a_nan_goes_where_it_goes_in_keras(kind):
    xs = [np.round(random(i, 2, 3, 4)) for i in range(3)]
    xs[0][0, 0, 0] = xs[1][0, 1] = xs[2][1, 2, :2] = np.nan
    agrees(kind(), xs)


@float64
def test_dot_of_a_vector_of_zeros_has_a_finite_gradient():
    """Keras's is NaN."""
    zeros, ones = np.zeros((1, 3)), np.ones((1, 3))
    layer = layers.Dot(1, normalize=True)
    y, saved = layer.forward([zeros, ones], True)
    gradients, _ = layer.backward(np.ones_like(y), saved)
    assert y == 0
    assert np.isfinite(gradients[0]).all()
    assert (gradients[0] > 0).all()


@float64
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "average", "maximum", "minimum"])
def test_functions_on_arrays_and_on_symbolic_tensors(name):
    import keras

    xs = [random(0, 2, 3, 4), random(1, 2, 4)]
    function = getattr(layers, name)
    assert relative_error(function(xs), getattr(keras.layers, name)(xs)) == 0
    tensor = function([layers.Input((3, 4)), layers.Input((4,))], name=f"{name}_of_two")
    assert tensor.shape == (None, 3, 4)
    assert tensor.name == f"{name}_of_two"


def test_functions_that_join():
    a, b = layers.Input((3, 4)), layers.Input((3, 2))
    assert layers.concatenate([a, b]).shape == (None, 3, 6)
    assert layers.dot([a, b], axes=1).shape == (None, 4, 2)
    assert layers.concatenate([np.ones((1, 2)), np.zeros((1, 1))]).tolist() == [[1, 1, 0]]
    assert layers.dot([np.ones((1, 2)), np.ones((1, 2))], axes=1).tolist() == [[2]]


def test_samples_side_by_side():
    y = layers.Concatenate(0)([np.ones((2, 3)), np.zeros((1, 3))])
    assert y.shape == (3, 3)
    assert layers.Concatenate(0).compute_output_shape([(None, 3), (1, 3)]) == (None, 3)


def test_an_unknown_size_stays_unknown():
    assert layers.Add().compute_output_shape([(None, None, 4), (None, 1, 4)]) == (None, None, 4)
    assert layers.Concatenate().compute_output_shape([(None, 3, None), (None, 3, 2)])[-1] is None


ODD = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}


def passes(make, xs):
    """(y, gradients) of a new layer."""
    layer = make()
    layer.ensure_built([(None, *x.shape[1:]) for x in xs])
    y, saved = layer.forward(layer.cast(xs), True)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)
    return [y, *layer.backward(dy, saved)[0]]


@pytest.mark.parametrize("implementation", ["formulas", "kernels"])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", EVERY)
def test_the_layout_of_an_array_changes_nothing(name, odd, implementation):
    xs = [random(i, 3, 4, 4).astype(np.float32) for i in range(2)]
    unusual = [ODD[odd](x) for x in xs]
    for x in unusual:
        x.flags.writeable = False
    with ops.use(implementation):
        for a, b in zip(passes(EVERY[name], unusual), passes(EVERY[name], xs), strict=True):
            assert a.dtype == np.float32
            assert a.dtype.isnative
            assert np.allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_no_sample_gives_no_output(name):
    arrays = passes(EVERY[name], [np.zeros((0, 4, 4), np.float32)] * 2)
    assert all(len(array) == 0 for array in arrays)


@pytest.mark.parametrize("name", EVERY)
def test_float16_stays_float16(name):
    xs = [random(i, 3, 4, 4).astype(np.float16) for i in range(2)]
    expected = passes(EVERY[name], xs)

    def half():
        layer = EVERY[name]()
        layer.dtype = "float16"
        return layer

    for a, b in zip(passes(half, xs), expected, strict=True):
        assert a.dtype == np.float16
        assert np.allclose(a, b, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("name", EVERY)
def test_a_configuration_gives_the_layer_back(name):
    layer = EVERY[name]()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


ONES = np.ones((2, 3))
REFUSED = {
    "an array": (layers.Add, ONES, "received one input of shape (2, 3)"),
    "a symbolic tensor": (layers.Add, layers.Input((3,)), "received one input of shape (None, 3)"),
    "an empty list": (layers.Add, [], "received 0 inputs"),
    "sizes": (layers.Add, [ONES, np.ones((2, 4))], "do not broadcast"),
    "samples": (layers.Maximum, [ONES, np.ones((1, 3))], "different numbers of samples"),
    "three": (layers.Subtract, [ONES] * 3, "received 3 inputs"),
    "one": (layers.Subtract, [ONES], "received 1 inputs"),
    "no axes": (layers.Add, [ONES, np.float32(1)], "Expected at least 1 axes"),
    "rank": (layers.Concatenate, [ONES, np.ones((2, 3, 1))], "Expected equal sizes"),
    "beside": (
        lambda: layers.Concatenate(1),
        [ONES[..., None]] * 2 + [np.ones((2, 3, 2))],
        "axis 1",
    ),
    "axis": (lambda: layers.Concatenate(2), [ONES, ONES], "does not exist"),
    "products": (lambda: layers.Dot(1), [ONES, np.ones((2, 4))], "multiplied in pairs"),
    "axes": (lambda: layers.Dot(2), [ONES, ONES], "do not exist"),
    "negative axes": (lambda: layers.Dot(-2), [ONES, ONES], "count the samples"),
    "three to dot": (lambda: layers.Dot(1), [ONES] * 3, "received 3 inputs"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_inputs_that_do_not_fit_are_refused(case):
    make, inputs, message = REFUSED[case]
    layer = make()
    with pytest.raises(ValueError, match="Expected") as error:
        layer(inputs)
    assert message in str(error.value)
    assert layer.name in str(error.value)


def test_a_later_call_is_checked_too():
    layer = layers.Add()
    layer([ONES, ONES])
    with pytest.raises(ValueError, match="do not broadcast"):
        layer([ONES, np.ones((2, 5))])


@pytest.mark.parametrize(
    ("axes", "kind"),
    [("1", TypeError), (0, ValueError), ((1, 2, 3), ValueError), ((1, 0.5), ValueError)],
)
def test_dot_refuses_axes(axes, kind):
    with pytest.raises(kind, match="Dot received axes="):
        layers.Dot(axes)


def test_an_unknown_argument_is_named():
    with pytest.raises(TypeError, match="axes"):
        layers.concatenate([ONES, ONES], axes=1)
    with pytest.raises(TypeError, match="mask"):
        layers.Add()([ONES, ONES], mask=None, weight=1)


def test_a_sum_of_one_s_own_is_what_its_merge_says():
    class Doubled(layers.Add):
        def merge(self, xs):
            return 2 * super().merge(xs)

    assert np.array_equal(Doubled()([np.ones((1, 2)), np.ones((1, 2))]), [[4, 4]])
