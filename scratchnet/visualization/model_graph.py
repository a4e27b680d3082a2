"""A model's graph without Graphviz: a box for each call of a layer, a line for each tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.layers import InputLayer
from scratchnet.layers.symbolic import Node
from scratchnet.models import Model
from scratchnet.visualization.colours import DARK, GREY
from scratchnet.visualization.graph_layout import layered
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import SMALL, WEB_WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRAINS, _FROZEN, _PLAIN, _INPUT = "#CFE4F3", "#E3E5E8", "#FFFFFF", "#FCE8B8"
_BOX = (2.15, 0.52)  # inches


def model_graph(model: Model, show_shapes: bool = True) -> Figure:
    """The layers from top to bottom, in the order in which they compute.

    Blue boxes have weights that train, grey ones with a dashed frame have frozen weights, white
    ones have none. A model inside stands as one box. `utils.plot_model` draws with Graphviz.

    Args:
        model: a built model.
        show_shapes: write each output's shape, without the batch, and the number of weights.

    Raises:
        ValueError: the model is not built.
        ModuleNotFoundError: matplotlib is not installed.
    """
    if not model.built:
        raise ValueError(
            f"model_graph received the model {model.name!r}, which is not built. Give it an Input, "
            f"or call model.build((None, 28, 28, 1)) with the shape of its inputs."
        )
    nodes = model.graph.nodes
    number = {node: i for i, node in enumerate(nodes)}
    edges = [
        (number[tensor.node], i)
        for i, node in enumerate(nodes)
        for tensor in node.sources
        if tensor.node in number
    ]
    layout = layered(len(nodes), list(dict.fromkeys(edges)))
    step = np.array([_BOX[0] + 0.25, _BOX[1] + (0.34 if len(nodes) <= 40 else 0.22)])
    x = np.concatenate([layout.places[:, 0], *[route[:, 0] for route in layout.routes]])
    span = float(x.max() - x.min())
    scale = min(1.0, (WEB_WIDTH - 0.4) / (span * step[0] + _BOX[0]))
    height = float(layout.places[:, 1].max()) * step[1] + _BOX[1]
    width = span * step[0] + _BOX[0]
    with drawing(max(width * scale + 0.3, 5.2), height * scale + 0.9) as figure:
        axes = figure.subplots()
        axes.axis("off")
        left = float(x.min()) * step[0] - _BOX[0] / 2
        axes.set_xlim(left - 0.05, left + width + 0.05)
        axes.set_ylim(height - _BOX[1] / 2 + 0.05, -_BOX[1] / 2 - 0.05)
        axes.set_aspect("equal")
        for route in layout.routes:
            _draw_line(axes, route * step)
        for node, place in zip(nodes, layout.places, strict=True):
            _draw_box(axes, node, place * step, SMALL * max(scale, 0.7), show_shapes)
        axes.set_title(
            f"{model.name}: {len(model.layers)} layers, {model.count_params():,} weights",
            loc="center",
        )
    return figure


def _draw_box(axes: Axes, node: Node, place: np.ndarray, size: float, show_shapes: bool) -> None:
    patches = require("matplotlib.patches")
    layer = node.layer
    frozen = bool(layer.weights) and not layer.trainable_weights
    if isinstance(layer, InputLayer):
        face = _INPUT
    else:
        face = _FROZEN if frozen else _TRAINS if layer.trainable_weights else _PLAIN
    corner = (place[0] - _BOX[0] / 2, place[1] - _BOX[1] / 2)
    axes.add_patch(
        patches.FancyBboxPatch(
            corner,
            *_BOX,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor=face,
            edgecolor=DARK,
            linewidth=0.9,
            linestyle="--" if frozen else "-",
            zorder=2,
        )
    )
    kind = type(layer).__name__
    below = _described(node) if show_shapes else layer.name
    axes.text(
        place[0],
        place[1] - 0.1,
        kind if len(kind) <= 24 else kind[:23] + "…",
        ha="center",
        va="center",
        fontsize=size + 0.5,
        fontweight="bold",
        zorder=3,
    )
    axes.text(
        place[0], place[1] + 0.12, below, ha="center", va="center", fontsize=size - 0.5, zorder=3
    )


def _described(node: Node) -> str:
    """ "26 × 26 × 8, 80 weights" """
    shapes = [_shape(tensor.shape) for tensor in node.outputs]
    weights = node.layer.count_params() if node.layer.built else 0
    return ", ".join([*shapes[:2], *([f"{weights:,} weights"] if weights else [])])


def _shape(shape: Any) -> str:
    return " × ".join("?" if size is None else str(size) for size in shape[1:]) or "scalar"


def _draw_line(axes: Axes, points: np.ndarray) -> None:
    """From the lower edge of one box to the upper edge of another, round joints between them."""
    patches, path = require("matplotlib.patches"), require("matplotlib.path").Path
    half = np.array([0, _BOX[1] / 2])
    start, end = points[0] + half, points[-1] - half
    vertices, codes = [start], [path.MOVETO]
    previous = start
    for point in points[1:-1]:  # straight down the place of a box that the line passes
        top, bottom = point - half, point + half
        vertices += [*_bend(previous, top), bottom]
        codes += [path.CURVE4] * 3 + [path.LINETO]
        previous = bottom
    vertices += _bend(previous, end)
    codes += [path.CURVE4] * 3
    axes.add_patch(
        patches.FancyArrowPatch(
            path=path(vertices, codes),
            arrowstyle="-|>",
            mutation_scale=9,
            color=GREY,
            linewidth=1.1,
            zorder=1,
        )
    )


def _bend(start: np.ndarray, end: np.ndarray) -> list[np.ndarray]:
    """The rest of a Bézier curve that leaves and arrives straight down."""
    middle = (start[1] + end[1]) / 2
    return [np.array([start[0], middle]), np.array([end[0], middle]), end]
