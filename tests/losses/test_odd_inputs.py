"""Losses of no samples, of strange arrays, of NaN, and of every floating dtype."""

from __future__ import annotations

import numpy as np
import pytest

from reference.cases.losses import KINDS, samples
from scratchnet import losses

LOSSES = [(getattr(losses, name)(), kind) for name, kind, _ in KINDS]
every_loss = pytest.mark.parametrize(
    ("loss", "kind"), LOSSES, ids=[type(loss).__name__ for loss, _ in LOSSES]
)


def twisted(array):
    """Variants of the same values: another byte order, layout, stride; and read-only."""
    padded = np.repeat(array, 2, axis=-1)
    fixed = array.copy()
    fixed.setflags(write=False)
    return {
        "big-endian": array.astype(array.dtype.newbyteorder(">")),
        "Fortran order": np.asfortranarray(array),
        "negative strides": array[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
        "every other cell": padded[..., ::2],
        "read-only": fixed,
    }


@every_loss
def test_layout_and_byte_order_change_nothing(loss, kind):
    y, predictions = samples(kind)
    expected, gradient = loss(y, predictions), loss.gradient(y, predictions)
    ys, variants = twisted(y), twisted(predictions)
    for name, variant in variants.items():
        assert loss(ys[name], variant) == pytest.approx(expected, rel=1e-14), name
        assert loss(ys[name], variant).dtype == np.float64
        got = loss.gradient(ys[name], variant)
        assert got.dtype == np.dtype("=f8")
        np.testing.assert_allclose(got, gradient, rtol=1e-13, atol=1e-16)
    before = y.copy(), predictions.copy()
    loss.gradient(y, predictions, np.ones(()))
    assert np.array_equal(before[0], y)
    assert np.array_equal(before[1], predictions)


@every_loss
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_results_have_the_dtype_of_the_prediction_and_its_precision(loss, kind, dtype):
    y, predictions = samples(kind)
    y, predictions = y.astype(dtype), predictions.astype(dtype)
    value, gradient = loss(y, predictions), loss.gradient(y, predictions)
    assert value.dtype == gradient.dtype == dtype
    exact = loss(y, predictions.astype(np.float64))
    assert value == pytest.approx(exact, rel=16 * float(np.finfo(dtype).eps))
    slopes = loss.gradient(y, predictions.astype(np.float64))
    largest = np.abs(slopes).max()
    assert np.abs(gradient - slopes).max() <= 32 * np.finfo(dtype).eps * largest


@every_loss
def test_integers_and_lists_are_computed_in_the_default_dtype(loss, kind):
    y, predictions = samples(kind)
    rounded = np.ones_like(predictions, dtype=np.int64)
    assert loss(y.astype(np.int64), rounded).dtype == np.float32
    assert loss.gradient(y.tolist(), rounded.tolist()).dtype == np.float32
    assert loss(y.tolist(), predictions.tolist()).dtype == np.float64


@every_loss
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
def test_no_samples_have_loss_0_and_no_gradient(loss, kind, reduction):
    y, predictions = (array[:0] for array in samples(kind))
    empty = type(loss).from_config(loss.get_config() | {"reduction": reduction})
    assert empty(y, predictions) == (1 if isinstance(loss, (losses.Dice, losses.Tversky)) else 0)
    assert empty(y, predictions, np.ones((0, 1))) == empty(y[:0], predictions[:0], np.ones((0, 3)))
    assert empty.gradient(y, predictions).shape == predictions.shape


@every_loss
def test_one_sample_of_one_pixel(loss, kind):
    y, predictions = (array[:1, :1] for array in samples(kind))
    assert np.isfinite(loss(y, predictions))
    assert loss.gradient(y, predictions).shape == predictions.shape


@every_loss
def test_nan_shows_in_the_loss_and_stays_in_its_sample(loss, kind):
    y, predictions = samples(kind)
    expected = loss.gradient(y, predictions)
    predictions[1, 2, :] = np.nan
    assert np.isnan(loss(y, predictions))
    gradient = loss.gradient(y, predictions)
    # as TensorFlow's: it compares with a bend, which NaN never passes
    stopped = (losses.MeanSquaredLogarithmicError, losses.Hinge, losses.CategoricalHinge)
    if not isinstance(loss, stopped):
        assert np.isnan(gradient[1, 2]).any()
    if not isinstance(loss, (losses.Dice, losses.Tversky)):
        gradient[1, 2] = expected[1, 2]
        assert np.array_equal(gradient, expected)


@every_loss
def test_infinite_predictions_raise_no_warning(loss, kind):
    y, predictions = samples(kind)
    predictions[0, 0, :2] = np.inf, -np.inf
    loss(y, predictions)
    loss.gradient(y, predictions)


def test_nan_in_an_ignored_place_counts_no_more_than_any_number():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=0)
    predictions = np.array([[np.nan, np.inf], [0.5, 0.5]])
    assert loss([0, 1], predictions) == pytest.approx(np.log(2))
    assert np.array_equal(loss.gradient([0, 1], predictions)[0], [0, 0])


def test_more_samples_than_float16_can_count():
    y, predictions = np.zeros((70_000, 1), np.float16), np.ones((70_000, 1), np.float16)
    loss = losses.MeanSquaredError()
    assert loss(y, predictions) == 1
    assert loss.gradient(y, predictions)[0] == np.float16(2 / 70_000)


def test_a_single_row_has_one_loss():
    assert losses.mean_squared_error([0.0, 0.0], [1.0, 1.0]) == 1
    assert np.array_equal(losses.MeanSquaredError().gradient([0.0, 0.0], [1.0, 1.0]), [1.0, 1.0])


def test_a_function_gives_the_loss_of_each_sample():
    y, predictions = samples("real")
    assert losses.huber(y, predictions, delta=0.5).shape == y.shape[:-1]
    assert losses.dice(y, predictions).shape == ()
    assert losses.dice(y, predictions, axis=(1, 2)).shape == y.shape[:1]
