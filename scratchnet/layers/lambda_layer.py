"""The layer that scratchnet does not have, and what to write instead."""

from __future__ import annotations

from typing import Any

from scratchnet.layers.layer import Layer


class Lambda(Layer):
    """Refused, on purpose: Keras's layer that computes what a Python function says.

    A function comes without a gradient, and it cannot be saved safely: a file would have to hold
    code, which whoever loads the file would run. A subclass of Layer is as short:

        class Square(layers.Layer):
            def forward(self, x, training): return x * x, x
            def backward(self, dy, x, needs_dx=True): return 2 * x * dy, []

    `scratchnet.layers.layer` shows one with weights that is saved and loaded, and
    `scratchnet.inspection.check_gradients` tells whether a backward pass is right.

    Raises:
        ValueError: always, also where a file or a configuration of Keras names a Lambda.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ValueError(
            "There is no Lambda layer here: a function comes without a gradient, and it cannot be "
            "saved safely, since a file would have to hold code that runs when it is loaded. "
            "Expected a subclass of Layer:\n\n"
            "    class Square(layers.Layer):\n"
            "        def forward(self, x, training): return x * x, x\n"
            "        def backward(self, dy, x, needs_dx=True): return 2 * x * dy, []\n\n"
            "A model that holds it is loaded with custom_objects={'Square': Square}."
        )
