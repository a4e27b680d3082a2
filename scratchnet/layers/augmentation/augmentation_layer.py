"""What all augmentations share: first they draw, then they do what was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.dropout import RandomLayer
from scratchnet.layers.images import check_images, refuse_boxes, refuse_dict
from scratchnet.layers.layer import Gradients, Saved, Shape, refuse_channels_first
from scratchnet.layers.symbolic import is_symbolic

Drawn = dict[str, np.ndarray]


class AugmentationLayer(RandomLayer):
    """Base of layers that change images (N, H, W, C), or one image (H, W, C), in training.

    A subclass defines `draw`, which is all that is random, and `transform` with its gradient,
    which are not: what was drawn once can be looked at, or done to other images. Every array that
    is drawn counts as a call of the seed (`RandomLayer`), in Keras's order.

    As in Keras, and unlike other layers, a layer that is called on its own trains unless it is
    told not to; inside a model the model decides. Integer images become numbers of the layer's
    dtype first. (Keras's RandomBrightness computes in the integers' type, where 250 + 10 is 4.)

    Args:
        seed: of the draws; None draws one.
        data_format: "channels_last" or None.
        bounding_box_format: None only.
        trainable, dtype, name: as every layer.
    """

    def __init__(
        self,
        seed: int | None,
        data_format: str | None = None,
        bounding_box_format: None = None,
        **kwargs: Any,
    ) -> None:
        refuse_channels_first(data_format)
        refuse_boxes(bounding_box_format, type(self).__name__)
        super().__init__(seed, **kwargs)

    def draw(self, shape: tuple[int, ...]) -> Drawn:
        """The parameters of one call, under Keras's names, for images of shape (N, H, W, C)."""
        raise NotImplementedError(f"{type(self).__name__} does not define draw(shape).")

    def transform(self, images: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, Saved]:
        """(y, saved): the images (N, H, W, C) changed by what was drawn for them."""
        raise NotImplementedError(f"{type(self).__name__} does not define transform(images, drawn)")

    def transform_backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """∂L/∂x of `transform`."""
        raise NotImplementedError(f"{type(self).__name__} does not define transform_backward.")

    def uniform(self, shape: Sequence[int], low: float, high: float) -> np.ndarray:
        """Numbers that are anywhere between low and high alike, from the seed's next key."""
        return ops.uniform(shape, low, high, self.next_key())

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        images = x if x.ndim == 4 else x[None]
        if training:
            y, saved = self.transform(images, self.draw(images.shape))
        else:
            y, saved = self._at_inference(images)
        return (y if x.ndim == 4 else y[0]), saved

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        if not needs_dx:
            return None, []
        if saved is None:
            return dy, []
        if dy.ndim == 4:
            return self.transform_backward(dy, saved), []
        return self.transform_backward(dy[None], saved)[0], []

    def cast(self, inputs: Any) -> Any:
        refuse_dict(self, inputs)
        return super().cast(inputs)

    def check_input(self, shape: Shape) -> None:
        super().check_input(shape)
        check_images(self, shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": "channels_last"}

    def _at_inference(self, images: np.ndarray) -> tuple[np.ndarray, Saved]:
        """(y, saved) outside training; nothing saved means that nothing was done."""
        return images, None

    def _call(
        self,
        inputs: Any,
        training: bool | None,
        options: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if training is None and not is_symbolic(inputs):
            training = True
        return super()._call(inputs, training, options, args, kwargs)
