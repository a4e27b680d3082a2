"""One layer beside its Keras twin: the same input, the same upstream gradient, the errors.

The measure is

    max |a − b| / max |b|,    0 where both are 0
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from reference.twin import finalize, twin_layer
from scratchnet.layers import Layer
from scratchnet.layers.layer import shape_of
from scratchnet.layers.symbolic import leaves, mapped


def relative_error(ours: Any, theirs: Any) -> float:
    """max |a − b| / max |b|; NaN and infinity must stand in the same places."""
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"Shapes differ: {a.shape} and {b.shape}. Compare like with like.")
    finite = np.isfinite(b)
    if (
        not np.array_equal(a[~finite], b[~finite], equal_nan=True)
        or not np.isfinite(a[finite]).all()
    ):
        return float("inf")
    difference = np.abs(np.subtract(a, b, where=finite, out=np.zeros(a.shape))).max(initial=0.0)
    scale = np.abs(b, where=finite, out=np.zeros(b.shape)).max(initial=0.0)
    return 0.0 if difference == 0 else float(difference / scale) if scale else float("inf")


def layer_errors(
    layer: Layer, x: Any, seed: int = 0, training: bool = True, **options: Any
) -> dict[str, float]:
    """Errors of one call of a layer; see `call_errors`, and `inf` where shapes or dtypes differ.

    The weights are moved off their initial values first, so that zeros and ones hide nothing.

    Args:
        layer: built or not.
        x: array of the layer's dtype, or a list of them for a layer of several inputs.
        seed: of the weights and of the upstream gradient.
        training: the mode of the call.
        options: the layer's `call_options`.
    """
    layer.ensure_built(shape_of(x, batch=False))
    rng = np.random.default_rng(seed)
    layer.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in layer.get_weights()])
    theirs = built_twin(layer)
    errors = call_errors(layer, theirs, x, rng, training, **options)
    shape = layer.compute_output_shape(shape_of(x))
    if shape != tuple(theirs.compute_output_shape(*_arguments(layer, shape_of(x)))):
        errors["output shape"] = float("inf")
    return errors


def call_errors(
    layer: Layer,
    theirs: Any,
    x: Any,
    rng: np.random.Generator,
    training: bool = True,
    **options: Any,
) -> dict[str, float]:
    """{quantity: error} of one call of a layer and of its backward pass.

    Args:
        layer: built; its statistics and masks move on as in any call.
        theirs: its Keras twin.
        x: array, or a list of them.
        rng: draws the upstream gradient.
        training: the mode of the call.
        options: the layer's `call_options`.

    Returns:
        "output" and "input gradient", with a number where there are several; "… gradient" of each
        weight that trains and the value after the call of each that does not. `inf` where a
        shape, a dtype or the number of gradients differs.
    """
    y, saved = layer.forward(x, training, **options)
    dy = mapped(lambda each: rng.standard_normal(each.shape).astype(each.dtype), y)
    their_y, their_dx, their_gradients = keras_gradients(
        theirs, x, dy, training, layer.spread_inputs, **options
    )
    dx, gradients = layer.backward(dy, saved)
    errors = {}
    for i, (ours, other) in enumerate(zip(leaves(y), leaves(their_y), strict=True)):
        errors[f"output {i}" if isinstance(y, list) else "output"] = relative_error(ours, other)
        if ours.dtype != np.dtype(layer.dtype):
            errors["dtype of the output"] = float("inf")
    if shape_of(y) != layer._output_shapes(shape_of(x), options):
        errors["shape of the output"] = float("inf")
    several = isinstance(x, list)
    triples: Any = zip(*(each if several else [each] for each in (dx, their_dx, x)), strict=True)
    for i, (ours, other, source) in enumerate(triples):
        name = f"input gradient {i}" if several else "input gradient"
        if ours is None:  # an input without a gradient, such as class numbers
            errors[name] = 0.0 if not np.any(other) else float("inf")
        else:
            errors[name] = relative_error(ours, other)
            if ours.dtype != source.dtype:
                errors["dtype of the input gradient"] = float("inf")
    weights = layer.trainable_weights
    if not len(weights) == len(gradients) == len(their_gradients):
        return errors | {"number of gradients": float("inf")}
    largest = max((np.abs(each).max(initial=0.0) for each in their_gradients), default=0.0)
    for weight, ours, other in zip(weights, gradients, their_gradients, strict=True):
        error = relative_error(ours, other)
        if np.abs(other).max(initial=0.0) <= 1e-12 * largest:
            # 0 but for rounding, as that of a bias that is added to all scores of an attention
            error = float(np.abs(ours - other).max(initial=0.0) / largest) if largest else error
        errors[_fresh(errors, f"{weight.name} gradient")] = error
    for weight, other in zip(layer.weights, theirs.get_weights(), strict=False):
        if not weight.can_train:
            errors[_fresh(errors, weight.name)] = relative_error(weight.value, other)
    return errors


def _fresh(taken: dict[str, float], name: str) -> str:
    """The name, with a number where it is taken: "kernel gradient", "kernel gradient 1", …"""
    candidates = itertools.chain([name], (f"{name} {i}" for i in itertools.count(1)))
    return next(candidate for candidate in candidates if candidate not in taken)


def built_twin(layer: Layer) -> Any:
    """The Keras layer with the same weights as a built layer."""
    theirs = twin_layer(layer)
    theirs.build(*_arguments(layer, layer.input_shape))
    if layer.weights:
        theirs.set_weights(layer.get_weights())
        finalize(theirs)
    theirs.trainable = layer.trainable
    return theirs


def _arguments(layer: Layer, structure: Any) -> list[Any]:
    """What belongs to the inputs, such as their shapes, as the layer's methods take it in Keras."""
    return structure if layer.spread_inputs else [structure]


