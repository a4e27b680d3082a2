"""Names, arguments and state: every metric carries those of Keras's own."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
from keras.src.metrics import ALL_OBJECTS

from scratchnet import metrics
from scratchnet.layers.layer import reset_names

REQUIRED = {
    "IoU": (2, [0]),
    "MeanIoU": (2,),
    "OneHotIoU": (2, [0]),
    "OneHotMeanIoU": (2,),
    "SensitivityAtSpecificity": (0.5,),
    "SpecificityAtSensitivity": (0.5,),
    "PrecisionAtRecall": (0.5,),
    "RecallAtPrecision": (0.5,),
}
NAMES = sorted({kind.__name__ for kind in ALL_OBJECTS} - {"Metric", "MeanMetricWrapper"})
SERVICES = {"deserialize", "get", "resolve", "serialize"}
FUNCTIONS = [name for name in metrics.__all__ if name[0].islower() and name not in SERVICES]


@pytest.fixture(autouse=True)
def no_numbers_behind_names():
    reset_names()
    keras.utils.clear_session(free_memory=False)


def both(name):
    """Ours and Keras's, of those arguments that it requires."""
    return [getattr(each, name)(*REQUIRED.get(name, ())) for each in (metrics, keras.metrics)]


@pytest.mark.parametrize("name", NAMES)
def test_names_arguments_and_defaults_are_keras_s(name):
    ours, theirs = both(name)
    assert ours.name == theirs.name
    signature = inspect.signature(type(theirs)).parameters
    assert list(inspect.signature(type(ours)).parameters) == list(signature)
    for argument, parameter in signature.items():
        assert inspect.signature(type(ours)).parameters[argument].default == parameter.default


@pytest.mark.parametrize("name", NAMES)
def test_an_argument_can_be_read_where_keras_s_can(name):
    ours, theirs = both(name)
    for argument in inspect.signature(type(theirs)).parameters:
        if hasattr(theirs, argument) and argument not in ("curve", "summation_method"):  # enums
            assert np.array_equal(getattr(ours, argument), getattr(theirs, argument)), argument


@pytest.mark.parametrize("name", NAMES)
def test_variables_have_keras_s_paths_and_shapes(name):
    y = np.eye(2, dtype=np.float32)[[0, 1, 1]]
    pairs = both(name)
    for metric in pairs:
        if name in ("Mean", "Sum"):
            metric.update_state(y)
        elif name.startswith("Sparse") or name in ("IoU", "MeanIoU", "BinaryIoU"):
            metric.update_state(y[:, 0], y[:, 0] if "IoU" in name else y)
        else:
            metric.update_state(y, y)
    ours, theirs = ([(v.path, tuple(v.shape)) for v in each.variables] for each in pairs)
    assert ours == theirs


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_found_by_its_name(name):
    function = getattr(metrics, name)
    assert metrics.FUNCTIONS[name] is function
    wrapped = metrics.MeanMetricWrapper(function)
    assert wrapped.name == name
    again = metrics.MeanMetricWrapper.from_config(wrapped.get_config())
    y = np.array([0, 1]) if name.startswith("sparse") else np.eye(3)[:2]
    scores = np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    assert again(y, scores) == wrapped(y, scores)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if hasattr(keras.metrics, name)])
def test_defaults_of_functions_are_keras_s(name):
    ours, theirs = (inspect.signature(getattr(each, name)) for each in (metrics, keras.metrics))
    for argument, parameter in theirs.parameters.items():
        assert ours.parameters[argument].default == parameter.default, argument
