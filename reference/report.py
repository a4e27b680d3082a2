"""What `scratchnet compare` shows: proof, curves, speed and accuracy of the two libraries."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numba
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import scratchnet as sn
from reference.device import prepare
from reference.proof import LAYER_BOUND, PRECISIONS, WEIGHT_BOUND, Proof, prove
from reference.speed import LIBRARIES, Figures, process_rows, warm_rates
from reference.twin import twin
from scratchnet import visualization

Samples = tuple[np.ndarray, np.ndarray]
Losses = list[list[float]]


def report(
    make_model: Callable[[], sn.Sequential],
    train: Samples,
    test: Samples,
    class_names: Sequence[str],
    epochs: int,
    batch_size: int,
    steps: int,
    rounds: int,
    cold: bool,
    folder: Path,
    console: Console | None = None,
) -> dict[str, float]:
    """Train a model and its twin on the same batches; print and draw how they compare.

    Args:
        make_model: builds and compiles the model, with the same weights at every call; its first
            layer is a convolution.
        train, test: samples (N, H, W, C) and class numbers (N,).
        class_names: one for each class.
        epochs: of the training.
        batch_size: samples a step.
        steps: of the proof.
        rounds: of the speed measurement.
        cold: whether to measure a process in which no kernel is compiled yet.
        folder: where the figures go.
        console: where the text goes; None means the standard output.

    Returns:
        The figures that were printed.
    """
    console = console or Console()
    folder.mkdir(parents=True, exist_ok=True)
    for line in _machine():
        console.print(line, highlight=False)

    with _activity(console, "Comparing layer by layer and step by step"):
        proof = prove(make_model, *train, steps, batch_size)
    _print_proof(console, proof)

    ours = make_model()
    theirs = twin(ours)
    losses = _train_both(console, ours, theirs, train, epochs, batch_size)
    accuracy = {
        name: float(model.evaluate(*test, verbose=0, return_dict=True)["accuracy"])
        for name, model in zip(LIBRARIES, (ours, theirs), strict=True)
    }
    console.print(
        f"\nTest accuracy after {epochs} epoch{'s' * (epochs > 1)}: "
        + ", ".join(f"{name} {value:.2%}" for name, value in accuracy.items())
    )
    for path in _draw(ours, losses, test, class_names, folder):
        console.print(f"Saved {path}", soft_wrap=True, highlight=False)

    with _activity(console, "Measuring speed"):
        warm = warm_rates(ours, theirs, *_first(train, 4096), batch_size, rounds)
        processes = process_rows(make_model(), *_first(train, batch_size), cold)
    _print_speed(console, warm, processes, batch_size, rounds)
    return (
        {f"error {name}": float(proof.errors[name].max()) for name in PRECISIONS}
        | {f"weights {name}": error for name, error in proof.weights.items()}
        | {f"accuracy {name}": value for name, value in accuracy.items()}
        | {f"{name} ratio": row["ratio"] for name, row in warm.items()}
    )


def _machine() -> Iterable[str]:
    device = prepare()
    threads = f"{numba.get_num_threads()} threads of {os.cpu_count()} cores"
    yield f"Keras:      {device}"
    yield f"scratchnet: {sn.__version__}, kernels on {threads}"
    yield f"System:     {platform.platform()}, Python {platform.python_version()}, {date.today()}"


def _activity(console: Console, text: str) -> Any:
    """A spinner on a terminal; elsewhere nothing."""
    return console.status(f"{text} …")


def _print_proof(console: Console, proof: Proof) -> None:
    table = Table(title="Largest error against Keras, relative to the largest value")
    table.add_column("layer")
    table.add_column("quantity")
    for name in PRECISIONS:
        table.add_column(name, justify="right")
    for row in proof.errors.to_dict("records"):
        first = row["quantity"] in ("output", "loss")  # of a layer
        if first:
            table.add_section()
        errors = (f"{row[name]:.1e}" for name in PRECISIONS)
        table.add_row(row["layer"] if first else "", row["quantity"], *errors)
    console.print()
    console.print(table)
    largest, weights = proof.errors["float64"].max(), proof.weights
    console.print(
        f"float64: the largest error is {largest:.1e}, "
        f"{_within(largest, LAYER_BOUND)}. After {proof.steps} steps of training the largest "
        f"difference of any weight is {weights['float64']:.1e}, "
        f"{_within(weights['float64'], WEIGHT_BOUND)}."
    )
    console.print(
        f"float32: after {proof.steps} steps {weights['float32']:.1e}. Adam and its kin divide a "
        f"gradient by its own size, so where it is nearly 0 a rounding error can turn the step."
    )


def _within(error: float, bound: float) -> str:
    return f"within {bound:g}" if error <= bound else f"MORE THAN {bound:g}"


def _train_both(
    console: Console,
    ours: sn.Sequential,
    theirs: Any,
    train: Samples,
    epochs: int,
    batch_size: int,
) -> Losses:
    """Train both on the same batches in the same order; the losses of every batch, for each."""
    x, y = train
    batches = -(-len(x) // batch_size)
    losses: Losses = [[], []]
    rng = np.random.default_rng(0)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    console.print()
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        tasks = [progress.add_task(f"{name:10}", total=epochs * batches) for name in LIBRARIES]
        for _ in range(epochs):
            order = rng.permutation(len(x))
            for model, task, seen in zip((ours, theirs), tasks, losses, strict=True):
                for first in range(0, len(x), batch_size):
                    rows = order[first : first + batch_size]
                    result = model.train_on_batch(x[rows], y[rows], return_dict=True)
                    seen.append(float(result["loss"]))
                    progress.advance(task)
    return losses


def _draw(
    ours: sn.Sequential,
    losses: Losses,
    test: Samples,
    class_names: Sequence[str],
    folder: Path,
) -> Iterable[Path]:
    """Save the figures, one after the other, and say where."""
    x, y = test
    first = ours.layers[0]
    figures = {
        "loss.png": lambda: visualization.loss_curves(losses[0], losses[1]),
        "confusion.png": lambda: visualization.confusion_matrix(
            y, ours.predict(x, verbose=0), class_names
        ),
        "filters.png": lambda: visualization.filters_and_feature_maps(
            first.weights[0].value, x[0], first(x[:1])[0]
        ),
    }
    for name, draw in figures.items():
        draw().savefig(folder / name)
        yield folder / name


def _print_speed(
    console: Console, warm: Figures, processes: Figures, batch_size: int, rounds: int
) -> None:
    table = Table(title=f"Speed at batch size {batch_size}; a ratio above 1 is scratchnet's favour")
    table.add_column("")
    for name in (*LIBRARIES, "ratio"):
        table.add_column(name, justify="right")

    def add(label: str, row: dict[str, float], form: Callable[[float], str]) -> None:
        table.add_row(label, *(form(row[name]) for name in LIBRARIES), f"{row['ratio']:.2f}")

    for name, row in warm.items():
        add(f"{name}, warm, images/s", row, "{:,.0f}".format)
    table.add_section()
    add("import", processes["import"], _time)
    if "first step cold" in processes:
        add("first step, nothing compiled", processes["first step cold"], _time)
    add("first step, kernels on disk", processes["first step"], _time)
    add("warm step", processes["warm step"], _time)
    add("peak memory, MiB", processes["peak memory"], lambda value: f"{value / 2**20:,.0f}")
    console.print()
    console.print(table)
    console.print(
        f"Images/s: medians of {rounds} rounds in which the two take turns in this process. The "
        f"rest: fresh processes, one library each."
    )
    ratio = warm["training"]["ratio"]
    console.print(
        f"Warm training in scratchnet is {ratio:.2f} times as fast as in Keras here."
        if ratio >= 1
        else f"Warm training in scratchnet is SLOWER than in Keras here: {ratio:.2f} of its speed."
    )


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1e3:.1f} ms"


def _first(samples: Samples, count: int) -> Samples:
    x, y = samples
    return x[:count], y[:count]
