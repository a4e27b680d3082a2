"""Every solution passes its exercise, every mistake is known by its own sentence."""

from __future__ import annotations

import importlib.util
import re
from functools import cache

import pytest

from notebooks import build
from scratchnet.course import check
from scratchnet.course.contents import exercise_module

EXERCISES = [
    pytest.param(source, exercise, id=f"{source.name[:2]}.{exercise.name}")
    for source in build.sources()
    for exercise in exercise_module(source.name[:2]).EXERCISES
]
of_each = pytest.mark.parametrize(("source", "exercise"), EXERCISES)


@cache
def solutions(source):
    path = build.FOLDER / "solutions" / source.name
    spec = importlib.util.spec_from_file_location(f"solutions_{source.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@of_each
def test_the_solution_passes(source, exercise):
    report = check(f"{source.name[:2]}.{exercise.name}", getattr(solutions(source), exercise.name))
    assert report.passed, str(report)


@of_each
def test_each_mistake_is_known_by_its_sentence(source, exercise):
    for mistake in exercise.mistakes:
        report = check(f"{source.name[:2]}.{exercise.name}", mistake.answer)
        assert report.state == "wrong", mistake.sentence
        assert report.cause == mistake.sentence
        assert mistake.sentence in str(report)
        assert not mistake.sentence.endswith("."), mistake.sentence


@of_each
def test_an_answer_that_is_missing_is_no_error(source, exercise):
    for missing in (None, ...):
        report = check(f"{source.name[:2]}.{exercise.name}", missing)
        assert report.state == "unanswered"
        assert "not answered yet" in str(report)


@pytest.mark.parametrize("source", build.sources(), ids=lambda path: path.stem)
def test_the_notebook_asks_each_exercise_once_and_has_unique_names(source):
    number = source.name[:2]
    names = [exercise.name for exercise in exercise_module(number).EXERCISES]
    asked = re.findall(rf'check\("{number}\.(\w+)"', source.read_text())
    assert sorted(asked) == sorted(names)
    assert len(set(names)) == len(names)
