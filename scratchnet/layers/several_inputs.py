"""What layers share that take a list of inputs."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from scratchnet.layers.layer import Layer, Shape


class SeveralInputs(Layer):
    """Base of layers that are called on a list; it refuses anything else, by name.

    A single array would otherwise pass for a list of its samples.
    """

    several_inputs = True
    fewest: ClassVar[int] = 1
    most: ClassVar[int | None] = None
    example: ClassVar[str] = "layer([x1, x2])"

    def cast(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"{self._label()} received one input of shape {np.shape(inputs)}. Expected a list "
                f"of inputs, {self.example}."
            )
        return super().cast(inputs)

    def check_input(self, shape: Any) -> None:
        if not isinstance(shape, list):
            raise ValueError(
                f"{self._label()} received one input of shape {shape}. Expected a list of inputs, "
                f"{self.example}."
            )
        if len(shape) < self.fewest or (self.most is not None and len(shape) > self.most):
            span = f"{self.fewest} to {self.most}" if self.most else f"at least {self.fewest}"
            number = self.most if self.most == self.fewest else span
            raise ValueError(
                f"{self._label()} received {len(shape)} inputs, of shapes {shape}. Expected "
                f"{number}, {self.example}."
            )
        if any(len(each) < self.min_rank for each in shape):
            raise ValueError(
                f"{self._label()} received inputs of shapes {shape}. Expected at least "
                f"{self.min_rank} axes in each: the first counts the samples."
            )
        self.check_samples(shape)

    def check_samples(self, shapes: list[Shape]) -> None:
        """Raise ValueError where the inputs have different numbers of samples."""
        batches = {each[0] for each in shapes} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"{self._label()} received inputs of shapes {shapes}, with different numbers of "
                f"samples. Expected one number in the first axis of all."
            )
