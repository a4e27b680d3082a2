"""What a model is trained to make small, and what is watched meanwhile, output by output.

    L = Σ_o  λ_o · loss_o(y_o, ŷ_o)  +  Σ penalties of weights and activities

with one loss for each output o, or none, and λ_o its loss weight. In the logs each output's loss
is its mean over all samples, as L is. (Keras's TensorFlow backend gives all batches one weight
there, so its logs do not add up where the last batch is smaller; its JAX and torch backends agree.)

Where a loss is a cross-entropy and its output ends in the activation that belongs to it, the loss
starts from the logits z, what goes into that activation. Mathematically that is the same;
numerically it is better, for ŷ may be rounded to 0 or 1, and Keras's TensorFlow backend does it
too. For softmax it also turns the gradient into its famous form, ∂L/∂z = (ŷ − y)/N.

Source: keras/src/trainers/compile_utils.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from scratchnet import losses, metrics
from scratchnet.losses import Loss
from scratchnet.metrics import Mean, Metric
from scratchnet.models.graph import Graph

Logs = dict[str, Any]
Gradients = list[np.ndarray | None]


class Objective:
    """The losses of the outputs and their weights.

    Args:
        loss: one for all outputs, or a list or dict (by output name) with one for each; None for
            an output that has none.
        loss_weights: likewise, numbers; None means 1.
        names: of the outputs.

    Raises ValueError where there are more or fewer than outputs, or a name is none of theirs.
    """

    def __init__(self, loss: Any, loss_weights: Any, names: Sequence[str]) -> None:
        self.losses: list[Loss | None] = per_output("loss", loss, names, complete=True)
        if loss_weights is not None and not isinstance(loss_weights, (list, tuple, dict)):
            loss_weights = [loss_weights]
        weights = per_output("loss_weights", loss_weights, names)
        self.weights = [1.0 if weight is None else float(weight) for weight in weights]
        used = [name for name, each in zip(names, self.losses, strict=True) if each is not None]
        self.trackers = [Mean(name=f"{name}_loss") for name in used] if len(used) > 1 else []

    def logits(self, graph: Graph) -> list[int]:
        """Positions of the outputs whose loss starts from the logits."""
        return [
            i
            for i, loss in enumerate(self.losses)
            if loss is not None
            and loss.activation
            and loss.activation == graph.output_activation(i)
        ]

    def __call__(
        self,
        y: Sequence[Any],
        y_pred: Sequence[np.ndarray],
        z: dict[int, np.ndarray],
        sample_weight: Sequence[Any],
    ) -> tuple[float, Callable[[], tuple[Gradients, dict[int, np.ndarray]]]]:
        """(Σ_o λ_o·loss_o, a function that gives ∂/∂ŷ_o for each output and ∂/∂z by position)."""
        terms = []
        total = 0.0
        trackers = iter(self.trackers)
        for i, loss in enumerate(self.losses):
            if loss is None:
                continue
            if i in z and getattr(loss, "from_logits", False):
                _warn_of_logits(loss)
            target = loss.on_logits() if i in z else loss
            value = float(target(y[i], z.get(i, y_pred[i]), sample_weight[i]))
            if self.trackers:
                next(trackers).update_state(value, sample_weight=len(y_pred[i]))
            total += self.weights[i] * value
            terms.append((i, target))

        def gradients() -> tuple[Gradients, dict[int, np.ndarray]]:
            dy: Gradients = [None] * len(y_pred)
            dz: dict[int, np.ndarray] = {}
            for i, target in terms:
                argument = z.get(i, y_pred[i])
                gradient = target.gradient(y[i], argument, sample_weight[i])
                if self.weights[i] != 1:
                    gradient = gradient * argument.dtype.type(self.weights[i])
                gradient = gradient.astype(argument.dtype, copy=False)
                if i in z:
                    dz[i] = gradient
                else:
                    dy[i] = gradient
            return dy, dz

        return total, gradients


class CompiledMetrics:
    """The metrics of each output, resolved by the first batch.

    Args:
        plain: one metric or a list for all samples alike; with several outputs a list with an
            entry for each, or a dict by output name.
        weighted: likewise, with the samples' weights taken into account.
        names: of the outputs.
    """

    def __init__(self, plain: Any, weighted: Any, names: Sequence[str]) -> None:
        self._names = names
        self._sources = [
            [_as_list(each) for each in _metrics_per_output(kind, given, names)]
            for kind, given in (("metrics", plain), ("weighted_metrics", weighted))
        ]
        self._resolved: list[list[list[Metric]]] | None = None

    @property
    def metrics(self) -> list[Metric]:
        """All of them in order, once a batch has been seen."""
        return [m for kind in self._resolved or [] for output in kind for m in output]

    def update_state(
        self, y: Sequence[Any], y_pred: Sequence[np.ndarray], sample_weight: Sequence[Any]
    ) -> None:
        """Take one batch into account."""
        if self._resolved is None:
            self._resolved = [
                [
                    [metrics.resolve(source, y[i], y_pred[i]) for source in output]
                    for i, output in enumerate(kind)
                ]
                for kind in self._sources
            ]
        plain, weighted = self._resolved
        for i in range(len(y_pred)):
            for metric in plain[i]:
                metric.update_state(y[i], y_pred[i])
            for metric in weighted[i]:
                metric.update_state(y[i], y_pred[i], sample_weight[i])

    def result(self, taken: Iterable[str] = ()) -> Logs:
        """{name: value}; with several outputs the names begin with the output's.

        A weighted metric whose name is taken already is called "weighted_…", and a second one of
        the same name gets a number.
        """
        logs: Logs = {}
        counts: dict[str, int] = {}
        for kind, prefix in zip(self._resolved or [], ("", "weighted_"), strict=False):
            for output, output_name in zip(kind, self._names, strict=True):
                for metric in output:
                    start = f"{output_name}_" if len(self._names) > 1 else ""
                    name = f"{start}{metric.name}"
                    if name in counts and prefix:
                        name = f"{start}{prefix}{metric.name}"
                    counts[name] = counts.get(name, 0) + 1
                    if counts[name] > 1:
                        name = f"{name}_{counts[name] - 1}"
                    logs[name] = log_value(metric.result())
        return logs


def per_output(
    argument: str, given: Any, names: Sequence[str], complete: bool = False
) -> list[Any]:
    """One entry for each output from one for all, a list or a dict by name; None for none.

    With `complete` a dict names every output.
    """
    if isinstance(given, dict):
        wrong = sorted(set(given) - set(names)) or (sorted(set(names) - set(given)) * complete)
        if wrong:
            raise ValueError(
                f"{argument} names the outputs {sorted(given)}, and {wrong[0]!r} is the first that "
                f"does not match. Expected a dict by the names of the outputs: "
                f"{', '.join(names)}."
            )
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"{argument} has {len(given)} entries. Expected {len(names)}, one for each output: "
                f"{', '.join(names)}."
            )
        return list(given)
    return [given] * len(names)


def log_value(value: Any) -> Any:
    """A metric's result as it stands in the logs: a Python float, or an array."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def check_metrics(argument: str, given: Any) -> None:
    """Raise for an unknown name now and not with the first batch."""
    if isinstance(given, dict):
        given = list(given.values())
    for each in _as_list(given):
        if isinstance(each, (list, tuple)):
            check_metrics(argument, each)
        elif each is not None and each not in ("accuracy", "acc"):
            metrics.get(each)


def resolve_loss(given: Any) -> Any:
    """Names and configurations in a loss argument replaced by the losses themselves."""
    if isinstance(given, dict) and "class_name" not in given:
        return {name: resolve_loss(each) for name, each in given.items()}
    if isinstance(given, (list, tuple)):
        return [resolve_loss(each) for each in given]
    return None if given is None else losses.get(given)


def _metrics_per_output(argument: str, given: Any, names: Sequence[str]) -> list[Any]:
    if given is None or not names:
        return [None] * len(names)
    if len(names) == 1:  # every metric is the one output's
        entries = list(given.values()) if isinstance(given, dict) else _as_list(given)
        return [[metric for entry in entries for metric in _as_list(entry)]]
    return per_output(argument, given, names)


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _warn_of_logits(loss: Loss) -> None:
    warnings.warn(
        f"The loss {loss.name!r} expects logits, but its output ends in {loss.activation}: as in "
        f"Keras the loss is computed from what goes into it. Remove from_logits=True, or the last "
        f"activation.",
        stacklevel=6,
    )
