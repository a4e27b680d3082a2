"""Images turned about their middle. Formulas: `ops.rotation_matrix`, `ops.affine_transform`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.affine_layer import AffineLayer
from scratchnet.layers.augmentation.augmentation_layer import Drawn
from scratchnet.layers.augmentation.factors import Factor, factor_range


class RandomRotation(AffineLayer):
    """In training, each image is turned by an angle of its own.

    Args:
        factor: (lowest, highest) angle as shares of a whole turn, each from −1 to 1; a number f
            stands for (−|f|, |f|). Positive angles turn counter-clockwise.
        fill_mode: what is read outside of an image: "reflect", "wrap", "nearest" or "constant".
        interpolation: what is read between cells: "bilinear" or "nearest".
        seed: of the draws; None draws one.
        fill_value: what is read outside where fill_mode="constant".
        data_format: "channels_last" or None.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a factor outside of −1 to 1, an image without pixels.
        NotImplementedError: an unknown fill mode or interpolation.

    >>> RandomRotation((0.25, 0.25))([[[1.0], [2.0]], [[3.0], [4.0]]])[..., 0].round(3)
    array([[2., 4.],
           [1., 3.]], dtype=float32)

    Keras's layer fails where its floatx is not float32, and the results that it is given a matrix
    for have float32 precision even then, except for "nearest" (`ops.formulas.affine_transform`).

    Source: keras/src/layers/preprocessing/image_preprocessing/random_rotation.py.
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.factor = factor_range("RandomRotation", "factor", factor)
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """{"angle": (N,)} in degrees."""
        lowest, highest = self.factor
        return {"angle": self.uniform((shape[0],), lowest * 360, highest * 360)}

    def matrix(self, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        return ops.rotation_matrix(drawn["angle"], size)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"factor": self.factor}
