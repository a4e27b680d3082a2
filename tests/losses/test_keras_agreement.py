"""Losses and their gradients equal Keras's in float64, to 1e-12, under any arguments."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from reference import relative_error
from reference.cases.losses import REDUCTIONS, loss_error
from scratchnet import losses

pytestmark = pytest.mark.usefixtures("float64")

BOUND = 1e-12


@st.composite
def samples(draw, targets, scale=1.0, axis=False):
    """(y_true, logits, probabilities, sample_weight, axis) of some shape (N, …, C)."""
    shape = draw(st.lists(st.integers(2, 4), min_size=2, max_size=4).map(tuple))
    chosen = draw(st.integers(-len(shape), len(shape) - 1)) if axis else -1
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(0, draw(st.sampled_from([scale, 1.0])), shape)
    powers = np.exp(logits - logits.max(axis=chosen, keepdims=True))
    labels = rng.integers(0, shape[-1], shape[:-1])
    y_true = {
        "labels": lambda: labels,
        "one-hot": lambda: np.eye(shape[-1])[labels],
        "yes or no": lambda: rng.integers(0, 2, shape).astype(np.float64),
        "real": lambda: rng.normal(size=shape),
        "counts": lambda: rng.poisson(2.0, shape).astype(np.float64),
    }[targets]()
    per_sample = tuple(np.delete(shape, chosen))
    weight_shape = draw(st.sampled_from([None, (), per_sample, (*per_sample, 1), (2, *per_sample)]))
    weight = None if weight_shape is None else rng.uniform(0.5, 2, weight_shape)
    return y_true, logits, powers / powers.sum(axis=chosen, keepdims=True), weight, chosen


reductions = st.sampled_from(REDUCTIONS)
smoothings = st.sampled_from([0.0, 0.1])


@pytest.mark.parametrize(
    "kind",
    [
        losses.MeanSquaredError,
        losses.MeanAbsoluteError,
        losses.MeanAbsolutePercentageError,
        losses.MeanSquaredLogarithmicError,
        losses.LogCosh,
    ],
)
@given(case=samples("real", 30.0), reduction=reductions)
def test_errors_of_real_numbers(kind, case, reduction):
    y, predictions, _, weight, _ = case
    assert loss_error(kind(reduction), y, predictions, weight) <= BOUND


@given(case=samples("real", 10.0), delta=st.floats(0.1, 5), reduction=reductions)
def test_huber(case, delta, reduction):
    y, predictions, _, weight, _ = case
    assert loss_error(losses.Huber(delta, reduction), y, predictions, weight) <= BOUND


@given(case=samples("real", axis=True), reduction=reductions)
def test_cosine_similarity_along_any_axis(case, reduction):
    y, predictions, _, weight, axis = case
    assert loss_error(losses.CosineSimilarity(axis, reduction), y, predictions, weight) <= BOUND


@pytest.mark.parametrize("kind", [losses.Hinge, losses.SquaredHinge, losses.CategoricalHinge])
@given(case=samples("yes or no"), signs=st.booleans(), reduction=reductions)
def test_hinges_read_both_0_1_and_minus_1_1(kind, case, signs, reduction):
    y, predictions, _, weight, _ = case
    assert loss_error(kind(reduction), 2 * y - 1 if signs else y, predictions, weight) <= BOUND


@given(case=samples("one-hot", 30.0), reduction=reductions)
def test_kl_divergence(case, reduction):
    y, _, probabilities, weight, _ = case
    assert loss_error(losses.KLDivergence(reduction), y, probabilities, weight) <= BOUND


@given(case=samples("counts"), reduction=reductions)
def test_poisson(case, reduction):
    y, predictions, _, weight, _ = case
    assert loss_error(losses.Poisson(reduction), y, np.exp(predictions), weight) <= BOUND


@given(
    case=samples("one-hot", 300.0, axis=True),
    from_logits=st.booleans(),
    smoothing=smoothings,
    reduction=reductions,
)
def test_categorical_cross_entropy_along_any_axis(case, from_logits, smoothing, reduction):
    y, logits, probabilities, weight, axis = case
    axis %= y.ndim  # TensorFlow takes no other negative axis than -1
    if axis != y.ndim - 1:
        # TensorFlow's gradient from logits takes the targets along the axis to add up to 1
        y, smoothing = (np.indices(y.shape)[axis] == 1).astype(np.float64), 0.0
    loss = losses.CategoricalCrossentropy(from_logits, smoothing, axis, reduction)
    assert loss_error(loss, y, logits if from_logits else probabilities, weight) <= BOUND


@given(
    case=samples("yes or no", 300.0, axis=True),
    from_logits=st.booleans(),
    smoothing=smoothings,
    reduction=reductions,
)
def test_binary_cross_entropy_along_any_axis(case, from_logits, smoothing, reduction):
    y, logits, probabilities, weight, axis = case
    loss = losses.BinaryCrossentropy(from_logits, smoothing, axis, reduction)
    assert loss_error(loss, y, logits if from_logits else probabilities, weight) <= BOUND


@given(
    case=samples("labels", 300.0),
    from_logits=st.booleans(),
    ignored=st.sampled_from([None, 0, 255]),
    column=st.booleans(),
    reduction=reductions,
)
def test_sparse_cross_entropy(case, from_logits, ignored, column, reduction):
    y, logits, probabilities, weight, _ = case
    y.flat[0] = 1  # at least one label that counts
    if ignored == 255:
        y.flat[-1] = 255
    y = y[..., None] if column else y
    loss = losses.SparseCategoricalCrossentropy(from_logits, ignored, reduction)
    assert loss_error(loss, y, logits if from_logits else probabilities, weight) <= BOUND


@given(
    case=samples("yes or no", axis=True),
    balanced=st.booleans(),
    alpha=st.floats(0.1, 0.9),
    gamma=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.7]),
    from_logits=st.booleans(),
    smoothing=smoothings,
    reduction=reductions,
)
def test_binary_focal_cross_entropy(
    case, balanced, alpha, gamma, from_logits, smoothing, reduction
):
    y, logits, probabilities, weight, axis = case
    loss = losses.BinaryFocalCrossentropy(
        balanced, alpha, gamma, from_logits, smoothing, axis, reduction
    )
    assert loss_error(loss, y, logits if from_logits else probabilities, weight) <= BOUND


@given(
    case=samples("one-hot", axis=True),
    alpha=st.floats(0.1, 0.9),
    several=st.booleans(),
    gamma=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.7]),
    from_logits=st.booleans(),
    smoothing=smoothings,
    reduction=reductions,
)
def test_categorical_focal_cross_entropy(
    case, alpha, several, gamma, from_logits, smoothing, reduction
):
    y, logits, probabilities, weight, axis = case
    weights = [alpha + 0.1 * k for k in range(y.shape[-1])] if several else alpha
    loss = losses.CategoricalFocalCrossentropy(
        weights, gamma, from_logits, smoothing, axis, reduction
    )
    assert loss_error(loss, y, logits if from_logits else probabilities, weight) <= BOUND


@given(case=samples("labels"), q=st.floats(0.1, 0.9), reduction=reductions)
def test_generalized_cross_entropy(case, q, reduction):
    y, _, probabilities, weight, _ = case
    loss = losses.CategoricalGeneralizedCrossEntropy(q, reduction)
    assert loss_error(loss, y, probabilities, weight) <= BOUND


@given(
    case=samples("yes or no", axis=True),
    several=st.booleans(),
    alpha=st.floats(0.1, 2),
    reduction=reductions,
)
def test_losses_of_overlap_over_any_axes(case, several, alpha, reduction):
    y, _, probabilities, _, axis = case
    axes = None if several and axis == -1 else tuple(range(1, y.ndim)) if several else axis
    for loss in (
        losses.Dice(reduction, axis=axes),
        losses.Tversky(alpha, 1 - alpha / 2, reduction, axis=axes),
    ):
        per_sample = np.shape(loss_values(loss, y, probabilities))
        for shape in (None, (), per_sample, (*per_sample, 1)):
            weight = None if shape is None else np.full(shape, 0.75)
            assert loss_error(loss, y, probabilities, weight) <= BOUND


@given(
    seed=st.integers(0, 2**32 - 1),
    gamma=st.floats(1, 80),
    margin=st.floats(0.1, 0.9),
    reduction=reductions,
)
def test_circle_of_several_classes_with_and_without_partners(seed, gamma, margin, reduction):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(rng.integers(2, 9), 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    y = np.append(rng.integers(0, 4, len(vectors) - 2), [0, 0])  # one pair at least
    loss = losses.Circle(gamma, margin, reduction=reduction)
    for weight in (None, rng.uniform(0.5, 2, len(y)), rng.uniform(0.5, 2, (len(y), 1))):
        assert loss_error(loss, y, vectors, weight) <= BOUND


@pytest.mark.parametrize("labels", [[0, 0, 1], [0, 1, 1], [0, 1, 2]])
def test_embeddings_in_one_place_push_each_other_apart(labels):
    """A similarity of exactly 1 is the kink of the distance: its slope there is the one below."""
    y, embeddings = np.array(labels), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    for place in (embeddings, embeddings[:, ::-1], np.ones((3, 1)) * [1.0, 0.0]):
        theirs = tf.Variable(place)
        with tf.GradientTape() as tape:
            value = keras.losses.Circle(4.0, dtype="float64")(y, theirs)
        loss = losses.Circle(4.0)
        assert loss(y, place) == pytest.approx(float(value), rel=1e-12)
        slopes = tape.gradient(value, theirs).numpy()
        np.testing.assert_allclose(loss.gradient(y, place), slopes, rtol=1e-12, atol=1e-12)


def test_a_batch_without_pairs_has_circle_loss_0_and_no_gradient():
    for y in (np.arange(3), np.zeros(3)):
        loss = losses.Circle()
        assert loss_error(loss, y, np.eye(3)) == 0
        assert not loss.call_gradient(y.astype(np.int64), np.eye(3)).any()
    assert losses.Circle()(np.zeros(0), np.zeros((0, 3))) == 0


def loss_values(loss, y_true, y_pred):
    return type(loss).from_config(loss.get_config() | {"reduction": None})(y_true, y_pred)


@pytest.mark.parametrize("sample_shape", [(3,), (3, 2)])
@pytest.mark.parametrize("short", ["y_true", "y_pred"])
def test_a_last_axis_of_size_1_may_be_missing_on_one_side(sample_shape, short):
    rng = np.random.default_rng(0)
    y, predictions = rng.random((*sample_shape, 1)), rng.random((*sample_shape, 1))
    if short == "y_true":
        y = y[..., 0]
    else:
        predictions = predictions[..., 0]
    assert loss_error(losses.MeanSquaredError(), y, predictions, rng.random(3)[:1]) <= BOUND


def test_weights_that_add_up_to_0_give_0_as_in_keras():
    y, predictions = np.zeros((2, 3)), np.ones((2, 3))
    loss = losses.MeanSquaredError("mean_with_sample_weight")
    assert loss_error(loss, y, predictions, np.array([1.0, -1.0])) == 0
    assert loss(y, predictions, [1.0, -1.0]) == 0
    assert np.array_equal(loss.gradient(y, predictions, [1.0, -1.0]), np.zeros((2, 3)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_where_every_label_is_ignored_loss_and_gradient_are_0(reduction):
    loss = losses.SparseCategoricalCrossentropy(ignore_class=0, reduction=reduction)
    predictions = np.full((2, 3), 1 / 3)
    assert loss_error(loss, np.zeros(2), predictions) == 0
    assert np.all(loss(np.zeros(2), predictions) == 0)


def test_where_a_loss_bends_its_gradient_is_tensorflow_s():
    """On the very points, and one step of float64 to each side of them."""
    tiny = float(np.float32(1e-7))
    ignored = np.zeros(1)
    for loss, y, bends in (
        (losses.MeanAbsoluteError(), 0.5, [0.5]),
        (losses.MeanAbsolutePercentageError(), 0.5, [0.5]),
        (losses.MeanSquaredLogarithmicError(), 1.0, [tiny, 1e-7, 0.0, -2.0]),
        (losses.Huber(0.5), 0.25, [-0.25, 0.25, 0.75]),
        (losses.Hinge(), 1.0, [1.0]),
        (losses.Hinge(), -1.0, [-1.0]),
        (losses.SquaredHinge(), 1.0, [1.0]),
        (losses.KLDivergence(), 0.5, [1e-7, 1.0, 0.0, -1.0, 2.0]),
        (losses.KLDivergence(), 0.0, [0.5]),
        (losses.BinaryCrossentropy(), 1.0, [1e-7, 1 - 1e-7, 0.0, 1.0]),
        (losses.BinaryCrossentropy(), 0.0, [1e-7, 1 - 1e-7, 0.0, 1.0]),
        (losses.BinaryCrossentropy(from_logits=True), 1.0, [0.0]),
        (losses.BinaryFocalCrossentropy(), 1.0, [1e-7, 1 - 1e-7, 0.0, 1.0]),
        (losses.BinaryFocalCrossentropy(gamma=1.0), 0.0, [1e-7, 1 - 1e-7, 0.0, 1.0]),
    ):
        for bend in bends:
            for y_pred in (bend, np.nextafter(bend, 9), np.nextafter(bend, -9)):
                # two outputs, so that a gradient of 0 stands beside one that is not
                y_true, predictions = np.array([[y, 0.5]]), np.array([[y_pred, 0.25]])
                assert loss_error(loss, y_true, predictions) <= BOUND, (loss.name, y, y_pred)
    for first in (1e-7, 1 - 1e-7, 0.0, 1.0):
        predictions = np.array([[first, 1 - first, 0.0]])
        for loss in (
            losses.CategoricalCrossentropy(),
            losses.CategoricalFocalCrossentropy(),
        ):
            assert loss_error(loss, np.array([[1.0, 0.0, 0.0]]), predictions) <= BOUND
        assert loss_error(losses.SparseCategoricalCrossentropy(), ignored, predictions) <= BOUND


def test_equal_wrong_scores_share_the_gradient_of_the_categorical_hinge():
    y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    predictions = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 0.5], [-1.0, 0.0, -1.0], [2.0, 1.0, 0.0]])
    assert loss_error(losses.CategoricalHinge("sum"), y, predictions) == 0
    assert np.array_equal(
        losses.CategoricalHinge("sum").gradient(y, predictions)[0], [-1.0, 0.5, 0.5]
    )


def test_a_vector_too_short_to_have_a_direction():
    y = np.array([[3.0, 4.0]])
    for length in (0.0, 1e-8, 1e-7, 2e-7):
        predictions = length * np.array([[0.6, 0.8]])
        loss = losses.CosineSimilarity()
        ours, theirs = loss(y, predictions), keras.losses.CosineSimilarity()(y, predictions)
        assert relative_error(ours, theirs.numpy()) <= BOUND
    assert loss_error(loss, y, np.array([[0.0, 0.0]])) <= BOUND
    assert loss_error(loss, y, np.array([[1e-8, -3e-8]])) <= BOUND
    assert loss_error(loss, np.zeros((1, 2)), np.array([[1.0, 2.0]])) == 0


@pytest.mark.parametrize("z", [1000.0, -1000.0])
def test_logits_of_a_thousand_are_no_trouble(z):
    logits = np.array([[z, 0.0]])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert loss([0], logits) == max(-z, 0)
    assert np.array_equal(loss.gradient([0], logits), [[0.0, 0.0]] if z > 0 else [[-1.0, 1.0]])
    binary = losses.BinaryCrossentropy(from_logits=True)
    assert binary([[0.0]], [[z]]) == max(z, 0)
    focal = losses.BinaryFocalCrossentropy(from_logits=True)
    assert focal([[0.0]], [[z]]) == max(z, 0)
    assert np.isfinite(losses.LogCosh()([[0.0]], [[z]]))
