"""The loss along directions is the loss of the moved weights, and the weights come back."""

from __future__ import annotations

import numpy as np
import pytest

import scratchnet as sn
from scratchnet import layers
from scratchnet.inspection import (
    coordinates,
    filter_normalised,
    loss_landscape,
    principal_directions,
    random_direction,
)
from tests.inspection.models import images, nested, off_their_first_values, path

float64 = pytest.mark.usefixtures("float64")


@pytest.fixture(autouse=True)
def formulas():
    with sn.use("formulas"):
        yield


def compiled(make=path):
    model = off_their_first_values(make())
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


Y = np.array([0, 1, 3, 1, 2])


@float64
def test_every_value_is_the_loss_of_the_moved_weights():
    model = compiled()
    x = images(5)
    d, e = random_direction(model, 1), random_direction(model, 2)
    steps = [-0.5, 0.0, 1.0]
    found = loss_landscape(model, x, Y, [d, e], steps, batch_size=2)
    line = loss_landscape(model, x, Y, [e], steps)
    theta = [w.numpy() for w in model.trainable_weights]
    for i, a in enumerate(steps):
        for j, b in enumerate(steps):
            for w, t, of_d, of_e in zip(model.trainable_weights, theta, d, e, strict=True):
                w.assign(t + a * of_d + b * of_e)
            expected = model.evaluate(x, Y, verbose=0)[0]
            assert found[i, j] == pytest.approx(expected, rel=1e-12)
            if a == 0:
                assert line[j] == pytest.approx(expected, rel=1e-12)
    assert found.shape == (3, 3)
    assert len(np.unique(found)) == 9


@float64
def test_the_weights_come_back_bit_for_bit_also_after_an_error():
    model = compiled(nested)
    before = model.get_weights()
    x = images(5)
    loss_landscape(model, x, Y, [random_direction(model)], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"steps of shape \(1, 1\)"):
        loss_landscape(model, x, Y, [random_direction(model)], [[1.0]])
    model._loss = lambda *_, **__: 1 / 0
    with pytest.raises(ZeroDivisionError):
        loss_landscape(model, x, Y, [random_direction(model)], [1.0])
    for mine, other in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(mine, other)


@float64
def test_each_filter_of_a_direction_is_as_long_as_the_model_s():
    x = layers.Input((8, 8, 2))
    h = layers.Conv2D(3, 3)(x)
    h = layers.DepthwiseConv2D(2, depth_multiplier=2)(h)
    h = layers.SeparableConv2D(4, 2)(h)
    h = layers.BatchNormalization()(layers.Conv2DTranspose(5, 2)(h))
    model = off_their_first_values(sn.Model(x, layers.Dense(2)(layers.Flatten()(h))))
    d = random_direction(model)
    counted = {0: 3, 2: 6, 4: 6, 5: 4, 7: 5, 11: 2}  # filters by position in trainable_weights
    axes = {0: (0, 1, 2), 2: (0, 1), 4: (0, 1), 5: (0, 1, 2), 7: (0, 1, 3), 11: (0,)}
    for i, (weight, of_d) in enumerate(zip(model.trainable_weights, d, strict=True)):
        if i not in counted:
            assert not of_d.any(), weight.path
            continue
        lengths = np.sqrt((of_d**2).sum(axis=axes[i]))
        expected = np.sqrt((weight.value**2).sum(axis=axes[i]))
        assert lengths.size == counted[i]
        np.testing.assert_allclose(lengths, expected, rtol=1e-12)


@float64
def test_the_picture_does_not_depend_on_how_relus_share_out_their_scale():
    """Doubling one layer and halving the next leaves the function and the picture as they are."""
    model = sn.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu", use_bias=False),
            layers.Flatten(),
            layers.Dense(4, activation="softmax", use_bias=False),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = images(5, 6, 1)
    raw = [np.random.default_rng(0).standard_normal(w.shape) for w in model.trainable_weights]
    pictures, naive = [], []
    for scale in (1.0, 4.0):
        first, second = model.get_weights()
        model.set_weights([first * scale, second / scale])
        direction = filter_normalised(model, raw)
        pictures.append(loss_landscape(model, x, Y, [direction], [-1, 0.5, 1]))
        naive.append(loss_landscape(model, x, Y, [raw], [-1, 0.5, 1]))
    np.testing.assert_allclose(pictures[0], pictures[1], rtol=1e-12)
    assert not np.allclose(naive[0], naive[1], rtol=0.1)


def test_a_filter_of_zeros_or_a_direction_without_length_stays_where_it_is():
    model = sn.Sequential([layers.Input((2,)), layers.Dense(3, use_bias=False)])
    model.set_weights([np.array([[0, 1, 2], [0, 1, 0]])])
    [d] = filter_normalised(model, [np.array([[1.0, 0.0, 3.0], [1.0, 0.0, 4.0]])])
    np.testing.assert_allclose(d, [[0, 0, 1.2], [0, 0, 1.6]])


def test_coordinates_find_the_points_of_a_plane_again():
    rng = np.random.default_rng(0)
    origin = [rng.standard_normal((2, 3)), rng.standard_normal(4)]
    d, e = ([rng.standard_normal(w.shape) for w in origin] for _ in range(2))
    places = np.array([[1.0, 2.0], [-0.5, 0.25], [0.0, 0.0]])
    path = [
        [o + a * of_d + b * of_e for o, of_d, of_e in zip(origin, d, e, strict=True)]
        for a, b in places
    ]
    np.testing.assert_allclose(coordinates(path, origin, [d, e]), places, atol=1e-12)


def test_principal_directions_hold_the_path_and_are_at_right_angles():
    rng = np.random.default_rng(0)
    d, e = ([rng.standard_normal((2, 3)), rng.standard_normal(4)] for _ in range(2))
    path = [[3 * t * a + t**2 * b for a, b in zip(d, e, strict=True)] for t in range(4)][::-1]
    first, second = principal_directions(path)
    flat = [np.concatenate([each.ravel() for each in one]) for one in (first, second)]
    np.testing.assert_allclose(np.array(flat) @ np.array(flat).T, np.eye(2), atol=1e-12)
    seen = coordinates(path, path[-1], [first, second])
    assert seen[0, 0] > 0
    for place, point in zip(seen, path, strict=True):
        for w, of_d, of_e, last in zip(point, first, second, path[-1], strict=True):
            np.testing.assert_allclose(last + place[0] * of_d + place[1] * of_e, w, atol=1e-9)


def test_what_does_not_fit_is_refused():
    model = compiled()
    d = random_direction(model)
    with pytest.raises(ValueError, match="The direction has arrays of shapes"):
        loss_landscape(model, images(5), Y, [d[:-1]], [0.0])
    with pytest.raises(ValueError, match="received 0 directions"):
        loss_landscape(model, images(5), Y, [], [0.0])
    with pytest.raises(RuntimeError, match="is not compiled"):
        loss_landscape(path(), images(5), Y, [d], [0.0])
    with pytest.raises(ValueError, match="The path has 2 points"):
        principal_directions([[np.ones(2)], [np.ones(2)]])
