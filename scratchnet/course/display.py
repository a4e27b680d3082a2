"""What a notebook shows beside figures: the source of a function."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.ops import use
from scratchnet.random import set_random_seed


class Source:
    """Source text, shown with its colours in a notebook."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def show_source(*functions: Callable[..., Any], docstring: bool = False) -> Source:
    """The source of functions as it stands in the library; the last line of a cell.

    Args:
        functions: whose source is shown, in this order, each with the file that it is from.
        docstring: whether to show theirs too. The notebook has just said what is in it.

    >>> from scratchnet.ops.formulas import relu
    >>> print(show_source(relu).text.splitlines()[0])
    # scratchnet/ops/formulas/rectifiers.py
    """
    parts = []
    for function in functions:
        original = inspect.unwrap(function)
        text = textwrap.dedent(inspect.getsource(original))
        file = original.__module__.replace(".", "/")
        parts.append(f"# {file}.py\n{text if docstring else _without_docstring(text)}".rstrip())
    return Source("\n\n\n".join(parts))


def _without_docstring(text: str) -> str:
    node = ast.parse(text).body[0]
    assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if not is_docstring or len(node.body) == 1:
        return text
    assert first.end_lineno is not None
    lines = text.splitlines()
    return "\n".join(lines[: first.lineno - 1] + lines[first.end_lineno :])


def start(seed: int = 0, implementation: str = "formulas") -> None:
    """Make a notebook say the same every time it runs; its first line after the imports.

    Args:
        seed: of the library's generator.
        implementation: who computes, as in `scratchnet.use`. The formulas need no compiling, and a
            debugger can step through them; a notebook that trains wants "kernels".
    """
    from IPython import get_ipython
    from IPython.core.pylabtools import select_figure_formats

    shell = get_ipython()
    if shell is not None:
        select_figure_formats(shell, {"png"})  # of any Figure, pyplot's or not
    set_random_seed(seed)
    use(implementation)
    np.set_printoptions(precision=4, suppress=True, linewidth=100)
