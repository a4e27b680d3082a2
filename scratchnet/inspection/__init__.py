"""Looking into layers and models: is a backward pass right, and what does a network see and do?"""

from scratchnet.inspection.class_scores import class_gradient, saliency
from scratchnet.inspection.directions import (
    coordinates,
    filter_normalised,
    principal_directions,
    random_direction,
)
from scratchnet.inspection.grad_cam import grad_cam
from scratchnet.inspection.gradient_check import check_gradients
from scratchnet.inspection.gradient_report import GradientCheck, Quantity
from scratchnet.inspection.landscape import loss_landscape
from scratchnet.inspection.receptive_field import (
    MeasuredField,
    ReceptiveField,
    measured_receptive_field,
    receptive_field,
)
from scratchnet.inspection.statistics import LayerStatistics, layer_statistics

__all__ = [
    "GradientCheck",
    "LayerStatistics",
    "MeasuredField",
    "Quantity",
    "ReceptiveField",
    "check_gradients",
    "class_gradient",
    "coordinates",
    "filter_normalised",
    "grad_cam",
    "layer_statistics",
    "loss_landscape",
    "measured_receptive_field",
    "principal_directions",
    "random_direction",
    "receptive_field",
    "saliency",
]
