"""The command `scratchnet`: train, predict, and compare with Keras."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

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
        epochs=arguments.epochs or (1 if arguments.quick else 4),
        batch_size=arguments.batch_size,
        steps=arguments.steps,
        rounds=3 if arguments.quick else 7,
        cold=not arguments.quick,
        folder=arguments.out,
    )


def parser() -> argparse.ArgumentParser:
    """The command line and its help."""
    top = argparse.ArgumentParser(
        prog="scratchnet", description="Convolutional networks from scratch, beside Keras."
    )
    top.add_argument("--version", action="version", version=f"scratchnet {sn.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser("train", help="train the README's network on Fashion-MNIST")
    command.add_argument("--epochs", type=int, default=5, help="passes over the images (5)")
    command.add_argument("--batch-size", type=int, default=64, help="images a step (64)")
    command.add_argument("--seed", type=int, default=0, help="of weights and shuffling (0)")
    command.add_argument("--full", action="store_true", help="all 60,000 images, not 12,000")
    command.add_argument("--save", metavar="FILE.keras", help="write the trained model here")
    command.set_defaults(run=train)

    command = commands.add_parser("compare", help="train beside Keras and prove both the same")
    command.add_argument(
        "--quick", action="store_true", help="2,000 images, one epoch, no cold start"
    )
    command.add_argument("--epochs", type=int, help="passes over the images (4)")
    command.add_argument("--batch-size", type=int, default=64, help="images a step (64)")
    command.add_argument("--steps", type=int, default=20, help="float64 steps of the proof (20)")
    command.add_argument(
        "--out", type=Path, default=Path("runs/compare"), help="folder of the figures"
    )
    command.set_defaults(run=compare)

    command = commands.add_parser("predict", help="classify test images with a saved model")
    command.add_argument("model", metavar="FILE.keras", help="written by `scratchnet train --save`")
    command.add_argument("--first", type=int, default=0, help="number of the first image (0)")
    command.add_argument("--count", type=int, default=10, help="how many images (10)")
    command.set_defaults(run=predict)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on are shown as a sentence."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, ImportError, OSError) as error:
        print(f"scratchnet {arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0
