"""Which device Keras computes on, with what precision, and what else was in play."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

_STDERR = 2  # the descriptor that native code writes to


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
    """Switch to deterministic operations without TF32 and to real float64, once; say what is used.

    Raises ImportError, naming the extra to install, where Keras or its backend is missing.
    """
    # What TensorFlow's C++ has to say about graphs is nothing that a reader of a table needs
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _stderr_held_back():
            import keras
    except ImportError as error:
        raise ImportError(
            f"The comparison needs Keras and a backend for it ({error}). Install them with: "
            f'pip install "scratchnet[reference]"'
        ) from error
    backend = keras.backend.backend()
    if backend != "tensorflow":
        _compute_as_on_tensorflow()
    with _stderr_held_back():
        name = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend]()
    versions = {package: version(package) for package in ("keras", backend, "numpy", "numba")}
    return Device(name, backend, versions)


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Inside the block both libraries create weights and compute in this dtype."""
    prepare()
    import keras

    import scratchnet as sn

    before = sn.config.floatx(), keras.config.floatx(), keras.config.dtype_policy()
    sn.config.set_floatx(name)
    keras.config.set_floatx(name)
    keras.config.set_dtype_policy(name)  # it does not follow floatx once a layer has read it
    try:
        yield
    finally:
        sn.config.set_floatx(before[0])
        keras.config.set_floatx(before[1])
        keras.config.set_dtype_policy(before[2])


def _compute_as_on_tensorflow() -> None:
    """Let float64 be float64, which Keras's operations make float32 on JAX and PyTorch; and let a
    Python number that is cast become a float32 first, as TensorFlow has it and scratchnet too."""
    from keras.src import backend
    from keras.src.backend.common import dtypes

    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    cast = backend.core.cast
    backend.core.cast = lambda x, dtype: cast(np.float32(x) if type(x) is float else x, dtype)


def _tensorflow() -> str:
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(False)
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return cpu()
    tf.config.experimental.enable_op_determinism()
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")


def _jax() -> str:
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")
    jax.config.update("jax_enable_x64", True)  # without it float64 is silently float32
    device = jax.devices()[0]
    return cpu() if device.platform == "cpu" else device.device_kind


def _torch() -> str:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if not torch.cuda.is_available():
        return cpu()
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.cuda.get_device_name()


def cpu() -> str:
    """The processor's name, as far as the system tells it."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Keep back what native code writes to stderr while it loads; show it where loading fails."""
    sys.stderr.flush()
    try:
        before = os.dup(_STDERR)
    except OSError:  # there is none
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(before, kept.read())
            raise
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
