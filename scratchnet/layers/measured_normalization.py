"""Inputs normalised by a mean and a variance that are measured once, before training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon
from scratchnet.layers.axes import positive_axes, standardize_axis
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape
from scratchnet.layers.rescaling import as_constant, broadcasts
from scratchnet.variable import Variable


class Normalization(Layer):
    """y = (x − μ)/max(σ, 1e-7) with a mean and a variance that `adapt` measures, or given ones.

    Each place along `axis` has its own mean and variance, over all other axes. They are no
    trainable weights: `adapt` measures them once, before training.

    Args:
        axis: whose places are normalised apart, one integer or several; None: one mean for all.
        mean, variance: given values, in place of `adapt`; numbers, or arrays that broadcast to the
            sizes along `axis`. As in Rescaling, float64 sees numbers and lists rounded to float32.
        invert: the way back, y = μ + x·max(σ, 1e-7).
        trainable, dtype, name: as every layer.

    Raises:
        TypeError: an axis that is no integer.
        ValueError: only one of `mean` and `variance`, shapes that do not fit, an axis that does not
            exist or counts the samples.

    >>> layer = Normalization(axis=None)
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> layer([[2.0], [4.0]])
    array([[0.],
           [2.]], dtype=float32)

    Source: keras/src/layers/preprocessing/normalization.py.
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        axes = [] if axis is None else standardize_axis(axis, "Normalization")
        axes = axes if isinstance(axes, list) else [axes]
        _check_given(mean, variance, axes)
        super().__init__(**kwargs)
        self.axis = tuple(axes)
        self.invert = invert
        self.input_mean = mean
        self.input_variance = variance
        self.adapt_mean: Variable
        self.adapt_variance: Variable
        self.count: Variable

    def build(self, input_shape: Shape) -> None:
        if self.input_mean is not None:
            return
        shape = self._sizes(input_shape)
        self.adapt_mean = self.add_weight(shape, "zeros", "mean", trainable=False)
        self.adapt_variance = self.add_weight(shape, "ones", "variance", trainable=False)
        # Keras keeps a count that nothing reads, so that its older files fit; so do we.
        self.count = self.add_weight((), "zeros", "count", trainable=False)
        self.count.value = self.count.value.astype(np.int64)

    def adapt(self, data: np.ndarray | Iterable[Any]) -> None:
        """Measure mean and variance (biased) of all data, and build the layer if it is not.

        Args:
            data: an array, first axis the samples; or any iterable of batches, where of a tuple
                (x, y) only x counts.

        Raises:
            TypeError: an iterable whose elements are no arrays.
            ValueError: no data, data that do not fit the layer, or a layer with a given mean.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"{self._label()} has a given mean and variance, so there is nothing to adapt. "
                f"Leave them out to measure them."
            )
        shape, mean, variance = self._measured(self._batches(data))
        self.ensure_built((None, *shape[1:]))
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        mean, deviation = self._statistics(x.shape)
        return (mean + x * deviation if self.invert else (x - mean) / deviation), deviation

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return (dy * saved if self.invert else dy / saved), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = self._sizes(input_shape)
        if self.input_mean is not None and not broadcasts(np.shape(self.input_mean), sizes):
            raise ValueError(
                f"mean and variance have the shape {np.shape(self.input_mean)}, which does not "
                f"broadcast to the sizes {sizes} along axis {self.axis} of an input of shape "
                f"{input_shape}."
            )
        return input_shape

    def check_input(self, shape: Shape) -> None:
        if not self.built or self.input_shape is None:
            super().check_input(shape)
        elif len(shape) != len(self.input_shape) or self._sizes(shape) != self._sizes(
            self.input_shape
        ):
            raise ValueError(
                f"{self._label()} received an input of shape {shape}. Expected one like "
                f"{self.input_shape}, the shape it was built for."
            )

    def get_config(self) -> dict[str, Any]:
        given = (self.input_mean, self.input_variance)
        mean, variance = (None if v is None else np.asarray(v).tolist() for v in given)
        return super().get_config() | {
            "axis": self.axis,
            "invert": self.invert,
            "mean": mean,
            "variance": variance,
        }

    def _batches(self, data: np.ndarray | Iterable[Any]) -> Iterator[np.ndarray]:
        """The batches that have any cells, as arrays."""
        if not isinstance(data, np.ndarray) and not isinstance(data, Iterable):
            raise TypeError(
                f"{self._label()} received a {type(data).__name__} in adapt. Expected an array or "
                f"an iterable of batches."
            )
        for batch in [data] if isinstance(data, np.ndarray) else data:
            x = batch[0] if isinstance(batch, tuple) else batch
            if not hasattr(x, "shape"):
                raise TypeError(
                    f"{self._label()} received an iterable with a {type(x).__name__} in adapt. "
                    f"Expected each of its elements to be a batch, that is an array; a list of "
                    f"numbers becomes one with np.array(data)."
                )
            x = np.asarray(x)
            if x.size:
                yield x

    def _measured(
        self, batches: Iterator[np.ndarray]
    ) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
        """(shape of the first batch, μ, σ²) of all batches together."""
        shape, mean, variance, count = None, np.zeros(()), np.zeros(()), 0
        for batch in batches:
            shape = batch.shape if shape is None else shape
            if batch.ndim != len(shape) or self._sizes(batch.shape) != self._sizes(shape):
                raise ValueError(
                    f"{self._label()} received a batch of shape {batch.shape} in adapt, after one "
                    f"of shape {shape}. Expected the same sizes along axis {self.axis}."
                )
            kept = positive_axes([*self.axis], batch.shape)
            others = tuple(a for a in range(batch.ndim) if a not in kept)
            cells = math.prod(batch.shape[a] for a in others)
            count += cells
            batch_mean = batch.mean(axis=others, dtype=np.float64)
            batch_variance = batch.var(axis=others, dtype=np.float64)
            share = cells / count
            mean, variance = _joined(mean, variance, batch_mean, batch_variance, share)
        if shape is None:
            raise ValueError(
                f"{self._label()} received no data in adapt. Expected an array or at least one "
                f"batch, for example layer.adapt([x])."
            )
        if self.built:
            self.check_input(shape)
        return shape, mean, variance

    def _sizes(self, shape: Shape) -> tuple[int, ...]:
        """The sizes along `axis`, in the order of the axes in x."""
        axes = sorted(positive_axes([*self.axis], shape))
        if 0 in axes or None in [shape[a] for a in axes]:
            raise ValueError(
                f"axis={self.axis} of an input of shape {shape} has no size known in advance. "
                f"Expected axes with a fixed size, so not the first, which counts the samples; "
                f"axis=None takes one mean for all."
            )
        return tuple(n for n in (shape[a] for a in axes) if n is not None)

    def _statistics(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """(μ, max(σ, 1e-7)), shaped so that they broadcast against x of this shape."""
        if self.input_mean is None:
            mean, variance = self.adapt_mean.numpy(), self.adapt_variance.numpy()
        else:
            mean = as_constant(self.input_mean, self.dtype)
            variance = as_constant(self.input_variance, self.dtype)
        axes = positive_axes([*self.axis], shape)
        sizes = self._sizes(shape)
        along = [n if a in axes else 1 for a, n in enumerate(shape)]
        deviation = np.maximum(np.sqrt(variance), epsilon())
        mean, deviation = (np.broadcast_to(v, sizes).reshape(along) for v in (mean, deviation))
        return mean, deviation.astype(self.dtype, copy=False)


def _joined(
    mean: np.ndarray,
    variance: np.ndarray,
    batch_mean: np.ndarray,
    batch_variance: np.ndarray,
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """(μ', σ'²) of all cells, where the new batch has the share w of them:

    μ' = (1 − w)·μ + w·μ_b,    σ'² = (1 − w)·(σ² + (μ − μ')²) + w·(σ_b² + (μ_b − μ')²)
    """
    joined = (1 - share) * mean + share * batch_mean
    before = variance + (mean - joined) ** 2
    batch = batch_variance + (batch_mean - joined) ** 2
    return joined, (1 - share) * before + share * batch


def _check_given(mean: Any, variance: Any, axes: Sequence[int]) -> None:
    """Raise ValueError unless both or neither are given, of one shape that suits the axes."""
    if (mean is None) != (variance is None):
        raise ValueError(
            f"Normalization received mean={mean} and variance={variance}. Expected both, or "
            f"neither to measure them with adapt."
        )
    if mean is not None and (
        np.shape(mean) != np.shape(variance) or len(np.shape(mean)) > len(axes)
    ):
        raise ValueError(
            f"Normalization received a mean of shape {np.shape(mean)} and a variance of shape "
            f"{np.shape(variance)}. Expected one shape for both, with at most as many axes as "
            f"axis={tuple(axes)} names, {len(axes)}."
        )
