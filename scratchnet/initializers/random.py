"""First values drawn from a distribution that is given directly.

Source: keras/src/initializers/random_initializers.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.config import standardize_dtype
from scratchnet.initializers.initializer import Initializer
from scratchnet.random import fresh_seed


class RandomInitializer(Initializer):
    """Base of the initializers that draw; computes in float64 and rounds to the dtype at the end.

    Args:
        seed: whole number; None draws one from the library's generator (`set_random_seed`).

    Raises:
        ValueError: any other seed.
    """

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None and not (isinstance(seed, (int, np.integer)) and seed >= 0):
            raise ValueError(
                f"{type(self).__name__} received seed={seed!r}. Expected a whole number of at "
                f"least 0, or None; an initializer has no state of its own, so there is no "
                f"SeedGenerator."
            )
        self.seed = seed
        self._seed = fresh_seed() if seed is None else seed

    def generator(self) -> np.random.Generator:
        """The same stream at each call."""
        return np.random.default_rng(self._seed)

    def uniform(self, shape: Sequence[int], dtype: Any, low: float, high: float) -> np.ndarray:
        """Uniform from `low` to `high`."""
        return self.generator().uniform(low, high, shape).astype(standardize_dtype(dtype))

    def normal(
        self, shape: Sequence[int], dtype: Any, mean: float, deviation: float, cut: bool
    ) -> np.ndarray:
        """Normal; with `cut`, values beyond two deviations are drawn again."""
        rng = self.generator()
        values = np.asarray(rng.normal(size=shape))
        while cut and (outside := np.abs(values) > 2).any():
            values[outside] = rng.normal(size=np.count_nonzero(outside))
        return (mean + deviation * values).astype(standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class RandomUniform(RandomInitializer):
    """Uniform from minval to maxval."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return self.uniform(shape, dtype, self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"minval": self.minval, "maxval": self.maxval}


class RandomNormal(RandomInitializer):
    """Normal with this mean and standard deviation."""

    _cut = False

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return self.normal(shape, dtype, self.mean, self.stddev, self._cut)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normal, with values beyond two standard deviations drawn again.

    What is left has the deviation 0.87962566·stddev.
    """

    _cut = True
