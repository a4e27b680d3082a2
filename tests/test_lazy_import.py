"""What `import scratchnet` loads, and that nothing is lost by loading the rest later."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import scratchnet

HEAVY = ["numba", "scipy", "h5py", "rich", "matplotlib", "threadpoolctl", "importlib.metadata"]
NETWORK = """
model = scratchnet.Sequential([scratchnet.layers.Input((3,)), scratchnet.layers.Dense(2)])
model.compile("adam", "mse")
"""
TRAINING = """
import numpy as np
model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
"""


def loaded(code: str, names: list[str]) -> list[str]:
    """Those of the modules that a fresh process has loaded after this code."""
    code = f"import sys\n{code}\nprint([name for name in {names} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(run.stdout)


def test_importing_scratchnet_loads_nothing_but_itself():
    others = [*HEAVY, "numpy", "jaxtyping", "scratchnet.layers"]
    assert loaded("import scratchnet", others) == []


def test_building_a_network_loads_no_compiler_and_no_library_of_files_or_tables():
    assert loaded(f"import scratchnet\n{NETWORK}", HEAVY[:-1]) == []


def test_training_loads_the_compiler_and_still_no_library_of_files_or_figures():
    code = f"import scratchnet\n{NETWORK}\n{TRAINING}"
    assert loaded(code, ["numba", "h5py", "matplotlib", "pandas"]) == ["numba"]


def test_the_command_line_s_help_loads_no_compiler():
    code = "from scratchnet.cli import parser\nparser().format_help()"
    assert loaded(code, ["numba", "scipy", "h5py", "matplotlib"]) == []


def test_every_public_name_is_there_and_listed():
    assert set(scratchnet.__all__) | {"__version__"} <= set(dir(scratchnet))
    for name in scratchnet.__all__:
        assert getattr(scratchnet, name) is not None
    names: dict = {}
    exec("from scratchnet import *", names)
    assert set(scratchnet.__all__) <= set(names)


def test_type_checkers_are_told_the_same_names_and_homes_as_python():
    """`_HOMES` and the imports under TYPE_CHECKING are two writings of one list."""
    tree = ast.parse(Path(scratchnet.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {
        alias.name: node.module
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = {name: f"scratchnet.{home}" for name, home in scratchnet._HOMES.items()}
    assert told == {name: homes.get(name, "scratchnet") for name in scratchnet.__all__}


def test_a_name_that_is_not_there_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'scratchnet' has no attribute 'Sequentail'"):
        _ = scratchnet.Sequentail
    with pytest.raises(ImportError, match="cannot import name 'Sequentail'"):
        exec("from scratchnet import Sequentail")


def test_each_module_can_be_the_first_that_is_imported():
    """No module relies on what another import has left behind."""
    code = """
import importlib, sys, scratchnet
for name in scratchnet.__all__:
    if name.islower() and name not in scratchnet._HOMES:
        for module in [m for m in sys.modules if m.partition(".")[0] == "scratchnet"]:
            del sys.modules[module]
        importlib.import_module(f"scratchnet.{name}")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
