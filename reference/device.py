"""Which device Keras computes on, and full precision on it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import NamedTuple


class Device(NamedTuple):
    """Where and with what the reference was computed."""

    name: str
    backend: str
    versions: dict[str, str]

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.name}; Keras on {self.backend}; {packages}"


@cache
def prepare() -> Device:
    """Switch to deterministic operations without TF32, once, and say what is used.

    Raises ImportError, naming the extra to install, where Keras or its backend is missing.
    """
    try:
        import keras
    except ImportError as error:
        raise ImportError(
            'The comparison needs Keras and TensorFlow: pip install "scratchnet[reference]".'
        ) from error
    backend = keras.backend.backend()
    name = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend]()
    versions = {package: version(package) for package in ("keras", backend, "numpy", "numba")}
    return Device(name, backend, versions)


def _tensorflow() -> str:
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(False)
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "CPU"
    tf.config.experimental.enable_op_determinism()
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")


def _jax() -> str:
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")
    device = jax.devices()[0]
    return "CPU" if device.platform == "cpu" else device.device_kind


def _torch() -> str:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if not torch.cuda.is_available():
        return "CPU"
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.cuda.get_device_name()
