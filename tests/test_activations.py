"""Activation functions: equal to Keras's, gradients included, at every size of number."""

from __future__ import annotations

import math
from fractions import Fraction

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchnet as sn
from reference.cases.activations import (
    ARGUMENTS,
    NAMES,
    activation_error,
    activation_gradient,
)
from scratchnet import activations
from scratchnet.ops import formulas, kernels
from tests.ops.test_accuracy import every_size_of_float32

implementations = pytest.mark.parametrize("implementation", ["formulas", "kernels"])

# Those that come from a name alone, and whose output has the shape of the input
CELLWISE = sorted(set(NAMES) - {"glu", "threshold", "softmax", "log_softmax", "sparsemax"})
WITH_DEFAULTS = [n for n in NAMES if n != "threshold"]
HAVE_KERNELS = ["relu", "elu", "softplus", "silu", "hard_silu", "gelu", "sigmoid", "hard_sigmoid"]

numbers = st.floats(0.01, 4)
# What Hypothesis draws for the arguments of each activation that has some
DRAWN = {
    "relu": st.fixed_dictionaries(
        {
            "negative_slope": st.just(0.0) | numbers,
            "max_value": st.none() | st.just(6.0) | numbers,
            "threshold": st.just(0.0) | st.floats(-2, 2),
        }
    ),
    "leaky_relu": st.fixed_dictionaries({"negative_slope": numbers}),
    "elu": st.fixed_dictionaries({"alpha": numbers}),
    "celu": st.fixed_dictionaries({"alpha": numbers}),
    "squareplus": st.fixed_dictionaries({"b": numbers}),
    "gelu": st.fixed_dictionaries({"approximate": st.booleans()}),
    "hard_shrink": st.fixed_dictionaries({"threshold": numbers}),
    "soft_shrink": st.fixed_dictionaries({"threshold": numbers}),
    "threshold": st.fixed_dictionaries({"threshold": numbers, "default_value": numbers}),
    "softmax": st.fixed_dictionaries({"axis": st.sampled_from([-1, 0, 1, 2, None])}),
    "log_softmax": st.fixed_dictionaries({"axis": st.sampled_from([-1, 0, 1, 2, None])}),
    "glu": st.fixed_dictionaries({"axis": st.sampled_from([-1, 0, 1])}),
}


def drawn(seed, shape=(2, 4, 6)):
    return 3 * np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.usefixtures("float64")
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("name", DRAWN)
def test_values_and_gradients_for_any_arguments(name, data, seed):
    assert activation_error(name, drawn(seed), **data.draw(DRAWN[name])) <= 1e-12


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", [n for n in CELLWISE if n not in DRAWN])
@given(seed=st.integers(0, 2**32 - 1))
def test_values_and_gradients(name, seed):
    assert activation_error(name, drawn(seed)) <= 1e-12


@pytest.mark.parametrize("name", [n for n in CELLWISE if n != "celu"])
def test_the_formulas_have_keras_s_kinks(name, float64):
    """The cases compare what a training run uses; here it is what one reads."""
    with sn.use("formulas"):
        grid = np.arange(-16.0, 17) / 2
        assert activation_error(name, grid) <= 1e-12
        for arguments in ARGUMENTS.get(name, []):
            assert activation_error(name, grid, **arguments) <= 1e-12


@implementations
def test_celu_has_the_slope_1_at_0_from_both_sides(implementation):
    with sn.use(implementation):
        for alpha in (0.5, 1.0, 2.0):
            near_0 = np.array([-1e-12, 0.0, 1e-12])
            slopes = activation_gradient("celu", np.ones(3), near_0, alpha=alpha)
            assert np.allclose(slopes, 1, rtol=0, atol=1e-11)


@implementations
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WITH_DEFAULTS)
def test_a_thousand_is_no_trouble(name, dtype, implementation):
    x = np.array([[-1000, -200, -88, -20, 20, 88, 200, 1000]], dtype)
    with sn.use(implementation):
        y, kept = (activation := activations.get(name)).forward(x)
        dx = activation.gradient(np.ones_like(y), kept)
    assert np.isfinite(y[x <= 88] if name == "exponential" else y).all()
    assert np.isfinite(dx[x <= 88] if name == "exponential" else dx).all()


