"""The training loop: compile, fit, evaluate, predict.

One step of training on a batch (x, y) of N samples:

    1. forward through the graph; every layer says what its backward will need (`saved`)
    2. L = Σ losses of the outputs + Σ penalties of weights and activities (`models.objective`)
    3. ∂L/∂ŷ for each output, then backward through the graph in reverse
    4. the optimizer moves each weight against its gradient

Source: keras/src/trainers/trainer.py and keras/src/backend/tensorflow/trainer.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scratchnet import optimizers
from scratchnet.callbacks import Callback, CallbackList, History
from scratchnet.layers.layer import Layer
from scratchnet.metrics import Mean, Metric
from scratchnet.models.data import (
    Samples,
    Source,
    array,
    array_source,
    is_stream,
    require_one_length,
    source,
    split,
    weights_of_classes,
)
from scratchnet.models.graph import Graph
from scratchnet.models.objective import (
    CompiledMetrics,
    Logs,
    Objective,
    check_metrics,
    resolve_loss,
)
from scratchnet.optimizers import Optimizer


class Trainer(Layer):
    """A layer that can be trained; models build on it."""

    optimizer: Optimizer | None = None
    loss: Any = None
    history: History
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    compile_arguments: dict[str, Any]  # loss, loss_weights, metrics, weighted_metrics
    _compiled = False
    _initial_epoch: int | None = None  # set by a callback that takes up an interrupted run

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

    # What a model says about itself

    @property
    def graph(self) -> Graph:
        """The graph of the layers."""
        raise NotImplementedError

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of the graph."""
        raise NotImplementedError

    def _flat(self, kind: str, values: Any) -> list[Any]:
        """Values for the "inputs" or "outputs" in the order of the graph."""
        raise NotImplementedError

    def _nested(self, flat: list[Any]) -> Any:
        """One value for each output, nested as the model's outputs are."""
        raise NotImplementedError

    # Runs

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | CallbackList | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train for `epochs` passes over the samples.

        Args:
            x: inputs (N, …), a list or dict of them for several inputs; or what yields batches
                (x, y) or (x, y, sample_weight): a generator, a PyDataset, an iterable.
            y: targets (N, …), a list or dict of them for several outputs.
            batch_size: samples a step; None means 32, N is gradient descent on all samples, 1
                stochastic gradient descent. The last batch may be smaller.
            epochs: number of the last epoch; training starts at `initial_epoch`.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch, "auto" is 1.
            callbacks: objects whose hooks are called on the way.
            validation_split: fraction of the last rows that only validate.
            validation_data: (x, y) or (x, y, sample_weight), or what yields batches, to evaluate
                after an epoch.
            shuffle: draw a new order of the samples in each epoch; a generator keeps its own.
            class_weight: {class: weight}; a class that is not named weighs 1.
            sample_weight: (N,), factors of the samples' losses.
            steps_per_epoch: batches of an epoch; None means a whole pass over the data.
            validation_steps: likewise; each validation begins anew.
            validation_batch_size: None means `batch_size`.
            validation_freq: validate every so many epochs, or after the epochs of a list.

        Returns:
            History, whose `history` holds each epoch's loss and metrics.

        Raises:
            RuntimeError: not compiled.
            ValueError, TypeError: data that do not fit each other or the model.
        """
        self._require_compiled("fit")
        if not isinstance(shuffle, (bool, np.bool_)):
            raise ValueError(f"fit received shuffle={shuffle!r}. Expected True or False.")

        def gather(x: Any, y: Any, sample_weight: Any) -> Samples:
            return self._gather("fit", x, y, sample_weight, class_weight)

        validation: Source | None = None
        validation_size = validation_batch_size or batch_size
        if validation_data is not None:
            validation = self._validation(validation_data, validation_size, validation_steps)
        if is_stream(x):
            if validation_split:
                raise ValueError(
                    f"fit received validation_split={validation_split!r} with x that yields "
                    f"batches, which cannot be split. Expected validation_data."
                )
            training = source(x, y, sample_weight, gather, batch_size, steps_per_epoch, shuffle)
        else:
            data = gather(x, y, sample_weight)
            if validation_split and validation is None:
                unweighted = self._gather("fit", x, y, sample_weight)  # classes weigh in training
                data, _ = split(data, validation_split)
                _, last = split(unweighted, validation_split)
                validation = array_source(last, validation_size, validation_steps)
            training = array_source(data, batch_size, steps_per_epoch, bool(shuffle))

        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=epochs,
                steps=training.steps,
                model=self,
            )
        self.stop_training, self._initial_epoch = False, None
        with callbacks:
            callbacks.on_train_begin()
            logs: Logs = {}
            for epoch in range(self._initial_epoch or initial_epoch, epochs):
                self.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                for step, batch in enumerate(training.epoch()):
                    callbacks.on_train_batch_begin(step)
                    logs = self._train_step(batch)
                    callbacks.on_train_batch_end(step, logs)
                    if self.stop_training:
                        break
                epoch_logs = dict(logs)
                if validation is not None and _is_due(epoch, validation_freq):
                    validation.begin_anew()
                    val_logs = self._evaluate(validation, callbacks)
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
        steps: int | None = None,
        callbacks: Sequence[Callback] | CallbackList | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on these samples: [loss, metric, …], the loss alone where
        there are no metrics, or a dict with `return_dict`. Arguments as `fit`."""
        self._require_compiled("evaluate")

        def gather(x: Any, y: Any, sample_weight: Any) -> Samples:
            return self._gather("evaluate", x, y, sample_weight)

        data = source(x, y, sample_weight, gather, batch_size, steps)
        hooks = self._hooks(callbacks, verbose, data.steps)
        with hooks:
            return self._results(self._evaluate(data, hooks), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Sequence[Callback] | CallbackList | None = None,
    ) -> Any:
        """The outputs (N, …) for inputs (N, …), a batch at a time; nested as the model's outputs.

        No samples give no outputs. Of what a generator yields only the inputs are used.
        """

        def gather(x: Any, y: Any, sample_weight: Any) -> Samples:
            return Samples(self._inputs(x))

        data = source(x, None, None, gather, batch_size, steps)
        hooks = self._hooks(callbacks, verbose, data.steps)
        self.stop_predicting = False
        outputs: list[list[np.ndarray]] = []
        with hooks:
            hooks.on_predict_begin()
            for step, batch in enumerate(data.epoch()):
                hooks.on_predict_batch_begin(step)
                outputs.append(self.graph.forward(self.cast(batch.x), False, keep=False)[0])
                hooks.on_predict_batch_end(step, {"outputs": self._nested(outputs[-1])})
                if self.stop_predicting:
                    break
            hooks.on_predict_end()
        if not outputs:
            none = [
                np.zeros((0, *(s or 0 for s in tensor.shape[1:])), tensor.dtype)
                for tensor in self.graph.outputs
            ]
            return self._nested(none)
        return self._nested([np.concatenate(parts) for parts in zip(*outputs, strict=True)])

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
        data = self._gather("train_on_batch", x, y, sample_weight, class_weight)
        self.reset_metrics()
        return self._results(self._train_step(data), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss and the metrics on these samples as one batch; results as `evaluate`."""
        self._require_compiled("test_on_batch")
        data = self._gather("test_on_batch", x, y, sample_weight)
        self.reset_metrics()
        return self._results(self._test_step(data), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for these samples as one batch."""
        outputs, *_ = self.graph.forward(self.cast(self._inputs(x)), False, keep=False)
        return self._nested(outputs)

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
        loss, y_pred, gradients = self._gradients(self._gather("gradients", x, y, sample_weight))
        return loss, self._nested(y_pred), gradients

    # Steps

    def _train_step(self, batch: Samples) -> Logs:
        loss, y_pred, gradients = self._gradients(batch)
        self._optimizer().apply(gradients, self.trainable_weights)
        return self._track(loss, batch, y_pred)

    def _test_step(self, batch: Samples) -> Logs:
        loss, y_pred, *_ = self._loss(batch, training=False)
        return self._track(loss, batch, y_pred)

    def _gradients(self, batch: Samples) -> tuple[float, list[np.ndarray], list[np.ndarray | None]]:
        loss, y_pred, of_outputs, saved = self._loss(batch, training=True)
        dy, dz = of_outputs()
        _, of_weights = self.graph.backward(dy, saved, needs_dx=False, dz=dz)
        weights = self.trainable_weights
        gradients = [of_weights.get(id(weight)) for weight in weights]
        for i, weight in enumerate(weights):
            if weight.regularizer is not None:
                penalty = weight.regularizer.gradient(weight.value)
                before = gradients[i]
                gradients[i] = penalty if before is None else before + penalty
        return loss, y_pred, gradients

    def _loss(self, batch: Samples, training: bool) -> tuple[float, list[np.ndarray], Any, Any]:
        """(L, ŷ, the function for ∂L/∂ŷ, saved)."""
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
            for weight in self.trainable_weights
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

    def _evaluate(self, data: Source, hooks: CallbackList) -> Logs:
        hooks.on_test_begin()
        self.stop_evaluating = False
        self.reset_metrics()
        logs: Logs = {}
        for step, batch in enumerate(data.epoch()):
            hooks.on_test_batch_begin(step)
            logs = self._test_step(batch)
            hooks.on_test_batch_end(step, logs)
            if self.stop_evaluating:
                break
        hooks.on_test_end(logs)
        return logs

    # Data

    def _gather(
        self,
        caller: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Mapping[int, float] | None = None,
    ) -> Samples:
        """Check x, y and the weights against each other and the model, before anything changes."""
        if x is None:
            raise TypeError("x is missing: received None. Expected an array with a row a sample.")
        named = {"x": x, "y": y, "sample_weight": sample_weight}
        flat: dict[str, Any] = {}
        if not any(isinstance(each, (list, tuple, dict)) for each in named.values()):
            # One array each: their lengths can be compared before there is a model to fit
            flat = {k: array(k, v) for k, v in named.items() if v is not None}
            require_one_length(flat)
        xs = self._inputs(x)
        if len(xs[0]) == 0:
            raise ValueError(
                f"{caller} received no samples: x has shape {xs[0].shape}. Expected at least one."
            )
        if y is None:
            raise ValueError(
                f"{caller} received x without y. Expected the targets that the loss compares with."
            )
        objective, _ = self._prepared()
        names = self.output_names
        ys = self._targets(objective, y, names)
        weights = self._sample_weights(sample_weight, class_weight, ys, names)
        require_one_length(
            {
                _label(kind, i, len(arrays)): each
                for kind, arrays in (("x", xs), ("y", ys), ("sample_weight", weights))
                for i, each in enumerate(arrays)
                if each is not None
            }
        )
        shapes = self.graph.output_shapes([each.shape for each in xs])
        for loss, target, shape in zip(objective.losses, ys, shapes, strict=True):
            if loss is not None:
                loss.check(target, shape)
        return Samples(xs, ys, weights)

    def _inputs(self, x: Any) -> list[np.ndarray]:
        """One array for each input; the model is built for them if it was not yet."""
        flat = self._flat("inputs", x)
        arrays = [array(_label("x", i, len(flat)), each) for i, each in enumerate(flat)]
        require_one_length({_label("x", i, len(flat)): each for i, each in enumerate(arrays)})
        shapes: Any = [each.shape for each in arrays]
        self.ensure_built((None, *shapes[0][1:]))
        self.check_input(shapes if self.several_inputs else shapes[0])
        return arrays

    def _targets(self, objective: Objective, y: Any, names: list[str]) -> list[Any]:
        """One array for each output, None for one without a loss that was left out."""
        with_loss = [i for i, loss in enumerate(objective.losses) if loss is not None]
        is_partial = isinstance(y, (list, tuple)) and len(y) == len(with_loss) < len(names)
        flat: list[Any] = [None] * len(names)
        for i, each in zip(
            with_loss if is_partial else range(len(names)),
            y if is_partial else self._flat("outputs", y),
            strict=True,
        ):
            flat[i] = None if each is None else array(_label("y", i, len(names)), each)
        missing = [names[i] for i in with_loss if flat[i] is None]
        if missing:
            raise ValueError(
                f"There are no targets for the output {missing[0]!r}, which has a loss. Expected "
                f"an array in y for it, or None in its place in the losses."
            )
        return flat

    def _sample_weights(
        self,
        sample_weight: Any,
        class_weight: Mapping[int, float] | None,
        ys: list[Any],
        names: list[str],
    ) -> list[Any]:
        """The weights of the samples for each output, None where they all weigh 1."""
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "Received both class_weight and sample_weight. Expected one of them: multiply "
                    "the class weights into sample_weight."
                )
            if len(names) > 1:
                raise ValueError(
                    f"class_weight goes with a model of one output; this one has {len(names)}. "
                    f"Expected sample_weight, with an array for each output."
                )
            return [weights_of_classes(ys[0], class_weight)]
        if sample_weight is None or hasattr(sample_weight, "__array__"):
            one = None if sample_weight is None else array("sample_weight", sample_weight)
            return [one] * len(names)
        flat = self._flat("outputs", sample_weight)
        return [
            None if each is None else array(_label("sample_weight", i, len(flat)), each)
            for i, each in enumerate(flat)
        ]

    def _validation(self, given: Any, batch_size: int | None, steps: int | None) -> Source:
        def gather(x: Any, y: Any, sample_weight: Any) -> Samples:
            return self._gather("validation_data", x, y, sample_weight)

        if is_stream(given):
            return source(given, None, None, gather, None, steps)
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError(
                f"validation_data must be (x, y) or (x, y, sample_weight), or yield such batches; "
                f"received {type(given).__name__}."
            )
        x, y, sample_weight = (*given, None)[:3]
        return source(x, y, sample_weight, gather, batch_size, steps)

    def _cast(self, x: list[np.ndarray]) -> list[np.ndarray]:
        return self.cast(x)

    # State

    def _prepared(self) -> tuple[Objective, CompiledMetrics]:
        """The losses and metrics of the outputs, once the model has outputs."""
        if self._parts is None:
            self._parts = _compiled_parts(self.compile_arguments, self.output_names)
        return self._parts

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

    def _hooks(self, callbacks: Any, verbose: int | str, steps: int | None) -> CallbackList:
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


def _compiled_parts(
    arguments: dict[str, Any], names: list[str]
) -> tuple[Objective, CompiledMetrics]:
    return (
        Objective(arguments["loss"], arguments["loss_weights"], names),
        CompiledMetrics(arguments["metrics"], arguments["weighted_metrics"], names),
    )


def _weights(batch: Samples) -> list[Any]:
    return batch.sample_weight or [None] * len(batch.y or [])


def _label(kind: str, i: int, count: int) -> str:
    return kind if count == 1 else f"{kind}[{i}]"


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether to validate after this epoch, counted from 0."""
    if isinstance(frequency, (int, np.integer)):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency
