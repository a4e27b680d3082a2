"""Figures of scores, gradients, depth and agreement show the numbers they were given."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba

from scratchnet import activations, losses
from scratchnet.visualization import (
    agreement_heatmap,
    difference_errors,
    grad_cam_overlay,
    gradient_check_v,
    layer_histograms,
    precision_recall_curve,
    roc_curve,
    saliency_overlay,
    softmax_gradient,
    variance_through_depth,
)
from scratchnet.visualization.colours import RED
from scratchnet.visualization.thresholds import _counts

SCORES = [0.1, 0.4, 0.35, 0.8]  # the example of every textbook: AUC 0.75
CLASSES = [0, 0, 1, 1]


def labels(axes):
    return [text.get_text() for text in axes.get_legend().texts]


def test_the_roc_curve_passes_the_points_of_each_threshold():
    (axes,) = roc_curve(CLASSES, SCORES).axes
    curve = axes.lines[1].get_xydata().tolist()
    assert curve == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    assert labels(axes) == ["chance: AUC 0.5", "AUC 0.750"]
    assert axes.get_title(loc="left") == "ROC curve: area 0.750"


@settings(max_examples=30, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=20).filter(
        lambda pairs: len({true for true, _ in pairs}) == 2
    )
)
def test_the_area_is_the_chance_that_a_positive_scores_higher_a_tie_counting_half(pairs):
    true, scores = (np.array(each) for each in zip(*pairs, strict=True))
    chance = np.mean([(p > n) + 0.5 * (p == n) for p in scores[true] for n in scores[~true]])
    counts = _counts(true, scores)
    area = np.trapezoid(counts.hits / true.sum(), counts.false_alarms / (~true).sum())
    assert area == pytest.approx(chance)
    for threshold, hits, alarms in zip(*counts, strict=True):
        assert hits == (scores[true] >= threshold).sum()
        assert alarms == (scores[~true] >= threshold).sum()


def test_precision_is_drawn_over_recall_with_its_average():
    (axes,) = precision_recall_curve(CLASSES, {"ours": SCORES}).axes
    curve = axes.lines[1].get_xydata()
    np.testing.assert_allclose(curve, [[0, 1], [0.5, 1], [0.5, 0.5], [1, 2 / 3], [1, 0.5]])
    # average precision: 0.5 · 1 + 0.5 · 2/3
    assert labels(axes) == ["chance: 0.500", "ours: average precision 0.833"]
    assert axes.lines[1].get_drawstyle() == "steps-pre"


@pytest.mark.parametrize("draw", [roc_curve, precision_recall_curve])
def test_a_threshold_marks_its_point_and_an_equal_score_counts_as_positive(draw):
    (axes,) = draw(CLASSES, SCORES, threshold=0.4).axes
    mark = axes.lines[-1].get_xydata().tolist()
    assert mark == ([[0.5, 0.5]])
    assert "threshold 0.4: (0.50, 0.50)" in labels(axes)
    (axes,) = draw(CLASSES, np.array(SCORES)[:, None], threshold=9).axes
    assert axes.lines[-1].get_xydata()[0, 0] == 0  # nothing is called positive


@pytest.mark.parametrize(
    ("true", "scores", "message"),
    [
        ([0, 1], [0.5], r"2 values of y_true and scores of shape \(1,\)"),
        ([0, 1], {"a": [[1, 2], [3, 4]]}, r"scores a: of shape \(2, 2\).*pass y_true == c"),
        ([1, 1], [0.1, 0.2], r"classes \[1\] and 1 scores"),
        ([0, 2], [0.1, 0.2], r"classes \[0, 2\]"),
        ([0, 1], [0.1, np.nan], "that are NaN"),
        ([0, 1], {}, "0 scores"),
    ],
)
def test_scores_that_rank_nothing_are_refused(true, scores, message):
    with pytest.raises(ValueError, match=message):
        roc_curve(true, scores)


@pytest.mark.parametrize("z", [[2.0, 1.0, -1.0], [1000.0, -1000.0, 0.0], [0.0, 0.0, 0.0]])
def test_the_bars_of_softmax_are_the_library_s_own_numbers(z):
    left, middle, right = softmax_gradient(z, 1, ["a", "b", "c"]).axes
    p = activations.get("softmax")(np.array([z]))[0]
    widths = [[bar.get_width() for bar in axes.patches] for axes in (left, middle, right)]
    assert widths[0] == z
    np.testing.assert_allclose(widths[1][:3], p, atol=1e-15)
    assert widths[1][3:] == [0, 1, 0]
    np.testing.assert_allclose(widths[2], p - [0, 1, 0], atol=1e-15)
    loss = losses.CategoricalCrossentropy(from_logits=True)(
        np.array([[0.0, 1.0, 0.0]]), np.array([z])
    )
    title = softmax_gradient(z, 1, ["a", "b", "c"]).get_suptitle()
    assert title == f"The true class is b: p = {p[1]:.3g}, loss = {float(loss):.3g}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 2.0]], 0), r"logits of shape \(1, 2\).*such as logits\[0\]"),
        (([1.0, np.inf], 0), "finite numbers"),
        (([1.0, 2.0], 2), "a class from 0 to 1"),
        (([1.0, 2.0], 0, ["a"]), "1 class names for 2"),
    ],
)
def test_what_are_no_logits_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        softmax_gradient(*arguments)


def test_histograms_leave_zeros_out_and_write_their_share():
    values = {"conv": [0.0, 0.0, 1.0, 2.0], "dense": [[-1.0, 1.0], [0.5, np.inf]], "dead": [0.0]}
    figure = layer_histograms(values, "gradient")
    counts = [sum(bar.get_height() for bar in axes.patches) for axes in figure.axes]
    assert counts == [pytest.approx(2, abs=1), pytest.approx(3, abs=1), 0]  # but the extremes
    notes = [axes.texts[0].get_text() for axes in figure.axes]
    assert notes == [
        "σ = 0.829\n50% zeros",
        "σ = 0.85\n0% zeros\n1 not finite",
        "σ = 0\n100% zeros",
    ]
    assert [axes.get_ylabel() for axes in figure.axes] == ["conv", "dense", "dead"]
    assert figure.get_suptitle() == "Gradients of 3 layers"
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [({}, "no layers"), ({"a": []}, "0 numbers of 'a'"), ({"a": [np.nan]}, "none of them finite")],
)
def test_histograms_of_nothing_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        layer_histograms(values)


def test_the_strip_has_a_row_for_each_choice_and_the_logarithm_as_colour():
    (axes, bar) = variance_through_depth({"He": [1, 2, 1], "tiny": [1, 1e-3, 0]}).axes
    shown = axes.images[0].get_array()
    np.testing.assert_allclose(shown.filled(9), [[0, np.log10(2), 0], [0, -3, 9]])
    assert [t.get_text() for t in axes.texts] == ["1", "2", "1", "1", "0.001", "0"]
    assert axes.get_title(loc="left") == "Variance through 3 layers: He changes it by × 1"
    assert bar.get_ylabel() == "log₁₀ variance"
    (axes, _) = variance_through_depth({"dead": [1, 0]}, "norm", ["conv", "dense"]).axes
    assert axes.get_title(loc="left") == "Norm through 2 layers"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["conv", "dense"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "at least one choice"),
        ({"a": [1], "b": [1, 2]}, "for every layer"),
        ({"a": [-1]}, "-1"),
    ],
)
def test_strips_that_do_not_fit_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        variance_through_depth(values)


def test_the_error_of_a_difference_falls_with_slope_two_and_rises_in_float32_first():
    steps = np.array([1e-1, 1e-2, 1e-6])
    double = difference_errors(np.exp, np.exp, 1.0, steps)
    np.testing.assert_allclose(double[:2], steps[:2] ** 2 / 6, rtol=1e-3)  # h² f‴ / 6
    single = difference_errors(np.exp, np.exp, 1.0, steps, "float32")
    assert single[2] > 100 * double[2]
    assert difference_errors(np.exp, np.exp, 1.0, [1e-30]).tolist() == [1.0]


def test_the_v_has_a_curve_for_each_dtype_and_circles_the_least_error():
    steps, errors = [1e-6, 1e-3, 1.0], {"float32": [1.0, 1e-4, 0.1], "exact": [0.0, 0.0, 0.0]}
    (axes,) = gradient_check_v(steps, errors).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.lines[0].get_xydata().tolist() == [[1e-6, 1.0], [1e-3, 1e-4], [1.0, 0.1]]
    assert axes.lines[1].get_xydata().tolist() == [[1e-3, 1e-4]]
    assert np.isnan(axes.lines[2].get_ydata()).all()
    assert axes.get_title(loc="left") == "Least error at h = 1e−03 in float32"


@pytest.mark.parametrize(
    ("steps", "errors", "message"),
    [
        ([0.0, 1.0], {"a": [1, 2]}, "above 0"),
        ([1.0], {"a": [1, 2]}, "shapes"),
        ([1.0], {}, "least"),
    ],
)
def test_errors_without_their_steps_are_refused(steps, errors, message):
    with pytest.raises(ValueError, match=message):
        gradient_check_v(steps, errors)


ERRORS = {"conv": {"float32": 1e-6, "float64": 0.0}, "dense": {"float32": 1e-3}}


@pytest.mark.parametrize("kind", [dict, pd.DataFrame])
def test_agreement_is_the_logarithm_of_the_error_and_equal_is_equal(kind):
    errors = ERRORS if kind is dict else pd.DataFrame(ERRORS).T
    axes = agreement_heatmap(errors).axes[0]
    shown = axes.images[0].get_array().filled(9)
    np.testing.assert_allclose(shown, [[-6, 9], [-3, 9]])
    assert [t.get_text() for t in axes.texts] == ["1e−6", "=", "1e−3"]
    assert axes.get_title(loc="left") == "All 3 comparisons agree"


def test_what_is_beyond_its_tolerance_turns_red_and_has_a_cross():
    broken = ERRORS | {"norm": {"float32": np.inf, "float64": np.nan}}
    axes = agreement_heatmap(broken, {"float32": 1e-5, "float64": 1e-12}).axes[0]
    red = [(p.get_y() + 0.5, p.get_x() + 0.5) for p in axes.patches]
    assert red == [(1, 0), (2, 0), (2, 1)]
    assert {p.get_facecolor() for p in axes.patches} == {to_rgba(RED)}
    texts = [t.get_text() for t in axes.texts]
    assert texts == ["1e−6", "=", "✗ 1e−3", "✗ inf", "✗ nan"]
    assert axes.get_title(loc="left") == "3 of 5 beyond tolerance"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1e-3],), "received list"),
        (({},), "no errors"),
        (({"a": {"b": -1.0}},), "negative"),
        ((ERRORS, {"float32": 1e-5}), r"none for \['float64'\]"),
    ],
)
def test_what_are_no_errors_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        agreement_heatmap(*arguments)


def test_heat_is_enlarged_to_the_image_and_scaled_by_its_largest():
    images = np.random.default_rng(0).random((2, 6, 4, 1))
    heat = np.zeros((2, 3, 2))
    heat[0, 1, 1] = 5.0
    figure = grad_cam_overlay(images, heat, ["first", "second"])
    pictures, below = figure.axes[:2], figure.axes[2:4]
    assert [axes.get_title() for axes in pictures] == ["first", "second"]
    first, second = (np.asarray(axes.images[1].get_array()) for axes in below)
    assert first.shape == (6, 4)
    assert np.unravel_index(first.argmax(), first.shape) in [(2, 3), (3, 3)]
    assert first.sum() * 5 == pytest.approx(heat[0].sum() * 4)  # 4 pixels for each cell
    assert second.tolist() == np.zeros((6, 4)).tolist()
    assert [axes.get_title() for axes in below] == ["", "0 everywhere"]
    assert {axes.images[1].get_clim() for axes in below} == {(0, 1)}
    np.testing.assert_array_equal(below[0].images[1].get_alpha() > 0, first > 0)


def test_saliency_of_the_image_s_own_size_is_not_changed():
    saliency = np.arange(12.0).reshape(1, 3, 4)
    below = saliency_overlay(np.ones((1, 3, 4, 3)), saliency).axes[1]
    np.testing.assert_allclose(below.images[1].get_array(), saliency[0] / 11)


@pytest.mark.parametrize(
    ("heat", "titles", "message"),
    [
        (np.ones((2, 2)), None, r"heat of shape \(2, 2\).*image\[None\]"),
        (np.ones((2, 2, 2)), None, "1 images and heat"),
        (-np.ones((1, 2, 2)), None, r"Expected finite numbers of at least 0"),
        (np.ones((1, 2, 2)), ["a", "b"], "2 titles for 1 images"),
    ],
)
def test_heat_that_does_not_fit_is_refused(heat, titles, message):
    with pytest.raises(ValueError, match=message):
        grad_cam_overlay(np.ones((1, 4, 4)), heat, titles)
