"""Functions and subclasses serve as metrics; names and configurations lead back to them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import scratchnet as sn
from scratchnet import layers, metrics


def r2(y_true, y_pred):
    """R² of a batch, by hand."""
    residual = np.square(y_true - y_pred).sum()
    return 1 - residual / np.square(y_true - y_true.mean()).sum()


def largest_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max(axis=-1)


def test_a_function_is_a_metric():
    metric = metrics.get(largest_error)
    metric.update_state(np.array([[0.0, 1.0]]), np.array([[2.0, 1.0]]))
    metric.update_state(np.array([[0.0, 1.0]]), np.array([[0.0, 5.0]]))
    assert metric.name == "largest_error"
    assert metric.result() == 3


def test_a_function_of_the_whole_batch_counts_once_a_batch():
    y = np.array([[1.0], [2.0], [3.0]])
    metric = metrics.get(r2)
    metric.update_state(y, y)
    metric.update_state(y[:2], np.array([[1.5], [1.5]]))
    assert metric.result() == 0.5
    whole = metrics.R2Score()
    assert whole(y, y + 1) == pytest.approx(r2(y, y + 1))


def test_metrics_of_every_kind_of_result_are_watched_in_training():
    sn.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3)).astype(np.float32)
    y = np.eye(3, dtype=np.float32)[x.argmax(axis=-1)]
    model = sn.Sequential([layers.Input((3,)), layers.Dense(3, activation="softmax")])
    watched = [
        r2,
        "accuracy",
        metrics.F1Score(average=None),
        metrics.R2Score(class_aggregation=None),
        metrics.ConfusionMatrix(3),
        metrics.AUC(multi_label=True),
        metrics.Precision(thresholds=[0.25, 0.5]),
    ]
    model.compile("adam", "categorical_crossentropy", metrics=watched)
    with sn.use("formulas"):
        model.fit(x, y, batch_size=8, epochs=1, verbose=0)
        logs = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
        y_pred = model.predict(x, verbose=0)
    assert logs["confusion_matrix"].sum() == 20
    assert np.trace(logs["confusion_matrix"]) == round(20 * logs["accuracy"])
    assert logs["f1_score"].shape == logs["r2_score"].shape == (3,)
    for metric in watched[2:]:
        again = type(metric).from_config(metric.get_config())
        np.testing.assert_allclose(logs[metric.name], again(y, y_pred), rtol=1e-6)
    assert logs["r2"] == pytest.approx(
        np.mean([r2(y[i : i + 8], y_pred[i : i + 8]) for i in (0, 8, 16)])
    )


class Longest(metrics.Metric):
    """The largest prediction so far, of those that have a weight."""

    def __init__(self, start=0.0, **arguments):
        super().__init__(**arguments)
        self.start = start
        self.largest = self.add_weight((), "zeros", name="largest")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(max(self.largest.numpy(), np.max(y_pred)))

    def result(self):
        return self.as_result(self.largest)

    def get_config(self):
        return super().get_config() | {"start": self.start}


def test_a_subclass_is_a_metric():
    metric = Longest(name="longest", start=2.0)
    assert metric([0.0], [3.0]) == metric([0.0], [1.0]) == 3
    assert metric.result().dtype == np.float32
    assert [variable.path for variable in metric.variables] == ["longest/largest"]
    metric.reset_state()
    assert metric.result() == 0
    config = metrics.serialize(metric)
    assert metrics.deserialize(config, {"Longest": Longest}).get_config() == metric.get_config()
    with pytest.raises(ValueError, match="metric 'Longest'"):
        metrics.deserialize(config)
    assert repr(metric) == "<Longest name=longest>"


def test_a_subclass_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match=r"Metric does not define update_state"):
        metrics.Metric(name="empty")([0], [0])
    with pytest.raises(NotImplementedError, match=r"Metric does not define result"):
        metrics.Metric(name="empty").result()


def test_a_wrapped_function_of_ours_goes_through_its_configuration():
    metric = metrics.MeanMetricWrapper(metrics.huber, name="close", delta=0.5)
    theirs = keras.metrics.deserialize(metrics.serialize(metric))
    back = metrics.deserialize(keras.metrics.serialize(theirs))
    y = np.zeros((1, 2), np.float32), np.array([[0.25, 3.0]], np.float32)
    assert back(*y) == metric(*y) == pytest.approx(float(theirs(*y)))
    config = metrics.get(r2).get_config()
    with pytest.raises(ValueError, match=r"Unknown metric function 'r2'"):
        metrics.MeanMetricWrapper.from_config(config)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "kind"),
    [
        (np.zeros((4, 1)), np.zeros((4, 1)), metrics.BinaryAccuracy),
        (np.zeros((4, 3)), np.zeros((4, 3)), metrics.CategoricalAccuracy),
        (np.zeros((4,), int), np.zeros((4, 3)), metrics.SparseCategoricalAccuracy),
        (np.zeros((4, 1), int), np.zeros((4, 3)), metrics.SparseCategoricalAccuracy),
        (np.zeros((1, 1), int), np.zeros((1, 3)), metrics.SparseCategoricalAccuracy),
        (np.zeros((1, 3)), np.zeros((1, 3)), metrics.CategoricalAccuracy),
    ],
)
def test_accuracy_is_the_kind_that_fits_the_targets(y_true, y_pred, kind):
    assert type(metrics.resolve("accuracy", y_true, y_pred)) is kind


def test_every_name_of_keras_is_known_and_leads_to_the_same_class():
    from keras.src.metrics import ALL_OBJECTS_DICT

    required = {
        "IoU": (2, [0]),
        "MeanIoU": (2,),
        "OneHotIoU": (2, [0]),
        "OneHotMeanIoU": (2,),
        "MeanMetricWrapper": (metrics.binary_accuracy,),
        "SensitivityAtSpecificity": (0.5,),
        "SpecificityAtSensitivity": (0.5,),
        "PrecisionAtRecall": (0.5,),
        "RecallAtPrecision": (0.5,),
    }
    for identifier, theirs in ALL_OBJECTS_DICT.items():
        name = theirs.__name__
        if name == "Metric":
            continue
        if name in required:
            ours = getattr(metrics, name)(*required[name])
            with pytest.raises(TypeError, match="missing"):
                metrics.get(identifier)
        else:
            ours = metrics.get(identifier)
            assert type(ours).__name__ == name
        assert metrics.get(metrics.serialize(ours)).get_config() == ours.get_config()
    assert type(metrics.get("acc")) is metrics.Accuracy


def test_an_unknown_metric_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Did you mean 'mean_squared_error'\?"):
        metrics.get("mean_square_error")


def test_metrics_without_a_name_are_numbered():
    layers.layer.reset_names()
    assert [metrics.AUC().name for _ in range(3)] == ["auc", "auc_1", "auc_2"]


def test_directions_are_those_of_keras():
    from keras.src.metrics import ALL_OBJECTS

    for theirs in ALL_OBJECTS:
        ours = getattr(metrics, theirs.__name__)
        try:
            expected = getattr(theirs(), "_direction", None)
        except TypeError:  # it needs arguments, and then its direction is up
            continue
        if theirs.__name__ not in ("KLDivergence", "Poisson"):
            assert ours._direction == expected, theirs.__name__


def test_a_variable_of_a_metric_of_one_s_own_begins_at_zero_unless_told_otherwise():
    class Own(metrics.Metric):
        pass

    metric = Own()
    assert not metric.add_variable((2,), name="a").value.any()
    assert not metric.add_variable((2,), None, name="b").value.any()
    assert metric.add_variable((2,), "ones", name="c").value.all()
    metric.reset_state()
    assert not any(variable.value.any() for variable in metric.variables)
