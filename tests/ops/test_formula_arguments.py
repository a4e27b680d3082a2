"""Signatures, geometry and arrays of unusual rank: what the layers never ask of the formulas."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from scratchnet.ops import formulas, kernels
from scratchnet.ops.formulas.random_bits import random_bits
from scratchnet.ops.geometry import output_size, pad_amounts

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", formulas.__all__)
def test_a_kernel_has_the_arguments_and_defaults_of_its_formula(name):
    formula, kernel = getattr(formulas, name), getattr(kernels, name)
    if not callable(formula):
        assert kernel is formula
        return
    of_formula, of_kernel = (
        [(each.name, each.default) for each in inspect.signature(function).parameters.values()]
        for function in (formula, kernel)
    )
    assert of_kernel == of_formula


@pytest.mark.parametrize("name", formulas.__all__)
def test_windows_stand_side_by_side_without_padding_unless_told_otherwise(name):
    if not callable(getattr(formulas, name)):
        return
    parameters = inspect.signature(getattr(formulas, name)).parameters
    given = {
        each.name: each.default for each in parameters.values() if each.default is not each.empty
    }
    strides = None if "pool" in name and "conv" not in name else (1, 1)
    usual = {"strides": strides, "padding": "valid", "dilation": (1, 1), "groups": 1}
    usual |= {"pool_size": (2, 2), "axis": -1, "output_padding": None}
    usual |= {"pooling": ((2, 2), None, "valid", False), "activation": "linear"}
    for argument, default in given.items():
        if argument in usual:
            assert default == usual[argument]


@given(
    i=st.integers(1, 30),
    k=st.integers(1, 7),
    s=st.integers(1, 5),
    d=st.integers(1, 3),
)
def test_same_padding_is_just_enough_with_the_odd_cell_at_the_end(i, k, s, d):
    before, after = pad_amounts(i, k, s, d, "same")
    out = output_size(i, k, s, d, "same")
    assert out == int(np.ceil(i / s))
    needed = (out - 1) * s + (k - 1) * d + 1 - i
    assert before + after == max(0, needed)
    assert after - before in (0, 1)
    assert pad_amounts(i, k, s, d, "valid") == (0, 0)


@given(seed=seeds, batch=st.sampled_from([(), (2,), (2, 3)]))
def test_attention_does_the_same_for_each_element_of_any_batch(seed, batch):
    rng = np.random.default_rng(seed)
    q, k, w = rng.normal(size=(*batch, 4, 5)), rng.normal(size=(*batch, 3, 5)), rng.normal(size=5)
    scale = np.array(0.7)
    scores = formulas.additive_attention_scores(q, k, w, scale)
    dscores = rng.normal(size=scores.shape)
    dq, dk, dw, dscale = formulas.additive_attention_scores_backward(dscores, q, k, w, scale)
    sum_w, sum_scale = np.zeros(5), 0.0
    for n in np.ndindex(batch):
        assert np.allclose(scores[n], np.tanh(0.7 * (q[n][:, None] + k[n][None])) @ w)
        one = formulas.additive_attention_scores_backward(dscores[n], q[n], k[n], w, scale)
        assert np.allclose(dq[n], one[0])
        assert np.allclose(dk[n], one[1])
        sum_w, sum_scale = sum_w + one[2], sum_scale + one[3]
    assert np.allclose(dw, sum_w)
    assert np.allclose(dscale, sum_scale)


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_a_cell_whose_bits_equal_the_rate_is_kept(implementation):
    key = (5, 7)
    for i, bits in enumerate(random_bits(20, key)):
        rate = int(bits) / 2**24
        assert implementation.dropout_mask((20,), rate, key)[i]
        assert not implementation.dropout_mask((20,), rate + 2.0**-24, key)[i]


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_a_rate_of_one_leaves_nothing_whatever_the_mask(implementation):
    x, keep = np.ones((2, 3)), np.array([[True, False, True]] * 2)
    assert not implementation.dropout(x, keep, 1.0).any()
    assert not implementation.dropout_backward(x, keep, 1.0).any()


@pytest.mark.parametrize(
    "name", ["relu", "silu", "gelu", "softplus", "elu", "sigmoid", "tanh", "softmax"]
)
def test_a_kernel_reads_no_gradient_of_another_shape(name):
    x = np.ones((4, 3))
    with pytest.raises(TypeCheckError, match=f"{name}_backward"):  # by the formula it went to
        getattr(kernels, f"{name}_backward")(np.ones((1, 3)), x)


@pytest.mark.parametrize("dtype", [np.float16, np.int64])
@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_serves_other_dtypes_by_its_formula(dtype, approximate):
    x = np.arange(-3, 4).astype(dtype)
    ours = kernels.gelu(x, approximate), kernels.gelu_backward(x, x, approximate)
    exact = formulas.gelu(x, approximate), formulas.gelu_backward(x, x, approximate)
    for a, b in zip(ours, exact, strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "equation",
    ["ab,bc->ac", "abx,xy->aby", "abx,xy->ay", "abc,bd->ad", "...x,xy->...y", "ab,cb->abc"],
)
def test_gradients_of_einsum_are_adjoints(equation):
    letters, rng = equation.replace("...", "n").split(","), np.random.default_rng(0)
    shape_x, shape_w = (
        [ord(letter) % 5 + 2 for letter in term] for term in (letters[0], letters[1].split("->")[0])
    )
    x, v = rng.integers(-5, 6, (2, *shape_x))
    w, u = rng.integers(-5, 6, (2, *shape_w))
    y = formulas.einsum(x, w, equation)
    dy = rng.integers(-5, 6, y.shape)
    dx, dw = formulas.einsum_backward(dy, x, w, equation)
    assert (dx.shape, dw.shape) == (x.shape, w.shape)
    assert (dy * formulas.einsum(v, w, equation)).sum() == (dx * v).sum()
    assert (dy * formulas.einsum(x, u, equation)).sum() == (dw * u).sum()
