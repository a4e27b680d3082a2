"""Losses: one number ℓ_i for each sample, weighted and reduced to L.

With ŷ the prediction, y the target and w_i the weight of sample i (1 where none is given),

    reduction "sum_over_batch_size":    L = Σ_i w_i·ℓ_i / N         Keras's default: N counts the ℓ
    reduction "sum":                    L = Σ_i w_i·ℓ_i
    reduction "mean_with_sample_weight" L = Σ_i w_i·ℓ_i / Σ_i w_i
    reduction None:                     the w_i·ℓ_i themselves

Cross-entropies of probabilities clip them to [ε, 1 − ε], ε = 1e-7; what is clipped has gradient 0.
With `from_logits=True` they take z, what goes into the softmax or sigmoid; the training loop does
that by itself where a model ends in one (see `scratchnet.models.training`).

Everything is computed in the dtype of the prediction, unless the loss was given a dtype.

Sources: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.2;
keras/src/losses/losses.py and the TensorFlow backend that it calls.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon, standardize_dtype
from scratchnet.serialization import get_object, serialize_object, snake_case

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """Base of all losses. A new one defines `call` and `call_gradient`.

    Args:
        reduction: how the samples' losses become one number; see the top of this file.
        name: None means the class's name in snake case.
        dtype: to compute in; None means that of the prediction.
    """

    activation: ClassVar[str | None] = None  # whose logits the loss can take, if any

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
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
        """ℓ for each sample: y_true and y_pred (N, …, C) give (N, …)."""
        raise NotImplementedError(f"{type(self).__name__} does not define call(y_true, y_pred).")

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """∂ℓ_i/∂ŷ_ik, of the shape of y_pred: each ℓ_i depends on its own row only."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define call_gradient(y_true, y_pred), which training "
            f"needs."
        )

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Any:
        """L for targets, predictions and, optionally, weights that broadcast to the ℓ.

        Raises ValueError where the targets do not fit the predictions.
        """
        targets, predictions = self._standardize(y_true, y_pred)
        values = self.call(targets, predictions)
        factor, divisor = self._factor(targets, values, sample_weight)
        weighted = values if factor is None else values * factor
        if self.reduction in (None, "none"):
            return weighted
        return weighted.sum() / divisor if divisor else weighted.sum() * 0

    def gradient(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> np.ndarray:
        """∂L/∂ŷ, of the shape and dtype of y_pred; without a reduction, that of Σ_i w_i·ℓ_i."""
        targets, predictions = self._standardize(y_true, y_pred)
        values = self.call(targets, predictions)
        factor, divisor = self._factor(targets, values, sample_weight)
        rows = self.call_gradient(targets, predictions)
        if factor is None:
            # the sum of N equal shares of one ℓ, see the divisor of a reduction over N
            gradient = rows / divisor if divisor else rows * 0
        else:
            share = _unbroadcast(factor, values.shape) / (divisor or 1)
            gradient = rows * share[..., None]
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

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    def on_logits(self) -> Self:
        """The same loss, but of the logits that go into `activation`."""
        raise NotImplementedError(f"{type(self).__name__} has no form that takes logits.")

    def _shape_hint(self, shape: tuple[int | None, ...]) -> str:
        return ""

    def _mask(self, y_true: np.ndarray) -> np.ndarray | None:
        """Which of the ℓ count; None means all."""
        return None

    def _standardize(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        """Both as arrays of the computation's dtype and of one rank."""
        targets, predictions = np.asarray(y_true), np.asarray(y_pred)
        predictions = predictions.astype(self.dtype or _floating(predictions), copy=False)
        self.check(targets, predictions.shape)
        targets = targets.astype(predictions.dtype, copy=False)
        return _same_rank(targets, predictions)

    def _factor(
        self, y_true: np.ndarray, values: np.ndarray, sample_weight: Any
    ) -> tuple[np.ndarray | None, float]:
        """(the factor of each ℓ, what their sum is divided by)."""
        factor = None
        if sample_weight is not None:
            weight = np.asarray(sample_weight).astype(values.dtype, copy=False)
            factor = weight
            if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
                factor = weight[..., 0]
            elif values.ndim == weight.ndim + 1 and values.shape[-1] == 1:
                factor = weight[..., None]
            try:
                factor = np.broadcast_to(factor, np.broadcast_shapes(factor.shape, values.shape))
            except ValueError:
                raise ValueError(
                    f"The sample weights do not fit: received shape {weight.shape} for losses of "
                    f"shape {values.shape}. Expected one weight for each sample."
                ) from None
        mask = self._mask(y_true)
        if mask is not None:
            scale = values.dtype.type(1)
            if self.reduction in ("mean", "sum_over_batch_size"):
                # so that dividing by all of them divides by those that count
                scale = values.dtype.type(mask.size / max(int(np.count_nonzero(mask)), 1))
            masked = np.where(mask, scale, 0).astype(values.dtype)
            factor = masked if factor is None else factor * masked
        count = values.size if factor is None else factor.size
        if self.reduction == "mean_with_sample_weight" and factor is not None:
            return factor, float(factor.sum())
        return factor, 1.0 if self.reduction in (None, "none", "sum") else float(count)


class MeanSquaredError(Loss):
    """ℓ = mean_k (ŷ_k − y_k)²,    ∂ℓ/∂ŷ_k = 2·(ŷ_k − y_k)/C

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
    0.5
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.square(y_pred - y_true).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return 2 * (y_pred - y_true) / y_pred.shape[-1]


class MeanAbsoluteError(Loss):
    """ℓ = mean_k |ŷ_k − y_k|,    ∂ℓ/∂ŷ_k = sign(ŷ_k − y_k)/C

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]]))
    0.5
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.abs(y_pred - y_true).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.sign(y_pred - y_true) / y_pred.shape[-1]


