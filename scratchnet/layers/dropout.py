"""Dropout and its relatives. Formulas: `ops.formulas.dropout`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, refuse_channels_first
from scratchnet.random import fresh_seed


class RandomLayer(Layer):
    """Base of layers that draw random numbers in training.

    What a call draws is a function of the seed and of the number of earlier calls alone
    (`ops.formulas.random_bits`), so a run can be repeated, and a Keras twin can draw the same.

    Args:
        seed: an integer from 0 to 2³² − 1; None draws one.
        trainable, dtype, name: as every layer.
    """

    def __init__(self, seed: int | None, **kwargs: Any) -> None:
        if seed is not None and not (
            isinstance(seed, (int, np.integer)) and 0 <= seed < 2**32
        ):
            raise ValueError(
                f"{type(self).__name__} received seed={seed!r}. Expected an integer from 0 to "
                f"2**32 - 1, or None for one that is drawn."
            )
        super().__init__(**kwargs)
        self.seed = seed
        # [seed, calls so far], as in Keras's seed generator; the pair makes the next numbers.
        self.seed_state = np.array([fresh_seed() if seed is None else seed, 0], np.uint32)

    def next_key(self) -> tuple[int, int]:
        """(seed, call) of a new call."""
        seed, call = self.seed_state
        self.seed_state[1] += 1
        return int(seed), int(call)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"seed": self.seed}

    def _check_share(self, argument: str, value: float, below_one: bool = False) -> None:
        """Refuse what is not a number from 0 to 1, or 1 itself where the formula divides by 0."""
        if not 0 <= value <= 1 or (below_one and value == 1):
            bound = "below 1" if below_one else "1"
            raise ValueError(
                f"{type(self).__name__} received {argument}={value!r}. Expected a number from 0 "
                f"(which changes nothing) to {bound}."
            )


class Dropout(RandomLayer):
    """In training, each cell is 0 with probability `rate`, else x / (1 − rate).

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
        self._check_share("rate", rate)
        _check_noise_shape(noise_shape)
        super().__init__(seed, **kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        if not training or self.rate == 0:
            return x, None
        keep = ops.dropout_mask(self.mask_shape(x.shape), self.rate, self.next_key())
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

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the mask for an input of this shape; it broadcasts to it."""
        if self.noise_shape is None:
            return shape
        return tuple(i if n is None else n for n, i in zip(self.noise_shape, shape, strict=True))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "noise_shape": self.noise_shape}


class AlphaDropout(Dropout):
    """In training, each cell is put to selu's lower bound with probability `rate`.

    All cells are then moved and scaled so that a mean of 0 and a variance of 1 stay what they are
    (`ops.alpha_dropout`): the dropout for networks of `selu` and `lecun_normal`.

    Args:
        rate: probability of dropping a cell, from 0 to below 1. Keras takes 1 too, and fails in
            the first training step with a division by 0.
        noise_shape: shape of the mask, which is broadcast; None in it means the input's size.
        seed: of the masks; None draws one.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a rate outside [0, 1); a noise shape that does not broadcast.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017);
    keras/src/layers/regularization/alpha_dropout.py.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._check_share("rate", rate, below_one=True)
        super().__init__(rate, noise_shape, seed, **kwargs)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        if not training or self.rate == 0:
            return x, None
        keep = ops.dropout_mask(self.mask_shape(x.shape), self.rate, self.next_key())
        return ops.alpha_dropout(x, keep, self.rate), keep

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return (dy if saved is None else ops.alpha_dropout_backward(dy, saved, self.rate)), []


class _SpatialDropout(Dropout):
    """Dropout of whole feature maps: the cells of a channel of a sample share their fate.

    Neighbouring cells of a feature map say nearly the same, so dropping single ones hides little.
    """

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *(1 for _ in shape[1:-1]), shape[-1])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("rate", "seed", "name", "dtype")}


class SpatialDropout1D(_SpatialDropout):
    """In training, each channel of a sequence (N, steps, C) is 0 with probability `rate`.

    Args:
        rate: probability of dropping a channel, from 0 to 1; the others become x / (1 − rate).
        seed: of the masks; None draws one.
        dtype, name: as every layer.

    Raises:
        ValueError: a rate outside [0, 1].

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015);
    keras/src/layers/regularization/spatial_dropout.py.
    """

    rank = 3


class SpatialDropout2D(_SpatialDropout):
    """In training, each channel of an image (N, H, W, C) is 0 with probability `rate`.

    Args:
        rate: probability of dropping a channel, from 0 to 1; the others become x / (1 − rate).
        data_format: "channels_last" or None.
        seed: of the masks; None draws one.
        dtype, name: as every layer.

    Raises:
        ValueError: a rate outside [0, 1]; images that are not channels-last.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015);
    keras/src/layers/regularization/spatial_dropout.py.
    """

    rank = 4

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        refuse_channels_first(data_format)
        super().__init__(rate, seed, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": "channels_last"}


def _check_noise_shape(noise_shape: Any) -> None:
    is_shape = noise_shape is None or (
        isinstance(noise_shape, (list, tuple))
        and all(n is None or (isinstance(n, (int, np.integer)) and n > 0) for n in noise_shape)
    )
    if not is_shape:
        raise ValueError(
            f"The argument noise_shape must be a list or tuple with one entry for each axis, None "
            f"or a number > 0; received {noise_shape!r}. For example (None, 1, 1, None) drops "
            f"whole channels."
        )
