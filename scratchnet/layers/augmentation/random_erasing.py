"""Images with a rectangle erased. Formula: `ops.erase`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.augmentation_layer import AugmentationLayer, Drawn
from scratchnet.layers.augmentation.factors import (
    Factor,
    check_value_range,
    factor_range,
    is_number,
)
from scratchnet.layers.layer import Saved, Shape


class RandomErasing(AugmentationLayer):
    """In training, a rectangle of some of the images gets another value, or noise.

    Args:
        factor: (lowest, highest) probability of erasing, from 0 to 1; a number p stands for
            (0, p). Each image draws its own, so that factor=1.0 erases in half of the images, as
            in Keras, whose own description says in all; factor=(1, 1) does.
        scale: (lowest, highest) share, from 0 to 1, whose root is the rectangle's part of the
            height and, drawn again, of the width; a number s stands for (0, s).
        fill_value: a number, or a list of three for images of three channels; None draws a normal
            number for each cell and multiplies it with the highest grey value. All are clipped to
            the value range.
        value_range: (lowest, highest) grey value.
        seed: of the draws; None draws one.
        data_format: "channels_last" or None.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a factor or scale outside of 0 to 1, a fill value or value range that is none,
            three fill values for images that have not three channels, an image without pixels.

    >>> RandomErasing((1, 1), scale=(1, 1), fill_value=7)([[[1.0], [2.0]]])[0, :, 0]
    array([7., 7.], dtype=float32)

    Source: Zhong et al., "Random Erasing Data Augmentation" (2017);
    keras/src/layers/preprocessing/image_preprocessing/random_erasing.py.
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.factor = factor_range("RandomErasing", "factor", factor, lowest=0)
        self.scale = factor_range("RandomErasing", "scale", scale, lowest=0)
        check_value_range("RandomErasing", value_range)
        _check_fill_value(fill_value)
        super().__init__(seed, data_format, **kwargs)
        self.fill_value = fill_value
        self.value_range = value_range

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """{"apply_erasing": (N,), "batch_masks": (N, H, W, 1), "fill_value": broadcasts}.

        With u and w drawn from `scale` and e from 0 to 1 for each image, the columns q with
        q₀ ≤ q < q₀ + √u·W are in the mask, where q₀ = e·(W − √u·W); rows likewise with √w·H. It is
        applied where a number from 0 to 1 is less than one from `factor`.
        """
        samples, rows, columns, _ = shape
        shares = np.sqrt(self.uniform((samples, 2), *self.scale))
        in_column = self._interval(columns, shares[:, 0])
        in_row = self._interval(rows, shares[:, 1])
        probability = self.uniform((samples,), *self.factor)
        return {
            "apply_erasing": self.uniform((samples,), 0, 1) < probability,
            "batch_masks": (in_row[:, :, None] & in_column[:, None, :])[..., None],
            "fill_value": self._values(shape),
        }

    def transform(self, images: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, Saved]:
        erased = drawn["apply_erasing"][:, None, None, None] & drawn["batch_masks"]
        return ops.erase(images, erased, drawn["fill_value"]), erased

    def transform_backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        return ops.erase_backward(dy, saved)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if isinstance(self.fill_value, (tuple, list)) and input_shape[-1] != 3:
            raise ValueError(
                f"fill_value={self.fill_value} has three values, but the input of shape "
                f"{input_shape} has {input_shape[-1]} channels. Expected one number for them all."
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "factor": self.factor,
            "scale": self.scale,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
        }

    def _interval(self, cells: int, share: np.ndarray) -> np.ndarray:
        """(N, cells): the cells of one axis that lie in a random interval of share · cells."""
        length = share * cells
        start = self.uniform(share.shape, 0, 1) * (cells - length)
        cell = np.arange(cells)
        return (cell >= start[:, None]) & (cell < (start + length)[:, None])

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        lowest, highest = self.value_range
        if self.fill_value is None:
            values = ops.standard_normal(shape, self.next_key()) * highest
        else:
            values = np.asarray(self.fill_value, np.float64)
        return np.clip(values, lowest, highest)


def _check_fill_value(fill_value: Any) -> None:
    is_list = isinstance(fill_value, (tuple, list)) and len(fill_value) == 3
    if fill_value is not None and not all(map(is_number, fill_value if is_list else [fill_value])):
        raise ValueError(
            f"RandomErasing received fill_value={fill_value!r}. Expected a number, a list of three "
            f"for images of three channels, or None for noise."
        )
