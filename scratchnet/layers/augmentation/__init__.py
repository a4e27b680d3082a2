"""Layers that change images at random in training; one a file."""

from scratchnet.layers.augmentation.random_brightness import RandomBrightness
from scratchnet.layers.augmentation.random_contrast import RandomContrast
from scratchnet.layers.augmentation.random_crop import RandomCrop
from scratchnet.layers.augmentation.random_erasing import RandomErasing
from scratchnet.layers.augmentation.random_flip import RandomFlip
from scratchnet.layers.augmentation.random_rotation import RandomRotation
from scratchnet.layers.augmentation.random_translation import RandomTranslation
from scratchnet.layers.augmentation.random_zoom import RandomZoom

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
]
