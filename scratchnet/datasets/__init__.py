"""Data to learn from."""

from scratchnet.datasets import fashion_mnist

__all__ = ["fashion_mnist"]
