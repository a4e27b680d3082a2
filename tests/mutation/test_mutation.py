"""The mutation run tells a mistake that a test notices from one that none notices."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation import compiled
from tests.mutation.campaign import Results, try_compiled
from tests.mutation.mutants import mutants_of, mutated
from tests.mutation.report import Reason, interval, report

pytest.importorskip("coverage", reason="needs `pip install scratchnet[mutation]`")

SOURCE = '''"""A docstring is left alone, 1 + 1."""

LIMIT = 3


def scaled(x: int, factor: int = 2) -> int:
    if x > LIMIT:
        raise ValueError(f"{x} is too large")
    return x * factor


def unread() -> bool:
    return True
'''

MADE_AT_IMPORT = """def maker():
    def scaled(x):
        if x > 4:
            raise ValueError("5 is too large")
        return x + 2
    return scaled


scaled = maker()
"""

TEST = """import pytest
from thing import scaled


def test_scaled():
    assert scaled(1) == 2
    with pytest.raises(ValueError, match="5 is too large"):
        scaled(5)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "thing.py").write_text(SOURCE)
    (tmp_path / "test_thing.py").write_text(TEST)
    (tmp_path / "test_else.py").write_text("def test_of_something_else():\n    pass\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_on_thing():
    """The whole command on `thing.py`, and what it has printed."""
    root = Path(__file__).parents[2]
    command = ["-m", "tests.mutation", "thing.py", "--tests", "test_thing.py", "test_else.py"]
    command += ["--preload", "hypothesis", "--results", "all.jsonl", "--report", "report.md"]
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kills_and_survivors_are_told_apart(project):
    printed = run_on_thing()
    results = Results(project / "all.jsonl")
    assert {mutant.change: results.outcome(mutant) for mutant in mutants_of("thing.py")} == {
        "3 → 4": "survived",
        "2 → 3": "killed",
        "x > LIMIT → x >= LIMIT": "survived",
        "x > LIMIT → not x > LIMIT": "killed",
        "raise ValueError(f'{x} is too large') → pass": "killed",
        "return x * factor → return None": "killed",
        "x * factor → x / factor": "killed",
        "return True → return None": "survived",
        "True → False": "survived",
    }
    assert "| all | 9 | 9 | 5 | 0 | 0 | 0 | 4 | 0 | 55.6% | 55.6% |" in printed
    assert (project / "report.md").read_text() in printed


def test_a_function_that_another_made_at_import_is_judged_too(project):
    (project / "thing.py").write_text(MADE_AT_IMPORT)
    (project / "test_thing.py").write_text(TEST.replace("scaled(1) == 2", "scaled(1) == 3"))
    run_on_thing()
    results = Results(project / "all.jsonl")
    outcomes = {mutant.change: results.outcome(mutant) for mutant in mutants_of("thing.py")}
    assert outcomes.pop("x > 4 → x >= 4") == "survived"
    assert outcomes
    assert set(outcomes.values()) == {"killed"}


def test_a_mutant_is_one_change_and_keeps_every_line_in_its_place(project):
    plain = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutants_of("thing.py"):
        tree = mutated(mutant)
        differing = [(a, b) for a, b in zip(plain, ast.unparse(tree).splitlines()) if a != b]  # noqa: B905
        assert len(differing) == 1, mutant
        lines = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)}
        assert lines == {node.lineno for node in ast.parse(SOURCE).body} | {7, 8, 9, 13}
    assert len({mutant.key for mutant in mutants_of("thing.py")}) == 9


