"""T0 of dense layers, biases, padding, flattening, merges and average pooling: the same bits.

Every array holds integers so small that each sum is exact. What a formula must give is written
out once more, cell by cell with Python's numbers, and gradients must be adjoints:
⟨dy, J·v⟩ = ⟨Jᵀ·dy, v⟩, where J·v = f(x + v) − f(x) because f is linear in each input.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import layers
from scratchnet.ops import formulas, kernels
from scratchnet.ops.formulas.merge import sum_to_shape

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
THREADS = pytest.mark.parametrize("threads", [1, 2])
seeds = st.integers(0, 2**32 - 1)


def some(rng, shape, largest=8):
    return rng.integers(-largest, largest + 1, shape)


def on_threads(threads, function, *arguments):
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        return function(*arguments)
    finally:
        numba.set_num_threads(before)


def equal(got, exact, dtype):
    assert got.dtype == dtype
    assert got.shape == exact.shape
    assert np.array_equal(got, exact)


@st.composite
def dense_layers(draw):
    """(x, w, dy): any number of axes before the last; rows enough for several parts at times."""
    batch = draw(st.sampled_from([(1,), (3,), (5, 2), (2, 1, 3), (33,), (65,), (4, 24), (1, 130)]))
    inputs, outputs = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(seeds))
    if draw(st.booleans()):
        inputs += 64
    return some(rng, (*batch, inputs)), some(rng, (inputs, outputs)), some(rng, (*batch, outputs))


@given(case=dense_layers())
def test_the_formulas_of_dense_and_bias_are_the_definitions(case):
    x, w, dy = case
    y = formulas.dense(x, w)
    assert y.shape == dy.shape
    for *n, o in np.ndindex(y.shape):
        row = x[tuple(n)]
        assert y[(*n, o)] == sum(int(row[i]) * int(w[i, o]) for i in range(len(w)))
    dx, dw = formulas.dense_backward(dy, x, w)
    v, u = np.roll(x, 1), np.roll(w, 1)
    assert (dy * formulas.dense(v, w)).sum() == (dx * v).sum()
    assert (dy * formulas.dense(x, u)).sum() == (dw * u).sum()
    bias = np.arange(dy.shape[-1]) - 2
    for *n, o in np.ndindex(y.shape):
        assert formulas.bias_add(y, bias)[(*n, o)] == y[(*n, o)] + o - 2
    assert (formulas.bias_add_backward(dy) * bias).sum() == (dy * bias).sum()


@DTYPES
@THREADS
@given(case=dense_layers())
def test_kernels_of_dense_and_bias_are_exact(dtype, threads, case):
    x, w, dy = case
    bias = dy.reshape(-1, dy.shape[-1])[0]
    x_f, w_f, dy_f, bias_f = (a.astype(dtype) for a in (x, w, dy, bias))
    equal(on_threads(threads, kernels.dense, x_f, w_f), formulas.dense(x, w), dtype)
    got = on_threads(threads, kernels.dense_backward, dy_f, x_f, w_f)
    for ours, exact in zip(got, formulas.dense_backward(dy, x, w), strict=True):
        equal(ours, exact, dtype)
    got = on_threads(threads, kernels.bias_add, dy_f, bias_f)
    equal(got, formulas.bias_add(dy, bias), dtype)
    got = on_threads(threads, kernels.bias_add_backward, dy_f)
    equal(got, formulas.bias_add_backward(dy), dtype)


@st.composite
def cells_and_ends(draw):
    """(cells, (before, after) of each axis)."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    ends = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in shape]
    return some(np.random.default_rng(draw(seeds)), shape), ends


@DTYPES
@given(case=cells_and_ends(), value=st.integers(-5, 5))
def test_padding_puts_cells_around_and_cropping_takes_them_away(dtype, case, value):
    x, ends = case
    y = formulas.pad(x.astype(dtype), ends, value)
    assert y.dtype == dtype
    assert y.shape == tuple(b + n + a for n, (b, a) in zip(x.shape, ends, strict=True))
    for place in np.ndindex(y.shape):
        inner = tuple(i - before for i, (before, _) in zip(place, ends, strict=True))
        inside = all(0 <= i < n for i, n in zip(inner, x.shape, strict=True))
        assert y[place] == (x[inner] if inside else value)
    equal(formulas.crop(y, ends), x, dtype)
    assert not np.shares_memory(formulas.crop(y, ends), y)
    zeros_around = formulas.pad(x.astype(dtype), ends)
    equal(formulas.crop_backward(x.astype(dtype), ends), zeros_around, dtype)
    equal(formulas.pad_backward(y, ends), x, dtype)


