"""Classes of the user's own travel in files, under Keras's names; a Lambda does not."""

from __future__ import annotations

import doctest
import json

import keras
import numpy as np
import pytest

import reference
import scratchnet as sn
from scratchnet import custom_objects, inspection, layers, saving
from scratchnet.layers import layer as layer_module

# Keras's variables hand themselves to h5py in NumPy's old way
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword"
)
float64 = pytest.mark.usefixtures("float64")


class Scale(layers.Layer):
    """y = factor · γ · x"""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.gamma = self.add_weight((input_shape[-1],), "ones", "gamma")

    def forward(self, x, training):
        return self.factor * self.gamma.value * x, x

    def backward(self, dy, saved, needs_dx=True):
        dgamma = (self.factor * saved * dy).sum(axis=tuple(range(dy.ndim - 1)))
        return self.factor * self.gamma.value * dy, [dgamma] if self.gamma.trainable else []

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


class InKeras:
    @keras.saving.register_keras_serializable("shop")
    class Scale(keras.layers.Layer):
        def __init__(self, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def build(self, input_shape):
            self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")

        def call(self, x):
            return self.factor * self.gamma * x

        def get_config(self):
            return super().get_config() | {"factor": self.factor}


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    before = dict(saving.get_custom_objects())
    names = dict(custom_objects._names)
    yield
    saving.get_custom_objects().clear()
    saving.get_custom_objects().update(before)
    custom_objects._names.clear()
    custom_objects._names.update(names)


def functional(layer):
    x = layers.Input((3,))
    return sn.Model(x, layers.Dense(2)(layers.Add()([x, layer(x)])))


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@float64
def test_the_layer_s_backward_is_right():
    found = inspection.check_gradients(Scale(0.5), random(2, 4, 3))
    assert found.passed, str(found)


@float64
def test_a_layer_of_one_s_own_trains_as_its_keras_twin():
    saving.register_keras_serializable("shop")(Scale)
    ours = functional(Scale(0.5))
    theirs = keras.models.model_from_json(ours.to_json())
    assert isinstance(theirs.layers[1], InKeras.Scale)
    theirs.set_weights(ours.get_weights())
    for model in (ours, theirs):
        model.compile(optimizer="sgd", loss="mse")
        model.fit(random(8, 3), random(8, 2), epochs=3, verbose=0, shuffle=False)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert reference.relative_error(a, b) <= 1e-12


@pytest.mark.parametrize("make", [functional, lambda own: sn.Sequential([layers.Input((3,)), own])])
def test_a_file_is_loaded_with_custom_objects(make, tmp_path):
    model = make(Scale(0.5))
    model.compile("sgd", "mse")
    model.fit(random(4, 3), model(random(4, 3)) + 1, verbose=0)
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras", custom_objects={"Scale": Scale})
    assert np.array_equal(again(random(4, 3)), model(random(4, 3)))
    assert again.compiled
    with pytest.raises(ValueError, match=r"Unknown layer 'Scale'.*custom_objects=\{'Scale': Scale"):
        saving.load_model(tmp_path / "m.keras")
    config = model.get_config()
    for kind in (type(model), sn.Model)[: 1 if isinstance(model, sn.Sequential) else 2]:
        assert kind.from_config(config, custom_objects={"Scale": Scale}).count_params() > 0
    with saving.custom_object_scope({"Scale": Scale}):
        assert type(model).from_config(config).layers[-1].name == model.layers[-1].name


def test_a_registered_layer_travels_to_keras_and_back(tmp_path):
    saving.register_keras_serializable("shop")(Scale)
    model = functional(Scale(0.5))
    model.layers[1].set_weights([random(3)])
    model.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    assert isinstance(theirs.layers[1], InKeras.Scale)
    x = random(4, 3).astype(np.float32)
    assert np.allclose(theirs(x), model(x), rtol=1e-5, atol=1e-6)
    theirs.save(tmp_path / "theirs.keras")
    again = saving.load_model(tmp_path / "theirs.keras")
    assert isinstance(again.layers[1], Scale)
    assert np.array_equal(again(x), model(x))


def test_names_are_keras_s():
    class Plain(layers.Layer):
        pass

    for library in (sn.saving, keras.saving, sn.utils, keras.utils):
        base = sn.layers.Layer if library in (sn.saving, sn.utils) else keras.layers.Layer

        class Own(base):
            pass

        assert library.get_registered_name(Own) == "Own"
        assert library.get_registered_object("Own") is None
        assert library.get_registered_object("Own", {"Own": Own}) is Own
        assert library.get_registered_object("Own", None, {"Own": Own}) is Own
        assert library.register_keras_serializable()(Own) is Own
        assert library.get_registered_name(Own) == "Custom>Own"
        library.register_keras_serializable("shop", "other")(Own)
        assert library.get_registered_name(Own) == "shop>other"
        assert library.get_custom_objects()["shop>other"] is Own
        assert library.get_registered_object("shop>other") is Own
        with library.CustomObjectScope({"mine": Own}):
            assert library.get_registered_object("mine") is Own
        assert library.get_registered_object("mine") is None
        del library.get_custom_objects()["shop>other"], library.get_custom_objects()["Custom>Own"]
    assert layers.serialize(Plain())["registered_name"] == "Plain"
    assert layers.serialize(layers.Flatten())["registered_name"] is None


def test_a_scope_adds_to_the_one_around_it_and_ends():
    with saving.custom_object_scope({"a": 1, "b": 1}):
        with saving.custom_object_scope({"b": 2}):
            assert [saving.get_registered_object(n) for n in "ab"] == [1, 2]
        assert saving.get_registered_object("b") == 1
    with pytest.raises(KeyError, match="inside"), saving.custom_object_scope({"a": 1}):
        raise KeyError("inside")
    assert saving.get_registered_object("a") is None


def test_a_class_of_one_s_own_never_gives_way_to_scratchnet_s_of_that_name(tmp_path):
    class Dense(layers.Dense):
        pass

    model = sn.Sequential([layers.Input((3,)), Dense(2), layers.Dense(1)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="Unknown layer 'Dense': it is a class of the module"):
        saving.load_model(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras", {"Dense": Dense})
    assert [type(layer) for layer in again.layers] == [Dense, layers.Dense]
    with pytest.raises(TypeError, match="Expected a layer: a subclass of Layer"):
        saving.load_model(tmp_path / "m.keras", {"Dense": int})


def test_all_kinds_of_objects_may_be_one_s_own(tmp_path):
    class Huge(sn.initializers.Constant):
        pass

    class Soft(sn.regularizers.L2):
        pass

    class Slow(sn.optimizers.SGD):
        pass

    class Cube(sn.losses.MeanSquaredError):
        pass

    class Worst(sn.metrics.MeanAbsoluteError):
        pass

    def spread(y_true, y_pred):
        return np.abs(y_true - y_pred).max(axis=-1)

    square = sn.activations.ActivationFunction(
        "square", lambda x: x * x, lambda dy, x: 2 * x * dy, keeps="x"
    )
    own = layers.Dense(2, square, kernel_initializer=Huge(0.5), kernel_regularizer=Soft(0.1))
    model = sn.Sequential([layers.Input((3,)), own])
    model.compile(Slow(0.125), Cube(), metrics=[Worst(), spread])
    x, y = random(4, 3), random(4, 2)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    objects = {kind.__name__: kind for kind in (Huge, Soft, Slow, Cube, Worst, spread)}
    again = saving.load_model(tmp_path / "m.keras", {**objects, "square": square})
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert type(again.optimizer) is Slow
    assert type(again.loss) is Cube
    for left_out in objects:
        others = {name: each for name, each in objects.items() if name != left_out}
        with pytest.raises(ValueError, match=left_out):
            saving.load_model(tmp_path / "m.keras", {**others, "square": square})
    for kind in objects.values():
        saving.register_keras_serializable("shop")(kind)
    saving.register_keras_serializable("shop")(square)
    model.save(tmp_path / "m.keras")
    assert saving.load_model(tmp_path / "m.keras").layers[0].activation is square
    assert isinstance(sn.losses.get("shop>Cube"), Cube)


def test_registering_refuses_what_no_file_can_name():
    with pytest.raises(ValueError, match=r"The class object has no get_config\(\)"):
        saving.register_keras_serializable()(object)
    with pytest.raises(TypeError, match="with parentheses"):
        saving.register_keras_serializable(Scale)


def test_there_is_no_lambda_and_the_error_says_what_to_write():
    with pytest.raises(ValueError, match="cannot be saved safely") as caught:
        layers.Lambda(lambda x: x * x)
    sketch = str(caught.value).split("\n\n")[1]
    names = {"layers": layers}
    exec("\n".join(line[4:] for line in sketch.splitlines()), names)
    square = names["Square"](dtype="float64")
    assert np.array_equal(square([[3.0]]), [[9.0]])
    assert inspection.check_gradients(square, random(2, 3)).passed


@pytest.mark.parametrize("safe_mode", [True, False])
def test_a_keras_file_with_a_lambda_is_refused_and_says_why(safe_mode, tmp_path):
    x = keras.Input((3,))
    keras.Model(x, keras.layers.Lambda(lambda x: x * x)(x)).save(tmp_path / "theirs.keras")
    message = "There is no Lambda layer here" if safe_mode else "never run here"
    with pytest.raises(ValueError, match=message):
        saving.load_model(tmp_path / "theirs.keras", safe_mode=safe_mode)


def test_a_lambda_as_an_activation_is_refused_too():
    config = keras.layers.Dense(2, activation="relu").get_config()
    config["activation"] = {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}}
    with pytest.raises(ValueError, match="Python lambda, which is code in a file"):
        layers.Dense.from_config(config)


def test_json_holds_the_architecture_and_the_compilation():
    model = functional(layers.Dense(3, name="inner"))
    model.compile(sn.optimizers.SGD(0.125), "mse", metrics=["mae"])
    text = model.to_json(indent=2)
    assert text.startswith('{\n  "module"')
    again = sn.models.model_from_json(text)
    theirs = keras.models.model_from_json(text)
    back = sn.models.model_from_json(theirs.to_json())
    for other in (again, back):
        assert other.get_config() == model.get_config()
        assert other.compiled == theirs.compiled is True
    own = functional(Scale())
    with pytest.raises(ValueError, match="Unknown layer 'Scale'"):
        sn.models.model_from_json(own.to_json())
    assert sn.models.model_from_json(own.to_json(), {"Scale": Scale}).count_params() == 3 + 8
    with pytest.raises(ValueError, match=r"holds a Dense\. Expected a model"):
        sn.models.model_from_json(json.dumps(layers.serialize(layers.Dense(2))))


def test_models_has_keras_s_names_for_files_too():
    assert sn.models.load_model is saving.load_model
    assert sn.models.save_model is saving.save_model
    with pytest.raises(AttributeError, match="has no attribute 'load'"):
        sn.models.load  # noqa: B018


def test_the_examples_are_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in (custom_objects, layer_module):
        results = doctest.testmod(module)
        assert results.attempted > 5
        assert results.failed == 0
