"""A variable keeps its shape and dtype, whatever is written into it."""

from __future__ import annotations

import numpy as np
import pytest

from scratchnet import Variable


def test_values_are_written_added_and_subtracted_in_place():
    variable = Variable(np.zeros(3, np.float32), "w")
    array = variable.value
    variable.assign([1, 2, 3])
    variable.assign_add([0.5, 0.5, 0.5])
    variable.assign_sub(np.ones(3))
    assert variable.value is array
    assert np.array_equal(variable.value, np.float32([0.5, 1.5, 2.5]))
    assert variable.dtype == np.float32


@pytest.mark.parametrize("method", ["assign", "assign_add", "assign_sub"])
def test_another_shape_is_refused_and_changes_nothing(method):
    variable = Variable(np.ones((2, 3)), "kernel", path="dense/kernel")
    with pytest.raises(ValueError, match=r"'dense/kernel'.*shape \(2, 2\), expected \(2, 3\)"):
        getattr(variable, method)(np.ones((2, 2)))
    assert np.array_equal(variable.value, np.ones((2, 3)))


def test_an_array_of_it_is_a_copy_of_its_own_dtype_unless_asked():
    variable = Variable(np.ones(2, np.float32))
    copy = variable.numpy()
    copy[0] = 5
    assert variable.value[0] == 1
    assert np.asarray(variable, dtype=np.float64).dtype == np.float64
