"""What layers that take images ask of their input: no more than pixels, and at least one."""

from __future__ import annotations

from typing import Any

from scratchnet.layers.layer import Layer, Shape


def refuse_boxes(bounding_box_format: Any, layer: str) -> None:
    """Raise ValueError where boxes are to be transformed too."""
    if bounding_box_format is not None:
        raise ValueError(
            f"{layer} received bounding_box_format={bounding_box_format!r}. Expected None: it "
            f"transforms images here, and no boxes in them."
        )


def refuse_dict(layer: Layer, inputs: Any) -> None:
    """Raise TypeError for images that come with boxes, masks or labels."""
    if isinstance(inputs, dict):
        raise TypeError(
            f"{layer._label()} received a dict. Expected an array of images: boxes, masks and "
            f"labels beside them are not transformed here."
        )


def check_images(layer: Layer, shape: Shape) -> None:
    """Raise ValueError for what is neither images (N, H, W, C) nor one image (H, W, C)."""
    if len(shape) not in (3, 4):
        raise ValueError(
            f"{layer._label()} received an input of shape {shape} with {len(shape)} axes. "
            f"Expected images (N, H, W, C), channels last, or one image (H, W, C)."
        )
    refuse_empty_images(layer, shape)


def refuse_empty_images(layer: Layer, shape: Shape) -> None:
    """Raise ValueError where there is no pixel to compute from."""
    if 0 in shape[-3:-1]:
        raise ValueError(
            f"{layer._label()} received an input of shape {shape}: nothing can be made of an image "
            f"without pixels. Expected at least one row and one column."
        )
