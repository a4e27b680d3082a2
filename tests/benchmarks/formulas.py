"""Sides of scratchnet that compute with the formulas: nothing has to be compiled for a test."""

from __future__ import annotations

from benchmarks.networks import on_scratchnet
from benchmarks.networks.run import Run
from benchmarks.operations import Operation, scratchnet
from scratchnet import ops


def prepare(task):
    ops.use("formulas")
    side = on_scratchnet if isinstance(task, Run) else scratchnet
    assert isinstance(task, Run | Operation)
    return side.prepare(task)


def algorithm(operation):
    return "the formula"
