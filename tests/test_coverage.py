"""Every comparison of the coverage report is within its bound, and the report says so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import scratchnet as sn
from reference.cases import FAMILIES, cases_of
from reference.coverage import NOT_BUILT, Entry, public_names

REPORT = Path(__file__).parent.parent / "docs" / "coverage.md"


@pytest.mark.filterwarnings("ignore")  # of Keras, about arguments that are compared on purpose
@pytest.mark.parametrize("family", FAMILIES)
def test_every_case_is_within_its_bound(float64, family):
    errors = {(case.name, case.label): (case.error(), case.bound) for case in cases_of(family)}
    beyond = {key: pair for key, pair in errors.items() if not pair[0] <= pair[1]}
    assert not beyond


def test_every_public_name_is_compared_or_left_out_with_a_reason():
    compared = {case.name for family in FAMILIES for case in cases_of(family)}
    reasons = {
        f"{namespace}.{name}"
        for namespace, by_reason in NOT_BUILT.items()
        for names in by_reason.values()
        for name in names.split()
    }
    public = set(public_names())
    assert public - compared - reasons == set()
    assert reasons & compared == set()
    assert reasons <= public


def test_what_is_not_built_is_not_there():
    for namespace, by_reason in NOT_BUILT.items():
        for name in " ".join(by_reason.values()).split():
            assert name == "Lambda" or not hasattr(getattr(sn, namespace), name), name


def test_no_comparison_stands_twice():
    counts = Counter((c.name, c.label) for family in FAMILIES for c in cases_of(family))
    assert [key for key, count in counts.items() if count > 1] == []


def test_the_committed_report_is_of_these_names():
    rows = [line for line in REPORT.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(list(public_names()))
    counts = Counter(c.name for family in FAMILIES for c in cases_of(family))
    text = REPORT.read_text()
    assert "DIFFERS" not in text
    for name, count in counts.items():
        if name in set(public_names()):
            short = name.rpartition(".")[2]
            assert any(
                row.startswith(f"| `{short}` ") and f" {count} case" in row for row in rows
            ), f"{name} has {count} cases: run `python -m reference coverage` again"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (Entry("losses.Huber", 3, 2e-16, 1e-12, ""), "equal (2e-16, 3 cases)"),
        (Entry("layers.Permute", 2, 0.0, 1e-12, ""), "equal (exactly, 2 cases)"),
        (Entry("losses.Huber", 1, float("inf"), 1e-12, ""), "DIFFERS (inf, 1 case)"),
        (Entry("losses.Huber", 0, 0.0, 0.0, ""), "DIFFERS (never compared)"),
        (Entry("losses.CTC", 0, 0.0, 0.0, "for sequences"), "not built (for sequences)"),
        (
            Entry("layers.Resizing", 2, 1e-7, 2e-6, ""),
            "equal (1e-07, 2 cases; Keras computes in float32 inside)",
        ),
    ],
)
def test_an_entry_says_what_was_found(entry, text):
    assert str(entry) == text


def test_the_readme_has_the_reports_summary():
    text = REPORT.read_text()
    summary = text[text.index("| namespace |") : text.index("## keras.layers")].strip()
    assert summary in (REPORT.parent.parent / "README.md").read_text()
