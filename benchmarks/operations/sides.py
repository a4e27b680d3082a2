"""The libraries that run single operations."""

from __future__ import annotations

from benchmarks.tables import US
from benchmarks.workers import Side

SIDES = (
    Side(US, "benchmarks.operations.scratchnet", ("numba",)),
    Side("TensorFlow", "benchmarks.operations.tensorflow", ("tensorflow",)),
    Side("PyTorch", "benchmarks.operations.torch", ("torch",)),
)
