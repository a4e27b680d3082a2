"""Losses: one number ℓ_i for each sample, weighted and reduced to L, and the gradient ∂L/∂ŷ.

Each loss is a class under Keras's name, called as loss(y_true, y_pred, sample_weight), and a
function under Keras's name that gives the ℓ_i of every sample. How the ℓ_i become L, and how to
write a loss of one's own, is told in `scratchnet.losses.loss`.

>>> from scratchnet import losses
>>> loss = losses.get("mse")
>>> float(loss([[0.0], [1.0]], [[2.0], [1.0]]))
2.0
>>> losses.mean_squared_error([[0.0], [1.0]], [[2.0], [1.0]])
array([4., 0.])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scratchnet.custom_objects import custom_object_scope
from scratchnet.losses.circle import Circle, circle
from scratchnet.losses.cross_entropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
)
from scratchnet.losses.divergence import KLDivergence, Poisson, kl_divergence, poisson
from scratchnet.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from scratchnet.losses.generalized_cross_entropy import (
    CategoricalGeneralizedCrossEntropy,
    categorical_generalized_cross_entropy,
)
from scratchnet.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from scratchnet.losses.loss import Loss
from scratchnet.losses.overlap import Dice, Tversky, dice, tversky
from scratchnet.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from scratchnet.losses.similarity import CosineSimilarity, cosine_similarity
from scratchnet.losses.sparse_cross_entropy import (
    SparseCategoricalCrossentropy,
    sparse_categorical_crossentropy,
)
from scratchnet.serialization import get_object, serialize_object
from scratchnet.serialization import snake_case as snake_case

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

_OF_FUNCTION: dict[Callable[..., Any], type[Loss]] = {
    binary_crossentropy: BinaryCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_generalized_cross_entropy: CategoricalGeneralizedCrossEntropy,
    categorical_hinge: CategoricalHinge,
    circle: Circle,
    cosine_similarity: CosineSimilarity,
    dice: Dice,
    hinge: Hinge,
    huber: Huber,
    kl_divergence: KLDivergence,
    log_cosh: LogCosh,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_error: MeanSquaredError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    poisson: Poisson,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    squared_hinge: SquaredHinge,
    tversky: Tversky,
}
_KNOWN: dict[str, type[Loss]] = {kind.__name__: kind for kind in _OF_FUNCTION.values()} | {
    "BCE": BinaryCrossentropy,
    "KLD": KLDivergence,
    "MAE": MeanAbsoluteError,
    "MAPE": MeanAbsolutePercentageError,
    "MSE": MeanSquaredError,
    "MSLE": MeanSquaredLogarithmicError,
}


def get(identifier: Any) -> Any:
    """The loss of that name, configuration, class, or function of this module; None gives None.

    Raises:
        ValueError: an unknown name, with the closest known one.
        TypeError: another function, which comes without a gradient.
    """
    return None if identifier is None else deserialize(identifier)


def serialize(loss: Loss) -> dict[str, Any]:
    """What `get` and Keras take back."""
    return serialize_object(loss, "keras.losses")


def deserialize(name: Any, custom_objects: Mapping[str, type[Loss]] | None = None) -> Loss:
    """The loss that `serialize`, here or in Keras, made this configuration of.

    Args:
        name: a configuration; also all else that `get` takes.
        custom_objects: {class name: class} of losses that this module does not have.

    Raises:
        ValueError: an unknown name, with the closest known one.
        TypeError: a function that is not of this module, which comes without a gradient.
    """
    if isinstance(name, Mapping) and name["class_name"] == "function":
        name = name["config"]  # how Keras writes a loss that was given as one of its functions
    if callable(name) and not isinstance(name, (Loss, type)):
        if name not in _OF_FUNCTION:
            raise TypeError(
                f"A loss needs its gradient; received the function {name!r}. Expected a name or a "
                f"Loss: subclass scratchnet.losses.Loss with call and call_gradient, as its "
                f"docstring shows."
            )
        name = _OF_FUNCTION[name]
    with custom_object_scope(custom_objects):
        return get_object(name, _KNOWN, "loss", Loss)
