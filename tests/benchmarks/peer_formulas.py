"""scratchnet as a peer, with the formulas: nothing has to be compiled for a test."""

from __future__ import annotations

from benchmarks.peers import on_scratchnet
from scratchnet import ops


def prepare(task):
    ops.use("formulas")
    return on_scratchnet.prepare(task)


def result(task):
    ops.use("formulas")
    return on_scratchnet.result(task)
