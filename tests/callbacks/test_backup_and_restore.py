"""BackupAndRestore: a training that was killed goes on as if it had not been."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchnet as sn
from reference.callback_runs import Epoch, Standin, difference, pair, run, state_of, train_once
from scratchnet import layers
from scratchnet.callbacks import BackupAndRestore, Callback, LambdaCallback
from scratchnet.callbacks.random_state import random_state, restore_random_state

pytestmark = pytest.mark.usefixtures("float64", "formulas")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 6)), RNG.normal(size=(20, 2))


def network(seed=0):
    sn.set_random_seed(seed)
    inner = sn.Sequential([layers.Input((5,)), layers.Dropout(0.25)], name="inner")
    model = sn.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(5, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            inner,
            layers.Dense(2),
        ]
    )
    model.compile(sn.optimizers.Adam(0.125, use_ema=True), "mse")
    return model


class KilledError(Exception):
    pass


class KillIn(Callback):
    """Ends a training after a batch of an epoch, or at the epoch's beginning."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.when = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.on_train_batch_end(None)

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.when:
            raise KilledError


def fit(model, callbacks, epochs=4):
    return model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=callbacks)


def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(tmp_path):
    whole = network()
    fit(whole, [])
    killed = network()
    backup = BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KilledError):
        fit(killed, [backup, KillIn(2, batch=1)])
    again = network(seed=99)  # other weights, masks and shuffling
    history = fit(again, [BackupAndRestore(tmp_path / "backup")])
    assert history.epoch == [2, 3]
    assert difference(state_of(again), state_of(whole)) == 0
    assert difference(random_state(again), random_state(whole)) == 0
    assert not (tmp_path / "backup").exists()


def test_a_process_that_is_killed_is_taken_up_by_another(tmp_path):
    """What was in memory is gone: `os._exit` runs no handler, no finally, no flush."""
    whole = network()
    fit(whole, [])
    code = f"""
import os, scratchnet as sn
from tests.callbacks import test_backup_and_restore as this
sn.config.set_floatx("float64")
with sn.use("formulas"):
    end = sn.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch == 2 and os._exit(9))
    this.fit(this.network(), [sn.callbacks.BackupAndRestore({str(tmp_path / "backup")!r}), end])
"""
    process = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert process.returncode == 9
    again = network(seed=99)
    assert fit(again, [BackupAndRestore(tmp_path / "backup")]).epoch == [2, 3]
    assert difference(state_of(again), state_of(whole)) == 0


@pytest.mark.parametrize("kill", [(0, 0), (1, None), (3, 4)])
def test_it_goes_on_wherever_it_was_killed(tmp_path, kill):
    whole = network()
    fit(whole, [])
    with pytest.raises(KilledError):
        fit(network(), [BackupAndRestore(tmp_path), KillIn(*kill)])
    again = network(seed=0 if kill[0] == 0 else 7)  # before the first backup, the seed is all
    assert fit(again, [BackupAndRestore(tmp_path)]).epoch == list(range(kill[0], 4))
    assert difference(state_of(again), state_of(whole)) == 0


def test_a_backup_amid_an_epoch_begins_that_epoch_again_with_its_weights(tmp_path):
    model = network()
    seen = []
    remember = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(state_of(model)))
    backup = BackupAndRestore(tmp_path, save_freq=3)
    with pytest.raises(KilledError):
        fit(model, [remember, backup, KillIn(1, batch=4)])
    again = network(seed=7)
    callback = BackupAndRestore(tmp_path, save_freq=3)
    callback.set_model(again)
    callback.on_train_begin()
    assert again._initial_epoch == 1
    assert difference(state_of(again), seen[8]) == 0, "the third save, after nine batches"
    assert json.loads((tmp_path / "training_metadata.json").read_text()) == {"epoch": 1, "batch": 3}


