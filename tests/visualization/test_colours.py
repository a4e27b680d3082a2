"""The colours stay apart: in grey, for readers who lack one kind of cone, and under their text."""

import itertools
import re

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from scratchnet import visualization
from scratchnet.visualization import cells, colours

# G. Machado, M. Oliveira, L. Fernandes, "A Physiologically-based Model for Simulation of Color
# Vision Deficiency" (2009), severity 1.0, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# IEC 61966-2-1 (sRGB to XYZ) and CIE 15 (XYZ to L*a*b*, white D65)
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE_POINT = TO_XYZ.sum(axis=1)


def linear(colour) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    t = TO_XYZ @ np.clip(rgb, 0, 1) / WHITE_POINT
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other) -> float:
    light, dark = sorted([TO_XYZ[1] @ linear(each) for each in (one, other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_conversion_to_lab_gives_the_known_values_of_red():
    np.testing.assert_allclose(lab(linear("#FF0000")), [53.24, 80.09, 67.20], atol=0.02)


def test_the_palette_differs_in_lightness_so_that_it_can_be_printed_in_grey():
    lightness = sorted(lab(linear(colour))[0] for colour in colours.PALETTE)
    assert np.diff(lightness).min() > 8


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_the_palette_stays_apart_for_every_kind_of_colour_vision(deficiency):
    seen = [lab(DEFICIENCIES[deficiency] @ linear(colour)) for colour in colours.PALETTE]
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) > 14  # 2.3 is just noticeable


def test_lines_differ_in_more_than_their_colour():
    looks = [colours.line_look(k) for k in range(12)]
    assert len({(str(look["linestyle"]), look["marker"]) for look in looks}) == 12
    bars = [colours.bar_look(k) for k in range(12)]
    assert len({(bar["facecolor"], bar["hatch"]) for bar in bars}) == 12


@pytest.mark.parametrize("name", ["paper", "viridis", "inferno"])
def test_equal_steps_of_a_scale_are_equal_steps_for_the_eye(name):
    scale = colours.paper() if name == "paper" else matplotlib.colormaps[name]
    lightness = np.array([lab(linear(scale(t)))[0] for t in np.linspace(0, 1, 33)])
    steps = np.diff(lightness)
    assert (steps > 0).all() or (steps < 0).all()
    steps = np.abs(steps[np.maximum(lightness[1:], lightness[:-1]) > 12])  # L* stretches the dark
    assert steps.max() / steps.min() < 1.8


def test_the_scale_of_signed_numbers_is_lightest_at_zero_and_as_dark_at_both_ends():
    scale = matplotlib.colormaps[colours.SIGNED]
    lightness = np.array([lab(linear(scale(t)))[0] for t in np.linspace(0, 1, 33)])
    assert lightness.argmax() == 16
    assert abs(lightness[0] - lightness[-1]) < 5


@pytest.mark.parametrize(
    "tint", [name for name in vars(cells) if re.fullmatch("(LIT_)?(IMAGE|KERNEL|OUTPUT)", name)]
)
def test_numbers_are_read_easily_on_the_tints_of_cells(tint):
    assert contrast(getattr(cells, tint), colours.DARK) > 7  # WCAG's level AAA


def test_a_lit_cell_is_darker_than_one_that_is_not():
    for name in ("IMAGE", "KERNEL", "OUTPUT"):
        plain, lit = getattr(cells, name), getattr(cells, f"LIT_{name}")
        assert lab(linear(plain))[0] - lab(linear(lit))[0] > 10


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_text_on_any_colour_has_at_least_the_contrast_for_reading(rgb):
    assert contrast(rgb, colours.ink_on(rgb)) >= 4.0


def test_style_gives_a_reader_s_own_figure_the_look_and_takes_it_back():
    from matplotlib.figure import Figure

    before = dict(matplotlib.rcParams)
    with visualization.style():
        axes = Figure().subplots()
        lines = [axes.plot([k, 1])[0].get_color() for k in range(6)]
    assert tuple(lines) == colours.PALETTE
    assert not axes.spines["top"].get_visible()
    assert dict(matplotlib.rcParams) == before
