"""Functions that run in forked processes of their own, several at a time."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Name = TypeVar("Name")


@dataclass
class Fork(Generic[Name]):
    """`work()` in a copy of this process, silent; what it returns is its answer."""

    name: Name
    work: Callable[[], bytes]

    def start(self) -> tuple[int, int]:
        """(process id, descriptor of an open file that will hold the answer)."""
        descriptor, name = tempfile.mkstemp()
        os.unlink(name)
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                silence = os.open(os.devnull, os.O_RDWR)
                for standard in (0, 1, 2):
                    os.dup2(silence, standard)
                answer = self.work()
                status = 0
            except BaseException:
                answer = traceback.format_exc().encode()
            finally:
                with open(descriptor, "wb") as file:
                    file.write(answer)
                os._exit(status)
        return pid, descriptor


@dataclass
class Outcome(Generic[Name]):
    """How a fork ended. A negative status is the number of the signal that ended it."""

    name: Name
    status: int
    answer: bytes
    seconds: float  # of processor time


def run_all(forks: Iterable[Fork[Name]], jobs: int) -> Iterator[Outcome[Name]]:
    """Outcomes in the order in which they end."""
    running: dict[int, tuple[Name, int]] = {}
    waiting = iter(forks)
    while True:
        while len(running) < jobs and (fork := next(waiting, None)) is not None:
            pid, descriptor = fork.start()
            running[pid] = fork.name, descriptor
        if not running:
            return
        pid, status, used = os.wait4(-1, 0)
        name, descriptor = running.pop(pid)
        with open(descriptor, "rb") as file:
            file.seek(0)
            answer = file.read()
        seconds = used.ru_utime + used.ru_stime
        yield Outcome(name, os.waitstatus_to_exitcode(status), answer, seconds)
