"""The mathematics as pure functions, written twice with the same names and signatures.

`ops.formulas` is plain NumPy, straight from the definitions: what one reads. `ops.kernels` is
Numba: what a training run uses. `ops.conv2d` is whichever of the two is in use:

>>> from scratchnet import ops
>>> with ops.use("formulas"):
...     ops.conv2d.__module__
'scratchnet.ops.formulas.convolution'

The kernels are the default. Where Numba is not installed the formulas serve.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from types import ModuleType, TracebackType
from typing import Any

from scratchnet.ops import formulas

_IMPLEMENTATIONS = ("formulas", "kernels")
_OPERATIONS = frozenset(formulas.__all__)
_default = "kernels" if find_spec("numba") else "formulas"
_active: ContextVar[str | None] = ContextVar("scratchnet_ops", default=None)


class use:  # noqa: N801  (used as a function)
    """Choose who computes: `use("formulas")` or `use("kernels")`.

    As a plain call it holds from then on, in every thread; as a context manager it holds for
    the block, in this thread only, and then what was before is back.

    Raises:
        ValueError: an unknown name.
        ImportError: kernels without Numba.
    """

    def __init__(self, implementation: str) -> None:
        global _default
        if implementation not in _IMPLEMENTATIONS:
            raise ValueError(
                f"Unknown implementation {implementation!r} of the ops. Expected 'formulas' "
                f"(plain NumPy) or 'kernels' (Numba)."
            )
        if implementation == "kernels" and not find_spec("numba"):
            raise ImportError(
                "The kernels need Numba, which is not installed: run `pip install numba`, "
                "or stay with use('formulas')."
            )
        self._previous, _default = _default, implementation
        self._implementation = implementation

    def __enter__(self) -> None:
        global _default
        _default = self._previous
        self._token = _active.set(self._implementation)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _active.reset(self._token)


def implementation() -> str:
    """Which implementation is in use here: "formulas" or "kernels"."""
    return _active.get() or _default


@cache
def _module(name: str) -> ModuleType:
    # Imported at first use: Numba takes a second that a reader of formulas need not wait for.
    return importlib.import_module(f"scratchnet.ops.{name}")


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in _OPERATIONS:
        raise AttributeError(f"module {__name__!r} has no operation {name!r}")
    return getattr(_module(implementation()), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *formulas.__all__])
