"""The comparison notices what is wrong, and leaves the model as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import reference
import scratchnet as sn
from reference import speed
from reference.proof import prove
from scratchnet import layers
from scratchnet.ops import kernels

X = np.random.default_rng(0).normal(size=(6, 5, 5, 1))
Y = np.array([0, 1, 2, 0, 1, 2])


def network():
    sn.set_random_seed(0)
    model = sn.Sequential(
        [
            layers.Input((5, 5, 1)),
            layers.Conv2D(2, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_wrong_gradient_shows_in_its_row_and_nowhere_else(float64, monkeypatch):
    right = kernels.conv2d_kernel_gradient
    monkeypatch.setattr(
        kernels, "conv2d_kernel_gradient", lambda *arguments: right(*arguments) * (1 + 1e-9)
    )
    frame = reference.compare(network(), X, Y)
    bad = frame[frame["error"] > 1e-12]
    assert bad["quantity"].tolist() == ["kernel gradient"]
    assert bad["layer"].tolist()[0].startswith("conv2d")
    assert bad["error"].tolist()[0] == pytest.approx(1e-9, rel=1e-3)


def test_a_wrong_update_shows_after_training(float64, monkeypatch):
    update = sn.optimizers.Adam.update

    def wrong(self, p, g, lr, slots):
        update(self, p, g, lr * 1.0001, slots)

    monkeypatch.setattr(sn.optimizers.Adam, "update", wrong)
    with sn.use("formulas"):
        assert reference.weights_after_training(network(), X, Y, 5, 3) > 1e-7


def test_a_wrong_update_by_a_kernel_shows_after_training(float64, monkeypatch):
    one_pass = sn.optimizers.Adam.one_pass
    monkeypatch.setattr(
        sn.optimizers.Adam, "one_pass", lambda self, dtype, lr: one_pass(self, dtype, lr * 1.0001)
    )
    with sn.use("kernels"):
        assert reference.weights_after_training(network(), X, Y, 5, 3) > 1e-7


def test_comparing_leaves_the_model_as_it_was(float64):
    model = network()
    weights, masks = model.get_weights(), model.layers[3].seed_state.copy()
    reference.compare(model, X, Y)
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    assert np.array_equal(masks, model.layers[3].seed_state)
    assert model.optimizer.iterations == 0


def test_the_proof_holds_and_says_when_it_does_not(monkeypatch):
    proof = prove(network, X, Y, steps=3, batch_size=3)
    assert proof.holds
    assert proof.errors["float64"].max() <= 1e-12
    assert 1e-9 < proof.errors["float32"].max() < 1e-4
    assert list(proof.weights) == ["float64", "float32"]
    assert sn.config.floatx() == keras.config.floatx() == "float32"
    right = kernels.bias_add_backward
    monkeypatch.setattr(kernels, "bias_add_backward", lambda dy: right(dy) * (1 + 1e-10))
    assert not prove(network, X, Y, steps=3, batch_size=3).holds


@pytest.mark.parametrize(
    ("ours", "theirs", "error"),
    [
        ([1.0, 2.0], [1.0, 4.0], 0.5),
        ([0.0], [0.0], 0.0),
        ([1e-9], [0.0], np.inf),
        ([np.nan, 1.0], [np.nan, 1.0], 0.0),
        ([1.0, 1.0], [np.nan, 1.0], np.inf),
        ([np.nan], [1.0], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([np.inf, 1.0], [np.inf, 2.0], 0.5),
        ([], [], 0.0),
    ],
)
def test_relative_error(ours, theirs, error):
    assert reference.relative_error(ours, theirs) == error


def test_shapes_that_differ_are_no_comparison():
    with pytest.raises(ValueError, match=r"Shapes differ: \(1,\) and \(2,\)"):
        reference.relative_error([1.0], [1.0, 1.0])


def test_a_model_that_is_not_built_has_no_twin():
    with pytest.raises(ValueError, match=r"is not built.*Give it an Input"):
        reference.twin(sn.Sequential([layers.Dense(1)]))


def test_speed_is_measured_in_turns_and_in_processes_of_their_own():
    model = network()
    warm = speed.warm_rates(model, reference.twin(model), X, Y, 3, rounds=1)
    assert list(warm) == ["training", "inference"]
    dense = sn.Sequential([layers.Input((5, 5, 1)), layers.Flatten(), layers.Dense(3)])
    dense.compile("sgd", "mse")  # few kernels, so the cold process compiles for a short time
    processes = speed.process_rows(dense, X, X[:, :3, 0, 0], cold=True)
    assert list(processes) == [
        "import",
        "first step",
        "warm step",
        "peak memory",
        "first step cold",
    ]
    assert processes["first step cold"]["scratchnet"] > processes["first step"]["scratchnet"]
    for row in (warm | processes).values():
        assert list(row) == ["scratchnet", "Keras", "ratio"]
        assert all(0 < value < np.inf for value in row.values())
    assert 2**24 < processes["peak memory"]["scratchnet"] < 2**33


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_float64_is_float64_on_every_backend(backend):
    """Keras itself computes products and tanh of float64 in float32, but on TensorFlow."""
    if backend != "tensorflow":
        pytest.importorskip(backend)
    code = """
