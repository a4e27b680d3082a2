"""Activation functions, each with its gradient, under Keras's names.

>>> from scratchnet import activations
>>> activations.relu([-1.0, 2.0])
array([0., 2.])
>>> activations.get("softmax").name
'softmax'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import ops
from scratchnet.names import unknown_name_message


@dataclass(frozen=True, eq=False)
class ActivationFunction:
    """y = f(x) and its gradient; called like a function.

    Args:
        name: Keras's name.
        function: x -> y, arrays of one shape; further keywords are passed on.
        gradient: (dy, kept) -> dx, where `kept` is what `forward` keeps.
        keeps: "y" where the gradient needs only the output, else "x", the input.
    """

    name: str
    function: Callable[..., np.ndarray]
    gradient: Callable[[np.ndarray, np.ndarray], np.ndarray]
    keeps: Literal["x", "y"] = "y"

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(y, what `gradient` needs)."""
        y = self.function(x)
        return y, x if self.keeps == "x" else y

    def __call__(self, x: ArrayLike, **arguments: Any) -> np.ndarray:
        return self.function(np.asarray(x), **arguments)

    def __repr__(self) -> str:
        return f"<activation {self.name}>"


linear = ActivationFunction("linear", lambda x: x, lambda dy, y: dy)
# y > 0 exactly where x > 0, so y serves for the gradient of ReLU too.
relu = ActivationFunction(
    "relu", lambda x, **kw: ops.relu(x, **kw), lambda dy, y: ops.relu_backward(dy, y)
)
sigmoid = ActivationFunction(
    "sigmoid", lambda x: ops.sigmoid(x), lambda dy, y: ops.sigmoid_backward(dy, y)
)
softmax = ActivationFunction(
    "softmax", lambda x, **kw: ops.softmax(x, **kw), lambda dy, y: ops.softmax_backward(dy, y)
)
tanh = ActivationFunction("tanh", lambda x: ops.tanh(x), lambda dy, y: ops.tanh_backward(dy, y))

_KNOWN = {activation.name: activation for activation in (linear, relu, sigmoid, softmax, tanh)}


def get(identifier: str | ActivationFunction | None) -> ActivationFunction:
    """The activation of that name; None is `linear`.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else, such as a function that comes without a gradient.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, ActivationFunction):
        return identifier
    if isinstance(identifier, str):
        if identifier not in _KNOWN:
            raise ValueError(unknown_name_message("activation", identifier, _KNOWN))
        return _KNOWN[identifier]
    raise TypeError(
        f"An activation needs its gradient; received {identifier!r}. Expected one of "
        f"{', '.join(_KNOWN)}, or activations.ActivationFunction(name, function, gradient)."
    )


def serialize(activation: ActivationFunction) -> str:
    """The name, which `get` and Keras take back."""
    return activation.name
