"""Paths are those of the optimizers, and landscapes those of the losses."""

import numpy as np
import pytest

from scratchnet import optimizers
from scratchnet.visualization import (
    RAVINE,
    SADDLE,
    Surface,
    loss_landscape,
    optimizer_paths,
    walk,
)

STEPS = np.linspace(-1, 1, 5)
LOSSES = 1 + STEPS[:, None] ** 2 + 3 * STEPS[None, :] ** 2


@pytest.mark.parametrize("surface", [RAVINE, SADDLE], ids=lambda s: s.name.split()[0])
def test_the_gradients_of_the_given_surfaces_are_their_derivatives(surface):
    x, y = np.random.default_rng(0).normal(size=(2, 20))
    h = 1e-6
    dx, dy = surface.gradient(x, y)
    f = surface.function
    np.testing.assert_allclose((f(x + h, y) - f(x - h, y)) / (2 * h), dx, atol=1e-8)
    np.testing.assert_allclose((f(x, y + h) - f(x, y - h)) / (2 * h), dy, atol=1e-8)
    assert np.abs(surface.gradient(*surface.minimum)).max() < 1e-15
    assert f(*surface.minimum) <= f(x, y).min()


def test_the_saddle_has_a_saddle_at_the_origin():
    assert SADDLE.gradient(0.0, 0.0) == (0, 0)
    assert SADDLE.function(0.1, 0.0) > SADDLE.function(0.0, 0.0) > SADDLE.function(0.0, 0.1)


def test_gradient_descent_walks_by_its_rule():
    path = walk(optimizers.SGD(0.25), RAVINE, steps=2)
    x, y = -8.0, 1.8
    expected = [(x, y), (x * 0.975, y * 0.5), (x * 0.975**2, y * 0.25)]
    np.testing.assert_allclose(path, expected, rtol=1e-7)  # the rate is float32


def test_a_walk_leaves_the_optimizer_as_it_was_and_begins_anew():
    adam = optimizers.Adam(0.1)
    first = walk(adam, SADDLE, 5)
    assert adam.iterations == 0
    np.testing.assert_array_equal(walk(adam, SADDLE, 5), first)
    assert walk(adam, SADDLE, 0).tolist() == [list(SADDLE.start)]
    with pytest.raises(ValueError, match="steps=-1"):
        walk(adam, SADDLE, -1)


def test_paths_are_drawn_beside_how_far_f_lies_above_its_minimum():
    path = np.array([[-8.0, 1.0], [-4.0, 0.5], [0.0, 0.0]])
    figure = optimizer_paths(RAVINE, {"given": path, "SGD": optimizers.SGD(0.1)}, steps=3)
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[1].get_xydata(), path)  # the star is the first
    np.testing.assert_array_equal(left.lines[2].get_xydata(), walk(optimizers.SGD(0.1), steps=3))
    np.testing.assert_allclose(right.lines[0].get_ydata(), [4.2, 1.05, np.nan])
    assert right.get_yscale() == "log"
    assert left.get_title(loc="left") == "Ravine f = x² / 20 + y²"
    assert right.get_title(loc="left") == "given ends lowest"


def test_a_path_that_runs_away_and_a_surface_of_one_s_own_are_drawn():
    tilted = Surface(
        "f = x", lambda x, y: x + 0 * y, lambda x, y: (1.0, 0.0), (0, 0), (-1, 1), (-1, 1)
    )
    left, right = optimizer_paths(tilted, {"SGD": optimizers.SGD(0.5)}, steps=2).axes
    assert left.lines[0].get_xydata().tolist() == [[0, 0], [-0.5, 0], [-1, 0]]
    assert right.get_ylabel() == "f − least f drawn"
    optimizer_paths(RAVINE, {"SGD": optimizers.SGD(9.0)}, steps=800)


@pytest.mark.parametrize(
    ("paths", "message"), [({}, "no optimizers"), ({"a": [1, 2]}, r"shape \(2,\) for 'a'")]
)
def test_what_is_no_path_is_refused(paths, message):
    with pytest.raises(ValueError, match=message):
        optimizer_paths(RAVINE, paths)


def test_a_slice_along_one_direction_is_a_curve():
    (axes,) = loss_landscape(STEPS, LOSSES[2]).axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), np.stack([STEPS, LOSSES[2]], 1))
    assert axes.get_title(loc="left") == "Loss along one direction: least at 0"


def test_a_slice_along_two_directions_has_the_first_across():
    losses = np.where(STEPS[:, None] == 1, np.nan, LOSSES)
    axes, bar = loss_landscape(STEPS, losses, [(0.5, -0.5), (0.0, 0.0)]).axes
    filled = axes.collections[0]
    assert (filled.norm.vmin, filled.norm.vmax) == (1, np.nanmax(losses))
    # the steep direction is the second one, up: levels lie closer there
    points = np.concatenate([p.vertices for p in axes.collections[1].get_paths() if len(p)])
    assert np.abs(points).max() <= 1
    low = axes.collections[1].get_paths()[2].vertices
    assert np.ptp(low[:, 0]) > 1.5 * np.ptp(low[:, 1])
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [(0.5, -0.5), (0, 0)])
    assert bar.get_ylabel() == "loss"
    assert "and 2 points of the path walked" in axes.get_title(loc="left")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 0, 1], [1, 2, 3]), "numbers that rise"),
        ((STEPS, [1, 2]), r"losses of shape \(2,\) for 5 steps"),
        ((STEPS, np.full(5, np.nan)), "some of them finite"),
        ((STEPS, LOSSES[0], [(0, 0)]), "inspection.coordinates"),
        ((STEPS, LOSSES, [0, 0]), r"path of shape \(2,\)"),
    ],
)
def test_what_is_no_landscape_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        loss_landscape(*arguments)
