"""All chosen mutants, one fork each: first the quick way, then the fresh way for what is left.

Those of files that run compiled only are then tried compiled, if the other ways left them alive.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.mutation import compiled
from tests.mutation.fork import Fork, run_all
from tests.mutation.mutants import Mutant
from tests.mutation.reach import Reach, measure, read, tracer
from tests.mutation.trial import (
    QUIET,
    HypothesisSettings,
    Judge,
    Memory,
    run_test,
    try_freshly,
    try_quickly,
)

# Imported once, before the first fork; their threads start later, at TensorFlow's first operation
PRELOADED = "numpy scipy.linalg numba hypothesis h5py tensorflow keras"


class Results:
    """What became of each mutant: lines of JSON, of which the last one about a mutant holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read()

    def read(self) -> None:
        self._entries: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self._entries[entry["mutant"]] = entry

    def outcome(self, mutant: Mutant) -> str:
        """'killed', 'timed out', 'survived', 'error', 'unsure' (to be tried freshly) or ""."""
        return self._entries.get(mutant.key, {}).get("outcome", "")

    def killer(self, mutant: Mutant) -> str:
        """The test that killed it, or ""."""
        return self._entries.get(mutant.key, {}).get("by", "")

    def compiled(self, mutant: Mutant) -> bool:
        """Whether that is the verdict of tests that ran compiled."""
        return self._entries.get(mutant.key, {}).get("way") == "compiled"

    def add(
        self, mutant: Mutant, outcome: str, by: str = "", seconds: float = 0.0, way: str = ""
    ) -> None:
        """Add what became of a mutant; `way` is "compiled" or, for all else, ""."""
        entry = {"mutant": mutant.key, "outcome": outcome, "by": by, "seconds": round(seconds, 2)}
        entry |= {"way": way} if way else {}
        self._entries[mutant.key] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def run(
    mutants: list[Mutant],
    paths: list[str],
    tests: list[str],
    results: Results,
    jobs: int = 2,
    preloaded: str = PRELOADED,
) -> None:
    """Try every mutant and add to `results` what became of it.

    Raises:
        RuntimeError: the tests can't be collected, or a test ended its process.
    """
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "OPENBLAS_NUM_THREADS": "1"}
    for name in preloaded.split():
        importlib.import_module(name)
    memory = results.path.with_suffix(".reach")
    pid = os.fork()
    if pid == 0:
        session = _Session(mutants, paths, results, jobs, memory)
        session.early.start()
        pytest.main([*tests, *QUIET], plugins=[session, HypothesisSettings()])
        os._exit(not session.done)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("The tests were not collected and run to their end; see above.")
    results.read()
    reach = read(memory)

    def attempt(mutant: Mutant, seconds: dict[str, float]) -> str:
        files = sorted({reach.file[test] for test in seconds})
        return try_freshly(mutant, files, seconds)

    left = [m for m in mutants if results.outcome(m) in ("", "unsure")]
    _try_all("freshly", left, reach, results, jobs, attempt, "survived")
    try_compiled(mutants, results, jobs)


def try_compiled(
    mutants: list[Mutant],
    results: Results,
    jobs: int,
    tests: Mapping[str, tuple[str, ...]] = compiled.TESTS,
) -> None:
    """Try compiled what the other ways left alive or undecided in the files of this table.

    Raises:
        RuntimeError: the tests of a file fail without a mutant, too.
    """
    left = [
        mutant
        for mutant in mutants
        if mutant.path in tests
        and results.outcome(mutant) in ("survived", "unsure", "error")
        and not results.compiled(mutant)
    ]
    limits = {
        path: 30 + 5 * compiled.time_unmutated(path, tests[path])
        for path in sorted({mutant.path for mutant in left})
    }

    def attempt(mutant: Mutant) -> compiled.Verdict:
        return compiled.try_compiled(mutant, tests[mutant.path], limits[mutant.path])

    with ThreadPoolExecutor(jobs) as pool:
        for i, (mutant, end) in enumerate(zip(left, pool.map(attempt, left), strict=True), 1):
            results.add(mutant, end.outcome, end.by, end.seconds, way="compiled")
            if i % 10 == 0 or i == len(left):
                print(f"{i} of {len(left)} tried compiled", flush=True)


