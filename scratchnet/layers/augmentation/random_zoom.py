"""Images shrunk or enlarged. Formulas: `ops.zoom_matrix`, `ops.affine_transform`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.affine_layer import AffineLayer
from scratchnet.layers.augmentation.augmentation_layer import Drawn
from scratchnet.layers.augmentation.factors import Factor, factor_range


class RandomZoom(AffineLayer):
    """In training, each image shrinks or grows about its middle and keeps its size in cells.

    Args:
        height_factor: (lowest, highest) change of the height that is seen, each above −1 and up to
            1; a number f stands for (−|f|, |f|). Positive ones see more of what is around the
            image: 0.5 shows 1.5 times its height. Negative ones enlarge.
        width_factor: likewise; None takes what was drawn for the height, so that shapes stay.
        fill_mode: what is read outside of an image: "reflect", "wrap", "nearest" or "constant".
        interpolation: what is read between cells: "bilinear" or "nearest".
        seed: of the draws; None draws one.
        fill_value: what is read outside where fill_mode="constant".
        data_format: "channels_last" or None.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a factor that is not above −1 and at most 1, an image without pixels.
        NotImplementedError: an unknown fill mode or interpolation.

    >>> RandomZoom((-0.5, -0.5))([[[0.0], [4.0], [8.0]]])[0, :, 0]
    array([2., 4., 6.], dtype=float32)

    Keras's results have float32 precision even in float64, except for "nearest" (`ops.formulas.
    affine_transform`).

    Source: keras/src/layers/preprocessing/image_preprocessing/random_zoom.py.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        layer = type(self).__name__
        self._height_range = factor_range(layer, "height_factor", height_factor, above_lowest=True)
        self._width_range = None
        if width_factor is not None:
            self._width_range = factor_range(layer, "width_factor", width_factor, above_lowest=True)
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """{"height_zoom": (N, 1), "width_zoom": (N, 1)}; 1 changes nothing."""
        height_zoom = self._zoom(shape[0], self._height_range)
        if self._width_range is None:
            return {"height_zoom": height_zoom, "width_zoom": height_zoom}
        return {"height_zoom": height_zoom, "width_zoom": self._zoom(shape[0], self._width_range)}

    def matrix(self, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        zooms = np.concatenate([drawn["width_zoom"], drawn["height_zoom"]], axis=1)
        return ops.zoom_matrix(zooms, size)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
        }

    def _zoom(self, samples: int, change: tuple[float, float]) -> np.ndarray:
        lowest, highest = change
        return self.uniform((samples, 1), 1.0 + lowest, 1.0 + highest)
