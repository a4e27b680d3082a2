"""ModelCheckpoint: what is saved, when, and under which name."""

from __future__ import annotations

import math
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchnet as sn
from reference.callback_runs import Epoch, Standin, difference, run, runs_differ
from scratchnet import layers
from scratchnet.callbacks import ModelCheckpoint
from tests.callbacks.test_monitoring import FRACTIONS, MODES, VALUES, epochs_of

pytestmark = pytest.mark.usefixtures("float64", "formulas")

NAN = math.nan


@given(
    values=VALUES,
    weights_only=st.booleans(),
    arguments=st.fixed_dictionaries(
        {
            "save_best_only": st.booleans(),
            "mode": MODES,
            "initial_value_threshold": st.none() | FRACTIONS,
            "verbose": st.integers(0, 1),
        }
    ),
)
def test_the_same_files_appear_after_the_same_epochs_as_in_keras(values, weights_only, arguments):
    name = "a/{epoch:02d}-{other}" + (".weights.h5" if weights_only else ".keras")
    arguments |= {"monitor": "loss", "save_weights_only": weights_only}
    make = lambda library, folder: library.ModelCheckpoint(folder / name, **arguments)  # noqa: E731
    assert runs_differ(make, epochs_of(values)) == 0


@given(
    save_freq=st.integers(1, 7),
    batches=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_the_same_files_appear_after_the_same_batches_as_in_keras(save_freq, batches):
    epochs = [Epoch({"loss": 1.0}, [{"loss": i / 8} for i in range(n)]) for n in batches]
    name = "{epoch}-{batch}-{loss}.keras"
    make = lambda library, folder: library.ModelCheckpoint(  # noqa: E731
        folder / name, save_freq=save_freq
    )
    assert runs_differ(make, epochs) == 0


def saved_after(values, **arguments):
    """Numbers of the epochs after which a file was written."""
    model = Standin(sn)
    written = []
    model.save = lambda path, overwrite: written.append(int(Path(path).stem))
    arguments = {"monitor": "loss", "save_best_only": True} | arguments
    run(
        ModelCheckpoint("{epoch}.keras", **arguments),
        model,
        [Epoch({"loss": v}) for v in values],
        Path("/nonexistent"),
    )
    return written


def test_a_first_nan_is_not_the_best_for_ever():
    assert saved_after([NAN, 2.0, NAN, 1.0, 1.5]) == [2, 4]
    assert saved_after([NAN, 2.0, 1.0], initial_value_threshold=1.5) == [3]


def test_the_best_outlasts_a_training():
    """As in Keras, so that a training that is continued does not overwrite what was better."""
    checkpoint = ModelCheckpoint("x.keras", "loss", save_best_only=True)
    model = Standin(sn)
    model.save = lambda path, overwrite: None
    for values in ([1.0], [2.0]):
        run(checkpoint, model, [Epoch({"loss": v}) for v in values], Path("/nonexistent"))
    assert checkpoint.best == 1.0


def test_batches_are_compared_in_the_first_epoch_too():
    """Keras calls None there, for it knows the direction only after the first epoch."""
    batches = [{"loss": v} for v in (1.0, 2.0, 0.5)]
    written = []
    for library in (sn, keras):
        model = Standin(library)
        model.save = lambda path, overwrite: written.append(path)
        checkpoint = library.callbacks.ModelCheckpoint(
            "{batch}.keras", "loss", save_best_only=True, save_freq=1
        )
        if library is sn:
            run(checkpoint, model, [Epoch({"loss": 1.0}, batches)], Path("/nonexistent"))
            assert written == ["1.keras", "3.keras"]
        else:
            with pytest.raises(TypeError, match="NoneType"):
                run(checkpoint, model, [Epoch({"loss": 1.0}, batches)], Path("/nonexistent"))


def test_a_direction_that_is_not_needed_is_not_asked_for():
    model = Standin(sn)
    model.save = lambda path, overwrite: None
    checkpoint = ModelCheckpoint("x.keras", monitor="score")
    checkpoint.set_model(model)
    checkpoint.on_epoch_end(0, {"score": 1.0})
    best = ModelCheckpoint("x.keras", monitor="score", save_best_only=True)
    best.set_model(model)
    with pytest.raises(ValueError, match="mode='auto'"):
        best.on_epoch_end(0, {"score": 1.0})


@pytest.mark.parametrize("value", [None, np.array([1.0, 2.0])])
def test_a_monitor_that_is_no_number_warns_and_saves(value, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "x.keras", "loss", save_best_only=True)
    checkpoint.set_model(Standin(sn))
    logs = {"accuracy": 1.0} | ({} if value is None else {"loss": value})
    with pytest.warns(UserWarning, match=r"by 'loss', which is no number.*they have accuracy"):
        checkpoint.on_epoch_end(0, logs)
    assert (tmp_path / "x.keras").exists()
    assert checkpoint.best is None


def small_model():
    sn.set_random_seed(0)
    model = sn.Sequential([layers.Input((3,)), layers.Dense(2, name="dense")])
    model.compile(sn.optimizers.SGD(0.125, momentum=0.5), "mse")
    return model


X, Y = np.ones((6, 3)), np.ones((6, 2))


def test_a_saved_model_goes_on_where_it_was(tmp_path):
    model = small_model()
    checkpoint = ModelCheckpoint(str(tmp_path / "sub" / "{epoch}-{loss:.3f}.keras"))
    model.fit(X, Y, epochs=2, batch_size=3, shuffle=False, verbose=0, callbacks=[checkpoint])
    paths = sorted((tmp_path / "sub").iterdir())
    assert [path.name[0] for path in paths] == ["1", "2"]
    loaded = sn.saving.load_model(paths[0])
    loaded.fit(X, Y, epochs=1, batch_size=3, shuffle=False, verbose=0)
    assert difference(loaded.get_weights(), model.get_weights()) == 0
    theirs = keras.models.load_model(paths[1])
    assert difference(theirs.get_weights(), model.get_weights()) == 0


def test_a_crash_while_saving_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "best.weights.h5"
    checkpoint = ModelCheckpoint(path, save_weights_only=True)
    checkpoint.set_model(small_model())
    checkpoint.on_epoch_end(0, {})
    before = path.read_bytes()
    from scratchnet.saving import weights_file

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(weights_file, "write_weights", fail)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.on_epoch_end(1, {})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["best.weights.h5"]


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "x.keras").mkdir()
    checkpoint = ModelCheckpoint(tmp_path / "x.keras")
    checkpoint.set_model(small_model())
    with pytest.raises(IsADirectoryError, match=r"x\.keras': there is a folder of that name"):
        checkpoint.on_epoch_end(0, {"loss": 1.0})


