"""Functional models as their users write them, beside Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import reference
import scratchnet as sn
from scratchnet import Model, layers

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(10, 4)), RNG.normal(size=(10, 3))
RAMP = np.linspace(0, 2, 10)
LABELS, NUMBERS = RNG.integers(0, 3, 10), RNG.normal(size=(10, 2))


def two_by_two(inputs="list", outputs="list"):
    """Inputs a and b, a shared layer, outputs "label" and "number"."""
    sn.set_random_seed(0)
    a, b = layers.Input((4,), name="a"), layers.Input((3,), name="b")
    shared = layers.Dense(4, activation="tanh", name="shared")
    joined = layers.Concatenate(name="join")([shared(shared(a)), b])
    label = layers.Dense(3, activation="softmax", name="label")(joined)
    number = layers.Dense(2, name="number")(layers.Add(name="add")([shared(a), a]))
    ends = {
        "list": lambda x, y, *_: [x, y],
        "tuple": lambda x, y, *_: (x, y),
        "dict": lambda x, y, *names: dict(zip(names, (x, y), strict=True)),
    }
    return Model(ends[inputs](a, b, "a", "b"), ends[outputs](label, number, "label", "number"))


def losses(weights=(1.0, 0.5)):
    return {
        "optimizer": sn.optimizers.SGD(0.125),
        "loss": {"label": "sparse_categorical_crossentropy", "number": "mse"},
        "loss_weights": dict(zip(("label", "number"), weights, strict=True)),
        "metrics": {"label": ["accuracy"], "number": ["mae", "mse"]},
        "weighted_metrics": {"label": ["accuracy"]},
    }


@pytest.mark.parametrize("nested", ["list", "dict"])
def test_several_inputs_and_outputs_train_as_in_keras(float64, nested):
    model = two_by_two(nested, nested)
    model.compile(**losses())
    twin = reference.twin(model)
    x = [A, B] if nested == "list" else {"b": B, "a": A}
    y = [LABELS, NUMBERS] if nested == "list" else {"number": NUMBERS, "label": LABELS}
    run = {"batch_size": 5, "epochs": 2, "shuffle": False, "verbose": 0}
    ours, theirs = model.fit(x, y, **run), twin.fit(x, y, **run)
    assert list(ours.history) == list(theirs.history)
    for name, values in theirs.history.items():
        assert ours.history[name] == pytest.approx(values, rel=1e-10), name
    expected = twin.evaluate(x, y, verbose=0)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-10)
    expected = twin.predict(x, verbose=0)
    got = model.predict(x, verbose=0)
    assert type(got) is type(expected)
    for key in expected if nested == "dict" else range(2):
        assert reference.relative_error(got[key], expected[key]) < 1e-10


def test_the_losses_of_the_outputs_add_up_also_with_a_smaller_last_batch(float64):
    model = two_by_two()
    model.compile(**losses((1.0, 0.5)))
    logs = model.evaluate([A, B], [LABELS, NUMBERS], batch_size=4, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["label_loss"] + 0.5 * logs["number_loss"], rel=1e-12)


@pytest.mark.parametrize(
    "weight",
    [RAMP, [RAMP, None], {"label": LABELS + 0.5, "number": LABELS * 1.0}],
    ids=["one for all", "a list", "a dict"],
)
def test_weights_of_samples_reach_the_output_they_are_for(float64, weight):
    model = two_by_two()
    model.compile(**losses())
    twin = reference.twin(model)
    theirs = weight
    if isinstance(weight, list):
        theirs = [weight[0], np.ones(10)]  # Keras takes no None there
    if isinstance(weight, dict):
        theirs = [weight["label"], weight["number"]]
    expected = twin.train_on_batch(
        [A, B], [LABELS, NUMBERS], sample_weight=theirs, return_dict=True
    )
    got = model.train_on_batch([A, B], [LABELS, NUMBERS], sample_weight=weight, return_dict=True)
    for name, value in expected.items():
        assert got[name] == pytest.approx(float(value), rel=1e-10), name


def test_an_output_without_a_loss_is_not_trained(float64):
    model = two_by_two()
    model.compile("sgd", ["sparse_categorical_crossentropy", None])
    before = model.get_layer("number").get_weights()
    with pytest.warns(UserWarning, match=r"number/kernel.*no gradient"):
        logs = model.train_on_batch([A, B], [LABELS], return_dict=True)
    assert list(logs) == ["loss"]
    for a, b in zip(before, model.get_layer("number").get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_one_column_of_layers_is_drawn_on_another_s_features():
    sn.set_random_seed(0)
    base = sn.Sequential(
        [layers.Input((6, 6, 1)), layers.Conv2D(4, 3, name="conv"), layers.GlobalMaxPooling2D()]
    )
    features = Model(base.input, base.get_layer("conv").output)
    x = RNG.normal(size=(2, 6, 6, 1)).astype(np.float32)
    assert np.array_equal(features(x), base.layers[0](x))
    rest = Model(base.get_layer("conv").output, base.output)
    assert np.array_equal(rest(features(x)), base(x))
    assert rest.layers[1] is base.layers[1]


def test_freezing_a_model_inside_trains_what_is_around_it(float64):
    sn.set_random_seed(0)
    base = sn.Sequential([layers.Input((4,)), layers.Dense(5), layers.BatchNormalization()])
    base.trainable = False
    start = layers.Input((4,))
    model = Model(start, layers.Dense(3, activation="softmax")(base(start, training=False)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    twin = reference.twin(model)
    before = base.get_weights()
    for _ in range(2):
        model.train_on_batch(A, LABELS)
        twin.train_on_batch(A, LABELS)
    assert all(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        assert np.abs(a - b).max() < 1e-12
    base.trainable = True
    assert len(model.trainable_weights) == 6
    with pytest.raises(ValueError, match=r"Compile the model again"):
        model.train_on_batch(A, LABELS)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("wired", [None, False, True])
@pytest.mark.parametrize("asked", ["call", False, True, "predict", "train"])
def test_the_mode_a_model_is_called_with_outranks_that_of_its_wiring(nested, wired, asked):
    def trained(library):
        """Whether the layer trained: then its moving mean moved, or its output is normalised."""
        layer = library.layers.BatchNormalization(momentum=0.5)
        inner = library.Sequential([library.layers.Input((1,)), layer]) if nested else layer
        x = library.layers.Input((1,))
        model = library.Model(x, inner(x, training=wired))
        model.compile("sgd", "mse")
        batch = np.array([[1.0], [3.0]])
        if asked == "train":
            model.train_on_batch(batch, batch)
            return np.asarray(layer.moving_mean)[0] == 1
        if asked == "predict":
            y = model.predict(batch, verbose=0)
        else:
            y = model(batch) if asked == "call" else model(batch, training=asked)
        return np.asarray(y).sum() < 1  # inference leaves 1 and 3 as they are

    expected = trained(keras)
    assert trained(sn) == expected
    assert expected == {"call": bool(wired), "predict": False, "train": True}.get(asked, asked)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
def test_files_of_graphs_travel_in_both_directions(tmp_path):
    model = two_by_two("dict", "list")
    inner = layers.Input((3,))
    small = Model(inner, layers.Add()([inner, layers.Dense(3)(inner)]), name="small")
    label, number = model.outputs
    model = Model(model.input, [small(label), number])
    model.compile("adam", ["mse", "mse"], loss_weights=[1.0, 2.0], metrics=[["mae"], ["mae"]])
    x = {"a": A.astype(np.float32), "b": B.astype(np.float32)}
    y = [RNG.normal(size=(10, 3)), NUMBERS]
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    expected = model.predict(x, verbose=0)
    for a, b in zip(theirs.predict(x, verbose=0), expected, strict=True):
        assert np.allclose(a, b, atol=1e-6)
    theirs.save(tmp_path / "theirs.keras")
    again = sn.saving.load_model(tmp_path / "theirs.keras")
    for a, b in zip(again.predict(x, verbose=0), expected, strict=True):
        assert np.array_equal(a, b)
    run = {"verbose": 0, "shuffle": False, "epochs": 1}
    assert again.fit(x, y, **run).history["loss"] == model.fit(x, y, **run).history["loss"]


@pytest.mark.parametrize("show_trainable", [False, True])
def test_summary_is_keras_s_table_with_connections(show_trainable):
    model = two_by_two()
    shown: tuple[list[str], list[str]] = [], []
    options = {"line_length": 110, "show_trainable": show_trainable}
    model.summary(print_fn=shown[0].append, **options)
    reference.twin(model).summary(print_fn=shown[1].append, **options)
    assert "".join(shown[0]) == "".join(shown[1])


def test_a_summary_that_somebody_else_receives_shows_nothing_in_a_notebook(monkeypatch):
    shown: list[object] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *parts: shown.append(parts))
    received: list[str] = []
    two_by_two().summary(print_fn=received.append)
    assert "Total params" in "".join(received)
    assert shown == []
    two_by_two().summary()
    assert shown


def test_summary_of_a_model_inside_a_model_can_be_expanded():
    inner = sn.Sequential([layers.Input((4,)), layers.Dense(4)], name="inner")
    x = layers.Input((4,))
    model = Model(x, layers.Add()([x, inner(x)]))
    shown: tuple[list[str], list[str]] = [], []
    model.summary(print_fn=shown[0].append, line_length=110, expand_nested=True)
    reference.twin(model).summary(print_fn=shown[1].append, line_length=110, expand_nested=True)
    assert "".join(shown[0]) == "".join(shown[1])


def test_input_and_output_are_nested_as_they_were_given():
    model = two_by_two("dict", "tuple")
    assert list(model.input) == ["a", "b"]
    assert isinstance(model.output, tuple)
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["label", "number"]
    out = model({"b": B, "a": A})
    assert isinstance(out, tuple)
    x, y = layers.Input((4,)), layers.Input((3,))
    symbolic = model({"a": x, "b": y})
    assert [t.shape for t in symbolic] == [(None, 3), (None, 2)]


def test_masks_that_are_inputs_reach_attention(float64):
    sn.set_random_seed(0)
    x, mask = layers.Input((5, 4)), layers.Input((5,), dtype="bool")
    attended = layers.Attention()([x, x], mask=[None, mask])
    attended = layers.MultiHeadAttention(2, 3)(attended, attended, value_mask=mask)
    model = Model([x, mask], layers.Dense(2)(layers.Flatten()(attended)))
    model.compile("sgd", "mse")
    twin = reference.twin(model)
    data = [RNG.normal(size=(3, 5, 4)), RNG.random((3, 5)) < 0.7]
    for _ in range(2):
        y = RNG.normal(size=(3, 2))
        assert model.train_on_batch(data, y) == pytest.approx(
            float(twin.train_on_batch(data, y)), rel=1e-10
        )
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        assert np.abs(a - b).max() < 1e-12
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert np.array_equal(again(data), model(data))


def refused(build, *parts, kind=ValueError):
    with pytest.raises(kind) as caught:
        build()
    for part in parts:
        assert part in str(caught.value), str(caught.value)


def test_what_does_not_fit_a_graph_is_named():
    x, other = layers.Input((4,), name="x"), layers.Input((4,), name="other")
    y = layers.Add()([x, other])
    refused(lambda: Model(x, y), "depend on Input 'other'", "['x']")
    refused(lambda: Model(x, np.ones(3)), "among its outputs", "Input(shape)", kind=TypeError)
    twice = layers.Dense(2, name="d")(layers.Dense(4, name="d")(x))
    refused(lambda: Model(x, twice), "Several layers are called 'd'")
    refused(lambda: layers.Add()([x, np.ones((1, 4))]), "an Input of its own", kind=TypeError)
    refused(lambda: np.asarray(x), "has a shape but no values", kind=TypeError)
    refused(lambda: layers.Dense(2)([x, other]), "received 2 inputs", "layers.Concatenate")
    refused(
        lambda: layers.Dense(2)(x, mask=None, speed=3), "argument(s) mask, speed", kind=TypeError
    )


def test_what_does_not_fit_a_model_s_ends_is_named_and_changes_nothing():
    model = two_by_two()
    model.compile(**losses())
    before = model.get_weights()
    refused(lambda: model.fit([A], [LABELS, NUMBERS]), "received 1 inputs", "2: a, b")
    refused(lambda: model.fit({"a": A, "c": B}, [LABELS, NUMBERS]), "['a', 'c']", "['a', 'b']")
    refused(lambda: model.fit([A, B], [LABELS]), "received 1 outputs", "label, number")
    refused(lambda: model.fit([A, B[:5]], [LABELS, NUMBERS]), "x[1] of shape (5, 3) with 5")
    refused(lambda: model.fit([B, A], [LABELS, NUMBERS]), "(10, 3) for 'a'", "(None, 4)")
    refused(lambda: model.fit([A, B], [LABELS + 1, NUMBERS]), "the predictions have 3 classes")
    refused(
        lambda: model.fit([A, B], [LABELS, NUMBERS], class_weight={0: 1.0}), "class_weight", "2."
    )
    refused(lambda: model.compile("sgd", {"label": "mse"}), "'number'", "label, number")
    refused(lambda: model.compile("sgd", ["mse"]), "loss has 1 entries", "2, one for each output")
    refused(lambda: model.compile("sgd", "mse", loss_weights=[1.0]), "loss_weights has 1 entries")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.iterations == 0
