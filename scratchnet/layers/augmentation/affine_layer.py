"""What rotation, translation and zoom share. Formula: `ops.affine_transform`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.augmentation_layer import AugmentationLayer, Drawn
from scratchnet.layers.layer import Saved
from scratchnet.names import unknown_name_message
from scratchnet.ops.formulas.affine_transform import FILL_MODES, INTERPOLATIONS


class AffineLayer(AugmentationLayer):
    """Base of layers that read each image at other places; a subclass says where in `matrix`.

    Args:
        fill_mode: what is read outside of an image: "reflect", "wrap", "nearest" or "constant".
        interpolation: what is read between cells: "bilinear" or "nearest".
        seed: of the draws; None draws one.
        fill_value: what is read outside where fill_mode="constant".
        data_format: "channels_last" or None.
        trainable, dtype, name: as every layer.

    Raises:
        NotImplementedError: an unknown fill mode or interpolation, as in Keras.
    """

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        for argument, name, known in (
            ("fill_mode", fill_mode, FILL_MODES),
            ("interpolation", interpolation, INTERPOLATIONS),
        ):
            if name not in known:
                kind = f"{argument} of {type(self).__name__}"
                raise NotImplementedError(unknown_name_message(kind, name, known))
        super().__init__(seed, data_format, **kwargs)
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def matrix(self, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        """M (N, 2, 3) of what was drawn, for images of `size` (rows, columns)."""
        raise NotImplementedError(f"{type(self).__name__} does not define matrix(drawn, size).")

    def transform(self, images: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, Saved]:
        _, rows, columns, _ = images.shape
        matrix = self.matrix(drawn, (rows, columns))
        y = ops.affine_transform(
            images, matrix, self.interpolation, self.fill_mode, self.fill_value
        )
        return y, matrix

    def transform_backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        return ops.affine_transform_backward(dy, saved, self.interpolation, self.fill_mode)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "fill_value": self.fill_value,
        }
