"""The training loop: fit, evaluate, predict.

    for each epoch: for each batch: one step (`models.steps`), then the validation

Source: keras/src/trainers/trainer.py and keras/src/backend/tensorflow/trainer.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scratchnet.callbacks import Callback, CallbackList, History
from scratchnet.models.data import Samples, Source, array_source, is_stream, source, split
from scratchnet.models.objective import Logs
from scratchnet.models.steps import Steps


class Trainer(Steps):
    """A layer that can be trained; models build on it."""

    history: History
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    _initial_epoch: int | None = None  # set by a callback that takes up an interrupted run

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


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether to validate after this epoch, counted from 0."""
    if isinstance(frequency, (int, np.integer)):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency
