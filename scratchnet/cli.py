"""The command `scratchnet`: train, predict, compare with Keras, and compile ahead."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import scratchnet as sn
from scratchnet import layers
from scratchnet.datasets import fashion_mnist


def readme_cnn(seed: int = 0) -> sn.Sequential:
    """The README's network, compiled, with weights and dropout masks that the seed determines."""
    sn.set_random_seed(seed)
    model = sn.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def images(full: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(x_train, y_train, x_test, y_test), images as float32 (N, 28, 28, 1) from 0 to 1."""
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(full)
    x_train, x_test = (x[..., None].astype(np.float32) / 255 for x in (x_train, x_test))
    return x_train, y_train, x_test, y_test


def train(arguments: argparse.Namespace) -> None:
    """Train the README's network and, if asked, save it."""
    x_train, y_train, x_test, y_test = images(arguments.full)
    model = readme_cnn(arguments.seed)
    model.summary()
    model.fit(
        x_train,
        y_train,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        validation_data=(x_test, y_test),
    )
    if arguments.save:
        model.save(arguments.save)
        print(f"Saved the model to {arguments.save}")


def predict(arguments: argparse.Namespace) -> None:
    """Classify test images with a saved model."""
    model = sn.saving.load_model(arguments.model)
    *_, x_test, y_test = images(full=False)
    if not 0 <= arguments.first < len(x_test):
        raise ValueError(
            f"--first is {arguments.first}. Expected an image's number, 0 to {len(x_test) - 1}."
        )
    chosen = slice(arguments.first, arguments.first + arguments.count)
    for i, row in enumerate(model.predict(x_test[chosen], verbose=0), start=arguments.first):
        best = int(row.argmax())
        right = fashion_mnist.CLASS_NAMES[y_test[i]]
        print(f"image {i:4}: {fashion_mnist.CLASS_NAMES[best]:<12} {row[best]:6.1%}  (is: {right})")


def compare(arguments: argparse.Namespace) -> None:
    """Train beside Keras and report proof, curves, speed and accuracy."""
    try:
        from reference.report import report
    except ImportError as error:
        raise SystemExit(
            f"scratchnet compare needs Keras and what draws the figures ({error}). Install them "
            f'with: pip install "scratchnet[reference]"'
        ) from error
    samples = 2000 if arguments.quick else None
    x_train, y_train, x_test, y_test = images(full=False)
    report(
        readme_cnn,
        (x_train[:samples], y_train[:samples]),
        (x_test, y_test),
        fashion_mnist.CLASS_NAMES,
        epochs=arguments.epochs or (1 if arguments.quick else 8),
        batch_size=arguments.batch_size,
        steps=arguments.steps,
        rounds=3 if arguments.quick else 7,
        cold=not arguments.quick,
        folder=arguments.out,
    )


def warmup(arguments: argparse.Namespace) -> None:
    """Compile the kernels ahead."""
    for dtype in ("float32", "float64") if arguments.float64 else ("float32",):
        sn.warmup(dtype, arguments.processes)


def positive(text: str) -> int:
    """An argument that counts something, at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, received {text!r}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line and its help."""
    top = argparse.ArgumentParser(
        prog="scratchnet",
        description="Convolutional networks from scratch, beside Keras.",
        epilog="`scratchnet COMMAND --help` says more about each command.",
    )
    top.add_argument("--version", action="version", version=f"scratchnet {sn.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], text: str) -> Any:
        description = f"{text[0].upper()}{text[1:]}."
        command = commands.add_parser(name, help=text, description=description)
        command.set_defaults(run=run)
        return command

    def count(command: Any, option: str, text: str, default: int | None = None) -> None:
        command.add_argument(option, type=positive, default=default, metavar="N", help=text)

    command = add("train", train, "train the README's network on Fashion-MNIST")
    count(command, "--epochs", "passes over the images (5)", 5)
    count(command, "--batch-size", "images a step (64)", 64)
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of weights, shuffling and dropout (0)"
    )
    command.add_argument("--full", action="store_true", help="all 60,000 images, not 12,000")
    command.add_argument("--save", metavar="FILE.keras", help="write the trained model here")

    command = add("compare", compare, "train beside Keras; prove both the same, and time them")
    command.add_argument(
        "--quick",
        action="store_true",
        help="under a minute: 2,000 images, one epoch, and no process measured before compilation",
    )
    count(command, "--epochs", "passes over the images (8; with --quick 1)")
    count(command, "--batch-size", "images a step (64)", 64)
    count(command, "--steps", "steps of training after which all weights are compared (20)", 20)
    command.add_argument(
        "--out",
        type=Path,
        default=Path("runs/compare"),
        metavar="FOLDER",
        help="where the figures go (runs/compare)",
    )

    command = add("predict", predict, "classify test images with a saved model")
    command.add_argument("model", metavar="FILE.keras", help="written by `scratchnet train --save`")
    command.add_argument(
        "--first", type=int, default=0, metavar="I", help="number of the first image, from 0 (0)"
    )
    count(command, "--count", "how many images (10)", 10)

    command = add("warmup", warmup, "compile all kernels ahead, once for each machine")
    command.add_argument(
        "--float64", action="store_true", help="for float64 too, which takes as long again"
    )
    count(command, "--processes", "how many compile at a time (one for each core, up to 8)")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on are shown as a sentence."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, ImportError, OSError) as error:
        print(f"scratchnet {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"scratchnet {arguments.command}: interrupted", file=sys.stderr)
        return 130
    return 0
