"""Activation functions, each with its gradient, under Keras's names.

    linear           y = x
    relu             y = x where x > threshold=0, else negative_slope=0 · (x − threshold), and at
                     most max_value=None
    relu6            y = min(max(x, 0), 6)
    leaky_relu       y = x where x > 0, else negative_slope=0.2 · x
    elu              y = x where x > 0, else alpha=1 · (e^x − 1)
    selu             y = 1.0507 · (x where x > 0, else 1.6733 · (e^x − 1))
    celu             y = x where x > 0, else alpha=1 · (e^{x/alpha} − 1)
    softplus         y = ln(1 + e^x)
    squareplus       y = (x + √(x² + b)) / 2, b=4
    sparse_plus      y = (x + 1)²/4 where −1 < x < 1, 0 below, x above
    silu, swish      y = x · σ(x)
    hard_silu, hard_swish    y = x · hard_sigmoid(x)
    gelu             y = x · Φ(x), Φ the normal distribution; approximate=False
    mish             y = x · tanh(softplus(x))
    glu              y = a · σ(b), a and b the halves of x along axis=-1
    sigmoid          σ(x) = 1 / (1 + e^{−x})
    hard_sigmoid     y = min(max(x/6 + ½, 0), 1)
    sparse_sigmoid   y = min(max((x + 1)/2, 0), 1)
    log_sigmoid      y = ln σ(x)
    tanh, hard_tanh  y = tanh(x);  y = min(max(x, −1), 1)
    softsign         y = x / (1 + |x|)
    hard_shrink      y = x where |x| > threshold=0.5, else 0
    soft_shrink      y = sign(x) · max(|x| − threshold, 0), threshold=0.5
    tanh_shrink      y = x − tanh(x)
    threshold        y = x where x > threshold, else default_value
    exponential      y = e^x
    softmax          y_i = e^{x_i} / Σ_j e^{x_j} along axis=-1
    log_softmax      y = ln softmax(x) along axis=-1
    sparsemax        the distribution along axis=-1 that is nearest to x

Formulas and gradients: `ops.formulas`. Arguments are given in a call; a layer that is given a name
uses the defaults. Where a layer of its own exists, such as LeakyReLU, that takes the arguments.

>>> from scratchnet import activations
>>> activations.relu([-1.0, 2.0])
array([0., 2.])
>>> activations.leaky_relu([-1.0, 2.0], negative_slope=0.5)
array([-0.5,  2. ])
>>> activations.get("softmax").name
'softmax'

Source: keras/src/activations/activations.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import ops
from scratchnet.custom_objects import get_registered_name, get_registered_object
from scratchnet.names import unknown_name_message


@dataclass(frozen=True, eq=False)
class ActivationFunction:
    """y = f(x) and its gradient; called like a function.

    Args:
        name: Keras's name.
        function: x -> y; further arguments of a call are passed on.
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

    def __call__(self, x: ArrayLike, *arguments: Any, **named: Any) -> np.ndarray:
        return self.function(np.asarray(x), *arguments, **named)

    def __repr__(self) -> str:
        return f"<activation {self.name}>"


def _operation(name: str, keeps: Literal["x", "y"] = "x") -> ActivationFunction:
    """`ops.<name>` and `ops.<name>_backward`, of the implementation in use when it is called."""

    def function(x: np.ndarray, *arguments: Any, **named: Any) -> np.ndarray:
        return getattr(ops, name)(x, *arguments, **named)

    def gradient(dy: np.ndarray, kept: np.ndarray) -> np.ndarray:
        return getattr(ops, f"{name}_backward")(dy, kept)

    return ActivationFunction(name, function, gradient, keeps)


def _leaky_relu(x: np.ndarray, negative_slope: float = 0.2) -> np.ndarray:
    return ops.relu(x, negative_slope)


linear = ActivationFunction("linear", lambda x: x, lambda dy, y: dy)

# y lies between the same kinks as x, so it serves for the gradients of these too.
relu = _operation("relu", keeps="y")
relu6 = ActivationFunction(
    "relu6", lambda x: ops.relu(x, 0.0, 6.0), lambda dy, y: ops.relu_backward(dy, y, 0.0, 6.0)
)
leaky_relu = ActivationFunction(
    "leaky_relu", _leaky_relu, lambda dy, y: ops.relu_backward(dy, y, 0.2)
)
elu = _operation("elu")
selu = _operation("selu")
celu = _operation("celu")
softplus = _operation("softplus")
squareplus = _operation("squareplus")
sparse_plus = _operation("sparse_plus")

silu = swish = _operation("silu")
hard_silu = hard_swish = _operation("hard_silu")
gelu = _operation("gelu")
mish = _operation("mish")
glu = _operation("glu")

sigmoid = _operation("sigmoid", keeps="y")
hard_sigmoid = _operation("hard_sigmoid")
sparse_sigmoid = _operation("sparse_sigmoid")
log_sigmoid = _operation("log_sigmoid")
tanh = _operation("tanh", keeps="y")
hard_tanh = _operation("hard_tanh")
softsign = _operation("softsign")

hard_shrink = _operation("hard_shrink")
soft_shrink = _operation("soft_shrink")
tanh_shrink = _operation("tanh_shrink")
threshold = _operation("threshold")

exponential = _operation("exponential", keeps="y")
softmax = _operation("softmax", keeps="y")
log_softmax = _operation("log_softmax", keeps="y")
sparsemax = _operation("sparsemax", keeps="y")

_KNOWN: dict[str, ActivationFunction] = {
    name: value for name, value in list(globals().items()) if isinstance(value, ActivationFunction)
}


def get(identifier: str | Mapping[str, Any] | ActivationFunction | None) -> ActivationFunction:
    """The activation of that name or configuration; None is `linear`.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else, such as a function that comes without a gradient.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, ActivationFunction):
        return identifier
    if isinstance(identifier, (str, Mapping)):
        return deserialize(identifier)
    raise TypeError(
        f"An activation needs its gradient; received {identifier!r}. Expected one of "
        f"{', '.join(_KNOWN)}, or activations.ActivationFunction(name, function, gradient)."
    )


def serialize(activation: ActivationFunction) -> str:
    """The name, which `get` and Keras take back; the registered one where there is one."""
    return get_registered_name(activation)


def deserialize(config: str | Mapping[str, Any]) -> ActivationFunction:
    """The activation of a name, or of the configuration that Keras writes for a function.

    Raises:
        ValueError: a name, or a configuration, that is not known.

    >>> deserialize({"class_name": "function", "config": "swish"})
    <activation silu>
    """
    if isinstance(config, Mapping) and config.get("class_name") == "__lambda__":
        raise ValueError(
            "The activation is a Python lambda, which is code in a file: it is never run, and it "
            "comes without a gradient. Expected a name, or an activations.ActivationFunction of "
            "your own that is given as custom_objects={name: activation}."
        )
    name = config.get("config") if isinstance(config, Mapping) else config
    own = get_registered_object(name) if isinstance(name, str) else None
    if isinstance(own, ActivationFunction):
        return own
    if not isinstance(name, str) or name not in _KNOWN:
        raise ValueError(unknown_name_message("activation", name, _KNOWN))
    return _KNOWN[name]
