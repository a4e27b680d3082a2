"""Images mirrored. Formula: `ops.flip`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.augmentation_layer import AugmentationLayer, Drawn
from scratchnet.layers.layer import Saved
from scratchnet.names import unknown_name_message

_AXES = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}


class RandomFlip(AugmentationLayer):
    """In training, each image is mirrored with probability ½.

    An image is mirrored in both directions or in neither where the mode names both, as in Keras:
    it is then turned by 180°.

    Args:
        mode: "horizontal" (left and right change places), "vertical" or
            "horizontal_and_vertical".
        seed: of the draws; None draws one.
        data_format: "channels_last" or None.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: an unknown mode, with which Keras's layer would do nothing.

    >>> RandomFlip("horizontal", seed=1)([[[1.0], [2.0]]])[0, :, 0]
    array([2., 1.], dtype=float32)

    Source: keras/src/layers/preprocessing/image_preprocessing/random_flip.py.
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        if mode not in _AXES:
            raise ValueError(unknown_name_message("mode of RandomFlip", mode, _AXES))
        super().__init__(seed, data_format, **kwargs)
        self.mode = mode

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """{"flips": (N, 1, 1, 1)}, true where u ≤ ½."""
        return {"flips": self.uniform((shape[0], 1, 1, 1), 0, 1) <= 0.5}

    def transform(self, images: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, Saved]:
        return ops.flip(images, drawn["flips"], _AXES[self.mode]), drawn["flips"]

    def transform_backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        return ops.flip_backward(dy, saved, _AXES[self.mode])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mode": self.mode}