@DTYPES
@given(case=cells_and_ends())
def test_repeated_cells_are_the_definition_and_get_the_sum_of_their_gradients(dtype, case):
    x, ends = case
    counts = [1 + before for before, _ in ends]
    y = formulas.repeat(x.astype(dtype), counts)
    assert y.dtype == dtype
    assert y.shape == tuple(n * count for n, count in zip(x.shape, counts, strict=True))
    dx = np.zeros(x.shape, int)
    dy = np.arange(y.size).reshape(y.shape)
    for place in np.ndindex(y.shape):
        source = tuple(k // count for k, count in zip(place, counts, strict=True))
        assert y[place] == x[source]
        dx[source] += dy[place]
    equal(formulas.repeat_backward(dy.astype(dtype), counts), dx, dtype)


@DTYPES
@given(shape=st.lists(st.integers(1, 4), min_size=2, max_size=5), seed=seeds)
def test_flattening_changes_no_number_and_no_order(dtype, shape, seed):
    x = some(np.random.default_rng(seed), shape).astype(dtype)
    flatten = layers.Flatten()
    y, saved = flatten.forward(x, training=True)
    equal(y, np.array([list(each.flat) for each in x]), dtype)
    dx, _ = flatten.backward(y, saved)
    equal(dx, x, dtype)


@st.composite
def mergeable(draw, number):
    """Several arrays of one rank whose sizes are equal or 1."""
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(seeds))
    return [
        some(rng, [n if draw(st.integers(0, 3)) else 1 for n in shape], 3)
        for _ in range(draw(number))
    ]


def everywhere(function, xs):
    """function(the numbers of all xs) at each place, sizes of 1 repeated."""
    xs = np.broadcast_arrays(*xs)
    y = np.empty(xs[0].shape, object)
    for place in np.ndindex(y.shape):
        y[place] = function([int(x[place]) for x in xs])
    return y


MERGES = {
    "add": (st.integers(1, 4), sum),
    "subtract": (st.just(2), lambda numbers: numbers[0] - numbers[1]),
    "multiply": (st.integers(1, 4), math.prod),
    "average": (st.sampled_from([1, 2, 4]), lambda n: Fraction(sum(n), len(n))),
    "maximum": (st.integers(1, 4), max),
    "minimum": (st.integers(1, 4), min),
}


@DTYPES
@pytest.mark.parametrize("name", MERGES)
@given(data=st.data())
def test_merges_are_their_definitions(dtype, name, data):
    number, definition = MERGES[name]
    xs = data.draw(mergeable(number))
    y = getattr(formulas, name)([x.astype(dtype) for x in xs])
    equal(y, everywhere(definition, xs), dtype)


@DTYPES
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "average"])
@given(data=st.data())
def test_gradients_of_merges_are_adjoints(dtype, name, data):
    xs = data.draw(mergeable(MERGES[name][0]))
    function, backward = getattr(formulas, name), getattr(formulas, f"{name}_backward")
    rng = np.random.default_rng(data.draw(seeds))
    xs = [x.astype(dtype) for x in xs]
    y = function(xs)
    dy = (4 * some(rng, y.shape)).astype(dtype)  # a quarter of it is an integer too
    gradients = backward(dy, xs if name == "multiply" else [x.shape for x in xs])
    assert len(gradients) == len(xs)
    for k, (x, gradient) in enumerate(zip(xs, gradients, strict=True)):
        assert (gradient.shape, gradient.dtype) == (x.shape, dtype)
        for place in np.ndindex(x.shape):
            unit = np.zeros_like(x)
            unit[place] = 1
            change = function([*xs[:k], x + unit, *xs[k + 1 :]]) - y
            assert gradient[place] == (dy * change).sum()


@DTYPES
@pytest.mark.parametrize(("name", "extreme"), [("maximum", max), ("minimum", min)])
@given(data=st.data())
def test_the_first_of_equals_gets_the_gradient_of_an_extreme(dtype, name, extreme, data):
    xs = data.draw(mergeable(st.integers(1, 4)))
    wide = np.broadcast_arrays(*xs)
    dy = some(np.random.default_rng(data.draw(seeds)), wide[0].shape)
    expected = [np.zeros(dy.shape, int) for _ in xs]
    for place in np.ndindex(dy.shape):
        numbers = [int(x[place]) for x in wide]
        expected[numbers.index(extreme(numbers))][place] = dy[place]
    got = getattr(formulas, f"{name}_backward")(dy.astype(dtype), [x.astype(dtype) for x in xs])
    for x, gradient, exact in zip(xs, got, expected, strict=True):
        repeated = tuple(i for i, n in enumerate(x.shape) if n == 1)
        equal(gradient, exact.sum(axis=repeated, keepdims=True), dtype)


def test_the_gradient_of_a_missing_axis_is_summed_away():
    dy = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(sum_to_shape(dy, (4,)), dy.sum(axis=(0, 1)))
    assert np.array_equal(sum_to_shape(dy, (3, 1)), dy.sum(axis=(0, 2)).reshape(3, 1))
    assert np.array_equal(sum_to_shape(dy, ()), dy.sum())
    assert sum_to_shape(dy, dy.shape) is dy


