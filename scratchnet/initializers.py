"""First values of the weights.

A unit adds up `fan_in` products. For its output to have the variance of its inputs, its weights
need the variance scale / n, with n one of

    Glorot:  scale 1, n = (fan_in + fan_out) / 2     keeps activations and gradients in balance
    He:      scale 2, n = fan_in                     makes up for the half that ReLU sets to 0
    LeCun:   scale 1, n = fan_in

drawn from a uniform distribution on ±√(3·scale/n), or from a normal one cut off at ±2σ' with
σ' = √(scale/n) / 0.87962566, the factor by which the cut shrinks the deviation.

Sources: LeCun et al., "Efficient BackProp" (1998), eq. 16; Glorot and Bengio (2010), eq. 16;
He et al., "Delving Deep into Rectifiers" (2015), eq. 10;
keras/src/initializers/random_initializers.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from scratchnet.config import standardize_dtype
from scratchnet.random import fresh_seed
from scratchnet.serialization import get_object, serialize_object

# √ of the variance of a standard normal variable cut off at ±2
_TRUNCATED_DEVIATION = 0.87962566103423978


class Initializer:
    """Gives an array of a shape; one with a seed gives the same array each time."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        """First values of a weight of this shape; dtype None means `config.floatx()`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)


class Constant(Initializer):
    """Every weight is `value`."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.full(shape, self.value, standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Zeros(Initializer):
    """Every weight is 0."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, standardize_dtype(dtype))


class Ones(Initializer):
    """Every weight is 1."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.ones(shape, standardize_dtype(dtype))


class _Random(Initializer):
    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._seed = fresh_seed() if seed is None else seed

    def _draw(self, shape: Sequence[int], dtype: Any, distribution: str, *spread: float) -> Any:
        rng = np.random.default_rng(self._seed)
        if distribution == "uniform":
            values = rng.uniform(spread[0], spread[1], size=shape)
        else:
            values = rng.normal(size=shape)
            if distribution == "truncated_normal":
                while (outside := np.abs(values) > 2).any():
                    values[outside] = rng.normal(size=np.count_nonzero(outside))
            mean, deviation = spread
            values = mean + deviation * values
        return values.astype(standardize_dtype(dtype))


class RandomUniform(_Random):
    """Uniform on [minval, maxval)."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return self._draw(shape, dtype, "uniform", self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "minval": self.minval, "maxval": self.maxval}


class RandomNormal(_Random):
    """Normal with this mean and standard deviation."""

    _distribution = "normal"

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return self._draw(shape, dtype, self._distribution, self.mean, self.stddev)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normal, with values beyond two standard deviations drawn again."""

    _distribution = "truncated_normal"


class VarianceScaling(_Random):
    """Variance scale / n, n chosen by `mode`: the formulas at the top of this file.

    Args:
        scale: positive factor of the variance.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "uniform", "truncated_normal" or "untruncated_normal".
        seed: None draws one.
        input_axes, output_axes: must stay None.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: None = None,
        output_axes: None = None,
    ) -> None:
        if input_axes is not None or output_axes is not None:
            raise ValueError(
                f"{type(self).__name__} received input_axes={input_axes!r}, "
                f"output_axes={output_axes!r}. Expected None: the last two axes of a kernel are "
                f"its inputs and its outputs."
            )
        if not scale > 0:
            raise ValueError(f"{type(self).__name__} received scale={scale!r}. Expected above 0.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(
                f"{type(self).__name__} received mode={mode!r}. Expected 'fan_in', 'fan_out' or "
                f"'fan_avg'."
            )
        if distribution == "normal":  # Keras's other name for it
            distribution = "truncated_normal"
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                f"{type(self).__name__} received distribution={distribution!r}. Expected "
                f"'uniform', 'truncated_normal' or 'untruncated_normal'."
            )
        super().__init__(seed)
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return self._draw(shape, dtype, "uniform", -limit, limit)
        deviation = math.sqrt(variance)
        if self.distribution == "truncated_normal":
            return self._draw(
                shape, dtype, "truncated_normal", 0.0, deviation / _TRUNCATED_DEVIATION
            )
        return self._draw(shape, dtype, "normal", 0.0, deviation)

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
        }


class _Scaled(VarianceScaling):
    """A named choice of `VarianceScaling`."""

    _choice: tuple[float, str, str]

    def __init__(
        self, seed: int | None = None, input_axes: None = None, output_axes: None = None
    ) -> None:
        super().__init__(*self._choice, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class GlorotUniform(_Scaled):
    """Uniform on ±√(6 / (fan_in + fan_out)): Keras's default for kernels."""

    _choice = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal of variance 2 / (fan_in + fan_out)."""

    _choice = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform on ±√(6 / fan_in): for layers that feed a ReLU."""

    _choice = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal of variance 2 / fan_in: for layers that feed a ReLU."""

    _choice = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform on ±√(3 / fan_in)."""

    _choice = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal of variance 1 / fan_in."""

    _choice = (1.0, "fan_in", "truncated_normal")


def compute_fans(shape: Sequence[int]) -> tuple[float, float]:
    """(fan_in, fan_out): how many products a unit adds up, and how many units read an input.

    >>> compute_fans((3, 3, 16, 32))  # a convolution: 9 taps
    (144.0, 288.0)
    """
    if len(shape) == 0:
        return 1.0, 1.0
    if len(shape) == 1:
        return float(shape[0]), float(shape[0])
    taps = math.prod(shape[:-2])
    return float(shape[-2] * taps), float(shape[-1] * taps)


_KNOWN: dict[str, type[Initializer]] = {
    initializer.__name__: initializer
    for initializer in (
        GlorotUniform,
        GlorotNormal,
        HeUniform,
        HeNormal,
        LecunUniform,
        LecunNormal,
        VarianceScaling,
        TruncatedNormal,
        RandomNormal,
        RandomUniform,
        Constant,
        Zeros,
        Ones,
    )
}
_KNOWN |= {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros}


def get(identifier: Any) -> Initializer:
    """The initializer of that name or configuration."""
    return get_object(identifier, _KNOWN, "initializer", Initializer)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """What `get` and Keras take back."""
    return serialize_object(initializer, "keras.initializers")
