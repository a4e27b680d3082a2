"""Learning-rate schedules equal Keras's at every step, boundaries and broken steps included."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import relative_error
from reference.twin_optimizer import twin_schedule
from scratchnet.optimizers import schedules

pytestmark = pytest.mark.usefixtures("float64")

rates = st.sampled_from([0.001, 0.1, 0.3, 1.0])
lengths = st.integers(1, 40)
factors = st.sampled_from([0.1, 0.5, 0.96, 1.0])
steps = st.lists(st.integers(0, 200), min_size=1, max_size=6)

DRAWN = {
    "ExponentialDecay": st.builds(
        schedules.ExponentialDecay, rates, lengths, factors, st.booleans()
    ),
    "InverseTimeDecay": st.builds(
        schedules.InverseTimeDecay, rates, lengths, factors, st.booleans()
    ),
    "PolynomialDecay": st.builds(
        schedules.PolynomialDecay,
        rates,
        lengths,
        st.sampled_from([0.0001, 0.1, 0.5]),
        st.sampled_from([0.5, 1.0, 3.0]),
        st.booleans(),
    ),
    "CosineDecay": st.builds(
        schedules.CosineDecay,
        rates,
        lengths,
        st.sampled_from([0.1, 0.5]),
        warmup_target=st.none() | rates,
        warmup_steps=st.integers(0, 40),
    ),
    "CosineDecayRestarts": st.builds(
        schedules.CosineDecayRestarts,
        rates,
        lengths,
        st.sampled_from([1.0, 2.0]),  # Keras's logarithm is exact at the restarts for both
        factors,
        st.sampled_from([0.1, 0.5]),
    ),
    "PiecewiseConstantDecay": st.lists(
        st.integers(0, 200) | st.sampled_from([9.5, 20.75]), min_size=1, max_size=4
    ).flatmap(
        lambda bounds: st.builds(
            schedules.PiecewiseConstantDecay,
            st.just(sorted(bounds)),
            st.lists(rates, min_size=len(bounds) + 1, max_size=len(bounds) + 1),
        )
    ),
}


def boundaries(ours):
    """Steps at which something changes, and those beside them."""
    length = getattr(ours, "decay_steps", None) or getattr(ours, "first_decay_steps", 1)
    warm = getattr(ours, "warmup_steps", 0)
    jumps = [*(int(b) for b in getattr(ours, "boundaries", [])), warm, warm + length]
    jumps += [length, 2 * length, 3 * length, 7 * length]
    return {max(0, jump + by) for jump in jumps for by in (-1, 0, 1)}


@pytest.mark.parametrize("name", DRAWN)
@given(data=st.data())
def test_every_step_agrees(name, data):
    ours = data.draw(DRAWN[name])
    theirs = twin_schedule(ours)
    whole = sorted(boundaries(ours) | set(data.draw(steps)))
    for step in whole:
        expected = float(theirs(keras.ops.convert_to_tensor(step, "int64")))
        assert relative_error(ours(step), expected) <= 1e-12, step
        assert isinstance(ours(step), np.float64)
    broken = [0.25, 9.75, 20.75, 21.0]
    for step in broken:
        expected = float(theirs(keras.ops.convert_to_tensor(step, "float64")))
        assert relative_error(ours(step), expected) <= 1e-12, step
    one_by_one = np.array([ours(step) for step in whole])
    # NumPy has other code for the power of an array than for that of a number: 4 ulp each
    np.testing.assert_array_almost_equal_nulp(ours(np.array(whole)), one_by_one, nulp=8)


@given(
    ours=st.builds(
        schedules.CosineDecayRestarts,
        rates,
        lengths,
        st.sampled_from([1.1, 1.5, 3.0]),
        factors,
        st.sampled_from([0.1, 0.5]),
    ),
    drawn=steps,
)
def test_restarts_agree_with_keras_but_where_its_logarithm_misses_a_period(ours, drawn):
    theirs = twin_schedule(ours)
    for step in drawn:
        _, p = ours._period(step / ours.first_decay_steps)
        if min(p, 1 - p) > 1e-9:
            expected = float(theirs(keras.ops.convert_to_tensor(step, "int64")))
            assert relative_error(ours(step), expected) <= 1e-12


@pytest.mark.parametrize("t_mul", [1, 1.5, 2, 3, 10])
def test_the_first_step_of_every_period_has_its_full_learning_rate(t_mul):
    ours = schedules.CosineDecayRestarts(1.0, 4**8, t_mul, m_mul=0.5)
    start = 0
    for i in range(8):
        assert ours(start) == pytest.approx(0.5**i, rel=1e-9), i
        start += round(4**8 * t_mul**i)


@pytest.mark.parametrize("name", DRAWN)
def test_python_numbers_are_float32_in_keras_and_agree_to_its_digits(name):
    ours = EXAMPLES[name]
    theirs = getattr(keras.optimizers.schedules, name)(**ours.get_config())
    for step in (0, 1, 5, 10, 11, 50):
        expected = float(theirs(keras.ops.convert_to_tensor(step, "int64")))
        assert abs(ours(step) - expected) <= 4 * 2**-24 * 0.3


EXAMPLES = {
    "ExponentialDecay": schedules.ExponentialDecay(0.3, 10, 0.7),
    "InverseTimeDecay": schedules.InverseTimeDecay(0.3, 10, 0.7),
    "PolynomialDecay": schedules.PolynomialDecay(0.3, 10, 0.1, power=0.5),
    "CosineDecay": schedules.CosineDecay(0.1, 10, 0.1, warmup_target=0.3, warmup_steps=5),
    "CosineDecayRestarts": schedules.CosineDecayRestarts(0.3, 10),
    "PiecewiseConstantDecay": schedules.PiecewiseConstantDecay([5, 10], [0.3, 0.2, 0.1]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_configurations_are_keras_s(name):
    ours = EXAMPLES[name]
    config = schedules.serialize(ours)
    theirs = keras.optimizers.schedules.deserialize(schedules.serialize(ours))
    assert type(theirs).__name__ == name
    assert theirs.get_config() == config["config"]
    again = schedules.deserialize(keras.optimizers.schedules.serialize(theirs))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()


def test_one_value_without_boundaries_is_constant():
    assert schedules.PiecewiseConstantDecay([], [0.5])([0, 100]).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), r"ExponentialDecay .*decay_steps=0"),
        (lambda: schedules.InverseTimeDecay(0.1, -1, 0.5), r"InverseTimeDecay .*decay_steps=-1"),
        (lambda: schedules.PolynomialDecay(0.1, np.nan), r"PolynomialDecay .*decay_steps=nan"),
        (lambda: schedules.CosineDecay(0.1, None), r"CosineDecay .*decay_steps=None"),
        (lambda: schedules.CosineDecayRestarts(0.1, 0), r"Restarts .*first_decay_steps=0"),
        (lambda: schedules.CosineDecayRestarts(0.1, 5, 0.5), r"t_mul=0\.5.*at least 1"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), r"1 boundaries and 1 values"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), r"\[2, 1\].*rising order"),
    ],
)
def test_errors_say_what_was_received(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_schedule_of_one_s_own_says_what_it_lacks():
    class Bare(schedules.LearningRateSchedule):
        pass

    with pytest.raises(NotImplementedError, match=r"Bare does not define __call__"):
        Bare()(0)
    with pytest.raises(NotImplementedError, match=r"Bare does not define get_config"):
        Bare().get_config()


def test_an_unknown_schedule_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"learning-rate schedule.*mean 'CosineDecay'"):
        schedules.deserialize({"class_name": "CosineDecy", "config": {}})


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_arguments_and_defaults_are_keras_s(name):
    ours, theirs = (
        inspect.signature(getattr(each, name)).parameters
        for each in (schedules, keras.optimizers.schedules)
    )
    assert [*ours] == [*theirs]
    for argument, parameter in theirs.items():
        if argument != "name":  # None here stands for Keras's name
            assert ours[argument].default == parameter.default, argument


REQUIRED = {
    "ExponentialDecay": (0.1, 10, 0.5),
    "InverseTimeDecay": (0.1, 10, 0.5),
    "PolynomialDecay": (0.1, 10),
    "CosineDecay": (0.1, 10),
    "CosineDecayRestarts": (0.1, 10),
    "PiecewiseConstantDecay": ([5], [0.1, 0.2]),
}


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_the_name_is_keras_s(name):
    ours, theirs = (
        getattr(each, name)(*REQUIRED[name]) for each in (schedules, keras.optimizers.schedules)
    )
    assert ours.name == theirs.name
    assert ours.get_config()["name"] == theirs.get_config()["name"]


@pytest.mark.parametrize("name", sorted(set(REQUIRED) - {"PiecewiseConstantDecay"}))
def test_no_steps_of_decay_are_refused_by_name(name):
    argument = "first_decay_steps" if name.endswith("Restarts") else "decay_steps"
    rate, _, *others = REQUIRED[name]
    with pytest.raises(ValueError, match=rf"{name} received {argument}=0\b"):
        getattr(schedules, name)(rate, 0, *others)
