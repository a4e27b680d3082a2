"""Fashion-MNIST: 28 × 28 grey photographs of clothes, ten classes.

A class-balanced subset is part of the package (`data/README.md` says how it was drawn); the full
set is taken from where Keras or Debian keep it, or downloaded.

Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747; keras/src/datasets/fashion_mnist.py.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import zlib
from pathlib import Path

import numpy as np

from scratchnet.datasets.idx import parse_idx

Arrays = tuple[np.ndarray, np.ndarray]

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

EMBEDDED = Path(__file__).parent / "data"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

# SHA-256 of the decompressed bytes: copies in circulation differ in their gzip headers.
EMBEDDED_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "ded9297f1d7b567047797bb831eb9cfd84010a483a4075cb9fc0465219002cb7"
    ),
    "train-labels-idx1-ubyte.gz": (
        "11a34fec6f816dbe22c806d6de7e130fa048759622a0e6f6da8feb272e09ee1d"
    ),
    "t10k-images-idx3-ubyte.gz": "15a92dd1e9b16ea361928086e77df4dfa890c255c00b5a8c8162c1040ce8eef1",
    "t10k-labels-idx1-ubyte.gz": "234596aeb6eb48133ec99a62541f90bc0728c9559a681f1e0638037462458f2c",
}
FULL_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte.gz": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def load_data(full: bool = False) -> tuple[Arrays, Arrays]:
    """(x_train, y_train), (x_test, y_test), as `keras.datasets.fashion_mnist.load_data` has them.

    Args:
        full: False gives the subset in the package: 12,000 training and 2,000 test images, as
            many of each class. True gives all 60,000 and 10,000. Each of the four files is taken
            from the first place that has it: Keras's cache (`$KERAS_HOME`, else `~/.keras`, below
            it `datasets/fashion-mnist`); Debian's package dataset-fashion-mnist; the server that
            Keras downloads from, and then it is put into Keras's cache.

    Returns:
        x: (N, 28, 28) uint8, 0 is background; y: (N,) uint8, indices into CLASS_NAMES.

    Raises:
        ValueError: a file whose SHA-256 sum is not the known one. It is never used nor kept.
        ConnectionError: a file is nowhere on this machine and cannot be downloaded.
        ModuleNotFoundError: it would have to be downloaded, and pooch is not installed.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, y_test.shape
    ((12000, 28, 28), (2000,))
    >>> CLASS_NAMES[y_train[0]]
    'Ankle boot'
    """
    sums = FULL_SHA256 if full else EMBEDDED_SHA256

    def array(name: str, ndim: int) -> np.ndarray:
        path = _locate(name) if full else EMBEDDED / name
        remedy = "Delete it and call load_data again." if full else "Install scratchnet again."
        return parse_idx(checked_content(path, sums[name], str(path), remedy), str(path), ndim)

    return (
        (array("train-images-idx3-ubyte.gz", 3), array("train-labels-idx1-ubyte.gz", 1)),
        (array("t10k-images-idx3-ubyte.gz", 3), array("t10k-labels-idx1-ubyte.gz", 1)),
    )


def balanced_subset(images: np.ndarray, labels: np.ndarray, per_class: int) -> Arrays:
    """The first `per_class` samples of each class, in the order they have in the arrays.

    images: (N, …), labels: (N,). Returns arrays of (classes · per_class, …) and (classes ·
    per_class,).

    Raises ValueError where images and labels differ in length or a class has too few samples.

    >>> balanced_subset(np.array([10, 11, 12, 13, 14]), np.array([1, 0, 1, 1, 0]), 2)
    (array([10, 11, 12, 14]), array([1, 0, 1, 0]))
    """
    if len(images) != len(labels):
        raise ValueError(
            f"balanced_subset received {len(images)} images and {len(labels)} labels. Expected "
            f"one label for each image."
        )
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < per_class:
            raise ValueError(
                f"Class {label} has {len(rows)} samples. Expected at least "
                f"per_class={per_class}; choose a smaller per_class."
            )
        chosen.append(rows[:per_class])
    order = np.sort(np.concatenate(chosen))
    return images[order], labels[order]


def checked_content(path: Path, sha256: str, source: str, remedy: str) -> bytes:
    """The decompressed bytes of a gzip file, once their SHA-256 sum is known to be right.

    A damaged or different file raises a ValueError that names it as `source` and ends in `remedy`.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{source} is damaged: it cannot be decompressed ({error}). Expected a gzip file whose "
            f"content has SHA-256 {sha256}. {remedy}"
        ) from error
    received = hashlib.sha256(content).hexdigest()
    if received != sha256:
        raise ValueError(
            f"{source} is damaged, or is another file: its decompressed content has SHA-256 "
            f"{received}. Expected {sha256}. {remedy}"
        )
    return content


def keras_cache() -> Path:
    """The folder in which Keras keeps Fashion-MNIST: the same rule as in Keras."""
    home = Path.home()
    default = (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
    return Path(os.environ.get("KERAS_HOME") or default) / "datasets" / "fashion-mnist"


def _locate(name: str) -> Path:
    for folder in (keras_cache(), DEBIAN):
        if (folder / name).is_file():
            return folder / name
    return _download(name, keras_cache())


def _download(name: str, folder: Path) -> Path:
    """Fetch one file into `folder`, where it appears only when it is complete and right."""
    looked = f"It is neither in {folder} nor in {DEBIAN}"
    remedy = (
        f"Put {name} into {folder}, install Debian's package dataset-fashion-mnist, or call "
        f"load_data() for the subset that is part of the package."
    )
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"The full Fashion-MNIST needs {name}. {looked}, and downloading it takes pooch, which "
            f"is not installed: pip install 'scratchnet[data]'. Or: {remedy}",
            name="pooch",
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="download-", dir=folder) as temporary:
        partial = Path(temporary) / name
        try:
            # Without streaming the connection is closed even after an answer such as 404.
            download = pooch.HTTPDownloader(chunk_size=2**16, stream=False)
            download(URL + name, str(partial), None)
        except OSError as error:  # what requests raises is an OSError
            raise ConnectionError(
                f"The full Fashion-MNIST needs {name}. {looked}, and it could not be downloaded "
                f"from {URL}{name}: {error}. Connect to the network and try again. Or: {remedy}"
            ) from error
        checked_content(partial, FULL_SHA256[name], URL + name, f"Nothing was kept. {remedy}")
        return partial.replace(folder / name)
