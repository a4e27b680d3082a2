"""A picture of a model's graph: a box for each layer, an arrow for each output that another takes.

The graph is written in the language of Graphviz, by the library pydot, and drawn by Graphviz's
program `dot`. Only the picture needs that program: `model_to_dot(model).to_string()` does not.

Source: keras/src/utils/model_visualization.py, whose nodes, edges and labels these are.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchnet.layers import InputLayer, Layer
from scratchnet.layers.symbolic import SymbolicTensor, mapped
from scratchnet.models import Model, Sequential
from scratchnet.visualization.libraries import require


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """The graph of a model as a `pydot.Dot`, or as a `pydot.Cluster` with `subgraph`.

    Args:
        model: a built model.
        show_shapes: write the shapes of inputs and outputs into the boxes.
        show_dtype: write the dtype of the outputs.
        show_layer_names: write the layer's name beside its class.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: draw a model inside as a frame with its own layers, not as one box.
        dpi: pixels to the inch.
        subgraph: make a frame that can be put into another graph.
        show_layer_activations: write the activation of layers that have one.
        show_trainable: say whether a layer with weights trains.
        splines: how arrows run: "ortho", "curved", "polyline", "spline" or "line".

    Raises:
        ValueError: the model is not built.
        ModuleNotFoundError: pydot is not installed.
    """
    _require_built(model)
    pydot = require("pydot")
    style = _Style(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable
    )
    if subgraph:
        dot = _frame(pydot, model)
    else:
        dot = pydot.Dot("model", rankdir=rankdir, concentrate="true", dpi=dpi, splines=splines)
        dot.set_node_defaults(shape="record")
    names: dict[Layer, str] = {}
    for layer in _all_layers(model):
        names.setdefault(layer, f"layer_{len(names)}")
    _draw(pydot, dot, model, names, style, expand_nested)
    return dot


def plot_model(
    model: Model,
    to_file: str | Path = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw the graph of a model into a file; arguments as `model_to_dot`.

    Args:
        to_file: its ending says what is drawn: ".png", ".svg", ".pdf", …; none means PNG.

    Returns:
        What a notebook shows as the picture, where IPython is installed, else None.

    Raises:
        ValueError: the model is not built.
        ModuleNotFoundError: pydot is not installed.
        FileNotFoundError: Graphviz's program `dot` is not installed.
    """
    dot = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
    kind = Path(to_file).suffix[1:] or "png"
    try:
        picture = dot.create(format=kind)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "plot_model needs the program `dot` of Graphviz, which was not found. Install it with "
            "`apt install graphviz`, `brew install graphviz` or from graphviz.org/download; "
            "model_to_dot(model).to_string() works without it."
        ) from error
    Path(to_file).write_bytes(picture)
    return _shown(str(to_file), kind)


@dataclass(frozen=True)
class _Style:
    """What is written into the boxes."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool


def _draw(
    pydot: Any, dot: Any, model: Model, names: dict[Layer, str], style: _Style, expand: bool
) -> None:
    """Add the boxes, the frames of the models inside, and the arrows of one model's graph."""
    for layer in model.layers:
        if expand and isinstance(layer, Model):
            frame = _frame(pydot, layer)
            _draw(pydot, frame, layer, names, style, expand)
            dot.add_subgraph(frame)
        else:
            label = _label(layer, style)
            dot.add_node(
                pydot.Node(names[layer], label=label, fontname="Helvetica", border=0, margin=0)
            )
    for source, destination in dict.fromkeys(_arrows(model, expand)):
        dot.add_edge(pydot.Edge(names[source], names[destination], penwidth=2))


def _arrows(model: Model, expand: bool) -> Iterator[tuple[Layer, Layer]]:
    """The pairs of layers of which the second takes an output of the first."""
    for node in model.graph.nodes:
        for i, tensor in enumerate(node.sources):
            source = _giver(tensor) if expand else tensor.node.layer
            destination = _taker(node.layer, i) if expand else node.layer
            # The Input of a Sequential model is not among its layers
            if not (isinstance(model, Sequential) and isinstance(source, InputLayer)):
                yield source, destination


def _giver(tensor: SymbolicTensor) -> Layer:
    """The layer that gives a tensor, in the innermost model."""
    layer = tensor.node.layer
    return _giver(layer.outputs[tensor.index]) if isinstance(layer, Model) else layer


def _taker(layer: Layer, i: int) -> Layer:
    """The layer that takes input i, in the innermost model."""
    if isinstance(layer, Sequential):
        return _taker(layer.layers[0], 0)
    return layer.inputs[i].node.layer if isinstance(layer, Model) else layer


def _all_layers(model: Model) -> Iterator[Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, Model):
            yield from _all_layers(layer)


def _frame(pydot: Any, model: Model) -> Any:
    return pydot.Cluster(model.name, label=model.name, labeljust="l", style="dashed")


def _label(layer: Layer, style: _Style) -> str:
    """The box: rows of a table in Graphviz's HTML."""
    kind = type(layer).__name__
    title = f"<b>{html.escape(layer.name)}</b> ({kind})" if style.names else f"<b>{kind}</b>"
    columns = []
    if style.shapes:
        shapes = {"Output shape": _of_tensors(layer, "output", "shape")}
        if not isinstance(layer, InputLayer):
            shapes = {"Input shape": _of_tensors(layer, "input", "shape")} | shapes
        columns += [_cell(f"{name}: <b>{shape}</b>") for name, shape in shapes.items()]
    if style.dtype:
        columns.append(_cell(f"Output dtype: <b>{_of_tensors(layer, 'output', 'dtype')}</b>"))
    if style.trainable and layer.weights:
        text, color = (
            ("Trainable", "forestgreen") if layer.trainable else ("Non-trainable", "firebrick")
        )
        columns.append(_cell(f"<b>{text}</b>", color, "white"))
    across = f' colspan="{max(1, len(columns))}"'
    rows = [_cell(title, "black", "white", 16, across)]
    activation = getattr(layer, "activation", None)
    if style.activations and activation is not None:
        rows.append(_cell(f"Activation: <b>{html.escape(activation.name)}</b>", across=across))
    rows += ["".join(columns)] if columns else []
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{body}</table>>'


def _cell(
    text: str, background: str = "white", ink: str = "black", size: int = 14, across: str = ""
) -> str:
    font = f'<font point-size="{size}" color="{ink}">{text}</font>'
    return f'<td bgcolor="{background}"{across}>{font}</td>'


def _of_tensors(layer: Layer, side: str, attribute: str) -> str:
    """Shapes or dtypes of a layer's first call; "?" where it was not called on its own."""
    try:
        tensors = getattr(layer, side)
    except (AttributeError, ValueError):
        return "?"
    if isinstance(tensors, dict):
        return ", ".join(f"{key}: {getattr(t, attribute)}" for key, t in tensors.items())
    return html.escape(str(mapped(lambda t: getattr(t, attribute), tensors)), quote=False)


def _shown(path: str, kind: str) -> Any:
    """The picture for a notebook, where there is one and it can show this kind."""
    try:
        from IPython import display
    except ModuleNotFoundError:
        return None
    if kind == "svg":
        return display.SVG(filename=path)
    if kind in ("png", "jpg", "jpeg", "gif"):
        return display.Image(filename=path, format=kind)  # the file may have no ending
    return None


def _require_built(model: Model) -> None:
    if not model.built:
        raise ValueError(
            f"{model._label()} is not built, so it has no graph to draw. Give it an Input, or call "
            f"model.build((None, 28, 28, 1)) with the shape of its inputs."
        )
