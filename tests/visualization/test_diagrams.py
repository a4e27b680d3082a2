"""Diagrams of pooling, wiring, fields and graphs show what the library computes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from scratchnet import Sequential, layers, models
from scratchnet.ops import formulas
from scratchnet.visualization import (
    cells,
    channel_wiring,
    model_graph,
    pooling_argmax,
    receptive_field,
)
from scratchnet.visualization.graph_layout import layered


def lit(axes):
    """The (row, column) of the lit cells of the image, whose grid begins at y = 1."""
    return {
        (int(p.get_y()) - 1, int(p.get_x()))
        for p in axes.patches
        if p.get_facecolor() == to_rgba(cells.LIT_IMAGE)
    }


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 999),
    size=st.integers(1, 3),
    strides=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
)
def test_the_winners_are_the_cells_that_get_a_gradient(seed, size, strides, padding):
    x = np.random.default_rng(seed).integers(0, 3, (5, 4))  # many ties
    images = x[None, :, :, None].astype(float)
    arguments = (size, size), (strides, strides), padding
    y = formulas.max_pool2d(images, *arguments)
    dx = formulas.max_pool2d_backward(np.ones_like(y), images, *arguments)
    (axes,) = pooling_argmax(x, size, strides=strides, padding=padding).axes
    assert lit(axes) == set(zip(*map(np.ndarray.tolist, np.nonzero(dx[0, :, :, 0])), strict=True))
    arrows = [t for t in axes.texts if getattr(t, "arrow_patch", None)]
    assert len(arrows) == y.size


def test_ties_that_do_not_win_have_a_dashed_frame():
    (axes,) = pooling_argmax([[7, 7], [7, 1]]).axes
    dashed = {
        (round(p.get_y() - 1.1), round(p.get_x() - 0.1))
        for p in axes.patches
        if p.get_linestyle() not in ("-", "solid")
    }
    assert lit(axes) == {(0, 0)}
    assert dashed == {(0, 1), (1, 0)}
    assert any("no gradient" in t.get_text() for t in axes.texts)


@pytest.mark.parametrize("x", [np.ones((2, 2, 3)), np.ones(4), [["a"]], np.ones((0, 2))])
def test_what_is_no_image_is_not_pooled(x):
    with pytest.raises(ValueError, match="pooling_argmax received x of shape"):
        pooling_argmax(x)


def test_wiring_has_as_many_weights_as_the_layers():
    figure = channel_wiring(channels=6, filters=4, groups=2, kernel_size=3)
    image = layers.Input((8, 8, 6))
    made = [
        layers.Conv2D(4, 3, use_bias=False),
        layers.Conv2D(4, 3, groups=2, use_bias=False),
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.Conv2D(4, 1, use_bias=False),
    ]
    for axes, layer in zip(figure.axes, made, strict=True):
        layer(image)
        assert any(f"{layer.count_params()} weights" in t.get_text() for t in axes.texts)
    assert [len(axes.lines) for axes in figure.axes] == [24, 12, 6, 24]
    assert [sum(isinstance(p, Circle) for p in axes.patches) for axes in figure.axes] == [
        10, 10, 12, 10,
    ]  # fmt: skip


def test_groups_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"groups that divide channels and filters.*groups=2"):
        channel_wiring(channels=4, filters=6, groups=3)


def test_the_frame_of_a_receptive_field_lies_around_its_pixels():
    image = np.random.default_rng(0).random((9, 9))
    strength = np.zeros((9, 9))
    strength[3, 4] = 2.0
    figure = receptive_field(image, (2, 5), (-1, 3), strength, label="conv")
    for axes in figure.axes[:2]:
        frame = axes.patches[-1]
        corner, size = frame.get_xy(), (frame.get_width(), frame.get_height())
        assert (corner, size) == ((-1.5, 1.5), (5, 4))
        assert axes.get_xlim()[0] < -1.5  # in view, though it lies outside the image
    assert figure.axes[1].images[0].get_clim() == (0, 2)
    assert figure.get_suptitle() == "One cell of conv depends on 4 × 5 pixels"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((4, 4)), (3, 2), (0, 1)), "last pixel not before the first"),
        ((np.ones((4, 4)), (1, 2), (0, 1), np.ones((2, 2))), r"Expected \(4, 4\)"),
        ((np.ones(4), (1, 2), (0, 1)), "The image has shape"),
    ],
)
def test_what_is_no_field_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        receptive_field(*arguments)


def residual():
    x = image = layers.Input((8, 8, 4))
    y = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.Add()([x, y])
    return models.Functional(image, layers.Flatten()(x), name="small")


def test_a_graph_has_a_box_for_each_layer_and_a_line_for_each_tensor():
    (axes,) = model_graph(residual()).axes
    assert sum(isinstance(p, FancyBboxPatch) for p in axes.patches) == 4
    assert sum(isinstance(p, FancyArrowPatch) for p in axes.patches) == 4
    texts = [t.get_text() for t in axes.texts]
    assert texts[::2] == ["InputLayer", "Conv2D", "Add", "Flatten"]
    assert texts[1::2] == ["8 × 8 × 4", "8 × 8 × 4, 148 weights", "8 × 8 × 4", "256"]
    assert axes.get_title() == "small: 4 layers, 148 weights"


def test_frozen_layers_are_dashed_and_without_shapes_the_names_stand_there():
    model = Sequential([layers.Input((3,)), layers.Dense(2, name="head"), layers.ReLU(name="r")])
    model.layers[0].trainable = False
    (axes,) = model_graph(model, show_shapes=False).axes
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    assert [box.get_linestyle() for box in boxes] == ["-", "--", "-"]
    assert [t.get_text() for t in axes.texts][3::2] == ["head", "r"]


def test_a_model_without_a_graph_is_refused():
    with pytest.raises(ValueError, match=r"not built\. Give it an Input"):
        model_graph(Sequential([layers.Dense(2)]))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), nodes=st.integers(2, 12))
def test_in_a_layout_edges_go_down_and_nothing_overlaps(data, nodes):
    pairs = [(i, j) for j in range(nodes) for i in range(j)]
    edges = data.draw(st.lists(st.sampled_from(pairs), unique=True, max_size=20))
    places, routes = layered(nodes, edges)
    for (i, j), route in zip(edges, routes, strict=True):
        assert places[j, 1] > places[i, 1]
        np.testing.assert_array_equal(route[[0, -1]], places[[i, j]])
        assert np.diff(route[:, 1]).tolist() == [1.0] * (len(route) - 1)
    for i in range(nodes):
        for j in range(i):
            if places[i, 1] == places[j, 1]:
                assert abs(places[i, 0] - places[j, 0]) > 0.99
        for k, route in enumerate(routes):
            passing = route[1:-1][route[1:-1, 1] == places[i, 1]]
            assert (abs(passing[:, 0] - places[i, 0]) > 0.6).all(), edges[k]


def test_a_chain_is_a_straight_line():
    places, _ = layered(5, [(i, i + 1) for i in range(4)])
    assert places[:, 0].tolist() == [0.0] * 5
