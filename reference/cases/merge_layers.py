"""Layers that merge several inputs, and the functions that call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.agreement import layer_errors, relative_error
from reference.cases.case import Case
from scratchnet import layers

Arrays = list[np.ndarray]

# Sums of products of whole numbers are exact, and whole numbers tie
_RNG = np.random.default_rng(0)
X, Y, Z = (np.round(2 * _RNG.standard_normal((3, 4, 2, 5))) for _ in range(3))
OF_CHANNELS, OF_ROWS = np.round(2 * _RNG.standard_normal((3, 5))), X[:, :, :1]

INPUTS: dict[str, Arrays] = {
    "two inputs": [X, Y],
    "another rank": [OF_CHANNELS, X],
    "sizes of 1": [OF_ROWS, Y],
}
MORE: dict[str, Arrays] = {
    "one input": [X],
    "three inputs": [X, Y, Z],
    "three ranks": [X, OF_CHANNELS, OF_CHANNELS[:, 0]],
}
ELEMENTWISE = ("Add", "Multiply", "Average", "Maximum", "Minimum")


def _case(kind: str, label: str, xs: Arrays, /, **arguments: Any) -> Case:
    def error() -> float:
        return max(layer_errors(getattr(layers, kind)(**arguments), xs).values())

    return Case(f"layers.{kind}", label, error)


def _function(name: str, xs: Arrays, /, **arguments: Any) -> Case:
    """The function beside Keras's, on arrays."""

    def error() -> float:
        import keras

        ours: Callable = getattr(layers, name)
        return relative_error(ours(xs, **arguments), getattr(keras.layers, name)(xs, **arguments))

    label = ", ".join(f"{key}={value}" for key, value in arguments.items()) or "two inputs"
    return Case(f"layers.{name}", label, error)


def _symbolic(name: str, shapes: list[tuple[int, ...]], /, **arguments: Any) -> Case:
    """The shape that the function gives on symbolic tensors."""

    def error() -> float:
        import keras

        ours = getattr(layers, name)([layers.Input(shape) for shape in shapes], **arguments)
        theirs = getattr(keras.layers, name)([keras.Input(shape) for shape in shapes], **arguments)
        return 0.0 if ours.shape == tuple(theirs.shape) else float("inf")

    return Case(f"layers.{name}", "symbolic tensors", error)


CASES: list[Case] = [
    *(_case(kind, label, xs) for kind in ELEMENTWISE for label, xs in (INPUTS | MORE).items()),
    *(_case("Subtract", label, xs) for label, xs in INPUTS.items()),
    _case("Add", "name and dtype", [X, Y], name="sum", dtype="float64", trainable=False),
    _case("Concatenate", "last axis", [X, Y[..., :2], Z]),
    _case("Concatenate", "axis=1", [X, Y[:, :1]], axis=1),
    _case("Concatenate", "axis=-2", [X, Y[:, :, :1]], axis=-2),
    _case("Concatenate", "one input", [X]),
    _case("Dot", "axes=1", [X[:, :, 0, 0], Y[:, :, 0, 0]], axes=1),
    _case("Dot", "axes=-1", [X[:, :, 0], Y[:, 0]], axes=-1),
    _case("Dot", "axes=(2, 1)", [X[:, 0], Y[:, :, 0].swapaxes(1, 2)], axes=(2, 1)),
    _case("Dot", "axes=[1, 3] of four axes", [OF_CHANNELS, Y], axes=[1, 3]),
    _case("Dot", "normalize=True", [X[:, 0] + 0.5, Y[:, 1] + 0.5], axes=2, normalize=True),
    _case(
        "Dot",
        "normalize=True of short vectors",
        [1e-9 * (X[:, 0] + 0.5), Y[:, 1] + 0.5],
        axes=2,
        normalize=True,
    ),
    *(_function(kind.lower(), [X, OF_CHANNELS]) for kind in (*ELEMENTWISE, "Subtract")),
    _function("concatenate", [X, Y]),
    _function("concatenate", [X, Y], axis=1),
    _function("dot", [X[:, 0], Y[:, 1]]),
    _function("dot", [X[:, 0] + 0.5, Y[:, 1] + 0.5], axes=(1, 1), normalize=True),
    *(_symbolic(kind.lower(), [(4, 5), (5,)]) for kind in (*ELEMENTWISE, "Subtract")),
    _symbolic("concatenate", [(4, 5), (2, 5)], axis=1),
    _symbolic("dot", [(4, 5), (2, 5)], axes=2),
]
