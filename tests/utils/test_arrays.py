"""Classes as vectors, vectors of norm 1, automatic names: as in Keras."""

from __future__ import annotations

import doctest

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchnet as sn
from reference.agreement import relative_error
from scratchnet import layers
from scratchnet.utils import arrays, py_dataset, session


@given(
    shape=st.lists(st.integers(1, 3), max_size=3),
    classes=st.none() | st.integers(4, 6),
    kind=st.sampled_from([np.int32, np.uint8, np.float64, list, ">i8"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_to_categorical_equals_keras_s(shape, classes, kind, seed):
    x = np.random.default_rng(seed).integers(0, 4, shape)
    x = x.tolist() if kind is list else x.astype(kind)
    ours, theirs = (library.utils.to_categorical(x, classes) for library in (sn, keras))
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)
    assert ours.shape == theirs.shape


def test_to_categorical_takes_no_samples_but_no_class_that_there_is_not():
    assert sn.utils.to_categorical([], 3).shape == (0, 3)
    with pytest.raises(ValueError, match="no class numbers"):
        sn.utils.to_categorical([])
    with pytest.raises(ValueError, match="from 0 to 3 for num_classes=3"):
        sn.utils.to_categorical([0, 3], 3)
    with pytest.raises(ValueError, match="from -1 to 2"):
        sn.utils.to_categorical([-1, 2], 3)


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    order=st.sampled_from([1, 2, 3, np.inf]),
    dtype=st.sampled_from([np.float64, np.float32, np.int64]),
    data=st.data(),
)
def test_normalize_equals_keras_s(shape, order, dtype, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    seed = data.draw(st.integers(0, 2**32 - 1))
    x = np.random.default_rng(seed).integers(-2, 3, shape).astype(dtype)  # zeros among them
    before = x.copy()
    ours = sn.utils.normalize(x, axis, order)
    # Along the last axis and with a first one, where Keras does what it says
    rows = np.moveaxis(x, axis, -1)[None]
    theirs = np.moveaxis(keras.utils.normalize(rows, -1, order)[0], -1, axis)
    assert ours.dtype == (np.float64 if dtype is np.int64 else dtype)
    assert relative_error(ours, theirs) <= (1e-6 if dtype is np.float32 else 1e-12)
    assert np.array_equal(x, before)


def test_normalize_leaves_zeros_and_takes_no_samples():
    assert np.array_equal(sn.utils.normalize(np.zeros((2, 3))), np.zeros((2, 3)))
    assert sn.utils.normalize(np.zeros((0, 3))).shape == (0, 3)


def test_a_cleared_session_names_layers_anew_and_keeps_all_else():
    sn.utils.clear_session()
    names = [layers.Dense(1).name for _ in range(2)]
    before = sn.random.generator().bit_generator.state
    sn.utils.clear_session(free_memory=False)
    assert sn.random.generator().bit_generator.state == before
    assert [layers.Dense(1).name for _ in range(2)] == names == ["dense", "dense_1"]
    assert sn.utils.set_random_seed is sn.set_random_seed


def test_the_examples_are_right():
    for module in (arrays, session, py_dataset):
        results = doctest.testmod(module)
        assert results.attempted > 0
        assert results.failed == 0


def test_all_names_are_keras_s():
    assert set(sn.utils.__all__) <= set(dir(keras.utils))
    top = {"ops", "use", "visualization", "inspection", "warmup"}
    assert set(sn.__all__) - top <= {*dir(keras), "set_random_seed"}