def keras_gradients(
    layer: Any,
    x: Any,
    dy: np.ndarray,
    training: bool = True,
    spread: bool = False,
    **options: Any,
) -> tuple[Any, Any, list[Any]]:
    """(y, ∂/∂x, [∂/∂w]) of Σ dy·layer(x) by the backend's own derivative.

    Args:
        layer: built Keras layer.
        x: array, or a list of them, whose ∂/∂x is then a list too; integers have none, but 0.
        dy: upstream gradient, of the shape of y; a list where y is one.
        training: the mode of the call, where the layer has modes.
        spread: whether the layer takes the inputs as arguments of their own and not as a list.
        options: further arguments of the call.
    """
    import keras

    several = isinstance(x, list)
    arrays = x if several else [x]
    if layer._call_has_training_arg:
        options["training"] = training

    def call(tensors: Any) -> Any:
        return layer(*tensors, **options) if spread or not several else layer(tensors, **options)

    gradients = {"tensorflow": _by_tensorflow, "jax": _by_jax, "torch": _by_torch}
    y, dx, dw = gradients[keras.backend.backend()](layer, call, arrays, dy)
    full = [np.zeros(array.shape) if g is None else g for g, array in zip(dx, arrays, strict=True)]
    return y, full if several else full[0], dw


def _by_tensorflow(layer: Any, call: Any, arrays: list[np.ndarray], dy: np.ndarray) -> Any:
    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays]
    floating = [tensor for tensor in tensors if tensor.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floating)
        y = call(tensors)
    gradients = tape.gradient(
        y,
        [floating, [w.value for w in layer.trainable_weights]],
        output_gradients=dy,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    of_inputs, dw = ([np.asarray(tf.convert_to_tensor(g)) for g in part] for part in gradients)
    remaining = iter(of_inputs)
    dx = [next(remaining) if tensor.dtype.is_floating else None for tensor in tensors]
    return mapped(np.asarray, y), dx, dw


def _by_jax(layer: Any, call: Any, arrays: list[np.ndarray], dy: np.ndarray) -> Any:
    import jax
    import keras

    weights, others = layer.trainable_variables, layer.non_trainable_variables

    def run(values: Any, inputs: Any) -> Any:
        mapping = list(zip([*weights, *others], [*values, *fixed], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            y = call(inputs)
        return y, [scope.get_current_value(v) for v in others]

    fixed = [v.value for v in others]
    floating = [np.issubdtype(array.dtype, np.floating) for array in arrays]

    def of_floating(values: Any, inputs: Any) -> Any:
        remaining = iter(inputs)
        return run(
            values,
            [
                next(remaining) if f else jax.numpy.asarray(array)
                for f, array in zip(floating, arrays, strict=True)
            ],
        )

    inputs = [jax.numpy.asarray(a) for f, a in zip(floating, arrays, strict=True) if f]
    values = [w.value for w in weights]
    y, pull, updated = jax.vjp(of_floating, values, inputs, has_aux=True)
    upstream = [jax.numpy.asarray(each) for each in leaves(dy)]
    dw, of_inputs = pull(type(y)(upstream) if isinstance(y, (list, tuple)) else upstream[0])
    for variable, value in zip(others, updated, strict=True):
        variable.assign(value)
    remaining = iter(of_inputs)
    dx = [np.asarray(next(remaining)) if f else None for f in floating]
    return mapped(np.asarray, y), dx, [np.asarray(g) for g in dw]


def _by_torch(layer: Any, call: Any, arrays: list[np.ndarray], dy: np.ndarray) -> Any:
    import keras
    import torch

    tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
    floating = [tensor.requires_grad_() for tensor in tensors if tensor.is_floating_point()]
    y = call(tensors)
    wanted = [*floating, *[w.value for w in layer.trainable_weights]]
    upstream = [keras.ops.convert_to_tensor(each) for each in leaves(dy)]
    found = torch.autograd.grad([*leaves(y)], wanted, upstream, allow_unused=True)
    gradients = [
        np.zeros(tuple(w.shape)) if g is None else keras.ops.convert_to_numpy(g)
        for g, w in zip(found, wanted, strict=True)
    ]
    remaining = iter(gradients)
    dx = [next(remaining) if tensor.is_floating_point() else None for tensor in tensors]
    return mapped(keras.ops.convert_to_numpy, y), dx, list(remaining)