def test_a_reason_explains_its_mutants_and_no_others(project, tmp_path):
    mutants = mutants_of("thing.py")
    results = Results(tmp_path / "some.jsonl")
    for mutant in mutants:
        results.add(mutant, "survived")
    reasons = [
        Reason("thing.py", "too rare", ["3 → 4"], line="LIMIT = 3", kind="accepted"),
        Reason("thing.py", "no one reads it", ["*"], function="unread"),
        Reason("thing.py", "not needed", ["4 → 5"]),
    ]
    text = report(mutants, mutants, results, reasons)
    assert "| all | 9 | 9 | 0 | 0 | 2 | 1 | 6 | 0 | 0.0% | 0.0% |" in text
    assert "| 3 | `3 → 4` | accepted | too rare |" in text
    assert text.count("**unexplained**") == 6
    assert "- thing.py: *: `*`" in text.split("no survivor needs any more")[1]


def test_the_interval_of_a_share_is_wilson_s():
    low, high = interval(95, 100)
    assert (round(low, 4), round(high, 4)) == (0.8882, 0.9785)
    assert interval(10, 10)[1] == pytest.approx(1)


COMPILED_ONLY = """import subprocess
import sys

import numba
from numba.extending import overload


def plain(x):
    return x + x


@overload(plain)
def _plain(x):
    return lambda x: 2 * x


@numba.njit(cache=True)
def twice(x):
    return plain(x)


def of_a_child():
    code = "import sums; print(sums.twice(3))"
    return int(subprocess.check_output([sys.executable, "-c", code]))
"""

TEST_OF_COMPILED = """import sums


def test_twice():
    assert sums.twice(3) == 6


def test_the_same_in_a_child():
    assert sums.of_a_child() == 6
"""


@pytest.fixture
def sums(tmp_path, monkeypatch):
    (tmp_path / "sums.py").write_text(COMPILED_ONLY)
    (tmp_path / "test_sums.py").write_text(TEST_OF_COMPILED)
    monkeypatch.chdir(tmp_path)
    return {mutant.change: mutant for mutant in mutants_of("sums.py")}


def test_what_runs_compiled_only_is_judged_compiled(sums, tmp_path):
    results = Results(tmp_path / "some.jsonl")
    overloaded, plain = sums["2 * x → 2 / x"], sums["x + x → x - x"]
    results.add(overloaded, "error")
    results.add(plain, "survived")
    results.add(sums["2 → 3"], "killed", "by another test")
    table = {"sums.py": ("test_sums.py::test_the_same_in_a_child",)}
    try_compiled(list(sums.values()), results, jobs=2, tests=table)
    results.read()
    assert results.outcome(overloaded) == "killed"
    assert results.killer(overloaded) == "test_sums.py::test_the_same_in_a_child"
    assert results.outcome(plain) == "survived"
    assert results.killer(sums["2 → 3"]) == "by another test"
    assert [each for each in sums.values() if results.compiled(each)] == [plain, overloaded]
    assert (tmp_path / "sums.py").read_text() == COMPILED_ONLY
    mutants = [plain, overloaded]
    assert "Judged compiled: 2 of these, 1 killed." in report(mutants, mutants, results, [])


def test_a_compiled_test_that_does_not_end_is_a_timeout(sums, tmp_path):
    (tmp_path / "test_sums.py").write_text(
        "import time\n\n\ndef test_ever():\n    time.sleep(60)\n"
    )
    end = compiled.try_compiled(sums["x + x → x - x"], ["test_sums.py"], limit=0.5)
    assert (end.outcome, end.by) == ("timed out", "")


def test_a_compiled_test_that_fails_without_a_mutant_does_not_count(sums, tmp_path):
    (tmp_path / "test_sums.py").write_text("def test_never():\n    assert False\n")
    results = Results(tmp_path / "some.jsonl")
    results.add(sums["2 → 3"], "survived")
    with pytest.raises(RuntimeError, match=r"should pass compiled.*test_sums\.py::test_never"):
        try_compiled(list(sums.values()), results, 1, {"sums.py": ("test_sums.py",)})


def test_the_files_and_tests_of_the_table_are_there():
    root = Path(__file__).parents[2]
    for path, tests in compiled.TESTS.items():
        assert (root / path).is_file()
        for test in tests:
            file, _, name = test.partition("::")
            assert f"def {name}(" in (root / file).read_text() or not name
