"""Images with more or less contrast. Formula: `ops.adjust_contrast`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.augmentation_layer import AugmentationLayer, Drawn
from scratchnet.layers.augmentation.factors import Factor, check_value_range, factor_range
from scratchnet.layers.layer import Saved


class RandomContrast(AugmentationLayer):
    """In training, y = (x − μ)·f + μ, clipped, with the mean μ of each channel of each image.

    Args:
        factor: (a, b), each from 0 to 1, for an f from 1 − a to 1 + b of each image. One number b
            stands for (0, b), with which contrast only grows, as in Keras, whose own description
            says otherwise. A pair is sorted.
        value_range: (lowest, highest) grey value.
        seed: of the draws; None draws one.
        data_format: "channels_last" or None.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a factor outside of 0 to 1, a value range that is none, an image without pixels.

    >>> RandomContrast((0, 1), seed=6)([[[100.0], [110.0]]])[0, :, 0].round(2)
    array([ 97.07, 112.93], dtype=float32)

    Source: keras/src/layers/preprocessing/image_preprocessing/random_contrast.py.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.factor = factor_range("RandomContrast", "factor", factor, lowest=0)
        check_value_range("RandomContrast", value_range)
        super().__init__(seed, **kwargs)
        self.value_range = value_range

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """{"contrast_factor": (N, 1, 1, 1)}, the f of each image."""
        below, above = self.factor
        factor = self.uniform((shape[0], 1, 1, 1), 1.0 - below, 1.0 + above)
        return {"contrast_factor": factor}

    def transform(self, images: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, Saved]:
        factor = drawn["contrast_factor"]
        y, in_range = ops.adjust_contrast(images, factor, self.value_range)
        return y, (in_range, factor)

    def transform_backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        return ops.adjust_contrast_backward(dy, *saved)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"factor": self.factor, "value_range": self.value_range}