@DTYPES
@given(sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4), axis=st.integers(-3, 2))
def test_concatenation_puts_side_by_side_and_its_gradient_cuts_apart(dtype, sizes, axis):
    xs = []
    for k, size in enumerate(sizes):
        shape = [2, 2, 2]
        shape[axis] = size
        xs.append(np.full(shape, k, dtype))
    y = formulas.concatenate(xs, axis)
    line = [k for k, size in enumerate(sizes) for _ in range(size)]
    shape = [1, 1, 1]
    shape[axis] = len(line)
    equal(y, np.broadcast_to(np.reshape(line, shape), y.shape), dtype)
    for x, part in zip(xs, formulas.concatenate_backward(y, sizes, axis), strict=True):
        equal(part, x, dtype)


@st.composite
def dot_products(draw):
    """(a, b, axes): one axis of each has the same size."""
    rank_a, rank_b = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    axes = draw(st.integers(1, rank_a - 1)), draw(st.integers(1, rank_b - 1))
    sizes = st.integers(1, 3)
    shape_a, shape_b = ([draw(sizes) for _ in range(rank)] for rank in (rank_a, rank_b))
    shape_b[0], shape_b[axes[1]] = shape_a[0], shape_a[axes[0]]
    rng = np.random.default_rng(draw(seeds))
    return some(rng, shape_a), some(rng, shape_b), axes


@DTYPES
@given(case=dot_products())
def test_batch_dot_is_the_definition_and_its_gradients_are_adjoints(dtype, case):
    a, b, axes = case
    a_f, b_f = a.astype(dtype), b.astype(dtype)
    y = formulas.batch_dot(a_f, b_f, axes)
    others_a, others_b = (
        [n for i, n in enumerate(x.shape) if i not in (0, axis)]
        for x, axis in zip((a, b), axes, strict=True)
    )
    expected = np.zeros((len(a), *others_a, *others_b), int)
    for n, i, j in itertools.product(range(len(a)), np.ndindex(*others_a), np.ndindex(*others_b)):
        for k in range(a.shape[axes[0]]):
            place_a = (n, *i[: axes[0] - 1], k, *i[axes[0] - 1 :])
            place_b = (n, *j[: axes[1] - 1], k, *j[axes[1] - 1 :])
            expected[(n, *i, *j)] += a[place_a] * b[place_b]
    equal(y, expected.reshape(y.shape), dtype)
    assert y.shape == (expected.shape if others_a or others_b else (len(a), 1))
    dy = np.roll(y, 1)
    da, db = formulas.batch_dot_backward(dy, a_f, b_f, axes)
    v, u = np.roll(a_f, 1), np.roll(b_f, 1)
    assert (da.dtype, db.dtype) == (dtype, dtype)
    assert (dy * formulas.batch_dot(v, b_f, axes)).sum() == (da * v).sum()
    assert (dy * formulas.batch_dot(a_f, u, axes)).sum() == (db * u).sum()


@st.composite
def windows_of_powers_of_two(draw):
    """(x, pool_size, strides, padding): windows of 1, 2, 4, 8 or 16 cells, at the border too."""
    padding = draw(st.sampled_from(["valid", "same"]))
    sides = st.sampled_from([1, 2, 4] if padding == "valid" else [1, 2])
    pool = draw(st.tuples(sides, sides))
    size = [draw(st.integers(side if padding == "valid" else 1, side + 6)) for side in pool]
    rng = np.random.default_rng(draw(seeds))
    x = 16 * some(rng, (draw(st.integers(1, 3)), *size, draw(st.integers(1, 3))))
    return x, pool, draw(st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5))), padding


@DTYPES
@THREADS
@pytest.mark.parametrize("implementation", [formulas, kernels])
@given(case=windows_of_powers_of_two())
def test_average_pooling_of_powers_of_two_is_the_definition(dtype, threads, implementation, case):
    x, pool, strides, padding = case
    steps = strides or pool
    starts = []
    for n, k, s in zip(x.shape[1:3], pool, steps, strict=True):
        out = -(-n // s) if padding == "same" else (n - k) // s + 1
        before = max(0, (out - 1) * s + k - n) // 2 if padding == "same" else 0
        starts.append([o * s - before for o in range(out)])
    y = np.zeros((len(x), len(starts[0]), len(starts[1]), x.shape[-1]), int)
    dy = 16 * some(np.random.default_rng(0), y.shape)
    dx = np.zeros(x.shape, int)
    for (p, top), (q, left) in itertools.product(enumerate(starts[0]), enumerate(starts[1])):
        rows = slice(max(top, 0), top + pool[0])
        columns = slice(max(left, 0), left + pool[1])
        count = x[0, rows, columns, 0].size
        y[:, p, q] = x[:, rows, columns].sum(axis=(1, 2)) // count
        dx[:, rows, columns] += dy[:, None, None, p, q] // count
    got = on_threads(threads, implementation.average_pool2d, x.astype(dtype), *case[1:])
    equal(got, y, dtype)
    backward = implementation.average_pool2d_backward
    got = on_threads(threads, backward, dy.astype(dtype), x.shape, *case[1:])
    equal(got, dx, dtype)
