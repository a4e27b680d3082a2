"""Initializers: the same distribution, not the same draws; the same values where nothing is drawn.

A drawn case has the error 0 if our values and Keras's both keep within the bounds of the
distribution, have its mean and variance to within five standard errors of so many draws, and
follow its distribution function (Kolmogorov and Smirnov's test, p above 1e-3); infinity otherwise.
Both are seeded, so a case always answers the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from reference.agreement import relative_error
from reference.cases.case import Case
from scratchnet import initializers

SHAPE = (3, 3, 10, 20)  # fan_in 90, fan_out 180
COUNT = int(np.prod(SHAPE))


def _uniform(variance: float, mean: float = 0.0) -> Any:
    limit = np.sqrt(3 * variance)
    return stats.uniform(mean - limit, 2 * limit)


def _normal(variance: float, mean: float = 0.0) -> Any:
    return stats.norm(mean, np.sqrt(variance))


def _truncated(variance: float, mean: float = 0.0) -> Any:
    return stats.truncnorm(-2, 2, mean, np.sqrt(variance) / stats.truncnorm(-2, 2).std())


def _follows(values: np.ndarray, expected: Any) -> bool:
    mean, variance, _, kurtosis = expected.stats(moments="mvsk")
    low, high = expected.support()
    rounding = 1e-6 * np.sqrt(variance)  # Keras computes the ends in float32
    return bool(
        values.min() >= low - rounding
        and values.max() <= high + rounding
        and abs(values.mean() - mean) < 5 * np.sqrt(variance / COUNT)
        and abs(values.var() / variance - 1) < 5 * np.sqrt((kurtosis + 2) / COUNT)
        and stats.kstest(values, expected.cdf).pvalue > 1e-3
    )


def _drawn(kind: str, expected: Any, shape: tuple[int, ...] = SHAPE, /, **arguments: Any) -> Case:
    def error() -> float:
        import keras

        ours = getattr(initializers, kind)(**arguments, seed=7)
        theirs = getattr(keras.initializers, kind)(**arguments, seed=7)
        written = {k: v for k, v in theirs.get_config().items() if v is not None}
        values = ours(shape)
        same = (
            ours.get_config() == written
            and np.array_equal(ours(shape), values)
            and _follows(values.ravel(), expected)
            and _follows(np.asarray(theirs(shape)).ravel(), expected)
        )
        return 0.0 if same else float("inf")

    return Case(f"initializers.{kind}", _label(arguments), error)


def _orthogonal(kind: str, shape: tuple[int, ...], /, **arguments: Any) -> Case:
    """WᵀW (or WWᵀ, where W is wide) beside Keras's; the bound is that of a rounded product."""

    def error() -> float:
        import keras

        ours = getattr(initializers, kind)(**arguments, seed=7)
        theirs = getattr(keras.initializers, kind)(**arguments, seed=7)
        if ours.get_config() != theirs.get_config():
            return float("inf")
        return relative_error(_gram(ours(shape)), _gram(np.asarray(theirs(shape))))

    return Case(f"initializers.{kind}", f"{_label(arguments)}, shape={shape}", error)


def _gram(w: np.ndarray) -> np.ndarray:
    matrix = w.reshape(-1, w.shape[-1])
    tall = matrix.shape[0] >= matrix.shape[1]
    return matrix.T @ matrix if tall else matrix @ matrix.T


def _fixed(kind: str, shape: tuple[int, ...], /, **arguments: Any) -> Case:
    def error() -> float:
        import keras

        ours = getattr(initializers, kind)(**arguments)
        theirs = getattr(keras.initializers, kind)(**arguments)
        # Keras's configuration of Identity lacks the gain
        written = (
            initializers.serialize(ours)
            if "gain" in arguments
            else keras.initializers.serialize(theirs)
        )
        again = initializers.deserialize(written)
        return max(
            relative_error(ours(shape), np.asarray(theirs(shape))),
            relative_error(again(shape), ours(shape)),
        )

    return Case(f"initializers.{kind}", f"{_label(arguments)}, shape={shape}", error)


