"""What losses refuse, and with which sentence; names, aliases and configurations."""

from __future__ import annotations

import inspect
import warnings

import keras
import numpy as np
import pytest

from scratchnet import losses

CLASSES = [name for name in losses.__all__ if inspect.isclass(getattr(losses, name))]
OWN = [name for name in CLASSES if name != "Loss"]
FUNCTIONS = [
    name for name in losses.__all__ if name[0].islower() and name not in ("get", "serialize")
]
FUNCTIONS.remove("deserialize")


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS, "get", "serialize", "deserialize"])
def test_arguments_stand_in_keras_s_order_with_keras_s_defaults(name):
    ours, theirs = (
        inspect.signature(getattr(library, name)).parameters for library in (losses, keras.losses)
    )
    assert list(ours) == list(theirs)
    for argument in ours:
        if argument != "name":  # None stands for the name in snake case
            assert ours[argument].default == theirs[argument].default


@pytest.mark.parametrize("name", OWN)
def test_names_and_configurations_are_keras_s(name):
    ours, theirs = getattr(losses, name)(), getattr(keras.losses, name)()
    assert ours.name == theirs.name
    assert theirs.get_config().items() <= ours.get_config().items()
    assert set(ours.get_config()) - set(theirs.get_config()) <= {"axis", "delta"}
    again = losses.get(losses.serialize(ours))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()


@pytest.mark.parametrize("name", OWN)
def test_every_argument_is_kept_and_written(name):
    other = {bool: lambda v: not v, float: lambda v: v / 2 + 0.25, int: lambda v: 1}
    arguments = {"name": "another", "reduction": "sum", "dtype": "float64"}
    for argument, parameter in inspect.signature(getattr(losses, name)).parameters.items():
        if type(parameter.default) in other:
            arguments[argument] = other[type(parameter.default)](parameter.default)
        assert argument in arguments or parameter.default is None
    loss = getattr(losses, name)(**arguments)
    assert loss.get_config().items() >= arguments.items()
    assert type(loss).from_config(loss.get_config()).get_config() == loss.get_config()
    for argument, value in arguments.items():
        assert getattr(loss, argument) == value


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_this_module_is_a_loss_by_itself_or_by_name(name):
    for identifier in (name, getattr(losses, name)):
        if name == "categorical_generalized_cross_entropy" and callable(identifier):
            continue
        loss = losses.get(identifier)
        assert isinstance(loss, losses.Loss)
        assert type(loss) is type(losses.get(type(loss).__name__))
    keras_config = {"module": "builtins", "class_name": "function", "config": name}
    assert type(losses.deserialize(keras_config)) is type(losses.get(name))


def test_keras_s_names_and_aliases_are_known():
    from keras.src.losses import ALL_OBJECTS_DICT

    missing = {"Loss", "LossFunctionWrapper", "CTC", "ctc"}
    for name in set(ALL_OBJECTS_DICT) - missing:
        assert isinstance(losses.get(name), losses.Loss)
    assert losses.get(None) is None


def test_get_returns_an_instance_as_it_is_and_makes_one_of_a_class():
    loss = losses.Huber(2.0)
    assert losses.get(loss) is loss
    assert losses.get(losses.Huber).delta == 1.0


def test_a_loss_of_one_s_own_is_read_back_through_custom_objects():
    class Cube(losses.Loss):
        pass

    entry = losses.serialize(Cube(reduction="sum"))
    assert losses.deserialize(entry, custom_objects={"Cube": Cube}).reduction == "sum"
    with pytest.raises(ValueError, match="Unknown loss 'Cube'"):
        losses.deserialize(entry)


def test_a_loss_that_lacks_a_method_says_which():
    class Nothing(losses.Loss):
        pass

    class NoGradient(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_pred - y_true).mean(axis=-1)

    with pytest.raises(NotImplementedError, match=r"Nothing does not define call\(y_true"):
        Nothing()([[0.0]], [[1.0]])
    assert NoGradient()([[0.0]], [[1.0]]) == 1
    with pytest.raises(NotImplementedError, match="does not define call_gradient"):
        NoGradient().gradient([[0.0]], [[1.0]])
    with pytest.raises(NotImplementedError, match="Huber has no form that takes logits"):
        losses.Huber().on_logits()


def test_dtype_is_kept_in_the_configuration_though_keras_forgets_it():
    assert "dtype" not in losses.Huber().get_config()
    loss = losses.get(losses.serialize(losses.Huber(dtype="float64")))
    assert loss(np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)).dtype == np.float64
    assert keras.losses.deserialize(losses.serialize(loss)).dtype == "float64"


