"""Results that must not depend on how many threads there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scratchnet import config


def check_one_thread_and_two(compute: Callable[[], Sequence[np.ndarray]]) -> None:
    """Both compute the same bits."""
    results = []
    for threads in (1, 2):
        config.set_threads(threads)
        try:
            results.append(compute())
        finally:
            config.set_threads(None)
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)
