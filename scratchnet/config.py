"""Library-wide settings, with Keras's names (`keras.config`)."""

from __future__ import annotations

import numpy as np

_FLOATS = ("float16", "float32", "float64")
_floatx = "float32"


def floatx() -> str:
    """The dtype that layers, losses and optimizers use unless told otherwise."""
    return _floatx


def set_floatx(dtype: str) -> None:
    """Set the default dtype: "float32" (training), "float64" (proof) or "float16".

    Raises ValueError, and changes nothing, for any other name.
    """
    global _floatx
    _floatx = standardize_dtype(dtype)


def epsilon() -> float:
    """The small number that keeps probabilities away from 0 and 1 in the cross-entropies."""
    return 1e-7


def standardize_dtype(dtype: str | type | np.dtype | None) -> str:
    """The name of a floating dtype; None means `floatx()`."""
    name = floatx() if dtype is None else np.dtype(dtype).name
    if name not in _FLOATS:
        raise ValueError(
            f"scratchnet computes in floating point; received dtype={dtype!r}. "
            f"Expected one of {', '.join(_FLOATS)}, for example dtype='float32'."
        )
    return name