def test_a_backup_amid_the_first_epoch_after_a_restoration_names_that_epoch(tmp_path):
    """In Keras it names epoch 0, and the second interruption costs all that was done."""
    with pytest.raises(KilledError):
        fit(network(), [BackupAndRestore(tmp_path, save_freq=5), KillIn(2, batch=0)])
    with pytest.raises(KilledError):
        fit(network(), [BackupAndRestore(tmp_path, save_freq=1), KillIn(1, batch=2)])
    assert json.loads((tmp_path / "training_metadata.json").read_text()) == {"epoch": 1, "batch": 2}


def test_the_next_training_begins_at_its_own_first_epoch(tmp_path):
    with pytest.raises(KilledError):
        fit(network(), [BackupAndRestore(tmp_path), KillIn(3)])
    model = network()
    assert fit(model, [BackupAndRestore(tmp_path)]).epoch == [3]
    assert fit(model, [], epochs=2).epoch == [0, 1]


def test_a_training_that_was_complete_is_not_repeated(tmp_path):
    model = network()
    fit(model, [BackupAndRestore(tmp_path, delete_checkpoint=False)])
    again = network(seed=7)
    assert fit(again, [BackupAndRestore(tmp_path, delete_checkpoint=False)]).epoch == []
    assert difference(state_of(again), state_of(model)) == 0


@given(
    save_freq=st.just("epoch") | st.integers(1, 5),
    batches=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    double_checkpoint=st.booleans(),
)
def test_the_same_backups_are_made_when_keras_makes_them(save_freq, batches, double_checkpoint):
    """As far as a file can tell: epoch, batch, and the weight at that time."""
    import tempfile

    import keras

    epochs = [Epoch({"loss": 1.0}, [{"loss": 1.0}] * n) for n in batches]
    both = []
    for library in (sn, keras):
        with tempfile.TemporaryDirectory() as name:
            model = Standin(library)
            model.save_weights = lambda filepath, overwrite, model=model: _as_hdf5(filepath, model)
            callback = library.callbacks.BackupAndRestore(
                name, save_freq, double_checkpoint=double_checkpoint
            )
            seen = run(callback, model, epochs, Path(name), is_killed=True)
            found = {path.name: _content(path) for path in sorted(Path(name).iterdir())}
            both.append([len(seen), found])
    assert difference(*both) == 0


def _as_hdf5(path, model):
    with h5py.File(path, "w") as file:
        file["weight"] = model.weight


def _content(path):
    if "json" in path.name:
        return json.loads(path.read_text())
    with h5py.File(path) as file:
        return file["weight"][()]


def made(folder, **arguments):
    """A backup of a model after each of two epochs, and the model's states then."""
    model = pair().ours
    callback = BackupAndRestore(folder, **arguments)
    callback.set_model(model)
    callback.on_train_begin()
    states = []
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        train_once(model)
        callback.on_epoch_end(epoch)
        states.append(state_of(model))
    return states


def restored(folder):
    model = pair().ours
    callback = BackupAndRestore(folder)
    callback.set_model(model)
    callback.on_train_begin()
    return model


def test_a_backup_that_cannot_be_read_gives_way_to_the_one_before(tmp_path):
    states = made(tmp_path, double_checkpoint=True)
    path = tmp_path / "latest.weights.h5"
    path.write_bytes(path.read_bytes()[:100])
    model = restored(tmp_path)
    assert model._initial_epoch == 1
    assert difference(state_of(model), states[0]) == 0


def test_a_backup_that_cannot_be_read_is_named_where_it_is_the_only_one(tmp_path):
    made(tmp_path)
    path = tmp_path / "latest.weights.h5"
    path.write_bytes(b"not HDF5")
    with pytest.raises(OSError, match=r"cannot read the backup .*latest\.weights\.h5.*Delete it"):
        restored(tmp_path)


