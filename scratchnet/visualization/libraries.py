"""The libraries that draw, imported when the first figure needs them."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str) -> Any:
    """Import a library that draws, or say which extra to install.

    Raises ModuleNotFoundError where it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        raise ModuleNotFoundError(
            f"This figure needs {library}, which is not installed: "
            f"pip install 'scratchnet[plots]'.",
            name=library,
        ) from error
