"""Examples: what a run of training tells, and how well a network classifies."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import visualization

EPOCHS = np.arange(1, 13)
RUN = {
    "loss": 0.9 * np.exp(-EPOCHS / 4) + 0.15,
    "val_loss": 0.8 * np.exp(-EPOCHS / 4) + 0.24 + 0.01 * EPOCHS,
    "accuracy": 0.95 - 0.35 * np.exp(-EPOCHS / 4),
    "val_accuracy": 0.90 - 0.3 * np.exp(-EPOCHS / 4),
}
NAMES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat"]


def history() -> Any:
    return visualization.history(RUN)  # or what fit returned, or a CSVLogger's "log.csv"


def compare_runs() -> Any:
    dropout = {"val_loss": 0.9 * np.exp(-EPOCHS / 5) + 0.27}
    return visualization.compare_runs({"plain": RUN, "dropout 0.5": dropout}, metric="val_loss")


def loss_curves() -> Any:
    rng = np.random.default_rng(0)
    ours = 2.3 * np.exp(-np.arange(150) / 40) + 0.3 + 0.1 * rng.random(150)
    theirs = ours + 1e-7 * np.arange(150) ** 2 * rng.normal(size=150)
    return visualization.loss_curves(ours, theirs)


def confusion_matrix() -> Any:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, 400)
    predicted = np.where(rng.random(400) < 0.8, true, rng.integers(0, 5, 400))
    return visualization.confusion_matrix(true, predicted, NAMES)


def roc_curve() -> Any:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 300)
    scores = {"deep": 1.6 * true + rng.normal(size=300), "shallow": true + rng.normal(size=300)}
    return visualization.roc_curve(true, scores, threshold=0.5)


def precision_recall_curve() -> Any:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 300)
    return visualization.precision_recall_curve(true, 1.6 * true + rng.normal(size=300), 0.5)


def softmax_gradient() -> Any:
    return visualization.softmax_gradient([2.0, 1.0, -1.0, 0.5, 0.0], 1, NAMES)


def filters() -> Any:
    rng = np.random.default_rng(0)
    return visualization.filters(rng.normal(size=(3, 3, 1, 16)))


def agreement_heatmap() -> Any:
    errors = {
        "Conv2D": {"float32": 2e-7, "float64": 0.0},
        "Dense": {"float32": 3e-8, "float64": 1e-16},
        "BatchNormalization": {"float32": 0.012, "float64": 4e-16},
        "Softmax": {"float32": 6e-8, "float64": 0.0},
    }
    return visualization.agreement_heatmap(errors, {"float32": 1e-5, "float64": 1e-12})
