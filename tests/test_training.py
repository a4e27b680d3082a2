"""Whole runs beside Keras: the same weights, the same logs, files that travel both ways."""

from __future__ import annotations

import ast
from pathlib import Path

import keras
import numpy as np
import pytest

import reference
import scratchnet as sn
from scratchnet import layers, optimizers, regularizers

# Keras on TensorFlow rounds the factor of a regularizer to float32 even in float64: 0.01 would be
# off by 2e-8 of itself. This one is exact in both.
PENALTY = regularizers.L2(2**-7)


def small_cnn(optimizer="adam", **dense):
    sn.set_random_seed(1)
    model = sn.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu", kernel_regularizer=PENALTY),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, activation="tanh", activity_regularizer=PENALTY),
            layers.AveragePooling2D(2, strides=1),
            layers.Flatten(),
            layers.Dropout(0.4, seed=5),
            layers.Dense(8, activation="sigmoid"),
            layers.Dense(3, **({"activation": "softmax"} | dense)),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data(n=50):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 8, 8, 2)), rng.integers(0, 3, n)


@pytest.mark.parametrize("implementation", ["formulas", "kernels"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "nadam", "rmsprop"])
def test_twenty_float64_steps_agree_in_every_weight(float64, optimizer, implementation):
    with sn.use(implementation):
        assert reference.weights_after_training(small_cnn(optimizer), *data(), 20, 16) <= 1e-13


@pytest.mark.parametrize(
    "optimizer",
    [
        "adagrad",
        "adadelta",
        "adamax",
        "ftrl",
        "lamb",
        "lion",
        optimizers.Adam(amsgrad=True, clipnorm=0.5),
        optimizers.Momentum(0.05, 0.75),
        optimizers.SGD(
            optimizers.schedules.CosineDecay(0.125, 30, warmup_target=0.25, warmup_steps=5),
            momentum=0.5,
            nesterov=True,
            use_ema=True,
            gradient_accumulation_steps=2,
        ),
        optimizers.RMSprop(momentum=0.5, centered=True, global_clipnorm=2.0),
        optimizers.Adafactor(),
        optimizers.Muon(0.0625),
    ],
    ids=lambda optimizer: optimizer if isinstance(optimizer, str) else type(optimizer).__name__,
)
def test_every_optimizer_keeps_to_keras_for_twenty_steps(float64, optimizer):
    source = optimizer if isinstance(optimizer, str) else optimizers.serialize(optimizer)
    assert reference.weights_after_training(small_cnn(optimizers.get(source)), *data(), 20, 16) <= (
        1e-11
    )


def test_fit_logs_what_keras_logs(float64):
    model = small_cnn()
    twin = reference.twin(model)
    x, y = data()
    arguments = {
        "batch_size": 16,
        "epochs": 3,
        "shuffle": False,
        "validation_split": 0.2,
        "class_weight": {0: 2.0, 2: 0.5},
        "verbose": 0,
    }
    ours, theirs = model.fit(x, y, **arguments), twin.fit(x, y, **arguments)
    assert list(ours.history) == list(theirs.history)
    for name, values in theirs.history.items():
        assert np.allclose(ours.history[name], values, rtol=1e-9), name
    assert list(ours.frame().columns) == list(theirs.history)
    weight = np.linspace(0, 2, len(x))
    assert np.allclose(
        model.evaluate(x, y, verbose=0, sample_weight=weight),
        twin.evaluate(x, y, verbose=0, sample_weight=weight),
        rtol=1e-9,
    )
    assert reference.relative_error(model.predict(x, verbose=0), twin.predict(x, verbose=0)) < 1e-9


def test_the_readme_network_agrees_layer_by_layer(float64):
    from scratchnet.cli import readme_cnn

    x, y = np.random.default_rng(0).random((8, 28, 28, 1)), np.arange(8)
    frame = reference.compare(readme_cnn(), x, y)
    assert frame["error"].max() <= 1e-12, frame
    assert "keras" in frame.attrs["device"]


# Keras's variables hand themselves to h5py in NumPy's old way
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
def test_files_travel_in_both_directions(tmp_path):
    model = small_cnn()
    x, y = data()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    expected = model.predict(x, verbose=0)
    assert np.allclose(theirs.predict(x, verbose=0), expected, atol=1e-6)
    theirs.save(tmp_path / "theirs.keras")
    again = sn.saving.load_model(tmp_path / "theirs.keras")
    assert np.array_equal(again.predict(x, verbose=0), expected)
    for ours, back in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        assert np.array_equal(ours.value, back.value)
    model.save_weights(tmp_path / "w.weights.h5")
    theirs.load_weights(tmp_path / "w.weights.h5")
    assert all(
        np.array_equal(a, b) for a, b in zip(model.get_weights(), theirs.get_weights(), strict=True)
    )


