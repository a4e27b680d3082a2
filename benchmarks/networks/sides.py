"""The libraries that run whole networks, and the GPU beside them where there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from benchmarks.settings import Settings
from benchmarks.tables import US
from benchmarks.workers import Side, SideError, Worker

_BACKENDS = {"TensorFlow": "tensorflow", "JAX": "jax", "torch": "torch"}
_VISIBLE = {"CUDA_VISIBLE_DEVICES": "0", "JAX_PLATFORMS": ""}


def _keras(backend: str, more: Mapping[str, str] | None = None, name: str = "") -> Side:
    module = _BACKENDS[backend]
    environment = {"KERAS_BACKEND": module, **(more or {})}
    return Side(
        name or f"Keras/{backend}", "benchmarks.networks.on_keras", ("keras", module), environment
    )


SIDES = (
    Side(US, "benchmarks.networks.on_scratchnet", ("numba",)),
    *(_keras(backend) for backend in _BACKENDS),
    Side("PyTorch", "benchmarks.networks.on_torch", ("torch",)),
)


def sides(settings: Settings) -> list[Side]:
    """Who takes part; Keras on a GPU comes last where one is found."""
    return settings.taking_part([*SIDES, *_on_gpu(settings)])


def _on_gpu(settings: Settings) -> list[Side]:
    """Keras on the first GPU with the first backend that sees it."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if hidden or not shutil.which("nvidia-smi"):
        settings.tell("No GPU is visible here: there is no column for Keras on one.")
        return []
    for backend in _BACKENDS:
        side = _keras(backend, _VISIBLE)
        if side.missing:
            continue
        try:
            with Worker(side, settings.threads) as worker:
                device = worker.call("gpu")
        except SideError:
            continue
        if device:
            return [_keras(backend, _VISIBLE, f"Keras/{backend} on {device}")]
    settings.tell("There is a GPU, but no installed backend of Keras can use it: no column for it.")
    return []