class _Session:
    """A pytest plugin that, instead of running the tests, tries the mutants with them."""

    def __init__(
        self, mutants: list[Mutant], paths: list[str], results: Results, jobs: int, memory: Path
    ) -> None:
        self.mutants, self.paths, self.results = mutants, paths, results
        self.jobs, self.memory, self.done = jobs, memory, False
        self.early = tracer(paths)  # what runs while tests are collected

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.early.stop()
        if session.testsfailed:
            return True  # a file could not be collected, as pytest reports
        memory = Memory(self.paths)
        gc.freeze()  # collections in the forks leave what they share alone
        reach = measure(session.items, self.paths, self.jobs, self.memory)
        for test in sorted(reach.failed):
            print(f"left out, because it fails uncompiled: {test}", flush=True)
        items = {item.nodeid: item for item in session.items}

        def attempt(mutant: Mutant, seconds: dict[str, float]) -> str:
            return try_quickly(mutant, memory, [items[name] for name in seconds], seconds)

        ran = {
            path: set(self.early.get_data().lines(os.path.abspath(path)) or ())
            for path in self.paths
        }
        sure, unsure = [], []
        for mutant in self.mutants:
            if not (self.results.outcome(mutant) or mutant.at_import):
                early = mutant.nested or not ran[mutant.path].isdisjoint(mutant.statement)
                (unsure if early else sure).append(mutant)
        _try_all("quickly", sure, reach, self.results, self.jobs, attempt, "survived")
        _try_all("quickly", unsure, reach, self.results, self.jobs, attempt, "unsure")
        killers = {self.results.killer(mutant) for mutant in sure + unsure}
        self._see_that_they_pass_alone([items[name] for name in killers if name in items])
        self.done = True
        return True

    def _see_that_they_pass_alone(self, items: list[pytest.Item]) -> None:
        """Raise RuntimeError where a test that killed a mutant needs no mutant to fail."""

        def alone(item: pytest.Item) -> Fork[str]:
            return Fork(item.nodeid, lambda: b"passed" if run_test(item, Judge()) else b"failed")

        ends = run_all(map(alone, items), self.jobs)
        if failed := sorted(end.name for end in ends if end.answer != b"passed"):
            raise RuntimeError(
                f"These tests fail when they run alone, so what they killed does not count: "
                f"{', '.join(failed)}. Mend them, and try their mutants again."
            )


def _try_all(
    way: str,
    mutants: list[Mutant],
    reach: Reach,
    results: Results,
    jobs: int,
    attempt: Callable[[Mutant, dict[str, float]], str],
    otherwise: str,
) -> None:
    """Try mutants in forks. Tests that killed others of the file come first, then fast ones."""
    kills: Counter[tuple[str, str]] = Counter()

    def fork(mutant: Mutant) -> Fork[Mutant]:
        def cost(test: str) -> tuple[float, str]:
            return reach.seconds[test] / (1 + kills[mutant.path, test]), test

        order = [test for group in reach.of(mutant) for test in sorted(group, key=cost)]
        seconds = {test: reach.seconds[test] for test in order}
        return Fork(mutant, lambda: attempt(mutant, seconds).encode())

    for i, end in enumerate(run_all(map(fork, mutants), jobs), 1):
        by = end.answer.decode()
        if end.status == -signal.SIGPROF:
            outcome, by = "timed out", ""
        elif end.status < 0:
            outcome, by = "killed", f"signal {-end.status}"
        elif end.status > 0:
            outcome = "error" if way == "freshly" else "unsure"
        else:
            outcome = "killed" if by else otherwise
            kills[end.name.path, by] += 1
        results.add(end.name, outcome, by, end.seconds)
        if i % 100 == 0 or i == len(mutants):
            print(f"{i} of {len(mutants)} tried {way}", flush=True)
