"""The networks in scratchnet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scratchnet
from benchmarks.networks import dialect
from benchmarks.networks.run import Run


def prepare(run: Run) -> Callable[[], Any]:
    """The call to time."""
    return dialect.prepare(run, scratchnet)


def flops(network: str) -> float:
    """As `dialect.flops`."""
    return dialect.flops(network, scratchnet)
