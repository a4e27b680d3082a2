"""What all optimizers share: arguments, learning rate, configurations, arrays of every kind."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import scratchnet as sn
from scratchnet import Variable, layers, optimizers
from scratchnet.optimizers import schedules

NAMES = [
    *("SGD", "Momentum", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam"),
    *("Lamb", "Adafactor", "Muon", "Lion", "Ftrl"),
]
IN_KERAS = [name for name in NAMES if name != "Momentum"]


# Names and configurations


@pytest.mark.parametrize("name", IN_KERAS)
def test_defaults_and_arguments_are_keras_s(name):
    ours, theirs = getattr(optimizers, name)(), getattr(keras.optimizers, name)()
    config = ours.get_config()
    assert config == theirs.get_config() | {"name": ours.name}  # Keras numbers its names
    assert list(config) == list(theirs.get_config())


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_round_trips_with_a_number_and_with_a_schedule(name):
    kind = getattr(optimizers, name)
    for rate in (0.25, schedules.PolynomialDecay(0.5, 10, 0.125, power=2.0)):
        ours = kind(rate, weight_decay=0.5, clipnorm=2.0, use_ema=True, name="mine")
        again = optimizers.deserialize(optimizers.serialize(ours))
        assert type(again) is kind
        assert again.get_config() == ours.get_config()
        if name in IN_KERAS:
            theirs = getattr(keras.optimizers, name).from_config(ours.get_config())
            assert theirs.get_config() == ours.get_config()
            assert kind.from_config(theirs.get_config()).get_config() == ours.get_config()


@pytest.mark.parametrize("name", NAMES)
def test_names_are_read_in_any_case(name):
    for identifier in (name, name.lower(), getattr(optimizers, name)):
        assert type(optimizers.get(identifier)).__name__ == name


def test_an_unknown_optimizer_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Unknown optimizer 'adm'\. Did you mean 'adam'\?"):
        optimizers.get("adm")
    with pytest.raises(TypeError, match=r"optimizer from 3 \(int\)"):
        optimizers.get(3)


# Arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"clipnorm": 1.0, "clipvalue": 1.0}, r"clipnorm.*1\.0.*at most one kind of clipping"),
        ({"gradient_accumulation_steps": 1}, r"gradient_accumulation_steps=1.*at least 2"),
        ({"gradient_accumulation_steps": 2.5}, r"gradient_accumulation_steps=2\.5.*integer"),
        ({"use_ema": True, "ema_momentum": 1.5}, r"ema_momentum=1\.5.*from 0 to 1"),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, r"ema_overwrite_frequency=0.*least 1"),
        ({"loss_scale_factor": 2.0}, r"loss_scale_factor=2\.0.*Expected None"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(arguments, message):
    for name in NAMES:
        with pytest.raises(ValueError, match=f"{name} received .*{message}"):
            getattr(optimizers, name)(**arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("SGD", {"momentum": 1.5}, r"momentum=1\.5.*from 0 to 1"),
        ("SGD", {"momentum": "0.9"}, r"momentum='0\.9'.*from 0 to 1"),
        ("Momentum", {"beta": -0.1}, r"beta=-0\.1.*from 0 to 1"),
        ("AdamW", {"weight_decay": None}, r"weight_decay=None.*Expected a number"),
        ("Lion", {"beta_1": 0.0}, r"beta_1=0\.0.*above 0 and at most 1"),
        ("Lion", {"beta_1": 1.1}, r"beta_1=1\.1.*above 0 and at most 1"),
        ("Ftrl", {"learning_rate_power": 0.5}, r"learning_rate_power=0\.5.*at most 0"),
        ("Ftrl", {"initial_accumulator_value": -1.0}, r"initial_accumulator_value=-1\.0.*least 0"),
        ("Ftrl", {"l1_regularization_strength": -1.0}, r"l1_.*=-1\.0.*at least 0"),
        ("Ftrl", {"l2_regularization_strength": np.nan}, r"l2_.*=nan.*at least 0"),
        ("Ftrl", {"l2_shrinkage_regularization_strength": -1.0}, r"l2_shrinkage.*at least 0"),
    ],
)
def test_an_optimizer_s_own_arguments_are_refused_by_name(name, arguments, message):
    with pytest.raises(ValueError, match=f"{name} received {message}"):
        getattr(optimizers, name)(**arguments)


def test_unknown_arguments_are_named():
    with pytest.raises(TypeError, match=r"Adam does not know the argument\(s\) decay\. Expected"):
        optimizers.Adam(decay=0.1)


@pytest.mark.parametrize("value", [lambda: 0.1, "0.1", None, True, [0.1]])
def test_a_learning_rate_that_is_none_is_refused(value):
    with pytest.raises(TypeError, match=r"Adam received learning_rate=.*Expected a number"):
        optimizers.Adam(learning_rate=value)
    optimizer = optimizers.Adam(0.5)
    with pytest.raises(TypeError, match=r"Adam received learning_rate=.*Expected a number"):
        optimizer.learning_rate = value
    assert optimizer.learning_rate == 0.5


# The learning rate


def test_a_schedule_is_asked_at_every_batch_also_at_those_that_accumulate():
    asked = []

    class Noting(schedules.LearningRateSchedule):
        def __call__(self, step):
            asked.append(step)
            return 0.5

    weight = Variable(np.zeros(2))
    optimizer = optimizers.SGD(Noting(), gradient_accumulation_steps=3)
    for _ in range(7):
        optimizer.apply([np.ones(2)], [weight])
    assert asked == [2, 5]  # the calls that update
    assert optimizer.iterations == 2
    assert np.array_equal(weight.value, [-1, -1])


def test_the_learning_rate_is_the_one_of_the_next_step():
    optimizer = optimizers.SGD(schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    weight = Variable(np.zeros(1))
    assert optimizer.learning_rate == 0.5
    optimizer.apply([np.ones(1)], [weight])
    assert optimizer.learning_rate == 0.25
    assert weight.value == -0.5


def test_a_number_does_not_replace_a_schedule_but_another_schedule_does():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(0.5, 1, 0.5))
    with pytest.raises(TypeError, match=r"'sgd' follows a schedule, ExponentialDecay.*0\.1.*Expec"):
        optimizer.learning_rate = 0.1
    assert optimizer.learning_rate == 0.5
    optimizer.learning_rate = schedules.ExponentialDecay(0.25, 1, 0.5)
    assert optimizer.learning_rate == 0.25
    numbered = optimizers.SGD(0.5)
    assert len(numbered.variables) == 2
    numbered.learning_rate = 0.125
    assert numbered.learning_rate == 0.125
    numbered.learning_rate = optimizer._learning_rate
    assert [v.name for v in numbered.variables] == ["iteration"]


def test_a_model_trains_with_a_schedule_and_comes_back_from_its_file(tmp_path):
    sn.set_random_seed(0)
    rate = schedules.CosineDecay(0.25, 6)
    model = sn.Sequential([layers.Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy")
    x, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert model.optimizer.learning_rate == pytest.approx(rate(4))
    model.save(tmp_path / "model.keras")
    again = sn.saving.load_model(tmp_path / "model.keras")
    assert again.optimizer.get_config() == model.optimizer.get_config()
    assert again.optimizer.learning_rate == model.optimizer.learning_rate
    theirs = keras.models.load_model(tmp_path / "model.keras")
    assert float(theirs.optimizer.learning_rate) == pytest.approx(float(rate(4)), rel=1e-6)


# Gradients and weights


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_any_layout_and_byte_order_give_the_same_step(name, dtype):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4, 6)).astype(dtype)
    gradients = [rng.normal(size=(4, 6)).astype(dtype) for _ in range(3)]
    layouts = {
        "C": lambda g: g,
        "Fortran": np.asfortranarray,
        "big-endian": lambda g: g.astype(g.dtype.newbyteorder(">")),
        "negative strides": lambda g: g[::-1, ::-1].copy()[::-1, ::-1],
        "list": lambda g: g.tolist(),
    }
    results = {}
    for layout, change in layouts.items():
        weight = Variable(start)
        optimizer = getattr(optimizers, name)(0.125, clipnorm=1.0, weight_decay=0.5, use_ema=True)
        for g in gradients:
            given = change(g)
            if isinstance(given, np.ndarray):
                given.flags.writeable = False
            optimizer.apply([given], [weight])
        results[layout] = weight.value
    for value in results.values():
        assert value.dtype == dtype
        assert np.isfinite(value).all()
        # Norms add up in the order of the memory
        np.testing.assert_allclose(value, results["C"], rtol=0, atol=4 * np.finfo(dtype).eps)
    assert not np.array_equal(results["C"], start)


@pytest.mark.parametrize("name", NAMES)
def test_weights_without_entries_and_numbers_alone_are_weights_too(name):
    empty, scalar = Variable(np.zeros((0, 3))), Variable(np.array(1.0))
    optimizer = getattr(optimizers, name)(0.5, global_clipnorm=1.0)
    for _ in range(2):
        optimizer.apply([np.zeros((0, 3)), np.array(0.5)], [empty, scalar])
    assert empty.shape == (0, 3)
    assert scalar.shape == ()
    assert scalar.value != 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_step_changes_the_weights_where_they_lie_and_leaves_the_gradients(name):
    weight = Variable(np.ones(5))
    array, gradient = weight.value, np.arange(1.0, 6.0)
    optimizer = getattr(optimizers, name)(0.5, weight_decay=0.5, use_ema=True)
    for _ in range(2):
        optimizer.apply([gradient], [weight])
    assert weight.value is array
    assert np.array_equal(gradient, np.arange(1.0, 6.0))


def test_float16_gradients_do_not_overflow_in_their_norm():
    weight = Variable(np.zeros(2, np.float16))
    optimizers.SGD(1.0, clipnorm=1.0).apply([np.array([300, 400], np.float16)], [weight])
    np.testing.assert_allclose(weight.value, [-0.6, -0.8], rtol=1e-3)


def test_an_optimizer_says_what_it_lacks():
    weight = Variable(np.ones(3))
    with pytest.raises(NotImplementedError, match=r"Optimizer does not define update\(p, g, lr"):
        optimizers.Optimizer(0.1).apply([np.ones(3)], [weight])


def test_a_step_without_weights_is_none():
    optimizer = optimizers.SGD(0.1)
    optimizer.apply([], [])
    assert not optimizer.built


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (lambda o, w: o.apply([np.ones(2)], [w]), r"gradient of shape \(2,\) for the weight 'w'"),
        (lambda o, w: o.apply([], [w]), r"0 gradients for 1 weights"),
        (lambda o, w: o.apply([np.ones(3)] * 2), r"without weights before it was built"),
        (
            lambda o, w: (o.build([Variable([1.0, 2, 3], "other")]), o.apply([np.ones(3)], [w])),
            r"state of other weights.*\['w'\] instead of \['other'\]",
        ),
    ],
)
def test_gradients_that_do_not_fit_change_nothing(apply, message):
    weight = Variable(np.ones(3), "w")
    optimizer = optimizers.SGD(0.1)
    with pytest.raises(ValueError, match=message):
        apply(optimizer, weight)
    assert np.array_equal(weight.value, np.ones(3))
    assert optimizer.iterations == 0


def test_apply_gradients_and_apply_without_weights_are_apply():
    one, two, three = (Variable(np.ones(3)) for _ in range(3))
    plain, paired, built = (optimizers.Adam(0.5) for _ in range(3))
    built.build([three])
    for g in (np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, 2.0])):
        plain.apply([g], [one])
        paired.apply_gradients(zip([g], [two], strict=True))
        built.apply([g])
    assert np.array_equal(one.value, two.value)
    assert np.array_equal(one.value, three.value)


def test_weights_excluded_from_decay_are_chosen_before_the_first_step():
    kernel, bias, gamma = (Variable(np.ones(1), name) for name in ("kernel", "bias", "gamma"))
    optimizer = optimizers.SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[gamma], var_names=["bias"])
    optimizer.apply([np.zeros(1)] * 3, [kernel, bias, gamma])
    assert [float(w.value[0]) for w in (kernel, bias, gamma)] == [0.75, 1.0, 1.0]
    with pytest.raises(ValueError, match=r"in use already.*before the first step"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


def test_momentum_averages_where_sgd_adds_up():
    steady = [np.ones(1)] * 200
    averaged, added = Variable(np.zeros(1)), Variable(np.zeros(1))
    ours, sgd = optimizers.Momentum(0.5, beta=0.75), optimizers.SGD(0.5, momentum=0.75)
    for g in steady:
        before = averaged.numpy(), added.numpy()
        ours.apply([g], [averaged])
        sgd.apply([g], [added])
    assert before[0] - averaged.value == pytest.approx(0.5)  # lr
    assert before[1] - added.value == pytest.approx(2.0)  # lr / (1 − β)


NAMELESS = {  # what Keras gives no name of its own
    "Adafactor": {"kernel_row": "kernel", "kernel_column": "kernel"},
    "Nadam": {"u_product": "variable"},
}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, {}) for name in sorted(optimizers.__all__) if hasattr(keras.optimizers, name)),
        ("SGD", {"momentum": 0.5}),
        ("RMSprop", {"momentum": 0.5, "centered": True}),
        ("Adam", {"amsgrad": True}),
        ("Adam", {"use_ema": True, "gradient_accumulation_steps": 2}),
    ],
)
def test_the_state_has_keras_s_names(name, arguments):
    if name in ("Optimizer", "schedules") or not isinstance(getattr(optimizers, name), type):
        return
    keras.utils.clear_session(free_memory=False)
    ours, theirs = (getattr(each, name)(**arguments) for each in (optimizers, keras.optimizers))
    ones = np.ones((3, 4), np.float32)
    ours.apply([ones], [Variable(ones, "kernel")])
    theirs.apply([ones], [keras.Variable(ones, name="kernel")])
    renamed = NAMELESS.get(name, {})
    assert [renamed.get(v.path, v.path) for v in ours.variables] == [
        v.path.split("/")[-1] for v in theirs.variables
    ]
