"""The kernels of optimizers do in one pass what the formulas do in many, to the same bits."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from scratchnet import Variable, config, ops, optimizers
from scratchnet.ops.kernels import updates
from scratchnet.ops.kernels.steps import PIECE

CASES = {
    "sgd": lambda **kw: optimizers.SGD(0.1, **kw),
    "sgd_with_momentum": lambda **kw: optimizers.SGD(0.1, momentum=0.9, **kw),
    "nesterov": lambda **kw: optimizers.SGD(0.1, momentum=0.9, nesterov=True, **kw),
    "averaged_momentum": lambda **kw: optimizers.Momentum(0.1, **kw),
    "adam": lambda **kw: optimizers.Adam(0.01, **kw),
    "amsgrad": lambda **kw: optimizers.Adam(0.01, amsgrad=True, **kw),
    "nadam": lambda **kw: optimizers.Nadam(0.01, **kw),
    "adamax": lambda **kw: optimizers.Adamax(0.01, **kw),
    "adagrad": lambda **kw: optimizers.Adagrad(0.1, **kw),
    "rmsprop": lambda **kw: optimizers.RMSprop(0.01, **kw),
    "rmsprop_with_momentum": lambda **kw: optimizers.RMSprop(0.01, momentum=0.9, **kw),
    "lion": lambda **kw: optimizers.Lion(0.01, **kw),
}
SHAPES = [(), (3,), (5, 7), (2, 3, 4, 5)]


def after_steps(implementation, make, dtype, shapes=SHAPES, steps=3, odd=False, **arguments):
    """All arrays of the optimizer and the weights after some steps."""
    rng = np.random.default_rng(0)
    variables = [
        Variable(rng.normal(size=shape).astype(dtype), f"w{i}") for i, shape in enumerate(shapes)
    ]
    optimizer = make(**arguments)
    with ops.use(implementation):
        for _ in range(steps):
            grads = [rng.normal(size=v.shape).astype(dtype) for v in variables]
            if odd:
                grads = [np.asfortranarray(g[..., ::-1]) if g.ndim else g for g in grads]
                grads[1][:] = [np.nan, np.inf, 0]
            optimizer.apply(grads, variables)
    return [v.value for v in (*variables, *optimizer.variables)]


@pytest.fixture
def calls(monkeypatch):
    """The names of the kernels that are called, in order."""
    names = []
    for name, kernel in updates.KERNELS.items():

        def call(*arguments, name=name, kernel=kernel, **options):
            names.append(name)
            return kernel.call(*arguments, **options)

        monkeypatch.setitem(updates.KERNELS, name, kernel._replace(call=call))
    return names


@pytest.fixture
def threads():
    yield config.set_threads
    config.set_threads(None)


def assert_same_steps(make, starts, gradients_of_steps, between=lambda weights, step: None):
    """Kernels give the bits of the formulas in all weights and slots, after every step.

    Args:
        make: gives an optimizer.
        starts: first values of the weights.
        gradients_of_steps: for each step the gradients, made anew for each side from its weights.
        between: called before each step, may change the weights.
    """
    sides = {}
    for implementation in ("kernels", "formulas"):
        weights = [Variable(start, f"w{i}") for i, start in enumerate(starts)]
        optimizer, states = make(), []
        with ops.use(implementation):
            for step, gradients in enumerate(gradients_of_steps):
                between(weights, step)
                optimizer.apply(gradients(weights), weights)
                states.append([v.value.copy() for v in (*weights, *optimizer.variables)])
        sides[implementation] = states
    for ours, expected in zip(*sides.values(), strict=True):
        for a, b in zip(ours, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def random(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def test_every_kernel_is_held_to_its_formula():
    assert set(CASES) == set(updates.KERNELS)


@pytest.mark.parametrize("arguments", [{}, {"weight_decay": 0.05}], ids=["plain", "decay"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_a_kernel_gives_the_bits_of_the_formula(name, dtype, arguments, calls):
    for odd in (False, True):
        ours = after_steps("kernels", CASES[name], dtype, odd=odd, **arguments)
        expected = after_steps("formulas", CASES[name], dtype, odd=odd, **arguments)
        for a, b in zip(ours, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    assert calls == [name] * 2 * 3  # one for all weights, and no formula by mistake


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd_with_momentum"])
def test_a_kernel_gives_the_same_bits_on_one_thread_and_on_all(name, threads):
    sizes = [1, PIECE - 1, PIECE, PIECE + 1, 3, 2 * PIECE, 7 * PIECE + 5, *range(1, 60)]
    shapes = [(300, 401), *((size,) for size in sizes)]
    results = [after_steps("formulas", CASES[name], np.float32, shapes)]
    for number in (1, None):
        threads(number)
        results.append(after_steps("kernels", CASES[name], np.float32, shapes))
    for expected, *others in zip(*results, strict=True):
        for each in others:
            np.testing.assert_array_equal(each, expected)


def test_each_dtype_is_one_call_and_what_no_kernel_serves_goes_to_the_formula(calls):
    shapes = [(3, 5), (4,), (), (0, 3), (2, 3), (6,), (PIECE + 7,)]
    dtypes = [*"fdfffe", "d"]
    starts = [random(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]

    def fortran(weights, step):
        if step == 0:
            weights[4].value = np.asfortranarray(weights[4].value)

    def gradients(step):
        return lambda weights: [random(v.shape, v.dtype, step) for v in weights]

    make = lambda: optimizers.AdamW(0.1, weight_decay=0.5)  # noqa: E731
    assert_same_steps(make, starts, [gradients(step) for step in range(3)], fortran)
    assert calls == ["adam"] * 2 * 3


@pytest.mark.filterwarnings("ignore:The weights .* have no gradient")
def test_a_weight_without_a_gradient_stays_as_it_is_in_any_step(calls):
    starts = [random((PIECE + 3,)), random((5,), np.float64), random((4,))]

    def gradients(missing):
        return lambda weights: [
            None if i in missing else random(v.shape, v.dtype, i) for i, v in enumerate(weights)
        ]

    make = lambda: optimizers.Adam(0.1, weight_decay=0.5)  # noqa: E731
    steps = [gradients(missing) for missing in ((0,), (), (2, 1), (0, 1))]
    assert_same_steps(make, starts, steps)


def test_weights_spared_from_decay_and_a_decay_that_changes_between_steps():
    optimizer = None

    def make():
        nonlocal optimizer
        optimizer = optimizers.SGD(0.5, momentum=0.9, weight_decay=0.25)
        optimizer.exclude_from_weight_decay(var_names=["w1"])
        return optimizer

    def between(weights, step):
        optimizer.weight_decay = (0.25, None, 0.125, 0)[step]

    gradients = lambda weights: [random(v.shape) for v in weights]  # noqa: E731
    assert_same_steps(make, [random((7,)), random((8,))], [gradients] * 4, between)


LAYOUTS = {
    "reversed": lambda g: np.ascontiguousarray(g[::-1, ::-1])[::-1, ::-1],
    "Fortran": np.asfortranarray,
    "strided": lambda g: np.repeat(g, 2, axis=1)[:, ::2],
    "broadcast": lambda g: np.broadcast_to(g[:1], g.shape),
    "big-endian": lambda g: g.astype(g.dtype.newbyteorder(">")),
    "unaligned": lambda g: np.frombuffer(b" " + g.tobytes(), g.dtype, offset=1).reshape(g.shape),
    "read-only": lambda g: np.frombuffer(g.tobytes(), g.dtype).reshape(g.shape),
    "list": np.ndarray.tolist,
    "of another dtype": lambda g: g.astype(np.float64),
    "of a subclass": np.ma.array,
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_gradients_may_lie_in_memory_in_any_way(layout, calls):
    def gradients(weights):
        return [layout(random(v.shape, v.dtype)) for v in weights]

    assert_same_steps(CASES["adam"], [random((3, 4)), random((60, 70))], [gradients] * 2)
    assert calls == ["adam"] * 2


def test_the_weights_may_be_other_arrays_in_each_step(calls):
    def between(weights, step):
        for v in weights:
            v.value = v.value[::-1].copy()  # the old array is freed

    gradients = lambda weights: [random(v.shape) for v in weights]  # noqa: E731
    assert_same_steps(CASES["adam"], [random((5000,)), random((3,))], [gradients] * 4, between)
    assert calls == ["adam"] * 4


def test_a_weight_whose_memory_moves_is_found_where_it_is(calls):
    def between(weights, step):
        for cells in (10**6, 5000):  # a second array would not let NumPy do that
            weights[0].value.resize(cells, refcheck=False)

    gradients = lambda weights: [random(v.shape) for v in weights]  # noqa: E731
    assert_same_steps(CASES["sgd"], [random((5000,))], [gradients] * 4, between)
    assert calls == ["sgd"] * 4


@pytest.mark.parametrize("of_slot", [False, True], ids=["weight", "slot"])
def test_what_may_no_longer_be_written_to_is_not(of_slot, calls):
    weight, gradient = Variable(np.ones(3, np.float32)), np.ones(3, np.float32)
    optimizer = optimizers.SGD(0.5, momentum=0.5)
    optimizer.apply([gradient], [weight])
    array = optimizer.variables[-1].value if of_slot else weight.value
    array.flags.writeable = False
    before = array.copy()
    with pytest.raises(ValueError, match="read-only"):
        optimizer.apply([gradient], [weight])
    np.testing.assert_array_equal(array, before)
    array.flags.writeable = True
    optimizer.apply([gradient], [weight])
    assert (array != before).all()
    assert calls == ["sgd_with_momentum"] * 2


def test_weights_that_share_memory_are_updated_one_after_the_other(calls):
    def tied(weights, step):
        weights[1].value = weights[0].value.T

    starts = [random((90, 90)), random((90, 90), seed=1)]
    gradients = lambda weights: [random(v.shape, seed=i) for i, v in enumerate(weights)]  # noqa: E731
    assert_same_steps(CASES["adam"], starts, [gradients] * 2, tied)
    assert calls == []


def test_a_gradient_may_be_the_memory_of_another_weight(calls):
    crossed = lambda weights: [weights[1].value, weights[0].value]  # noqa: E731
    starts = [random((90, 90)), random((90, 90), seed=1)]
    assert_same_steps(CASES["sgd"], starts, [crossed] * 2)
    assert calls == []


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_of_an_optimizer_and_its_weights_leaves_the_original(copied):
    weights, gradients = [Variable(random((5,)))], [random((5,), seed=1)]
    optimizer = CASES["adam"]()
    optimizer.apply(gradients, weights)
    other, others = copied([optimizer, weights])
    before = weights[0].numpy()
    other.apply(gradients, others)
    np.testing.assert_array_equal(weights[0].value, before)
    optimizer.apply(gradients, weights)
    np.testing.assert_array_equal(weights[0].value, others[0].value)


def test_slots_that_the_kernel_does_not_expect_go_to_the_formula(calls):
    def between(weights, step):
        optimizer.momentum = (0.5, 0.0)[step]

    def make():
        nonlocal optimizer
        optimizer = optimizers.SGD(0.5, momentum=0.5)
        return optimizer

    optimizer = None
    gradients = lambda weights: [random(v.shape) for v in weights]  # noqa: E731
    assert_same_steps(make, [random((5,))], [gradients] * 2, between)
    assert calls == ["sgd_with_momentum"]


@pytest.mark.parametrize(
    "make",
    [
        lambda **kw: optimizers.RMSprop(0.01, centered=True, **kw),
        lambda **kw: optimizers.Adadelta(**kw),
        lambda **kw: optimizers.Ftrl(**kw),
        lambda **kw: optimizers.Lamb(**kw),
    ],
    ids=["centered RMSprop", "Adadelta", "Ftrl", "Lamb"],
)
def test_without_a_kernel_the_formula_serves(make):
    ours = after_steps("kernels", make, np.float32, weight_decay=0.05)
    for a, b in zip(
        ours, after_steps("formulas", make, np.float32, weight_decay=0.05), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_float16_goes_to_the_formula():
    ours = after_steps("kernels", CASES["adam"], np.float16)
    for a, b in zip(ours, after_steps("formulas", CASES["adam"], np.float16), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_that_a_kernel_cannot_write_in_order_go_to_the_formula():
    variable = Variable(np.ones((3, 4), np.float32))
    variable.value = np.asfortranarray(variable.value)
    optimizers.SGD(0.5).apply([np.ones((3, 4), np.float32)], [variable])
    assert (variable.value == 0.5).all()


def test_an_update_of_ones_own_is_never_passed_over():
    class Sign(optimizers.SGD):
        def update(self, p, g, lr, slots):
            p -= lr * np.sign(g)

    variable = Variable(np.ones(2, np.float32))
    Sign(0.5).apply([np.array([7, -7], np.float32)], [variable])
    assert variable.value.tolist() == [0.5, 1.5]


def test_weights_that_are_spared_do_not_decay():
    kept, spared = (Variable(np.ones(2, np.float32), name) for name in ("kernel", "bias"))
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([np.zeros(2, np.float32)] * 2, [kept, spared])
    assert kept.value.tolist() == pytest.approx([0.95] * 2)
    assert spared.value.tolist() == [1, 1]