def test_axes_are_read_back_from_a_keras_file():
    for axis in ((1, 2), 1, None):
        theirs = keras.saving.serialize_keras_object(keras.losses.Dice(axis=axis))
        assert losses.get(theirs).axis == axis
    assert losses.get({"class_name": "Tversky", "config": {"axis": [1, 2]}}).axis == (1, 2)
    wrapped = {"class_name": "__tuple__", "config": {"value": [1, 2]}}
    for name in ("Dice", "Tversky"):
        assert losses.get({"class_name": name, "config": {"axis": wrapped}}).axis == (1, 2)


def test_an_unknown_loss_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Did you mean 'categorical_crossentropy'\?"):
        losses.get("categorical_crossentrop")
    with pytest.raises(TypeError, match="Cannot read a loss from 3"):
        losses.get(3)


def test_a_function_is_refused_because_it_has_no_gradient():
    with pytest.raises(TypeError, match=r"A loss needs its gradient.*subclass"):
        losses.get(lambda y_true, y_pred: 0)


@pytest.mark.parametrize("kind", [getattr(losses, name) for name in CLASSES])
def test_an_unknown_reduction_is_refused(kind):
    with pytest.raises(ValueError, match=r"received reduction='average'. Expected one of 'sum_ov"):
        kind(reduction="average")


@pytest.mark.parametrize(
    ("kind", "arguments", "error", "text"),
    [
        (losses.Huber, {"delta": "1"}, TypeError, r"Huber received delta='1' \(str\)"),
        (losses.Huber, {"delta": True}, TypeError, "delta=True"),
        (losses.BinaryCrossentropy, {"label_smoothing": 1.5}, ValueError, "from 0 to 1"),
        (losses.CategoricalCrossentropy, {"label_smoothing": -0.1}, ValueError, "smoothing=-0.1"),
        (losses.CategoricalCrossentropy, {"axis": True}, TypeError, "axis=True"),
        (losses.BinaryCrossentropy, {"axis": None}, TypeError, "Expected an integer"),
        (losses.CosineSimilarity, {"axis": (1, 2)}, TypeError, "Expected an integer"),
        (losses.Dice, {"axis": 1.5}, TypeError, "axis=1.5"),
        (losses.Tversky, {"axis": (1, "2")}, TypeError, "axis='2'"),
        (losses.Tversky, {"beta": None}, TypeError, "Tversky received beta=None"),
        (losses.BinaryFocalCrossentropy, {"gamma": "2"}, TypeError, "gamma='2'"),
        (losses.CategoricalFocalCrossentropy, {"alpha": [1, "2"]}, TypeError, "alpha='2'"),
        (losses.CategoricalGeneralizedCrossEntropy, {"q": 0}, ValueError, "between 0 and 1"),
        (losses.CategoricalGeneralizedCrossEntropy, {"q": 1}, ValueError, "between 0 and 1"),
        (losses.MeanSquaredError, {"dtype": "int32"}, ValueError, "floating point"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_named(kind, arguments, error, text):
    with pytest.raises(error, match=text):
        kind(**arguments)


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        (name, argument)
        for name in OWN
        for argument, parameter in inspect.signature(getattr(losses, name)).parameters.items()
        if argument == "axis" or type(parameter.default) is float
    ],
)
def test_every_number_and_axis_is_checked_and_named(name, argument):
    with pytest.raises(TypeError, match=rf"^{name} received {argument}='text' \(str\)"):
        getattr(losses, name)(**{argument: "text"})


@pytest.mark.parametrize("y_shape", [(2, 1), (3,), (2, 4), (2, 3, 2)])
def test_targets_of_another_shape_are_refused_and_not_broadcast(y_shape):
    for loss in (losses.MeanSquaredError(), losses.Hinge(), losses.BinaryCrossentropy()):
        with pytest.raises(ValueError, match="The targets do not fit the predictions"):
            loss(np.zeros(y_shape), np.full((2, 3), 0.5))
    with pytest.raises(ValueError, match=r"np\.eye\(3\)\[labels\]"):
        losses.CategoricalCrossentropy()(np.zeros(y_shape), np.full((2, 3), 0.5))


def test_an_axis_that_the_predictions_lack_is_named():
    y = np.full((2, 3), 0.5)
    with pytest.raises(ValueError, match=r"works along axis=2, which predictions of shape \(2, 3"):
        losses.CosineSimilarity(axis=2)(y, y)
    with pytest.raises(ValueError, match=r"axis=\(1, -3\).*Expected axes from -2 to 1"):
        losses.Dice(axis=(1, -3))(y, y)
    with pytest.raises(ValueError, match="which predictions of shape"):
        losses.MeanSquaredError()(1.0, 2.0)
    with pytest.raises(ValueError, match=r"has axis=0, but works along the last axis"):
        losses.SparseCategoricalCrossentropy(axis=0)([0, 1], y)


def test_weights_that_do_not_fit_are_refused_with_both_shapes():
    y = np.full((2, 3), 0.5)
    with pytest.raises(ValueError, match=r"received shape \(5,\) for losses of shape \(2,\)"):
        losses.MeanSquaredError()(y, y, np.ones(5))
    ignoring = losses.SparseCategoricalCrossentropy(ignore_class=0)
    with pytest.raises(ValueError, match=r"received shape \(5,\) for losses of shape \(2,\)"):
        ignoring.gradient([0, 1], y, np.ones(5))


@pytest.mark.parametrize(
    "loss", [losses.SparseCategoricalCrossentropy(), losses.CategoricalGeneralizedCrossEntropy()]
)
def test_a_label_out_of_range_is_named_with_its_place(loss):
    predictions = np.full((2, 3), 1 / 3)
    with pytest.raises(ValueError, match=r"y\[1\] is 3, but the predictions have 3 classes"):
        loss([0, 3], predictions)
    with pytest.raises(ValueError, match=r"y\[0, 0\] is -1"):
        loss([[-1], [0]], predictions)
    with pytest.raises(ValueError, match=r"y\[0\] is nan"):
        loss([np.nan, 0], predictions)
    with pytest.raises(ValueError, match="one-hot rows go with"):
        loss(np.eye(3)[:2], predictions)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0], [[0, 1], [0, 1]], 0])
