"""What the figures were measured on: processor, memory, system, libraries, threads, date."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.workers import available_threads
from reference.device import cpu

_FLAGS = ("sse4_2", "avx", "avx2", "fma", "f16c", "avx512", "avx_vnni", "amx", "asimd", "sve")
_LIBRARIES = (
    "scratchnet",
    "numpy",
    "scipy",
    "numba",
    "keras",
    "tensorflow",
    "torch",
    "jax",
    "onnxruntime",
)
BUSY = 0.2  # cores


def describe(threads: int) -> dict[str, str]:
    """What to state above every table, by name.

    Args:
        threads: how many each side uses.
    """
    return {
        "processor": cpu(),
        "instructions": ", ".join(_flags()) or "unknown",
        "cores": f"{available_threads()} of {os.cpu_count()}",
        "caches": ", ".join(_caches()) or "unknown",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.platform()}, Python {platform.python_version()}",
        "libraries": ", ".join(f"{name} {number}" for name, number in versions().items()),
        "commit": _commit(),
        "threads": f"{threads} for each side",
        "dtype": "float32",
        "date": str(date.today()),
    }


def versions() -> dict[str, str]:
    """The installed libraries that take part, with their versions."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def others_busy(seconds: float = 1.0) -> float:
    """How many cores other programs keep busy just now, this process's own children at rest."""
    return psutil.cpu_percent(seconds) / 100 * (os.cpu_count() or 1)


def _flags() -> list[str]:
    """The processor's instruction sets that matter for matrix products."""
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, values = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return [flag for flag in sorted(values.split()) if flag.startswith(_FLAGS)]
    return []


def _caches() -> list[str]:
    """ "L1d 32K", "L2 512K", … of the first core."""
    caches = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ("".join(_lines(index / name)) for name in ("level", "type", "size"))
        if kind != "Instruction":
            caches.append(f"L{level}{'d' if kind == 'Data' else ''} {size}")
    return caches


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # not on this system
        return []


def _commit() -> str:
    """The state of the source that was measured; "+" where it had changes."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return "unknown"
    return answer.stdout.strip()
