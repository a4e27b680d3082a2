"""Images cut to one size. Formulas: `ops.crop`, and `ops.resize` for images that are too small."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.augmentation.augmentation_layer import AugmentationLayer, Drawn
from scratchnet.layers.layer import Saved, Shape
from scratchnet.layers.reshaping import positive_integer
from scratchnet.layers.resizing import Ends, ends_of_crop


class RandomCrop(AugmentationLayer):
    """In training, a part of (height, width) from a random place, the same for a whole batch.

    A batch whose images are not larger than that on both sides is not cut at random: of each side
    that is longer, `height` or `width` cells are kept, at most, from where the largest part in the
    middle with the new ratio of the sides would begin, and what is still too small is enlarged,
    bilinear. This is what Keras does; it can distort the images.

    At inference the images are cut to the largest part in the middle that has the new ratio of the
    sides, and resized, bilinear: as Keras says of its layer too, which in truth returns them as
    they came, in another shape than in training. `Resizing(height, width,
    crop_to_aspect_ratio=True)` is its equal.

    Args:
        height, width: of the new images.
        seed: of the draws; None draws one.
        data_format: "channels_last" or None.
        name, trainable, dtype: as every layer.

    Raises:
        ValueError: a size that is not positive, an image without pixels.

    >>> RandomCrop(1, 2, seed=1)([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]])[..., 0]
    array([[1., 2.]], dtype=float32)

    Source: keras/src/layers/preprocessing/image_preprocessing/random_crop.py.
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        height = positive_integer(height, "RandomCrop", "height")
        width = positive_integer(width, "RandomCrop", "width")
        super().__init__(seed, data_format, name=name, **kwargs)
        self.height = height
        self.width = width

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """{"h_start": row, "w_start": column}, where the part of all images begins.

        h_start = ⌊u⌋, u from 0 to H − height + 1;   w_start likewise
        """
        _, rows, columns, _ = shape
        if rows > self.height and columns > self.width:
            row = self.uniform((), 0, rows - self.height + 1)
            column = self.uniform((), 0, columns - self.width + 1)
            return {"h_start": row.astype(np.intp), "w_start": column.astype(np.intp)}
        (above, _), (left, _) = ends_of_crop(rows, columns, self.height, self.width)
        return {"h_start": np.array(above), "w_start": np.array(left)}

    def transform(self, images: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, Saved]:
        _, rows, columns, _ = images.shape
        row, column = int(drawn["h_start"]), int(drawn["w_start"])
        below, right = rows - row - self.height, columns - column - self.width
        return self._cut(images, ((row, max(below, 0)), (column, max(right, 0))))

    def transform_backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        ends, size = saved
        if size != (self.height, self.width):
            dy = ops.resize_backward(dy, size)
        return ops.crop_backward(dy, ends)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-3], self.height, self.width, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"height": self.height, "width": self.width}

    def _at_inference(self, images: np.ndarray) -> tuple[np.ndarray, Saved]:
        _, rows, columns, _ = images.shape
        return self._cut(images, ends_of_crop(rows, columns, self.height, self.width))

    def _cut(self, images: np.ndarray, ends: Ends) -> tuple[np.ndarray, Saved]:
        all_ends = ((0, 0), *ends, (0, 0))
        part = ops.crop(images, all_ends)
        size = part.shape[1:3]
        whole = size == (self.height, self.width)
        y = part if whole else ops.resize(part, (self.height, self.width))
        return y, (all_ends, size)
