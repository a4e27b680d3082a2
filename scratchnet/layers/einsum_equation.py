"""What an equation such as "abc,cd->abd" says about the shapes of an EinsumDense layer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from scratchnet.layers.layer import Shape
from scratchnet.ops.formulas.einsum import spelled_out

_FORM = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class EinsumShapes(NamedTuple):
    """Shapes of the weights and of the output, and the fans of the kernel."""

    kernel: tuple[int, ...]
    bias: tuple[int, ...] | None
    output: Shape
    fan_in: int
    fan_out: int


def check_equation(equation: str, bias_axes: str | None) -> None:
    """Raise ValueError for an equation of another form, or a letter that belongs nowhere."""
    match = _FORM.fullmatch(equation)
    if match is None or (match[1], match[3]) != (match[5], match[7]) or (match[1] and match[3]):
        raise ValueError(
            f"EinsumDense received equation={equation!r}. Expected letters as in 'abc,cd->abd', "
            f"'...c,cd->...d' or 'ab...,bc->ac...'."
        )
    x, kernel, y = match[2], match[4], match[6]
    for letters, allowed, complaint in (
        (kernel, x + y, "which the kernel alone has. Expected it in x or in y too"),
        (y, x + kernel, "which y alone has. Expected it in x or in the kernel too"),
        (bias_axes or "", y, "which bias_axes names, but y does not have. Expected a letter of y"),
    ):
        strange = [letter for letter in letters if letter not in allowed]
        if strange:
            raise ValueError(
                f"EinsumDense received equation={equation!r} and bias_axes={bias_axes!r} with the "
                f"letter {strange[0]!r}, {complaint}."
            )
    if any(len({*term}) < len(term) for term in (x, kernel, y)):
        raise ValueError(
            f"EinsumDense received equation={equation!r} with a letter twice in one term. Expected "
            f"a letter of its own for each axis of a term."
        )


def einsum_shapes(
    equation: str, bias_axes: str | None, input_shape: Shape, output_shape: Sequence[int | None]
) -> EinsumShapes:
    """The shapes for an input of this shape.

    Args:
        equation: in a form that `check_equation` accepts.
        bias_axes: letters of y; None means no bias.
        input_shape: x's, the samples first; the first may be None.
        output_shape: sizes of y's letters but the samples', None where x has the letter. Where
            "..." holds the samples, those of all letters.

    Raises:
        ValueError: a wrong number of axes or sizes, sizes that contradict each other, or one
            that is not known.
    """
    x, kernel, y = spelled_out(equation, len(input_shape))
    written_x, written_y = (re.findall("[a-zA-Z]+", equation)[i] for i in (0, -1))
    fewest = len(written_x)
    if len(input_shape) < fewest or (len(input_shape) > fewest and "..." not in equation):
        raise ValueError(
            f"an input of shape {input_shape} has {len(input_shape)} axes, and {equation!r} names "
            f"{fewest}. Expected one axis for each letter, and further ones only for '...'."
        )
    samples_elided = equation.startswith("...") and len(input_shape) > fewest
    named = written_y if samples_elided else written_y[1:]
    if len(named) != len(output_shape):
        raise ValueError(
            f"output_shape={tuple(output_shape)} has {len(output_shape)} sizes. Expected one for "
            f"each of the letters {', '.join(named)} of the output of {equation!r}."
        )
    sizes: dict[str, int | None] = dict(zip(x, input_shape, strict=True))
    for letter, size in zip(named, output_shape, strict=True):
        before = sizes.get(letter)
        if None not in (before, size) and before != size:
            raise ValueError(
                f"the axis {letter!r} of {equation!r} has {before} cells in an input of shape "
                f"{input_shape} and {size} in output_shape={tuple(output_shape)}. Expected one "
                f"number, or None in output_shape."
            )
        sizes[letter] = before if size is None else size

    def known(letter: str) -> int:
        size = sizes.get(letter)
        if size is None:
            raise ValueError(
                f"the size of the axis {letter!r} of {equation!r}, which a weight has, is not "
                f"known from an input of shape {input_shape} and output_shape="
                f"{tuple(output_shape)}. Expected a number in one of them."
            )
        return size

    bias = None
    if bias_axes:
        first = min(y.index(letter) for letter in bias_axes)
        bias = tuple(known(letter) if letter in bias_axes else 1 for letter in y[first:])
    return EinsumShapes(
        kernel=tuple(known(letter) for letter in kernel),
        bias=bias,
        output=tuple(sizes.get(letter) for letter in y),
        fan_in=math.prod(known(letter) for letter in kernel if letter not in y),
        fan_out=math.prod(known(letter) for letter in kernel if letter in y),
    )
