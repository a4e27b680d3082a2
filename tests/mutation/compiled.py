"""Mutants of what runs compiled only, each against a few tests in a new process that compiles.

Uncompiled, the functions below are not called at all: NumPy's stand in for them, or Numba's threads
and the machine code on disk are not asked for. So a mutant of their files that the other ways left
alive is tried once more: in a copy of the tree, with the mistake in the copy's file, so that the
processes which the tests start meet it, too; and with an empty folder for machine code, since that
of the unmutated file would hide it.
"""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutated
from tests.mutation.trial import QUIET, HypothesisSettings, Judge

_KERNELS, _OPS = "scratchnet/ops/kernels", "tests/ops"
# The tests that meet each file, those first that fail soonest. They compile what they call, so
# there are no more of them than needed.
TESTS: dict[str, tuple[str, ...]] = {
    f"{_KERNELS}/addresses.py": ("tests/optimizers/test_one_pass.py",),
    f"{_KERNELS}/biased_blocks.py": (
        f"{_OPS}/test_fused.py::test_results_written_past_the_caches_are_the_same",
        f"{_OPS}/test_fused.py::test_convolution_and_bias_and_activation",
    ),
    f"{_KERNELS}/blocks.py": (
        f"{_OPS}/test_exact_depthwise.py::test_kernels_of_depthwise_conv2d_are_exact",
        f"{_OPS}/test_exact.py::test_any_number_of_panels_is_exact",
    ),
    f"{_KERNELS}/compilation.py": (f"{_OPS}/test_compilation.py",),
    f"{_KERNELS}/elementary.py": (f"{_OPS}/test_elementary.py",),
    f"{_KERNELS}/jit.py": (
        f"{_OPS}/test_threads.py",
        f"{_OPS}/test_exact.py::test_the_layout_of_an_array_does_not_change_the_result",
    ),
    f"{_KERNELS}/line_blocks.py": (
        f"{_OPS}/test_depthwise_lines.py",
        f"{_OPS}/test_exact.py::test_any_number_of_panels_is_exact",
    ),
    f"{_KERNELS}/panels.py": (f"{_OPS}/test_panels.py",),
    f"{_KERNELS}/products.py": (f"{_OPS}/test_dense.py",),
    f"{_KERNELS}/registers.py": (
        f"{_OPS}/test_winograd.py",
        f"{_OPS}/test_exact.py::test_any_number_of_panels_is_exact",
    ),
    f"{_KERNELS}/scattering.py": (f"{_OPS}/test_exact.py",),
    f"{_KERNELS}/threads.py": (f"{_OPS}/test_threads.py",),
    f"{_KERNELS}/transforms.py": (f"{_OPS}/test_winograd.py",),
    f"{_KERNELS}/warmup.py": (f"{_OPS}/test_compilation.py",),
    f"{_KERNELS}/window_blocks.py": (
        f"{_OPS}/test_exact.py::test_max_pooling_of_many_channels_is_exact",
        f"{_OPS}/test_exact_dense_and_merges.py",
        f"{_OPS}/test_fused.py::test_normalization_and_pooling",
    ),
}
_COPIED = ("pyproject.toml", "reference")  # beside the sources and the tests
_THREADS = "2"  # as the tests of threads need; the machine may have fewer cores


@dataclass
class Verdict:
    """How the tests ended: 'killed' with the test that failed, 'survived', 'timed out', 'error'."""

    outcome: str
    by: str
    seconds: float


def try_compiled(mutant: Mutant, tests: Sequence[str], limit: float) -> Verdict:
    """The verdict of these tests, which have so many seconds."""
    return _judge(mutant.path, ast.unparse(mutated(mutant)), tests, limit)


def time_unmutated(path: str, tests: Sequence[str]) -> float:
    """The seconds that these tests take when they run in the same way without a mutant.

    Raises:
        RuntimeError: one of them fails, so that what it kills does not count.
    """
    source = ast.unparse(ast.parse(Path(path).read_text(encoding="utf-8")))
    verdict = _judge(path, source, tests, limit=600)
    if verdict.outcome != "survived":
        raise RuntimeError(
            f"Without a mutant in {path} its tests should pass compiled, but they ended as "
            f"{verdict.outcome!r}: {verdict.by}. Mend them, and try its mutants again."
        )
    return verdict.seconds


def _judge(path: str, source: str, tests: Sequence[str], limit: float) -> Verdict:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / "tree"
        _copy({path, *(test.split("::")[0] for test in tests)}, tree)
        (tree / path).write_text(source, encoding="utf-8")
        answer = Path(folder) / "answer"
        began = time.perf_counter()
        status = _run([sys.executable, "-m", __name__, str(answer), *tests], tree, limit)
        seconds = time.perf_counter() - began
        by = answer.read_text(encoding="utf-8") if answer.exists() else ""
    if status is None:
        return Verdict("timed out", "", seconds)
    if status < 0:
        return Verdict("killed", f"signal {-status}", seconds)
    if by:
        return Verdict("killed", by, seconds)
    return Verdict("error" if status else "survived", "", seconds)


def _copy(paths: set[str], tree: Path) -> None:
    """The folders at the top in which these files lie, and what they need beside them."""
    tree.mkdir()
    for name in sorted({Path(path).parts[0] for path in paths} | set(_COPIED)):
        if Path(name).is_dir():
            shutil.copytree(name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif Path(name).exists():
            shutil.copy(name, tree / name)


def _run(command: list[str], tree: Path, limit: float) -> int | None:
    """The status with which a command ends, or None where it and its children ran too long."""
    root = str(Path(__file__).parents[2])  # for this module, where the tree has no tests.mutation
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tree), root]),
        "NUMBA_CACHE_DIR": str(tree.with_name("machine code")),
        "NUMBA_NUM_THREADS": _THREADS,
        "OPENBLAS_NUM_THREADS": "1",
    }
    environment.pop("NUMBA_DISABLE_JIT", None)
    with subprocess.Popen(
        command,
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the children of a test, too
            return None


def main(answer: str, tests: list[str]) -> int:
    """Run tests and write down the first that fails; gives what the process is to end with."""
    judge = Judge()
    status = pytest.main([*tests, "-x", *QUIET], plugins=[judge, HypothesisSettings()])
    Path(answer).write_text(judge.killer, encoding="utf-8")
    return 0 if judge.killer or status == pytest.ExitCode.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
