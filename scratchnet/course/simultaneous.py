"""Parallel loops, run so that a race is sure to be found.

The iterations of `for i in prange(n)` run in any order and several at a time. Two of them that
write to the same number race: which of the two is there in the end, and what the other one read
before, is chance, and the result may be right a thousand times. Here Python runs the loop, and all
iterations begin at once: each finds the memory as it was before the loop, and sees no changes but
its own. When all are done, the changes are written, those of a later iteration over those of an
earlier one. To a loop without a race that makes no difference.

As in Numba, only the outermost `prange` is shared out, arrays that are made inside of it belong to
one iteration, and `total += part` of whole arrays is a reduction, whose terms are all added up.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class RaceError(Exception):
    """Two iterations of a parallel loop write to the same number."""


def all_at_once(function: Any, strict: bool = True) -> Any:
    """The function, with its `prange` loops run as this module says.

    Args:
        function: compiled by Numba or not; what it calls is not looked into. It may be None or
            `...`, which are given back.
        strict: whether a race raises RaceError; otherwise the function returns what it makes.

    The result raises ValueError where the function has no loop over `prange`, or no iteration.

    >>> from numba import prange
    >>> def last(n):
    ...     total = np.zeros(1)
    ...     for i in prange(n):
    ...         total[0] += i
    ...     return total
    >>> float(all_at_once(last, strict=False)(4)[0])
    3.0
    >>> all_at_once(last)(4)
    Traceback (most recent call last):
        ...
    scratchnet.course.simultaneous.RaceError: iterations 1 and 2 of the loop both write to total[0]
    """
    plain = getattr(function, "py_func", function)
    if not isinstance(plain, types.FunctionType):
        return function

    @functools.wraps(plain)
    def run(*arguments: Any, **options: Any) -> Any:
        machine = _Machine(strict)
        copy = types.FunctionType(
            plain.__code__,
            machine.names(plain.__globals__),
            plain.__name__,
            plain.__defaults__,
            plain.__closure__,
        )
        copy.__kwdefaults__ = plain.__kwdefaults__
        result = copy(*arguments, **options)
        if result is None or result is ...:
            return result
        if not machine.iterations:
            raise ValueError("no iteration of a loop over prange was run: nothing is shared out")
        return np.array(result) if isinstance(result, np.ndarray) else result

    return run


class _Shared(np.ndarray):
    """An array that was made outside of the loop; views of it are none."""

    machine: _Machine | None

    def __array_finalize__(self, source: Any) -> None:
        self.machine = None

    def __iadd__(self, other: Any) -> Any:  # type: ignore[misc]
        if self.machine is not None and self.machine.inside:
            self.machine.reduce(self, other)
            return self
        return super().__iadd__(other)


class _Machine:
    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.inside = False
        self.iterations = 0
        self.shared: list[_Shared] = []
        self.terms: list[tuple[_Shared, Any]] = []  # of reductions

    def names(self, names: dict[str, Any]) -> dict[str, Any]:
        """The global names of a function, with NumPy and prange as they are here."""
        import numba

        ours = {id(np): _Module(np, self.made), id(numba.prange): self.prange}
        ours[id(numba)] = _Module(numba, None, prange=self.prange)
        return {name: ours.get(id(value), value) for name, value in names.items()}

    def made(self, result: Any) -> Any:
        """What a function of NumPy has returned, noted where it is memory that the loop shares."""
        if self.inside or type(result) is not np.ndarray or result.base is not None:
            return result
        array = result.view(_Shared)
        array.machine = self
        self.shared.append(array)
        return array

    def reduce(self, array: _Shared, term: Any) -> None:
        self.terms.append((array, np.array(term)))

    def prange(self, *bounds: int) -> Iterator[int]:
        if self.inside:
            yield from range(*bounds)
            return
        before = [np.array(array) for array in self.shared]
        writers = [np.full(array.shape, -1) for array in self.shared]  # -1: nobody yet
        after = [np.array(array) for array in self.shared]
        self.inside = True
        try:
            for number, i in enumerate(range(*bounds)):
                self.iterations += 1
                yield i
                for k, array in enumerate(self.shared):
                    changed = _differ(array, before[k])
                    if self.strict and (changed & (writers[k] >= 0)).any():
                        place = tuple(map(int, np.argwhere(changed & (writers[k] >= 0))[0]))
                        first = range(*bounds)[writers[k][place]]
                        name = _name_of(array, sys._getframe(1).f_locals)
                        raise RaceError(
                            f"iterations {first} and {i} of the loop both write to "
                            f"{name}[{', '.join(map(str, place))}]"
                        )
                    writers[k][changed] = number
                    after[k][changed] = np.asarray(array)[changed]
                    np.copyto(array, before[k])
        finally:
            self.inside = False
        for array, result in zip(self.shared, after, strict=True):
            np.copyto(array, result)
        for array, term in self.terms:
            np.add(array, term, out=array)
        self.terms.clear()


class _Module:
    """A module of which some names are replaced, and which notes what its functions return."""

    def __init__(
        self, module: types.ModuleType, made: Callable[[Any], Any] | None, **names: Any
    ) -> None:
        self._module, self._made, self._names = module, made, names

    def __getattr__(self, name: str) -> Any:
        value = self._names.get(name) or getattr(self._module, name)
        if self._made is None or isinstance(value, (type, np.ufunc)) or not callable(value):
            return value
        made = self._made
        return lambda *arguments, **options: made(value(*arguments, **options))


def _differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two arrays of one type differ, bit by bit: what np.empty holds may be NaN."""
    size = a.dtype.itemsize
    bytes_of_a, bytes_of_b = (
        np.ascontiguousarray(x).view(np.ndarray).reshape(-1).view(np.uint8) for x in (a, b)
    )
    return (bytes_of_a != bytes_of_b).reshape(-1, size).any(axis=1).reshape(a.shape)


def _name_of(array: np.ndarray, names: dict[str, Any]) -> str:
    return next((name for name, value in names.items() if value is array), "an array")
