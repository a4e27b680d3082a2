"""When kernels are compiled, what is said about it, and when their code on disk no longer holds.

The tests that only ask which kernels are called run them uncompiled (NUMBA_DISABLE_JIT=1).
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import scratchnet
from scratchnet.cli import main
from scratchnet.ops.kernels import compilation, warmup

PACKAGE = Path(scratchnet.__file__).parent
RELU = (
    "import numpy as np\nfrom scratchnet.ops import kernels\nkernels.relu(np.ones(3, 'float32'))\n"
)
COUNT = (
    "from scratchnet.ops.kernels.compilation import KERNELS\n"
    "print(sum(sum(kernel.stats.cache_misses.values()) for kernel in KERNELS))\n"
)
RECORD = """
import importlib, pkgutil, sys, numba, numpy as np
from scratchnet.ops import kernels
from scratchnet.ops.kernels import compilation, warmup
for module in pkgutil.iter_modules(kernels.__path__):  # some are imported only when needed
    importlib.import_module(f"{kernels.__name__}.{module.name}")
wanted = {kernel.__code__: kernel for kernel in compilation.KERNELS}
seen = set()

def typed(value):
    return tuple(map(typed, value)) if isinstance(value, tuple) else str(numba.typeof(value))

def record(frame, kind, _):
    code = frame.f_code
    if kind == "call" and code in wanted:
        names = code.co_varnames[: code.co_argcount]
        types = tuple(typed(frame.f_locals[name]) for name in names)
        seen.add((wanted[code].__module__, wanted[code].__name__, types))

def recorded(action):
    seen.clear()
    sys.setprofile(record)
    action()
    sys.setprofile(None)
    return set(seen)

def everything():
    for call in warmup.calls("float32").values():
        call()
"""
TRAINING = """
import scratchnet as sn
from scratchnet import layers
model = sn.Sequential([
    layers.Input((12, 12, 1)),
    layers.Conv2D(4, 3, padding="same", activation="relu"),
    layers.BatchNormalization(),
    layers.MaxPooling2D(),
    layers.DepthwiseConv2D(3, activation="gelu"),
    layers.AveragePooling2D(),
    layers.LayerNormalization(),
    layers.Conv2D(3, 2, activation="leaky_relu"),
    layers.Flatten(),
    layers.Dropout(0.5),
    layers.Dense(5, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
x = np.ones((3, 12, 12, 1), "float32")

small = sn.Sequential([layers.Input((3,)), layers.Dense(2)])

def train():
    model.fit(x, np.zeros(3, int), verbose=0)
    model.predict(x, verbose=0)
    for name in ("SGD", "RMSprop", "Adagrad", "Adamax", "Nadam", "Lion", "AdamW"):
        small.compile(getattr(sn.optimizers, name)(), "mse")
        small.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    for options in ({"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}):
        small.compile(sn.optimizers.SGD(**options), "mse")
        small.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
"""


def python(code: str, path: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=path,  # with -c this folder is where modules are looked for first
        env=os.environ | environment,
    )


def test_warming_up_calls_every_kernel_there_is():
    code = (
        f"{RECORD}\nnames = {{(module, name) for module, name, _ in recorded(everything)}}\n"
        "print([kernel.__name__ for kernel in compilation.KERNELS"
        " if (kernel.__module__, kernel.__name__) not in names])"
    )
    missed = ast.literal_eval(python(code, NUMBA_DISABLE_JIT="1").stdout)
    assert missed == [], f"warmup.calls leaves out {missed}: add a call that uses them"


def test_training_calls_kernels_with_no_other_types_than_warming_up():
    """Or else a first step would have to compile after all."""
    code = f"{RECORD}\n{TRAINING}\nprint(sorted(recorded(train) - recorded(everything)))"
    others = ast.literal_eval(python(code, NUMBA_DISABLE_JIT="1").stdout)
    assert others == []


def test_a_line_says_once_that_kernels_are_compiled_and_nothing_when_they_are_on_disk(tmp_path):
    code = RELU + "kernels.elu(np.ones(3, 'float32'))\n"
    cold = python(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert cold.stderr.count("\n") == 1
    assert "compiles its kernels once" in cold.stderr
    assert "`scratchnet warmup`" in cold.stderr
    warm = python(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert (warm.stdout, warm.stderr) == ("", "")


def test_other_functions_that_numba_compiles_are_no_news(tmp_path):
    code = "import numba\nimport scratchnet.ops.kernels\nnumba.njit(lambda: 1)()\n"
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path)).stderr == ""


def test_where_nothing_can_be_kept_the_line_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setattr(compilation, "cache_folder", lambda: None)

    class Event:
        data = {"dispatcher": compilation.KERNELS[0]}  # noqa: RUF012

    compilation._Announcement().on_start(Event())
    assert "set NUMBA_CACHE_DIR to a folder" in capsys.readouterr().err


def test_a_change_in_any_file_of_ops_makes_the_code_on_disk_stale(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "scratchnet", ignore=shutil.ignore_patterns("__pycache__"))
    cache = str(tmp_path / "cache")

    def misses() -> int:
        run = python(RELU + COUNT, path=tmp_path, NUMBA_CACHE_DIR=cache)
        return int(run.stdout)

    assert misses() == 1
    assert misses() == 0
    constants = tmp_path / "scratchnet" / "ops" / "formulas" / "gates.py"
    constants.write_text(constants.read_text() + "\n# changed\n")
    assert misses() == 1


def test_warming_up_compiles_in_other_processes_and_says_where(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    few = {name: warmup.calls("float32")[name] for name in ("relu", "tanh backward", "dropout")}
    monkeypatch.setattr(warmup, "calls", lambda dtype: few)
    began = time.perf_counter()
    assert 0 < warmup.warmup(processes=2) < time.perf_counter() - began
    out, err = capfd.readouterr()
    assert "compiles its kernels once" not in err
    assert "compiled 3 functions for float32" in out
    assert "They are kept in" in out
    assert len(list(tmp_path.rglob("*.nbc"))) >= 3
    warmup.warmup(processes=1)
    assert "found all compiled already" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": "float16"}, "Expected 'float32' or 'float64'"),
        ({"processes": 0}, "Expected at least 1"),
    ],
)
def test_warming_up_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        scratchnet.warmup(**arguments)


def test_warming_up_is_refused_where_nothing_can_be_kept(monkeypatch, capsys):
    monkeypatch.setattr(compilation, "cache_folder", lambda: None)
    assert main(["warmup"]) == 1
    assert "Set the environment variable NUMBA_CACHE_DIR" in capsys.readouterr().err


def test_a_process_that_ends_too_early_is_an_error(monkeypatch):
    monkeypatch.setattr(warmup, "calls", lambda dtype: {"no such call": lambda: None})
    with pytest.raises(RuntimeError, match="was to compile 'no such call' ended with status 1"):
        warmup.warmup(processes=1, verbose=False)