def test_labels_that_are_too_many_or_too_few_are_refused(labels):
    for loss in (
        losses.SparseCategoricalCrossentropy(),
        losses.SparseCategoricalCrossentropy(True),
    ):
        with pytest.raises(ValueError, match="The labels do not fit the predictions"):
            loss(labels, np.full((2, 3), 1 / 3))
    loss.check(np.array([0, 1, 2]), (None, 3))  # of a model, which takes any number of samples


def test_embeddings_come_one_to_a_label():
    with pytest.raises(ValueError, match=r"y of shape \(3,\) for embeddings of shape \(2, 4\)"):
        losses.Circle()([0, 1, 2], np.zeros((2, 4)))
    with pytest.raises(ValueError, match="The labels do not fit the embeddings"):
        losses.circle([0, 1], np.zeros((2, 4)), [0], np.zeros((2, 4)))


def test_labels_of_embeddings_may_stand_in_a_column_but_not_in_two():
    labels, embeddings = np.array([0, 1, 0]), np.eye(3)
    assert losses.Circle()(labels[:, None], embeddings) == losses.Circle()(labels, embeddings)
    with pytest.raises(ValueError, match="The labels do not fit"):
        losses.Circle()(np.stack([labels, labels], axis=1), embeddings)


def test_an_ignored_label_may_be_out_of_range_but_no_other():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    predictions = np.full((2, 3), 1 / 3)
    assert loss([0, 255], predictions) == pytest.approx(np.log(3))
    with pytest.raises(ValueError, match=r"y\[1\] is 254"):
        loss([255, 254], predictions)


def test_as_many_alphas_as_classes():
    predictions = np.full((2, 3), 1 / 3)
    with pytest.raises(ValueError, match=r"Expected one number, or 3 of them"):
        losses.CategoricalFocalCrossentropy(alpha=[0.5, 0.5])(np.eye(3)[:2], predictions)


def test_an_array_of_alphas_keeps_its_precision_and_is_written_as_a_list():
    alpha = np.array([0.1, 0.2, 0.3])
    loss = losses.CategoricalFocalCrossentropy(alpha=alpha)
    theirs = keras.losses.CategoricalFocalCrossentropy(alpha=alpha, dtype="float64")
    y, predictions = np.array([[0.0, 0.0, 1.0]]), np.array([[0.25, 0.25, 0.5]])
    assert loss(y, predictions) == pytest.approx(float(theirs(y, predictions)), rel=1e-14)
    assert loss.get_config()["alpha"] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    "kind", [losses.CategoricalCrossentropy, losses.CategoricalFocalCrossentropy]
)
def test_one_class_alone_is_warned_about(kind):
    with pytest.warns(SyntaxWarning, match="a single class has probability 1") as seen:
        kind()([[1.0]], [[0.5]])
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.BinaryCrossentropy()([[1.0]], [[0.5]])
