"""Every peer that is installed computes the common network; one that is missing is said to be."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.ceiling import Ceiling
from benchmarks.peers import task
from benchmarks.peers.task import Task
from benchmarks.report import markdown
from benchmarks.settings import Settings
from benchmarks.workers import Side
from scratchnet import ops

OURS = Side("scratchnet", "tests.benchmarks.peer_formulas", ())
STAND_IN = Side("PyTorch", "tests.benchmarks.peer_formulas", ())  # quick to load
MISSING = Side("MyGrad", "nowhere", ("no_such_module",), {}, "peers")


def test_training_and_predicting_leave_tables_and_missing_peers_a_sentence(monkeypatch):
    monkeypatch.setattr(peers, "SIDES", (OURS, STAND_IN, MISSING))
    monkeypatch.setattr(
        peers, "_tasks", lambda settings: [Task("fit", 4, 8), Task("predict", 4, 8)]
    )
    said: list[str] = []
    settings = Settings(1, "tiny", Ceiling(1e11, 1e10), tell=said.append)
    frame = peers.measure(settings)
    assert frame["side"].tolist() == ["scratchnet", "PyTorch"] * 2
    assert (frame["apart"] == 0).all()
    report = peers.report(frame, settings)
    assert [*report.tables] == ["Training", "Predicting"]
    assert [*report.figures] == ["peers-fit", "peers-predict"]
    assert "apart" in markdown(report, {})
    assert any('pip install "scratchnet[peers]"' in sentence for sentence in said)


@pytest.mark.parametrize("effort", ["full", "quick", "tiny"])
def test_every_effort_has_whole_batches(effort):
    tasks = list(peers._tasks(Settings(1, effort, Ceiling(1, 1))))
    assert tasks
    for each in tasks:
        assert each.images % each.batch == 0
        assert len(each.batches) == each.images // each.batch


def test_the_weights_for_channels_first_images_give_the_same_products():
    last, first = task.weights(), task.channels_first_weights()
    x = np.random.default_rng(0).standard_normal((2, 5, 5, 16)).astype(np.float32)
    flat_last = x.reshape(2, -1) @ last[4]
    flat_first = task.channels_first(x).reshape(2, -1) @ first[4]
    np.testing.assert_allclose(flat_last, flat_first, rtol=1e-5, atol=1e-5)
    assert first[2].shape == (16, 6, 5, 5)
    assert first[2][3, 2, 1, 4] == last[2][1, 4, 2, 3]


@pytest.mark.parametrize("side", peers.SIDES[1:], ids=lambda side: side.name)
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_a_peer_that_is_installed_gives_what_scratchnet_gives(side, method, monkeypatch):
    if side.missing:
        pytest.skip(f"{', '.join(side.missing)} is not installed")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    small = Task(method, 4, 8)
    module = importlib.import_module(side.module)
    if side.name == "ONNX Runtime" and method == "fit":
        with pytest.raises(NotImplementedError, match="does not train"):
            module.result(small)
        return
    with ops.use("formulas"):
        ours = importlib.import_module(peers.SIDES[0].module).result(small)
    got = module.result(small)
    assert np.shape(got) == np.shape(ours)
    assert np.linalg.norm(np.subtract(got, ours)) <= 1e-5 * np.linalg.norm(ours)
