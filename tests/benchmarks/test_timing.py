"""Sides take turns in processes of their own; one that fails is left out and said so."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from benchmarks.timing import Timing, alternate
from benchmarks.workers import Side, SideError, Worker, cores

FAILING = Side("failing", "tests.benchmarks.failing", ())


class Fake:
    """A worker whose calls take no time but tell how long they took."""

    def __init__(self, name, seconds, log):
        self.name, self.seconds, self.log = name, seconds, log

    def prepare(self, task):
        self.log.append((self.name, "prepare", task))

    def run(self, count=1):
        self.log.append((self.name, "run", count))
        return [self.seconds] * count


def test_each_side_has_its_turn_in_an_order_that_moves_on():
    log = []
    workers = {name: Fake(name, 1.0, log) for name in ("a", "b", "c")}
    timings = alternate(workers, "task", rounds=3)
    assert {name: timing.rounds for name, timing in timings.items()} == dict.fromkeys(
        "abc", (1.0, 1.0, 1.0)
    )
    assert [name for name, what, _ in log[-9:]] == [*"abc", *"bca", *"cab"]


def test_short_calls_are_repeated_after_some_that_do_not_count():
    log = []
    alternate({"a": Fake("a", 0.001, log)}, "task", rounds=1, turn=0.02)
    assert log[-1] == ("a", "run", 35)


class Waking(Fake):
    """A worker that takes twice as long for the first calls of a turn."""

    def run(self, count=1):
        return [2 * self.seconds if k < 10 else self.seconds for k in range(count)]


def test_what_comes_after_a_pause_does_not_count():
    timings = alternate({"a": Waking("a", 0.001, [])}, "task", rounds=3)
    assert timings["a"].rounds == (0.001, 0.001, 0.001)


def test_a_slow_side_has_fewer_rounds():
    workers = {"slow": Fake("slow", 30.0, []), "quick": Fake("quick", 1.0, [])}
    timings = alternate(workers, "task", rounds=5)
    assert len(timings["slow"].rounds) == 2
    assert len(timings["quick"].rounds) == 5


def test_median_and_quartiles():
    timing = Timing((1.0, 2.0, 3.0, 4.0, 100.0))
    assert (timing.lower, timing.median, timing.upper) == (2.0, 3.0, 4.0)


def test_a_side_that_refuses_a_task_is_left_out_with_its_reason_and_goes_on_with_the_next():
    said = []
    with Worker(FAILING, 1) as worker:
        workers = {"failing": worker, "fake": Fake("fake", 1.0, [])}
        assert list(alternate(workers, "refused", 1, said.append)) == ["fake"]
        assert list(alternate(workers, "fine", 1, said.append)) == ["failing", "fake"]
    assert len(said) == 1
    assert "refused" in said[0]
    assert "this side cannot do that" in said[0]


def test_a_process_that_ends_says_with_what_status():
    with (
        Worker(FAILING, 1) as worker,
        pytest.raises(SideError, match="failing ended with status 3"),
    ):
        worker.prepare("fatal")


def test_a_side_that_cannot_be_loaded_says_so_when_it_is_to_prepare():
    with Worker(Side("missing", "tests.benchmarks.no_such_module", ()), 1) as worker:
        worker.loaded()
        with pytest.raises(SideError, match="no_such_module"):
            worker.prepare("fine")


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system cannot stop processes")
def test_a_side_is_stopped_while_others_compute():
    """Threads of some libraries go on spinning after their work."""
    with Worker(FAILING, 1) as worker:
        worker.prepare("fine")
        process = psutil.Process(worker.pid)
        waited = time.monotonic() + 60
        while process.status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < waited
        assert len(worker.run(2)) == 2
    assert not process.is_running()


def test_a_side_runs_with_as_many_cores_as_it_has_threads(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 1, 2}, raising=False)
    assert cores(2) == [1, 2]


def test_the_variables_of_a_side_are_gone_from_this_process():
    before = dict(os.environ)
    with Worker(Side("x", "tests.benchmarks.failing", (), {"KERAS_BACKEND": "jax"}), 1):
        assert dict(os.environ) == before
