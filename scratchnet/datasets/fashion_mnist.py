"""Fashion-MNIST: 28×28 grey photographs of clothing in ten classes.

Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST" (2017); the images are under the MIT licence,
copyright 2017 Zalando SE.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np

from scratchnet.datasets.idx import parse_idx, read_idx

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
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
# SHA-256 of the uncompressed files, which do not depend on who compressed them.
SHA256 = {
    "train-images-idx3": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_EMBEDDED = Path(__file__).parent / "data"
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")

Arrays = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def load_data(full: bool = False) -> Arrays:
    """((x_train, y_train), (x_test, y_test)), as `keras.datasets.fashion_mnist.load_data`.

    Images are uint8 (N, 28, 28), labels uint8 (N,); `CLASS_NAMES` names the classes.

    Args:
        full: False gives the subset inside the package, 10,000 training and 2,000 test images
            with as many of each class; True gives all 60,000 and 10,000, from Keras's cache,
            from the folder of Debian's package dataset-fashion-mnist, or else downloaded.

    Raises:
        ValueError: a file whose content is not the original's.
        ImportError: a download is needed and pooch is missing.
        ConnectionError: a download is needed and fails.
    """
    x_train, y_train, x_test, y_test = (_full(name) if full else _subset(name) for name in _FILES)
    return (x_train, y_train), (x_test, y_test)


def balanced_subset(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Positions of the first `per_class` samples of each class, in the order of the file."""
    first = [np.flatnonzero(labels == label)[:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(first))


def _subset(name: str) -> np.ndarray:
    return read_idx(_EMBEDDED / f"{name}-ubyte.gz")


def _full(name: str) -> np.ndarray:
    path = _find(f"{name}-ubyte.gz")
    content = gzip.decompress(path.read_bytes())
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise ValueError(
            f"{path} is not the original: its uncompressed content has the SHA-256 {found}. "
            f"Expected {SHA256[name]}. Remove the file and load it again."
        )
    return parse_idx(content, str(path))


def _find(file: str) -> Path:
    cache = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets/fashion-mnist"
    for folder in (cache, _DEBIAN):
        if (folder / file).is_file():
            return folder / file
    return _download(file, cache)


def _download(file: str, cache: Path) -> Path:
    looked = f"{file} is neither in {cache} nor in {_DEBIAN}"
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            f'{looked}, and downloading it needs pooch: pip install "scratchnet[data]".'
        ) from error
    try:
        # Checked by content after unpacking, like a file that was found.
        return Path(pooch.retrieve(URL + file, known_hash=None, fname=file, path=cache))
    except Exception as error:  # requests, urllib and pooch each have their own
        raise ConnectionError(
            f"{looked}, and {URL + file} could not be downloaded ({error}). Put the four files "
            f"into {cache}, or use load_data(), whose images are inside the package."
        ) from error
