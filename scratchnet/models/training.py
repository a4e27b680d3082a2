"""The training loop: compile, fit, evaluate, predict.

One step of training on a batch (x, y) of N samples:

    1. forward through every layer, each of which says what its backward will need (`saved`)
    2. L = loss(y, ŷ) + Σ penalties of weights and activities
    3. dŷ = ∂L/∂ŷ, then backward through the layers in reverse
    4. the optimizer moves each weight against its gradient

Where the loss is a cross-entropy and the model ends in the activation that belongs to it, steps
2 and 3 start from the logits z, what goes into that activation. Mathematically that is the same;
numerically it is better, for ŷ may be rounded to 0 or 1, and Keras's TensorFlow backend does it
too. For softmax it also turns the gradient into its famous form, ∂L/∂z = (ŷ − y)/N.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scratchnet import activations, losses, metrics, optimizers
from scratchnet.callbacks import Callback, CallbackList, History
from scratchnet.layers.layer import Layer
from scratchnet.losses import Loss
from scratchnet.metrics import Mean, Metric
from scratchnet.models.data import Samples, samples, split
from scratchnet.optimizers import Optimizer
from scratchnet.random import generator

Logs = dict[str, float]


class Trainer(Layer):
    """A layer that can be trained; `Sequential` and other models build on it."""

    optimizer: Optimizer | None = None
    history: History
    stop_training = False
    _compiled = False

    def compile(
        self,
        optimizer: str | dict | Optimizer = "rmsprop",
        loss: str | dict | Loss | None = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        loss_weights: None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train.

        Args:
            optimizer: a name of `scratchnet.optimizers`, its config, or an instance.
            loss: a name of `scratchnet.losses`, its config, or an instance.
            metrics: one or a list: names, configs, instances, functions (y_true, y_pred).
            weighted_metrics: the same, with sample and class weights taken into account.
            run_eagerly, jit_compile, auto_scale_loss: accepted for Keras scripts; there is no
                graph to compile and no mixed precision to scale for.
            loss_weights, steps_per_execution: must stay at their defaults.

        Raises:
            ValueError: an unknown name (with the closest known one) or an unsupported argument.
        """
        if loss_weights is not None or steps_per_execution != 1:
            raise ValueError(
                f"compile received loss_weights={loss_weights!r} and "
                f"steps_per_execution={steps_per_execution!r}. Expected None and 1: a model has "
                f"one output here, and every step returns to Python."
            )
        compiled = optimizers.get(optimizer), _losses_get(loss)
        self._metric_sources = (_as_list(metrics), _as_list(weighted_metrics))
        for identifier in self._metric_sources[0] + self._metric_sources[1]:
            if identifier not in ("accuracy", "acc", "crossentropy", "ce"):
                _metrics_get(identifier)  # an unknown name is known to be one now
        self.optimizer, self.loss = compiled
        self._loss_tracker = Mean(name="loss")
        self._metrics: tuple[list[Metric], list[Metric]] | None = None
        self._compiled = True

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | CallbackList | None = None,
        validation_split: float = 0.0,
        validation_data: tuple | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: None = None,
        validation_steps: None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train for `epochs` passes over the samples.

        Args:
            x: inputs (N, …).
            y: targets (N, …).
            batch_size: samples a step; None means 32. The last batch may be smaller.
            epochs: number of the last epoch; training starts at `initial_epoch`.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch, "auto" is 1.
            callbacks: objects whose hooks are called on the way.
            validation_split: fraction of the last rows that only validate.
            validation_data: (x, y) or (x, y, sample_weight) to evaluate after an epoch.
            shuffle: draw a new order of the samples in each epoch.
            class_weight: {class: weight}; a class that is not named weighs 1.
            sample_weight: (N,), factors of the samples' losses.
            validation_batch_size: None means `batch_size`.
            validation_freq: validate every so many epochs, or after the epochs of a list.
            steps_per_epoch, validation_steps: must stay None.

        Returns:
            History, whose `history` holds each epoch's loss and metrics.

        Raises:
            RuntimeError: not compiled.
            ValueError, TypeError: arrays that do not fit each other or the model.
        """
        self._require_compiled("fit")
        _refuse_steps(steps_per_epoch=steps_per_epoch, validation_steps=validation_steps)
        data = samples(x, y, sample_weight)
        validation = None if validation_data is None else samples(*_unpack(validation_data))
        if validation_split and validation is None:
            data, validation = split(data, validation_split)
        data = samples(*data, class_weight)
        batch_size = _batch_size(batch_size)
        self._prepare(data, "fit")
        if validation is not None:
            self._prepare(validation, "validation_data")

        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=epochs,
                steps=math.ceil(len(data) / batch_size),
                model=self,
            )
        self.stop_training = False
        with callbacks:
            callbacks.on_train_begin()
            logs: Logs = {}
            for epoch in range(initial_epoch, epochs):
                self.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                order = generator().permutation(len(data)) if shuffle else None
                for step, batch in enumerate(data.batches(batch_size, order)):
                    callbacks.on_train_batch_begin(step)
                    logs = self._train_step(batch)
                    callbacks.on_train_batch_end(step, logs)
                    if self.stop_training:
                        break
                epoch_logs = dict(logs)
                if validation is not None and _is_due(epoch, validation_freq):
                    val_logs = self._evaluate(
                        validation, _batch_size(validation_batch_size or batch_size), callbacks
                    )
                    epoch_logs |= {f"val_{name}": value for name, value in val_logs.items()}
                callbacks.on_epoch_end(epoch, epoch_logs)
                logs = epoch_logs
                if self.stop_training:
                    break
            if epochs > 0:
                self._optimizer().finalize_variable_values(self.trainable_weights)
            callbacks.on_train_end(logs)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: None = None,
        callbacks: Sequence[Callback] | CallbackList | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on these samples: [loss, metric, …], the loss alone where
        there are no metrics, or a dict with `return_dict`. Arguments as `fit`."""
        self._require_compiled("evaluate")
        _refuse_steps(steps=steps)
        data, batch_size = samples(x, y, sample_weight), _batch_size(batch_size)
        self._prepare(data, "evaluate")
        hooks = self._hooks(callbacks, verbose, math.ceil(len(data) / batch_size))
        with hooks:
            return self._results(self._evaluate(data, batch_size, hooks), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: None = None,
        callbacks: Sequence[Callback] | CallbackList | None = None,
    ) -> np.ndarray:
        """The outputs (N, …) for inputs (N, …), a batch at a time; no samples give no outputs."""
        _refuse_steps(steps=steps)
        data, batch_size = samples(x), _batch_size(batch_size)
        self.ensure_built((None, *data.x.shape[1:]))
        self.check_input(data.x.shape)
        if len(data) == 0:
            return np.zeros((0, *self(np.zeros((1, *data.x.shape[1:]))).shape[1:]), self.dtype)
        hooks = self._hooks(callbacks, verbose, math.ceil(len(data) / batch_size))
        with hooks:
            hooks.on_predict_begin()
            outputs = []
            for step, batch in enumerate(data.batches(batch_size)):
                hooks.on_predict_batch_begin(step)
                outputs.append(self(batch.x))
                hooks.on_predict_batch_end(step, {"outputs": outputs[-1]})
            hooks.on_predict_end()
        return np.concatenate(outputs)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training on these samples; results as `evaluate`, from before the step."""
        self._require_compiled("train_on_batch")
        data = samples(x, y, sample_weight, class_weight)
        self._prepare(data, "train_on_batch")
        self.reset_metrics()
        return self._results(self._train_step(data), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss and the metrics on these samples as one batch; results as `evaluate`."""
        self._require_compiled("test_on_batch")
        data = samples(x, y, sample_weight)
        self._prepare(data, "test_on_batch")
        self.reset_metrics()
        return self._results(self._test_step(data), return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """The outputs for these samples as one batch."""
        return self(samples(x).x)

    @property
    def metrics(self) -> list[Metric]:
        """The tracker of the loss, then the compiled metrics once they have seen data."""
        if not self._compiled:
            return []
        plain, weighted = self._metrics or ([], [])
        return [self._loss_tracker, *plain, *weighted]

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Forget what the metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()

    def activity_penalty(self, saved: Any) -> float:
        """Σ of the activity regularizers' penalties of a forward pass."""
        raise NotImplementedError

    def gradients(
        self, x: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tuple[float, np.ndarray, list[np.ndarray]]:
        """(L, ŷ, ∂L/∂w for each of `trainable_weights`) in training mode: steps 1 to 3 above.

        No weight changes, but as in any training pass the statistics of batch normalisation move
        and a dropout layer goes on to its next mask.
        """
        loss, y_pred, target, output, saved = self._loss_and_output(
            Samples(x, y, sample_weight), training=True
        )
        d_output = target.gradient(y, output, sample_weight)
        backward = self.backward_logits if target is not self.loss else self.backward
        _, gradients = backward(d_output.astype(output.dtype, copy=False), saved, needs_dx=False)
        for i, weight in enumerate(self.trainable_weights):
            if weight.regularizer is not None:
                gradients[i] = gradients[i] + weight.regularizer.gradient(weight.value)
        return loss, y_pred, gradients

    def _loss_and_output(
        self, batch: Samples, training: bool
    ) -> tuple[float, np.ndarray, Loss, np.ndarray, Any]:
        """(L, ŷ, the loss function used, its argument (ŷ or the logits), saved)."""
        assert batch.y is not None
        x = batch.x.astype(self.dtype, copy=False)
        target: Loss = self.loss
        activation = self.output_activation
        if activation is not None and target.activation == activation:
            if getattr(target, "from_logits", False):
                warnings.warn(
                    f"The loss {target.name!r} expects logits, but the model ends in {activation}: "
                    f"as in Keras the loss is computed from what goes into it. Remove "
                    f"from_logits=True, or the last activation.",
                    stacklevel=4,
                )
            target = target.on_logits()
            output, saved = self.forward_logits(x, training)
            y_pred = activations.get(activation)(output)
        else:
            output, saved = self.forward(x, training)
            y_pred = output
        penalties = sum(
            float(weight.regularizer(weight.value))
            for weight in self.trainable_weights
            if weight.regularizer is not None
        )
        value = float(target(batch.y, output, batch.sample_weight))
        return value + penalties + self.activity_penalty(saved), y_pred, target, output, saved

    def _train_step(self, batch: Samples) -> Logs:
        assert batch.y is not None
        loss, y_pred, gradients = self.gradients(batch.x, batch.y, batch.sample_weight)
        self._optimizer().apply(gradients, self.trainable_weights)
        return self._track(loss, batch, y_pred)

    def _test_step(self, batch: Samples) -> Logs:
        loss, y_pred, *_ = self._loss_and_output(batch, training=False)
        return self._track(loss, batch, y_pred)

    def _track(self, loss: float, batch: Samples, y_pred: np.ndarray) -> Logs:
        """Add this batch to the running means and return them, sorted by name as in Keras."""
        assert batch.y is not None
        if self._metrics is None:
            plain, weighted = (
                [_metrics_get(source, batch.y, y_pred) for source in sources]
                for sources in self._metric_sources
            )
            self._metrics = plain, weighted
        plain, weighted = self._metrics
        self._loss_tracker.update_state(loss, sample_weight=len(batch))
        for metric in plain:
            metric.update_state(batch.y, y_pred)
        for metric in weighted:
            metric.update_state(batch.y, y_pred, batch.sample_weight)
        logs = {metric.name: float(metric.result()) for metric in (self._loss_tracker, *plain)}
        for metric in weighted:
            name = f"weighted_{metric.name}" if metric.name in logs else metric.name
            logs[name] = float(metric.result())
        return dict(sorted(logs.items()))

    def _evaluate(self, data: Samples, batch_size: int, hooks: CallbackList) -> Logs:
        hooks.on_test_begin()
        self.reset_metrics()
        logs: Logs = {}
        for step, batch in enumerate(data.batches(batch_size)):
            hooks.on_test_batch_begin(step)
            logs = self._test_step(batch)
            hooks.on_test_batch_end(step, logs)
        hooks.on_test_end(logs)
        return logs

    def _prepare(self, data: Samples, caller: str) -> None:
        """Build the model and check the samples against it, before anything changes."""
        if len(data) == 0:
            raise ValueError(
                f"{caller} received no samples: x has shape {data.x.shape}. Expected at least one."
            )
        if data.y is None:
            raise ValueError(
                f"{caller} received x without y. Expected the targets that the loss compares with."
            )
        self.ensure_built((None, *data.x.shape[1:]))
        self.check_input(data.x.shape)
        self.loss.check(data.y, (len(data), *self.output_shape[1:]))

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

    def _hooks(self, callbacks: Any, verbose: int | str, steps: int) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=1,
            steps=steps,
            model=self,
        )

    def _results(self, logs: Logs, return_dict: bool) -> Any:
        if return_dict:
            return logs
        names = [name for name in self.metrics_names if name in logs]
        ordered = [logs[name] for name in dict.fromkeys([*names, *logs])]
        return ordered[0] if len(ordered) == 1 else ordered


def _losses_get(identifier: Any) -> Any:
    return None if identifier is None else losses.get(identifier)


def _metrics_get(identifier: Any, y: Any = None, y_pred: Any = None) -> Metric:
    return metrics.get(identifier) if y is None else metrics.resolve(identifier, y, y_pred)


def _as_list(identifiers: Any) -> list[str | Metric | Callable]:
    if identifiers is None:
        return []
    return list(identifiers) if isinstance(identifiers, (list, tuple)) else [identifiers]


def _batch_size(batch_size: int | None) -> int:
    size = 32 if batch_size is None else batch_size
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(
            f"batch_size={batch_size!r} is no number of samples. Expected a positive integer."
        )
    return int(size)


def _refuse_steps(**arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"The argument {name}={value!r} is not supported: an epoch sees each sample of "
                f"the arrays once. Expected None; pass fewer samples, x[:n], for fewer steps."
            )


def _unpack(validation_data: Any) -> tuple:
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        raise ValueError(
            f"validation_data must be (x, y) or (x, y, sample_weight); received "
            f"{type(validation_data).__name__}."
        )
    return tuple(validation_data)


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether to validate after this epoch, counted from 0."""
    if isinstance(frequency, (int, np.integer)):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency
