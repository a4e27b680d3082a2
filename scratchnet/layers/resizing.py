"""Layers that bring images of any size to one size."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.images import check_images, refuse_boxes, refuse_dict
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, refuse_channels_first
from scratchnet.layers.reshaping import positive_integer
from scratchnet.names import unknown_name_message
from scratchnet.ops.formulas.resize import INTERPOLATIONS
from scratchnet.ops.geometry import Pair

Ends = tuple[Pair, Pair]


class _ImagesOfOneSize(Layer):
    """Cuts images to a part, or pads them, and resizes what is left to (height, width).

    A subclass says in `_ends(rows, columns)` how much to cut off, or to add where `pads`.
    """

    interpolation = "bilinear"
    antialias = False
    pads = False
    fill_value = 0.0

    def __init__(
        self,
        height: int,
        width: int,
        *,
        data_format: str | None = None,
        bounding_box_format: None = None,
        **layer_arguments: Any,
    ) -> None:
        layer = type(self).__name__
        refuse_channels_first(data_format)
        refuse_boxes(bounding_box_format, layer)
        height = positive_integer(height, layer, "height")
        width = positive_integer(width, layer, "width")
        super().__init__(**layer_arguments)
        self.height = height
        self.width = width

    def _ends(self, rows: int, columns: int) -> Ends:
        """((top, bottom), (left, right)) cells to cut off or to add."""
        raise NotImplementedError

    def cast(self, inputs: Any) -> Any:
        refuse_dict(self, inputs)
        return super().cast(inputs)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        images = x if x.ndim == 4 else x[None]
        ends = self._all_ends(images.shape)
        part = ops.pad(images, ends, self.fill_value) if self.pads else ops.crop(images, ends)
        size = (self.height, self.width)
        y = part
        if part.shape[1:3] != size:
            y = ops.resize(part, size, self.interpolation, self.antialias)
        return (y if x.ndim == 4 else y[0]), (x.shape, part.shape[1:3])

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        shape, size = saved
        dy = dy if len(shape) == 4 else dy[None]
        if dy.shape[1:3] != size:
            dy = ops.resize_backward(dy, size, self.interpolation, self.antialias)
        ends = self._all_ends(shape if len(shape) == 4 else (1, *shape))
        dx = ops.pad_backward(dy, ends) if self.pads else ops.crop_backward(dy, ends)
        return dx.reshape(shape), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-3], self.height, self.width, input_shape[-1])

    def check_input(self, shape: Shape) -> None:
        super().check_input(shape)
        check_images(self, shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
            "data_format": "channels_last",
        }

    def _all_ends(self, shape: tuple[int, ...]) -> tuple[Pair, ...]:
        return ((0, 0), *self._ends(*shape[1:3]), (0, 0))


class Resizing(_ImagesOfOneSize):
    """Images in another size: (N, H, W, C) -> (N, height, width, C) (`ops.formulas.resize`).

    Args:
        height, width: of the new images.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5" or "area".
        crop_to_aspect_ratio: first cut the images, in the middle, to the new ratio of the sides.
        pad_to_aspect_ratio: first pad them to that ratio, equally at both ends: where an odd
            number of cells is missing, one stays missing, as in Keras.
        fill_mode: "constant" only.
        fill_value: of the padding.
        antialias: whether to average over all old pixels that make up a new one when an image
            shrinks.
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: an unknown interpolation or fill_mode, a size that is not positive, cropping
            and padding together, an image without pixels.

    >>> Resizing(1, 4)(np.array([[[[0.0], [8.0]]]]))[0, :, :, 0]
    array([[0., 2., 6., 8.]], dtype=float32)

    Integer images stay integers of their type: the results are rounded to even and kept in range.
    Keras's results have float32 precision even in float64, except for "nearest": TensorFlow
    interpolates in float32. It also knows no gradient for "area" and, in float64, for "lanczos" and
    with antialias.

    Source: keras/src/layers/preprocessing/image_preprocessing/resizing.py.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        interpolation = standardize_interpolation(interpolation)
        if fill_mode != "constant":
            raise ValueError(
                f"Resizing received fill_mode={fill_mode!r}. Expected 'constant', the only way to "
                f"pad that Keras has."
            )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                "Resizing received crop_to_aspect_ratio=True and pad_to_aspect_ratio=True. "
                "Expected at most one of them: images are either cut or padded."
            )
        super().__init__(height, width, data_format=data_format, **kwargs)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pads = self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def cast(self, inputs: Any) -> Any:
        integers = not isinstance(inputs, dict) and np.asarray(inputs).dtype.kind in "iu"
        return np.asarray(inputs) if integers else super().cast(inputs)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        if x.dtype.kind not in "iu":
            return super().forward(x, training)
        y, _ = super().forward(x.astype(self.dtype), training)
        limits = np.iinfo(x.dtype)
        return np.clip(np.rint(y), limits.min, limits.max).astype(x.dtype), None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return (None, []) if saved is None else super().backward(dy, saved, needs_dx)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }

    def _ends(self, rows: int, columns: int) -> Ends:
        if self.crop_to_aspect_ratio:
            return ends_of_crop(rows, columns, self.height, self.width)
        if not self.pad_to_aspect_ratio:
            return (0, 0), (0, 0)
        top = max(0, columns * self.height // self.width - rows) // 2
        left = max(0, rows * self.width // self.height - columns) // 2
        return (top, top), (left, left)


class CenterCrop(_ImagesOfOneSize):
    """The middle (height, width) of each image; (N, H, W, C) -> (N, height, width, C).

    An image that is too small on a side is cut to the new ratio of the sides, as large as it
    allows, and enlarged, bilinear.

    Args:
        height, width: of the new images.
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a size that is not positive, an image without pixels.

    >>> CenterCrop(1, 2)(np.arange(4.0).reshape(1, 1, 4, 1))[0, :, :, 0]
    array([[1., 2.]], dtype=float32)

    Source: keras/src/layers/preprocessing/image_preprocessing/center_crop.py.
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(height, width, data_format=data_format, **kwargs)

    def _ends(self, rows: int, columns: int) -> Ends:
        if rows >= self.height and columns >= self.width:
            return _middle(rows, self.height), _middle(columns, self.width)
        return ends_of_crop(rows, columns, self.height, self.width)


def standardize_interpolation(interpolation: str) -> str:
    """The name in lower case; raises ValueError for one that is unknown."""
    name = str(interpolation).lower()
    if name not in INTERPOLATIONS:
        raise ValueError(unknown_name_message("interpolation", interpolation, INTERPOLATIONS))
    return name


def ends_of_crop(rows: int, columns: int, height: int, width: int) -> Ends:
    """What to cut off for the largest part in the middle whose sides are as height to width.

    Keras divides in float32, which can be one cell off where rows · width exceeds 2²⁴.
    """
    new_rows = max(1, min(rows, columns * height // width))
    new_columns = max(1, min(columns, rows * width // height))
    return _middle(rows, new_rows), _middle(columns, new_columns)


def _middle(cells: int, kept: int) -> Pair:
    """What to cut off at both ends; an odd cell goes at the end."""
    return (cells - kept) // 2, cells - kept - (cells - kept) // 2