class _CrossEntropy(Loss):
    def __init__(self, from_logits: bool, axis: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        if axis != -1:
            raise ValueError(
                f"{type(self).__name__} received axis={axis!r}. Expected -1: the classes are on "
                f"the last axis."
            )
        self.from_logits = from_logits

    def on_logits(self) -> Self:
        other = copy.copy(self)
        other.from_logits = True
        return other

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"from_logits": self.from_logits, "axis": -1}


class CategoricalCrossentropy(_CrossEntropy):
    """ℓ = −Σ_k y_k · log p_k, with y one-hot or a distribution over C classes.

    From logits, p = softmax(z) and ∂ℓ/∂z = p·Σ_k y_k − y. From probabilities, p = ŷ / Σ ŷ,
    clipped.

    Args:
        from_logits: whether ŷ are logits.
        label_smoothing: α in y·(1 − α) + α/C.
        axis: -1.
        reduction, name, dtype: as every loss.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **arguments: Any,
    ) -> None:
        super().__init__(from_logits, axis, **arguments)
        self.label_smoothing = _smoothing(label_smoothing)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = self._smooth(y_true)
        if self.from_logits:
            return -(y * _log_softmax(y_pred)).sum(axis=-1)
        return -(y * np.log(_clip(y_pred / y_pred.sum(axis=-1, keepdims=True)))).sum(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = self._smooth(y_true)
        if self.from_logits:
            return np.exp(_log_softmax(y_pred)) * y.sum(axis=-1, keepdims=True) - y
        total = y_pred.sum(axis=-1, keepdims=True)
        p = y_pred / total
        dp = np.where(_inside(p), -y / _clip(p), 0)
        return (dp - (dp * p).sum(axis=-1, keepdims=True)) / total

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"label_smoothing": self.label_smoothing}

    def _smooth(self, y_true: np.ndarray) -> np.ndarray:
        if not self.label_smoothing:
            return y_true
        return y_true * (1 - self.label_smoothing) + self.label_smoothing / y_true.shape[-1]

    def _shape_hint(self, shape: tuple[int | None, ...]) -> str:
        return (
            f" Class numbers go with 'sparse_categorical_crossentropy'; here each target is a row "
            f"of {shape[-1]} probabilities, such as np.eye({shape[-1]})[labels]."
        )


class SparseCategoricalCrossentropy(_CrossEntropy):
    """ℓ = −log p_t, with t the number of the right class.

    From logits, p = softmax(z) and ∂ℓ/∂z = p − onehot(t). From probabilities, p = ŷ clipped and
    then divided by its sum.

    Args:
        from_logits: whether ŷ are logits.
        ignore_class: a label whose samples do not count; None means that all do.
        axis: -1.
        reduction, name, dtype: as every loss.

    Raises:
        ValueError: a label that is no number of a class. Keras's TensorFlow backend returns NaN
            there, which hides the mistake until training has failed.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        **arguments: Any,
    ) -> None:
        super().__init__(from_logits, axis, **arguments)
        self.ignore_class = ignore_class

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        labels = self._labels(y_true)[..., None]
        log_p = _log_softmax(y_pred if self.from_logits else np.log(_clip(y_pred)))
        values = -np.take_along_axis(log_p, labels, axis=-1)[..., 0]
        mask = self._mask(y_true)
        return values if mask is None else np.where(mask, values, 0)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        labels = self._labels(y_true)
        log_p = _log_softmax(y_pred if self.from_logits else np.log(_clip(y_pred)))
        one_hot = np.arange(y_pred.shape[-1]) == labels[..., None]
        dz = np.exp(log_p) - one_hot
        if not self.from_logits:
            dz = np.where(_inside(y_pred), dz / _clip(y_pred), 0)
        mask = self._mask(y_true)
        return dz if mask is None else np.where(mask[..., None], dz, 0)

    def check(self, y_true: np.ndarray, prediction_shape: Sequence[int | None]) -> None:
        shape = tuple(prediction_shape)
        target = tuple(y_true.shape)
        if len(target) == len(shape) and target[-1] == 1:
            target = target[:-1]
        if len(target) != len(shape) - 1 or any(
            s is not None and t != s for t, s in zip(target, shape, strict=False)
        ):
            raise ValueError(
                f"The labels do not fit the predictions: the loss {self.name!r} received y of "
                f"shape {tuple(y_true.shape)} for predictions of shape {shape}. Expected one class "
                f"number for each row, shape {shape[:-1]}; one-hot rows go with "
                f"'categorical_crossentropy'."
            )
        classes = shape[-1]
        assert classes is not None
        labels = np.asarray(y_true)
        wrong = ~((labels >= 0) & (labels < classes))
        if self.ignore_class is not None:
            wrong &= labels != self.ignore_class
        if wrong.any():
            where = np.argwhere(wrong)[0]
            raise ValueError(
                f"A label is out of range: y{[int(i) for i in where]} is {labels[tuple(where)]}, "
                f"but the predictions have {classes} classes. Expected labels from 0 to "
                f"{classes - 1}: give the last layer more units, or renumber the labels."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"ignore_class": self.ignore_class}

    def _mask(self, y_true: np.ndarray) -> np.ndarray | None:
        return None if self.ignore_class is None else y_true != self.ignore_class

    def _standardize(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        labels, predictions = np.asarray(y_true), np.asarray(y_pred)
        predictions = predictions.astype(self.dtype or _floating(predictions), copy=False)
        self.check(labels, predictions.shape)
        return labels.reshape(predictions.shape[:-1]), predictions

    def _labels(self, y_true: np.ndarray) -> np.ndarray:
        """Class numbers, with 0 where they do not count."""
        mask = self._mask(y_true)
        return (y_true if mask is None else np.where(mask, y_true, 0)).astype(np.int64)


class BinaryCrossentropy(_CrossEntropy):
    """ℓ = −mean_k [y_k·log p_k + (1 − y_k)·log(1 − p_k)], each output a yes or no of its own.

    From logits, p = σ(z), ℓ = mean_k [max(z_k, 0) − z_k·y_k + log(1 + e^{−|z_k|})] and
    ∂ℓ/∂z_k = (p_k − y_k)/C.

    Args:
        from_logits: whether ŷ are logits.
        label_smoothing: α in y·(1 − α) + α/2.
        axis: -1.
        reduction, name, dtype: as every loss.

    >>> round(float(BinaryCrossentropy()([[1.0]], [[0.5]])), 4)
    0.6931
    """

    activation = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **arguments: Any,
    ) -> None:
        super().__init__(from_logits, axis, **arguments)
        self.label_smoothing = _smoothing(label_smoothing)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = self._smooth(y_true)
        if self.from_logits:
            z = y_pred
            values = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
        else:
            p = _clip(y_pred)
            values = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        return values.mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = self._smooth(y_true)
        if self.from_logits:
            e = np.exp(-np.abs(y_pred))
            p = np.where(y_pred >= 0, 1 / (1 + e), e / (1 + e))
            return (p - y) / y_pred.shape[-1]
        p = _clip(y_pred)
        return np.where(_inside(y_pred), (1 - y) / (1 - p) - y / p, 0) / y_pred.shape[-1]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"label_smoothing": self.label_smoothing}

    def _smooth(self, y_true: np.ndarray) -> np.ndarray:
        if not self.label_smoothing:
            return y_true
        return y_true * (1 - self.label_smoothing) + self.label_smoothing / 2


