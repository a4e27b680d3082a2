"""The networks in Keras, on the backend that the variable KERAS_BACKEND names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from benchmarks.networks import dialect
from benchmarks.networks.run import Run


def prepare(run: Run) -> Callable[[], Any]:
    """The call to time."""
    return dialect.prepare(run, keras)


def gpu() -> str:
    """The name of the GPU that the backend computes on; "" where there is none."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        if not found:
            return ""
        return str(tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU"))
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return "" if device.platform == "cpu" else str(device.device_kind)
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
