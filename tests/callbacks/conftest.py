"""What tests of callbacks share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import scratchnet as sn


@pytest.fixture
def formulas() -> Iterator[None]:
    """Compute without kernels: these tests are not about numbers, and compiling takes longer."""
    with sn.use("formulas"):
        yield
