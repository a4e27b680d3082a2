"""One step of each optimizer from the same weights, state and gradients equals Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.steps import step_errors
from reference.twin_optimizer import twin_optimizer
from scratchnet import Variable, constraints, layers, optimizers
from scratchnet.optimizers import schedules

pytestmark = pytest.mark.usefixtures("float64")

shares = st.sampled_from([0.3, 0.5, 0.9, 0.999])
small = st.sampled_from([1e-7, 1e-3, 0.1])
strengths = st.sampled_from([0.0, 0.1, 0.7])
rates = st.sampled_from([0.001, 0.3, 2.0])

OWN = {
    "SGD": {"momentum": st.sampled_from([0.0, 0.3, 0.9, 1.0]), "nesterov": st.booleans()},
    "Momentum": {"beta": shares},
    "Adagrad": {"initial_accumulator_value": strengths, "epsilon": small},
    "Adadelta": {"rho": shares, "epsilon": small},
    "RMSprop": {
        "rho": shares,
        "momentum": st.sampled_from([0.0, 0.9]),
        "epsilon": small,
        "centered": st.booleans(),
    },
    "Adam": {"beta_1": shares, "beta_2": shares, "epsilon": small, "amsgrad": st.booleans()},
    "AdamW": {"beta_1": shares, "beta_2": shares, "epsilon": small, "amsgrad": st.booleans()},
    "Adamax": {"beta_1": shares, "beta_2": shares, "epsilon": small},
    "Nadam": {"beta_1": shares, "beta_2": shares, "epsilon": small},
    "Lamb": {"beta_1": shares, "beta_2": shares, "epsilon": small},
    "Adafactor": {
        "beta_2_decay": st.sampled_from([-0.8, -0.3]),
        "epsilon_1": st.sampled_from([1e-30, 1e-3]),
        "epsilon_2": st.sampled_from([1e-3, 3.0]),
        "clip_threshold": st.sampled_from([1.0, 0.3]),
        "relative_step": st.booleans(),
    },
    "Muon": {
        "adam_beta_1": shares,
        "adam_beta_2": shares,
        "adam_weight_decay": st.sampled_from([None, 0.3]),
        "epsilon": small,
        "exclude_layers": st.sampled_from([None, ["w0"]]),
        "adam_lr_ratio": st.sampled_from([1, 0.3]),
        "momentum": shares,
        "ns_steps": st.integers(0, 5),
        "nesterov": st.booleans(),
        "rms_rate": st.sampled_from([None, 0.2]),
    },
    "Lion": {"beta_1": shares, "beta_2": shares},
    "Ftrl": {
        "learning_rate_power": st.sampled_from([0.0, -0.5, -0.8]),
        "initial_accumulator_value": st.sampled_from([0.1, 0.7]),
        "l1_regularization_strength": strengths,
        "l2_regularization_strength": strengths,
        "l2_shrinkage_regularization_strength": strengths,
        "beta": strengths,
    },
}
clippings = st.sampled_from(
    [{}, {"clipnorm": 0.5}, {"clipvalue": 0.3}, {"global_clipnorm": 1.0}, {"clipnorm": 0.0}]
)
averages = st.sampled_from(
    [
        {},
        {"use_ema": True},
        {"use_ema": True, "ema_momentum": 0.3, "ema_overwrite_frequency": 2},
        {"use_ema": True, "ema_momentum": 0.3, "ema_overwrite_frequency": 3},
        {"use_ema": False, "ema_momentum": 0.3, "ema_overwrite_frequency": 2},
    ]
)
schedule = st.builds(
    schedules.ExponentialDecay, rates, st.integers(1, 3), shares, staircase=st.booleans()
)


@pytest.mark.parametrize("name", OWN)
@given(data=st.data())
def test_every_step_agrees_in_weights_and_slots(name, data):
    own = {argument: data.draw(choices) for argument, choices in OWN[name].items()}
    common = data.draw(clippings) | data.draw(averages)
    # Momentum's twin needs a learning rate that stays the same
    common["learning_rate"] = data.draw(rates if name == "Momentum" else rates | schedule)
    common["gradient_accumulation_steps"] = data.draw(st.sampled_from([None, 2, 3]))
    common["weight_decay"] = data.draw(
        st.sampled_from([0.0, 0.3] if name == "AdamW" else [None, 0.0, 0.3])
    )
    errors = step_errors(
        getattr(optimizers, name)(**own, **common),
        steps=4,
        seed=data.draw(st.integers(0, 2**32 - 1)),
        shapes=data.draw(
            st.sampled_from(
                [((3, 4), (5,)), ((4, 3), (2, 1, 3, 2)), ((1, 1), ()), ((6, 2), (2, 2))]
            )
        ),
        constrained=data.draw(st.sampled_from([None, constraints.NonNeg()])),
        excluded=data.draw(st.sampled_from([(), (0,)])),
        excluded_names=data.draw(st.sampled_from([(), ("w1",), ("^w",)])),
    )
    assert max(errors.values()) <= 1e-12, errors


# Keras has no Momentum, and leaves variables of Nadam and Adafactor without names of their own
@pytest.mark.parametrize("name", sorted(OWN.keys() - {"Momentum", "Nadam", "Adafactor"}))
def test_the_variables_have_keras_s_names_and_order(name):
    arguments = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    arguments |= {"centered": True} if name == "RMSprop" else {}
    arguments |= {"amsgrad": True} if name in ("Adam", "AdamW") else {}
    ours = getattr(optimizers, name)(use_ema=True, gradient_accumulation_steps=2, **arguments)
    theirs = twin_optimizer(ours)
    for optimizer, dense in ((ours, layers.Dense(2, name="d")), (theirs, keras.layers.Dense(2))):
        dense.name = "d"
        dense.build((None, 2))
        optimizer.build(dense.trainable_variables)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]


@pytest.mark.parametrize("value", [0.0, np.inf, np.nan])
@pytest.mark.parametrize("clipping", [{}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}])
@pytest.mark.parametrize("name", ["SGD", "Adam", "Lamb"])
def test_gradients_that_are_zero_infinite_or_nan_do_what_they_do_in_keras(name, clipping, value):
    ours = getattr(optimizers, name)(**clipping)
    theirs = twin_optimizer(ours)
    start, gradient = np.array([1.0, -2.0, 0.0]), np.array([value, 0.0, 0.0])
    weight, other = Variable(start), keras.Variable(start)
    ours.apply([gradient], [weight])
    theirs.apply([keras.ops.convert_to_tensor(gradient)], [other])
    assert np.array_equal(weight.value, other.numpy(), equal_nan=True)
