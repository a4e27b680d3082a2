"""Comparisons with Keras, one function call each, for every public name that scratchnet has.

A module of this package covers one family and lists its comparisons as `CASES`. The coverage
report (`python -m reference coverage`) runs all of them and the tests hold each to its bound, so
what the report calls equal is what the tests prove. Beyond these fixed cases the tests draw
arguments with Hypothesis.
"""

from __future__ import annotations

import importlib

from reference.cases.case import Case

__all__ = ["FAMILIES", "Case", "cases_of"]

FAMILIES = (
    "core_layers",
    "convolution_layers",
    "pooling_layers",
    "activation_layers",
    "normalization_layers",
    "regularization_layers",
    "shape_layers",
    "merge_layers",
    "attention_layers",
    "augmentation_layers",
    "activations",
    "losses",
    "metrics",
    "optimizers",
    "schedules",
    "regularizers",
    "constraints",
    "initializers",
    "callbacks",
    "utils",
)


def cases_of(family: str) -> list[Case]:
    """The comparisons of one family; imported only now, for they bring Keras along."""
    return importlib.import_module(f"reference.cases.{family}").CASES
