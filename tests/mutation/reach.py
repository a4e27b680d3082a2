"""Which tests meet which lines, and how long they take: one pass over all tests under coverage."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import coverage
import pytest

from tests.mutation.fork import Fork, run_all
from tests.mutation.mutants import Mutant
from tests.mutation.trial import Judge, run_test


@dataclass
class Reach:
    """seconds[test], file[test], and the tests that meet a line: tests[path][line]."""

    seconds: dict[str, float] = field(default_factory=dict)
    tests: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    file: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)  # they meet none of the lines

    def of(self, mutant: Mutant) -> list[set[str]]:
        """The tests for a mutant, the likeliest killers first.

        They are those that meet its line. What runs at import has its effect elsewhere: a default
        in its function, all else anywhere in its file; and tests that meet no line at all may read
        a signature or a table.
        """
        lines = self.tests.get(mutant.path, {})
        if not mutant.at_import:
            met = set[str]().union(*(lines.get(line, ()) for line in mutant.statement))
            if met:
                return [met]
        of_function = set[str]().union(*(lines.get(line, ()) for line in mutant.body))
        return [of_function or set[str]().union(*lines.values()), self.idle]


def measure(items: list[pytest.Item], paths: list[str], jobs: int, memory: Path) -> Reach:
    """Run the tests, each file of them in a process of its own.

    What is known of a file of tests is kept in `memory` as long as neither it nor the sources
    change.
    """
    files = defaultdict(list)
    for item in items:
        files[str(item.path)].append(item)
    sources = _digest(*paths)
    known = pickle.loads(memory.read_bytes()) if memory.exists() else {}
    names = {name: f"{sources} {_digest(name)}" for name in files}
    known = {name: entry for name, entry in known.items() if entry[0] == names.get(name)}
    todo = [name for name in files if name not in known]

    def observe(name: str) -> Fork:
        return Fork(name, lambda: pickle.dumps(_observe(files[name], paths)))

    for end in run_all(map(observe, todo), jobs):
        if end.status:
            raise RuntimeError(
                f"The tests of {end.name} ended their process with status {end.status}.\n"
                f"{end.answer.decode()}"
            )
        known[end.name] = names[end.name], pickle.loads(end.answer)
        print(f"{len(known[end.name][1])} tests of {os.path.relpath(end.name)}", flush=True)
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_bytes(pickle.dumps(known))
    return read(memory)


def read(memory: Path) -> Reach:
    """What `measure` has written."""
    reach = Reach()
    for name, (_, tests) in pickle.loads(memory.read_bytes()).items():
        for test, (seconds, failed, lines) in tests.items():
            if failed:
                reach.failed.add(test)
                continue
            reach.seconds[test], reach.file[test] = seconds, name
            if not lines:
                reach.idle.add(test)
            for path, numbers in lines.items():
                of_path = reach.tests.setdefault(path, {})
                for number in numbers:
                    of_path.setdefault(number, set()).add(test)
    return reach


def _observe(
    items: list[pytest.Item], paths: list[str]
) -> dict[str, tuple[float, bool, dict[str, set[int]]]]:
    """(seconds, failed, lines of each path) of each test."""
    measuring = tracer(paths)
    measuring.start()
    outcomes = {}
    for item in items:
        measuring.switch_context(item.nodeid)
        start = time.process_time()
        outcomes[item.nodeid] = not run_test(item, Judge()), time.process_time() - start
    measuring.stop()
    data = measuring.get_data()
    lines: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for path in paths:
        for line, tests in data.contexts_by_lineno(os.path.abspath(path)).items():
            for test in tests:
                lines[test][path].add(line)
    return {
        test: (seconds, failed, {path: set(each) for path, each in lines[test].items()})
        for test, (failed, seconds) in outcomes.items()
    }


def tracer(paths: list[str]) -> coverage.Coverage:
    """Not yet started; it notes lines of these files, and nothing on disk."""
    files = [os.path.abspath(path) for path in paths]
    made = coverage.Coverage(data_file=None, config_file=False, include=files)
    made.set_option("run:disable_warnings", ["no-data-collected"])  # tests may meet no line
    return made


def _digest(*paths: str) -> str:
    return hashlib.sha256(b"".join(Path(path).read_bytes() for path in paths)).hexdigest()
