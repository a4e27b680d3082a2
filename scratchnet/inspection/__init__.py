"""Looking into layers and models: whether a backward pass is right."""

from scratchnet.inspection.gradient_check import check_gradients
from scratchnet.inspection.gradient_report import GradientCheck, Quantity

__all__ = ["GradientCheck", "Quantity", "check_gradients"]
