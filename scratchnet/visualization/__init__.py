"""What can be seen of a training run and of a network: each function returns a matplotlib Figure.

Nothing pops up and nothing is written: `figure.savefig(path)` does that. The libraries that draw
come with the extra `scratchnet[plots]` and are imported when the first figure is drawn.
"""

from scratchnet.visualization.benchmarks import ratio_bars, roofline, scaling
from scratchnet.visualization.confusion import confusion_matrix
from scratchnet.visualization.convolution import (
    convolution_animation,
    convolution_step,
    convolution_steps,
)
from scratchnet.visualization.curves import history, loss_curves
from scratchnet.visualization.filters import feature_maps, filters, filters_and_feature_maps
from scratchnet.visualization.geometry import convolution_geometry
from scratchnet.visualization.pooling import pooling_argmax
from scratchnet.visualization.receptive import receptive_field
from scratchnet.visualization.style import style
from scratchnet.visualization.wiring import channel_wiring

__all__ = [
    "channel_wiring",
    "confusion_matrix",
    "convolution_animation",
    "convolution_geometry",
    "convolution_step",
    "convolution_steps",
    "feature_maps",
    "filters",
    "filters_and_feature_maps",
    "history",
    "loss_curves",
    "pooling_argmax",
    "ratio_bars",
    "receptive_field",
    "roofline",
    "scaling",
    "style",
]
