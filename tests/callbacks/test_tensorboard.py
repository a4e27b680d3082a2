"""TensorBoard: its own reader finds what it finds in Keras's files."""

from __future__ import annotations

import math
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import reference
import scratchnet as sn
from reference.callback_runs import Epoch, difference, events, pair, run
from scratchnet import layers
from scratchnet.callbacks import TensorBoard
from scratchnet.callbacks.event_file import EventFile, buckets, png

pytestmark = [
    pytest.mark.usefixtures("float64", "formulas"),
    # Of Keras's own Variable
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def tags(folder):
    """(folder, tag, step) of all events."""
    return [(place, tag, step) for place, tag, step, *_ in events(folder)]


def small_model():
    sn.set_random_seed(0)
    model = sn.Sequential([layers.Input((3,)), layers.Dense(2, name="dense")], name="small")
    model.compile(sn.optimizers.SGD(0.125), "mse", metrics=["mae"])
    return model


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))


def fit(model, callback, **arguments):
    arguments = {"validation_data": (X, Y), "epochs": 2, "batch_size": 2} | arguments
    model.fit(X, Y, verbose=0, shuffle=False, callbacks=[callback], **arguments)


def test_after_a_training_the_reader_finds_what_keras_writes(tmp_path):
    model = small_model()
    twin = reference.twin(model)
    arguments = {"histogram_freq": 1, "update_freq": 1, "write_images": True}
    fit(model, TensorBoard(tmp_path / "ours", **arguments))
    fit(twin, keras.callbacks.TensorBoard(tmp_path / "keras", **arguments))
    ours, theirs = events(tmp_path / "ours"), events(tmp_path / "keras")
    assert len(ours) == 2 * (3 + 3 * 2 + 4 + 2 + 2)
    assert difference(ours, theirs) < 1e-6, "Keras computes metrics in float32"


def test_the_names_are_keras_s(tmp_path):
    fit(small_model(), TensorBoard(str(tmp_path)), epochs=1)
    assert tags(tmp_path) == [
        ("train", "epoch_learning_rate", 0),
        ("train", "epoch_loss", 0),
        ("train", "epoch_mae", 0),
        ("validation", "epoch_loss", 0),
        ("validation", "epoch_mae", 0),
        ("validation", "evaluation_loss_vs_iterations", 3),
        ("validation", "evaluation_mae_vs_iterations", 3),
    ]


@given(
    update_freq=st.sampled_from(["epoch", "batch", 1, 2]),
    histogram_freq=st.integers(0, 2),
    write_steps_per_second=st.booleans(),
    is_validated=st.booleans(),
    count=st.integers(1, 2),
)
def test_each_argument_writes_what_it_writes_in_keras(
    tmp_path_factory, is_validated, count, **arguments
):
    """Two batches an epoch, so that Keras writes the values of epochs in any case."""
    folder = tmp_path_factory.mktemp("logs")
    logs = {"loss": 0.5, "accuracy": 0.25} | ({"val_loss": 0.75} if is_validated else {})
    epochs = [Epoch(logs, validation={"loss": 0.75} if is_validated else None)] * count
    found = []
    for library, model in zip((sn, keras), pair(), strict=True):
        callback = library.callbacks.TensorBoard(folder / library.__name__, **arguments)
        run(callback, model, epochs, folder)
        read = events(folder / library.__name__)
        found.append([e[:4] if "per_second" in e[1] else e for e in read])
    assert difference(*found) <= 1e-12


def test_epochs_are_written_whatever_batches_are(tmp_path):
    """Keras leaves them out where the number of the last batch is not a multiple."""
    model = small_model()
    twin = reference.twin(model)
    for one, library in ((model, sn), (twin, keras)):
        callback = library.callbacks.TensorBoard(tmp_path / library.__name__, update_freq=4)
        fit(one, callback, epochs=1)
    ours, theirs = tags(tmp_path / "scratchnet"), tags(tmp_path / "keras")
    assert not [tag for _, tag, _ in theirs if tag.startswith("epoch")]
    assert len([tag for _, tag, _ in ours if tag.startswith(("epoch", "evaluation"))]) == 7


def test_an_evaluation_alone_is_complete_when_it_ends(tmp_path):
    model, callback = small_model(), TensorBoard(tmp_path)
    fit(model, callback, epochs=1)
    for _ in range(2):  # within a second of each other, and of the training
        model.evaluate(X, Y, verbose=0, callbacks=[callback])
    loss = [each for each in tags(tmp_path) if each[1] == "evaluation_loss_vs_iterations"]
    assert loss == [("validation", "evaluation_loss_vs_iterations", 3)] * 3


