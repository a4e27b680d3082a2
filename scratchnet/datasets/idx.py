"""The idx format of MNIST and its relatives: a small header, then the numbers.

    2 bytes 0, 1 byte type (8: unsigned byte), 1 byte number of axes, 4 bytes big-endian for the
    size of each axis, then the values in C order; usually compressed with gzip.

Source: Yann LeCun's page of the MNIST database, "File formats".
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np


def read_idx(path: str | Path) -> np.ndarray:
    """The uint8 array in a `.gz` file. Raises ValueError where it is not what it should be."""
    return parse_idx(gzip.decompress(Path(path).read_bytes()), str(path))


def parse_idx(content: bytes, name: str) -> np.ndarray:
    """The uint8 array in the bytes of an idx file; `name` is for the error message."""
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"{name} is no idx file of bytes: it starts with {content[:4].hex(' ') or 'nothing'}. "
            f"Expected 00 00 08 and the number of axes. Remove the file and load it again."
        )
    axes = content[3]
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", content[4:start].ljust(4 * axes, b"\0"))
    values = np.frombuffer(content[start:], np.uint8)
    if values.size != int(np.prod(shape)):
        raise ValueError(
            f"{name} holds {values.size} values, but its header announces {shape}, that is "
            f"{int(np.prod(shape))}. The file is not complete: remove it and load it again."
        )
    return values.reshape(shape).copy()


def write_idx(path: str | Path, array: np.ndarray) -> None:
    """Write a uint8 array; the same array always gives the same bytes."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + np.ascontiguousarray(array, np.uint8).tobytes()
    Path(path).write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
