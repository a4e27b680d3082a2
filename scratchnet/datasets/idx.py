"""The idx format: an array of bytes behind a header of its sizes.

    offset   bytes    holds
    0        2        0, 0
    2        1        8, the code of unsigned bytes
    3        1        r, the number of dimensions
    4        4 · r    the size of each dimension, big-endian
    4 + 4r            the values, the last dimension running fastest

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", "File formats".
"""

from __future__ import annotations

import math
import struct

import numpy as np

_UNSIGNED_BYTE = 8


def parse_idx(content: bytes, source: str, ndim: int) -> np.ndarray:
    """The array of uint8 that an idx file holds.

    Args:
        content: the file's bytes, decompressed.
        source: the file's name, for the error.
        ndim: the number of dimensions the file should have: 3 for images, 1 for labels.

    Raises:
        ValueError: the content is no idx file of unsigned bytes with `ndim` dimensions, or has
            more or fewer values than its header says.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "labels", ndim=1)
    array([7, 9], dtype=uint8)
    """
    expected = bytes([0, 0, _UNSIGNED_BYTE, ndim])
    if content[:4] != expected:
        raise ValueError(
            f"{source} is no idx file of unsigned bytes with {ndim} dimensions: it begins with "
            f"{_hex(content[:4])}. Expected {_hex(expected)}; pass the decompressed file."
        )
    start = 4 + 4 * ndim
    if len(content) < start:
        raise ValueError(
            f"{source} ends inside its header: it has {len(content)} bytes. Expected at least "
            f"{start}; fetch the file again."
        )
    shape = struct.unpack(f">{ndim}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise ValueError(
            f"{source} has {len(content) - start} values behind its header. Expected "
            f"{math.prod(shape)}, for the header says shape {shape}; fetch the file again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _hex(content: bytes) -> str:
    return content.hex(" ") or "nothing"
