"""Images made lighter or darker. Formula: `ops.adjust_brightness`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.augmentation_layer import AugmentationLayer, Drawn
from scratchnet.layers.augmentation.factors import Factor, check_value_range, factor_range
from scratchnet.layers.layer import Saved


class RandomBrightness(AugmentationLayer):
    """In training, y = x + δ, clipped, with one δ for each image.

    Args:
        factor: (lowest, highest) δ as a share of the value range, each from −1 (black) to 1
            (white); a number f stands for (−|f|, |f|).
        value_range: (lowest, highest) grey value, in either order.
        seed: of the draws; None draws one.
        data_format: "channels_last" or None.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a factor outside of −1 to 1, a value range that is none, an image without
            pixels.

    >>> RandomBrightness((0.5, 0.5), value_range=(0, 1))([[[0.25], [0.75]]])[0, :, 0]
    array([0.75, 1.  ], dtype=float32)

    Source: keras/src/layers/preprocessing/image_preprocessing/random_brightness.py.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.factor = factor_range("RandomBrightness", "factor", factor)
        check_value_range("RandomBrightness", value_range, sorted_already=False)
        super().__init__(seed, **kwargs)
        self.value_range = sorted(value_range)

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """{"rgb_delta": (N, 1, 1, 1)}, the δ of each image."""
        lowest, highest = self.value_range
        share = self.uniform((shape[0], 1, 1, 1), *self.factor)
        return {"rgb_delta": share * (highest - lowest)}

    def transform(self, images: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, Saved]:
        return ops.adjust_brightness(images, drawn["rgb_delta"], self.value_range)

    def transform_backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        return ops.adjust_brightness_backward(dy, saved)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"factor": self.factor, "value_range": self.value_range}
