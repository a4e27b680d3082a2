"""What `scratchnet compare` shows: proof, curves, speed and accuracy of the two libraries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import scratchnet as sn
from reference.compare import compare, weights_after_training
from reference.device import prepare
from reference.twin import twin
from scratchnet import visualization

Samples = tuple[np.ndarray, np.ndarray]


def report(
    make_model: Callable[[], sn.Sequential],
    train: Samples,
    test: Samples,
    class_names: Sequence[str],
    epochs: int,
    batch_size: int,
    steps: int,
    folder: Path,
) -> dict[str, float]:
    """Train a model and its twin on the same batches and print and draw how they compare.

    Returns the figures that were printed, for tests: errors, accuracies, images a second.
    """
    console = Console()
    console.print(f"{prepare()}; {date.today()}")
    folder.mkdir(parents=True, exist_ok=True)
    figures = _proof(console, make_model, train, steps)

    ours, theirs = make_model(), None
    theirs = twin(ours)
    curves: tuple[list[float], list[float]] = [], []
    seconds: tuple[list[float], list[float]] = [], []
    order = np.random.default_rng(0)
    with Progress(console=console) as progress:
        task = progress.add_task("Training both", total=2 * epochs)
        for _ in range(epochs):
            rows = order.permutation(len(train[0]))
            x, y = train[0][rows], train[1][rows]
            for model, losses, spent in zip((ours, theirs), curves, seconds, strict=True):
                spent.append(_epoch(model, x, y, batch_size, losses))
                progress.advance(task)
    figures |= _speed(console, ours, theirs, seconds, train[0], test[0])
    predicted = ours.predict(test[0], verbose=0)
    for name, model in (("scratchnet", ours), ("Keras", theirs)):
        accuracy = model.evaluate(*test, verbose=0)[1]
        figures[f"{name} accuracy"] = accuracy
        console.print(f"Test accuracy of {name}: {accuracy:.2%}")

    saved = {
        "loss.png": visualization.loss_curves(*curves),
        "confusion.png": visualization.confusion_matrix(
            test[1], predicted.argmax(axis=1), class_names
        ),
        "filters.png": visualization.filters_and_feature_maps(
            ours.weights[0].numpy(), test[0][0], ours.layers[0](test[0][:1])[0]
        ),
    }
    for name, figure in saved.items():
        figure.savefig(folder / name, dpi=120)
        console.print(f"Saved {folder / name}")
    return figures


def _proof(
    console: Console, make_model: Callable[[], sn.Sequential], train: Samples, steps: int
) -> dict[str, float]:
    """The table of errors layer by layer in both precisions, and of the weights in the end."""
    import keras

    x, y = train[0][:64], train[1][:64]
    columns: dict[str, pd.Series] = {}
    weights: dict[str, float] = {}
    before = sn.config.floatx()
    for dtype in ("float64", "float32"):
        sn.config.set_floatx(dtype)
        keras.config.set_floatx(dtype)
        try:
            model = make_model()
            frame = compare(model, x, y)
            names = [layer.name for layer in model.layers] + ["model"]
            position = frame["layer"].map(names.index)
            columns[dtype] = pd.Series(frame["error"].values, [position, frame["quantity"]])
            weights[dtype] = weights_after_training(model, *train, steps)
        finally:
            sn.config.set_floatx(before)
            keras.config.set_floatx(before)
    table = Table(title="Largest relative error against Keras, layer by layer")
    for header in ("layer", "quantity", *columns):
        table.add_column(header, justify="right" if header in columns else "left")
    kinds = [type(layer).__name__ for layer in model.layers] + ["whole model"]
    for index in columns["float64"].index:
        layer, quantity = index
        errors = [f"{column[index]:.1e}" for column in columns.values()]
        table.add_row(kinds[layer], quantity, *errors)
    console.print(table)
    for dtype, error in weights.items():
        console.print(f"Largest difference of any weight after {steps} {dtype} steps: {error:.1e}")
    return {f"error {dtype}": float(column.max()) for dtype, column in columns.items()} | {
        f"weights {dtype}": error for dtype, error in weights.items()
    }


def _epoch(model: Any, x: np.ndarray, y: np.ndarray, batch_size: int, losses: list[float]) -> float:
    """Seconds of one epoch over the samples in order; appends each batch's own loss."""
    running: list[float] = []

    def on_train_batch_end(batch: int, logs: dict[str, float] | None = None) -> None:
        running.append(float((logs or {})["loss"]))

    base = sn.callbacks.Callback if isinstance(model, sn.Sequential) else _keras_callback()
    recorder = base()
    setattr(recorder, on_train_batch_end.__name__, on_train_batch_end)
    began = time.perf_counter()
    model.fit(x, y, batch_size, verbose=0, shuffle=False, callbacks=[recorder])
    spent = time.perf_counter() - began
    sizes = [min(batch_size, len(x) - first) for first in range(0, len(x), batch_size)]
    totals = np.cumsum(sizes) * np.array(running)  # the logs hold means over the epoch so far
    losses.extend(np.diff(totals, prepend=0) / sizes)
    return spent


def _keras_callback() -> Any:
    import keras

    return keras.callbacks.Callback


def _speed(
    console: Console,
    ours: sn.Sequential,
    theirs: Any,
    seconds: tuple[list[float], list[float]],
    x_train: np.ndarray,
    x_test: np.ndarray,
) -> dict[str, float]:
    """Images a second, training and inference; the first epoch and the first call are cold."""
    inference: tuple[list[float], list[float]] = [], []
    for _ in range(4):
        for model, spent in zip((ours, theirs), inference, strict=True):
            began = time.perf_counter()
            model.predict(x_test, batch_size=256, verbose=0)
            spent.append(time.perf_counter() - began)
    table = Table(title="Images a second")
    for header in ("", "scratchnet", "Keras", "ratio"):
        table.add_column(header, justify="right" if header else "left")
    figures = {}
    for name, count, times in (
        ("training", len(x_train), seconds),
        ("inference", len(x_test), inference),
    ):
        for phase, chosen in (("first", slice(0, 1)), ("warm, median", slice(1, None))):
            if all(len(t[chosen]) for t in times):
                a, b = (count / float(np.median(t[chosen])) for t in times)
                table.add_row(f"{name}, {phase}", f"{a:,.0f}", f"{b:,.0f}", f"{a / b:.2f}")
                figures[f"{name} {phase} ratio"] = a / b
    console.print(table)
    return figures
