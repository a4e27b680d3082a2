"""What every loss shares: targets beside predictions, weights, and the reduction to one number.

With ŷ the prediction, y the target, ℓ_i the loss of sample i and w_i its weight (1 where none is
given), N the number of the products w_i·ℓ_i,

    reduction "sum_over_batch_size", "mean":   L = Σ_i w_i·ℓ_i / N
    reduction "sum":                           L = Σ_i w_i·ℓ_i
    reduction "mean_with_sample_weight":       L = Σ_i w_i·ℓ_i / Σ w
    reduction "none", None:                    the w_i·ℓ_i themselves

Σ w adds up the weights as they were given: a weight that stands for a whole row of losses counts
once. A division by 0 gives 0. A loss that is one number for the whole batch (`Dice`) is left as
it is by every reduction. All of this is Keras's; only the mean over no samples is 0 here where
Keras returns an empty array.

Source: keras/src/losses/loss.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import standardize_dtype
from scratchnet.losses.arguments import Axis
from scratchnet.serialization import snake_case

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """Base of all losses. A new one defines `call` and, to train with it, `call_gradient`.

    Everything is computed in the dtype of the prediction, unless the loss was given a dtype.

    Args:
        name: None means the class's name in snake case.
        reduction: how the samples' losses become one number; see the top of this file.
        dtype: to compute in; None means that of the prediction.

    Raises:
        ValueError: an unknown reduction.

    >>> class MeanCubedError(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return (np.abs(y_pred - y_true) ** 3).mean(axis=-1)
    ...
    ...     def call_gradient(self, y_true, y_pred):
    ...         error = y_pred - y_true
    ...         return 3 * error * np.abs(error) / y_pred.shape[-1]
    >>> loss = MeanCubedError()
    >>> float(loss([[0.0, 0.0]], [[2.0, 0.0]]))
    4.0
    >>> loss.gradient([[0.0, 0.0]], np.array([[2.0, 0.0]]))
    array([[6., 0.]])
    """

    activation: str | None = None  # whose logits the loss can take, if any
    from_logits: bool = False  # whether ŷ are logits
    axis: Axis = -1  # the axes of ŷ that `call` takes away; None means all

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"{type(self).__name__} received reduction={reduction!r}. Expected one of "
                f"{', '.join(map(repr, _REDUCTIONS))}."
            )
        self.reduction = reduction
        self.name = name or snake_case(type(self).__name__)
        self.dtype = None if dtype is None else standardize_dtype(dtype)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """ℓ for each sample: y_true and y_pred (N, …, C) give (N, …), without the axes `axis`."""
        raise NotImplementedError(f"{type(self).__name__} does not define call(y_true, y_pred).")

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """∂ℓ_i/∂ŷ_ik, of the shape of y_pred: each ŷ belongs to the ℓ over whose axes it lies."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define call_gradient(y_true, y_pred), which training "
            f"needs."
        )

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Any:
        """L for targets, predictions and, optionally, weights that broadcast to the ℓ.

        Raises ValueError where the targets do not fit the predictions, or the weights the ℓ.
        """
        targets, predictions = self._standardize(y_true, y_pred)
        with _silence():
            values = np.asarray(self.call(targets, predictions))
            weighted = self._weighted(targets, values, sample_weight)
            products = weighted.products()
            if self.reduction in (None, "none"):
                return products
            total, divisor = products.sum(dtype=_accumulator(products.dtype)), weighted.divisor()
            return products.dtype.type(total / divisor if divisor else 0)

    def gradient(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> np.ndarray:
        """∂L/∂ŷ, of the shape and dtype of y_pred; without a reduction, that of Σ_i w_i·ℓ_i."""
        targets, predictions = self._standardize(y_true, y_pred)
        with _silence():
            values = np.asarray(self.call(targets, predictions))
            weighted = self._weighted(targets, values, sample_weight)
            share = None if weighted.weight is None else weighted.share().reshape(values.shape)
            gradient = self._pull(targets, predictions, share)
            divisor = _accumulator(gradient.dtype).type(weighted.divisor())
            gradient = gradient / divisor if divisor else np.zeros_like(gradient)
            original = np.asarray(y_pred)
            return gradient.reshape(original.shape).astype(_floating(original), copy=False)

    def check(self, y_true: np.ndarray, prediction_shape: Sequence[int | None]) -> None:
        """Raise ValueError where targets can't be compared with predictions of this shape."""
        shape = tuple(prediction_shape)
        target = tuple(y_true.shape)
        if len(target) == len(shape) - 1 and shape[-1] == 1:
            target = (*target, 1)
        if len(target) == len(shape) + 1 and target[-1] == 1:
            target = target[:-1]
        if len(target) != len(shape) or any(
            s is not None and t != s for t, s in zip(target, shape, strict=True)
        ):
            raise ValueError(
                f"The targets do not fit the predictions: the loss {self.name!r} received y of "
                f"shape {tuple(y_true.shape)} for predictions of shape {shape}. Expected the same "
                f"shape.{self._shape_hint(shape)}"
            )
        self._check_axis(tuple(y_true.shape), shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments by name; `dtype`, which Keras forgets, where it was given."""
        config: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        return config if self.dtype is None else config | {"dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    def on_logits(self) -> Self:
        """The same loss, but of the logits that go into `activation`."""
        if self.activation is None:
            raise NotImplementedError(f"{type(self).__name__} has no form that takes logits.")
        other = copy.copy(self)
        other.from_logits = True
        return other

    def _shape_hint(self, shape: tuple[int | None, ...]) -> str:
        return ""

    def _mask(self, y_true: np.ndarray, values: np.ndarray) -> np.ndarray | None:
        """Which of the ℓ count; None means all."""
        return None

    def _pull(
        self, y_true: np.ndarray, y_pred: np.ndarray, share: np.ndarray | None
    ) -> np.ndarray:
        """Σ_i share_i·∂ℓ_i/∂ŷ, of the shape of y_pred; None means 1 for each."""
        gradient = self.call_gradient(y_true, y_pred)
        if share is None:
            return gradient
        return gradient * (share if self.axis is None else np.expand_dims(share, self.axis))

    def _check_axis(self, target: tuple[int, ...], shape: tuple[int | None, ...]) -> None:
        ranks = len(target), len(shape)
        rank = max(ranks) if min(ranks) == 1 else min(ranks)  # what `same_rank` makes of them
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if any(axis is not None and not -rank <= axis < rank for axis in axes):
            raise ValueError(
                f"The loss {self.name!r} works along axis={self.axis!r}, which predictions of "
                f"shape {shape} do not have. Expected axes from {-rank} to {rank - 1}."
            )

    def _standardize(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        """Both as arrays of the computation's dtype and of one rank."""
        targets, predictions = np.asarray(y_true), self._predictions(y_pred)
        self.check(targets, predictions.shape)
        targets = targets.astype(predictions.dtype, copy=False)
        return same_rank(targets, predictions)

    def _predictions(self, y_pred: Any) -> np.ndarray:
        predictions = np.asarray(y_pred)
        return predictions.astype(self.dtype or _floating(predictions), copy=False)

    def _weighted(self, y_true: np.ndarray, values: np.ndarray, sample_weight: Any) -> _Weighted:
        weight = None
        if sample_weight is not None:
            weight = np.asarray(sample_weight).astype(values.dtype, copy=False)
        mask = self._mask(y_true, values)
        try:
            if mask is not None:
                weight = self._with_mask(mask, weight, values.dtype)
            if weight is not None:
                values, weight = same_rank(values, weight)
                np.broadcast_shapes(values.shape, weight.shape)
        except ValueError:
            raise ValueError(
                f"The sample weights do not fit: received shape {np.shape(sample_weight)} for "
                f"losses of shape {values.shape}. Expected one weight for each sample."
            ) from None
        return _Weighted(values, weight, self.reduction)

    def _with_mask(
        self, mask: np.ndarray, weight: np.ndarray | None, dtype: np.dtype
    ) -> np.ndarray:
        """The weights of what counts, and 0 for the rest."""
        scale = 1.0
        if self.reduction in ("mean", "sum_over_batch_size"):
            # so that dividing by all of them divides by those that count
            scale = mask.size / max(int(np.count_nonzero(mask)), 1)
        masked = np.where(mask, scale, 0).astype(dtype)
        if weight is None:
            return masked
        masked, weight = same_rank(masked, weight)
        return masked * weight


class PlainLoss(Loss):
    """A loss without arguments of its own: as Keras's own losses it takes the reduction first."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class _Weighted(NamedTuple):
    """The ℓ and, brought to the same rank, their weights; None means 1 for each."""

    values: np.ndarray
    weight: np.ndarray | None
    reduction: str | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the products w·ℓ."""
        own = self.values.shape
        return own if self.weight is None else np.broadcast_shapes(own, self.weight.shape)

    def products(self) -> np.ndarray:
        return self.values if self.weight is None else self.values * self.weight

    def divisor(self) -> float:
        """What the sum of the products is divided by."""
        if self.reduction in (None, "none", "sum") or self.shape == ():
            return 1.0
        if self.reduction == "mean_with_sample_weight" and self.weight is not None:
            return float(self.weight.sum(dtype=_accumulator(self.weight.dtype)))
        return float(math.prod(self.shape))

    def share(self) -> np.ndarray:
        """∂(Σ w·ℓ)/∂ℓ for each ℓ: the sum of all the weights that it meets."""
        assert self.weight is not None
        met = np.broadcast_to(self.weight, self.shape)
        extra = len(self.shape) - self.values.ndim
        own = self.values.shape
        repeated = [i + extra for i, n in enumerate(own) if n != self.shape[i + extra]]
        return met.sum(axis=(*range(extra), *repeated)).reshape(own)


def same_rank(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the ranks differ by a last axis of size 1, drop it, or add it to a plain row."""
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[:, None]) if b.ndim == 1 else (a[..., 0], b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (a[:, None], b) if a.ndim == 1 else (a, b[..., 0])
    return a, b


def _silence() -> np.errstate:
    """Infinity and NaN are the answer where they arise, not a warning of each operation."""
    return np.errstate(divide="ignore", over="ignore", invalid="ignore")


def _accumulator(dtype: np.dtype) -> np.dtype:
    """What to sum and divide in: float16 ends at 65504, which a sum or a count soon passes."""
    return np.promote_types(dtype, np.float32)


def _floating(array: np.ndarray) -> np.dtype:
    """The array's dtype in the machine's byte order where it is floating point, else floatx."""
    if np.issubdtype(array.dtype, np.floating):
        return array.dtype.newbyteorder("=")
    return np.dtype(standardize_dtype(None))
