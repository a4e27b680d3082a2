"""Images a second of `fit`, on whole networks."""

from __future__ import annotations

import pandas as pd

from benchmarks.networks.rates import measure_rates, rates_report
from benchmarks.report import Report
from benchmarks.settings import Settings

HELP = "images a second of `fit`, on networks from LeNet-5 to ResNet-20"
_NOTES = (
    "A turn is an epoch of `fit` over the same images of noise; no metric but the loss, no "
    "shuffling. PyTorch: a hand-written loop, channels-last memory, fused optimizer.",
    "Images a second are medians over rounds in which the sides take turns, [quartiles] beside "
    "them. Each side has its own process, and each has warmed up.",
    "GFLOP/s counts convolutions and dense layers, three times the forward pass; the ceiling is "
    "sgemm's rate.",
)


def measure(settings: Settings) -> pd.DataFrame:
    """One row for each network, batch size and side."""
    batches = settings.pick((32, 64, 256), (32,), (8,))
    return measure_rates("fit", batches, settings.pick(5, 2, 1), settings)


def report(frame: pd.DataFrame, settings: Settings) -> Report:
    """Tables by batch size, and the ratios."""
    return rates_report("Training", "training", frame, _NOTES)
