"""Exercises of notebook 06: statistics of a batch, their gradient, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import (
    batch_normalization,
    batch_normalization_backward,
    batch_normalization_inference_backward,
    moments,
)

_SHAPES: list[tuple[int, ...]] = [(3, 2), (7, 4), (4, 5, 3, 2)]


def _cells(x: np.ndarray) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return tuple(range(x.ndim - 1))


def _batches(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Channels with means and deviations of their own, and an ε that is not small beside them."""
    found = []
    for shape in _SHAPES:
        channels = shape[-1:]
        x = rng.uniform(0.3, 2, channels) * rng.standard_normal(shape) + rng.normal(0, 3, channels)
        found.append({"x": x, "epsilon": 0.1})
    found[0]["x"] = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 6.0]])  # to work out by hand
    return found


# Forward


def _forward_inputs(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {
            "x": each["x"],
            "gamma": rng.uniform(0.5, 2, each["x"].shape[-1]),
            "beta": rng.standard_normal(each["x"].shape[-1]),
            "epsilon": each["epsilon"],
        }
        for each in _batches(rng)
    ]


def _normalised_by(
    statistics: Callable[[np.ndarray], tuple[Any, Any]],
    root: Callable[[Any, float], Any] = lambda variance, epsilon: np.sqrt(variance + epsilon),
) -> Callable[..., np.ndarray]:
    """γ·(x − μ)/root + β with other statistics, or another root."""

    def forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float) -> np.ndarray:
        mean, variance = statistics(x)
        return gamma * (x - mean) / root(variance, epsilon) + beta

    return forward


def _over(axes: Callable[[np.ndarray], tuple[int, ...]], ddof: int = 0) -> Callable[..., Any]:
    return lambda x: (
        x.mean(axis=axes(x), keepdims=True),
        x.var(axis=axes(x), keepdims=True, ddof=ddof),
    )


_each_image_alone = _normalised_by(_over(lambda x: tuple(range(1, x.ndim - 1)) or (0,)))

NORMALISE = Exercise(
    name="normalise",
    truth=lambda x, gamma, beta, epsilon: batch_normalization(x, *moments(x), gamma, beta, epsilon),
    inputs=_forward_inputs,
    mistakes=(
        Mistake(
            "the variance was divided by m − 1: this layer takes the biased one, the plain mean of "
            "(x − μ)²",
            _normalised_by(_over(_cells, ddof=1)),
        ),
        Mistake(
            "the statistics are over the samples only: rows and columns count too, so average over "
            "all axes but the last",
            _normalised_by(_over(lambda x: (0,))),
        ),
        Mistake(
            "one mean and one variance for all channels: each channel has its own, so keep the "
            "last axis",
            _normalised_by(_over(lambda x: tuple(range(x.ndim)))),
        ),
        Mistake(
            "each sample was normalised alone, over its channels: that is layer normalisation; "
            "here a channel is normalised over the batch",
            _normalised_by(_over(lambda x: tuple(range(1, x.ndim)))),
        ),
        Mistake(
            "each image was normalised alone, channel by channel: that is instance normalisation; "
            "here the samples of the batch count together",
            _each_image_alone,
        ),
        Mistake(
            "ε is forgotten: it stands under the root, beside the variance",
            _normalised_by(_over(_cells), lambda variance, epsilon: np.sqrt(variance)),
        ),
        Mistake(
            "ε was added to the deviation: it belongs under the root, √(σ² + ε)",
            _normalised_by(_over(_cells), lambda variance, epsilon: np.sqrt(variance) + epsilon),
        ),
        Mistake(
            "divided by the variance: it is the root of it, √(σ² + ε)",
            _normalised_by(_over(_cells), lambda variance, epsilon: variance + epsilon),
        ),
        Mistake(
            "x̂ is right, and the last step is missing: y = γ·x̂ + β",
            lambda x, gamma, beta, epsilon: batch_normalization(
                x, *moments(x), None, None, epsilon
            ),
        ),
        Mistake(
            "β was added before γ multiplied: y = γ·x̂ + β, not γ·(x̂ + β)",
            lambda x, gamma, beta, epsilon: (
                gamma * batch_normalization(x, *moments(x), None, beta, epsilon)
            ),
        ),
    ),
)