def _label(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{k}={v}" for k, v in arguments.items()) or "defaults"


def _own_initializer() -> float:
    """First values of the user's own, in a layer of each library."""
    import keras

    from scratchnet import layers

    def ramp(shape: Any) -> np.ndarray:
        return np.arange(np.prod(shape), dtype=float).reshape(shape)

    class Own(initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
            return ramp(shape)

    class KerasOwn(keras.initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return keras.ops.convert_to_tensor(ramp(shape))

    ours = layers.Dense(3, kernel_initializer=Own())
    theirs = keras.layers.Dense(3, kernel_initializer=KerasOwn())
    for layer in (ours, theirs):
        layer.build((None, 4))
    return relative_error(ours.kernel.value, theirs.kernel.numpy())


SCALED = {
    "glorot_uniform": _uniform(2 / 270),
    "glorot_normal": _truncated(2 / 270),
    "he_uniform": _uniform(2 / 90),
    "he_normal": _truncated(2 / 90),
    "lecun_uniform": _uniform(1 / 90),
    "lecun_normal": _truncated(1 / 90),
}


def _class_of(alias: str) -> str:
    return "".join(word.title() for word in alias.split("_"))


def _exchange() -> float:
    """0 where both libraries write the same configuration and read the other's."""
    import keras

    made = [getattr(initializers, _class_of(alias))(seed=3) for alias in SCALED]
    made += [
        initializers.RandomNormal(0.5, 0.25, 3),
        initializers.RandomUniform(-0.5, 0.25, 3),
        initializers.TruncatedNormal(0.5, 0.25, 3),
        initializers.VarianceScaling(0.5, "fan_avg", "uniform", 3, [0], [1, 2]),
        initializers.Orthogonal(0.5, 3),
        initializers.Constant(0.5),
        initializers.Zeros(),
        initializers.Ones(),
    ]
    for ours in made:
        theirs = keras.initializers.deserialize(initializers.serialize(ours))
        written = {k: v for k, v in theirs.get_config().items() if v is not None}
        back = initializers.deserialize(keras.initializers.serialize(theirs))
        if not written == ours.get_config() == back.get_config():
            return float("inf")
    return 0.0


def _names() -> float:
    """0 where a name gives the class that Keras gives."""
    import keras

    others = ("one", "zero", "normal", "uniform", "IdentityInitializer", "OrthogonalInitializer")
    more = ("random_normal", "random_uniform", "truncated_normal", "variance_scaling")
    # Keras finds no value for "constant"
    for name in (*SCALED, *others, *more, "Zeros", "ones", "orthogonal", "Identity", "identity"):
        ours, theirs = initializers.get(name), keras.initializers.get(name)
        if type(ours).__name__ != type(theirs).__name__:
            return float("inf")
    return 0.0


CASES: list[Case] = [
    *(_drawn(alias, expected) for alias, expected in SCALED.items()),
    *(_drawn(_class_of(alias), expected) for alias, expected in SCALED.items()),
    *(
        _drawn(kind, expected, (6, 15, 200), input_axes=[0], output_axes=[1])
        for kind, expected in (
            ("GlorotUniform", _uniform(2 / 21)),
            ("GlorotNormal", _truncated(2 / 21)),
            ("HeUniform", _uniform(2 / 6)),
            ("HeNormal", _truncated(2 / 6)),
            ("LecunUniform", _uniform(1 / 6)),
            ("LecunNormal", _truncated(1 / 6)),
        )
    ),
    *(_drawn(kind, _truncated(1 / 90)) for kind in ("VarianceScaling", "variance_scaling")),
    *(
        _drawn("VarianceScaling", shape(3 / n), scale=3.0, mode=mode, distribution=distribution)
        for mode, n in (("fan_in", 90), ("fan_out", 180), ("fan_avg", 135))
        for distribution, shape in (
            ("uniform", _uniform),
            ("truncated_normal", _truncated),
            ("untruncated_normal", _normal),
        )
    ),
    *(_drawn(kind, _normal(0.05**2)) for kind in ("RandomNormal", "random_normal")),
    _drawn("RandomNormal", _normal(0.09, 0.7), mean=0.7, stddev=0.3),
    *(_drawn(kind, _uniform(0.1**2 / 12)) for kind in ("RandomUniform", "random_uniform")),
    _drawn("RandomUniform", _uniform(0.9**2 / 12, 0.25), minval=-0.2, maxval=0.7),
    *(
        _drawn(kind, stats.truncnorm(-2, 2, 0, 0.05))
        for kind in ("TruncatedNormal", "truncated_normal")
    ),
    _drawn("TruncatedNormal", stats.truncnorm(-2, 2, 0.7, 0.3), mean=0.7, stddev=0.3),
    *(_orthogonal(kind, (6, 4)) for kind in ("Orthogonal", "orthogonal", "OrthogonalInitializer")),
    _orthogonal("Orthogonal", (3, 2, 4, 5), gain=0.3),
    _orthogonal("Orthogonal", (2, 7), gain=2.5),
    *(_fixed(kind, (3, 4)) for kind in ("Zeros", "zeros", "Ones", "ones", "Constant", "constant")),
    *(_fixed(kind, (3, 4)) for kind in ("Identity", "identity", "IdentityInitializer")),
    _fixed("Identity", (4, 3), gain=0.3),
    _fixed("Constant", (2, 3), value=0.375),  # Keras rounds the number to float32
    _fixed("Constant", (2, 3), value=np.array([0.1, 0.2, 0.3])),
    Case("initializers.Initializer", "an initializer of one's own", _own_initializer),
    Case("initializers.serialize", "read by Keras and back", _exchange),
    Case("initializers.deserialize", "Keras's configurations", _exchange),
    Case("initializers.get", "names", _names),
]
