"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape
from scratchnet.random import fresh_seed


class Dropout(Layer):
    """In training, each cell is 0 with probability `rate`, else x / (1 − rate).

    The mask of a call is a function of the seed and of the number of earlier calls alone
    (`ops.formulas.dropout`), so a run can be repeated, and a Keras twin can draw the same masks.

    Args:
        rate: probability of dropping a cell, from 0 to 1.
        noise_shape: shape of the mask, which is broadcast; None in it means the input's size.
        seed: of the masks; None draws one.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a rate outside [0, 1]; a noise shape that does not broadcast.

    Source: Srivastava et al., "Dropout" (2014); keras/src/layers/regularization/dropout.py.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(
                f"Dropout received rate={rate!r}. Expected a probability from 0 (keep all) to 1."
            )
        super().__init__(**kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        # [seed, calls so far], as in Keras's seed generator; the pair makes the next mask.
        self.seed_state = np.array([fresh_seed() if seed is None else seed, 0], np.uint32)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        if not training or self.rate == 0:
            return x, None
        seed, call = self.seed_state
        keep = ops.dropout_mask(self._mask_shape(x.shape), self.rate, (int(seed), int(call)))
        self.seed_state[1] += 1
        return ops.dropout(x, keep, self.rate), keep

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return (dy if saved is None else ops.dropout_backward(dy, saved, self.rate)), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        noise = self.noise_shape
        if noise is not None and (
            len(noise) != len(input_shape)
            or any(
                n not in (None, 1) and i is not None and n != i
                for n, i in zip(noise, input_shape, strict=True)
            )
        ):
            raise ValueError(
                f"noise_shape={noise} does not broadcast to an input of shape {input_shape}. "
                f"Expected one entry for each axis: None, 1 or the size of that axis."
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rate": self.rate,
            "noise_shape": self.noise_shape,
            "seed": self.seed,
        }

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.noise_shape is None:
            return shape
        return tuple(i if n is None else n for n, i in zip(self.noise_shape, shape, strict=True))
