"""The table that `model.summary()` prints: Keras's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from scratchnet.layers.layer import Layer
from scratchnet.variable import Variable

if TYPE_CHECKING:
    from scratchnet.layers.symbolic import Shape
    from scratchnet.models.graph import Graph
    from scratchnet.models.model import Model

_NUMBER, _UNKNOWN, _CLASS, _FROZEN = "color(34)", "color(45)", "color(33)", "color(9)"


def print_summary(
    model: Model,
    line_length: int | None = None,
    print_fn: Callable[[str], object] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
) -> None:
    """Print each layer's name, type, output shape and number of weights, then the totals.

    Where the graph is more than a path, a column says which outputs a layer is called on, as
    "name[number of the call][number of its output]".

    Args:
        model: built or not; what is not known yet is shown as "?".
        line_length: width of the table; None fits it to the terminal.
        print_fn: receives the text instead of the terminal.
        expand_nested: also list the layers inside nested models.
        show_trainable: add a column that says which layers train.
    """
    shares = [0.45, 0.35, 0.2]
    full_width = 88
    headers, alignments = ["Layer (type)", "Output Shape", "Param #"], ["left", "left", "right"]
    branched = None if model.is_path else model.graph
    if branched:
        shares = [0.3, 0.26, 0.18, 0.26]
        full_width += 20
        headers, alignments = [*headers, "Connected to"], [*alignments, "left"]
    if show_trainable:
        shares = [0.9 * share for share in shares] + [0.1]
        full_width += 12
        headers, alignments = [*headers, "Trainable"], [*alignments, "center"]
    width = line_length or min(full_width, shutil.get_terminal_size().columns - 4)
    table = Table(
        *(
            Column(header, justify=alignment, width=column)  # type: ignore[arg-type]
            for header, alignment, column in zip(
                headers, alignments, _column_widths(shares, width), strict=True
            )
        ),
        width=width,
        show_lines=True,
    )
    for layer, depth in _walk(model.layers, expand_nested):
        table.add_row(*_fields(layer, depth, branched, show_trainable))

    optimizer = model.optimizer
    slots = optimizer.variables if optimizer is not None and optimizer.built else []
    trainable, frozen = model.trainable_weights, model.non_trainable_weights
    # For somebody else: no colours, and nothing that a notebook would show by itself
    options = {"color_system": None, "force_jupyter": False} if print_fn else {}
    console = Console(highlight=False, **options)  # type: ignore[arg-type]
    with console.capture() if print_fn else _nothing() as captured:
        console.print(f'[bold]Model: "{escape(model.name)}"[/]')
        console.print(table)
        console.print(_total("Total", [*trainable, *frozen, *slots]))
        console.print(_total("Trainable", trainable))
        console.print(_total("Non-trainable", frozen))
        if slots:
            console.print(_total("Optimizer", slots))
    if print_fn and captured:
        print_fn(captured.get())


def readable_size(size: float) -> str:
    """Bytes in the largest binary unit that leaves at least 1.

    >>> readable_size(900140)
    '879.04 KB'
    """
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def _column_widths(shares: list[float], width: int) -> list[int]:
    """Widths that add up: each column ends where its share of the line ends."""
    ends = [int(round(sum(shares[: i + 1]), 6) * width) for i in range(len(shares))]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(widths) < 4:
        raise ValueError(
            f"A line of {width} characters is too short for the summary. Expected at least 40; "
            f"pass line_length=88, or widen the terminal."
        )
    return widths


def _walk(layers: Iterable[Layer], nested: bool, depth: int = 0) -> Iterable[tuple[Layer, int]]:
    for layer in layers:
        yield layer, depth
        if nested and hasattr(layer, "layers"):
            yield from _walk(layer.layers, nested, depth + 1)


def _fields(layer: Layer, depth: int, graph: Graph | None, show_trainable: bool) -> list[str]:
    prefix = "   " * depth + "└ " if depth else ""
    fields = [
        f"{escape(prefix + layer.name)} ([{_CLASS}]{type(layer).__name__}[/])",
        _shape(layer),
        _number(f"{layer.count_params():,}") if layer.built else f"{_number('0')} (unbuilt)",
    ]
    if graph:
        fields.append(_connections(layer, graph))
    if show_trainable and layer.weights:
        color = _NUMBER if layer.trainable else _FROZEN
        fields.append(f"[bold][{color}]{'Y' if layer.trainable else 'N'}[/][/]")
    elif show_trainable:
        fields.append("[bold]-[/]")
    return fields


def _connections(layer: Layer, graph: Graph) -> str:
    """The outputs that the layer is called on in this graph."""
    return (
        ", ".join(
            f"{escape(tensor.name)}[{_number(str(tensor.node.layer.nodes.index(tensor.node)))}]"
            f"[{_number(str(tensor.index))}]"
            for node in layer.nodes
            if node in graph.nodes
            for tensor in node.sources
        )
        or "-"
    )


def _shape(layer: Layer) -> str:
    if not layer.built:
        return "?"
    if not layer.nodes:
        return _one_shape(layer.output_shape)
    shapes = [_one_shape(tensor.shape) for tensor in layer.nodes[-1].outputs]
    return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"


def _one_shape(shape: Shape) -> str:
    sizes = (f"[{_UNKNOWN if n is None else _NUMBER}]{n}[/]" for n in shape)
    return f"({', '.join(sizes)})"


def _total(label: str, variables: list[Variable]) -> str:
    count = sum(variable.value.size for variable in variables)
    size = readable_size(sum(variable.value.nbytes for variable in variables))
    return f"[bold] {label} params: [/]{_number(f'{count:,}')} ({size})"


def _number(text: str) -> str:
    return f"[{_NUMBER}]{text}[/]"


class _nothing:  # noqa: N801  (stands where console.capture() stands)
    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None
