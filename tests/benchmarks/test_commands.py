"""Every sub-command runs from measuring to its pages, on the smallest cases.

Nothing is said about any speed. scratchnet computes with its formulas here, for nothing has to be
compiled for them.
"""

from __future__ import annotations

import importlib

import pytest

from benchmarks import __main__ as command
from benchmarks import inference, layers, scaling, training
from benchmarks.ceiling import Ceiling, measure_ceiling
from benchmarks.networks import sides
from benchmarks.report import markdown
from benchmarks.scaling import slope
from benchmarks.settings import Settings
from benchmarks.workers import Side

OURS = Side("scratchnet", "tests.benchmarks.formulas", ())
STAND_IN = Side("PyTorch", "tests.benchmarks.formulas", ())  # of the other library, quick to load
KERAS = next(side for side in sides.SIDES if side.name == "Keras/TensorFlow")


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setattr(layers, "SIDES", (OURS, STAND_IN))
    monkeypatch.setattr(scaling, "OPERATION_SIDES", (OURS, STAND_IN))
    monkeypatch.setattr(scaling, "NETWORK_SIDES", (OURS, STAND_IN))
    monkeypatch.setattr(sides, "SIDES", (OURS, STAND_IN))
    return Settings(1, "tiny", Ceiling(1e11, 1e10), tell=[].append)


@pytest.mark.parametrize("module", [layers, training, inference, scaling])
def test_a_sub_command_leaves_a_table_with_every_side(module, settings):
    frame = module.measure(settings)
    check(frame, module.report(frame, settings), ["scratchnet", "PyTorch"])


def test_keras_takes_part_in_a_process_of_its_own(monkeypatch, settings):
    monkeypatch.setattr(sides, "SIDES", (OURS, KERAS))
    frame = training.measure(settings)
    check(frame, training.report(frame, settings), ["scratchnet", "Keras/TensorFlow"])


def check(frame, report, names):
    assert frame["side"].unique().tolist() == names
    assert {"case", "seconds", "lower", "upper", "rounds"} <= set(frame)
    assert (frame["lower"] <= frame["seconds"]).all()
    assert (frame["seconds"] <= frame["upper"]).all()
    assert (frame["lower"] > 0).all()
    assert report.summary
    assert report.tables
    assert report.figures
    page = markdown(report, {"date": "today"})
    assert all(f"## {title}" in page for title in report.tables)


def test_layers_says_which_kernel_served(settings):
    frame = layers.measure(Settings(1, "tiny", settings.ceiling, "forward.*tuned", "scratchnet"))
    assert frame["algorithm"].tolist() == ["the formula"]
    assert "algorithm" in next(iter(layers.report(frame, settings).tables.values()))


def test_a_slope_is_the_power_of_the_work():
    assert slope([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2.0)


def test_the_ceiling_is_measured():
    ceiling = measure_ceiling(1, n=64, size=2**12)
    assert ceiling.flops > 0
    assert ceiling.bandwidth > 0


def test_without_a_gpu_there_is_no_column_for_one(monkeypatch):
    said = []
    monkeypatch.setattr("shutil.which", lambda name: None)
    settings = Settings(1, "tiny", Ceiling(1, 1), tell=said.append)
    names = [side.name for side in sides.sides(settings)]
    assert not any("GPU" in name for name in names)
    assert any("No GPU is visible" in sentence for sentence in said)


def test_every_sub_command_has_its_module():
    for name in command.COMMANDS:
        module = importlib.import_module(f"benchmarks.{name}")
        assert module.HELP
        assert callable(module.measure)
        assert callable(module.report)


def test_the_command_line_writes_pages_and_skips_those_that_are_there(
    monkeypatch, settings, tmp_path, capsys
):
    monkeypatch.setattr(command, "COMMANDS", ("layers",))
    monkeypatch.setattr("benchmarks.machine.others_busy", lambda: 1.5)
    monkeypatch.setattr("benchmarks.ceiling.measure_ceiling", lambda threads: settings.ceiling)
    arguments = ["all", "--quick", "--only", "forward 64,14.*tuned", "--sides", "scratchnet"]
    arguments += ["--threads", "1", "--out", str(tmp_path)]
    assert command.main(arguments) == 0
    assert {"layers.csv", "layers.md", "README.md"} <= {p.name for p in tmp_path.iterdir()}
    printed = capsys.readouterr().out
    assert "not to be trusted" in printed
    assert "Saved" in printed
    assert command.main([*arguments, "--resume"]) == 0
    assert "is there already" in capsys.readouterr().out
