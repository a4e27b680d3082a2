"""Layers that reshape, pad, crop and resize: exact where they move cells, near TensorFlow's float32
where it rounds, and equal to a computation in fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference.agreement import built_twin, keras_gradients, layer_errors
from scratchnet import layers, ops
from scratchnet.ops.formulas.resize import INTERPOLATIONS, interpolation_matrix

pytestmark = pytest.mark.usefixtures("float64")

sizes = st.integers(1, 7)
ends = st.tuples(st.integers(0, 3), st.integers(0, 3))
# TensorFlow's places among n cells are off by up to n · 2⁻²⁴, and some roundings follow
FLOAT32 = 32 * 2.0**-24


@st.composite
def arrays(draw, ranks=(2, 3, 4)):
    shape = [draw(sizes) for _ in range(draw(st.sampled_from(ranks)))]
    # Not a seed that the comparison draws gradients from
    return np.random.default_rng(draw(st.integers(10, 2**32 - 1))).standard_normal(shape)


images, sequences, vectors = (arrays(ranks=(rank,)) for rank in (4, 3, 2))


def agrees(layer, x, bound=1e-12):
    errors = layer_errors(layer, x)
    assert max(errors.values()) <= bound, errors


def exact(layer, x):
    agrees(layer, x, 0.0)


@given(x=arrays(ranks=(1, 2, 3, 4)), data=st.data())
def test_reshape(x, data):
    cells = math.prod(x.shape[1:])
    target = data.draw(factors(cells))
    free = data.draw(st.none() | st.integers(0, len(target) - 1))
    if free is not None:
        target[free] = -1
    exact(layers.Reshape(target), x)


@st.composite
def factors(draw, cells):
    """A shape with this number of cells."""
    shape = []
    for _ in range(draw(st.integers(0, 2))):
        shape.append(draw(st.sampled_from([n for n in range(1, cells + 1) if cells % n == 0])))
        cells //= shape[-1]
    return [*shape, cells]


@given(x=arrays(), data=st.data())
def test_permute(x, data):
    exact(layers.Permute(data.draw(st.permutations(range(1, x.ndim)))), x)


@given(x=vectors, n=st.integers(1, 4))
def test_repeat_vector(x, n):
    agrees(layers.RepeatVector(n), x)


@given(x=sequences, padding=st.integers(0, 3) | ends | ends.map(list))
def test_padding_of_sequences(x, padding):
    exact(layers.ZeroPadding1D(padding), x)


sides = st.integers(0, 3) | ends
forms = sides | st.tuples(sides, sides) | st.tuples(ends, ends).map(lambda p: [list(e) for e in p])


@given(x=images, padding=forms)
def test_padding_of_images_in_all_forms(x, padding):
    exact(layers.ZeroPadding2D(padding), x)


@given(x=sequences, cropping=st.integers(0, 3) | ends)
def test_cropping_of_sequences(x, cropping):
    assume(x.shape[1] > np.broadcast_to(cropping, 2).sum())
    exact(layers.Cropping1D(cropping), x)


@given(x=images, cropping=forms)
def test_cropping_of_images_in_all_forms(x, cropping):
    layer = layers.Cropping2D(cropping)
    assume(all(n > sum(ends) for n, ends in zip(x.shape[1:3], layer.cropping, strict=True)))
    exact(layer, x)


@given(x=sequences, size=st.integers(1, 4))
def test_upsampling_of_sequences(x, size):
    agrees(layers.UpSampling1D(size), x)


@given(x=images, size=st.tuples(st.integers(1, 4), st.integers(1, 4)))
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_upsampling_of_images(interpolation, x, size):
    layer = layers.UpSampling2D(size, interpolation=interpolation)
    if interpolation == "nearest":
        agrees(layer, x)
    else:
        near_what_goes_in(layer, x, FLOAT32)


@given(x=images, height=sizes, width=sizes, fit=st.sampled_from(["", "crop", "pad"]))
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_resizing(interpolation, x, height, width, fit):
    fitting = {f"{fit}_to_aspect_ratio": True} if fit else {}
    layer = layers.Resizing(height, width, interpolation, fill_value=0.3, **fitting)
    if interpolation == "nearest":
        agrees(layer, x)
        return
    rows, columns = x.shape[1:3]
    if fit == "pad":  # the image first gets the shape of the output, and so more cells
        rows, columns = max(rows, columns * height / width), max(columns, rows * width / height)
    near_what_goes_in(layer, x, FLOAT32 * max(1, rows / 7, columns / 7))


def near_what_goes_in(layer, x, bound):
    """The errors beside the largest number that is summed: the sum itself may be nearly 0."""
    y, saved = built(layer, x).forward(x, True)
    dy = np.random.default_rng(0).standard_normal(y.shape).astype(y.dtype)
    their_y, their_dx, _ = keras_gradients(built_twin(layer), x, dy)
    dx, _ = layer.backward(dy, saved)
    assert (y.shape, y.dtype, dx.shape, dx.dtype) == (their_y.shape, layer.dtype, x.shape, x.dtype)
    largest = max(np.abs(x).max(), getattr(layer, "fill_value", 0))
    assert np.abs(y - their_y).max() <= bound * largest
    assert np.abs(dx - their_dx).max() <= bound * np.abs(dy).max()


@given(x=images, height=sizes, width=sizes)
@pytest.mark.parametrize(
    ("interpolation", "antialias"),
    [("lanczos3", False), ("lanczos5", True), ("bilinear", True), ("bicubic", True)],
)
def test_resizing_with_wide_kernels(interpolation, antialias, x, height, width):
    """In float32: TensorFlow has no other gradient for them."""
    layer = layers.Resizing(height, width, interpolation, antialias=antialias, dtype="float32")
    # Narrow windows of Lanczos have weights of both signs, whose sum magnifies the rounding
    near_what_goes_in(layer, x.astype(np.float32), 8 * FLOAT32)


@given(x=images, height=sizes, width=sizes)
def test_resizing_by_area(x, height, width):
    layer = layers.Resizing(height, width, "area")
    theirs = built_twin(built(layer, x))(x).numpy()
    assert np.allclose(layer(x), theirs, rtol=0, atol=FLOAT32 * np.abs(x).max())


@given(x=images, height=sizes, width=sizes)
def test_center_crop(x, height, width):
    if x.shape[1] >= height and x.shape[2] >= width:
        exact(layers.CenterCrop(height, width), x)
    layer = layers.CenterCrop(height, width, dtype="float32")
    agrees(layer, x.astype(np.float32), FLOAT32)


def built(layer, x):
    layer.ensure_built((None, *x.shape[1:]))
    return layer


def test_nearest_takes_tensorflow_s_cell_at_borders_too():
    import tensorflow as tf

    for cells in range(1, 40, 3):
        numbers = np.arange(cells, dtype=np.float64)[None, :, None, None]
        for size in range(1, 60, 4):
            theirs = tf.image.resize(numbers, (size, 1), "nearest").numpy()
            assert np.array_equal(ops.resize(numbers, (size, 1), "nearest"), theirs)


# The same interpolation in exact fractions, one output cell at a time


def in_fractions(cells, size, interpolation, antialias):
    """R: (size, cells) of the formula, without any rounding."""
    ratio = Fraction(cells, size)
    spread = max(ratio, 1) if antialias else Fraction(1)
    rows = []
    for o in range(size):
        place = (o + Fraction(1, 2)) * ratio - Fraction(1, 2)
        if interpolation == "bicubic" and not antialias:  # the table's steps
            place = math.floor(place) + Fraction(round((place - math.floor(place)) * 1024), 1024)
        weights = [KERNELS[interpolation](abs(i - place) / spread) for i in range(cells)]
        rows.append([weight / sum(weights) for weight in weights])
    return rows


def triangle(t):
    return max(1 - t, Fraction(0))


def cubic(t):
    if t <= 1:
        return Fraction(3, 2) * t**3 - Fraction(5, 2) * t**2 + 1
    return -Fraction(1, 2) * t**3 + Fraction(5, 2) * t**2 - 4 * t + 2 if t < 2 else Fraction(0)


KERNELS = {"bilinear": triangle, "bicubic": cubic}


@given(cells=st.integers(1, 12), size=st.integers(1, 12), antialias=st.booleans())
@pytest.mark.parametrize("interpolation", KERNELS)
def test_the_weights_are_those_of_exact_fractions(interpolation, cells, size, antialias):
    exactly = np.array(in_fractions(cells, size, interpolation, antialias), float)
    got = interpolation_matrix(cells, size, interpolation, antialias)
    assert np.abs(got - exactly).max() <= 1e-14


@given(cells=st.integers(1, 12), size=st.integers(1, 12))
def test_area_weights_are_overlaps_of_intervals(cells, size):
    ratio = Fraction(cells, size)
    exactly = [
        [
            max(min(i + 1, (o + 1) * ratio) - max(i, o * ratio), Fraction(0)) / ratio
            for i in range(cells)
        ]
        for o in range(size)
    ]
    got = interpolation_matrix(cells, size, "area")
    assert np.abs(got - np.array(exactly, float)).max() <= 1e-14


@given(
    x=images,
    size=st.tuples(sizes, sizes),
    interpolation=st.sampled_from(INTERPOLATIONS),
    antialias=st.booleans(),
)
def test_resizing_is_two_matrices_and_its_gradient_their_transposes(
    x, size, interpolation, antialias
):
    rows, columns = (
        interpolation_matrix(n, m, interpolation, antialias)
        for n, m in zip(x.shape[1:3], size, strict=True)
    )
    y = ops.resize(x, size, interpolation, antialias)
    assert np.allclose(y, np.einsum("pi,nijc,qj->npqc", rows, x, columns), rtol=0, atol=1e-13)
    dy = np.random.default_rng(0).standard_normal(y.shape)
    dx = ops.resize_backward(dy, x.shape[1:3], interpolation, antialias)
    assert np.allclose(dx, np.einsum("pi,npqc,qj->nijc", rows, dy, columns), rtol=0, atol=1e-12)


@given(x=images, data=st.data())
def test_padding_cropping_and_repeating_have_exact_adjoints(x, data):
    x = np.round(x * 8).astype(np.int64)
    pads = [data.draw(ends) for _ in x.shape]
    counts = [data.draw(st.integers(1, 3)) for _ in x.shape]
    for forward, backward, how in (
        (ops.pad, ops.pad_backward, pads),
        (ops.repeat, ops.repeat_backward, counts),
    ):
        y = forward(x, how)
        g = np.random.default_rng(1).integers(-8, 9, y.shape)
        assert (g * y).sum() == (backward(g, how) * x).sum()
    larger = ops.pad(x, pads, value=7)
    assert np.array_equal(ops.crop(larger, pads), x)
    g = np.random.default_rng(2).integers(-8, 9, x.shape)
    assert (g * ops.crop(larger, pads)).sum() == (ops.crop_backward(g, pads) * larger).sum()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_same_size_changes_no_bit(interpolation):
    x = np.random.default_rng(3).standard_normal((2, 5, 6, 3))
    assert np.array_equal(layers.Resizing(5, 6, interpolation, antialias=True)(x), x)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_an_image_of_one_value_keeps_it(interpolation):
    x = np.full((1, 5, 7, 1), 3.0)
    for antialias in (False, True):
        y = ops.resize(x, (11, 2), interpolation, antialias)
        assert np.allclose(y, 3.0, rtol=1e-14)


def test_a_nan_reaches_only_the_cells_around_it():
    x = np.zeros((1, 8, 8, 1))
    x[0, 0, 0] = np.nan
    assert np.isnan(layers.UpSampling2D(2)(x)).sum() == 4
    y = layers.UpSampling2D(2, interpolation="bilinear")(x)
    assert np.isnan(y[0, :3, :3]).all()
    assert np.isfinite(y[0, 4:, :]).all()
    assert np.isfinite(y[0, :, 4:]).all()


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int32])
def test_integer_images_stay_integers_and_in_range(kind):
    limits = np.iinfo(kind)
    x = np.array([limits.min, limits.max], kind).reshape(1, 1, 2, 1)
    layer = layers.Resizing(1, 8, "bicubic")  # which overshoots
    y, saved = layer.forward(layer.cast(x), True)
    assert y.dtype == kind
    assert (y.min(), y.max()) == (limits.min, limits.max)
    assert layer.backward(np.ones(y.shape), saved) == (None, [])


def test_center_crop_computes_integers_in_the_layer_s_dtype():
    assert layers.CenterCrop(1, 1)(np.ones((1, 3, 3, 1), np.uint8)).dtype == np.float64


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Reshape((-1, 2)),
        lambda: layers.Permute((3, 1, 2)),
        lambda: layers.ZeroPadding2D(((1, 0), (0, 2))),
        lambda: layers.Cropping2D(1),
        lambda: layers.UpSampling2D((2, 3)),
        lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"),
        lambda: layers.Resizing(7, 3, "bicubic", pad_to_aspect_ratio=True),
        lambda: layers.Resizing(7, 3, antialias=True, crop_to_aspect_ratio=True),
        lambda: layers.CenterCrop(2, 3),
        lambda: layers.CenterCrop(9, 9),
    ],
)
def test_odd_arrays_are_read_and_never_written(make, batch):
    x = np.asfortranarray(np.random.default_rng(4).standard_normal((batch, 4, 6, 2)))
    x.flags.writeable = False
    odd = np.flip(np.flip(x, 2).copy(), 2)
    layer = built(make(), x)
    y, saved = layer.forward(x, True)
    assert y.shape == layer.compute_output_shape(x.shape)
    assert layer.compute_output_shape((None, *x.shape[1:])) == (None, *y.shape[1:])
    assert np.array_equal(layer.forward(odd, True)[0], y)
    assert np.array_equal(layer(x.astype(">f8")), y)
    dy = np.random.default_rng(5).standard_normal(y.shape)
    dy.flags.writeable = False
    dx, _ = layer.backward(dy, saved)
    assert dx.shape == x.shape


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrow_floats_stay_what_they_are(dtype):
    x = np.random.default_rng(6).standard_normal((2, 4, 6, 2)).astype(dtype)
    for layer in (
        layers.UpSampling2D(2, interpolation="bicubic", dtype=dtype),
        layers.Resizing(3, 7, "nearest", dtype=dtype),
        layers.CenterCrop(2, 3, dtype=dtype),
        layers.ZeroPadding2D(2, dtype=dtype),
        layers.RepeatVector(2, dtype=dtype),
    ):
        batch = x[:, 0, :, 0] if isinstance(layer, layers.RepeatVector) else x
        y, saved = built(layer, batch).forward(batch, True)
        assert y.dtype == dtype
        assert layer.backward(np.ones_like(y), saved)[0].dtype == dtype


def test_unknown_sizes_stay_unknown():
    assert layers.Reshape((2, -1)).compute_output_shape((None, None, 3)) == (None, 2, None)
    assert layers.ZeroPadding2D(1).compute_output_shape((None, None, 3, 1)) == (None, None, 5, 1)
    assert layers.Cropping2D(1).compute_output_shape((None, None, 3, 1)) == (None, None, 1, 1)
    assert layers.UpSampling2D(2).compute_output_shape((None, None, 3, 1)) == (None, None, 6, 1)
    assert layers.UpSampling1D(2).compute_output_shape((None, None, 3)) == (None, None, 3)
    assert layers.Resizing(2, 3).compute_output_shape((None, None, None, 1)) == (None, 2, 3, 1)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Reshape((2, -1)),
        layers.Permute((2, 1)),
        layers.RepeatVector(3),
        layers.ZeroPadding1D((1, 2)),
        layers.ZeroPadding2D((1, 2)),
        layers.Cropping1D((1, 2)),
        layers.Cropping2D(((1, 2), (0, 1))),
        layers.UpSampling1D(3),
        layers.UpSampling2D((1, 2), interpolation="bilinear"),
        layers.Resizing(3, 4, "area", pad_to_aspect_ratio=True, fill_value=2.0, antialias=True),
        layers.CenterCrop(3, 4),
    ],
)
def test_a_configuration_is_keras_s_and_makes_the_same_layer(layer):
    import keras

    config = layer.get_config()
    theirs = getattr(keras.layers, type(layer).__name__).from_config(config).get_config()
    del theirs["dtype"]
    assert theirs == {name: value for name, value in config.items() if name != "dtype"}
    assert type(layer).from_config(config).get_config() == config


IMAGES, SEQUENCES, VECTORS = np.ones((2, 4, 6, 3)), np.ones((2, 5, 3)), np.ones((2, 4))
REFUSED = [
    (lambda: layers.Flatten("channels_first"), ValueError, "channels_first"),
    (lambda: layers.Reshape((2, -2)), ValueError, "target_shape"),
    (lambda: layers.Reshape((-1, -1)), ValueError, "one of which may be -1"),
    (lambda: layers.Reshape((2, 2.5)), ValueError, "target_shape"),
    (lambda: layers.Reshape((5, 5))(IMAGES), ValueError, "needs 25 cells .* has 72"),
    (lambda: layers.Reshape((5, -1))(IMAGES), ValueError, "a multiple of 5 .* has 72"),
    (lambda: layers.Reshape((0, -1))(IMAGES), ValueError, "target_shape"),
    (lambda: layers.Permute((0, 1)), ValueError, "samples' axis 0 stays"),
    (lambda: layers.Permute((1, 3)), ValueError, r"dims=\(1, 3\)"),
    (lambda: layers.Permute(()), ValueError, "dims="),
    (lambda: layers.Permute((2, 1))(IMAGES), ValueError, "Expected 3 axes"),
    (lambda: layers.RepeatVector(2.0), TypeError, "n=2.0, a float"),
    (lambda: layers.RepeatVector(True), TypeError, "n=True"),
    (lambda: layers.RepeatVector(0), ValueError, "n=0"),
    (lambda: layers.RepeatVector(2)(IMAGES), ValueError, "Expected 2 axes"),
    (lambda: layers.ZeroPadding1D(-1), ValueError, "padding"),
    (lambda: layers.ZeroPadding1D((1, 2, 3)), ValueError, "padding"),
    (lambda: layers.ZeroPadding1D(1, "channels_first"), ValueError, "channels_first"),
    (lambda: layers.ZeroPadding2D(-1), ValueError, "padding"),
    (lambda: layers.ZeroPadding2D((1, 2, 3)), ValueError, r"\(top, bottom\)"),
    (lambda: layers.ZeroPadding2D(((1, 2), (3, -4))), ValueError, "padding"),
    (lambda: layers.ZeroPadding2D("ab"), ValueError, "'ab'"),
    (lambda: layers.ZeroPadding2D(1.5), ValueError, "1.5"),
    (lambda: layers.ZeroPadding2D(1)(SEQUENCES), ValueError, "channels last"),
    (lambda: layers.Cropping1D((3, 2))(SEQUENCES), ValueError, "output would be empty"),
    (lambda: layers.Cropping2D((2, 0))(IMAGES), ValueError, "output would be empty"),
    (lambda: layers.Cropping2D(-1), ValueError, "cropping"),
    (lambda: layers.Cropping2D(1, "channels_first"), ValueError, "channels_first"),
    (lambda: layers.UpSampling1D(1.5), TypeError, "size=1.5"),
    (lambda: layers.UpSampling1D(0), ValueError, "size=0"),
    (lambda: layers.UpSampling2D(0), ValueError, "size"),
    (lambda: layers.UpSampling2D(interpolation="bilinar"), ValueError, "mean 'bilinear'"),
    (lambda: layers.UpSampling2D()(IMAGES[:, :0]), ValueError, "without pixels"),
    (lambda: layers.Resizing(0, 3), ValueError, "height=0"),
    (lambda: layers.Resizing(3, 2.5), TypeError, "width=2.5"),
    (lambda: layers.Resizing(3, 3, "lanczos4"), ValueError, "mean 'lanczos"),
    (lambda: layers.Resizing(3, 3, fill_mode="reflect"), ValueError, "fill_mode='reflect'"),
    (
        lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
        ValueError,
        "at most one of them",
    ),
    (lambda: layers.Resizing(3, 3, bounding_box_format="xyxy"), ValueError, "no boxes"),
    (lambda: layers.Resizing(3, 3, data_format="channels_first"), ValueError, "channels_first"),
    (lambda: layers.Resizing(3, 3)(VECTORS), ValueError, r"one image \(H, W, C\)"),
    (lambda: layers.Resizing(3, 3)(IMAGES[:, :, :0]), ValueError, "without pixels"),
    (lambda: layers.Resizing(3, 3)({"images": IMAGES}), TypeError, "received a dict"),
    (lambda: layers.CenterCrop(3, 0), ValueError, "width=0"),
    (lambda: layers.CenterCrop(3, 3)({"images": IMAGES}), TypeError, "received a dict"),
]


@pytest.mark.parametrize(("make", "kind", "message"), REFUSED)
def test_what_makes_no_sense_is_refused_with_its_name(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_a_built_cropping_refuses_a_smaller_image():
    layer = layers.Cropping2D(1)
    layer(IMAGES)
    with pytest.raises(ValueError, match="output would be empty"):
        layer(IMAGES[:, :2])
