"""Models: layers wired together, and the loop that trains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchnet.models.cloning import clone_model
from scratchnet.models.functional import Functional
from scratchnet.models.model import Model
from scratchnet.models.sequential import Sequential

if TYPE_CHECKING:
    from scratchnet.saving import load_model, model_from_json, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


def __getattr__(name: str) -> Any:
    """What Keras has here as well and `scratchnet.saving`, which imports models, defines."""
    if name in ("load_model", "model_from_json", "save_model"):
        from scratchnet import saving

        return getattr(saving, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
