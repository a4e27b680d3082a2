"""Which pixels a cell of a feature map can see: from the geometry of the layers, and measured.

Cell u of a map sees the pixels from a + u·j to b + u·j (one axis at a time). For the image itself
a = b = 0 and j = 1. A layer whose window spans k' = (k − 1)·d + 1 cells, at stride s and with p
cells of padding before the first, turns that into

    a ← a − p·j        b ← b + (k' − 1 − p)·j        j ← s·j

so that the size r = b − a + 1 grows by (k' − 1)·j, and a stride makes all later layers grow faster.
Where ways of equal stride meet, the field is the union of theirs.

The geometry says which pixels *can* matter. How much they do is measured by the gradient of one
cell with respect to the image: it falls off from the centre like a bell.

Source: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks" (2019),
section 2; Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural
Networks" (2016).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.inspection.field_geometry import spans_of
from scratchnet.inspection.unchanged import unchanged
from scratchnet.inspection.watching import WatchedGraph, find, watch
from scratchnet.layers import Layer
from scratchnet.models import Model

Ends = tuple[int, int]  # first, last pixel


class ReceptiveField(NamedTuple):
    """What the cells of a feature map can see; each pair is (rows, columns).

    Attributes:
        layer: name of the layer that gives the map.
        size: r, pixels that one cell sees; padding counts.
        stride: j, pixels from one cell's field to its neighbour's.
        start: a, the first pixel that the first cell sees; negative where that is padding.
    """

    layer: str
    size: tuple[int, int]
    stride: tuple[int, int]
    start: tuple[int, int]

    @property
    def centre(self) -> tuple[float, float]:
        """The pixel in the middle of the first cell's field; half way between two if r is even."""
        (r_rows, r_columns), (rows, columns) = self.size, self.start
        return rows + (r_rows - 1) / 2, columns + (r_columns - 1) / 2

    def pixels(self, row: int, column: int) -> tuple[Ends, Ends]:
        """(first, last) row and column of the field of one cell, padding included.

        At the border a cell may see less than what of this lies inside the image: where it looks
        at the padding of a later layer, there is no cell of the layer below.
        """
        first = [a + u * j for a, u, j in zip(self.start, (row, column), self.stride, strict=True)]
        rows, columns = ((a, a + r - 1) for a, r in zip(first, self.size, strict=True))
        return rows, columns


class MeasuredField(NamedTuple):
    """What one cell of a feature map does see.

    Attributes:
        layer: name of the layer that gives the map.
        cell: (row, column) of the cell.
        rows, columns: (first, last) pixel whose gradient is not 0 in every image.
        strength: (H, W), mean |∂cell/∂pixel| over the images, summed over their channels.
    """

    layer: str
    cell: tuple[int, int]
    rows: Ends
    columns: Ends
    strength: np.ndarray


def receptive_field(model: Model, layer: str | Layer | None = None) -> ReceptiveField:
    """The field that follows from the geometry of the layers.

    Args:
        model: built, with one input of images (None, H, W, C).
        layer: whose output is asked about, by name or itself (see `grad_cam`); None takes the last
            one that gives a feature map.

    Raises:
        ValueError: a model of another form; a layer without a feature map, or that sees the whole
            image; branches of different strides that meet; a layer whose geometry is not known, or
            "same" padding of an image whose size is not.

    >>> from scratchnet import Sequential, layers
    >>> model = Sequential([layers.Input((32, 32, 3))])
    >>> for layer in (layers.Conv2D(8, 3), layers.MaxPooling2D(), layers.Conv2D(8, 3)):
    ...     model.add(layer)
    >>> found = receptive_field(model)
    >>> found.size, found.stride, found.centre
    ((8, 8), (2, 2), (3.5, 3.5))
    """
    watched, name = _watched_map(model, layer)
    rows, columns = spans_of(watched.graph, name)
    return ReceptiveField(
        name, (rows.size, columns.size), (rows.stride, columns.stride), (rows.first, columns.first)
    )


def measured_receptive_field(
    model: Model,
    images: ArrayLike,
    layer: str | Layer | None = None,
    cell: tuple[int, int] | None = None,
) -> MeasuredField:
    """The field of one cell, seen in the gradient of its sum over channels, in inference mode.

    A ReLU that is off and a pooling window that prefers another cell hide pixels, so take several
    images: the field is that of all of them together.

    Args:
        model: built, with one input of images (None, H, W, C).
        images: (N, H, W, C).
        layer: as in `receptive_field`.
        cell: (row, column) of the feature map; None takes the one in the middle.

    Raises:
        ValueError: a model of another form, or a layer without a feature map; images that do not
            fit; a cell that does not exist, or on which no pixel has an influence.
    """
    watched, name = _watched_map(model, layer)
    x = np.asarray(images)
    model.check_input(x.shape)
    with unchanged(model):
        (y,), saved, _ = watched.graph.forward([model.cast(x)], False)
        row, column = cell or (y.shape[1] // 2, y.shape[2] // 2)
        if not (0 <= row < y.shape[1] and 0 <= column < y.shape[2]):
            raise ValueError(
                f"The layer {name!r} gives {y.shape[1]} × {y.shape[2]} cells; received "
                f"cell={cell}. Expected a row and a column below these."
            )
        dy = np.zeros_like(y)
        dy[:, row, column] = 1
        (dx,), _ = watched.graph.backward([dy], saved)
    if dx is None or not dx.any():
        raise ValueError(
            f"No pixel has an influence on cell {(row, column)} of {name!r}: the gradient is 0 in "
            f"all {len(x)} images. Expected images for which not every ReLU is off."
        )
    strength = np.abs(dx).sum(axis=3).mean(axis=0)
    rows, columns = (np.flatnonzero(strength.any(axis=axis)) for axis in (1, 0))
    return MeasuredField(
        name,
        (row, column),
        (int(rows[0]), int(rows[-1])),
        (int(columns[0]), int(columns[-1])),
        strength,
    )


def _watched_map(model: Model, layer: Any) -> tuple[WatchedGraph, str]:
    """The graph up to a feature map, and the name of the call that gives it."""
    inputs = model.graph.inputs
    if len(inputs) != 1 or inputs[0].ndim != 4:
        raise ValueError(
            f"{model._label()} takes {[t.shape for t in inputs]}. Expected one input of images, "
            f"(None, H, W, C)."
        )
    whole = watch(model)
    if layer is None:
        maps = [name for name in whole.layers if whole.calls[name].output.ndim == 4]
        if not maps:
            raise ValueError(
                f"{model._label()} has no layer that gives a feature map (None, h, w, channels): "
                f"its layers are {', '.join(whole.layers)}. Expected a Conv2D or the like."
            )
        name = maps[-1]
    else:
        name = find(layer, whole.calls, model)
        if whole.calls[name].output.ndim != 4:
            raise ValueError(
                f"The layer {name!r} gives {whole.calls[name].output.shape}. Expected a feature "
                f"map, (None, h, w, channels), such as a convolution gives."
            )
    return watch(model, name), name
