"""Compare a scratchnet layer with Keras's own, given the same input and upstream gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference import relative_error
from reference.compare import _built_twin, _keras_vjp


def layer_errors(layer: Any, x: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Relative errors of output, input gradient, weight gradients and statistics, training."""
    layer.ensure_built((None, *x.shape[1:]))
    rng = np.random.default_rng(seed)
    layer.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in layer.get_weights()])
    theirs = _built_twin(layer)
    y, saved = layer.forward(x, True)
    dy = rng.standard_normal(y.shape).astype(y.dtype)
    their_y, their_dx, their_grads = _keras_vjp(theirs, x, dy)
    dx, grads = layer.backward(dy, saved)
    assert y.dtype == dx.dtype == x.dtype
    errors = {"output": relative_error(y, their_y), "dx": relative_error(dx, their_dx)}
    assert len(grads) == len(their_grads)
    for i, (ours, other) in enumerate(zip(grads, their_grads, strict=True)):
        errors[f"gradient {i}"] = relative_error(ours, other)
    for i, (ours, other) in enumerate(zip(layer.get_weights(), theirs.get_weights(), strict=True)):
        errors[f"weight {i}"] = relative_error(ours, other)
    assert layer.compute_output_shape(x.shape) == theirs.compute_output_shape(x.shape) == y.shape
    return errors