# The gradients of γ and β


def _backward_inputs(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [{"dy": rng.standard_normal(each["x"].shape)} | each for each in _batches(rng)]


def _scale_gradients(dy: np.ndarray, x: np.ndarray, epsilon: float) -> tuple[Any, Any]:
    return batch_normalization_backward(dy, x, *moments(x), None, epsilon)[1:]


def _scaled(factor: Callable[[np.ndarray], float]) -> Callable[..., tuple[Any, Any]]:
    def gradients(dy: np.ndarray, x: np.ndarray, epsilon: float) -> tuple[Any, Any]:
        dgamma, dbeta = _scale_gradients(dy, x, epsilon)
        return dgamma * factor(x), dbeta * factor(x)

    return gradients


SCALE_GRADIENTS = Exercise(
    name="scale_gradients",
    truth=_scale_gradients,
    inputs=_backward_inputs,
    outputs=("dgamma", "dbeta"),
    mistakes=(
        Mistake(
            "averaged over the cells: γ and β were used in each of them, so their gradients are "
            "sums; the 1/N is the loss's and is in dy already",
            _scaled(lambda x: x.shape[-1] / x.size),
        ),
        Mistake(
            "averaged over the samples: the 1/N is the loss's and is in dy already, so only sum",
            _scaled(lambda x: 1 / len(x)),
        ),
        Mistake(
            "summed over the samples only: γ and β are one number for each channel, so sum over "
            "rows and columns too",
            lambda dy, x, epsilon: (
                (dy * batch_normalization(x, *moments(x), None, None, epsilon)).sum(axis=0),
                dy.sum(axis=0),
            ),
        ),
        Mistake(
            "dγ was made with x: what γ multiplied is x̂, the normalised input",
            lambda dy, x, epsilon: ((dy * x).sum(axis=_cells(x)), dy.sum(axis=_cells(x))),
        ),
        Mistake(
            "dγ was made with x − μ: what γ multiplied is x̂, so divide by √(σ² + ε)",
            lambda dy, x, epsilon: (
                (dy * (x - moments(x)[0])).sum(axis=_cells(x)),
                dy.sum(axis=_cells(x)),
            ),
        ),
        Mistake(
            "ε is forgotten in x̂: it has to be the same x̂ as forwards",
            lambda dy, x, epsilon: _scale_gradients(dy, x, 0.0),
        ),
        Mistake(
            "the two are exchanged: dγ first, then dβ",
            lambda dy, x, epsilon: _scale_gradients(dy, x, epsilon)[::-1],
        ),
    ),
    sizes=lambda dy, x, epsilon: {"N": len(x), "m": x.size // x.shape[-1]},
)


# The gradient of the input


def _dx_inputs(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {
            "dy": each["dy"],
            "x": each["x"],
            "gamma": rng.uniform(0.5, 2, each["x"].shape[-1]),
            "epsilon": each["epsilon"],
        }
        for each in _backward_inputs(rng)
    ]


def _input_gradient(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, epsilon: float) -> np.ndarray:
    return batch_normalization_backward(dy, x, *moments(x), gamma, epsilon)[0]


def _through(
    parts: Callable[[np.ndarray, np.ndarray], np.ndarray], ddof: int = 0
) -> Callable[..., np.ndarray]:
    """γ/√(σ² + ε) times what `parts` makes of dy and x̂."""

    def gradient(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, epsilon: float) -> np.ndarray:
        root = np.sqrt(x.var(axis=_cells(x), ddof=ddof) + epsilon)
        return gamma / root * parts(dy, (x - moments(x)[0]) / root)

    return gradient


def _mean(a: np.ndarray) -> np.ndarray:
    return a.mean(axis=_cells(a))


def _sum(a: np.ndarray) -> np.ndarray:
    return a.sum(axis=_cells(a))


INPUT_GRADIENT = Exercise(
    name="input_gradient",
    truth=_input_gradient,
    inputs=_dx_inputs,
    mistakes=(
        Mistake(
            "mean and variance were taken for constants: that is right in inference, but in "
            "training every cell moves both",
            lambda dy, x, gamma, epsilon: batch_normalization_inference_backward(
                dy, x, *moments(x), gamma, epsilon
            )[0],
        ),
        Mistake(
            "the variance was taken for a constant: the part along x̂ is missing, x̂·mean(dy·x̂)",
            _through(lambda dy, x_hat: dy - _mean(dy)),
        ),
        Mistake(
            "the mean was taken for a constant: every cell moves μ by 1/m, so mean(dy) has to be "
            "subtracted too",
            _through(lambda dy, x_hat: dy - x_hat * _mean(dy * x_hat)),
        ),
        Mistake(
            "γ is forgotten: it is in y, so it is a factor of dx",
            lambda dy, x, gamma, epsilon: _input_gradient(dy, x, np.ones_like(gamma), epsilon),
        ),
        Mistake(
            "sums were subtracted, not means: dβ and dγ still have to be divided by m",
            _through(lambda dy, x_hat: dy - _sum(dy) - x_hat * _sum(dy * x_hat)),
        ),
        Mistake(
            "dβ and dγ were divided by the number of samples: m counts all the cells of a "
            "channel, rows and columns too",
            _through(lambda dy, x_hat: dy - (_sum(dy) + x_hat * _sum(dy * x_hat)) / len(dy)),
        ),
        Mistake(
            "x̂ is forgotten in the last term: it is x̂ times mean(dy·x̂)",
            _through(lambda dy, x_hat: dy - _mean(dy) - _mean(dy * x_hat)),
        ),
        Mistake(
            "x − μ stands where x̂ belongs: divide by √(σ² + ε), in both places of the last term",
            lambda dy, x, gamma, epsilon: (
                gamma
                / np.sqrt(moments(x)[1] + epsilon)
                * (dy - _mean(dy) - (x - moments(x)[0]) * _mean(dy * (x - moments(x)[0])))
            ),
        ),
        Mistake(
            "1/√(σ² + ε) in front of the bracket is missing",
            lambda dy, x, gamma, epsilon: (
                _input_gradient(dy, x, gamma, epsilon) * np.sqrt(moments(x)[1] + epsilon)
            ),
        ),
        Mistake(
            "the last term was added: it is subtracted, like the mean",
            _through(lambda dy, x_hat: dy - _mean(dy) + x_hat * _mean(dy * x_hat)),
        ),
        Mistake(
            "the terms were added: what moves the statistics is subtracted",
            _through(lambda dy, x_hat: dy + _mean(dy) + x_hat * _mean(dy * x_hat)),
        ),
        Mistake(
            "ε is forgotten: the root is the same as forwards, √(σ² + ε)",
            lambda dy, x, gamma, epsilon: _input_gradient(dy, x, gamma, 0.0),
        ),
        Mistake(
            "the variance was divided by m − 1: the layer takes the biased one, here as forwards",
            _through(lambda dy, x_hat: dy - _mean(dy) - x_hat * _mean(dy * x_hat), ddof=1),
        ),
        Mistake(
            "the forward formula was applied to dy: its own variance plays no part here",
            lambda dy, x, gamma, epsilon: batch_normalization(
                dy, *moments(dy), gamma, None, epsilon
            ),
        ),
    ),
    sizes=lambda dy, x, **_: {"N": len(x), "m": x.size // x.shape[-1]},
)


# The moving statistics


def _moving_inputs(rng: np.random.Generator) -> list[dict[str, Any]]:
    """One to work out by hand, and ordinary ones."""
    found = [{"moving": np.array([0.0, 1.0]), "batches": np.array([[10.0, 1.0], [20.0, 3.0]])}]
    found += [
        {"moving": rng.standard_normal(channels), "batches": rng.normal(3, 1, (count, channels))}
        for count, channels in [(5, 3), (40, 2)]
    ]
    momenta = (0.75, 0.9, 0.99)
    return [each | {"momentum": momentum} for each, momentum in zip(found, momenta, strict=True)]


def _following(step: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def after(moving: np.ndarray, batches: np.ndarray, momentum: float) -> np.ndarray:
        for batch in batches:
            moving = step(moving, batch, momentum)
        return moving

    return after


_follow = _following(lambda moving, batch, momentum: momentum * moving + (1 - momentum) * batch)


MOVING_AFTER = Exercise(
    name="moving_after",
    truth=_follow,
    inputs=_moving_inputs,
    mistakes=(
        Mistake(
            "the momentum went to the new statistics: in Keras it is the share that the old ones "
            "keep (PyTorch means the other share)",
            _following(lambda moving, batch, momentum: (1 - momentum) * moving + momentum * batch),
        ),
        Mistake(
            "the new statistics are not weighted: the shares are momentum and 1 − momentum, and "
            "add up to 1",
            _following(lambda moving, batch, momentum: momentum * moving + batch),
        ),
        Mistake(
            "the old statistics do not fade: they keep the share momentum",
            _following(lambda moving, batch, momentum: moving + (1 - momentum) * batch),
        ),
        Mistake(
            "that is the plain mean of the batches: the moving statistics weigh late ones more, "
            "and remember where they began",
            lambda moving, batches, momentum: batches.mean(axis=0),
        ),
        Mistake(
            "only the last batch was taken into account: each step begins with the result of the "
            "one before",
            lambda moving, batches, momentum: momentum * moving + (1 - momentum) * batches[-1],
        ),
        Mistake(
            "begun with the first batch: they begin with `moving`, as it was handed over",
            lambda moving, batches, momentum: _follow(batches[0], batches[1:], momentum),
        ),
        Mistake(
            "begun with 0: they begin with `moving`, as it was handed over",
            lambda moving, batches, momentum: _follow(0 * moving, batches, momentum),
        ),
        Mistake(
            "the batches were taken from the last to the first",
            lambda moving, batches, momentum: _follow(moving, batches[::-1], momentum),
        ),
    ),
)


# What is to be guessed

BATCH_OF_ONE = Exercise(
    name="batch_of_one",
    truth="zeros",
    mistakes=(
        Mistake("what is the mean of one number, and what is left if it is subtracted?", "same"),
        Mistake("the mean of one number is that number itself; what is x − μ then?", "ones"),
        Mistake(
            "the variance is 0, and for that there is ε: the numerator is 0 too, and 0/√ε is a "
            "number",
            "nan",
        ),
    ),
)

PAIR = Exercise(
    name="pair",
    truth=0,
    mistakes=(
        Mistake("so it would be if μ and σ stayed as they are; but both move with it", 0.0005),
        Mistake("that μ moves is taken into account; but σ grows, too", 0.00025),
        Mistake("that is how far x moves; y is divided by σ", 0.001),
        Mistake("work it out: what are μ and σ of 3 and 7, and what are they of 3 and 8?", 1),
    ),
)

BATCHES_UNTIL = Exercise(
    name="batches_until",
    truth=230,
    mistakes=(
        Mistake("then 0.99^10 = 90% of the beginning is still in it", 10),
        Mistake("then 0.99^100 = 37% of the beginning is still in it", 100),
        Mistake("by then only 0.004% of the beginning is left in it", 1000),
    ),
)

EXERCISES = (
    BATCH_OF_ONE,
    PAIR,
    BATCHES_UNTIL,
    NORMALISE,
    SCALE_GRADIENTS,
    INPUT_GRADIENT,
    MOVING_AFTER,
)
