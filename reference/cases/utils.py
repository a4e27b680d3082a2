"""Classes as vectors and vectors of norm 1, beside Keras's functions."""

from __future__ import annotations

from typing import Any

import numpy as np

import scratchnet as sn
from reference.agreement import relative_error
from reference.cases.case import Case

_ROWS = np.array([[1.0, -2.0, 2.0], [0.0, 0.0, 0.0], [-3.0, 0.0, 4.0]])
_CLASSES = np.array([[0, 2], [1, 1]])


def _error(name: str, *arguments: Any) -> float:
    """The error of a function of `utils`."""
    import keras

    ours, theirs = (getattr(library.utils, name)(*arguments) for library in (sn, keras))
    return relative_error(ours, theirs)


CASES = [
    Case("utils.normalize", "axis=-1, order=2", lambda: _error("normalize", _ROWS)),
    Case("utils.normalize", "axis=1, order=1", lambda: _error("normalize", _ROWS, 1, 1)),
    Case("utils.normalize", "order=inf", lambda: _error("normalize", _ROWS, -1, np.inf)),
    Case("utils.to_categorical", "num_classes=None", lambda: _error("to_categorical", _CLASSES)),
    Case("utils.to_categorical", "num_classes=5", lambda: _error("to_categorical", _CLASSES, 5)),
    Case(
        "utils.to_categorical",
        "a last axis of size 1",
        lambda: _error("to_categorical", _CLASSES[..., None]),
    ),
]
