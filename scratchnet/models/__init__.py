"""Models: layers wired together, and the loop that trains them."""

from scratchnet.models.functional import Functional
from scratchnet.models.model import Model
from scratchnet.models.sequential import Sequential

__all__ = ["Functional", "Model", "Sequential"]
