"""The reader of idx files."""

import struct

import numpy as np
import pytest

from scratchnet.datasets.idx import parse_idx


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


@pytest.mark.parametrize("shape", [(5,), (0,), (2, 3, 4), (300, 2, 1)])
def test_parse_idx_returns_the_array_that_was_written(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    got = parse_idx(idx(array), "some file", ndim=len(shape))
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, array)


def test_the_array_can_be_written_to():
    got = parse_idx(idx(np.arange(3, dtype=np.uint8)), "some file", ndim=1)
    got[0] = 9
    assert got.tolist() == [9, 1, 2]


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"\x1f\x8b\x08\x00rest", "begins with 1f 8b 08 00"),  # still compressed
        (bytes([0, 0, 8, 3, 0, 0, 0, 1, 7]), "begins with 00 00 08 03"),  # three dimensions
        (bytes([0, 0, 13, 1, 0, 0, 0, 1, 7]), "begins with 00 00 0d 01"),  # float32
        (b"", "begins with nothing"),
        (bytes([0, 0, 8, 1, 0, 0]), "ends inside its header: it has 6 bytes. Expected at least 8"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 7]), "has 2 values behind its header. Expected 3"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 1, 7, 7]), "has 2 values behind its header. Expected 1"),
    ],
)
def test_what_is_no_idx_file_of_labels_is_refused_by_name(content, received):
    with pytest.raises(ValueError, match=r"some-labels\.gz") as caught:
        parse_idx(content, "some-labels.gz", ndim=1)
    assert received in str(caught.value)
