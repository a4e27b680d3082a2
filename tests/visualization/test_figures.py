"""What all figures have in common: they leave no trace, and say what they need."""

import io
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from scratchnet import visualization

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 1, 5))
MAPS = np.random.default_rng(1).random((6, 6, 5))
IMAGE = np.random.default_rng(2).random((6, 6, 1))

DRAWINGS = {
    "loss_curves": lambda: visualization.loss_curves([3.0, 2.0], [3.0, 2.5]),
    "history": lambda: visualization.history({"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]}),
    "confusion_matrix": lambda: visualization.confusion_matrix([0, 1], [0, 0], ["a", "b"]),
    "filters": lambda: visualization.filters(KERNEL),
    "feature_maps": lambda: visualization.feature_maps(MAPS, IMAGE),
    "filters_and_feature_maps": lambda: visualization.filters_and_feature_maps(KERNEL, IMAGE, MAPS),
}


def test_every_public_function_is_among_the_drawings():
    assert sorted(DRAWINGS) == sorted(visualization.__all__)


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_a_figure_becomes_a_png_without_a_trace(draw):
    """No warning (they are errors here), no changed setting, no figure of pyplot's."""
    settings = dict(matplotlib.rcParams)
    figure = draw()
    assert type(figure) is Figure
    content = io.BytesIO()
    figure.savefig(content, format="png")
    assert content.getvalue().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == settings
    assert plt.get_fignums() == []


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_a_figure_looks_the_same_whatever_the_readers_settings(draw):
    def pixels():
        canvas = FigureCanvasAgg(draw())
        canvas.draw()
        return np.array(canvas.buffer_rgba())

    usual = pixels()
    own = {"axes.facecolor": "black", "font.size": 20, "lines.linewidth": 9, "axes.grid": True}
    with matplotlib.rc_context(own):
        changed = pixels()
    np.testing.assert_array_equal(changed, usual)


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("loss_curves", "matplotlib"),
        ("history", "matplotlib"),
        ("confusion_matrix", "seaborn"),
        ("filters", "matplotlib"),
        ("feature_maps", "matplotlib"),
        ("filters_and_feature_maps", "matplotlib"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(monkeypatch, name, library):
    for module in [m for m in sys.modules if m.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{library}.*'scratchnet\[plots\]'") as caught:
        DRAWINGS[name]()
    assert caught.value.name == library
