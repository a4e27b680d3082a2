"""The kernels of optimizers do in one pass what the formulas do in many, to the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from scratchnet import Variable, config, ops, optimizers
from scratchnet.ops.kernels import updates

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


def test_every_kernel_is_held_to_its_formula():
    assert set(CASES) == set(updates.KERNELS)


@pytest.mark.parametrize("arguments", [{}, {"weight_decay": 0.05}], ids=["plain", "decay"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_a_kernel_gives_the_bits_of_the_formula(name, dtype, arguments, monkeypatch):
    served = []
    kernel = updates.KERNELS[name]
    monkeypatch.setitem(
        updates.KERNELS, name, lambda *arrays: (served.append(name), kernel(*arrays))
    )
    for odd in (False, True):
        ours = after_steps("kernels", CASES[name], dtype, odd=odd, **arguments)
        expected = after_steps("formulas", CASES[name], dtype, odd=odd, **arguments)
        for a, b in zip(ours, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    assert len(served) == 2 * 3 * len(SHAPES)  # the formula has not served by mistake


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd_with_momentum"])
def test_a_kernel_gives_the_same_bits_on_one_thread_and_on_all(name):
    results = []
    for threads in (1, None):
        config.set_threads(threads)
        results.append(after_steps("kernels", CASES[name], np.float32, [(300, 401)]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


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
