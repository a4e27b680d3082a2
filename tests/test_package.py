"""The package as its user meets it: what it imports, and the README's own code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = [
    "tensorflow",
    "keras",
    "pandas",
    "matplotlib",
    "seaborn",
    "pooch",
    "PIL",
    "tensorboardX",
    "reference",
]


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


def test_the_core_imports_and_trains_without_what_the_extras_bring():
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in HEAVY)
    run = python(
        f"import sys\n{blocked}"
        "import numpy as np\n"
        "import scratchnet as sn\n"
        "from scratchnet import layers\n"
        "import scratchnet.cli\n"
        "model = sn.Sequential([layers.Input((3,)), layers.Dense(2)])\n"
        "model.compile('adam', 'mse')\n"
        "history = model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)\n"
        "model.summary()\n"
        "(x, y), _ = sn.datasets.fashion_mnist.load_data()\n"
        "assert x.shape == (12000, 28, 28)\n"
        "try:\n    history.frame()\n"
        "except ModuleNotFoundError as error:\n    assert 'scratchnet[plots]' in str(error)\n"
        "else:\n    raise AssertionError\n"
    )
    assert run.returncode == 0, run.stderr


def test_importing_scratchnet_loads_no_heavy_library():
    run = python(f"import scratchnet, sys; print([n for n in {HEAVY} if n in sys.modules])")
    assert run.stdout.strip() == "[]"


def test_it_also_runs_as_a_module():
    run = subprocess.run(
        [sys.executable, "-m", "scratchnet", "--help"], capture_output=True, text=True
    )
    assert run.returncode == 0
    assert all(command in run.stdout for command in ("train", "compare", "predict"))


def readme_blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_readme_s_code_runs_as_it_stands(capsys):
    """Only the number of images and epochs is cut down."""
    block = readme_blocks("python")[0]
    assert "epochs=5" in block
    small = block.replace("epochs=5", "epochs=1").replace(
        "model.compile", "x_train, y_train = x_train[:200], y_train[:200]\nmodel.compile"
    )
    names: dict = {}
    exec(compile(small, "README.md", "exec"), names)
    assert list(names["model"].history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert "val_loss" in capsys.readouterr().out


def test_the_readme_s_network_is_the_command_line_s():
    from scratchnet.cli import readme_cnn

    block = readme_blocks("python")[0]
    names: dict = {}
    exec(block.partition("model.fit")[0], names)
    ours, theirs = names["model"].get_config(), readme_cnn().get_config()
    for mine, other in zip(ours["layers"], theirs["layers"], strict=True):
        assert mine["class_name"] == other["class_name"]
        for key in ("filters", "kernel_size", "units", "rate", "activation"):
            assert mine["config"].get(key) == other["config"].get(key)


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md"])
def test_the_files_that_a_text_names_exist(path):
    text = (ROOT / path).read_text()
    for name in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert (ROOT / name).exists(), name
