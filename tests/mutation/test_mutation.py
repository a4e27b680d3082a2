"""The mutation run tells a mistake that a test notices from one that none notices."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.campaign import Results
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

TEST = """import pytest
from thing import scaled


def test_scaled():
    assert scaled(1) == 2
    with pytest.raises(ValueError, match="5 is too large"):
        scaled(5)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "thing.py").write_text(SOURCE)
    (tmp_path / "test_thing.py").write_text(TEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_kills_and_survivors_are_told_apart(project):
    root = Path(__file__).parents[2]
    command = ["-m", "tests.mutation", "thing.py", "--tests", "test_thing.py"]
    command += ["--preload", "hypothesis", "--results", "all.jsonl", "--report", "report.md"]
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
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
    assert "| all | 9 | 9 | 5 | 0 | 0 | 0 | 4 | 0 | 55.6% | 55.6% |" in done.stdout
    assert (project / "report.md").read_text() in done.stdout


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
