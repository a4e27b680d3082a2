"""Data to learn on."""

from scratchnet.datasets import fashion_mnist

__all__ = ["fashion_mnist"]
