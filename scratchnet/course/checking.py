"""`check`: the reader's answer beside ours, on inputs the reader has not seen.

The reader's function is called as often as the exercise says, and its results are compared with
ours. Where they differ it says where first, and why, if one of the declared mistakes gives the same
wrong result or `course.diagnosis` recognises it. Nothing that the reader's function does, raising
included, becomes an exception here: a notebook with a wrong answer still runs to its end.
"""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchnet.course.contents import NOTEBOOKS, exercise_module
from scratchnet.course.diagnosis import cause
from scratchnet.course.exercise import Exercise
from scratchnet.course.report import Report
from scratchnet.names import unknown_name_message

_ENDS = {0: "no numbers", 1: "one number"}


class Failure(NamedTuple):
    """The first thing that is wrong: what to say, and the arrays, if they could be compared."""

    lines: tuple[str, ...]
    cause: str = ""
    pair: tuple[np.ndarray, np.ndarray] | None = None


def check(name: str, answer: Any = None) -> Report:
    """Compare an answer with the truth; the last line of a cell, so that the report is shown.

    Args:
        name: the notebook's number and the exercise, such as "03.kernel_gradient".
        answer: the reader's function or value. None and `...`, and a function that returns one of
            these or raises NotImplementedError, are no answer yet.

    Raises ValueError for an exercise that does not exist.

    >>> check("03.kernel_gradient")
    … kernel_gradient: not answered yet. Fill it in and run the cell again.
    """
    exercise = find_exercise(name)
    if _is_missing(answer):
        return _unanswered(exercise)
    if not exercise.is_function:
        return _check_value(exercise, answer)
    if not callable(answer):
        line = f"expected a function, received {type(answer).__name__}. Pass its name, without ()."
        return Report(exercise.name, "wrong", (line,))
    return _check_function(exercise, answer)


def find_exercise(name: str) -> Exercise:
    """The exercise of that name; ValueError, with the closest name, where there is none."""
    number, _, short = name.partition(".")
    if number not in NOTEBOOKS:
        raise ValueError(
            f"There is no notebook {number!r}, which check({name!r}) asks for. Expected a name "
            f'such as "03.kernel_gradient": the number of the notebook and the exercise.'
        )
    known = {exercise.name: exercise for exercise in exercise_module(number).EXERCISES}
    if short not in known:
        raise ValueError(unknown_name_message(f"exercise of notebook {number}", short, known))
    return known[short]


def _check_value(exercise: Exercise, answer: Any) -> Report:
    failure = _compared(exercise, answer, exercise.truth, {}, "")
    if failure is None:
        return Report(exercise.name, "right", ("right.",))
    for mistake in exercise.mistakes:
        if _compared(exercise, answer, mistake.answer, {}, "") is None:
            return Report(exercise.name, "wrong", ("not yet.",), mistake.sentence)
    # A guess is to be thought about, so the truth is not given away
    return Report(exercise.name, "wrong", (f"not yet: {answer!r} is not the answer.",))


def _check_function(exercise: Exercise, answer: Callable[..., Any]) -> Report:
    calls = exercise.calls()
    results = []
    for i, arguments in enumerate(calls):
        given = copy.deepcopy(arguments)
        where = f"in call {i + 1} of {len(calls)}, {_described(arguments)}"
        try:
            result = answer(**given)
        except NotImplementedError:
            return _unanswered(exercise)
        except Exception as error:
            line = f"it raised {type(error).__name__} {where}: {error}"
            return Report(exercise.name, "wrong", (line, *_place(error)))
        if _is_missing(result) or (isinstance(result, tuple) and all(map(_is_missing, result))):
            return _unanswered(exercise)
        changed = [key for key in arguments if not _same(given[key], arguments[key])]
        if changed:
            line = f"it changes its argument {changed[0]!r} {where}. Work on a copy of it."
            return Report(exercise.name, "wrong", (line,))
        results.append(result)
    largest = 0.0
    for arguments, result, i in zip(calls, results, range(len(calls)), strict=True):
        expected = exercise.truth(**copy.deepcopy(arguments))
        where = f"In call {i + 1} of {len(calls)}, {_described(arguments)}."
        failure = _compared(exercise, result, expected, arguments, where)
        if failure is not None:
            known = _known_mistake(exercise, calls, results)
            return Report(exercise.name, "wrong", failure.lines, known or failure.cause)
        largest = max(largest, _error(result, expected))
    line = f"right, in all {len(calls)} calls. Largest relative error {largest:.0e}."
    return Report(exercise.name, "right", (line,))


def _known_mistake(exercise: Exercise, calls: list[Any], results: list[Any]) -> str:
    """The sentence of the declared mistake that gives the same results in every call."""
    for mistake in exercise.mistakes:
        try:
            same = all(
                _compared(exercise, result, mistake.answer(**copy.deepcopy(arguments)), {}, "")
                is None
                for arguments, result in zip(calls, results, strict=True)
            )
        except Exception:
            continue  # this mistake does not get through all calls, and the reader's answer did
        if same:
            return mistake.sentence
    return ""


