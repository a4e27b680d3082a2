"""First values: bounds and moments of the distributions, Keras's configurations, seeds."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy import stats

import scratchnet as sn
from scratchnet import initializers

SHAPE = (3, 3, 40, 60)  # fan_in 360, fan_out 540
N = int(np.prod(SHAPE))

SCALED = {
    "GlorotUniform": ("uniform", 2 / 900),
    "GlorotNormal": ("truncated", 2 / 900),
    "HeUniform": ("uniform", 2 / 360),
    "HeNormal": ("truncated", 2 / 360),
    "LecunUniform": ("uniform", 1 / 360),
    "LecunNormal": ("truncated", 1 / 360),
}


def distribution(kind, variance):
    """SciPy's frozen distribution of mean 0 and this variance."""
    if kind == "uniform":
        limit = np.sqrt(3 * variance)
        return stats.uniform(-limit, 2 * limit)
    if kind == "truncated":
        cut = stats.truncnorm(-2, 2)
        return stats.truncnorm(-2, 2, scale=np.sqrt(variance) / cut.std())
    return stats.norm(scale=np.sqrt(variance))


CASES = [
    *((getattr(initializers, name)(seed=1), *rest) for name, rest in SCALED.items()),
    (initializers.RandomUniform(-0.2, 0.2, seed=1), "uniform", 0.4**2 / 12),
    (initializers.RandomNormal(0.0, 0.3, seed=1), "normal", 0.09),
    (initializers.VarianceScaling(3.0, "fan_out", "uniform", 1), "uniform", 3 / 540),
    (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", 1), "normal", 3 / 540),
    (
        initializers.TruncatedNormal(0.0, 0.3, seed=1),
        "truncated",
        (0.3 * stats.truncnorm(-2, 2).std()) ** 2,
    ),
]


@pytest.mark.parametrize(("initializer", "kind", "variance"), CASES)
def test_values_follow_the_distribution(initializer, kind, variance):
    values = initializer(SHAPE, "float64").ravel()
    expected = distribution(kind, variance)
    # Seeded, so this passes or fails always: a wrong distribution has p far below 1e-6 here.
    assert stats.kstest(values, expected.cdf).pvalue > 1e-3
    assert abs(values.mean()) < 5 * np.sqrt(variance / N)
    fourth = float(expected.stats(moments="k")) + 3
    assert abs(values.var() / variance - 1) < 5 * np.sqrt((fourth - 1) / N)
    low, high = expected.support()
    assert low <= values.min()
    assert values.max() <= high


@pytest.mark.parametrize("name", SCALED)
def test_keras_draws_with_the_same_spread(name):
    ours = getattr(initializers, name)(seed=1)(SHAPE, "float64")
    theirs = np.asarray(getattr(keras.initializers, name)(seed=1)(SHAPE))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.02)


@pytest.mark.parametrize(
    "name", [*SCALED, "RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal"]
)
def test_a_seed_gives_the_same_values_at_every_call_and_none_differs(name):
    kind = getattr(initializers, name)
    seeded = kind(seed=3)
    assert np.array_equal(seeded((4, 5)), seeded((4, 5)))
    assert np.array_equal(seeded((4, 5)), kind(seed=3)((4, 5)))
    assert np.array_equal(seeded((4, 5)), seeded.clone()((4, 5)))
    assert not np.array_equal(seeded((4, 5)), kind(seed=4)((4, 5)))
    assert not np.array_equal(kind()((4, 5)), kind()((4, 5)))


def test_the_library_s_seed_determines_what_has_none():
    draws = []
    for _ in range(2):
        sn.set_random_seed(11)
        draws.append(initializers.GlorotUniform()((4, 5)))
    assert np.array_equal(*draws)


@pytest.mark.parametrize("shape", [(), (5,), (5, 6), (3, 5, 6), (3, 4, 5, 6), (2, 3, 4, 5, 6)])
def test_fans_are_keras_s(shape):
    from keras.src.initializers.random_initializers import compute_fans

    assert initializers.compute_fans(shape) == compute_fans(shape)


@pytest.mark.parametrize("axes", [([0], [1, 2]), ([0, 1], [2]), ([-1], [0])])
def test_fans_of_given_axes_are_keras_s(axes):
    from keras.src.initializers.random_initializers import compute_fans

    assert initializers.compute_fans((6, 4, 5), *axes) == compute_fans((6, 4, 5), *axes)
    ours = initializers.HeUniform(1, *axes)
    limit = np.sqrt(6 / initializers.compute_fans((6, 4, 500), *axes)[0])
    assert 0.98 * limit < np.abs(ours((6, 4, 500))).max() <= limit
    theirs = keras.initializers.HeUniform.from_config(ours.get_config())
    assert theirs.get_config() == ours.get_config()


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7), (3, 2, 2, 5), (2, 2, 1, 9), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_orthogonal_vectors_have_length_gain_and_right_angles(shape, gain):
    w = initializers.Orthogonal(gain, seed=1)(shape, "float64").reshape(-1, shape[-1])
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), rtol=0, atol=1e-14)


