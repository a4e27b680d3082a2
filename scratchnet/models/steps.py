"""One step of training, and what `compile` decides about it.

On a batch (x, y) of N samples:

    1. forward through the graph; every layer says what its backward will need (`saved`)
    2. L = Σ losses of the outputs + Σ penalties of weights and activities (`models.objective`)
    3. ∂L/∂ŷ for each output, then backward through the graph in reverse
    4. the optimizer moves each weight against its gradient

Source: keras/src/trainers/trainer.py and keras/src/backend/tensorflow/trainer.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import optimizers
from scratchnet.losses import Loss
from scratchnet.metrics import Mean, Metric
from scratchnet.models.data import Samples
from scratchnet.models.ends import ModelWithEnds
from scratchnet.models.objective import (
    CompiledMetrics,
    Logs,
    Objective,
    check_metrics,
    resolve_loss,
)
from scratchnet.optimizers import Optimizer
from scratchnet.variable import Variable


class Steps(ModelWithEnds):
    """A model with an optimizer, losses and metrics, that can take a step."""

    optimizer: Optimizer | None = None
    loss: Any = None
    compile_arguments: dict[str, Any]  # loss, loss_weights, metrics, weighted_metrics
    _compiled = False

    def compile(
        self,
        optimizer: str | dict | Optimizer = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train.

        Args:
            optimizer: a name of `scratchnet.optimizers`, its config, or an instance.
            loss: a name of `scratchnet.losses`, its config, or an instance; for several outputs
                a list or a dict by output name, with None for an output without a loss.
            loss_weights: factors of the outputs' losses, likewise; None means 1.
            metrics: one or a list: names, configs, instances, functions (y_true, y_pred); for
                several outputs a list with an entry for each, or a dict by output name.
            weighted_metrics: the same, with sample and class weights taken into account.
            run_eagerly, jit_compile, auto_scale_loss: accepted for Keras scripts; there is no
                graph to compile and no mixed precision to scale for.
            steps_per_execution: must stay 1.

        Raises:
            ValueError: an unknown name (with the closest known one), an unsupported argument, or
                losses and metrics that do not fit the outputs.
        """
        if steps_per_execution != 1:
            raise ValueError(
                f"compile received steps_per_execution={steps_per_execution!r}. Expected 1: every "
                f"step returns to Python here."
            )
        chosen, resolved = optimizers.get(optimizer), resolve_loss(loss)
        check_metrics("metrics", metrics)
        check_metrics("weighted_metrics", weighted_metrics)
        arguments = {
            "loss": resolved,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        parts = _compiled_parts(arguments, self.output_names) if self.built else None
        self.optimizer, self.loss = chosen, resolved
        self.compile_arguments = arguments
        self._parts: tuple[Objective, CompiledMetrics] | None = parts
        self._loss_tracker = Mean(name="loss")
        self._compiled = True

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled

    @property
    def metrics(self) -> list[Metric]:
        """The tracker of the loss, the compiled metrics once they have seen data, and with several
        losses the tracker of each."""
        if not self._compiled:
            return []
        objective, compiled = self._parts or (None, None)
        return [
            self._loss_tracker,
            *(compiled.metrics if compiled else []),
            *(objective.trackers if objective else []),
        ]

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Forget what the metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()

    def gradients(
        self, x: Any, y: Any, sample_weight: Any = None
    ) -> tuple[float, Any, list[np.ndarray | None]]:
        """(L, ŷ, ∂L/∂w for each of `trainable_weights`) in training mode: steps 1 to 3 above.

        A weight that L does not depend on has the gradient None. No weight changes, but as in any
        training pass the statistics of batch normalisation move and a dropout layer goes on to its
        next mask.
        """
        self._require_compiled("take gradients")
        batch = self._gather("gradients", x, y, sample_weight)
        loss, y_pred, gradients = self._gradients(batch, self.trainable_weights)
        return loss, self._nested(y_pred), gradients

    def _train_step(self, batch: Samples) -> Logs:
        weights = self.trainable_weights
        loss, y_pred, gradients = self._gradients(batch, weights)
        self._optimizer().apply(gradients, weights)
        return self._track(loss, batch, y_pred)

    def _test_step(self, batch: Samples) -> Logs:
        loss, y_pred, *_ = self._loss(batch, self.trainable_weights, training=False)
        return self._track(loss, batch, y_pred)

    def _gradients(
        self, batch: Samples, weights: Sequence[Variable]
    ) -> tuple[float, list[np.ndarray], list[np.ndarray | None]]:
        loss, y_pred, of_outputs, saved = self._loss(batch, weights, training=True)
        dy, dz = of_outputs()
        _, of_weights = self.graph.backward(dy, saved, needs_dx=False, dz=dz)
        gradients = [of_weights.get(id(weight)) for weight in weights]
        for i, weight in enumerate(weights):
            if weight.regularizer is not None:
                penalty = weight.regularizer.gradient(weight.value)
                before = gradients[i]
                gradients[i] = penalty if before is None else before + penalty
        return loss, y_pred, gradients

    def _loss(
        self, batch: Samples, weights: Sequence[Variable], training: bool
    ) -> tuple[float, list[np.ndarray], Any, Any]:
        """(L, ŷ, the function for ∂L/∂ŷ, saved), with the penalties of these weights."""
        objective, _ = self._prepared()
        graph = self.graph
        y_pred, saved, z = graph.forward(
            self.cast(batch.x),
            training,
            objective.logits(graph),
            keep=training or self.penalises_activities,
        )
        value, of_outputs = objective(batch.y or [], y_pred, z, _weights(batch))
        penalties = sum(
            float(weight.regularizer(weight.value))
            for weight in weights
            if weight.regularizer is not None
        )
        return value + penalties + self.activity_penalty(saved), y_pred, of_outputs, saved

    def _track(self, loss: float, batch: Samples, y_pred: list[np.ndarray]) -> Logs:
        """Add this batch to the running means and return them, sorted by name as in Keras."""
        objective, compiled = self._prepared()
        self._loss_tracker.update_state(loss, sample_weight=batch.rows)
        compiled.update_state(batch.y or [], y_pred, _weights(batch))
        trackers = [self._loss_tracker, *objective.trackers]
        logs = {tracker.name: float(tracker.result()) for tracker in trackers}
        return dict(sorted((compiled.result() | logs).items()))

    def _prepared(self) -> tuple[Objective, CompiledMetrics]:
        """The losses and metrics of the outputs, once the model has outputs."""
        if self._parts is None:
            self._parts = _compiled_parts(self.compile_arguments, self.output_names)
        return self._parts

    def _losses(self) -> list[Loss | None]:
        return self._prepared()[0].losses

    def _optimizer(self) -> Optimizer:
        assert self.optimizer is not None
        return self.optimizer

    def _require_compiled(self, caller: str) -> None:
        if not self._compiled or self.loss is None:
            raise RuntimeError(
                f"{self._label()} cannot {caller} yet: "
                f"{'it has no loss' if self._compiled else 'it is not compiled'}. Call "
                f"model.compile(optimizer='adam', loss='sparse_categorical_crossentropy') first."
            )

    def _results(self, logs: Logs, return_dict: bool) -> Any:
        if return_dict:
            return logs
        names = [name for name in self.metrics_names if name in logs]
        ordered = [logs[name] for name in dict.fromkeys([*names, *logs])]
        return ordered[0] if len(ordered) == 1 else ordered


def _compiled_parts(
    arguments: dict[str, Any], names: list[str]
) -> tuple[Objective, CompiledMetrics]:
    return (
        Objective(arguments["loss"], arguments["loss_weights"], names),
        CompiledMetrics(arguments["metrics"], arguments["weighted_metrics"], names),
    )


def _weights(batch: Samples) -> list[Any]:
    return batch.sample_weight or [None] * len(batch.y or [])
