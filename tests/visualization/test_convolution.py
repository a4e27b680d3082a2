"""The pictures of a convolution show the numbers of the formulas, forward and backward."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from PIL import Image

from scratchnet.ops import formulas
from scratchnet.visualization import cells as tints
from scratchnet.visualization import (
    convolution_animation,
    convolution_geometry,
    convolution_step,
    convolution_steps,
)
from scratchnet.visualization.convolution_numbers import take_apart

X = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
W = np.array([[1, 0], [0, 2]])


def patches(axes, face):
    return [p for p in axes.patches if p.get_facecolor() == to_rgba(face) and p.get_fill()]


def texts_of(axes, face):
    """The texts in the cells of a colour, in reading order."""
    corners = sorted((p.get_y(), p.get_x()) for p in patches(axes, face))
    by_place = {
        (round(t.get_position()[1], 6), round(t.get_position()[0], 6)): t.get_text()
        for t in axes.texts
    }
    return [by_place[round(y + 0.5, 6), round(x + 0.5, 6)] for y, x in corners]


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.sampled_from(["valid", "same"]),
    seed=st.integers(0, 99),
)
def test_the_steps_add_up_to_the_formulas(height, width, kernel, strides, dilation, padding, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-5, 6, (height, width))
    w = rng.integers(-5, 6, kernel)
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if padding == "valid" and (span[0] > height or span[1] > width):
        with pytest.raises(ValueError, match="output would be empty"):
            take_apart(x, w, None, strides, padding, dilation)
        return
    parts = take_apart(x, w, None, strides, padding, dilation)
    images, kernels = x[None, :, :, None], w[:, :, None, None]
    y = formulas.conv2d(images, kernels, strides, padding, dilation)
    dx, dw = formulas.conv2d_backward(
        parts.dy[None, :, :, None], images, kernels, strides, padding, dilation
    )
    np.testing.assert_array_equal(parts.y, y[0, :, :, 0])
    np.testing.assert_array_equal(parts.kernel_gradient(parts.steps), dw[:, :, 0, 0])
    top, left = parts.top_left
    inside = parts.input_gradient(parts.steps)[top : top + height, left : left + width]
    np.testing.assert_array_equal(inside, dx[0, :, :, 0])
    assert len(parts.border()) == parts.padded.size - x.size


def test_a_forward_step_lights_the_window_and_the_cell_it_makes():
    (axes,) = convolution_step(X, W, step=1).axes
    assert texts_of(axes, tints.LIT_IMAGE) == ["2", "3", "5", "6"]
    assert texts_of(axes, tints.LIT_OUTPUT) == ["14"]
    assert texts_of(axes, tints.EMPTY) == ["", ""]
    assert axes.get_title(loc="left") == "Step 2 of 4: y[0, 1]"
    assert "y[0, 1] = 2·1 + 3·0 + 5·0 + 6·2 = 14" in [t.get_text() for t in axes.texts]


def test_a_backward_step_adds_dy_times_w_to_the_cells_of_dx_that_it_feeds():
    (axes,) = convolution_step(X, W, step=1, direction="backward_input").axes
    # dy = 1, 2, 3, 4: after two of them dx is 1·w at the left and 2·w beside it
    assert texts_of(axes, tints.LIT_IMAGE) == ["2\n+2", "0\n+0", "2\n+0", "4\n+4"]
    assert texts_of(axes, tints.LIT_OUTPUT) == ["2"]
    assert texts_of(axes, tints.LIT_KERNEL) == ["1", "0", "0", "2"]


def test_a_backward_step_adds_dy_times_the_window_to_dw():
    (axes,) = convolution_step(X, W, step=1, direction="backward_kernel").axes
    assert texts_of(axes, tints.LIT_KERNEL) == ["5\n+4", "8\n+6", "14\n+10", "17\n+12"]
    assert texts_of(axes, tints.LIT_IMAGE) == ["2", "3", "5", "6"]


def test_both_ways_back_are_beside_each_other_with_the_given_dy():
    dy = [[0.5, -1.0], [0.0, 2.0]]
    (axes,) = convolution_step(X, W, step=-1, dy=dy, direction="backward").axes
    window_and_dx = [f"{v}" for v in (5, 6, 8, 9)]
    lit = texts_of(axes, tints.LIT_IMAGE)
    assert [text for text in lit if "\n" not in text] == window_and_dx
    assert [text for text in lit if "\n" in text] == ["3\n+2", "−2\n+0", "0\n+0", "4\n+4"]
    assert texts_of(axes, tints.LIT_OUTPUT) == ["2"]
    dw = [text for text in texts_of(axes, tints.LIT_KERNEL) if "\n" in text]
    expected = 0.5 * X[:2, :2] - X[:2, 1:] + 2 * X[1:, 1:]
    assert [float(text.split("\n")[0]) for text in dw] == expected.ravel().tolist()


def test_padding_is_grey_and_an_extra_row_is_at_the_end():
    (axes,) = convolution_step(X, W, step=0, padding="same").axes
    border = patches(axes, tints.BORDER)
    assert {(p.get_x(), p.get_y() - 1) for p in border} == {
        (3, 0),
        (3, 1),
        (3, 2),
        (3, 3),
        (0, 3),
        (1, 3),
        (2, 3),
    }


def test_a_dilated_window_lights_its_taps_only():
    (axes,) = convolution_step(X, W, dilation=2).axes
    assert texts_of(axes, tints.LIT_IMAGE) == ["1", "3", "7", "9"]


@pytest.mark.parametrize("direction", ["forward", "backward_input", "backward_kernel", "backward"])
def test_an_animation_has_a_frame_for_each_step_and_is_saved_as_gif_and_html(direction, tmp_path):
    animation = convolution_animation(X, W, strides=2, padding="same", direction=direction)
    path = tmp_path / "convolution.gif"
    animation.save(path, writer="pillow", dpi=20)
    with Image.open(path) as gif:
        assert gif.n_frames == 4
    if direction == "backward":
        animation = convolution_animation(X, W, direction=direction)
        html = animation.to_jshtml(default_mode="once", embed_frames=True)
        assert html.count("data:image/png;base64") == 4


def test_a_page_of_steps_has_the_first_and_the_last_and_some_between():
    figure = convolution_steps(np.ones((5, 5)), np.ones((3, 3)), limit=3)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["Step 1 of 9: y[0, 0]", "Step 5 of 9: y[1, 1]", "Step 9 of 9: y[2, 2]"]


def test_numbers_stay_in_their_cells():
    figure = convolution_step(X / 7, W / -3, step=2, padding="same", direction="backward")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,), renderer = figure.axes, canvas.get_renderer()
    inside = {
        (p.get_x() + 0.5, p.get_y() + 0.5): p for p in axes.patches if isinstance(p, Rectangle)
    }
    checked = 0
    for text in axes.texts:
        cell = inside.get(text.get_position())
        if cell is not None and text.get_text():
            outer, box = cell.get_window_extent(renderer), text.get_window_extent(renderer)
            assert outer.x0 - 1 <= box.x0, text.get_text()
            assert box.x1 <= outer.x1 + 1, text.get_text()
            checked += 1
    assert checked > 40


def test_the_channels_of_one_image_are_left_out():
    whole = convolution_step(X[None, :, :, None], W[:, :, None, None], step=0)
    assert texts_of(whole.axes[0], tints.LIT_OUTPUT) == ["11"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.ones((3, 3, 2))}, r"x has shape \(3, 3, 2\).*one image, one channel"),
        ({"kernel": np.ones(3)}, r"kernel has shape \(3,\)"),
        ({"kernel": np.ones((4, 4))}, "output would be empty"),
        ({"step": 4}, "no step 4: the output has 4 cells. Expected -4 to 3"),
        ({"dy": np.ones((3, 2))}, r"dy has shape \(3, 2\).*\(2, 2\)"),
        ({"strides": 0}, "strides=0. Expected an integer of at least 1"),
        ({"dilation": (1, 2, 3)}, r"dilation=\(1, 2, 3\)"),
        ({"padding": "full"}, "Unknown padding 'full'"),
        ({"direction": "sideways"}, "Unknown direction 'sideways'. Expected one of 'forward'"),
    ],
)
def test_what_is_no_convolution_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        convolution_step(**({"x": X, "kernel": W} | arguments))


def test_a_page_without_steps_is_refused():
    with pytest.raises(ValueError, match="limit=0 leaves nothing"):
        convolution_steps(X, W, limit=0)


def test_the_geometry_shows_padding_windows_and_what_no_window_reaches():
    figure = convolution_geometry(6, 3, strides=2, padding="same")
    (axes,) = figure.axes
    assert len(patches(axes, tints.BORDER)) == 49 - 36  # one extra row and column, at the end
    assert len(patches(axes, tints.LIT_IMAGE)) == 9
    assert len(patches(axes, tints.LIT_OUTPUT)) == 1
    starts = axes.lines[0].get_xydata() - [0.5, 1.5]
    assert sorted(map(tuple, starts.tolist())) == [(i, j) for i in (0, 2, 4) for j in (0, 2, 4)]
    title = axes.get_title(loc="left")
    assert title == 'Window 3 × 3, strides 2, padding "same": 6 × 6 → 3 × 3'

    (axes,) = convolution_geometry((8, 7), (3, 2), strides=2, dilation=2).axes
    assert [t.get_text() for t in axes.texts].count("×") == 7  # the last row
    assert "8 × 7 → 2 × 3" in axes.get_title(loc="left")
    assert "dilation 2" in axes.get_title(loc="left")


def test_the_geometry_of_nothing_is_refused():
    with pytest.raises(ValueError, match="output would be empty"):
        convolution_geometry(2, 3)
