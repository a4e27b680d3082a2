"""One mutant against the tests that meet it, in a process of its own.

The quick way serves nearly all: every test is collected once, and in a fork of that session the
mutated function gets its mutated code. What ran before the fork (a table built at import, an
object made at collection) saw no mistake, and a function that another has made keeps its code. So
mutants of lines that run so early, and of functions within functions, are tried the fresh way, if
the quick way did not kill them: in a fork of a process that has not imported the sources yet, with
the mutated source instead of the file's.

Both run uncompiled. What runs compiled only is tried the third way, in `compiled`.
"""

from __future__ import annotations

import ast
import gc
import importlib.machinery
import os
import signal
import sys
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from types import CodeType, FunctionType

import pytest

from tests.mutation.mutants import Mutant, mutated

QUIET = ["-q", "--capture=no", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no"]
QUIET += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]


class Judge:
    """A pytest plugin that runs chosen tests in a given order and remembers who failed first.

    A test gets ten times the processor time it took before, and five seconds; then the system
    ends the process with SIGPROF.
    """

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self.seconds = seconds
        self.killer = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.seconds is not None:
            by_name = {item.nodeid: item for item in items}
            items[:] = [by_name[name] for name in self.seconds if name in by_name]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self.seconds is not None:
            _limit_processor_time(5 + 10 * self.seconds[item.nodeid])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.killer:
            self.killer = f"{report.nodeid} can't be collected"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.killer:
            self.killer = report.nodeid


def use_small_hypothesis() -> None:
    """Few examples, always the same, and no search for the smallest one that fails."""
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutation",
        max_examples=15,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutation")


def run_test(item: pytest.Item, judge: Judge) -> bool:
    """Whether a collected test passes; its fixtures are made and ended with it."""
    manager = item.config.pluginmanager
    manager.register(judge)
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    manager.unregister(judge)
    return not judge.killer


def try_quickly(
    mutant: Mutant, memory: Memory, items: list[pytest.Item], seconds: dict[str, float]
) -> str:
    """The test that kills it, or ""; to be called in a fork of a session.

    Raises:
        LookupError: the function to mutate is not in memory.
    """
    memory.swap_code(mutant)
    judge = Judge(seconds)
    for item in items:
        if not run_test(item, judge):
            break
    return judge.killer


def try_freshly(mutant: Mutant, files: list[str], seconds: dict[str, float]) -> str:
    """The test that kills it, or "", with pytest and the sources imported for this mutant only.

    Raises:
        RuntimeError: pytest itself failed.
    """
    _replace_source(os.path.abspath(mutant.path), ast.unparse(mutated(mutant)).encode())
    judge = Judge(seconds)
    _limit_processor_time(60)  # of imports and collection
    status = pytest.main([*files, "-x", *QUIET], plugins=[judge, HypothesisSettings()])
    if judge.killer or status == pytest.ExitCode.OK:
        return judge.killer
    raise RuntimeError(f"pytest ended with {status!r}")


def _limit_processor_time(seconds: float) -> None:
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)


class HypothesisSettings:
    """A pytest plugin: the profile holds before test files are imported."""

    def pytest_sessionstart(self) -> None:
        use_small_hypothesis()


class Memory:
    """The functions of some files that are in memory, under whichever names and decorators."""

    def __init__(self, paths: list[str]) -> None:
        files = {os.path.abspath(path) for path in paths}
        everything = gc.get_objects()
        self._functions = [
            each
            for each in everything
            if type(each) is FunctionType and each.__code__.co_filename in files
        ]
        self._caches = [each for each in everything if isinstance(each, _lru_cache_wrapper)]

    def swap_code(self, mutant: Mutant) -> None:
        """From now on this function runs the mutant's code; what caches remember is forgotten.

        Raises:
            LookupError: the function is not here.
        """
        file = os.path.abspath(mutant.path)
        new = [
            code
            for code in _codes(compile(mutated(mutant), file, "exec", dont_inherit=True))
            if code.co_qualname == mutant.function and code.co_firstlineno in mutant.body
        ]
        old = [
            function
            for function in self._functions
            if (code := function.__code__).co_filename == file
            and code.co_qualname == mutant.function
            and code.co_firstlineno in mutant.body
        ]
        if len(new) != 1 or not old:
            raise LookupError(mutant.key)
        for function in old:
            function.__code__ = new[0]
        for cached in self._caches:
            cached.cache_clear()


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _replace_source(path: str, source: bytes) -> None:
    """Whoever imports this file in this process reads `source`, and no bytecode from before."""
    sys.dont_write_bytecode = True
    read = importlib.machinery.SourceFileLoader.get_data
    stem = os.path.splitext(os.path.basename(path))[0]

    def get_data(self: importlib.machinery.SourceFileLoader, wanted: str) -> bytes:
        if os.path.abspath(wanted) == path:
            return source
        if wanted.endswith(".pyc") and os.path.basename(wanted).startswith(f"{stem}."):
            raise OSError("not from before")
        return read(self, wanted)

    importlib.machinery.SourceFileLoader.get_data = get_data  # type: ignore[method-assign]
