"""Normalisations equal Keras's, and what Normalization measures goes into Keras's files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import scratchnet as sn
from reference.agreement import layer_errors, relative_error
from reference.twin import twin
from scratchnet import layers, ops

pytestmark = pytest.mark.usefixtures("float64")

epsilons = st.sampled_from([1e-3, 1e-1])


@st.composite
def arrays(draw, ranks=(2, 3, 4)):
    """Cells of any rank, at least three along each axis but the samples': two are normalised to
    ±1 whatever they are, and their gradient is rounding alone."""
    sizes = st.integers(3, 6)
    shape = (
        draw(st.integers(1, 3)),
        *(draw(sizes) for _ in range(draw(st.sampled_from(ranks)) - 1)),
    )
    # Not a seed that the comparison draws weights or gradients from
    rng = np.random.default_rng(draw(st.integers(10, 2**32 - 1)))
    return rng.standard_normal(shape) * 2 + 0.5


def some_axes(x, first=1):
    """One axis or several different ones, counted from either end."""
    axes = st.lists(st.integers(first, x.ndim - 1), min_size=1, unique=True)
    several = axes.flatmap(lambda a: st.sampled_from([a, tuple(a), [i - x.ndim for i in a]]))
    return st.integers(first, x.ndim - 1) | st.integers(first - x.ndim, -1) | several


def agrees(layer, x, **options):
    errors = layer_errors(layer, x, **options)
    assert max(errors.values()) <= 1e-12, errors


@given(data=st.data(), x=arrays(), epsilon=epsilons)
def test_layer_normalization(data, x, epsilon):
    center, scale, trainable = (data.draw(st.booleans()) for _ in range(3))
    axis = data.draw(some_axes(x))
    agrees(layers.LayerNormalization(axis, epsilon, center, scale, trainable=trainable), x)


@pytest.mark.filterwarnings("ignore:(?s).*rms_scaling=True")
@given(data=st.data(), x=arrays(), scale=st.booleans())
def test_layer_normalization_with_the_scaling_that_keras_has_deprecated(data, x, scale):
    agrees(layers.LayerNormalization(data.draw(some_axes(x)), scale=scale, rms_scaling=True), x)


def test_rms_scaling_warns_that_it_is_no_root_mean_square():
    with pytest.warns(UserWarning, match="RMSNormalization does what the name says"):
        layers.LayerNormalization(rms_scaling=True)


@given(data=st.data(), x=arrays(), epsilon=epsilons)
def test_group_normalization(data, x, epsilon):
    axis = data.draw(st.integers(1, x.ndim - 1))
    channels = x.shape[axis]
    divisors = [n for n in range(1, channels + 1) if channels % n == 0]
    cells = [n for n in divisors if x[0].size // n > 2]  # fewer: see `arrays`
    groups = data.draw(st.sampled_from([*cells, *[-1] * (channels in cells)]))
    center, scale, trainable = (data.draw(st.booleans()) for _ in range(3))
    axis = data.draw(st.sampled_from([axis, axis - x.ndim]))
    layer = layers.GroupNormalization(groups, axis, epsilon, center, scale, trainable=trainable)
    agrees(layer, x)


@given(data=st.data(), x=arrays())
def test_unit_normalization(data, x):
    layer = layers.UnitNormalization(data.draw(some_axes(x, first=0)))
    assume(x[0].size < x.size or layer.axis not in (0, -x.ndim, [0], [-x.ndim]))  # ±1 alone
    agrees(layer, x)


def test_unit_normalization_leaves_a_vector_of_zeros_and_shortens_no_tiny_one():
    agrees(layers.UnitNormalization(), np.array([[0.0, 0.0], [1e-13, 0.0], [1e-11, 0.0], [3, 4]]))


@given(data=st.data(), x=arrays(), epsilon=epsilons)
def test_rms_normalization_over_the_last_axes(data, x, epsilon):
    last = [*range(-data.draw(st.integers(1, x.ndim - 1)), 0)]
    trainable = data.draw(st.booleans())
    agrees(
        layers.RMSNormalization(data.draw(st.permutations(last)), epsilon, trainable=trainable), x
    )


@given(data=st.data(), x=arrays(), momentum=st.sampled_from([0.0, 0.5, 0.99]), epsilon=epsilons)
def test_batch_normalization_over_any_axis(data, x, momentum, epsilon):
    axis = data.draw(st.integers(1, x.ndim - 1) | st.integers(1 - x.ndim, -1))
    center, scale, training, trainable = (data.draw(st.booleans()) for _ in range(4))
    layer = layers.BatchNormalization(axis, momentum, epsilon, center, scale, trainable=trainable)
    if training and trainable and x.size // x.shape[axis] < 4:
        training = False  # two values are normalised to ±1, whose gradient is rounding alone
    agrees(layer, x, training=training)


scalars = st.sampled_from([0.1, -3, 1 / 255])


@given(x=arrays(ranks=(4,)), data=st.data())
def test_rescaling_with_numbers_lists_and_arrays(x, data):
    shapes = [(), x.shape[-1:], (x.shape[2], 1), (1, 1, 1, 1)]
    scale, offset = (data.draw(constants(shapes)) for _ in range(2))
    agrees(layers.Rescaling(scale, offset), x)


def constants(shapes):
    def of(shape):
        value = np.random.default_rng(1).standard_normal(shape)
        return st.sampled_from([value, value.tolist()])

    return st.sampled_from(shapes).flatmap(of)


@given(data=st.data(), x=arrays(), invert=st.booleans())
def test_normalization_by_given_statistics(data, x, invert):
    axes = data.draw(st.lists(st.integers(1, x.ndim - 1), unique=True))
    sizes = [x.shape[axis] for axis in sorted(axes)]
    shape = data.draw(st.sampled_from([sizes[i:] for i in range(len(sizes) + 1)]))
    rng = np.random.default_rng(2)
    mean, variance = rng.standard_normal(shape).tolist(), rng.random(shape).tolist()
    axis = data.draw(st.sampled_from([tuple(axes), [a - x.ndim for a in axes]]))
    agrees(layers.Normalization(axis or None, mean, variance, invert), x)


@given(data=st.data(), batches=st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_normalization_measures_an_array_and_its_batches_alike(data, batches):
    import keras

    x = data.draw(arrays(ranks=(4,)))
    cells = np.random.default_rng(3).standard_normal((sum(batches), *x.shape[1:])) * 3 + 1
    axes = data.draw(st.lists(st.integers(1, 3), unique=True))
    parts = np.split(cells, np.cumsum(batches)[:-1])
    ours, theirs = (
        kind(axes or None) for kind in (layers.Normalization, keras.layers.Normalization)
    )
    ours.adapt(iter(parts))
    theirs.adapt(iter(parts))
    at_once = layers.Normalization(axes or None)
    at_once.adapt(cells)
    for a, b, c in zip(*(layer.get_weights() for layer in (ours, theirs, at_once)), strict=True):
        assert a.dtype == b.dtype
        assert relative_error(a, b) <= 1e-12
        assert relative_error(c, b) <= 1e-12


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras's variables, in save
def test_normalization_goes_into_keras_s_files_and_comes_back(tmp_path):
    import keras

    x = np.random.default_rng(4).standard_normal((5, 3, 4, 2)) * 3 + 1
    measured = layers.Normalization()
    measured.adapt(x)
    scale = np.array([0.1, 0.3])
    model = sn.Sequential([layers.Input(x.shape[1:]), measured, layers.Rescaling(scale, 0.1)])
    expected = model.predict(x, verbose=0)
    assert relative_error(twin(model).predict(x, verbose=0), expected) <= 1e-12
    model.save(tmp_path / "model.keras")
    theirs = keras.saving.load_model(tmp_path / "model.keras")
    assert relative_error(theirs.predict(x, verbose=0), expected) <= 1e-12
    theirs.save(tmp_path / "theirs.keras")
    again = sn.saving.load_model(tmp_path / "theirs.keras")
    assert np.array_equal(again.predict(x, verbose=0), expected)


def test_adapt_again_forgets_what_was_measured_before():
    layer = layers.Normalization()
    layer.adapt(np.full((2, 3), 7.0))
    layer.adapt(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    assert np.array_equal(layer.adapt_mean.value, [2, 2, 2])
    assert np.array_equal(layer.adapt_variance.value, [1, 0, 1])


def test_batches_without_cells_do_not_count():
    layer = layers.Normalization()
    layer.adapt([np.zeros((0, 2)), np.array([[1.0, 2.0]]), np.zeros((0, 2))])
    assert np.array_equal(layer.adapt_mean.value, [1, 2])


def test_measuring_float32_loses_nothing_over_many_cells():
    x = np.full((2**20, 1), 0.1, np.float32)
    layer = layers.Normalization()
    layer.adapt(x)
    assert layer.adapt_mean.value == np.float32(0.1)  # float32 sums would be off by 1e-5 and more


@given(x=arrays())
def test_a_sample_is_normalised_by_itself_alone(x):
    for layer in (layers.LayerNormalization(), layers.GroupNormalization(1)):
        alone = np.concatenate([layer(sample[None]) for sample in x])
        assert np.allclose(layer(x), alone, rtol=1e-13, atol=1e-13)


def test_more_contrast_and_brightness_change_nothing():
    x = np.random.default_rng(5).standard_normal((2, 3, 4, 6))
    layer = layers.GroupNormalization(3, epsilon=0.0)
    assert np.allclose(layer(4 * x + 3), layer(x), rtol=1e-12, atol=1e-12)


NORMALIZATIONS = {
    "BatchNormalization": layers.BatchNormalization,
    "LayerNormalization": lambda: layers.LayerNormalization((1, 2)),
    "GroupNormalization": lambda: layers.GroupNormalization(2),
    "RMSNormalization": layers.RMSNormalization,
    "UnitNormalization": layers.UnitNormalization,
}


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_float16_does_not_overflow_in_the_squares(name):
    x = (np.random.default_rng(6).standard_normal((3, 4, 5, 2)) * 1000).astype(np.float16)
    results = []
    for dtype in ("float16", "float32"):
        sn.config.set_floatx(dtype)
        layer = NORMALIZATIONS[name]()
        layer.ensure_built((None, *x.shape[1:]))
        y, saved = layer.forward(x.astype(dtype), name != "BatchNormalization")
        dx, gradients = layer.backward(np.ones_like(y), saved)
        results.append([y, dx, *gradients])
    sn.config.set_floatx("float64")  # the fixture puts back what was before
    for half, single in zip(*results, strict=True):
        assert half.dtype == np.float16
        assert np.allclose(half, single, rtol=5e-3, atol=5e-2)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_a_nan_stays_in_its_sample_or_its_channel(name):
    layer = NORMALIZATIONS[name]()
    x = np.random.default_rng(7).standard_normal((3, 4, 5, 2))
    clean = layer(x)
    x[1, 2, 3] = np.nan
    y = layer(x)
    assert np.array_equal(y[[0, 2]], clean[[0, 2]])
    assert np.isnan(y[1]).any()


IMAGES = np.ones((2, 4, 6, 3))
REFUSED = [
    (lambda: layers.BatchNormalization(renorm=True), ValueError, "renorm=True"),
    (lambda: layers.BatchNormalization(synchronized=True), ValueError, "synchronized=True"),
    (lambda: layers.BatchNormalization(4)(IMAGES), ValueError, "axis=4 does not exist"),
    (lambda: layers.BatchNormalization(0)(IMAGES), ValueError, "is not known"),
    (lambda: layers.BatchNormalization()(IMAGES, mask=IMAGES), TypeError, "mask"),
    (lambda: layers.LayerNormalization(1.5), TypeError, "axis=1.5"),
    (lambda: layers.LayerNormalization(None), TypeError, "axis=None"),
    (lambda: layers.LayerNormalization(-5)(IMAGES), ValueError, "axis=-5 does not exist"),
    (lambda: layers.LayerNormalization([3, -1])(IMAGES), ValueError, "twice"),
    (lambda: layers.LayerNormalization([0, 1])(IMAGES), ValueError, "counts the samples"),
    (lambda: layers.GroupNormalization(0), ValueError, "groups=0"),
    (lambda: layers.GroupNormalization(2.0), ValueError, "groups=2.0"),
    (lambda: layers.GroupNormalization(2)(IMAGES), ValueError, "does not divide the 3 channels"),
    (lambda: layers.GroupNormalization()(IMAGES), ValueError, "groups=32 does not divide"),
    (lambda: layers.GroupNormalization(1, 0)(IMAGES), ValueError, "counts the samples"),
    (lambda: layers.UnitNormalization("last"), TypeError, "axis='last'"),
    (lambda: layers.UnitNormalization(4)(IMAGES), ValueError, "axis=4 does not exist"),
    (lambda: layers.RMSNormalization(1)(IMAGES), ValueError, "does not suit RMSNormalization"),
    (lambda: layers.RMSNormalization([0, 1, 2, 3])(IMAGES), ValueError, "does not suit"),
    (lambda: layers.Normalization(mean=1.0), ValueError, "Expected both"),
    (lambda: layers.Normalization(None, [1.0], [1.0]), ValueError, "at most as many axes"),
    (lambda: layers.Normalization(mean=[1.0], variance=1.0), ValueError, "one shape for both"),
    (
        lambda: layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])(IMAGES),
        ValueError,
        r"does not broadcast to the sizes \(3,\)",
    ),
    (lambda: layers.Normalization(0)(IMAGES), ValueError, "counts the samples"),
    (lambda: layers.Normalization().adapt([]), ValueError, "no data"),
    (lambda: layers.Normalization().adapt(np.zeros((0, 3))), ValueError, "no data"),
    (lambda: layers.Normalization().adapt([[1.0, 2.0]]), TypeError, r"np.array\(data\)"),
    (lambda: layers.Normalization().adapt(3.0), TypeError, "a float in adapt"),
    (
        lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(IMAGES),
        ValueError,
        "nothing to adapt",
    ),
    (lambda: layers.Rescaling([1.0, 2.0])(IMAGES), ValueError, "does not broadcast"),
    (lambda: layers.Rescaling(1.0, np.ones((1, 1, 1, 1, 3)))(IMAGES), ValueError, "offset has"),
]


@pytest.mark.parametrize(("make", "kind", "message"), REFUSED)
def test_what_makes_no_sense_is_refused_with_its_name(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (layers.LayerNormalization, IMAGES[..., :2], r"Expected the sizes \(3,\)"),
        (lambda: layers.LayerNormalization(1), IMAGES[:, :2], r"Expected the sizes \(4,\)"),
        (lambda: layers.GroupNormalization(3), IMAGES[..., :2], "with 3 channels"),
        (lambda: layers.GroupNormalization(3), IMAGES[0], "Expected 4 axes"),
        (lambda: layers.BatchNormalization(1), IMAGES[:, :2], "with 4 channels"),
        (lambda: layers.RMSNormalization([-2, -1]), IMAGES[:, :, :2], r"sizes \(6, 3\)"),
        (layers.Normalization, IMAGES[..., :2], "the shape it was built for"),
    ],
)
def test_a_built_layer_refuses_other_channels(make, x, message):
    layer = make()
    layer(IMAGES)
    before = layer.get_weights()
    with pytest.raises(ValueError, match=message):
        layer(x)
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), before, strict=True))


def test_a_batch_that_does_not_fit_leaves_the_measured_statistics():
    layer = layers.Normalization()
    layer.adapt(IMAGES)
    before = layer.get_weights()
    for data in ([IMAGES, IMAGES[..., :2]], [IMAGES[..., :2]]):
        with pytest.raises(ValueError, match=r"adapt|built for"):
            layer.adapt(data)
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), before, strict=True))


def test_a_layer_over_other_axes_takes_any_number_of_channels():
    layer = layers.LayerNormalization(1)
    layer(IMAGES)
    assert layer(IMAGES[..., :2]).shape == (2, 4, 6, 2)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "odd", [np.asfortranarray, lambda x: np.flip(np.flip(x).copy()), read_only]
)
@pytest.mark.parametrize(
    "make", [layers.LayerNormalization, lambda **how: layers.BatchNormalization(2, **how)]
)
def test_formulas_and_kernels_agree(make, odd, dtype):
    rng = np.random.default_rng(8)
    x, dy = (odd(rng.standard_normal((3, 4, 5, 2)).astype(dtype)) for _ in range(2))
    results = []
    for implementation in ("formulas", "kernels"):
        with ops.use(implementation):
            layer = make(dtype=dtype)
            layer.ensure_built((None, *x.shape[1:]))
            y, saved = layer.forward(x, True)
            dx, gradients = layer.backward(dy, saved)
            results.append([y, dx, *gradients, *layer.get_weights()])
    for a, b in zip(*results, strict=True):
        assert a.dtype == b.dtype == dtype
        assert np.allclose(a, b, rtol=0, atol=32 * np.finfo(dtype).eps * np.abs(b).max())


def test_the_kernel_of_layer_normalisation_takes_long_rows_with_less_error_than_the_formula():
    x = (np.random.default_rng(9).standard_normal((2, 10_000)) + 100).astype(np.float32)
    expected = layers.LayerNormalization(dtype="float64")(x)
    errors = []
    for implementation in ("kernels", "formulas"):
        with ops.use(implementation):
            errors.append(np.abs(layers.LayerNormalization(dtype="float32")(x) - expected).max())
    assert errors[0] <= errors[1]
    assert errors[0] <= 1e-5
