"""eˣ and its relatives, as kernels compute them: near to the truth for every size of number."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from scipy.special import erfc

from scratchnet.ops import formulas, kernels
from scratchnet.ops.kernels import elementary
from tests.ops.test_accuracy import every_size_of_float32

TINY = np.nextafter(np.float32(0), np.float32(1))


def compiled(name):
    """The function of each cell of an array, within a kernel."""
    function = getattr(elementary, name)

    def each(x, y):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            y[i] = function(x[i])

    return numba.njit(error_model="numpy")(each)


def of_each(name, x):
    y = np.empty_like(x)
    compiled(name)(x, y)
    return y


def ulps(got, exact, dtype):
    """|got − exact| in units of the last place of the exact value."""
    spacing = np.spacing(np.abs(exact).astype(dtype)).astype(np.float64)
    return (np.abs(got.astype(np.float64) - exact) / spacing).max()


# The domain, the largest error of float32 that the table in `elementary` names
FUNCTIONS = {
    "exp": (lambda x: x <= 0, 1.05),
    "expm1": (lambda x: x <= 0, 0.9),
    "tanh": (lambda x: x == x, 1.9),
    "log1p": (lambda x: (x >= 0) & (x <= 1), 1.8),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_is_as_near_to_the_truth_as_the_table_says(name):
    domain, bound = FUNCTIONS[name]
    x = np.concatenate([every_size_of_float32(), np.linspace(-110, 20, 200001, dtype=np.float32)])
    x = x[domain(x)]
    exact = getattr(np, name)(x.astype(np.float64))
    assert ulps(of_each(name, x), exact, np.float32) <= bound


def test_exp_of_float64_is_within_an_ulp():
    # What NumPy computes is within half of one, and the bound has room for that
    x = -np.concatenate([np.linspace(0, 746, 20001), np.geomspace(1e-300, 1, 20001)])
    assert ulps(of_each("exp", x), np.exp(x), np.float64) <= 1.5


def test_silu_of_float64_is_as_near_as_the_table_says():
    x = np.linspace(-700, 700, 40001)
    exact = x.astype(np.longdouble) / (1 + np.exp(-x.astype(np.longdouble)))
    spacing = np.spacing(np.abs(exact.astype(np.float64)))
    assert (np.abs(of_each("silu", x) - exact) / spacing).max() <= 2.6


@pytest.mark.parametrize("name", ["expm1", "tanh", "log1p"])
def test_float64_is_the_c_librarys(name):
    x = np.linspace(-1, 0, 101) if name == "expm1" else np.linspace(0, 1, 101)
    assert np.array_equal(of_each(name, x), [getattr(math, name)(v) for v in x])


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 4e-10), (np.float64, 1e-13)])
def test_the_normal_distribution_keeps_its_tails(dtype, bound):
    @numba.njit(error_model="numpy")
    def each(x, cdf, density):
        for i in range(x.size):
            cdf[i], density[i] = elementary.normal(x[i])

    x = np.linspace(-14, 14, 20001).astype(dtype)
    got = np.empty((2, x.size))
    each(x, *got)
    z = x.astype(np.float64) * formulas.gates.SQRT_HALF
    for ours, exact in zip(got, (erfc(-z) / 2, np.exp(-z * z)), strict=True):
        assert np.abs(ours / exact - 1).max() <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_a_number_stays_so_and_limits_are_met(dtype):
    def at(name, *values):
        return of_each(name, np.array(values, dtype)).tolist()

    for name in FUNCTIONS:
        assert math.isnan(*at(name, np.nan))
    assert at("exp", -np.inf, -1e30, 0, -0.0) == [0, 0, 1, 1]
    assert at("expm1", -np.inf, -1e30, 0) == [-1, -1, 0]
    assert at("tanh", -np.inf, np.inf, 50, -50) == [-1, 1, 1, -1]
    assert [math.copysign(1, y) for y in at("tanh", 0.0, -0.0)] == [1, -1]
    assert at("log1p", 0) == [0]


def test_without_a_compiler_the_functions_are_numpys():
    x = np.float32(-0.75)
    assert elementary.exp(x) == np.exp(x)
    assert elementary.expm1(x) == np.expm1(x)
    assert elementary.tanh(x) == np.tanh(x)
    assert elementary.log1p(-x) == np.log1p(-x)
    cdf, density = elementary.normal(x)
    assert cdf == pytest.approx(0.22662735, abs=1e-7)
    assert density == pytest.approx(math.exp(-0.28125), rel=1e-7)


ODD = np.array([np.nan, np.inf, -np.inf, 0, -0.0, TINY, -TINY, 88, 89, -104, 1e30, -1e30])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name", ["relu", "elu", "selu", "sigmoid", "tanh", "softplus", "silu", "gelu", "hard_silu"]
)
def test_kernels_meet_the_formulas_at_odd_numbers(name, dtype):
    x = ODD.astype(dtype)
    with np.errstate(all="ignore"):
        expected = getattr(formulas, name)(x)
        got = getattr(kernels, name)(x)
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=1e-42)
