"""The settings of the library: how many threads compute."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from scratchnet import config


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The setting of the process, read anew from the environment that a test makes."""
    yield
    monkeypatch.undo()
    config._default_threads.cache_clear()
    config._most_threads.cache_clear()
    config.set_threads(None)


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def with_environment(monkeypatch, numba, openmp):
    for name, value in (("NUMBA_NUM_THREADS", numba), ("OMP_NUM_THREADS", openmp)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    config._default_threads.cache_clear()
    config._most_threads.cache_clear()


@pytest.mark.parametrize(
    ("numba", "openmp", "threads"),
    [
        ("6", None, 6),
        ("6", "3", 3),
        ("6", "3,2", 3),  # a number for each level of nesting
        ("6", "8", 6),
        ("6", "0", 6),
        ("6", "many", 6),
    ],
)
def test_the_environment_bounds_the_threads(monkeypatch, numba, openmp, threads):
    with_environment(monkeypatch, numba, openmp)
    assert config.threads() == threads


def test_without_an_environment_all_cores_of_the_process_compute(monkeypatch):
    with_environment(monkeypatch, None, None)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert config.threads() == 3
    with_environment(monkeypatch, None, None)
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert config.threads() == 7


def test_threads_that_are_set_go_before_what_openmp_says_and_back_again(monkeypatch):
    with_environment(monkeypatch, "6", "2")
    config.set_threads(np.int64(5))
    assert config.threads() == 5
    config.set_threads(None)
    assert config.threads() == 2


def test_setting_threads_holds_for_blas_too_and_none_puts_back_what_was_before(monkeypatch):
    with_environment(monkeypatch, "6", None)
    before = blas_threads()
    assert before
    for number in (1, 2):
        config.set_threads(number)
        assert set(blas_threads()) == {number}
    config.set_threads(None)
    assert blas_threads() == before


@pytest.mark.parametrize("number", [0, -1, 7, 1.0, "2", True])
def test_no_other_number_of_threads_is_taken(monkeypatch, number):
    with_environment(monkeypatch, "6", None)
    config.set_threads(1)
    with pytest.raises(ValueError, match=r"set_threads received .* from 1 to 6"):
        config.set_threads(number)
    assert config.threads() == 1
