"""Which classes are taken for which. Keras has no such metric.

M_ij is the number (or weight) of samples of class i that were taken for class j: a row is a true
class, a column a predicted one, and the diagonal holds what was right. Normalised it is

    "true"  M_ij / Σ_j M_ij     of class i, the share taken for j; the diagonal is the recall
    "pred"  M_ij / Σ_i M_ij     of what was taken for j, the share of class i; precision
    "all"   M_ij / Σ_ij M_ij    of all samples

where 0/0 counts as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.metrics.accuracy import first_largest
from scratchnet.metrics.arrays import as_array, divide_no_nan
from scratchnet.metrics.metric import Metric

if TYPE_CHECKING:
    import pandas as pd

_SUM_OVER = {"true": 1, "pred": 0, "all": None}


class ConfusionMatrix(Metric):
    """A matrix (C, C): row i, column j counts the samples of class i that were taken for j.

    Args:
        num_classes: C, at least 2.
        normalize: None for counts; "true", "pred" or "all" for shares of a row, of a column, of
            all.
        dtype: of the result where it is not whole numbers; None means `config.floatx()`.

    Raises:
        ValueError: an argument that is none of these, or arrays that hold no such classes.

    >>> matrix = ConfusionMatrix(num_classes=2)
    >>> matrix([0, 0, 1], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]).tolist()
    [[1, 1], [0, 1]]
    """

    def __init__(
        self,
        num_classes: int,
        normalize: str | None = None,
        name: str | None = "confusion_matrix",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if not isinstance(num_classes, (int, np.integer)) or num_classes < 2:
            raise ValueError(
                f"ConfusionMatrix received num_classes={num_classes!r}. Expected an integer of at "
                f"least 2."
            )
        if normalize is not None and normalize not in _SUM_OVER:
            raise ValueError(
                f"ConfusionMatrix received normalize={normalize!r}. Expected None, 'true', 'pred' "
                f"or 'all'."
            )
        self.num_classes = int(num_classes)
        self.normalize = normalize
        self.matrix = self.add_variable((self.num_classes,) * 2, name="matrix")
        self._weighted = False

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch.

        Args:
            y_true: class numbers (N, …) or (N, …, 1), or one-hot rows (N, …, C).
            y_pred: scores (N, …, C), whose largest counts (the first of several), or, for two
                classes, (N, …, 1), where more than 0.5 means class 1; or class numbers (N, …) as
                integers.
            sample_weight: a number, or one for each sample.

        Raises ValueError where the arrays do not fit each other or hold no such classes.
        """
        predicted = self._predicted(as_array(y_pred))
        true = self._true(as_array(y_true), predicted.shape)
        for name, classes in (("y_true", true), ("y_pred", predicted)):
            wrong = ~((classes >= 0) & (classes < self.num_classes) & (classes % 1 == 0))
            if wrong.any():
                raise ValueError(
                    f"{self.name!r} received the class {classes[wrong][0]} in {name}. Expected "
                    f"classes from 0 to {self.num_classes - 1}."
                )
        weights = self._weights(sample_weight, true.shape)
        cell = true.astype(np.int64) * self.num_classes + predicted.astype(np.int64)
        added = np.bincount(cell.ravel(), weights.ravel(), self.num_classes**2)
        self.matrix.value += added.reshape(self.matrix.shape)
        self._weighted |= sample_weight is not None

    def result(self) -> np.ndarray:
        """The matrix: int64 counts, or floats where there are weights or `normalize`."""
        if self.normalize is not None:
            matrix = self.matrix.value
            return self.as_result(
                divide_no_nan(matrix, matrix.sum(axis=_SUM_OVER[self.normalize], keepdims=True))
            )
        return self.as_result(self.matrix) if self._weighted else self.matrix.value.astype(np.int64)

    def reset_state(self) -> None:
        super().reset_state()
        self._weighted = False

    def frame(self, class_names: Sequence[str] | None = None) -> pd.DataFrame:
        """The result as a table: a row for each true class, a column for each predicted one.

        Args:
            class_names: the C names; None means their numbers.

        Raises:
            ValueError: another number of names.
            ModuleNotFoundError: pandas is missing; the message says the extra to install.
        """
        names = list(range(self.num_classes)) if class_names is None else list(class_names)
        if len(names) != self.num_classes:
            raise ValueError(
                f"frame received {len(names)} class names. Expected {self.num_classes}."
            )
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "ConfusionMatrix.frame() needs pandas, which is not installed: "
                "pip install 'scratchnet[plots]'. result() has the same values.",
                name="pandas",
            ) from error
        rows, columns = pd.Index(names, name="true"), pd.Index(names, name="predicted")
        return pd.DataFrame(self.result(), index=rows, columns=columns)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_classes": self.num_classes,
            "normalize": self.normalize,
        }

    def _predicted(self, y_pred: np.ndarray) -> np.ndarray:
        if not np.issubdtype(y_pred.dtype, np.floating):
            return y_pred
        if y_pred.ndim and y_pred.shape[-1] == self.num_classes:
            return first_largest(y_pred)
        if y_pred.ndim and y_pred.shape[-1] == 1 and self.num_classes == 2:
            return (y_pred[..., 0] > 0.5).astype(np.int64)
        raise ValueError(
            f"{self.name!r} received y_pred of shape {y_pred.shape}. Expected scores (N, "
            f"{self.num_classes}), or class numbers as integers."
        )

    def _true(self, y_true: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if y_true.shape == (*shape, self.num_classes):
            return first_largest(y_true)
        if y_true.shape == (*shape, 1):
            return y_true[..., 0]
        if y_true.shape != shape:
            raise ValueError(
                f"The targets do not fit the predictions: {self.name!r} received y_true of shape "
                f"{y_true.shape} for {shape} predicted classes. Expected class numbers {shape} or "
                f"one-hot rows {(*shape, self.num_classes)}."
            )
        return y_true

    def _weights(self, sample_weight: Any, shape: tuple[int, ...]) -> np.ndarray:
        weights = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
        if weights.shape == (*shape, 1):
            weights = weights[..., 0]
        if 0 < weights.ndim < len(shape):
            weights = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
        try:
            return np.broadcast_to(weights, shape)
        except ValueError:
            raise ValueError(
                f"The sample weights of {self.name!r} do not fit: received shape {weights.shape} "
                f"for {shape} samples. Expected one weight for each sample."
            ) from None