def test_orthogonal_matrices_are_uniform_among_all():
    """Their entries have mean 0 (Q of QR alone has a negative diagonal) and variance 1/n."""
    drawn = np.array([initializers.Orthogonal(seed=s)((3, 3), "float64") for s in range(3000)])
    assert np.abs(drawn.mean(0)).max() < 5 * np.sqrt(1 / 3 / 3000)
    np.testing.assert_allclose(drawn.var(0), 1 / 3, rtol=0.1)
    turned = np.linalg.det(drawn) > 0  # rotations and reflections alike
    assert abs(turned.mean() - 0.5) < 5 * np.sqrt(0.25 / 3000)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (0, 3)])
def test_identity_is_keras_s(shape):
    theirs = np.asarray(keras.initializers.Identity(2.5)(shape))
    assert np.array_equal(initializers.Identity(2.5)(shape), theirs)
    again = keras.initializers.deserialize(initializers.serialize(initializers.Identity(2.5)))
    assert again.gain == 2.5


@pytest.mark.parametrize("value", [0.375, 2, np.array([0.1, 0.2, 0.3]), [0.5, 0.25, 0.125]])
def test_constants_are_keras_s_and_come_back_from_its_configuration(value):
    ours, theirs = initializers.Constant(value), keras.initializers.Constant(value)
    assert np.array_equal(ours((2, 3)), np.asarray(theirs((2, 3))))
    assert ours.get_config() == theirs.get_config()
    for config in (initializers.serialize(ours), keras.initializers.serialize(theirs)):
        assert np.array_equal(initializers.deserialize(config)((2, 3)), ours((2, 3)))
    again = keras.initializers.deserialize(initializers.serialize(ours))
    assert np.array_equal(np.asarray(again((2, 3))), ours((2, 3)))


@pytest.mark.parametrize(("initializer", "kind", "variance"), CASES)
def test_configurations_are_keras_s(initializer, kind, variance):
    theirs = getattr(keras.initializers, type(initializer).__name__).from_config(
        initializer.get_config()
    )
    config = theirs.get_config()
    assert {k: v for k, v in config.items() if not k.endswith("_axes")} == initializer.get_config()
    assert np.array_equal(type(initializer).from_config(config)((3, 4)), initializer((3, 4)))
    again = initializers.get(initializers.serialize(initializer))
    assert np.array_equal(again((3, 4)), initializer((3, 4)))


@pytest.mark.parametrize(
    "name",
    [
        *("normal", "uniform", "zero", "ones", "he_normal", "GlorotNormal", "orthogonal"),
        *("OrthogonalInitializer", "IdentityInitializer", "identity", "variance_scaling"),
    ],
)
def test_names_are_keras_s(name):
    theirs = keras.initializers.get(name)
    assert type(initializers.get(name)).__name__ == type(theirs).__name__


def test_other_names_in_the_module_are_keras_s():
    for name in dir(keras.initializers):
        ours, theirs = getattr(initializers, name, None), getattr(keras.initializers, name)
        if isinstance(theirs, type) and "stft" not in name.lower():
            assert ours.__name__ == theirs.__name__, name


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("initializer", "value"),
    [(initializers.Zeros(), 0), (initializers.Ones(), 1), (initializers.Constant(0.5), 0.5)],
)
def test_constants_and_dtypes(initializer, value, dtype):
    array = initializer((2, 0, 3), dtype)
    assert array.shape == (2, 0, 3)
    array = initializer((2, 3), dtype)
    assert array.dtype == dtype
    assert (array == value).all()
    for other in (initializers.GlorotUniform(), initializers.Orthogonal(), initializers.Identity()):
        assert other((2, 3), dtype).dtype == dtype


def test_errors_say_what_was_received():
    with pytest.raises(ValueError, match=r"scale=0.*above 0"):
        initializers.VarianceScaling(0)
    with pytest.raises(ValueError, match=r"mode='fan'.*'fan_in'"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match=r"distribution='gamma'.*'uniform'"):
        initializers.VarianceScaling(distribution="gamma")
    with pytest.raises(ValueError, match=r"HeNormal received input_axes=0.*both or neither"):
        initializers.HeNormal(input_axes=0)
    for seed in (-1, 1.5, "1", {"class_name": "SeedGenerator"}):
        with pytest.raises(ValueError, match=r"Orthogonal received seed=.*whole number"):
            initializers.Orthogonal(seed=seed)
    with pytest.raises(
        ValueError, match=r"Orthogonal received the shape \(3,\).*at least two axes"
    ):
        initializers.Orthogonal()((3,))
    with pytest.raises(ValueError, match=r"Identity received the shape \(3, 3, 3\).*two axes"):
        initializers.Identity()((3, 3, 3))
    with pytest.raises(ValueError, match=r"value of shape \(2,\) for a weight of shape \(3, 3\)"):
        initializers.Constant([1.0, 2.0])((3, 3))
    with pytest.raises(ValueError, match=r"Did you mean 'he_normal'\?"):
        initializers.get("he_norml")
