"""How far scores are from the right side by a margin, over all samples.

The formulas are those of the losses of the same names (`scratchnet.losses`).

Source: keras/src/metrics/hinge_metrics.py.
"""

from __future__ import annotations

from typing import Any

from scratchnet import losses
from scratchnet.metrics.reduction import MeanOfFunction


class Hinge(MeanOfFunction):
    """Mean of max(0, 1 − y·ŷ), for y of −1 and 1, or of 0 and 1.

    >>> float(Hinge()([[-1.0, 1.0]], [[0.5, 0.5]]))
    1.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanOfFunction):
    """Mean of max(0, 1 − y·ŷ)², for y of −1 and 1, or of 0 and 1.

    >>> float(SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]]))
    1.25
    """

    _direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanOfFunction):
    """Mean of max(0, 1 + the largest wrong score − the right score), for one-hot y.

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]]))
    0.75
    """

    _direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)
