"""One step of each optimizer from the same weights, state and gradients equals Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import relative_error
from scratchnet import optimizers
from scratchnet.variable import Variable

pytestmark = pytest.mark.usefixtures("float64")

common = {
    "weight_decay": st.sampled_from([None, 0.01]),
    "clipping": st.sampled_from(
        [{}, {"clipnorm": 0.5}, {"clipvalue": 0.3}, {"global_clipnorm": 1.0}]
    ),
    "ema": st.sampled_from(
        [{}, {"use_ema": True}, {"use_ema": True, "ema_overwrite_frequency": 2}]
    ),
    "gradient_accumulation_steps": st.sampled_from([None, 2, 3]),
}
OWN = {
    "SGD": {"momentum": st.sampled_from([0.0, 0.9]), "nesterov": st.booleans()},
    "Adam": {"amsgrad": st.booleans(), "beta_1": st.sampled_from([0.9, 0.5])},
    "AdamW": {"amsgrad": st.booleans()},
    "Nadam": {"beta_2": st.sampled_from([0.999, 0.9])},
    "RMSprop": {"momentum": st.sampled_from([0.0, 0.9]), "centered": st.booleans()},
}


@pytest.mark.parametrize("name", OWN)
@given(data=st.data())
def test_every_step_agrees(name, data):
    drawn = {k: data.draw(v) for k, v in (common | OWN[name]).items()}
    clipping, ema = drawn.pop("clipping"), drawn.pop("ema")
    config = drawn | clipping | ema
    if name == "AdamW":
        config["weight_decay"] = 0.02
    config["learning_rate"] = 0.05
    ours = getattr(optimizers, name)(**config)
    theirs = getattr(keras.optimizers, name).from_config(ours.get_config())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = [rng.standard_normal(shape) for shape in ((3, 4), (5,))]
    mine = [Variable(v, f"w{i}") for i, v in enumerate(values)]
    other = [keras.Variable(v, dtype="float64") for v in values]
    ours.build(mine)
    theirs.build(other)
    for _ in range(4):
        grads = [rng.standard_normal(v.shape) for v in values]
        ours.apply(grads, mine)
        theirs.apply([keras.ops.convert_to_tensor(g) for g in grads], other)
        for a, b in zip(mine, other, strict=True):
            assert relative_error(a.value, b.numpy()) <= 1e-12
            # the teacher: both go on from Keras's weights
            a.assign(b.numpy())
        assert ours.iterations == int(theirs.iterations)
        kept = [v.numpy() for v in theirs.variables]
        assert len(kept) == len(ours.variables)
        assert sorted(v.shape for v in ours.variables) == sorted(v.shape for v in kept)
    ours.finalize_variable_values(mine)
    theirs.finalize_variable_values(other)
    for a, b in zip(mine, other, strict=True):
        assert relative_error(a.value, b.numpy()) <= 1e-12


def test_a_schedule_is_refused_by_name():
    with pytest.raises(TypeError, match=r"Adam received learning_rate=.*Expected a number"):
        optimizers.Adam(learning_rate=lambda: 0.1)


def test_an_unknown_optimizer_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Unknown optimizer 'adm'\. Did you mean 'adam'\?"):
        optimizers.get("adm")


def test_a_gradient_of_the_wrong_shape_changes_nothing():
    weight = Variable(np.ones(3), "w")
    optimizer = optimizers.SGD(0.1)
    with pytest.raises(ValueError, match=r"gradient of shape \(2,\) for the weight 'w'"):
        optimizer.apply([np.ones(2)], [weight])
    assert np.array_equal(weight.value, np.ones(3))
    assert optimizer.iterations == 0