def test_a_name_that_the_logs_lack_is_named():
    checkpoint = ModelCheckpoint("{epoch}-{val_loss}.keras")
    checkpoint.set_model(small_model())
    with pytest.raises(KeyError, match=r"cannot fill in 'val_loss' in .*have: epoch, loss"):
        checkpoint.on_epoch_end(0, {"loss": 1.0})


@pytest.mark.parametrize(
    ("path", "weights_only", "ending"),
    [
        ("x.h5", False, r"'\.keras'"),
        ("x", False, r"'\.keras'"),
        ("x.weights.h5", False, r"'\.keras'"),
        ("x.keras", True, r"'\.weights\.h5'"),
        ("x.h5", True, r"'\.weights\.h5'"),
    ],
)
def test_another_ending_is_refused(path, weights_only, ending):
    with pytest.raises(ValueError, match=f"filepath='{path}'.* a name that ends in {ending}"):
        ModelCheckpoint(path, save_weights_only=weights_only)


@pytest.mark.parametrize("save_freq", [0, -1, True, False, "batch", 1.5, None])
def test_another_save_freq_is_refused(save_freq):
    with pytest.raises(ValueError, match=rf"ModelCheckpoint received save_freq={save_freq!r}"):
        ModelCheckpoint("x.keras", save_freq=save_freq)


def test_the_messages_say_what_is_saved_and_why(capsys):
    model = Standin(sn)
    model.save = lambda path, overwrite: None
    checkpoint = ModelCheckpoint("{epoch}.keras", "loss", verbose=1, save_best_only=True)
    checkpoint.set_model(model)
    checkpoint.on_epoch_end(0, {"loss": 0.5})
    checkpoint.on_epoch_end(1, {"loss": 0.75})
    assert capsys.readouterr().out.split("\n") == [
        "",
        "Epoch 1: loss went from None to 0.50000, saving to 1.keras",
        "",
        "Epoch 2: loss is not better than 0.50000",
        "",
    ]
    plain = ModelCheckpoint("x.keras", verbose=1)
    plain.set_model(model)
    plain.on_epoch_end(0, {})
    assert capsys.readouterr().out == "\nEpoch 1: saving to x.keras\n"


def test_the_smallest_improvement_is_saved():
    assert saved_after([1.0, 1.0 - 1e-12, 1.0 - 1e-12]) == [1, 2]
