"""Data of a class of the user's own come to training as in Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import reference
import scratchnet as sn
from scratchnet import layers

pytestmark = pytest.mark.usefixtures("float64")


def dataset(base, endless=False, only_num_batches=False):
    """Three batches of a regression, and a record of what was called."""

    class Data(base):
        def __init__(self):
            super().__init__(workers=1)
            self.calls = []

        def __getitem__(self, i):
            rng = np.random.default_rng(i)
            return rng.standard_normal((2 + i % 2, 3)), rng.standard_normal((2 + i % 2, 1))

        def on_epoch_begin(self):
            self.calls.append("begin")

        def on_epoch_end(self):
            self.calls.append("end")

    if endless or only_num_batches:
        Data.num_batches = property(lambda self: None if endless else 3)
    else:
        Data.__len__ = lambda self: 3
    return Data()


def compiled():
    model = sn.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("kind", "steps"),
    [({}, None), ({}, 1), ({"only_num_batches": True}, None), ({"endless": True}, 4)],
)
def test_a_dataset_trains_as_keras_s(kind, steps):
    ours = compiled()
    theirs = reference.twin(ours)
    data, keras_data = dataset(sn.utils.PyDataset, **kind), dataset(keras.utils.PyDataset, **kind)
    arguments = {"epochs": 2, "steps_per_epoch": steps, "shuffle": False, "verbose": 0}
    ours.fit(data, **arguments)
    theirs.fit(keras_data, **arguments)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert reference.relative_error(a, b) <= 1e-12
    assert data.calls == ["begin", "end"] * 2
    assert keras_data.calls == ["end", *data.calls]  # it ends an epoch before the first one begins


def test_either_library_takes_the_other_s_dataset_and_shuffles_batches():
    ours, again = compiled(), compiled()
    again.set_weights(ours.get_weights())
    ours.fit(dataset(keras.utils.PyDataset), shuffle=False, verbose=0)
    again.fit(dataset(sn.utils.Sequence), shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(a, b)
    again.fit(dataset(sn.utils.PyDataset), shuffle=True, verbose=0)
    assert ours.evaluate(dataset(sn.utils.PyDataset), verbose=0) > 0
    assert ours.predict(dataset(sn.utils.PyDataset, only_num_batches=True)).shape == (7, 1)


def test_it_can_be_iterated_over():
    assert len(list(dataset(sn.utils.PyDataset))) == 3
    endless = iter(dataset(sn.utils.PyDataset, endless=True))
    assert [len(next(endless)[0]) for _ in range(5)] == [2, 3, 2, 3, 2]


def test_what_is_missing_is_said():
    class Nothing(sn.utils.PyDataset):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing does not define __getitem__"):
        Nothing()[0]
    with pytest.raises(NotImplementedError, match=r"how many batches.*__len__\(self\)"):
        compiled().fit(Nothing(), verbose=0)
    with pytest.raises(ValueError, match=r"without an end.*steps_per_epoch"):
        compiled().fit(dataset(sn.utils.PyDataset, endless=True), verbose=0)
    with pytest.raises(ValueError, match="steps in evaluate"):
        compiled().evaluate(dataset(sn.utils.PyDataset, endless=True), verbose=0)
