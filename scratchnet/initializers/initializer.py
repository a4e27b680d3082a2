"""What an initializer is: first values for a weight of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np


class Initializer:
    """Gives an array of a shape; one with a seed gives the same array each time."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        """First values of a weight of this shape; dtype None means `config.floatx()`."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(shape, dtype).")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    def clone(self) -> Self:
        """Another one with the same configuration; without a seed it draws its own."""
        return type(self).from_config(self.get_config())