def test_summary_is_keras_s_table():
    model = small_cnn()
    lines: tuple[list[str], list[str]] = [], []
    model.summary(print_fn=lines[0].append, line_length=90)
    reference.twin(model).summary(print_fn=lines[1].append, line_length=90)
    ours, theirs = ("".join(part) for part in lines)
    assert ours.replace("(Dropout)        ", "(InjectedDropout)") == theirs


def test_learning_reduces_the_loss_on_real_photographs():
    (x, y), (x_test, y_test) = sn.datasets.fashion_mnist.load_data()
    sn.set_random_seed(0)
    model = sn.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:3000, ..., None] / 255, y[:3000], epochs=4, verbose=0)
    assert model.evaluate(x_test[..., None] / 255, y_test, verbose=0)[1] > 0.7


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (
            np.zeros((4, 8, 8, 2)),
            np.zeros(3),
            r"different numbers of samples.*4 samples.*3 samples",
        ),
        (np.zeros((4, 8, 8, 2)), np.full(4, 3), r"y\[0\] is 3, but the predictions have 3 classes"),
        (
            np.zeros((4, 8, 8, 3)),
            np.zeros(4),
            r"received an input of shape .*Expected \(None, 8",
        ),
        (np.zeros((0, 8, 8, 2)), np.zeros(0), r"received no samples"),
    ],
)
def test_a_refused_fit_changes_nothing(x, y, message):
    model = small_cnn()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.iterations == 0


def test_unknown_names_are_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Did you mean 'relu'\?"):
        layers.Dense(1, activation="rellu")
    with pytest.raises(ValueError, match=r"Did you mean 'glorot_uniform'\?"):
        layers.Dense(1, kernel_initializer="glorot_unifrom")
    with pytest.raises(ValueError, match=r"Did you mean 'accuracy'\?"):
        small_cnn().compile("adam", "mse", metrics=["acuracy"])
    with pytest.raises(ValueError, match=r"Expected 'formulas'"):
        sn.use("kernel")


def test_channels_first_and_an_empty_output_are_refused_with_a_way_out():
    with pytest.raises(ValueError, match=r"np\.moveaxis\(x, 1, -1\)"):
        layers.Conv2D(1, 3, data_format="channels_first")
    with pytest.raises(ValueError, match=r"Layer 'c' \(Conv2D\): The output would be empty"):
        sn.Sequential([layers.Input((2, 2, 1)), layers.Conv2D(1, 3, name="c")])


def test_the_command_line_trains_saves_and_predicts(tmp_path, capsys, monkeypatch):
    from scratchnet import cli

    load = cli.images

    def few(full):
        x, y, x_test, y_test = load(full)
        return x[:64], y[:64], x_test[:32], y_test[:32]

    monkeypatch.setattr(cli, "images", few)
    path = str(tmp_path / "m.keras")
    assert cli.main(["train", "--epochs", "1", "--save", path]) == 0
    assert cli.main(["predict", path, "--count", "3"]) == 0
    assert capsys.readouterr().out.count("image ") == 3
    assert cli.main(["predict", str(tmp_path / "none.keras")]) == 1
    assert "There is no file" in capsys.readouterr().err


FORBIDDEN = {
    "ops": {"layers", "models", "losses", "metrics", "optimizers", "callbacks", "saving"},
    "layers": {"losses", "metrics", "optimizers", "callbacks", "saving"},
    "optimizers": {"layers", "models", "losses", "metrics", "callbacks", "saving"},
}


def test_imports_run_one_way():
    root = Path(sn.__file__).parent
    for path in root.rglob("*.py"):
        package = path.relative_to(root).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{a.name}" for a in node.names)]
            elif isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            for name in names:
                assert name.split(".")[0] not in ("keras", "tensorflow"), path
                assert not name.startswith("reference") or path.name == "cli.py", path
                parts = name.split(".")
                if parts[0] == "scratchnet" and len(parts) > 1:
                    assert parts[1] not in FORBIDDEN.get(package, set()), (path, name)
