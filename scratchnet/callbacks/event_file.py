"""Write numbers, histograms and images to a file that TensorBoard reads.

The protocol buffers and the file's framing are tensorboardX's. What is in them is laid out as
TensorFlow 2 does it, a tensor with the name of the plugin that shows it, so that a reader cannot
tell the two apart.

Source: tensorboard/plugins/{scalar,histogram,image}/summary_v2.py.
"""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

BUCKETS = 30  # of a histogram
MOST_IMAGES = 3  # of one tag in one step

_FLOAT, _DOUBLE, _STRING = 1, 2, 7  # numbers of the types in tensorboardX/proto/types.proto
_PNG_COLOR_TYPE = {1: 0, 3: 2, 4: 6}  # gray, RGB, RGBA
_numbers = itertools.count()


class EventFile:
    """A new file of events in `folder`, which is made.

    Raises ImportError, with the extra to install, where tensorboardX is missing.
    """

    def __init__(self, folder: str | Path) -> None:
        require_tensorboard()
        from tensorboardX import FileWriter

        # Its own name has the second in it: two files of one second would be one.
        suffix = f".{os.getpid()}.{next(_numbers)}"
        self._writer = FileWriter(str(folder), filename_suffix=suffix)

    def scalar(self, tag: str, value: float, step: int) -> None:
        """A number, kept in float32."""
        self._add(tag, "scalars", step, dtype=_FLOAT, float_val=[float(np.float32(value))])

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """How the values are distributed: see `buckets`."""
        table = buckets(values)
        self._add(
            tag,
            "histograms",
            step,
            dtype=_DOUBLE,
            tensor_shape={"dim": [{"size": size} for size in table.shape]},
            double_val=table.ravel().tolist(),
        )

    def images(self, tag: str, images: np.ndarray, step: int) -> None:
        """The first images of (N, H, W, C) with values from 0 to 1 and C = 1, 3 or 4."""
        _, height, width, _ = images.shape
        size = [str(width).encode(), str(height).encode()]
        parts = [*size, *(png(image) for image in images[:MOST_IMAGES])]
        shape = {"dim": [{"size": len(parts)}]}
        self._add(tag, "images", step, dtype=_STRING, tensor_shape=shape, string_val=parts)

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()

    def _add(self, tag: str, plugin: str, step: int, **tensor: Any) -> None:
        from tensorboardX.proto.summary_pb2 import Summary

        metadata = {"plugin_data": {"plugin_name": plugin}}
        value = {"tag": tag, "metadata": metadata, "tensor": tensor}
        self._writer.add_summary(Summary(value=[value]), step)


def require_tensorboard() -> None:
    """Raise ImportError, with the extra to install, where tensorboardX is missing."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "The TensorBoard callback needs tensorboardX, which is not installed: "
            "pip install 'scratchnet[tensorboard]'. CSVLogger writes the same values without it.",
            name="tensorboardX",
        ) from error


def buckets(values: np.ndarray) -> np.ndarray:
    """(30, 3): left edge, right edge and count of equally wide buckets from min to max.

        bucket of v = min(⌊(v − min) / width⌋, 29),   width = (max − min) / 30

    Where all values are equal, all edges are that value and the last bucket holds all. NaN and
    infinite values are left out; TensorFlow's histogram loses its edges to them.

    >>> buckets(np.array([0.0, 1.0, 30.0]))[[0, 1, -1]].tolist()
    [[0.0, 1.0, 1.0], [1.0, 2.0, 1.0], [29.0, 30.0, 1.0]]
    """
    v = np.asarray(values, np.float64).ravel()
    v = v[np.isfinite(v)]
    if v.size == 0:
        return np.zeros((BUCKETS, 3))
    edges = np.linspace(v.min(), v.max(), BUCKETS + 1)
    width = (v.max() - v.min()) / BUCKETS
    if width == 0:
        counts = np.zeros(BUCKETS)
        counts[-1] = v.size
    else:
        index = np.minimum(np.floor((v - v.min()) / width).astype(np.int64), BUCKETS - 1)
        counts = np.bincount(index, minlength=BUCKETS).astype(np.float64)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def png(image: np.ndarray) -> bytes:
    """(H, W, C) as a PNG: 0 to 1 become ⌊255.5·x⌋, what is below or NaN 0, what is above 255.

    Source: W3C, "Portable Network Graphics", 3rd edition, sections 5 and 9.
    """
    height, width, channels = image.shape
    pixels = (np.clip(np.nan_to_num(image), 0, 1) * 255.5).astype(np.uint8)
    header = struct.pack(">IIBBBBB", width, height, 8, _PNG_COLOR_TYPE[channels], 0, 0, 0)
    # Each row begins with the number of its filter; 0 is none.
    rows = np.pad(pixels.reshape(height, width * channels), ((0, 0), (1, 0)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _png_chunk(kind, data)
        for kind, data in [
            (b"IHDR", header),
            (b"IDAT", zlib.compress(rows.tobytes())),
            (b"IEND", b""),
        ]
    )


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
