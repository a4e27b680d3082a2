"""Sliders where a kernel listens, and pictures that stand still for everybody else."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATIC = "SCRATCHNET_STATIC_NOTEBOOKS"  # set while the notebooks that are stored are executed


def interact_with_fallback(
    draw: Callable[..., Figure],
    fallback: Figure | Sequence[Mapping[str, Any]],
    **controls: Any,
) -> None:
    """A figure with sliders, and below it figures for some of their values.

    A page, or a notebook that is only read, shows the figures of `fallback` and no dead sliders.

    Args:
        draw: the figure for some values, as keyword arguments.
        fallback: values to show the figure for, or one figure of small multiples.
        controls: what `ipywidgets.interact` takes for each argument: (0, 8), (1, 5, 2), a list of
            choices, a bool, a widget.
    """
    from IPython.display import Markdown, display

    if not os.environ.get(STATIC):
        _show_widget(draw, controls)
    if not isinstance(fallback, Sequence):
        display(fallback)
        return
    for values in fallback:
        display(Markdown(", ".join(f"**{name} = {value}**" for name, value in values.items())))
        display(draw(**values))


def _show_widget(draw: Callable[..., Figure], controls: dict[str, Any]) -> None:
    try:
        from ipywidgets import interact
    except ImportError:  # the figures below serve
        return
    from IPython.display import display

    def update(**values: Any) -> None:
        display(draw(**values))

    interact(update, **controls)