@implementations
@pytest.mark.parametrize("name", WITH_DEFAULTS)
def test_float16_stays_float16_and_is_near_the_result_of_float64(name, implementation):
    x = drawn(0).astype(np.float16)
    with sn.use(implementation):
        results = []
        for dtype in (np.float16, np.float64):
            y, kept = (activation := activations.get(name)).forward(x.astype(dtype))
            results.append((y, activation.gradient(np.ones_like(y), kept)))
    for got, expected in zip(*results, strict=True):
        assert got.dtype == np.float16
        assert np.allclose(got, expected, rtol=0.02, atol=0.02)


@implementations
@pytest.mark.parametrize("name", WITH_DEFAULTS)
def test_no_sample_gives_no_output(name, implementation):
    with sn.use(implementation):
        y, kept = (activation := activations.get(name)).forward(np.zeros((0, 4), np.float32))
        dx = activation.gradient(np.ones_like(y), kept)
    assert len(y) == 0
    assert dx.shape == (0, 4)


@implementations
@pytest.mark.parametrize(
    "name", [n for n in CELLWISE if n not in ("hard_shrink", "soft_shrink")]
)
def test_a_nan_stays_in_its_cell(name, implementation):
    with sn.use(implementation), np.errstate(invalid="ignore"):
        y = activations.get(name)(np.array([1.0, np.nan, 2.0]))
    assert np.isnan(y).tolist() == [False, True, False]


@pytest.mark.parametrize("name", [n for n in HAVE_KERNELS if n != "relu"])
@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_values_are_within_4_ulp_for_every_size_of_number(name, implementation):
    x = every_size_of_float32()
    exact = getattr(formulas, name)(x.astype(np.float64))
    got = getattr(implementation, name)(x)
    assert got.dtype == np.float32
    ulp = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    # Near the smallest number with all its digits, a factor of the result may lack some
    full = np.abs(exact) > 128 * np.finfo(np.float32).tiny
    worst = np.argmax(np.where(full, np.abs(got - exact) / ulp, 0))
    assert abs(got[worst] - exact[worst]) <= 4 * ulp[worst], (x[worst], got[worst], exact[worst])


