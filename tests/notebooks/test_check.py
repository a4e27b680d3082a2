"""What `check` says to right, wrong, missing and odd answers."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from scratchnet.course import Exercise, Mistake, check, checking, diagnosis, display
from scratchnet.course.exercises import nb03_convolution_backwards as nb03


@pytest.fixture
def exercise(monkeypatch):
    """Replace the exercises of notebook 03 by one."""

    def install(**arguments):
        arguments = {
            "name": "double",
            "truth": lambda x: 2 * x,
            "inputs": lambda rng: [
                {"x": rng.standard_normal(shape)} for shape in [(2, 3), (4, 5, 6)]
            ],
        } | arguments
        monkeypatch.setattr(nb03, "EXERCISES", (Exercise(**arguments),))

    return install


def said(answer, name="double"):
    return check(f"03.{name}", answer)


def test_a_right_answer_is_right_and_its_error_is_shown(exercise):
    exercise()
    report = said(lambda x: x + x)
    assert report.passed
    assert report
    assert str(report) == "✓ double: right, in all 2 calls. Largest relative error 0e+00."
    assert not said(lambda x: 2 * x + 1e-3)
    assert said(lambda x: 2 * x * (1 + 1e-12))
    assert said(lambda x: (2 * x).tolist())


def raises_not_implemented(x):
    raise NotImplementedError


@pytest.mark.parametrize(
    "answer", [None, ..., lambda x: None, lambda x: ..., raises_not_implemented]
)
def test_no_answer_is_no_error(exercise, answer):
    exercise()
    assert str(said(answer)) == "… double: not answered yet. Fill it in and run the cell again."


def test_what_raises_is_reported_with_its_line(exercise):
    exercise()

    def broken(x):
        return x @ x

    report = said(broken)
    assert report.state == "wrong"
    assert "it raised ValueError in call 1 of 2, with x: (2, 3):" in str(report)
    assert "The line is: return x @ x" in str(report)
    assert "it raised TypeError" in str(said(lambda: 1))


def test_the_line_that_is_shown_is_the_reader_s_where_the_library_raises(exercise):
    from scratchnet.course.simultaneous import all_at_once
    from scratchnet.ops import formulas

    exercise()

    def calls_the_library(x):
        return formulas.conv2d(x, x)

    assert "The line is: return formulas.conv2d(x, x)" in str(said(calls_the_library))
    assert "The line is" not in str(said(all_at_once(lambda x: 2 * x)))  # it has no loop


def test_the_first_wrong_index_is_named_with_both_numbers(exercise):
    exercise(inputs=lambda rng: [{"x": np.arange(6.0).reshape(2, 3)}])

    def one_off(x):
        y = 2 * x
        y[1, 1:] += 0.5
        return y

    text = str(said(one_off))
    assert "2 of 6 numbers are wrong, the first at index [1, 1]: got 8.5, expected 8." in text
    assert "In call 1 of 1, with x: (2, 3)." in text


def test_an_argument_that_is_changed_is_reported(exercise):
    exercise()

    def in_place(x):
        x *= 2
        return x

    assert "it changes its argument 'x'" in str(said(in_place))


def test_a_declared_mistake_goes_before_what_is_recognised(exercise):
    exercise(mistakes=(Mistake("you forgot to double", lambda x: x),))
    assert said(lambda x: x).cause == "you forgot to double"
    assert "everything is 0.5 times" not in str(said(lambda x: x))
    assert (
        said(lambda x: 3 * x).cause
        == "everything is 1.5 times what it should be: a factor is wrong"
    )


def test_a_mistake_must_agree_in_all_calls(exercise):
    def only_first(x):
        return 2 * x if x.ndim == 2 else x

    exercise(
        mistakes=(Mistake("right for images only", only_first), Mistake("halved", lambda x: x))
    )
    assert said(only_first).cause == "right for images only"
    assert said(lambda x: x).cause == "halved"


def test_tuples_and_values_are_compared_too(exercise):
    exercise(truth=lambda x: (x, 2 * x), outputs=("same", "twice"))
    assert said(lambda x: (x, x + x))
    assert "expected 2 results, same, twice; got 1." in str(said(lambda x: x))
    assert "twice: 6 of 6 numbers are wrong" in str(said(lambda x: (x, x)))
    exercise(truth=(3, 4), inputs=None, mistakes=(Mistake("the other way round", (4, 3)),))
    assert said((3, 4))
    assert said([3, 4])
    assert said((4, 3)).cause == "the other way round"
    assert "4" not in str(said(7)).replace("07", "")  # the truth is not given away
    exercise(truth="max", inputs=None)
    assert said("max")
    assert said("Max")
    assert not said("mean")
    assert not said(1)
    exercise(truth=True, inputs=None)
    assert said(True)
    assert not said(False)


def test_odd_results_are_wrong_and_no_error(exercise):
    exercise()
    for odd in ("text", [[1, 2], [3]], {"a": 1}, object(), 5, np.nan, (1, 2, 3), [], np.array([])):
        report = said(lambda x, odd=odd: odd)
        assert report.state == "wrong", odd
        assert str(report)
        assert report._repr_html_()
    assert "expected a function, received ndarray" in str(said(np.ones(3)))


def test_names_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="Did you mean 'kernel_gradient'"):
        check("03.kernel_gradien", None)
    with pytest.raises(ValueError, match="There is no notebook 'kernel_gradient'"):
        check("kernel_gradient", None)


X = np.random.default_rng(0).standard_normal((4, 5, 3))
GENERAL = {
    "the sign is wrong": lambda x: -x,
    "looks like a missing 1/N": lambda x: 4 * x,
    "looks like a 1/N too many": lambda x: x / 4,
    "everything is 3 times": lambda x: 3 * x,
    "everything is 0": lambda x: 0 * x,
    "mirrored along axis 0 and 1": lambda x: x[::-1, ::-1],
    "mirrored along axis 1": lambda x: x[:, ::-1],
    "transpose them by (1, 0, 2)": lambda x: x.transpose(1, 0, 2),
    "the numbers are right, the shape is not": lambda x: x.reshape(4, 15),
    "everything is off by 1": lambda x: x + 1,
    "off by one number for each channel": lambda x: x + np.arange(1, 4),
    "one cell too late along axis 1": lambda x: np.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1],
    "one cell too early along axis 0": lambda x: np.pad(x, ((0, 1), (0, 0), (0, 0)))[1:],
    "only the border along axis 1 is wrong": lambda x: x * np.array([3, 1, 1, 1, 2])[:, None],
    "some numbers are NaN": lambda x: np.where(x > 1, np.nan, x),
    "rounded to integers": lambda x: np.rint(x),
    "nearly right": lambda x: x + 1e-5 * x**2,
    "everything was summed up": lambda x: x.sum(),
    "everything was averaged": lambda x: x.mean(),
    "axis 0 still has to be summed": lambda x: np.stack([x / 2, x / 2]),
    "only the first row, or sample, is right": lambda x: np.concatenate([x[:1], x[1:] * X[1:]]),
}


@pytest.mark.parametrize("sentence", GENERAL)
def test_general_mistakes_are_recognised(sentence):
    assert sentence in diagnosis.cause(GENERAL[sentence](X), X, {"N": 4, "1": 1})


def test_what_is_not_recognised_gets_no_sentence():
    noise = np.random.default_rng(1).standard_normal(X.shape)
    assert diagnosis.cause(noise, X, {"N": 4}) == ""
    assert diagnosis.cause(noise[:2], X, {"N": 4}) == ""
    assert diagnosis.cause(np.zeros((0, 2)), np.zeros((0, 3)), {}) == ""
    assert diagnosis.cause(np.array(3.0), np.array(0.0), {}) == ""
    assert diagnosis.cause(np.array(3.0), np.array(2.0), {}) == ""  # any number is a factor
    assert diagnosis.cause(np.array(0.0), np.array(2.0), {}) == ""
    corners = np.array([[0.0, 1, 1, 0], [1, 1, 1, 1]])
    assert diagnosis.cause(corners, np.ones((2, 4)), {}) == ""  # half of it is no border


def test_a_cause_that_asks_ends_with_its_question_mark(exercise):
    exercise(truth=3, inputs=None, mistakes=(Mistake("why four?", 4), Mistake("too large", 5)))
    for answer, end in [(4, "why four?"), (5, "too large.")]:
        assert str(said(answer)).endswith(f"Likely cause: {end}")
        assert f"</b> {end}</div>" in said(answer)._repr_html_()


def test_a_function_among_the_arguments_is_named_as_such(exercise):
    exercise(truth=lambda f: f(1), inputs=lambda rng: [{"f": np.exp}])
    assert "In call 1 of 1, with f: a function." in str(said(lambda f: 0))


def test_arrays_in_a_list_are_described_by_their_shapes(exercise):
    weights = [np.ones((2, 3)), np.ones(3)]
    exercise(truth=lambda ws, k: 1.0, inputs=lambda rng: [{"ws": weights, "k": [1, 2]}])
    assert "with ws: [(2, 3), (3,)], k = [1, 2]." in str(said(lambda ws, k: 2.0))


def test_an_array_may_hold_several_numbers_that_are_asked_for(exercise):
    exercise(truth=lambda x: (x.min(), x.max()), outputs=("least", "most"))
    assert said(lambda x: np.array([x.min(), x.max()]))
    assert "most: got" in str(said(lambda x: np.array([x.min(), x.min()])))
    assert "expected 2 results, least, most; got 3" in str(said(lambda x: np.zeros(3)))


def test_html_is_escaped(exercise):
    exercise()
    html = said(lambda x: "<b>")._repr_html_()
    assert "<b>'" not in html
    assert "&lt;b&gt;" in html


def test_sources_are_shown_as_they_stand():
    from scratchnet.ops import formulas

    shown = display.show_source(formulas.conv2d, formulas.relu)
    assert "for a, b, rows, columns in taps(" in shown.text
    assert "Args:" not in shown.text
    assert "# scratchnet/ops/formulas/rectifiers.py" in shown.text
    assert shown._repr_markdown_().startswith("```python\n# scratchnet/ops/formulas/convolution.py")
    assert "Args:" in display.show_source(formulas.conv2d, docstring=True).text


@pytest.mark.parametrize("module", [checking, display])
def test_the_examples_are_right(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert found.failed == 0
