"""Arguments that say how far an augmentation may go."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

Factor = float | Sequence[float]


def factor_range(
    layer: str,
    argument: str,
    factor: Any,
    lowest: float = -1,
    highest: float = 1,
    above_lowest: bool = False,
) -> tuple[float, float]:
    """(low, high) of what is drawn: a pair, sorted, or (−|factor|, |factor|) for one number.

    −|factor| is no less than `lowest`. Of a pair, Keras's layers check one end of each number
    only; here both must lie in the range that Keras names.

    Raises ValueError for anything else; with `above_lowest`, for `lowest` too.

    >>> factor_range("RandomRotation", "factor", 0.2)
    (-0.2, 0.2)
    """
    values = factor if _is_pair(factor) else (factor,)
    if not all(is_number(v) and lowest <= v <= highest for v in values) or (
        above_lowest and lowest in values
    ):
        bracket = "above " if above_lowest else ""
        raise ValueError(
            f"{layer} received {argument}={factor!r}. Expected a number or two (the lowest and the "
            f"highest), each from {bracket}{lowest} to {highest}. For example {argument}=0.2."
        )
    if _is_pair(factor):
        low, high = sorted(values)
        return low, high
    return max(-abs(factor), lowest), abs(factor)


def check_value_range(layer: str, value_range: Any, sorted_already: bool = True) -> None:
    """Raise ValueError for what is not two grey values, the lowest first if `sorted_already`."""
    if not (
        _is_pair(value_range)
        and all(is_number(v) for v in value_range)
        and (not sorted_already or value_range[0] <= value_range[1])
    ):
        raise ValueError(
            f"{layer} received value_range={value_range!r}. Expected two numbers, the lowest and "
            f"the highest grey value: (0, 255) for bytes, (0, 1) after Rescaling(1 / 255)."
        )


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


def is_number(value: Any) -> bool:
    """Whether it is a real number, of Python or NumPy."""
    return isinstance(value, Real)
