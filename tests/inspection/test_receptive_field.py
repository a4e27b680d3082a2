"""The receptive field by formula is the one that gradients show."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import scratchnet as sn
from scratchnet import layers
from scratchnet.inspection import measured_receptive_field, receptive_field
from tests.inspection.models import branches, nested, path


@pytest.fixture(autouse=True)
def formulas():
    with sn.use("formulas"):
        yield


def model_of(*stack, size=(24, 21)):
    return sn.Sequential([layers.Input((*size, 1)), *stack])


def require_equal(model, layer=None, seed=0, images=48, padded=False):
    """At several cells, the border's too, the gradient reaches just the pixels of the formula.

    Where `padded` layers follow others, a cell at the border may see less.
    """
    size = model.inputs[0].shape[1:]
    x = np.random.default_rng(seed).standard_normal((images, *size))
    found = receptive_field(model, layer)
    cells = measured_receptive_field(model, x, layer).cell
    for cell in {(0, 0), cells, (cells[0], 0), (2 * cells[0] - 1, 2 * cells[1] - 1)}:
        if min(cell) < 0:
            continue
        seen = measured_receptive_field(model, x, layer, cell)
        for ends, expected, n in zip(
            (seen.rows, seen.columns), found.pixels(*cell), size, strict=False
        ):
            inside = (max(expected[0], 0), min(expected[1], n - 1))
            if padded and inside != expected:  # padding of a later layer, or a gap between taps
                assert inside[0] <= ends[0] <= ends[1] <= inside[1], (cell, found)
            else:
                assert ends == inside, (cell, found)
        assert seen.layer == found.layer
        assert seen.strength.shape == size[:2]


windows = st.builds(  # a maximum hides pixels, and the more the larger its window: see below
    lambda kind, k, s, same: (kind, k, tuple(map(min, k, s)), "same" if same else "valid"),
    st.sampled_from(["conv", "depthwise", "separable", "dilated", "average"]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.booleans(),
)


def layer_of(kind, k, s, padding):
    return {
        "conv": lambda: layers.Conv2D(3, k, s, padding, activation="relu"),
        "depthwise": lambda: layers.DepthwiseConv2D(k, s, padding, depth_multiplier=2),
        "separable": lambda: layers.SeparableConv2D(3, k, s, padding),
        "dilated": lambda: layers.Conv2D(3, k, 1, padding, dilation_rate=s),
        "average": lambda: layers.AveragePooling2D(k, s, padding),
    }[kind]()


@given(stack=st.lists(windows, min_size=1, max_size=3), seed=st.integers(0, 9))
def test_formula_and_measurement_agree_on_any_stack_of_windows(stack, seed):
    sn.set_random_seed(seed)
    try:
        model = model_of(*(layer_of(*each) for each in stack))
    except ValueError:  # no cell would be left
        reject()
    require_equal(model, seed=seed, images=6, padded=True)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_formula_and_measurement_agree_through_poolings(padding):
    require_equal(
        model_of(
            layers.Conv2D(4, 3, padding=padding, activation="relu"),
            layers.MaxPooling2D(2, padding=padding),
            layers.Conv2D(4, 3, padding=padding, activation="relu"),
            layers.BatchNormalization(),
            layers.AveragePooling2D((2, 1)),
        )
    )


def test_formula_and_measurement_agree_through_padding_cropping_and_pointwise_layers():
    require_equal(
        model_of(
            layers.ZeroPadding2D(((2, 0), (1, 3))),
            layers.Conv2D(4, 3, strides=2),
            layers.LeakyReLU(),
            layers.Cropping2D(((1, 0), (0, 2))),
            layers.LayerNormalization(),
            layers.Dense(3, activation="tanh"),
            layers.Conv2D(2, (2, 3)),
            layers.Dropout(0.5),
        )
    )


def test_branches_see_the_union_and_inner_models_are_looked_into():
    for layer in ("stem", "left", "right", "joined", "both"):
        require_equal(branches(), layer)
    for layer in ("base/conv", "base/separable", "base"):
        require_equal(nested(), layer)
    assert receptive_field(branches(), "joined").size == (7, 7)
    assert receptive_field(nested()).layer == "base/separable"


def test_numbers_of_known_networks():
    """VGG-16's last convolution sees 196 pixels and its last pooling 212, 32 apart.

    Source: Araujo et al. (2019), table 1, gives 212 for VGG-16.
    """
    vgg = sn.Sequential([layers.Input((224, 224, 3))])
    for block, repeats in enumerate((2, 2, 3, 3, 3), start=1):
        for i in range(1, repeats + 1):
            vgg.add(layers.Conv2D(1, 3, padding="same", name=f"block{block}_conv{i}"))
        vgg.add(layers.MaxPooling2D(name=f"block{block}_pool"))
    assert receptive_field(vgg).size == (212, 212)
    assert receptive_field(vgg).stride == (32, 32)
    last = receptive_field(vgg, "block5_conv3")
    assert (last.size, last.stride, last.centre) == ((196, 196), (16, 16), (7.5, 7.5))


def test_odd_same_padding_moves_the_centre():
    """At stride 2 on an even size the extra cell is at the end, so the field starts at pixel 0."""
    even = receptive_field(model_of(layers.Conv2D(1, 3, 2, "same"), size=(8, 9)))
    assert even.start == (0, -1)
    assert even.centre == (1.0, 0.0)
    assert even.pixels(1, 1) == ((2, 4), (1, 3))


def test_the_measured_strength_falls_off_from_the_centre():
    sn.set_random_seed(1)
    model = model_of(*(layers.Conv2D(4, 3, padding="same") for _ in range(5)), size=(21, 21))
    x = np.random.default_rng(0).standard_normal((4, 21, 21, 1))
    strength = measured_receptive_field(model, x).strength
    assert strength[8:13, 8:13].sum() > 0.5 * strength.sum()


def test_weights_stay_as_they_were():
    model = path()
    before = model.get_weights()
    measured_receptive_field(model, np.ones((2, 12, 12, 2)), "second")
    for mine, other in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(mine, other)


def test_what_has_no_field_is_refused():
    x = np.ones((2, 24, 21, 1))
    dense = sn.Sequential([layers.Input((3,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="Expected one input of images"):
        receptive_field(dense)
    flat = model_of(layers.Flatten(), layers.Dense(2, name="top"))
    with pytest.raises(ValueError, match="has no layer that gives a feature map"):
        receptive_field(flat)
    with pytest.raises(ValueError, match=r"'top' gives \(None, 2\)"):
        measured_receptive_field(flat, x, "top")
    squeezed = model_of(layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(keepdims=True))
    with pytest.raises(ValueError, match="sees the whole image"):
        receptive_field(squeezed)
    with pytest.raises(ValueError, match="no geometry that is known here"):
        receptive_field(model_of(layers.UpSampling2D(2)))
    start = layers.Input((8, 8, 1))
    a, b = layers.Conv2D(1, 1, strides=2)(start), layers.Conv2D(1, 5)(start)
    with pytest.raises(ValueError, match="branches of different strides"):
        receptive_field(sn.Model(start, layers.Add()([a, b])))
    stacked = layers.Concatenate(axis=1)([a, b])
    with pytest.raises(ValueError, match="no geometry that is known here"):
        receptive_field(sn.Model(start, stacked))
    anysize = sn.Sequential([layers.Input((None, None, 1)), layers.Conv2D(1, 3, padding="same")])
    with pytest.raises(ValueError, match="Expected a model whose Input has a size"):
        receptive_field(anysize)
    off = model_of(layers.Conv2D(1, 3, kernel_initializer="zeros"))
    with pytest.raises(ValueError, match=r"No pixel has an influence on cell \(11, 9\)"):
        measured_receptive_field(off, x)
    with pytest.raises(ValueError, match=r"22 × 19 cells; received cell=\(22, 0\)"):
        measured_receptive_field(off, x, cell=(22, 0))


def test_the_example_is_right():
    import sys

    found = doctest.testmod(sys.modules["scratchnet.inspection.receptive_field"])
    assert found.attempted
    assert found.failed == 0