def test_weights_of_inner_models_have_keras_s_names(tmp_path):
    sn.set_random_seed(0)
    inner = sn.Sequential([layers.Input((3,)), layers.Dense(2, name="a")], name="inner")
    model = sn.Sequential([layers.Input((3,)), inner, layers.Dense(2, name="b")], name="outer")
    model.compile("sgd", "mse")
    fit(model, TensorBoard(tmp_path, histogram_freq=1), epochs=1)
    written = [tag for _, tag, _ in tags(tmp_path) if tag.endswith("histogram")]
    theirs = [f"{weight.path}/histogram" for weight in reference.twin(model).weights]
    assert sorted(written) == sorted(theirs)


NUMBERS = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 1e-300])


@given(arrays(np.float64, array_shapes(min_dims=0, max_dims=3, min_side=0), elements=NUMBERS))
def test_histograms_are_tensorflow_s(values):
    from tensorboard.plugins.histogram.summary_v2 import _buckets

    theirs = _buckets(tf.constant(values)).numpy()
    ours = buckets(values)
    scale = max(np.abs(values).max(initial=0), 1e-300)
    assert np.abs(ours[:, :2] - theirs[:, :2]).max() <= 1e-14 * scale
    assert np.array_equal(ours[:, 2], theirs[:, 2])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8"])
def test_a_histogram_of_any_float_leaves_out_what_is_not_finite(dtype):
    values = np.array([0.0, math.nan, 30.0, math.inf, -math.inf, 1.0], dtype)[::-1]
    values.flags.writeable = False
    assert np.array_equal(buckets(values), buckets(np.array([0.0, 1.0, 30.0])))
    assert not buckets(np.array([math.nan])).any()


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3, 4])),
        elements=st.floats(-0.5, 1.5) | st.sampled_from([0.0, 1.0, math.inf, -math.inf]),
    )
)
def test_images_are_tensorflow_s(image):
    theirs = tf.image.convert_image_dtype(image, tf.uint8, saturate=True).numpy()
    assert np.array_equal(tf.io.decode_png(png(image)).numpy(), theirs)


@pytest.mark.parametrize(
    "shape",
    [(3,), (1, 5), (5, 2), (2, 5), (3, 3, 2, 1), (3, 3, 1, 4), (3, 3, 2, 3), (2, 2, 3, 8), (1, 1)],
)
def test_weights_become_the_images_of_keras(tmp_path, shape):
    class Model:
        name = "model"
        optimizer = None

        def __init__(self, variable):
            self.layers = [type("Layer", (), {"weights": [variable]})]

    values = np.random.default_rng(0).random(shape)
    for library in (sn, keras):
        variable = library.Variable(values, name="w")
        callback = library.callbacks.TensorBoard(
            tmp_path / library.__name__, histogram_freq=1, write_images=True, write_graph=False
        )
        callback.set_model(Model(variable))
        callback.on_train_begin()
        callback.on_epoch_end(0)
        callback.on_train_end()
    ours, theirs = (
        [(kind, value) for *_, kind, value in events(tmp_path / library.__name__)]
        for library in (sn, keras)
    )
    assert difference(ours, theirs) <= 1e-12


def test_the_graph_is_accepted_and_not_written(tmp_path):
    fit(small_model(), TensorBoard(tmp_path, write_graph=True), epochs=1)
    found = list(tmp_path.rglob("events*"))
    assert len(found) == 2
    assert not any(b"graph_keras_model" in path.read_bytes() for path in found)


@pytest.mark.parametrize(
    "arguments",
    [
        {"profile_batch": 2},
        {"profile_batch": (1, 2)},
        {"profile_batch": "1,2"},
        {"embeddings_freq": 1},
        {"embeddings_metadata": "names.tsv"},
        {"update_freq": 0},
        {"update_freq": "epochs"},
        {"update_freq": True},
    ],
    ids=str,
)
def test_what_is_not_written_is_refused_by_name(arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=rf"TensorBoard received.* {name}=") as caught:
        TensorBoard("logs", **arguments)
    assert repr(value) in str(caught.value)
    assert "Expected" in str(caught.value)


def test_without_tensorboardx_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    for make in (TensorBoard, EventFile):
        with pytest.raises(ImportError, match=r"pip install 'scratchnet\[tensorboard\]'"):
            make(tmp_path)
    assert list(tmp_path.iterdir()) == []
