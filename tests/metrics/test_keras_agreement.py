"""Every metric, fed the same batches as Keras's own, gives the same result after each."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.cases.metrics import FLOAT32, batches, metric_error, value_error
from scratchnet import metrics

pytestmark = pytest.mark.usefixtures("float64")

seeds = st.integers(0, 2**32 - 1)
shares = st.sampled_from([0.0, 0.25, 0.3, 0.5, 0.75, 1.0])


@st.composite
def fed(draw, kinds, smallest=0, nan=False):
    """Batches of one of these kinds, with and without weights, the last one after a reset."""
    kind = draw(st.sampled_from(kinds))
    sizes = draw(st.lists(st.integers(smallest, 6), min_size=2, max_size=4))
    given_batches = batches(kind, draw(seeds), sizes)
    if nan and draw(st.booleans()):
        for each in given_batches:
            each.y_pred[: each.y_pred.shape[0] // 2, ...].flat[::2] = np.nan
    return given_batches


@given(
    name=st.sampled_from(["CategoricalAccuracy", "BinaryAccuracy", "Accuracy"]),
    threshold=shares,
    batches=fed(["one-hot ties", "multi-label"], nan=True),
)
def test_accuracies_of_rows_and_of_outputs(name, threshold, batches):
    arguments = {"threshold": threshold} if name == "BinaryAccuracy" else {}
    assert metric_error(getattr(metrics, name)(**arguments), batches) <= 1e-12


@given(batches=fed(["sparse", "sparse column"], nan=True))
def test_accuracies_of_labels(batches):
    assert metric_error(metrics.SparseCategoricalAccuracy(), batches) <= 1e-12


@given(
    k=st.integers(1, 6),
    one_hot=fed(["one-hot float32"], nan=True),
    labels=fed(["sparse float32"], nan=True),
    ids=fed(["sorted ids"]),
)
def test_top_k_counts_every_class_that_ties_with_the_kth(k, one_hot, labels, ids):
    sparse = metrics.SparseTopKCategoricalAccuracy
    assert metric_error(metrics.TopKCategoricalAccuracy(k), one_hot) <= 1e-12
    assert metric_error(sparse(k), labels) <= 1e-12
    assert metric_error(sparse(k, from_sorted_ids=True), ids) <= 1e-12


@given(seed=seeds, weights=st.sampled_from([(), (4,), (4, 3)]))
def test_accuracies_of_pixels(seed, weights):
    rng = np.random.default_rng(seed)
    labels, scores = rng.integers(0, 5, (4, 3)), np.round(rng.random((4, 3, 5)), 1)
    weight = rng.integers(0, 5, weights) / 4 + 0.25
    for name, y_true in (
        ("SparseCategoricalAccuracy", labels),
        ("SparseCategoricalAccuracy", labels[..., None]),
        ("CategoricalAccuracy", np.eye(5)[labels]),
    ):
        ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
        result = ours(y_true, scores, sample_weight=weight)
        assert value_error(result, theirs(y_true, scores, sample_weight=weight)) <= 1e-12


@given(
    thresholds=st.none()
    | shares
    | st.lists(st.sampled_from([0.1, 0.3, 0.35, 0.5, 0.9]), min_size=1, max_size=4)
    | st.integers(3, 6).map(lambda n: np.linspace(0, 1, n).tolist()),
    name=st.sampled_from(
        [
            "TruePositives",
            "TrueNegatives",
            "FalsePositives",
            "FalseNegatives",
            "Precision",
            "Recall",
        ]
    ),
    batches=fed(["flat binary", "binary", "multi-label"], nan=True),
)
def test_counts_at_thresholds(thresholds, name, batches):
    assert metric_error(getattr(metrics, name)(thresholds), batches) <= 1e-12


@given(
    kind=st.sampled_from([metrics.Precision, metrics.Recall]),
    thresholds=st.none() | st.just(0.5) | st.just([0.1, 0.7]) | st.just([0.0, 0.5, 1.0]),
    top_k=st.none() | st.integers(1, 4),
    class_id=st.none() | st.integers(-4, 3),
    batches=fed(["multi-label", "one-hot ties"]),
)
def test_precision_and_recall_of_some_classes(kind, thresholds, top_k, class_id, batches):
    assert metric_error(kind(thresholds, top_k, class_id), batches) <= 1e-12


@given(
    kind=st.sampled_from(
        [
            metrics.SensitivityAtSpecificity,
            metrics.SpecificityAtSensitivity,
            metrics.PrecisionAtRecall,
            metrics.RecallAtPrecision,
        ]
    ),
    bound=shares,
    num_thresholds=st.sampled_from([1, 2, 3, 11, 200]),
    class_id=st.none() | st.integers(0, 3),
    batches=fed(["multi-label"], nan=True),
)
def test_operating_points(kind, bound, num_thresholds, class_id, batches):
    assert metric_error(kind(bound, num_thresholds, class_id), batches) <= 1e-12


@given(
    curve=st.sampled_from(["ROC", "PR", "PRGAIN", "roc", "pr", "prgain"]),
    method=st.sampled_from(["interpolation", "minoring", "majoring", "Majoring"]),
    thresholds=st.none()
    | st.lists(st.sampled_from([0.1, 0.3, 0.35, 0.5, 0.9]), max_size=4)
    | st.just([0.25, 0.5, 0.75]),
    num_thresholds=st.sampled_from([2, 3, 11, 200]),
    label_weights=st.none() | st.just([1.0, 0.5, 0.0, 2.0]),
    batches=fed(["multi-label"], nan=True),
)
def test_areas_under_curves(curve, method, thresholds, num_thresholds, label_weights, batches):
    area = metrics.AUC(
        num_thresholds, curve, method, thresholds=thresholds, label_weights=label_weights
    )
    assert metric_error(area, batches) <= 1e-12


@given(
    average=st.sampled_from([None, "micro", "macro", "weighted"]),
    beta=st.sampled_from([0.5, 1.0, 2.0]),
    threshold=st.none() | st.sampled_from([0.3, 0.5, 1.0]),
    batches=fed(["one-hot ties", "multi-label"], smallest=1, nan=True),
)
def test_f_scores(average, beta, threshold, batches):
    assert metric_error(metrics.FBetaScore(average, beta, threshold), batches) <= 1e-12
    assert metric_error(metrics.F1Score(average, threshold), batches) <= 1e-12


@given(
    aggregation=st.sampled_from([None, "uniform_average", "variance_weighted_average"]),
    regressors=st.integers(0, 2),
    batches=fed(["halves"], smallest=1),
)
def test_r2(aggregation, regressors, batches):
    assert metric_error(metrics.R2Score(aggregation, regressors), batches) <= 1e-12


@given(
    name=st.sampled_from(
        [
            "MeanSquaredError",
            "RootMeanSquaredError",
            "MeanAbsoluteError",
            "LogCoshError",
            "MeanAbsolutePercentageError",
            "CosineSimilarity",
        ]
    ),
    batches=fed(["real", "maps", "halves"], nan=True),
)
def test_errors_of_real_numbers(name, batches):
    assert metric_error(getattr(metrics, name)(), batches) <= 1e-12


@given(
    name=st.sampled_from(["PearsonCorrelation", "ConcordanceCorrelation"]),
    axis=st.sampled_from([-1, 1, 2]),
    batches=fed(["maps"], nan=True),
)
def test_correlations(name, axis, batches):
    assert metric_error(getattr(metrics, name)(axis=axis), batches) <= 1e-12


@given(
    smoothing=shares,
    from_logits=st.booleans(),
    binary=fed(["multi-label"]),
    one_hot=fed(["one-hot"]),
    binary_logits=fed(["multi-label logits"]),
    one_hot_logits=fed(["one-hot logits"]),
)
def test_cross_entropies(smoothing, from_logits, binary, one_hot, binary_logits, one_hot_logits):
    arguments = {"from_logits": from_logits, "label_smoothing": smoothing}
    kind = metrics.BinaryCrossentropy(**arguments)
    assert metric_error(kind, binary_logits if from_logits else binary) <= 1e-12
    kind = metrics.CategoricalCrossentropy(**arguments)
    assert metric_error(kind, one_hot_logits if from_logits else one_hot) <= 1e-12


@given(
    ignore_class=st.none() | st.integers(-1, 3),
    from_logits=st.booleans(),
    probabilities=fed(["sparse", "sparse column"]),
    logits=fed(["sparse logits"]),
)
def test_cross_entropies_of_labels(ignore_class, from_logits, probabilities, logits):
    metric = metrics.SparseCategoricalCrossentropy(
        from_logits=from_logits, ignore_class=ignore_class
    )
    assert metric_error(metric, logits if from_logits else probabilities) <= 1e-12


@given(
    signs=fed(["signs", "multi-label logits"]),
    one_hot=fed(["one-hot logits"], smallest=1),
    positive=fed(["positive", "one-hot"]),
)
def test_hinges_and_divergences(signs, one_hot, positive):
    assert metric_error(metrics.Hinge(), signs) <= 1e-12
    assert metric_error(metrics.SquaredHinge(), signs) <= 1e-12
    assert metric_error(metrics.CategoricalHinge(), one_hot) <= 1e-12
    for kind in (metrics.KLDivergence, metrics.Poisson, metrics.MeanSquaredLogarithmicError):
        assert metric_error(kind(), positive) <= 1e-12


@given(
    ignore_class=st.none() | st.integers(-1, 3),
    wanted=st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
    regions=fed(["regions"]),
    mask=fed(["mask"]),
    threshold=shares,
)
def test_intersections_over_unions(ignore_class, wanted, regions, mask, threshold):
    some = metrics.IoU(4, wanted, ignore_class=ignore_class)
    assert metric_error(some, regions) <= FLOAT32
    assert metric_error(metrics.MeanIoU(4, ignore_class=ignore_class), regions) <= FLOAT32
    assert metric_error(metrics.BinaryIoU([wanted[0] % 2], threshold), mask) <= FLOAT32


@given(
    name=st.sampled_from(["Mean", "Sum"]),
    values=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    rank=st.integers(0, 3),
    column=st.booleans(),
    seed=seeds,
)
def test_means_and_sums_of_values_of_any_shape(name, values, rank, column, seed):
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    rng = np.random.default_rng(seed)
    for _ in range(2):
        v = rng.normal(size=values)
        weight = rng.random(values[:rank])
        if column and weight.ndim:
            weight = weight[..., :1]
        assert value_error(ours(v), theirs(v)) <= 1e-12
        assert value_error(ours(v, weight), theirs(v, weight)) <= 1e-12


@pytest.mark.parametrize("kind", ["Precision", "Recall", "TruePositives", "FalsePositives"])
@pytest.mark.parametrize("thresholds", [[0.0, 0.5, 1.0], [0.0, 0.25, 1.0], [0.0], [1.0]])
def test_scores_at_the_ends_of_the_thresholds_and_beyond(kind, thresholds):
    scores = np.array([0.0, 0.0, 0.5, 1.0, 1.0, 1.5, -0.5], np.float32)
    labels = np.array([1, 0, 1, 1, 0, 1, 0], np.float32)
    ours, theirs = (getattr(each, kind)(thresholds=thresholds) for each in (metrics, keras.metrics))
    for metric in (ours, theirs):
        metric.update_state(labels, scores)
    assert np.allclose(ours.result(), theirs.result())


@pytest.mark.parametrize("thresholds", [[0.0, 0.5], [0.5, 1.0], [0.0, 1.0], [0.5]])
def test_auc_takes_thresholds_at_the_ends(thresholds):
    scores, labels = np.linspace(0, 1, 9, dtype=np.float32), np.arange(9) % 3 == 0
    ours, theirs = (each.AUC(thresholds=thresholds) for each in (metrics, keras.metrics))
    for metric in (ours, theirs):
        metric.update_state(labels, scores)
    assert np.allclose(ours.result(), theirs.result())


@pytest.mark.parametrize("regressors", [2, 3])
def test_r2_is_not_adjusted_where_that_would_divide_by_nothing(regressors):
    x, y = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.5], [3.0]])
    ours, theirs = (each.R2Score(num_regressors=regressors) for each in (metrics, keras.metrics))
    for metric in (ours, theirs):
        metric.update_state(x, y)
    with pytest.warns(UserWarning, match="not adjusted"):
        result = ours.result()
    with pytest.warns(UserWarning, match="[Aa]djusted"):
        expected = float(theirs.result())
    assert result == pytest.approx(expected)
