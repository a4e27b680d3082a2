"""`latency` and `memory` run from fresh processes to their pages, on the smallest cases.

scratchnet computes with its formulas, for nothing has to be compiled for them.
"""

from __future__ import annotations

import pytest

from benchmarks import latency, memory
from benchmarks.ceiling import Ceiling
from benchmarks.fresh import figures
from benchmarks.networks import sides
from benchmarks.networks.run import Run
from benchmarks.report import markdown
from benchmarks.scratch import scratch
from benchmarks.settings import Settings
from benchmarks.workers import Side, SideError

OURS = Side("scratchnet", "tests.benchmarks.formulas", ())
STAND_IN = Side("PyTorch", "tests.benchmarks.formulas", ())  # quick to load
FAILING = Side("JAX", "tests.benchmarks.no_such_module", ())
STEP = Run("LeNet-5", "fit", 2, 2)


@pytest.fixture
def said(monkeypatch):
    monkeypatch.setattr(sides, "SIDES", (OURS, STAND_IN, FAILING))
    return []


def test_waiting_leaves_a_table_of_all_waits_and_failures_a_sentence(said):
    settings = Settings(1, "tiny", Ceiling(1e11, 1e10), tell=said.append)
    frame = latency.measure(settings)
    assert set(frame["case"]) == set(latency.CASES) - {latency.KERNELS}
    assert set(frame["side"]) == {"scratchnet", "PyTorch"}
    assert (frame["seconds"] > 0).all()
    by_case = frame[frame["side"] == "scratchnet"].set_index("case")["seconds"]
    assert by_case[latency.UNTIL_FIRST] > by_case[latency.IMPORT] + by_case[latency.FIRST]
    assert any("JAX is left out" in sentence for sentence in said)
    page = markdown(latency.report(frame, settings), {})
    assert all(case in page for case in frame["case"])


def test_waiting_says_where_scratchnet_loses(said):
    rows = [
        latency._row(case, side, [seconds])
        for case in (latency.IMPORT, latency.COLD)
        for side, seconds in (
            ("scratchnet", 2.0),
            ("PyTorch", 1.0 if case == latency.COLD else 3.0),
        )
    ]
    report = latency.report(latency.pd.DataFrame(rows), Settings(1, "tiny", Ceiling(1, 1)))
    assert report.summary[-1] == f"**scratchnet is slower than PyTorch in: {latency.COLD}.**"


def test_memory_leaves_peaks_of_each_side_and_the_scratch(said):
    settings = Settings(1, "tiny", Ceiling(1e11, 1e10), tell=said.append)
    frame = memory.measure(settings)
    steps = frame[frame["what"] == memory.STEP]
    assert steps["side"].tolist() == ["scratchnet", "PyTorch"]
    assert ((steps["peak"] >= steps["baseline"]) | steps["peak"].isna()).all()
    report = memory.report(frame, settings)
    assert [*report.tables] == ["A training step", "Scratch of a convolution"]
    assert "Scratch of one thread" in report.summary[-1]
    assert "import, MiB" in markdown(report, {})


def test_memory_says_where_scratchnet_takes_more():
    rows = [
        {"what": memory.STEP, "case": case, "side": side, "peak": peak}
        for case, peaks in (("A", (2.0, 1.0)), ("B", (1.0, 4.0)))
        for side, peak in zip(("scratchnet", "PyTorch"), peaks, strict=True)
    ]
    text = memory._verdict(memory.pd.DataFrame(rows), "PyTorch")
    assert "1.41 times scratchnet's (geometric mean of 2); least 0.50 (A)" in text
    assert "**scratchnet takes more in 1 of 2.**" in text


def test_a_process_that_fails_says_why():
    with pytest.raises(SideError, match=r"No module named 'tests\.benchmarks\.no_such_module'"):
        figures(FAILING, STEP, 1, 0)


def test_the_scratch_of_a_thread_is_part_of_what_the_call_takes():
    counts = scratch((1, 6, 6, 2, 4, 3))
    assert [*counts] == ["forward", "dx", "dw"]
    for thread, call in counts.values():
        assert 0 < thread <= call < 2**20