def _log_softmax(z: np.ndarray) -> np.ndarray:
    """log softmax(z) over the last axis, without overflow for any finite z."""
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _clip(p: np.ndarray) -> np.ndarray:
    return np.clip(p, epsilon(), 1 - epsilon())


def _inside(p: np.ndarray) -> np.ndarray:
    """Where `_clip` changes nothing."""
    return (p >= p.dtype.type(epsilon())) & (p <= p.dtype.type(1 - epsilon()))


def _smoothing(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"Received label_smoothing={value!r}. Expected a number from 0 to 1.")
    return value


def _floating(array: np.ndarray) -> np.dtype:
    """The array's own dtype where that is floating point, else the default."""
    if np.issubdtype(array.dtype, np.floating):
        return array.dtype
    return np.dtype(standardize_dtype(None))


def _same_rank(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the ranks differ by a last axis of size 1, drop it, or add it to a plain row."""
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[:, None]) if b.ndim == 1 else (a[..., 0], b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (a[:, None], b) if a.ndim == 1 else (a, b[..., 0])
    return a, b


def _unbroadcast(factor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes along which values of `shape` were repeated to meet `factor`."""
    extra = factor.ndim - len(shape)
    repeated = [i + extra for i, n in enumerate(shape) if n == 1 and factor.shape[i + extra] != 1]
    return factor.sum(axis=(*range(extra), *repeated)).reshape(shape)


_KNOWN: dict[str, type[Loss]] = {
    "MeanSquaredError": MeanSquaredError,
    "MeanAbsoluteError": MeanAbsoluteError,
    "CategoricalCrossentropy": CategoricalCrossentropy,
    "SparseCategoricalCrossentropy": SparseCategoricalCrossentropy,
    "BinaryCrossentropy": BinaryCrossentropy,
    "MSE": MeanSquaredError,
    "MAE": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
}


def get(identifier: Any) -> Loss:
    """The loss of that name or configuration.

    Raises:
        ValueError: an unknown name, with the closest known one.
        TypeError: a function, which comes without a gradient.
    """
    if callable(identifier) and not isinstance(identifier, (Loss, type)):
        raise TypeError(
            f"A loss needs its gradient; received the function {identifier!r}. Expected a name or "
            f"a Loss: subclass scratchnet.losses.Loss with call and call_gradient."
        )
    return get_object(identifier, _KNOWN, "loss", Loss)


def serialize(loss: Loss) -> dict[str, Any]:
    """What `get` and Keras take back."""
    return serialize_object(loss, "keras.losses")
