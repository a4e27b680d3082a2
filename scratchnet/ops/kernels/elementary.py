"""eˣ and its relatives without branches, so that a loop of them runs in vector registers.

Numba takes eˣ and tanh from the C library, one number at a time, 5 to 20 ns each. What is here is
made of sums, products and shifts; for float32 a processor with AVX2 computes eight at a time.

    function              float32                                             float64
    exp(x), x ≤ 0         1.05 ulp                                            1 ulp
    expm1(x), x ≤ 0       0.9 ulp                                             the C library's
    tanh(x)               2.5 ulp                                             the C library's
    log1p(x), 0 ≤ x ≤ 1   1.8 ulp                                             the C library's
    silu(x)               3.1 ulp                                             2.6 ulp
    normal(x)             Φ and √(2π)·φ in float64, to 4e-10 of themselves    the C library's

The figures are the largest errors over a sweep of all exponents, which tests repeat. NaN gives NaN
and −∞ its limit.

    eˣ = 2ⁿ·eʳ,  n = x / ln 2 to the nearest whole number,  eʳ = Σ rᵏ/k!,  |r| ≤ ½·ln 2

Adding `_ROUND` makes n a whole number, and leaves it in the low bits of the sum: shifted to where
the exponent is, they count it up by n. It is kept so much higher that it stays in range, and a
product puts that right, which is where a subnormal result is rounded.

Each function is a plain one, which serves where Numba does not compile, with an `overload` that
Numba takes instead. Sources: Cody and Waite, "Software Manual for the Elementary Functions" (1980),
for r; Press et al., "Numerical Recipes" (2007), section 6.2.2, for the form of erfc.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from scratchnet.ops.formulas.gates import SQRT_HALF

# A product and the sum it goes into may be rounded once; nothing else is relaxed.
_OPTIONS = {"fastmath": {"contract"}, "error_model": "numpy"}


def exp(x):  # type: ignore[no-untyped-def]
    """eˣ for x ≤ 0."""
    return np.exp(x)


def expm1(x):  # type: ignore[no-untyped-def]
    """eˣ − 1 for x ≤ 0."""
    return np.expm1(x)


def tanh(x):  # type: ignore[no-untyped-def]
    """tanh x."""
    return np.tanh(x)


def log1p(x):  # type: ignore[no-untyped-def]
    """ln(1 + x) for 0 ≤ x ≤ 1."""
    return np.log1p(x)


def silu(x):  # type: ignore[no-untyped-def]
    """x·σ(x)."""
    e = np.exp(-abs(x))
    return x * ((e if x < 0 else 1) / (1 + e))


def normal(x):  # type: ignore[no-untyped-def]
    """(Φ(x), e^{−x²/2}) of the standard normal, in float64."""
    z = np.float64(x) * SQRT_HALF
    return math.erfc(-z) / 2, math.exp(-z * z)


_SMALLEST = np.float32(-110)  # below, eˣ is 0, and x·eˣ too
_SMALLEST_FOR_EXPM1 = np.float32(-87)  # below, eˣ − 1 is −1
_PER_LN2, _ROUND = np.float32(1 / math.log(2)), np.float32(1.5 * 2**23)
# ln 2 in two parts: a whole number times the first is exact
_LN2, _LN2_REST = np.float32(0.693359375), np.float32(math.log(2) - 0.693359375)
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_C3, _C4, _C5, _C6, _C7 = (np.float32(1 / math.factorial(k)) for k in range(3, 8))
_SHIFT, _BIAS = np.int32(23), np.int32(127)
_AWAY, _BACK = np.int32(40 << 23), np.float32(2**-40)


def _scaled_exp_of_float32(x):  # type: ignore[no-untyped-def]
    # 2⁴⁰·eˣ
    x = _SMALLEST if x < _SMALLEST else x
    shifted = x * _PER_LN2 + _ROUND
    n = shifted - _ROUND
    r = (x - n * _LN2) - n * _LN2_REST
    q = r * r  # pairs of terms do not wait for each other
    e = (_HALF + r * _C3) + q * ((_C4 + r * _C5) + q * (_C6 + r * _C7))
    e = _ONE + (r + q * e)
    two_n = np.int32(np.float32(shifted).view(np.int32) << _SHIFT)
    scaled = np.int32(np.float32(e).view(np.int32) + two_n + _AWAY)
    return scaled.view(np.float32) + (n - n)  # NaN where x is


_scaled_exp = register_jitable(**_OPTIONS)(_scaled_exp_of_float32)


def _exp_of_float32(x):  # type: ignore[no-untyped-def]
    return _scaled_exp(x) * _BACK


def _silu_of_float32(x):  # type: ignore[no-untyped-def]
    # x·e^{−|x|} before the scale goes: where e^{−|x|} is subnormal the product is still a full one
    scaled = _scaled_exp(-abs(x))
    scaled = _ZERO if x < _SMALLEST else scaled
    return (x * scaled * _BACK if x < 0 else x) / (_ONE + scaled * _BACK)


def _silu_of_float64(x):  # type: ignore[no-untyped-def]
    e = exp(-abs(x))
    return x * ((e if x < 0 else 1.0) / (1.0 + e))


def _parts(x):  # type: ignore[no-untyped-def]
    # (e, 2ⁿ) with eˣ − 1 = 2ⁿ·e + (2ⁿ − 1)
    x = _SMALLEST_FOR_EXPM1 if x < _SMALLEST_FOR_EXPM1 else x
    shifted = x * _PER_LN2 + _ROUND
    n = shifted - _ROUND
    r = (x - n * _LN2) - n * _LN2_REST
    q = r * r  # pairs of terms do not wait for each other
    e = (_HALF + r * _C3) + q * ((_C4 + r * _C5) + q * (_C6 + r * _C7))
    e = r + q * e
    two_n = np.int32((np.float32(shifted).view(np.int32) + _BIAS) << _SHIFT).view(np.float32)
    return e, two_n


_parts_of_expm1 = register_jitable(**_OPTIONS)(_parts)


def _expm1_of_float32(x):  # type: ignore[no-untyped-def]
    e, two_n = _parts_of_expm1(x)
    return two_n * e + (two_n - _ONE)


_SIGN, _OTHERS = np.int32(-(2**31)), np.int32(2**31 - 1)  # bits of a float32


def _tanh_of_float32(x):  # type: ignore[no-untyped-def]
    # tanh|x| = (1 − e^{−2|x|}) / (1 + e^{−2|x|}); a zero keeps its sign
    x_bits = np.float32(x).view(np.int32)
    e, two_n = _parts_of_expm1(-_TWO * abs(x))
    t = (two_n * e + (two_n - _ONE)) / (two_n * e + (two_n + _ONE))
    t_bits = np.float32(t).view(np.int32)
    return np.int32((t_bits & _OTHERS) | (x_bits & _SIGN)).view(np.float32)


_L1, _L2, _L3, _L4, _L5, _L6, _L7 = (np.float32(2 / (2 * k + 1)) for k in range(1, 8))


def _log1p_of_float32(x):  # type: ignore[no-untyped-def]
    # 2·artanh(s) = 2·(s + s³/3 + s⁵/5 + …) with s = x / (2 + x), at most 1/3
    s = x / (_TWO + x)
    w = s * s
    p = _L1 + w * (_L2 + w * (_L3 + w * (_L4 + w * (_L5 + w * (_L6 + w * _L7)))))
    return _TWO * s + s * w * p


_SMALLEST_64, _PER_LN2_64, _ROUND_64 = -746.0, 1 / math.log(2), 1.5 * 2**52
_LN2_64, _LN2_REST_64 = 0.693145751953125, 1.42860682030941723212e-6
_D3, _D4, _D5, _D6, _D7, _D8, _D9 = (1 / math.factorial(k) for k in range(3, 10))
_D10, _D11, _D12, _D13 = (1 / math.factorial(k) for k in range(10, 14))


def _exp_of_float64(x):  # type: ignore[no-untyped-def]
    x = _SMALLEST_64 if x < _SMALLEST_64 else x
    shifted = x * _PER_LN2_64 + _ROUND_64
    n = shifted - _ROUND_64
    r = (x - n * _LN2_64) - n * _LN2_REST_64
    e = _D9 + r * (_D10 + r * (_D11 + r * (_D12 + r * _D13)))
    e = _D3 + r * (_D4 + r * (_D5 + r * (_D6 + r * (_D7 + r * (_D8 + r * e)))))
    e = 1.0 + (r + r * r * (0.5 + r * e))
    two_n = np.int64(np.float64(shifted).view(np.int64) << 52)
    scaled = np.int64(np.float64(e).view(np.int64) + two_n + (64 << 52))
    return scaled.view(np.float64) * 2.0**-64 + (n - n)


# erfc(z) = t·e^{−z²}·Σ cₖ·sᵏ for z ≥ 0, with t = 1 / (1 + z/2), from 4/25 at z = 10.5 to 1 at
# z = 0, and s = t mapped to −1 … 1: the Chebyshev series of erfc(z)·e^{z²}/t there, cut after s¹²
_FARTHEST, _T_MIDDLE, _T_HALF = 10.5, (1 + 4 / 25) / 2, (1 - 4 / 25) / 2
_ERFC = (
    0.5694087224346,
    0.3271879301777,
    0.1035209945948,
    0.006307953351527,
    -0.006327361218875,
    -0.0006722310887966,
    0.000625294481485,
    3.770593446053e-06,
    -7.152238373248e-05,
    1.258281985384e-05,
    6.252809176316e-06,
    -2.192650596233e-06,
    -1.939993018003e-07,
)
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11, _E12 = _ERFC


def _normal_of_float32(x):  # type: ignore[no-untyped-def]
    z = np.float64(x * SQRT_HALF)
    far = abs(z)
    density = exp(-far * far)
    nearer = _FARTHEST if far > _FARTHEST else far  # beyond, the density is 0
    t = 1.0 / (1.0 + 0.5 * nearer)
    s = (t - _T_MIDDLE) * (1.0 / _T_HALF)
    p = _E7 + s * (_E8 + s * (_E9 + s * (_E10 + s * (_E11 + s * _E12))))
    p = _E0 + s * (_E1 + s * (_E2 + s * (_E3 + s * (_E4 + s * (_E5 + s * (_E6 + s * p))))))
    tail = 0.5 * t * density * p
    return (1.0 - tail if z > 0 else tail), density


def _expm1_of_float64(x):  # type: ignore[no-untyped-def]
    return math.expm1(x)


def _tanh_of_float64(x):  # type: ignore[no-untyped-def]
    return math.tanh(x)


def _log1p_of_float64(x):  # type: ignore[no-untyped-def]
    return math.log1p(x)


def _normal_of_float64(x):  # type: ignore[no-untyped-def]
    z = x * SQRT_HALF
    return math.erfc(-z) / 2, math.exp(-z * z)


def _overload(function: Callable[..., Any], *by_dtype: Callable[..., Any]) -> None:
    """Let kernels that call `function` have the first of the two for float32, else the second."""

    def choose(x):  # type: ignore[no-untyped-def]  # the signature of the functions themselves
        return dict(zip((types.float32, types.float64), by_dtype, strict=True)).get(x)

    overload(function, jit_options=_OPTIONS)(choose)


_overload(exp, _exp_of_float32, _exp_of_float64)
_overload(expm1, _expm1_of_float32, _expm1_of_float64)
_overload(tanh, _tanh_of_float32, _tanh_of_float64)
_overload(log1p, _log1p_of_float32, _log1p_of_float64)
_overload(silu, _silu_of_float32, _silu_of_float64)
_overload(normal, _normal_of_float32, _normal_of_float64)
