"""Tables and pages say what was measured, and say plainly where scratchnet loses."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from benchmarks import machine
from benchmarks.ceiling import Ceiling
from benchmarks.report import Report, markdown, write, write_index
from benchmarks.settings import Settings
from benchmarks.tables import beside, digits, ratios, spread, verdict
from benchmarks.workers import Side

FRAME = pd.DataFrame(
    [
        {"case": "a", "side": "scratchnet", "seconds": 1.0, "lower": 0.9, "upper": 1.1},
        {"case": "a", "side": "Other", "seconds": 4.0, "lower": 4.0, "upper": 4.0},
        {"case": "b", "side": "scratchnet", "seconds": 2.0, "lower": 2.0, "upper": 2.0},
        {"case": "b", "side": "Other", "seconds": 1.0, "lower": 1.0, "upper": 1.0},
        {"case": "c", "side": "scratchnet", "seconds": 2.0, "lower": 2.0, "upper": 2.0},
    ]
)


def test_a_ratio_above_one_is_in_scratchnets_favour():
    found = ratios(FRAME)
    assert dict(zip(found["case"], found["ratio"], strict=True)) == {"a": 4.0, "b": 0.5}


def test_losses_are_said():
    (sentence,) = verdict("Convolution", FRAME)
    assert "1.41 times as fast (geometric mean of 2)" in sentence
    assert "worst 0.50 (b)" in sentence
    assert "slower in 1 of 2" in sentence
    (won,) = verdict("Convolution", FRAME[FRAME["case"] == "a"])
    assert won.endswith("Never slower.")


def test_a_case_without_the_other_side_has_a_dash():
    table = beside(FRAME, ["case"], "s", spread, lambda row: {"twice": digits(2 * row["seconds"])})
    assert table.to_dict("list") == {
        "case": ["a", "b", "c"],
        "scratchnet s": ["1.00 [0.900–1.10]", "2.00 [2.00–2.00]", "2.00 [2.00–2.00]"],
        "Other s": ["4.00 [4.00–4.00]", "1.00 [1.00–1.00]", "–"],
        "vs Other": ["4.00", "0.50", "–"],
        "twice": ["2.00", "4.00", "4.00"],
    }


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.00123, "0.00123"), (9.876, "9.88"), (98765.0, "98,765")]
)
def test_three_digits_are_shown(value, text):
    assert digits(value) == text


def test_a_page_states_machine_threads_date_and_ceiling(tmp_path):
    table = pd.DataFrame({"what": ["a|b"], "ms": ["1.5"]})
    report = Report("Title", ["A sentence."], {"Times": table}, {"plot": Figure()}, ("A note.",))
    facts = machine.describe(3) | {"ceiling": str(Ceiling(2e11, 3e10))}
    paths = write("name", FRAME, report, facts, tmp_path / "new")
    assert sorted(path.name for path in paths) == ["name.csv", "name.md", "plot.png"]
    assert all(path.exists() for path in paths)
    text = (tmp_path / "new" / "name.md").read_text(encoding="utf-8")
    for part in ("processor", "libraries", "threads: 3 for each side", "date", "sgemm 200 GFLOP/s"):
        assert part in text
    assert "| a\\|b | 1.5 |" in text
    assert "| --- | ---: |" in text
    rows = pd.read_csv(tmp_path / "new" / "name.csv")
    assert {"case", "side", "seconds", "processor", "libraries", "date", "ceiling"} <= set(rows)


def test_the_index_has_the_summary_of_every_page(tmp_path):
    for name in ("one", "two"):
        report = Report(name.title(), [f"Summary of {name}."], {}, {}, ("A note.",))
        (tmp_path / f"{name}.md").write_text(markdown(report, {"date": "today"}), encoding="utf-8")
    text = write_index(tmp_path).read_text(encoding="utf-8")
    assert text == write_index(tmp_path).read_text(encoding="utf-8")
    assert text.index("[One](one.md)") < text.index("Summary of one.") < text.index("[Two](two.md)")
    assert "A note." not in text


def test_a_library_that_is_not_installed_is_left_out_with_a_sentence():
    said = []
    settings = Settings(1, "tiny", Ceiling(1, 1), tell=said.append)
    there, missing = Side("There", "m", ("json",)), Side("Missing", "m", ("no_such_module",))
    assert settings.taking_part([there, missing]) == [there]
    assert said == [
        "Missing is left out: no_such_module is not installed. "
        'Install it with: pip install "scratchnet[bench]"'
    ]


def test_cases_and_sides_can_be_chosen():
    settings = Settings(1, "tiny", Ceiling(1, 1), only="CONV.*dx", sides="our")
    assert settings.chosen(["conv2d dx", "conv2d dw", "relu dx"]) == ["conv2d dx"]
    sides = [Side("Ours", "m", ()), Side("Theirs", "m", ())]
    assert settings.taking_part(sides) == sides[:1]


def test_the_ceiling_is_the_higher_of_two_lower_bounds():
    ceiling = Ceiling(flops=100.0, bandwidth=10.0)
    assert ceiling.attainable(flops=1000.0, moved=10.0) == 10.0
    assert ceiling.attainable(flops=10.0, moved=1000.0) == 100.0
