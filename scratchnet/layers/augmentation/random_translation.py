"""Images moved. Formulas: `ops.translation_matrix`, `ops.affine_transform`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.affine_layer import AffineLayer
from scratchnet.layers.augmentation.augmentation_layer import Drawn
from scratchnet.layers.augmentation.factors import Factor, factor_range


class RandomTranslation(AffineLayer):
    """In training, each image is moved by shares of its height and of its width.

    Args:
        height_factor: (lowest, highest) share of the height, each from −1 to 1; a number f stands
            for (−|f|, |f|). Positive shares move down.
        width_factor: likewise; positive shares move to the right.
        fill_mode: what is read outside of an image: "reflect", "wrap", "nearest" or "constant".
        interpolation: what is read between cells: "bilinear" or "nearest".
        seed: of the draws; None draws one.
        fill_value: what is read outside where fill_mode="constant".
        data_format: "channels_last" or None.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a factor outside of −1 to 1, an image without pixels.
        NotImplementedError: an unknown fill mode or interpolation.

    >>> RandomTranslation(0, (0.5, 0.5), "constant")([[[1.0], [2.0], [3.0], [4.0]]])[0, :, 0]
    array([0., 0., 1., 2.], dtype=float32)

    Keras's results have float32 precision even in float64, except for "nearest" (`ops.formulas.
    affine_transform`).

    Source: keras/src/layers/preprocessing/image_preprocessing/random_translation.py.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        layer = type(self).__name__
        self._height_range = factor_range(layer, "height_factor", height_factor)
        self._width_range = factor_range(layer, "width_factor", width_factor)
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """{"translations": (N, 2)}, the cells to the right and down."""
        samples, rows, columns, _ = shape
        down = self.uniform((samples, 1), *self._height_range) * rows
        right = self.uniform((samples, 1), *self._width_range) * columns
        return {"translations": np.concatenate([right, down], axis=1)}

    def matrix(self, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        return ops.translation_matrix(drawn["translations"])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
        }
