"""What all figures have in common: they leave no trace, say what they need, and can be read.

Every example of the gallery is drawn, so every public function is.
"""

import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import scratchnet
from scratchnet import visualization
from scratchnet.visualization.gallery import __main__ as gallery
from scratchnet.visualization.style import WEB_WIDTH

EXAMPLES = {
    name: example
    for chapter in gallery.CHAPTERS.values()
    for name, example in gallery.examples(chapter)
}
NO_FIGURES = {"RAVINE", "SADDLE", "Surface", "difference_errors", "style", "walk"}
STILL = [name for name in EXAMPLES if "animation" not in name]
# One of each kind of drawing: lines, bars, pictures, patches and seaborn's
KINDS = ["history", "ratio_bars", "filters", "model_graph", "layer_histograms"]


@pytest.fixture(autouse=True)
def formulas():
    scratchnet.set_random_seed(0)
    with scratchnet.use("formulas"):
        yield


def pixels(figure) -> np.ndarray:
    figure.set_dpi(50)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


def test_every_public_function_is_in_the_gallery():
    drawn = {gallery.subject(name).__name__ for name in EXAMPLES}
    assert drawn == set(visualization.__all__) - NO_FIGURES


def drawn_texts(figure, monkeypatch) -> list[tuple[Text, Bbox]]:
    """The texts that matplotlib draws (not, say, labels of ticks outside the axes), and where."""
    found = []
    draw = Text.draw

    def record(text, renderer):
        found.append(text)
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", record)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    seen = [t for t in dict.fromkeys(found) if t.get_visible() and t.get_text().strip()]
    return [(text, text.get_window_extent(canvas.get_renderer())) for text in seen]


@pytest.mark.parametrize("name", STILL)
def test_a_figure_leaves_no_trace_and_can_be_read(name, monkeypatch):
    """No warning (they are errors here), no changed setting, no figure of pyplot's; a title, and no
    text that is cut off, or too small where a page shows the figure 800 pixels wide."""
    settings = dict(matplotlib.rcParams)
    figure = EXAMPLES[name]()
    assert type(figure) is Figure
    assert dict(matplotlib.rcParams) == settings
    assert plt.get_fignums() == []
    assert figure.get_figwidth() <= WEB_WIDTH + 0.3
    titles = [figure.get_suptitle(), *(text.get_text() for text in figure.texts)]
    titles += [axes.get_title(loc=side) for axes in figure.axes for side in ("left", "center")]
    assert any(titles)
    figure.set_dpi(72)
    width, height = figure.get_size_inches() * 72
    for text, box in drawn_texts(figure, monkeypatch):
        told = (text.get_text(), box)
        assert box.x0 >= -1, told
        assert box.x1 <= width + 1, told
        assert box.y0 >= -1, told
        assert box.y1 <= height + 1, told
        assert text.get_fontsize() / 72 * 800 / max(figure.get_figwidth(), 8) >= 8, told


@pytest.mark.parametrize("name", KINDS)
def test_a_figure_looks_the_same_whatever_the_readers_settings(name):
    usual = pixels(EXAMPLES[name]())
    own = {"axes.facecolor": "black", "font.size": 20, "lines.linewidth": 9, "axes.grid": True}
    scratchnet.set_random_seed(0)
    with matplotlib.rc_context(own):
        changed = pixels(EXAMPLES[name]())
    np.testing.assert_array_equal(changed, usual)


def test_an_animation_looks_the_same_whatever_the_settings_when_it_is_saved(tmp_path):
    def saved(path):
        animation = visualization.convolution_animation(np.eye(2), np.eye(1))
        assert isinstance(animation, FuncAnimation)
        animation.save(path, writer="pillow", dpi=20)
        return path.read_bytes()

    usual = saved(tmp_path / "usual.gif")
    with matplotlib.rc_context({"font.size": 20, "patch.linewidth": 9, "text.color": "red"}):
        assert saved(tmp_path / "own.gif") == usual
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", [*STILL, "style"])
def test_a_missing_library_is_named_with_its_extra(monkeypatch, name):
    seaborn = name in ("confusion_matrix", "layer_histograms")
    library = "seaborn" if seaborn else "matplotlib"
    for module in [m for m in sys.modules if m.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    draw = visualization.style().__enter__ if name == "style" else EXAMPLES[name]
    with pytest.raises(ModuleNotFoundError, match=rf"{library}.*'scratchnet\[plots\]'") as caught:
        draw()
    assert caught.value.name == library
