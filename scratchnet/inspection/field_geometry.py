"""How each kind of layer changes what a cell sees; the formula is in `inspection.receptive_field`.

Layers fall into four kinds: those with a window (convolution, pooling), those that shift the cells
(padding, cropping), those that look at one cell at a time (activations, normalisation over channels
or batch), and those after which every cell sees the whole image (global pooling, flattening).
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from scratchnet import layers
from scratchnet.inspection.watching import Watched
from scratchnet.layers import Layer
from scratchnet.layers.symbolic import Shape, SymbolicTensor
from scratchnet.models.graph import Graph
from scratchnet.ops.geometry import pad_amounts


class Span(NamedTuple):
    """The pixels that cell u of one axis sees: from first + u·stride to last + u·stride."""

    first: int
    last: int
    stride: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


Spans = tuple[Span, Span] | None  # rows and columns; None is the whole image

_WINDOWS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
_POOLINGS = (layers.AveragePooling2D, layers.MaxPooling2D)
_MERGES = (
    layers.Add,
    layers.Average,
    layers.Concatenate,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)
_ONE_CELL = (
    layers.Activation,
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.BatchNormalization,
    layers.Dense,
    layers.Dropout,
    layers.ELU,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.LeakyReLU,
    layers.Normalization,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
    layers.SpatialDropout2D,
)
_ALONG_AN_AXIS = (  # one cell where that is the axis of the channels
    layers.LayerNormalization,
    layers.RMSNormalization,
    layers.Softmax,
    layers.UnitNormalization,
)
_EVERYTHING = (
    layers.AdaptiveAveragePooling2D,
    layers.AdaptiveMaxPooling2D,
    layers.Flatten,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.GroupNormalization,
    layers.Reshape,
)


def spans_of(graph: Graph, name: str) -> tuple[Span, Span]:
    """The spans of a watched graph's only output, which the layer `name` gives, on its only input.

    Raises ValueError where the geometry does not say, or says the whole image.
    """
    start = graph.inputs[0]
    known: dict[SymbolicTensor, Spans] = {start: (Span(0, 0, 1), Span(0, 0, 1))}
    for node in graph.nodes:
        if not node.inputs:
            continue
        given = [known[tensor] for tensor in node.inputs]
        shapes = [tensor.shape for tensor in node.inputs]
        spans = _after(cast("Watched", node.layer).layer, given, shapes)
        for output in node.outputs:
            known[output] = spans
    found = known[graph.outputs[0]]
    if found is None:
        raise ValueError(
            f"Every cell of {name!r} sees the whole image: a layer on the way to it, such as a "
            f"global pooling, looks at all cells. Expected a layer before that one."
        )
    return found


def _after(layer: Layer, given: list[Spans], shapes: list[Shape]) -> Spans:
    """What the cells of a layer's output see."""
    joins_channels = getattr(layer, "axis", -1) in (-1, len(shapes[0]) - 1)
    if isinstance(layer, _MERGES) and joins_channels:
        return _united(layer, given, shapes)
    spans, shape = given[0], shapes[0]
    if spans is None or isinstance(layer, _EVERYTHING):
        return None
    if isinstance(layer, _ONE_CELL):
        return spans
    if isinstance(layer, _ALONG_AN_AXIS):
        axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
        return spans if all(axis in (-1, len(shape) - 1) for axis in axes) else None
    if isinstance(layer, layers.ZeroPadding2D):
        (top, _), (left, _) = layer.padding
        return _shifted(spans, (-top, -left))
    if isinstance(layer, layers.Cropping2D):
        (top, _), (left, _) = layer.cropping
        return _shifted(spans, (top, left))
    if isinstance(layer, _WINDOWS):
        return _through_window(layer, spans, shape, layer.kernel_size, layer.dilation_rate)
    if isinstance(layer, _POOLINGS):
        return _through_window(layer, spans, shape, layer.pool_size, (1, 1))
    raise ValueError(
        f"{layer._label()} has no geometry that is known here. Expected convolutions, poolings, "
        f"paddings and layers that look at one cell; measure with measured_receptive_field."
    )


def _through_window(
    layer: Any, spans: tuple[Span, Span], shape: Shape, window: Any, dilation: Any
) -> Spans:
    found = []
    for (a, b, j), i, k, s, d in zip(
        spans, shape[1:3], window, layer.strides, dilation, strict=True
    ):
        if i is None and layer.padding == "same":
            raise ValueError(
                f'{layer._label()} with padding="same" pads by the size of its input, which is '
                f"{shape}. Expected a model whose Input has a size, such as Input((224, 224, 3))."
            )
        p = pad_amounts(i or 0, k, s, d, layer.padding)[0]
        found.append(Span(a - p * j, b + ((k - 1) * d - p) * j, s * j))
    return found[0], found[1]


def _shifted(spans: tuple[Span, Span], cells: tuple[int, int]) -> Spans:
    rows, columns = (
        Span(a + u * j, b + u * j, j) for (a, b, j), u in zip(spans, cells, strict=True)
    )
    return rows, columns


def _united(layer: Layer, given: list[Spans], shapes: list[Shape]) -> Spans:
    """The union of what the inputs' cells see; all of it where one is spread over all cells."""
    spans = [each for each in given if each is not None]
    if len(spans) < len(given) or len({shape[1:3] for shape in shapes}) > 1:
        return None
    strides = {tuple(span.stride for span in each) for each in spans}
    if len(strides) > 1:
        raise ValueError(
            f"{layer._label()} joins branches of different strides, {sorted(strides)} pixels, so "
            f"its cells have no common field. Expected branches whose strides agree."
        )
    rows, columns = (
        Span(min(s.first for s in axis), max(s.last for s in axis), axis[0].stride)
        for axis in zip(*spans, strict=True)
    )
    return rows, columns