def _compared(
    exercise: Exercise, result: Any, expected: Any, arguments: dict[str, Any], where: str
) -> Failure | None:
    """The first thing in which a result differs from what is expected."""
    if isinstance(expected, tuple):
        names = exercise.outputs or tuple(f"result {i}" for i in range(len(expected)))
        if isinstance(result, np.ndarray) and result.ndim == 1:
            result = tuple(result)  # as np.linalg.solve gives several numbers
        if not isinstance(result, (tuple, list)) or len(result) != len(expected):
            count = len(result) if isinstance(result, (tuple, list)) else 1
            line = f"expected {len(expected)} results, {', '.join(names)}; got {count}."
            return Failure((line, where))
        for name, mine, theirs in zip(names, result, expected, strict=True):
            failure = _compared_arrays(exercise, name, mine, theirs, arguments, where)
            if failure is not None:
                return failure
        return None
    return _compared_arrays(exercise, "", result, expected, arguments, where)


def _compared_arrays(
    exercise: Exercise, name: str, result: Any, expected: Any, arguments: Any, where: str
) -> Failure | None:
    prefix = f"{name}: " if name else ""
    try:
        got = np.asarray(result)
    except ValueError:  # rows of unequal lengths
        return Failure((f"{prefix}expected an array, got {type(result).__name__}.", where))
    truth = np.asarray(expected)
    if truth.dtype.kind not in "biufc" or got.dtype.kind not in "biufc":
        if got.dtype.kind == truth.dtype.kind and np.array_equal(_folded(got), _folded(truth)):
            return None
        kind = f"{type(result).__name__} {result!r}"
        return Failure((f"{prefix}not yet: got {kind}.", where))
    sizes = exercise.sizes(**arguments) if arguments else {}
    if got.shape != truth.shape:
        lines = (f"{prefix}expected shape {truth.shape}, got {got.shape}.", where)
        return Failure(lines, cause(_real(got), _real(truth), sizes), (got, truth))
    mine, theirs = _real(got), _real(truth)
    allowed = exercise.tolerance * np.abs(theirs).max(initial=0.0, where=np.isfinite(theirs))
    with np.errstate(invalid="ignore"):
        agree = (np.abs(mine - theirs) <= allowed) | (mine == theirs)
    agree |= np.isnan(mine) & np.isnan(theirs)
    if agree.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~agree)[0]) if agree.ndim else ()
    count = int(agree.size - agree.sum())
    many = f"{count} of {agree.size} numbers are wrong, the first at index {list(index)}: "
    lines = (
        f"{prefix}{many if agree.ndim else ''}got {mine[index]:.6g}, expected {theirs[index]:.6g}.",
        where,
    )
    return Failure(lines, cause(mine, theirs, sizes), (got, truth))


def _folded(array: np.ndarray) -> np.ndarray:
    """Words in small letters."""
    return np.char.lower(array) if array.dtype.kind == "U" else array


def _real(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _error(result: Any, expected: Any) -> float:
    pairs = (
        zip(result, expected, strict=True) if isinstance(expected, tuple) else [(result, expected)]
    )
    errors = [0.0]
    for mine, theirs in pairs:
        a, b = np.asarray(mine), np.asarray(theirs)
        scale = np.abs(b).max(initial=0.0) if b.dtype.kind in "iufc" else 0.0
        if scale and np.isfinite(b).all():
            errors.append(float(np.abs(a - b).max(initial=0.0) / scale))
    return max(errors)


def _unanswered(exercise: Exercise) -> Report:
    line = "not answered yet. Fill it in and run the cell again."
    return Report(exercise.name, "unanswered", (line,))


def _is_missing(value: Any) -> bool:
    return value is None or value is Ellipsis


def _described(arguments: dict[str, Any]) -> str:
    """The arguments as a reader can picture them: shapes of arrays, values of numbers."""
    return "with " + ", ".join(
        f"{name}{': ' if _is_pictured(value) else ' = '}{_pictured(value)}"
        for name, value in arguments.items()
    )


def _is_pictured(value: Any) -> bool:
    return (
        callable(value)
        or (isinstance(value, np.ndarray) and value.size > 1)
        or (isinstance(value, (list, tuple)) and any(map(_is_pictured, value)))
    )


def _pictured(value: Any) -> str:
    if not _is_pictured(value):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_pictured, value))}]"
    return "a function" if callable(value) else str(value.shape)


def _place(error: Exception) -> tuple[str, ...]:
    """The line of the reader's function that raised, or that called what raised."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    others = ("site-packages", str(Path(__file__).parents[1]))
    own = [frame for frame in frames if not any(part in frame.filename for part in others)]
    if not own:
        return ()
    return (f"The line is: {own[-1].line}",) if own[-1].line else ()


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.shape == np.shape(b) and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b) if np.isscalar(a) or isinstance(a, str) else True
