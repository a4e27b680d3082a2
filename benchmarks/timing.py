"""Timing of several sides that take turns: warm, with medians and quartiles.

A turn is one side's: calls for about `LEAD` seconds that do not count, then calls for about `TURN`
seconds; the turn's figure is their median. Those that do not count bring its data back into the
caches, wake its threads and outlast the time after a pause in which the processor is not yet as
fast as in a training loop: for some 10 ms the calls of all sides took 1.3 to 2 times as long. A
call that takes longer than a turn stands alone. All sides have a turn, in an order that moves on by
one each round, and the rounds' figures are what the medians and quartiles of the tables are taken
over. So a slow spell of the machine hits all sides.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.workers import SideError, Worker

TURN = 0.02  # seconds
LEAD = 0.015  # seconds of a turn that do not count
PAUSE = 0.005  # seconds between turns
PATIENCE = 20.0  # seconds; a side that has used them up has no more turns, but `LEAST` at least
LEAST = 2  # rounds


@dataclass(frozen=True)
class Timing:
    """Seconds that one call took, a figure for each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.rounds))

    @property
    def lower(self) -> float:
        """The lower quartile."""
        return float(np.percentile(self.rounds, 25))

    @property
    def upper(self) -> float:
        """The upper quartile."""
        return float(np.percentile(self.rounds, 75))


def alternate(
    workers: Mapping[str, Worker],
    task: Any,
    rounds: int,
    tell: Callable[[str], None] = print,
    turn: float = TURN,
) -> dict[str, Timing]:
    """Time `task` on all sides.

    Args:
        workers: the sides by name.
        task: what their `prepare` takes.
        rounds: turns that each side has; fewer for one that is out of `PATIENCE`.
        tell: receives a sentence about a side that failed.
        turn: seconds of a turn; at least one call is made.

    Returns:
        The timing of each side that did not fail.
    """
    counts: dict[str, int] = {}
    figures: dict[str, list[float]] = {}

    def left_out(name: str, failure: SideError) -> None:
        counts.pop(name, None)
        figures.pop(name, None)
        tell(f"{name} is left out of {task}: {failure}")
        print(failure.details, file=sys.stderr)

    for name, worker in workers.items():
        try:
            worker.prepare(task)
            worker.run()  # compiles
            once = worker.run()[0]
            counts[name] = 1 if once > turn else round(turn / min(once, *worker.run(2)))
            figures[name] = []
        except SideError as failure:
            left_out(name, failure)
    for k in range(rounds):
        order = list(counts)
        for name in order[k % max(len(order), 1) :] + order[: k % max(len(order), 1)]:
            if k >= LEAST and sum(figures[name]) * counts[name] > PATIENCE:
                continue
            time.sleep(PAUSE)
            try:
                figures[name].append(_turn(workers[name], counts[name], turn))
            except SideError as failure:
                left_out(name, failure)
    return {name: Timing(tuple(seconds)) for name, seconds in figures.items()}


def _turn(worker: Worker, count: int, turn: float) -> float:
    if count == 1:
        return worker.run()[0]
    lead = math.ceil(count * LEAD / turn)
    return float(np.median(worker.run(lead + count)[lead:]))
