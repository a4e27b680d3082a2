"""The gradient check passes what is right and finds what is wrong."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import scratchnet as sn
from scratchnet import inspection, layers
from scratchnet.inspection import check_gradients, gradient_check
from scratchnet.inspection.differences import derivative

float64 = pytest.mark.usefixtures("float64")

IMAGE, ROWS = (2, 4, 4, 2), (2, 4, 3)
SIMPLE = {
    "Activation": (IMAGE, lambda: layers.Activation("gelu")),
    "ActivityRegularization": (IMAGE, lambda: layers.ActivityRegularization(l2=0.1)),
    "AlphaDropout": (IMAGE, lambda: layers.AlphaDropout(0.5)),
    "AveragePooling2D": (IMAGE, lambda: layers.AveragePooling2D(2)),
    "BatchNormalization": (IMAGE, layers.BatchNormalization),
    "CenterCrop": (IMAGE, lambda: layers.CenterCrop(2, 2)),
    "Conv1D": (ROWS, lambda: layers.Conv1D(2, 2)),
    "Conv1DTranspose": (ROWS, lambda: layers.Conv1DTranspose(2, 2)),
    "Conv2D": (IMAGE, lambda: layers.Conv2D(2, 3, padding="same", activation="tanh")),
    "Conv2DTranspose": (IMAGE, lambda: layers.Conv2DTranspose(2, 3, strides=2)),
    "Cropping2D": (IMAGE, lambda: layers.Cropping2D(1)),
    "Dense": (ROWS, lambda: layers.Dense(2, activation="softmax")),
    "DepthwiseConv2D": (IMAGE, lambda: layers.DepthwiseConv2D(3)),
    "Dropout": (IMAGE, lambda: layers.Dropout(0.5)),
    "ELU": (IMAGE, layers.ELU),
    "EinsumDense": (ROWS, lambda: layers.EinsumDense("abc,cd->abd", (None, 2), bias_axes="d")),
    "Flatten": (IMAGE, layers.Flatten),
    "GaussianDropout": (IMAGE, lambda: layers.GaussianDropout(0.5)),
    "GaussianNoise": (IMAGE, lambda: layers.GaussianNoise(0.5)),
    "GlobalAveragePooling2D": (IMAGE, layers.GlobalAveragePooling2D),
    "GlobalMaxPooling2D": (IMAGE, layers.GlobalMaxPooling2D),
    "GroupNormalization": (IMAGE, lambda: layers.GroupNormalization(2)),
    "Identity": (IMAGE, layers.Identity),
    "LayerNormalization": (IMAGE, layers.LayerNormalization),
    "LeakyReLU": (IMAGE, layers.LeakyReLU),
    "MaxPooling2D": (IMAGE, lambda: layers.MaxPooling2D(2)),
    "PReLU": (IMAGE, lambda: layers.PReLU("uniform")),
    "Permute": (IMAGE, lambda: layers.Permute((3, 1, 2))),
    "RMSNormalization": (IMAGE, layers.RMSNormalization),
    "ReLU": (IMAGE, layers.ReLU),
    "RepeatVector": ((2, 3), lambda: layers.RepeatVector(2)),
    "Rescaling": (IMAGE, lambda: layers.Rescaling(0.5, 1)),
    "Reshape": (IMAGE, lambda: layers.Reshape((8, 4))),
    "SeparableConv2D": (IMAGE, lambda: layers.SeparableConv2D(2, 3)),
    "Softmax": (ROWS, layers.Softmax),
    "SpatialDropout2D": (IMAGE, lambda: layers.SpatialDropout2D(0.5)),
    "UnitNormalization": (ROWS, layers.UnitNormalization),
    "UpSampling2D": (IMAGE, lambda: layers.UpSampling2D(2)),
    "ZeroPadding2D": (IMAGE, lambda: layers.ZeroPadding2D(1)),
}
MERGES = ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"]


@pytest.fixture(autouse=True)
def formulas():
    """Nothing needs compiling; the kernels are held to the formulas elsewhere."""
    with sn.use("formulas"):
        yield


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@float64
@pytest.mark.parametrize("name", SIMPLE)
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_every_simple_layer_passes(name, training):
    shape, make = SIMPLE[name]
    layer = make()
    found = check_gradients(layer, random(*shape), training=training, entries=8)
    assert found.passed, str(found)
    assert len(found.quantities) == 1 + len(layer.trainable_weights)


@float64
@pytest.mark.parametrize("name", MERGES)
def test_every_merge_passes(name):
    x = [random(2, 3, seed=0), random(2, 3, seed=1)]
    found = check_gradients(getattr(layers, name)(), x)
    assert found.passed, str(found)
    assert [quantity.name for quantity in found.quantities] == ["input 0", "input 1"]


@float64
def test_options_of_a_call_several_outputs_and_integers_pass():
    x = [random(2, 3, 4, seed=0), random(2, 3, 4, seed=1)]
    attention = layers.MultiHeadAttention(2, 3, dropout=0.25, seed=3)
    found = check_gradients(
        attention, x, entries=6, return_attention_scores=True, use_causal_mask=True
    )
    assert found.passed, str(found)
    assert len(found.quantities) == 2 + 8
    words = check_gradients(layers.Embedding(5, 2), np.array([[0, 4, 4]]))
    assert words.passed
    assert [quantity.name for quantity in words.quantities] == ["embeddings"]


def residual(**last):
    x = layers.Input((4, 4, 2))
    h = layers.Conv2D(2, 3, padding="same", kernel_regularizer="l2")(x)
    h = layers.BatchNormalization()(h)
    h = layers.Dropout(0.25, seed=1)(layers.Activation("silu", activity_regularizer="l2")(h))
    y = layers.GlobalAveragePooling2D()(layers.Add()([x, h]))
    return sn.Model(x, layers.Dense(3, **last)(y))


@float64
@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", sn.losses.SparseCategoricalCrossentropy(True)]
)
def test_the_loss_of_a_model_passes_with_all_its_penalties(loss):
    model = residual(**({"activation": "softmax"} if isinstance(loss, str) else {}))
    model.compile("sgd", loss, metrics=["accuracy"])
    found = check_gradients(
        model, random(4, 4, 4, 2), np.array([0, 2, 1, 2]), sample_weight=np.arange(4.0), entries=8
    )
    assert found.passed, str(found)
    assert found.quantities[0].name == "input"
    assert len(found.quantities) == 1 + len(model.trainable_weights)


@float64
def test_a_model_of_several_inputs_and_outputs_passes():
    a, b = layers.Input((3,), name="a"), layers.Input((2,), name="b")
    shared = layers.Dense(2, activation="tanh")
    y = layers.Concatenate()([shared(layers.Dense(2)(a)), shared(b)])
    model = sn.Model({"a": a, "b": b}, [layers.Dense(1)(y), y])
    x = {"a": random(2, 3), "b": random(2, 2)}
    assert check_gradients(model, x).passed
    model.compile("sgd", ["mse", "mae"], loss_weights=[0.5, 2.0])
    found = check_gradients(model, x, [random(2, 1), random(2, 4)])
    assert found.passed, str(found)


@float64
def test_everything_is_afterwards_as_it_was():
    model = residual(activation="softmax")
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = random(4, 4, 4, 2), np.array([0, 2, 1, 2])
    x.flags.writeable = False
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    states = sn.random.generator().bit_generator.state, model.layers[4].seed_state.copy()
    assert isinstance(model.layers[4], layers.Dropout)
    check_gradients(model, x, y, entries=2)
    check_gradients(model, x, entries=2)
    for ours, other in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(ours, other)
    assert sn.random.generator().bit_generator.state == states[0]
    assert np.array_equal(model.layers[4].seed_state, states[1])


class WithoutMean(sn.losses.MeanSquaredError):
    def call_gradient(self, y_true, y_pred):
        return super().call_gradient(y_true, y_pred) * y_pred.shape[-1]  # the 1/C is missing


class KernelNotFlipped(layers.Conv2D):
    def backward(self, dy, saved, needs_dx=True):
        dx, dw = super().backward(dy, saved, needs_dx)
        return dx, [dw[0][::-1, ::-1], *dw[1:]]


class BiasForgotten(layers.Dense):
    def backward(self, dy, saved, needs_dx=True):
        dx, dw = super().backward(dy, saved, needs_dx)
        return dx, dw[:1]


class BiasWithoutGradient(layers.Dense):
    def backward(self, dy, saved, needs_dx=True):
        dx, dw = super().backward(dy, saved, needs_dx)
        return dx, [dw[0], 0 * dw[1]]


class BatchStatisticsForgotten(layers.BatchNormalization):
    def backward(self, dy, saved, needs_dx=True):
        return dy * self.gamma.value, super().backward(dy, saved, needs_dx)[1]


class SlightlyWrong(layers.Dense):
    def backward(self, dy, saved, needs_dx=True):
        dx, dw = super().backward(dy, saved, needs_dx)
        return dx * (1 + 1e-6), dw


class OneEntryWrong(layers.Dense):
    def backward(self, dy, saved, needs_dx=True):
        dx, dw = super().backward(dy, saved, needs_dx)
        dx[1, 2] = np.nan
        return dx, dw


class WrongShape(layers.Dense):
    def backward(self, dy, saved, needs_dx=True):
        dx, dw = super().backward(dy, saved, needs_dx)
        return dx, [dw[0].T, dw[1]]


class NoInputGradient(layers.Dense):
    def backward(self, dy, saved, needs_dx=True):
        return None, super().backward(dy, saved, needs_dx)[1]


ROW = (4, 3)
PLANTED = {
    "kernel not flipped": (KernelNotFlipped(2, 3, dtype="float64"), IMAGE, {"kernel"}),
    "bias forgotten": (BiasForgotten(2, dtype="float64"), ROW, {"weights"}),
    "bias without gradient": (BiasWithoutGradient(2, dtype="float64"), ROW, {"bias"}),
    "statistics": (BatchStatisticsForgotten(dtype="float64"), IMAGE, {"input"}),
    "one in a million": (SlightlyWrong(2, dtype="float64"), ROW, {"input"}),
    "NaN": (OneEntryWrong(2, dtype="float64"), ROW, {"input"}),
    "shape": (WrongShape(2, dtype="float64"), ROW, {"kernel"}),
    "no input gradient": (NoInputGradient(2, dtype="float64"), ROW, {"input"}),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found_where_it_is(bug):
    layer, shape, where = PLANTED[bug]
    found = check_gradients(layer, random(*shape))
    assert not found
    wrong = {q.name for q in found.quantities if q.problem or not q.error <= found.tolerance}
    assert wrong == where
    assert "WRONG" in str(found)


@float64
def test_a_missing_1_n_in_a_loss_is_found():
    model = sn.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", WithoutMean())
    found = check_gradients(model, random(4, 3), random(4, 2))
    assert not found.passed
    assert found["kernel"].error == pytest.approx(0.5, rel=1e-6)
    model.compile("sgd", "mse")
    assert check_gradients(model, random(4, 3), random(4, 2)).passed


def test_the_result_says_where_and_how_much():
    found = check_gradients(OneEntryWrong(2, dtype="float64"), random(*ROW))
    worst = found["input"]
    assert worst.index == (1, 2)
    assert np.isnan(worst.got)
    assert np.isfinite(worst.expected)
    assert worst.error == float("inf")
    assert str(found).splitlines()[0].startswith("The gradients do not agree")
    assert "12 of 12  WRONG by inf at [1, 2]: got nan, expected" in str(found)
    forgotten = str(check_gradients(BiasForgotten(2, dtype="float64"), random(*ROW)))
    assert "WRONG: backward gave 1 gradients of weights, expected 2" in forgotten
    right = check_gradients(layers.Dense(2, dtype="float64"), random(*ROW))
    assert "agree with measured derivatives: no error exceeds 1e-07" in str(right)
    assert right["kernel"].checked == right["kernel"].size == 6


def test_kinks_are_reported_and_prove_nothing():
    relu = layers.ReLU(dtype="float64")
    x = random(3, 4)
    x[0, 1] = x[2, 3] = 0
    found = check_gradients(relu, x)
    assert found.passed
    assert found["input"].kinks == ((0, 1), (2, 3))
    assert found["input"].checked == 10
    assert "2 on a kink, such as [0, 1]" in str(found)
    undecided = check_gradients(relu, np.zeros((3, 4)))
    assert not undecided.passed
    assert "UNKNOWN: every entry is on a kink" in str(undecided)
    ties = check_gradients(layers.MaxPooling2D(2, dtype="float64"), np.zeros((1, 2, 2, 1)))
    assert len(ties["input"].kinks) == 4


@pytest.mark.parametrize("distance", [1e-3, 1e-4, 1e-5, 3e-6, 1e-6, 1e-9])
def test_a_kink_beside_an_entry_does_no_harm(distance):
    x = random(3, 4)
    x[0, 1], x[2, 3] = distance, -distance
    assert check_gradients(layers.ReLU(dtype="float64"), x).passed


def test_a_gradient_outside_the_slopes_of_a_kink_is_wrong():
    class Outside(layers.ReLU):
        def backward(self, dy, saved, needs_dx=True):
            return 2 * dy, []

    found = check_gradients(Outside(dtype="float64"), np.zeros((2, 2)))
    assert found["input"].kinks == ()
    assert found["input"].error > 0.1


def test_large_arrays_are_sampled_by_the_seed():
    layer = layers.Dense(20, dtype="float64")
    x = random(30, 10)
    first, again, other = (
        check_gradients(layer, x, entries=5, seed=seed)["input"] for seed in (1, 1, 2)
    )
    assert first.checked == 5
    assert first == again != other


def test_what_cannot_be_checked_is_refused():
    x = random(*ROW)
    with pytest.raises(ValueError, match=r'dtype float32. Expected dtype="float64"'):
        check_gradients(layers.Dense(2, dtype="float32"), x)
    hidden = layers.Dense(2, dtype="float32", name="hidden")
    mixed = sn.Sequential([layers.Input((3,), dtype="float64"), hidden], dtype="float64")
    with pytest.raises(ValueError, match=r"'hidden' \(Dense\) of dtype float32"):
        check_gradients(mixed, x)
    dense = layers.Dense(2, dtype="float64")
    with pytest.raises(ValueError, match=r"targets y, but Layer .* has no loss"):
        check_gradients(dense, x, x)
    with pytest.raises(ValueError, match="entries=0"):
        check_gradients(dense, x, entries=0)
    with pytest.raises(ValueError, match="Expected at least 2"):
        check_gradients(dense, x[0])
    model = sn.Sequential([layers.Input((3,), dtype="float64"), dense], dtype="float64")
    with pytest.raises(RuntimeError, match="is not compiled"):
        check_gradients(model, x, x[:, :2])


def test_no_samples_have_no_gradients_to_check():
    found = check_gradients(layers.Dense(2, dtype="float64"), np.zeros((0, 3)))
    assert found["input"].size == 0
    assert found.passed


def test_the_derivative_is_accurate_and_knows_a_jump():
    found = derivative(lambda t: np.array([np.exp(t), t**3]), 0.5, np.exp(0.5) + 0.75, 1e-12)
    assert found.agrees
    assert found.value == pytest.approx(np.exp(0.5) + 0.75, rel=1e-12)
    smooth = derivative(lambda t: np.array([np.exp(t)]), 0.5, 0.0, 1e-9)
    assert not smooth.agrees
    assert smooth.jump == 0
    kink = derivative(lambda t: np.array([abs(t), -abs(t)]), 0.0, 1.0, 1e-9)
    assert kink.jump == pytest.approx(4)  # 2 for each term: they do not cancel
    large = derivative(lambda t: np.array([t * t]), 1e6, 2e6, 1e-3)
    assert large.agrees


@float64
def test_the_examples_are_right():
    assert doctest.testmod(gradient_check).failed == 0
    assert {"GradientCheck", "Quantity", "check_gradients"} <= set(inspection.__all__)


EXACT = {
    "Add": ([(2, 3), (2, 3)], layers.Add),
    "AveragePooling2D": ([IMAGE], lambda: layers.AveragePooling2D(2)),
    "Conv1D": ([ROWS], lambda: layers.Conv1D(2, 2, padding="causal")),
    "Conv2D": ([(2, 5, 5, 4)], lambda: layers.Conv2D(4, 3, strides=2, padding="same", groups=2)),
    "Conv2DTranspose": ([IMAGE], lambda: layers.Conv2DTranspose(2, 3, strides=2)),
    "Dense": ([ROWS], lambda: layers.Dense(4)),
    "DepthwiseConv2D": ([IMAGE], lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)),
    "EinsumDense": ([ROWS], lambda: layers.EinsumDense("abc,cd->abd", (None, 2), bias_axes="d")),
    "Flatten": ([IMAGE], layers.Flatten),
    "Multiply": ([(2, 3), (2, 3)], layers.Multiply),
    "SeparableConv2D": ([IMAGE], lambda: layers.SeparableConv2D(2, 3)),
    "UpSampling2D": ([IMAGE], lambda: layers.UpSampling2D(2)),
    "ZeroPadding2D": ([IMAGE], layers.ZeroPadding2D),
}


@float64
@pytest.mark.parametrize("name", EXACT)
def test_what_multiplies_and_adds_passes_without_any_error(name):
    shapes, make = EXACT[name]
    layer, x = make(), [random(*shape) for shape in shapes]
    layer.ensure_built(list(shapes) if len(shapes) > 1 else shapes[0])
    before = layer.get_weights()
    found = check_gradients(layer, x if len(x) > 1 else x[0], exact=True, entries=12)
    assert found.passed, str(found)
    assert found.tolerance == 0
    assert {quantity.error for quantity in found.quantities} == {0.0}
    assert str(found).startswith("The gradients are exactly the derivatives.")
    for mine, other in zip(layer.get_weights(), before, strict=True):
        assert np.array_equal(mine, other)


def test_an_exact_check_finds_what_no_measurement_could():
    class ALittleOff(layers.Dense):
        def backward(self, dy, saved, needs_dx=True):
            dx, dw = super().backward(dy, saved, needs_dx)
            return dx, [dw[0] * (1 + 1e-15), dw[1]]

    layer = ALittleOff(2, dtype="float64")
    assert check_gradients(layer, random(*ROW)).passed
    found = check_gradients(layer, random(*ROW), exact=True)
    assert not found.passed
    assert 0 < found["kernel"].error < 1e-14
    assert str(found).startswith("The gradients are not exactly the derivatives.")
    assert found["input"].error == found["bias"].error == 0


def test_an_exact_check_refuses_what_is_not_exact():
    for layer in (
        layers.Dense(2, activation="tanh", dtype="float64"),
        layers.ReLU(dtype="float64"),
        layers.AveragePooling2D(3, dtype="float64"),
        layers.BatchNormalization(dtype="float64"),
    ):
        x = random(*IMAGE)
        with pytest.raises(ValueError, match="cannot be checked with exact=True"):
            check_gradients(layer, x, exact=True, entries=200)
        weights = layer.get_weights()
        assert all(np.isin(w, (0, 1)).all() for w in weights if w.ndim == 1)
    model = sn.Sequential([layers.Input((3,), dtype="float64")], dtype="float64")
    model.add(layers.Dense(1, dtype="float64"))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="targets y and exact=True"):
        check_gradients(model, random(*ROW), random(4, 1), exact=True)
