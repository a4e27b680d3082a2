"""Augmentations: what they draw, what they do with it, and what they refuse."""

from __future__ import annotations

import math
from fractions import Fraction

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import scratchnet as sn
from reference.cases.augmentation_layers import FLOAT32, RESIZED, errors
from scratchnet import layers, ops
from scratchnet.callbacks.random_state import random_state, restore_random_state
from scratchnet.ops.formulas.affine_transform import FILL_MODES, INTERPOLATIONS

MAKE = {
    "RandomFlip": lambda **a: layers.RandomFlip(**a),
    "RandomCrop": lambda **a: layers.RandomCrop(4, 5, **a),
    "RandomRotation": lambda **a: layers.RandomRotation(0.2, **a),
    "RandomTranslation": lambda **a: layers.RandomTranslation(0.2, 0.3, **a),
    "RandomZoom": lambda **a: layers.RandomZoom(0.5, 0.3, **a),
    "RandomContrast": lambda **a: layers.RandomContrast(0.5, **a),
    "RandomBrightness": lambda **a: layers.RandomBrightness(0.5, **a),
    "RandomErasing": lambda **a: layers.RandomErasing((0.9, 1), **a),
}
every_layer = pytest.mark.parametrize("name", MAKE)
modes = pytest.mark.parametrize("fill_mode", FILL_MODES)
seeds = st.integers(0, 2**32 - 1)
N = 20_000  # images that a share is counted over


def images(samples=4, dtype=np.float32, size=(6, 7)):
    return np.random.default_rng(0).uniform(0, 255, (samples, *size, 3)).astype(dtype)


# The affine transform: beside TensorFlow's, in fractions, and its transpose