import numpy as np, scratchnet as sn
from reference.agreement import layer_errors
from reference.device import precision
from reference.steps import step_errors
rng = np.random.default_rng(0)
with precision("float64"):
    dense = layer_errors(sn.layers.Dense(3, activation="tanh"), rng.standard_normal((5, 4)))
    mean = layer_errors(sn.layers.GlobalAveragePooling2D(), rng.standard_normal((2, 4, 3, 5)))
    adam = step_errors(sn.optimizers.Adam())
print(max(*dense.values(), *mean.values(), *adam.values()))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(run.stdout) <= 1e-12


def test_a_process_that_fails_shows_what_it_wrote():
    with pytest.raises(RuntimeError, match=r"measures scratchnet ended with status 1:[\s\S]*Error"):
        speed._process(["scratchnet", "no.keras", "no.npz"], dict(os.environ))


def test_without_keras_the_extra_is_named():
    """In a process whose path has no Keras."""
    code = (
        "import sys; sys.modules['keras'] = None\n"
        "from scratchnet.cli import main; sys.exit(main(['compare', '--quick']))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert 'pip install "scratchnet[reference]"' in run.stderr
    assert "Traceback" not in run.stderr


def test_the_command_compares_draws_and_sums_up(tmp_path, capsys, monkeypatch):
    from scratchnet import cli

    load = cli.images

    def few(full):
        x, y, x_test, y_test = load(full)
        return x[:96, ::2, ::2], y[:96], x_test[:20, ::2, ::2], y_test[:20]

    def small_cnn(seed=0):
        sn.set_random_seed(seed)
        model = sn.Sequential(
            [
                layers.Input((14, 14, 1)),
                layers.Conv2D(4, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    monkeypatch.setattr(cli, "images", few)
    monkeypatch.setattr(cli, "readme_cnn", small_cnn)
    folder = tmp_path / "new" / "folder"
    options = ["--quick", "--steps", "2", "--batch-size", "32", "--out"]
    assert cli.main(["compare", *options, str(folder)]) == 0
    shown = capsys.readouterr().out
    for part in (
        "Keras on tensorflow",
        "float64: the largest error is",
        "within 1e-12",
        "Test accuracy after 1 epoch: scratchnet",
        "training, warm, images/s",
        "peak memory",
        "Warm training in scratchnet is",
    ):
        assert part in shown, part
    assert "\x1b" not in shown  # no control characters where there is no terminal
    for name in ("loss.png", "confusion.png", "filters.png"):
        assert str(folder / name) in shown
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
