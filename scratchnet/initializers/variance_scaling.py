"""First values that keep the variance from layer to layer.

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
from typing import Any

import numpy as np

from scratchnet.initializers.random import RandomInitializer

# √ of the variance of a standard normal variable cut off at ±2
_TRUNCATED_DEVIATION = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Variance scale / n, n chosen by `mode`: the formulas at the top of this file.

    Args:
        scale: positive factor of the variance.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "uniform", "truncated_normal" ("normal" is the same) or
            "untruncated_normal".
        seed: None draws one.
        input_axes, output_axes: axes of the shape that are a unit's inputs and its outputs, where
            they are not the usual ones (`compute_fans`); both or neither.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        kind = type(self).__name__
        if not scale > 0:
            raise ValueError(f"{kind} received scale={scale!r}. Expected above 0.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(
                f"{kind} received mode={mode!r}. Expected 'fan_in', 'fan_out' or 'fan_avg'."
            )
        chosen = "truncated_normal" if distribution.lower() == "normal" else distribution.lower()
        if chosen not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                f"{kind} received distribution={distribution!r}. Expected 'uniform', "
                f"'truncated_normal' or 'untruncated_normal'."
            )
        if (input_axes is None) != (output_axes is None):
            raise ValueError(
                f"{kind} received input_axes={input_axes!r}, output_axes={output_axes!r}. "
                f"Expected both or neither: one of them alone would have no effect."
            )
        super().__init__(seed)
        self.scale, self.mode, self.distribution = scale, mode, chosen
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return self.uniform(shape, dtype, -limit, limit)
        cut = self.distribution == "truncated_normal"
        deviation = math.sqrt(variance) / (_TRUNCATED_DEVIATION if cut else 1)
        return self.normal(shape, dtype, 0.0, deviation, cut)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **self._axes(),
        }

    def _axes(self) -> dict[str, Any]:
        """The axes where there are some: older versions of Keras do not know them."""
        if self.input_axes is None:
            return {}
        return {"input_axes": self.input_axes, "output_axes": self.output_axes}


class _Scaled(VarianceScaling):
    """A named choice of `VarianceScaling`."""

    _choice: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self._choice, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, **self._axes()}


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


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[float, float]:
    """(fan_in, fan_out): how many products a unit adds up, and how many units read an input.

    Without axes the last axis counts the outputs, the one before it the inputs, and each further
    axis multiplies both, as the taps of a convolution do.

    >>> compute_fans((3, 3, 16, 32))  # a convolution: 9 taps
    (144.0, 288.0)
    >>> compute_fans((64, 8, 16), input_axes=[0], output_axes=[1, 2])  # 8 heads of 16 units
    (64.0, 128.0)
    """
    if input_axes is not None and output_axes is not None:
        fan_in, fan_out = (
            float(math.prod(shape[axis] for axis in axes)) for axes in (input_axes, output_axes)
        )
        return fan_in, fan_out
    if len(shape) == 0:
        return 1.0, 1.0
    if len(shape) == 1:
        return float(shape[0]), float(shape[0])
    taps = math.prod(shape[:-2])
    return float(shape[-2] * taps), float(shape[-1] * taps)
