"""Is a backward pass right? Its gradients beside derivatives that are measured.

For a layer with outputs y the check takes the scalar

    L(x, w) = Σ dy · y(x, w),    dy drawn once

whose gradients are exactly what `backward(dy, saved)` returns; for a compiled model with targets, L
is the loss. One number after the other of x and of every weight that trains is moved a little, and
L is computed anew (`inspection.differences`). So the check knows nothing of the mathematics that it
checks: it finds a forgotten factor, a kernel that is not flipped, a bias without a gradient.

>>> import numpy as np
>>> from scratchnet import layers
>>> layer = layers.Dense(2, activation="tanh", dtype="float64")
>>> found = check_gradients(layer, np.linspace(-1, 2, 12).reshape(4, 3))
>>> found.passed, [quantity.name for quantity in found.quantities]
(True, ['input', 'kernel', 'bias'])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from scratchnet.inspection.differences import Derivative, derivative
from scratchnet.inspection.every_layer import every_layer
from scratchnet.inspection.exact_differences import (
    exact_derivative,
    whole_inputs,
    whole_numbers,
    whole_weights,
)
from scratchnet.inspection.gradient_report import GradientCheck, Index, Quantity
from scratchnet.inspection.unchanged import restorer
from scratchnet.layers import Layer
from scratchnet.layers.layer import shape_of
from scratchnet.layers.symbolic import leaves
from scratchnet.models import Model

Compute = Callable[[], np.ndarray]  # the terms of L
Gradients = Callable[[], tuple[list[Any], list[Any]]]  # ∂L/∂x, ∂L/∂w
Draw = Callable[[tuple[int, ...]], np.ndarray]  # dy of a shape
Measure = Callable[[Callable[[float], np.ndarray], float, float, float], Derivative]


def check_gradients(
    layer: Layer,
    x: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    training: bool = True,
    entries: int = 40,
    seed: int = 0,
    tolerance: float = 1e-7,
    exact: bool = False,
    **options: Any,
) -> GradientCheck:
    """Compare the gradients of a layer or a model with derivatives that are measured.

    All weights, statistics and random states are afterwards as they were, but a layer that was not
    built is built then, and a compiled model's metrics start anew.

    Args:
        layer: a layer or model of dtype float64.
        x: input; a list, or what the model takes, for several. Integers and booleans are passed
            on, but have no gradient.
        y: targets; with them L is the loss of the compiled model, penalties included.
        sample_weight: for the loss.
        training: the mode of the layers. Dropout and noise draw the same numbers every time.
        entries: how many numbers of an array are moved; a larger array is sampled.
        seed: of the samples and of dy.
        tolerance: largest error that passes, as a share of the array's largest gradient; that of
            a correct backward pass is about 1e-10.
        exact: take small whole numbers for x, the weights and dy, and let no error pass: only for
            layers that multiply and add (`inspection.exact_differences`). Of x only the shape
            counts then, and `tolerance` not at all.
        options: the layer's `call_options`.

    Raises:
        ValueError: a dtype other than float64; no entries; targets for what has no loss, or
            together with exact=True; exact=True for a layer that does more than multiply and add.
        RuntimeError: targets for a model that is not compiled.
    """
    if entries < 1:
        raise ValueError(f"check_gradients received entries={entries!r}. Expected at least 1.")
    if y is not None and not (training and isinstance(layer, Model)):
        raise ValueError(
            f"check_gradients received targets y, but {layer._label()} has no loss in this mode. "
            f"Expected a compiled model and training=True, or y=None."
        )
    if y is not None and exact:
        raise ValueError(
            "check_gradients received targets y and exact=True. Expected one of them: a loss "
            "divides and takes roots or logarithms, so its derivatives are measured with rounding."
        )
    _require_float64(layer)
    inputs = _copies(layer, x)
    layer.ensure_built(shape_of(inputs, batch=False))
    layer.check_input(shape_of(inputs))
    rng = np.random.default_rng(seed)
    draw: Draw = rng.standard_normal
    measure: Measure = derivative
    if exact:
        inputs, draw = whole_inputs(inputs, rng), partial(whole_numbers, rng)
        measure, tolerance = exact_derivative, 0.0
    with ExitStack() as afterwards:
        if exact:
            afterwards.enter_context(whole_weights(layer, rng))
        if y is not None:
            afterwards.callback(layer.reset_metrics)  # type: ignore[attr-defined]
        restore = restorer(layer)
        afterwards.callback(restore)
        if y is None:
            compute, gradients = _of_outputs(layer, inputs, training, options, draw, restore)
        else:
            assert isinstance(layer, Model)
            compute, gradients = _of_loss(layer, inputs, y, sample_weight, restore)
        dx, dw = gradients()
        arrays = inputs if isinstance(inputs, list) else [inputs]
        quantities = [
            _checked(name, array, got, compute, measure, rng, entries, tolerance)
            for name, array, got in _named(layer, arrays, dx, dw)
        ]
    expected = len(layer.trainable_weights)
    if len(dw) != expected:
        problem = f"backward gave {len(dw)} gradients of weights, expected {expected}"
        quantities.append(Quantity("weights", expected, problem=problem))
    return GradientCheck(tuple(quantities), tolerance)


def _of_outputs(
    layer: Layer,
    x: Any,
    training: bool,
    options: dict[str, Any],
    draw: Draw,
    restore: Callable[[], None],
) -> tuple[Compute, Gradients]:
    """L = Σ dy·y of a layer."""
    y, saved = layer.forward(x, training, **options)
    dy = [draw(each.shape) for each in leaves(y)]

    def compute() -> np.ndarray:
        restore()
        outputs = leaves(layer.forward(x, training, **options)[0])
        return np.concatenate([(d * each).ravel() for d, each in zip(dy, outputs, strict=True)])

    def gradients() -> tuple[list[Any], list[Any]]:
        upstream: Any = dy if isinstance(y, list) else dy[0]
        dx, dw = layer.backward(upstream, saved)
        return (dx if isinstance(dx, list) else [dx]), dw

    return compute, gradients


def _of_loss(
    model: Model, x: Any, y: Any, sample_weight: Any, restore: Callable[[], None]
) -> tuple[Compute, Gradients]:
    """L = the loss of a compiled model."""
    model._require_compiled("check gradients")
    batch = model._gather("check_gradients", x, y, sample_weight)
    batch = batch._replace(x=x if isinstance(x, list) else [x])  # the arrays that are moved

    def compute() -> np.ndarray:
        restore()
        return np.array([model._loss(batch, model.trainable_weights, training=True)[0]])

    def gradients() -> tuple[list[Any], list[Any]]:
        restore()
        _, _, of_outputs, saved = model._loss(batch, model.trainable_weights, training=True)
        dy, dz = of_outputs()
        dx, _ = model.graph.backward(dy, saved, dz=dz)
        restore()
        return dx, model._gradients(batch, model.trainable_weights)[2]

    return compute, gradients


def _checked(
    name: str,
    array: np.ndarray,
    got: np.ndarray | None,
    compute: Compute,
    measure: Measure,
    rng: np.random.Generator,
    entries: int,
    tolerance: float,
) -> Quantity:
    """Compare the gradient of an array that `compute` reads; None stands for zeros."""
    gradient = np.zeros(array.shape) if got is None else np.asarray(got)
    if gradient.shape != array.shape:
        problem = f"backward gave a gradient of shape {gradient.shape}, expected {array.shape}"
        return Quantity(name, array.size, problem=problem)
    allowed = tolerance * float(np.abs(gradient).max(initial=0.0))
    compared: list[tuple[float, float, float, Index]] = []  # difference, got, expected, where
    kinks: list[Index] = []
    for flat in np.sort(rng.choice(array.size, min(entries, array.size), replace=False)):
        index = tuple(int(i) for i in np.unravel_index(flat, array.shape))
        before, value = array[index], float(gradient[index])

        def moved(t: float, index: Index = index) -> np.ndarray:
            array[index] = t
            return compute()

        try:
            found = measure(moved, float(before), value, allowed)
        finally:
            array[index] = before
        difference = abs(found.value - value)
        if found.jump and difference <= 0.501 * found.jump + allowed:
            kinks.append(index)
            continue
        if not np.isfinite(difference):
            difference = float("inf")
        elif found.agrees and difference > allowed:
            difference = 0.0  # rounding explains it
        compared.append((difference, value, found.value, index))
    difference, value, expected, index = max(compared, default=(0.0, 0.0, 0.0, ()))
    largest = max((abs(each) for entry in compared for each in entry[1:3]), default=0.0)
    error = difference / largest if difference else 0.0
    return Quantity(name, array.size, len(compared), error, index, value, expected, tuple(kinks))


def _named(
    layer: Layer, arrays: list[np.ndarray], dx: list[Any], dw: list[Any]
) -> Iterator[tuple[str, np.ndarray, Any]]:
    """(name, array, its gradient) of each input that can have one and of each weight."""
    for i, (array, gradient) in enumerate(zip(arrays, dx, strict=True)):
        if np.issubdtype(array.dtype, np.floating):
            yield (f"input {i}" if len(arrays) > 1 else "input"), array, gradient
    names = [weight.name for weight in layer.trainable_weights]
    for weight, gradient in zip(layer.trainable_weights, dw, strict=False):
        name = weight.name if names.count(weight.name) == 1 else weight.path
        yield name, weight.value, gradient


def _copies(layer: Layer, x: Any) -> Any:
    """The inputs as the layer computes with them, in arrays that may be written to."""
    if isinstance(layer, Model):
        flat = layer._flat("inputs", x)
        x = flat if layer.several_inputs else flat[0]
    x = layer.cast(x)
    return [np.array(each) for each in x] if isinstance(x, list) else np.array(x)


def _require_float64(layer: Layer) -> None:
    dtypes = {each._label(): each.dtype for each in every_layer(layer)}
    dtypes |= {f"the weight {w.path!r}": w.dtype.name for w in layer.trainable_weights}
    for owner, dtype in dtypes.items():
        if np.dtype(dtype).kind == "f" and dtype != "float64":
            raise ValueError(
                f"check_gradients needs float64, for the difference of two {dtype} numbers has "
                f"hardly a digit left; received {owner} of dtype {dtype}. Expected "
                f'dtype="float64" for every layer, or scratchnet.config.set_floatx("float64") '
                f"before the layers are made."
            )