def test_a_kill_while_writing_leaves_the_backup_before(tmp_path, monkeypatch):
    states = made(tmp_path)
    model = pair().ours
    callback = BackupAndRestore(tmp_path)
    callback.set_model(model)
    callback.on_train_begin()
    train_once(model)
    for moment in ("h5py.File", "pathlib.Path.replace"):
        with monkeypatch.context() as patch:

            def fail(*_, **__):
                raise KeyboardInterrupt

            patch.setattr(moment, fail)
            with pytest.raises(KeyboardInterrupt):
                callback.on_epoch_end(2)
        assert difference(state_of(restored(tmp_path)), states[1]) == 0
        assert restored(tmp_path)._initial_epoch == 2


def test_weights_and_epoch_cannot_come_apart(tmp_path):
    """KilledError between the two files: what stands beside the weights does not count."""
    states = made(tmp_path)
    (tmp_path / "training_metadata.json").write_text('{"epoch": 1, "batch": 0}')
    model = restored(tmp_path)
    assert model._initial_epoch == 2
    assert difference(state_of(model), states[1]) == 0


def test_only_its_own_files_are_deleted(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    made(tmp_path, double_checkpoint=True)
    (tmp_path / "next.weights.h5abc.part").write_text("left by a kill")
    callback = BackupAndRestore(tmp_path)
    callback.set_model(Standin(sn))
    callback.on_train_end()
    assert os.listdir(tmp_path) == ["notes.txt"]
    BackupAndRestore(tmp_path / "never made").set_model(Standin(sn))


def test_a_backup_of_another_model_is_refused_and_changes_nothing(tmp_path):
    with pytest.raises(KilledError):
        fit(network(), [BackupAndRestore(tmp_path), KillIn(1)])
    sn.set_random_seed(5)
    others = [
        sn.Sequential([layers.Input((6,)), layers.Dense(2)]),
        sn.Sequential(
            [layers.Input((6,)), layers.Dropout(0.5), layers.Dropout(0.5), layers.Dense(2)]
        ),
    ]
    for other, words in zip(others, ["2 layers that draw", "does not fit the model"], strict=True):
        other.compile("sgd", "mse")
        before = [other.get_weights(), random_state(other)]
        callback = BackupAndRestore(tmp_path)
        callback.set_model(other)
        with pytest.raises(ValueError, match=words):
            callback.on_train_begin()
        assert difference([other.get_weights(), random_state(other)], before) == 0
        assert other._initial_epoch is None


def test_the_random_state_is_restored_through_json():
    model = network()
    model.forward(X, True)
    state = json.loads(json.dumps(random_state(model)))
    numbers, outputs = sn.random.generator().random(3), model.forward(X, True)[0]
    restore_random_state(model, state)
    assert np.array_equal(sn.random.generator().random(3), numbers)
    assert np.array_equal(model.forward(X, True)[0], outputs)
    assert [calls for _, calls in state["layers"]] == [1, 1]


def test_layers_that_draw_are_found_wherever_another_keeps_them():
    class Keeper(layers.Layer):
        def __init__(self, dropout):
            super().__init__()
            self.one, self.several = dropout, [dropout, layers.Dropout(0.5, seed=2)]

    keeper = Keeper(layers.Dropout(0.5, seed=1))
    assert random_state(keeper)["layers"] == [[1, 0], [2, 0]], "each once"


def test_a_model_that_is_not_built_is_refused(tmp_path):
    callback = BackupAndRestore(tmp_path)
    callback.set_model(sn.Sequential([layers.Dense(2)], name="late"))
    with pytest.raises(ValueError, match="'late' is not built"):
        callback.on_train_begin()


@pytest.mark.parametrize("save_freq", [False, True, 0, -2, "batch", 1.5, None])
def test_another_save_freq_is_refused(save_freq):
    with pytest.raises(ValueError, match=f"BackupAndRestore received save_freq={save_freq!r}"):
        BackupAndRestore("backup", save_freq=save_freq)


@pytest.mark.parametrize("folder", ["", None])
def test_an_empty_folder_name_is_refused(folder):
    with pytest.raises(ValueError, match=f"backup_dir={folder!r}"):
        BackupAndRestore(folder)
