"""One process for each library, told in turn to run a round while the others are stopped.

In one process the libraries would disturb each other: each has threads of its own that spin for a
while after their work (GNU OpenMP's, Eigen's, Numba's), BLAS libraries are loaded over one another,
and what one allocator gives back the other cannot use. On two cores TensorFlow's convolution took a
fifth longer when it took turns with PyTorch's in one process. In processes of their own nothing
runs but the side whose turn it is, and its memory can be told apart. A process that only waits for
a message is not idle: OpenBLAS's threads spin for more than a tenth of a second, and predictions
after DeZero's turn took four times as long. So the system stops it (SIGSTOP, where there is one).

A side is a module with a function `prepare(task)` that returns a call without arguments: the work
to be timed, with all its data ready.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Side:
    """A library that takes part.

    Args:
        name: its column.
        module: has `prepare(task)`; imported in the side's own process only.
        needs: the modules without which it stays away.
        environment: variables of its process.
        extra: what installs the modules: `pip install "scratchnet[EXTRA]"`.
    """

    name: str
    module: str
    needs: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    extra: str = "bench"

    @property
    def missing(self) -> list[str]:
        """Which of the needed modules are not installed."""
        return [module for module in self.needs if find_spec(module) is None]


class SideError(RuntimeError):
    """What a side's process raised, or that it ended.

    Args:
        message: one line.
        details: its own traceback.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class Worker:
    """The process of one side; use it as a context manager.

    Args:
        side: whose process it is.
        threads: how many it may use; it is also bound to as many cores.
    """

    def __init__(self, side: Side, threads: int) -> None:
        self.side = side
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, side.module, cores(threads)), daemon=True
        )
        with _environment(variables(side, threads)):
            self._process.start()
        theirs.close()

    def loaded(self) -> None:
        """Wait until its module is loaded; one that cannot be says why when it has to `prepare`."""
        with suppress(SideError):
            self.run(0)

    def prepare(self, task: Any) -> None:
        """Get `task` ready; what was ready before is forgotten."""
        self._ask("prepare", task)

    def run(self, count: int = 1) -> list[float]:
        """Seconds that each of `count` runs of the task took."""
        return self._ask("run", count)

    def call(self, function: str, *arguments: Any) -> Any:
        """The result of a function of the side's module, which must be picklable."""
        return self._ask(function, *arguments)

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def _ask(self, what: str, *arguments: Any) -> Any:
        self._signal("SIGCONT")
        try:
            self._connection.send((what, arguments))
            failed, answer = self._connection.recv()
        except (EOFError, OSError) as error:  # it ended: out of memory, a crash in native code
            self._process.join(5)
            raise SideError(
                f"The process of {self.side.name} ended with status {self._process.exitcode}."
            ) from error
        self._signal("SIGSTOP")
        if failed:
            raise SideError(*answer)
        return answer

    def _signal(self, name: str) -> None:
        """Stop the process, or let it go on, where the system can do that."""
        if hasattr(signal, name) and self._process.is_alive():
            os.kill(self.pid, getattr(signal, name))

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._signal("SIGCONT")
        self._connection.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()


@contextmanager
def started(sides: Sequence[Side], threads: int) -> Iterator[dict[str, Worker]]:
    """A worker for each side, by name; all end with the block."""
    with ExitStack() as stack:
        yield {side.name: stack.enter_context(Worker(side, threads)) for side in sides}


def variables(side: Side, threads: int) -> dict[str, str]:
    """What the environment of a side's process has besides this one's."""
    return {**_thread_variables(threads), **_QUIET, **side.environment}


def available_threads() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores(threads: int) -> list[int]:
    """The numbers of the cores that a process with so many threads is bound to."""
    if not hasattr(os, "sched_getaffinity"):  # not on this system: the variables must do
        return []
    return sorted(os.sched_getaffinity(0))[:threads]


_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}


def _thread_variables(threads: int) -> dict[str, str]:
    """What tells every library how many threads to use, read when it is loaded."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    return {f"{name}_NUM_THREADS": str(threads) for name in names} | {
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": str(threads),
    }


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables are set while a process starts, which inherits them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, module: str, bound_to: Sequence[int]) -> None:
    """What runs in the process: answer until the other end is closed."""
    if bound_to:
        os.sched_setaffinity(0, bound_to)
    # What native code writes while it loads is no news; exceptions go to the other end
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    work: Callable[[], Any] = _nothing_prepared
    try:
        side: Any = importlib.import_module(module)  # now: the sides load at the same time
    except Exception:
        side = None
    while True:
        try:
            what, arguments = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            side = side or importlib.import_module(module)  # where it failed: says why
            answer: Any = None
            if what == "prepare":
                work = _nothing_prepared  # frees the last task's data first
                work = side.prepare(*arguments)
            elif what == "run":
                answer = [_seconds(work) for _ in range(*arguments)]
            else:
                answer = getattr(side, what)(*arguments)
            connection.send((False, answer))
        except KeyboardInterrupt:
            return
        except Exception as error:
            line = " ".join(f"{type(error).__name__}: {error}".split())
            connection.send((True, (line[:300], traceback.format_exc())))


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _nothing_prepared() -> None:
    raise RuntimeError("Nothing is prepared. Expected a call of `prepare` first.")