@modes
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@given(seed=seeds, size=st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_affine_transform_is_tensorflow_s(interpolation, fill_mode, seed, size):
    """The very cells that TensorFlow reads, far outside of the image too."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((3, *size, 2))
    matrix = rng.uniform(-2, 2, (3, 2, 3)) * [1, 1, 3 * max(size)]
    matrix = matrix.astype(np.float32)
    y = ops.affine_transform(x, matrix, interpolation, fill_mode, 0.5)
    flat = np.concatenate([matrix.reshape(3, 6), np.zeros((3, 2))], axis=1)
    theirs = keras.ops.image.affine_transform(x, flat, interpolation, fill_mode, 0.5)
    bound = 0 if interpolation == "nearest" else FLOAT32 * max(np.abs(x).max(), 0.5)
    assert np.abs(y - theirs).max() <= bound


def in_fractions(x, matrix, interpolation, fill_mode, fill_value):
    """The formula of the docstring for one image (H, W), one cell at a time, without rounding."""

    def brought_back(s, n):
        if fill_mode == "constant":
            return s
        if fill_mode == "reflect":
            p = max(s, -1 - s) % (2 * n)
            s = min(p, 2 * n - 1 - p)
        elif fill_mode == "wrap" and s < 0:
            s += n * (math.floor(-s / max(n - 1, 1)) + 1)
        elif fill_mode == "wrap" and s > n - 1:
            s -= n * math.floor(s / max(n - 1, 1))
        return min(max(s, 0), n - 1)

    def near(s):
        if interpolation == "nearest":
            return [(math.floor(abs(s) + Fraction(1, 2)) * (1 if s > 0 else -1), 1)]
        return [(math.floor(s) + k, max(0, 1 - abs(s - math.floor(s) - k))) for k in (0, 1)]

    height, width = x.shape
    y = np.zeros(x.shape, object)
    m = [[Fraction(float(entry)) for entry in row] for row in matrix]
    for r in range(height):
        for q in range(width):
            s, t = (a * q + b * r + c for a, b, c in m)
            for i, of_row in near(brought_back(t, height)):
                for j, of_column in near(brought_back(s, width)):
                    exists = 0 <= i < height and 0 <= j < width
                    value = int(x[i, j]) if exists else fill_value
                    y[r, q] += of_row * of_column * value
    return y.astype(np.float64)


dyadic = st.integers(-24, 24).map(lambda n: n / 8)
matrices = st.lists(dyadic, min_size=6, max_size=6).map(
    lambda entries: np.float32(entries).reshape(1, 2, 3) * np.float32([1, 1, 4])
)


@modes
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@given(matrix=matrices, size=st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_affine_transform_is_its_formula_in_fractions(interpolation, fill_mode, matrix, size):
    """Eighths and integers, so that nothing is rounded in float64."""
    x = np.arange(1.0, 1 + math.prod(size)).reshape(size)
    y = ops.affine_transform(x[None, :, :, None], matrix, interpolation, fill_mode, 7)
    assert np.array_equal(y[0, :, :, 0], in_fractions(x, matrix[0], interpolation, fill_mode, 7))


@modes
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@given(matrix=matrices, seed=seeds)
def test_the_gradient_is_the_transpose(interpolation, fill_mode, matrix, seed):
    """⟨g, A·v⟩ = ⟨Aᵀ·g, v⟩ exactly, for integers and eighths."""
    rng = np.random.default_rng(seed)
    v, g = rng.integers(-9, 10, (2, 1, 4, 5, 2)).astype(np.float64)
    forward = ops.affine_transform(v, matrix, interpolation, fill_mode)
    backward = ops.affine_transform_backward(g, matrix, interpolation, fill_mode)
    assert (g * forward).sum() == (backward * v).sum()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@given(right=st.integers(-6, 6), down=st.integers(-6, 6))
def test_tensorflow_s_gradient_is_the_transpose_where_whole_cells_move(interpolation, right, down):
    import tensorflow as tf

    x = tf.constant(images(1, np.float64))
    dy = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32).astype(np.float64)
    matrix = ops.translation_matrix(np.array([[right, down]], np.float64))
    with tf.GradientTape() as tape:
        tape.watch(x)
        flat = np.append(matrix.ravel(), [0, 0])[None]
        y = keras.ops.image.affine_transform(x, flat, interpolation, "constant")
    theirs = tape.gradient(y, x, output_gradients=dy)
    ours = ops.affine_transform_backward(dy, matrix, interpolation, "constant")
    assert np.array_equal(ours, theirs)


@given(angle=st.floats(-360, 360), rows=st.integers(1, 300), columns=st.integers(1, 300))
def test_the_rotation_matrix_is_keras_s_but_for_its_float32(angle, rows, columns):
    angles = np.array([angle])
    ours = ops.rotation_matrix(angles, (rows, columns)).reshape(6)
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    theirs = keras.layers.RandomRotation(0.1)._compute_affine_matrix(
        center_x=0.5,
        center_y=0.5,
        angle=keras.ops.convert_to_tensor(angles, "float32"),
        translate_x=zero,
        translate_y=zero,
        scale=one,
        shear_x=zero,
        shear_y=zero,
        height=rows,
        width=columns,
    )
    # An angle of up to 2π, its sine and cosine, and three products and sums with half a size
    bound = 2.0**-24 * 16 * np.array([1, 1, max(rows, columns)] * 2)
    assert (np.abs(ours - np.asarray(theirs)[0, :6]) <= bound).all()


def test_a_quarter_turn_is_counter_clockwise_and_exact():
    x = images(2, np.float64, (5, 5))
    for interpolation in INTERPOLATIONS:
        layer = layers.RandomRotation((0.25, 0.25), "constant", interpolation, dtype="float64")
        bound = 1e-4 if interpolation == "bilinear" else 0  # cos 90° is 6e-17, and M is float32
        assert np.abs(layer(x) - np.rot90(x, axes=(1, 2))).max() <= bound


# The layers beside Keras's


def numbers(low, high):
    return st.floats(low, high, allow_subnormal=False)  # TensorFlow makes them 0


pairs = st.tuples(numbers(-1, 1), numbers(-1, 1))
shares = numbers(0, 1) | st.tuples(numbers(0, 1), numbers(0, 1))
ranges = st.tuples(numbers(-300, 300), numbers(-300, 300)).map(sorted)
affine = {
    "fill_mode": st.sampled_from(FILL_MODES),
    "interpolation": st.sampled_from(INTERPOLATIONS),
    "fill_value": st.sampled_from([0.0, 0.5, -3.0]),
}
ARGUMENTS = {
    "RandomFlip": {"mode": st.sampled_from(["horizontal", "vertical", "horizontal_and_vertical"])},
    "RandomCrop": {"height": st.integers(1, 9), "width": st.integers(1, 9)},
    "RandomRotation": affine | {"factor": numbers(-1, 1) | pairs},
    "RandomTranslation": affine
    | {"height_factor": numbers(-1, 1) | pairs, "width_factor": numbers(-1, 1) | pairs},
    "RandomZoom": affine
    | {
        "height_factor": numbers(-0.99, 1) | st.just((-0.5, 1)),
        "width_factor": st.none() | numbers(-0.99, 1) | st.just((0.3, -0.2)),
    },
    "RandomContrast": {"factor": shares, "value_range": ranges},
    "RandomBrightness": {"factor": numbers(-1, 1) | pairs, "value_range": ranges},
    "RandomErasing": {
        "factor": shares,
        "scale": shares,
        "fill_value": st.none() | numbers(-300, 300) | st.just([1.0, 2.0, 300.0]),
        "value_range": ranges,
    },
}


@pytest.mark.usefixtures("float64")
@every_layer
@given(data=st.data(), seed=seeds)
def test_every_layer_is_keras_s_for_any_arguments(name, data, seed):
    arguments = {key: data.draw(values) for key, values in ARGUMENTS[name].items()}
    size = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    layer = getattr(layers, name)(**arguments, seed=seed)
    x = images(3, np.float64, size)
    # A resized output has float32 precision in Keras, and so has a bilinear one, relative to the
    # largest of the images' and the fill values, 255, of which the output may hold small ones only
    bound = 1e-12
    if name == "RandomCrop" and not (size[0] >= layer.height and size[1] >= layer.width):
        bound = RESIZED
    if arguments.get("interpolation") == "bilinear":
        bound = FLOAT32 * max(1, 255 / np.abs(layer(x)).max())
        layer.seed_state[1] = 0
    found = errors(layer, x)
    assert max(found.values()) <= bound, found


@pytest.mark.parametrize("name", ["RandomContrast", "RandomBrightness"])
def test_a_value_on_the_border_of_the_range_was_not_clipped(name, float64):
    x = np.array([0.0, 0.0, 64.0, 255.0, 255.0, 191.0]).reshape(1, 2, 3, 1)
    layer = getattr(layers, name)((0, 0), seed=1)
    found = errors(layer, x)
    assert max(found.values()) <= 1e-12, found
    y, saved = layer.forward(x, True)
    assert np.array_equal(layer.backward(np.ones_like(y), saved)[0], np.ones_like(x))


@every_layer
def test_a_twin_s_second_call_draws_our_second_numbers(name, float64):
    from reference.agreement import built_twin

    layer = MAKE[name](seed=3)
    x = images(dtype=np.float64)
    layer(x)
    theirs = built_twin(layer)
    for _ in range(2):
        y, other = layer(x), theirs(x)
        assert np.abs(y - other).max() <= FLOAT32 * 255
        assert layer.seed_state.tolist() == theirs.generator.state.numpy().tolist()


def test_whole_runs_of_training_with_augmentations_end_at_the_same_weights(float64):
    """Without bilinear values, which Keras rounds to float32."""
    sn.set_random_seed(0)
    model = sn.Sequential(
        [
            layers.Input((9, 8, 1)),
            layers.RandomFlip(),
            layers.RandomTranslation(0.2, 0.2, "constant", interpolation="nearest"),
            layers.RandomRotation(0.1, "nearest", "nearest"),
            layers.RandomZoom(0.2, interpolation="nearest"),
            layers.RandomCrop(7, 6),
            layers.RandomContrast((0.5, 0.5)),
            layers.RandomBrightness(0.25),
            layers.RandomErasing(),
            layers.Rescaling(1 / 128, -1.0),
            layers.Conv2D(4, 3, activation="tanh"),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    rng = np.random.default_rng(0)
    # Bytes, because a compiled RandomCrop rounds its images to float32
    x = rng.integers(0, 256, (64, 9, 8, 1)).astype(np.float64)
    y = np.eye(3)[rng.integers(0, 3, 64)]
    assert reference.weights_after_training(model, x, y, steps=4, batch_size=16) <= 1e-9


# What is drawn


def within_5_sigma(share, probability):
    assert abs(share - probability) <= 5 * math.sqrt(probability * (1 - probability) / N)


def is_uniform(numbers, low, high):
    """Inside of the interval, near both ends of it, with its mean and variance, within 5 σ."""
    numbers = np.ravel(numbers)
    width = high - low
    assert low <= numbers.min() < low + 0.01 * width
    assert high - 0.01 * width < numbers.max() <= high
    assert abs(numbers.mean() - (low + high) / 2) < 5 * width / math.sqrt(12 * len(numbers))
    # The variance of a uniform's square deviation is width⁴ / 180
    bound = 5 * width**2 / math.sqrt(180 * len(numbers))
    assert abs(numbers.var() - width**2 / 12) < bound


@pytest.mark.parametrize("key", [(1, 0), (7, 3), (2**32 - 1, 2**32 - 1)])
def test_uniform_numbers_are_uniform_and_independent(key):
    u = ops.uniform((N,), -3, 5, key)
    is_uniform(u, -3, 5)
    following = ops.uniform((N,), -3, 5, (key[0], (key[1] + 1) % 2**32))
    for other in (u[1:], following):
        product = ((u[: len(other)] - 1) * (other - 1)).mean()
        assert abs(product) < 5 * (64 / 12) / math.sqrt(N)


SHAPE = (N, 4, 6, 1)


def test_half_of_the_images_are_flipped():
    within_5_sigma(layers.RandomFlip(seed=1).draw(SHAPE)["flips"].mean(), 0.5)


@pytest.mark.parametrize(
    ("layer", "parameter", "low", "high"),
    [
        (layers.RandomRotation(0.2, seed=1), "angle", -72, 72),
        (layers.RandomRotation((-0.1, 0.5), seed=1), "angle", -36, 180),
        (layers.RandomZoom((-0.5, 0.25), seed=1), "height_zoom", 0.5, 1.25),
        (layers.RandomZoom(0.5, (0, 1), seed=1), "width_zoom", 1, 2),
        (layers.RandomContrast((0.25, 0.5), seed=1), "contrast_factor", 0.75, 1.5),
        (layers.RandomContrast(0.5, seed=1), "contrast_factor", 1, 1.5),
        (layers.RandomBrightness(0.5, seed=1), "rgb_delta", -127.5, 127.5),
        (layers.RandomBrightness((0, 1), (-1, 3), seed=1), "rgb_delta", 0, 4),
    ],
)
def test_parameters_are_uniform_between_their_bounds(layer, parameter, low, high):
    is_uniform(layer.draw(SHAPE)[parameter], low, high)


def test_translations_are_shares_of_width_and_height():
    drawn = layers.RandomTranslation((-0.5, 0), 0.5, seed=1).draw(SHAPE)["translations"]
    is_uniform(drawn[:, 0], -3, 3)
    is_uniform(drawn[:, 1], -2, 0)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 5 / math.sqrt(N)


def test_a_zoom_without_a_width_keeps_shapes():
    drawn = layers.RandomZoom(0.5, seed=1).draw(SHAPE)
    assert drawn["width_zoom"] is drawn["height_zoom"]


def test_every_place_of_a_crop_is_equally_likely():
    layer = layers.RandomCrop(3, 4, seed=1)
    counts = np.zeros((3, 3))
    calls = 2000
    for _ in range(calls):
        drawn = layer.draw((1, 5, 6, 1))
        counts[int(drawn["h_start"]), int(drawn["w_start"])] += 1
    assert (np.abs(counts / calls - 1 / 9) < 5 * math.sqrt(8 / 81 / calls)).all()


def test_images_are_erased_as_often_and_as_far_as_said():
    always = layers.RandomErasing((1, 1), (0.25, 0.25), seed=1).draw((N, 20, 10, 1))
    assert always["apply_erasing"].all()
    masks = always["batch_masks"]
    assert (masks.sum(axis=(1, 2, 3)) == 10 * 5).all()  # half of each side
    # Its first row: where e·(20 − 10) is rounded up to, 0 … 10, but for 0 of probability 0
    first = masks.any(axis=(2, 3)).argmax(axis=1)
    for row in range(1, 11):
        within_5_sigma((first == row).mean(), 0.1)
    for factor, probability in ((1.0, 0.5), ((0.5, 0.75), 0.625), (0, 0)):
        drawn = layers.RandomErasing(factor, seed=2).draw((N, 2, 2, 1))["apply_erasing"]
        within_5_sigma(drawn.mean(), probability)
    noise = layers.RandomErasing(value_range=(-1e9, 2), seed=3).draw((N, 1, 1, 1))["fill_value"]
    assert noise.max() <= 2
    within_5_sigma((noise < 2).mean(), 0.841345)  # a normal number below 1


# How they behave


@every_layer
def test_a_seed_repeats_two_calls_differ_and_each_image_has_its_own(name):
    x = np.repeat(images(1), 8, axis=0)
    layer, again, other = MAKE[name](seed=7), MAKE[name](seed=7), MAKE[name](seed=8)
    first, second = layer(x), layer(x)
    assert np.array_equal(again(x), first)
    assert np.array_equal(again(x), second)
    assert not np.array_equal(first, second)
    assert not np.array_equal(other(x), first)
    same = all(np.array_equal(first[0], image) for image in first)
    assert same is (name == "RandomCrop")


def test_set_random_seed_repeats_layers_without_a_seed():
    outputs = []
    for _ in range(2):
        sn.set_random_seed(3)
        outputs.append([make()(images()) for make in MAKE.values()])
    for first, second in zip(*outputs, strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("name", [n for n in MAKE if n != "RandomCrop"])
def test_inference_is_the_identity(name):
    x = images()
    layer = MAKE[name]()
    assert np.array_equal(layer(x, training=False), x)
    y, saved = layer.forward(x, False)
    assert layer.backward(y, saved)[0] is y
    assert layer.seed_state[1] == 0


def test_a_crop_at_inference_is_the_largest_part_in_the_middle_in_the_new_size():
    x = images(2, size=(9, 12))
    layer = layers.RandomCrop(3, 2)
    y, saved = layer.forward(x, False)
    expected = layers.Resizing(3, 2, crop_to_aspect_ratio=True)
    theirs, kept = expected.forward(x, False)
    assert np.array_equal(y, theirs)
    assert np.array_equal(layer.backward(y, saved)[0], expected.backward(y, kept)[0])
    assert np.array_equal(layers.RandomCrop(9, 12)(x, training=False), x)


@every_layer
def test_alone_a_layer_trains_and_in_a_model_the_model_decides(name):
    """As in Keras."""
    x = images()
    layer = MAKE[name](seed=1)
    y = layer(x)
    assert layer.seed_state[1] > 0
    assert np.array_equal(y, MAKE[name](seed=1)(x, training=True))
    model = sn.Sequential([layers.Input((6, 7, 3)), MAKE[name](seed=1)])
    assert np.array_equal(model(x, training=True), y)
    assert np.array_equal(model.predict(x, verbose=0), layer(x, training=False))
    symbolic = layers.Input((6, 7, 3))
    graph = sn.Model(symbolic, MAKE[name](seed=1)(symbolic))
    assert np.array_equal(graph(x, training=True), y)
    assert graph.output_shape == (None, *y.shape[1:])


@every_layer
def test_one_image_is_a_batch_of_one(name):
    x = images(1)
    one, batch = MAKE[name](seed=5), MAKE[name](seed=5)
    y, saved = one.forward(x[0], True)
    expected, kept = batch.forward(x, True)
    assert np.array_equal(y, expected[0])
    assert np.array_equal(one.backward(y, saved)[0], batch.backward(expected, kept)[0][0])
    assert one.compute_output_shape((6, 7, 3)) == y.shape


@every_layer
def test_nobody_asks_for_the_gradient_of_the_images(name):
    layer = MAKE[name](seed=5)
    y, saved = layer.forward(images(), True)
    assert layer.backward(y, saved, needs_dx=False) == (None, [])


@every_layer
def test_bytes_become_numbers_of_the_layer_s_dtype(name):
    x = images().astype(np.uint8)
    y = MAKE[name](seed=5)(x)
    assert y.dtype == np.float32
    assert np.array_equal(y, MAKE[name](seed=5)(x.astype(np.float32)))
    assert MAKE[name](seed=5)(x, training=False).dtype == np.float32


@every_layer
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay_and_float16_is_near_float64(name, dtype):
    x = images().astype(np.uint8)
    layer = MAKE[name](seed=5, dtype=dtype)
    y, saved = layer.forward(x.astype(dtype), True)
    dx, _ = layer.backward(y, saved)
    assert y.dtype == dx.dtype == dtype
    expected = MAKE[name](seed=5, dtype="float64")(x)
    assert np.abs(y - expected).max() <= 255 * 8 * np.finfo(dtype).eps + 255 * FLOAT32


@every_layer
@pytest.mark.parametrize("shape", [(0, 6, 7, 3), (2, 1, 1, 1), (1, 1, 9, 3), (2, 6, 7, 0)])
def test_no_image_one_pixel_and_no_channel(name, shape):
    layer = MAKE[name](seed=1)
    layer.ensure_built((None, *shape[1:]))
    if name == "RandomCrop" and 0 in shape:
        shape = (*shape[:3], max(shape[3], 1))
    y, saved = layer.forward(np.ones(shape, np.float32), True)
    dx, _ = layer.backward(np.ones_like(y), saved)
    assert y.shape == layer.compute_output_shape(shape)
    assert dx.shape == shape
    assert np.isfinite(y).all()


def test_a_pixel_that_is_nan_spreads_no_further_than_its_readers():
    x = np.ones((1, 4, 4, 1))
    x[0, 0, 0] = np.nan
    half = ops.translation_matrix(np.array([[0.5, 0.0]]))
    y = ops.affine_transform(x, half, fill_mode="constant")
    assert np.argwhere(np.isnan(y)).tolist() == [[0, 0, 0, 0], [0, 0, 1, 0]]
    z, in_range = ops.adjust_brightness(x, np.zeros((1, 1, 1, 1)), (0, 255))
    assert np.isnan(z).sum() == 1
    assert in_range.all()


@every_layer
def test_inputs_are_never_written_to(name):
    x = images()
    x.flags.writeable = False
    layer = MAKE[name](seed=1)
    y, saved = layer.forward(x, True)
    y.flags.writeable = False
    layer.backward(y, saved)


def test_a_backup_restores_what_comes_next():
    model = sn.Sequential([layers.Input((6, 7, 3)), *(make() for make in MAKE.values())])
    x = images()
    model(x, training=True)
    state = random_state(model)
    assert len(state["layers"]) == len(MAKE)
    following = model(x, training=True)
    assert not np.array_equal(model(x, training=True), following)
    restore_random_state(model, state)
    assert np.array_equal(model(x, training=True), following)


def test_augmentations_stand_in_front_of_a_network_that_learns(tmp_path):
    sn.set_random_seed(1)
    model = sn.Sequential(
        [
            layers.Input((6, 7, 3)),
            layers.RandomFlip(),
            layers.RandomRotation(0.1),
            layers.RandomErasing(value_range=(0, 1)),
            layers.Flatten(),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile(sn.optimizers.Adam(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = images(200) / 255
    labels = np.arange(200) % 2
    x[labels == 1] += 1
    model.fit(x, labels, epochs=10, verbose=0)
    assert model.evaluate(x, labels, verbose=0)[1] > 0.9
    model.save(tmp_path / "model.keras")
    copy = sn.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
    theirs = keras.saving.load_model(tmp_path / "model.keras")
    assert np.allclose(theirs.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


@every_layer
def test_configurations_are_keras_s(name):
    layer = MAKE[name](seed=5)
    config = layer.get_config()
    theirs = getattr(keras.layers, name).from_config(config).get_config()

    def plain(values):
        return {
            k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if k != "dtype"
        }

    assert plain(theirs) == plain(config)
    again = type(layer).from_config(theirs)
    assert again.get_config() == config


@every_layer
def test_defaults_are_keras_s(name):
    import inspect

    ours = inspect.signature(getattr(layers, name).__init__).parameters
    theirs = inspect.signature(getattr(keras.layers, name).__init__).parameters
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.RandomFlip("horizontl"), ValueError, "Did you mean 'horizontal'"),
        (lambda: layers.RandomFlip(data_format="channels_first"), ValueError, "channels-last"),
        (lambda: layers.RandomFlip(bounding_box_format="xyxy"), ValueError, "no boxes"),
        (lambda: layers.RandomFlip(seed=-1), ValueError, "seed=-1"),
        (lambda: layers.RandomFlip(factor=1), TypeError, "factor"),
        (lambda: layers.RandomCrop(0, 3), ValueError, "height"),
        (lambda: layers.RandomCrop(3, 2.5), TypeError, "width"),
        (lambda: layers.RandomRotation(1.5), ValueError, r"factor=1.5. Expected a number or two"),
        (lambda: layers.RandomRotation((-2, 0.5)), ValueError, r"factor=\(-2, 0.5\)"),
        (lambda: layers.RandomRotation((0.1, 0.2, 0.3)), ValueError, "or two"),
        (lambda: layers.RandomRotation("0.1"), ValueError, "factor='0.1'"),
        (lambda: layers.RandomRotation(float("nan")), ValueError, "factor=nan"),
        (lambda: layers.RandomRotation(0.1, "mirror"), NotImplementedError, "Unknown fill_mode of"),
        (
            lambda: layers.RandomZoom(0.1, interpolation="bilinar"),
            NotImplementedError,
            "interpolation of RandomZoom 'bilinar'. Did you mean 'bilinear'",
        ),
        (lambda: layers.RandomTranslation(0.1, 2), ValueError, "width_factor=2"),
        (lambda: layers.RandomTranslation(-1.1, 0), ValueError, "height_factor=-1.1"),
        (lambda: layers.RandomZoom(-1), ValueError, "height_factor=-1. .* above -1 to 1"),
        (lambda: layers.RandomZoom(0.5, (-1.0, 0)), ValueError, "width_factor"),
        (lambda: layers.RandomContrast(-0.1), ValueError, "from 0 to 1"),
        (lambda: layers.RandomContrast(0.1, (255, 0)), ValueError, r"value_range=\(255, 0\)"),
        (lambda: layers.RandomBrightness(1.1), ValueError, "factor=1.1"),
        (lambda: layers.RandomBrightness(0.1, 255), ValueError, "value_range=255"),
        (lambda: layers.RandomErasing(2.0), ValueError, "factor=2.0"),
        (lambda: layers.RandomErasing(scale=(0.1, 1.1)), ValueError, "scale"),
        (lambda: layers.RandomErasing(fill_value=[1, 2]), ValueError, r"fill_value=\[1, 2\]"),
        (lambda: layers.RandomErasing(fill_value="noise"), ValueError, "fill_value='noise'"),
        (lambda: layers.RandomErasing(value_range=(1, 2, 3)), ValueError, "value_range"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@every_layer
@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ({"images": images(), "labels": np.ones(4)}, TypeError, "received a dict"),
        (np.ones((6, 7)), ValueError, r"images \(N, H, W, C\), channels last, or one image"),
        (np.ones((2, 3, 6, 7, 1)), ValueError, "5 axes"),
        (np.ones((2, 0, 7, 1)), ValueError, "at least one row and one column"),
    ],
)
def test_inputs_that_are_refused_change_nothing(name, inputs, error, message):
    layer = MAKE[name](seed=1)
    with pytest.raises(error, match=message):
        layer(inputs)
    assert layer.seed_state.tolist() == [1, 0]
    assert not layer.built


def test_three_fill_values_need_three_channels():
    layer = layers.RandomErasing(fill_value=[1, 2, 3], seed=1)
    with pytest.raises(ValueError, match=r"has three values, but the input of .* has 1 channels"):
        layer(images()[..., :1])
    assert layer.seed_state[1] == 0