@pytest.mark.parametrize(
    "arguments", [(0.2,), (0.0, 6.0), (0.0, 0.7), (0.1, 2.0, 0.5), (0.1, None, 0.5)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rectifiers_are_the_same_bits_in_formula_and_kernel(arguments, dtype):
    x = np.concatenate([drawn(0, 1000), np.arange(-20, 20) / 2, [0.7, np.nan, np.inf]])
    x = x.astype(dtype)
    dy = np.random.default_rng(1).standard_normal(x.shape).astype(dtype)
    for got, expected in (
        (kernels.relu(x, *arguments), formulas.relu(x, *arguments)),
        (kernels.relu_backward(dy, x, *arguments), formulas.relu_backward(dy, x, *arguments)),
    ):
        assert got.dtype == dtype
        assert np.array_equal(got, expected, equal_nan=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["elu", "softplus", "silu", "hard_silu", "gelu", "hard_sigmoid"])
def test_gradients_of_formula_and_kernel_are_the_same_to_rounding(name, dtype):
    x = np.concatenate([drawn(0, 1000), np.arange(-20, 20) / 2]).astype(dtype)
    dy = np.random.default_rng(1).standard_normal(x.shape).astype(dtype)
    for arguments in [(), (True,)] if name == "gelu" else [()]:
        expected = getattr(formulas, f"{name}_backward")(dy, x, *arguments)
        got = getattr(kernels, f"{name}_backward")(dy, x, *arguments)
        assert got.dtype == dtype
        assert np.abs(got - expected).max() <= 8 * np.finfo(dtype).eps


def exact_sparsemax(row):
    """τ from the conditions that define it: the y_i add up to 1 and none is negative."""
    z = sorted((Fraction(float(v)) for v in row), reverse=True)
    for k in range(len(z), 0, -1):
        tau = (sum(z[:k]) - 1) / k
        if z[k - 1] > tau:
            return [float(max(Fraction(float(v)) - tau, 0)) for v in row]
    raise AssertionError


@given(seed=st.integers(0, 2**32 - 1), axis=st.sampled_from([-1, 0, 1]))
def test_sparsemax_is_the_nearest_distribution(seed, axis):
    """Not Keras's result, whose outputs add up to 1 only where a single one is not 0."""
    x = np.round(drawn(seed, (3, 4, 5)) * 2) / 8  # ties among them
    expected = np.apply_along_axis(exact_sparsemax, axis, x)
    assert np.abs(activations.sparsemax(x, axis) - expected).max() < 1e-15


@given(seed=st.integers(0, 2**32 - 1), axis=st.sampled_from([-1, 0, 1]))
def test_sparsemax_s_gradient_is_dy_less_its_mean_where_the_output_is_positive(seed, axis):
    y = activations.sparsemax(drawn(seed, (3, 4, 5)) / 4, axis)
    dy = np.random.default_rng(seed).standard_normal(y.shape)
    dx = formulas.sparsemax_backward(dy, y, axis)
    assert not dx[y == 0].any()
    rows = (np.moveaxis(array, axis, -1).reshape(-1, y.shape[axis]) for array in (y, dy, dx))
    for y_row, dy_row, dx_row in zip(*rows, strict=True):
        positive = y_row > 0
        assert dx_row[positive] == pytest.approx(dy_row[positive] - dy_row[positive].mean())


def test_glu_needs_an_even_length():
    with pytest.raises(ValueError, match=r"axis 1 has the odd length 3.*Expected an even one"):
        activations.glu(np.ones((2, 3, 4)), axis=1)


def test_sparse_sigmoid_is_sparsemax_of_x_and_its_negative():
    x = np.linspace(-2, 2, 17)
    rows = np.stack([x, -x], axis=-1) / 2
    assert np.allclose(activations.sparse_sigmoid(x), activations.sparsemax(rows)[:, 0])


def test_log_softmax_is_finite_where_softmax_is_0():
    x = np.array([[0.0, 1000.0]])
    assert activations.softmax(x)[0, 0] == 0
    assert activations.log_softmax(x).tolist() == [[-1000.0, 0.0]]
    assert activations.log_sigmoid([-1000.0]).tolist() == [-1000.0]


def test_every_name_of_keras_is_known():
    theirs = {n for n in dir(keras.activations) if not n.startswith("_")}
    assert theirs <= set(dir(activations))
    for name in NAMES:
        assert activations.get(name) is getattr(activations, name)


def test_names_and_configurations_lead_back():
    assert activations.get(None) is activations.linear
    assert activations.get(activations.gelu) is activations.gelu
    assert activations.serialize(activations.swish) == "silu"
    config = {"module": "builtins", "class_name": "function", "config": "mish"}
    assert activations.get(config) is activations.deserialize("mish") is activations.mish
    assert repr(activations.mish) == "<activation mish>"


@pytest.mark.parametrize("name", ["geluu", {"class_name": "function", "config": "geluu"}])
def test_an_unknown_name_brings_the_closest(name):
    with pytest.raises(ValueError, match=r"Unknown activation 'geluu'. Did you mean 'gelu'\?"):
        activations.get(name)


def test_a_function_without_a_gradient_is_refused():
    with pytest.raises(TypeError, match="An activation needs its gradient"):
        activations.get(math.sin)


def test_arguments_follow_keras_s_order():
    x = np.array([-1.0, 3.0])
    assert activations.relu(x, 0.5, 2.0).tolist() == [-0.5, 2.0]
    assert activations.threshold(x, 2.0, 7.0).tolist() == [7.0, 3.0]
    assert activations.leaky_relu(x, 0.25).tolist() == [-0.25, 3.0]
    assert activations.relu([-1, 3]).dtype == int
