"""What can be seen of a training run and of a network: each function returns a matplotlib Figure.

Nothing pops up and nothing is written: `figure.savefig(path)` does that. The libraries that draw
come with the extra `scratchnet[plots]` and are imported when the first figure is drawn.
"""

from scratchnet.visualization.agreement import agreement_heatmap
from scratchnet.visualization.benchmarks import ratio_bars, roofline, scaling
from scratchnet.visualization.confusion import confusion_matrix
from scratchnet.visualization.convolution import (
    convolution_animation,
    convolution_step,
    convolution_steps,
)
from scratchnet.visualization.curves import compare_runs, history, loss_curves
from scratchnet.visualization.distributions import layer_histograms, variance_through_depth
from scratchnet.visualization.filters import feature_maps, filters, filters_and_feature_maps
from scratchnet.visualization.geometry import convolution_geometry
from scratchnet.visualization.gradient_steps import difference_errors, gradient_check_v
from scratchnet.visualization.landscape import loss_landscape
from scratchnet.visualization.model_graph import model_graph
from scratchnet.visualization.optimizer_paths import optimizer_paths
from scratchnet.visualization.overlays import grad_cam_overlay, saliency_overlay
from scratchnet.visualization.pooling import pooling_argmax
from scratchnet.visualization.receptive import receptive_field
from scratchnet.visualization.softmax import softmax_gradient
from scratchnet.visualization.style import style
from scratchnet.visualization.surfaces import RAVINE, SADDLE, Surface, walk
from scratchnet.visualization.thresholds import precision_recall_curve, roc_curve
from scratchnet.visualization.wiring import channel_wiring

__all__ = [
    "RAVINE",
    "SADDLE",
    "Surface",
    "agreement_heatmap",
    "channel_wiring",
    "compare_runs",
    "confusion_matrix",
    "convolution_animation",
    "convolution_geometry",
    "convolution_step",
    "convolution_steps",
    "difference_errors",
    "feature_maps",
    "filters",
    "filters_and_feature_maps",
    "grad_cam_overlay",
    "gradient_check_v",
    "history",
    "layer_histograms",
    "loss_curves",
    "loss_landscape",
    "model_graph",
    "optimizer_paths",
    "pooling_argmax",
    "precision_recall_curve",
    "ratio_bars",
    "receptive_field",
    "roc_curve",
    "roofline",
    "saliency_overlay",
    "scaling",
    "softmax_gradient",
    "style",
    "variance_through_depth",
    "walk",
]
