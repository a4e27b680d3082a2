"""What can be seen of a training run and of a network: each function returns a matplotlib Figure.

Nothing pops up and nothing is written: `figure.savefig(path)` does that. The libraries that draw
come with the extra `scratchnet[plots]` and are imported when the first figure is drawn.
"""

from scratchnet.visualization.benchmarks import ratio_bars, roofline, scaling
from scratchnet.visualization.confusion import confusion_matrix
from scratchnet.visualization.curves import history, loss_curves
from scratchnet.visualization.filters import feature_maps, filters, filters_and_feature_maps
from scratchnet.visualization.style import style

__all__ = [
    "confusion_matrix",
    "feature_maps",
    "filters",
    "filters_and_feature_maps",
    "history",
    "loss_curves",
    "ratio_bars",
    "roofline",
    "scaling",
    "style",
]
