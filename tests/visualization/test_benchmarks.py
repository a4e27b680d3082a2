"""Benchmark figures show medians and their spread, and refuse what a logarithm does not take."""

import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from scratchnet.visualization import ratio_bars, roofline, scaling

RATIOS = pd.DataFrame(
    {
        "case": ["conv", "conv", "conv", "pool", "dense", "conv"],
        "ratio": [1.0, 2.0, 4.0, 0.5, 1.0, 3.0],
        "against": ["A", "A", "A", "A", "A", "B"],
    }
)


def bars(axes):
    return [p for p in axes.patches if isinstance(p, Rectangle)]


def test_bars_begin_at_one_and_end_at_the_median():
    axes = ratio_bars(RATIOS[RATIOS.against == "A"]).axes[0]
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars(axes)]
    assert ends == [(1, 2.0), (1, 0.5), (1, 1.0)]
    assert axes.get_xscale() == "log"
    assert [t.get_text() for t in axes.texts] == ["2.00×", "0.50×", "1.00×"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["conv", "pool", "dense"]
    assert axes.get_title(loc="left") == "1 of 3 are faster than 1.0"


def test_the_thin_line_of_a_bar_runs_from_the_least_to_the_largest():
    axes = ratio_bars(RATIOS[RATIOS.against == "A"]).axes[0]
    spread, one = axes.lines
    assert list(spread.get_xdata()) == [1.0, 4.0]
    assert list(one.get_xdata()) == [1, 1]


def test_kinds_of_bars_differ_in_hatching_and_are_named_once():
    figure = ratio_bars(RATIOS, hue="against")
    drawn = bars(figure.axes[0])
    assert len(drawn) == 4  # B has one case
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in drawn}) == 2
    assert [t.get_text() for t in figure.legends[0].texts] == ["A", "B"]


def test_the_roof_is_bandwidth_up_to_the_ridge_and_then_the_peak():
    frame = pd.DataFrame({"name": ["a", "a", "b"], "intensity": [2, 2, 50], "gflops": [8, 12, 30]})
    axes = roofline(frame, peak_gflops=40, bandwidth_gbs=10).axes[0]
    (low, at_low), *roof = axes.lines[0].get_xydata().tolist()
    assert roof == [[4.0, 40.0], [150.0, 40.0]]
    assert low < 1
    assert at_low == pytest.approx(10 * low)
    legend = [t.get_text() for t in axes.get_legend().texts]
    assert legend == ["a (50% of the roof)", "b (75% of the roof)"]
    assert axes.get_title(loc="left") == "b comes nearest to the roof: 75%"
    assert "FLOP / byte" in axes.get_xlabel()


def test_no_point_above_the_roof_hides_the_peak():
    """As that of an algorithm which does fewer operations than are counted."""
    rows = {"name": ["loops", "Winograd"], "intensity": [0.25, 128], "gflops": [0.002, 200]}
    axes = roofline(pd.DataFrame(rows), peak_gflops=160, bandwidth_gbs=8).axes[0]
    (label,) = [text for text in axes.texts if text.get_text() == "160 GFLOP/s"]
    place = axes.transData.transform((128, 200))
    assert not label.get_window_extent().padded(10).contains(*place)


def test_every_point_is_inside_of_the_axes_however_far_above_the_roof():
    rows = {"name": ["a", "b"], "intensity": [0.25, 128], "gflops": [0.002, 900]}
    axes = roofline(pd.DataFrame(rows), peak_gflops=160, bandwidth_gbs=8).axes[0]
    low, high = axes.get_ylim()
    assert low < 0.002
    assert high >= 1.2 * 900  # room for the marker


@pytest.mark.parametrize("intensity", [[0.25, 128], [4, 300], [15, 16], [90, 1000]])
def test_the_labels_of_the_roof_lie_inside_of_the_axes_and_apart(intensity):
    rows = {"name": ["a", "b"], "intensity": intensity, "gflops": [1.5, 100]}
    figure = roofline(pd.DataFrame(rows), peak_gflops=354, bandwidth_gbs=30.8)
    axes = figure.axes[0]
    figure.canvas.draw()
    inside = axes.get_window_extent()
    peak, bandwidth = (text.get_window_extent() for text in axes.texts)
    for label in (peak, bandwidth):
        assert inside.x0 < label.x0
        assert label.x1 < inside.x1
    assert not peak.overlaps(bandwidth)


def test_scaling_draws_the_median_and_the_band_of_all_repetitions():
    frame = pd.DataFrame(
        {"threads": [1, 1, 1, 2, 2, 2], "rate": [9, 10, 14, 16, 18, 30], "library": ["x"] * 6}
    )
    axes = scaling(frame, "threads", "rate", "library", ideal=True).axes[0]
    assert axes.lines[0].get_xydata().tolist() == [[1, 10], [2, 18]]
    assert axes.lines[1].get_xydata().tolist() == [[1, 10], [2, 20]]  # proportional
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (9, 30)
    labels = [t.get_text() for t in axes.get_legend().texts]
    assert labels == ["x", "proportional to the size"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: ratio_bars(RATIOS, ratio="speed"), r"without the column\(s\) speed; it has"),
        (lambda: ratio_bars([1, 2]), "it has list. Expected a pandas DataFrame"),
        (lambda: ratio_bars(RATIOS[:0]), "no rows"),
        (lambda: ratio_bars(RATIOS.assign(ratio=0.0)), "received 0.0 in column 'ratio'"),
        (lambda: scaling(RATIOS.assign(ratio=float("nan")), "ratio", "ratio"), "received nan"),
        (lambda: roofline(RATIOS, 0, 1, intensity="ratio", gflops="ratio", name="case"), "peak_gf"),
    ],
)
def test_tables_that_cannot_be_drawn_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
