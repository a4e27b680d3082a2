"""Fashion-MNIST: the embedded subset, and the places that the full set is taken from.

Nothing here needs the full set or a network: small files with known sums stand for it, and a
server on this machine stands for Keras's.
"""

import gzip
import hashlib
import struct
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from scratchnet.datasets import fashion_mnist
from scratchnet.datasets.fashion_mnist import balanced_subset, load_data

NAMES = {
    "train-images-idx3-ubyte.gz": (6, 28, 28),
    "train-labels-idx1-ubyte.gz": (6,),
    "t10k-images-idx3-ubyte.gz": (2, 28, 28),
    "t10k-labels-idx1-ubyte.gz": (2,),
}


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


@pytest.fixture
def small_set(monkeypatch, tmp_path):
    """Four small arrays in place of the full set; their sums are the expected ones. No place has
    their files yet, and the server does not answer."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 10, shape, dtype=np.uint8) for name, shape in NAMES.items()}
    sums = {name: hashlib.sha256(idx(array)).hexdigest() for name, array in arrays.items()}
    monkeypatch.setattr(fashion_mnist, "FULL_SHA256", sums)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return arrays


def write(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        (folder / name).write_bytes(gzip.compress(idx(array), mtime=0))


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A folder that a server on this machine serves in place of Keras's."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    folder = tmp_path / "server"
    folder.mkdir()
    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(fashion_mnist, "URL", f"http://127.0.0.1:{served.server_port}/")
    yield folder
    served.shutdown()
    served.server_close()
    thread.join()


def assert_is(loaded, arrays) -> None:
    (x_train, y_train), (x_test, y_test) = loaded
    for got, name in zip((x_train, y_train, x_test, y_test), NAMES, strict=True):
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, arrays[name])


def test_the_embedded_subset_has_as_many_images_of_each_class():
    (x_train, y_train), (x_test, y_test) = load_data()
    assert (x_train.shape, x_train.dtype) == ((12000, 28, 28), np.uint8)
    assert (x_test.shape, x_test.dtype) == ((2000, 28, 28), np.uint8)
    assert (y_train.dtype, y_test.dtype) == (np.uint8, np.uint8)
    assert np.bincount(y_train).tolist() == [1200] * 10
    assert np.bincount(y_test).tolist() == [200] * 10


def test_no_image_of_the_embedded_subset_is_in_both_parts():
    (x_train, _), (x_test, _) = load_data()
    train = {image.tobytes() for image in x_train}
    assert not any(image.tobytes() in train for image in x_test)


def test_the_embedded_subset_is_the_documented_draw_from_the_full_set():
    """Its sums are held everywhere; where the full set is present, it is drawn again too."""
    for name, expected in fashion_mnist.EMBEDDED_SHA256.items():
        content = gzip.decompress((fashion_mnist.EMBEDDED / name).read_bytes())
        assert hashlib.sha256(content).hexdigest() == expected
        assert expected in (fashion_mnist.EMBEDDED / "README.md").read_text()
    places = (fashion_mnist.keras_cache(), fashion_mnist.DEBIAN)
    if any(all((place / name).is_file() for name in NAMES) for place in places):
        full, embedded = load_data(full=True), load_data()
        for whole, part, per_class in zip(full, embedded, (1200, 200), strict=True):
            for again, array in zip(balanced_subset(*whole, per_class), part, strict=True):
                np.testing.assert_array_equal(again, array)


def test_the_embedded_files_are_small_and_have_their_licence_beside_them():
    files = list(fashion_mnist.EMBEDDED.iterdir())
    assert sum(file.stat().st_size for file in files) < 7e6
    licence = (fashion_mnist.EMBEDDED / "LICENSE").read_text()
    assert "Copyright (c) 2017 Zalando SE" in licence
    assert "The above copyright notice and this permission notice shall be included" in licence


def test_the_class_names_are_those_of_the_labels():
    assert len(fashion_mnist.CLASS_NAMES) == 10
    assert fashion_mnist.CLASS_NAMES[0] == "T-shirt/top"
    assert fashion_mnist.CLASS_NAMES[9] == "Ankle boot"


def test_a_damaged_embedded_file_is_refused(monkeypatch, tmp_path):
    name = "train-labels-idx1-ubyte.gz"
    write(tmp_path, {each: np.zeros(shape, np.uint8) for each, shape in NAMES.items()})
    monkeypatch.setattr(fashion_mnist, "EMBEDDED", tmp_path)
    with pytest.raises(ValueError, match="Install scratchnet again"):
        load_data()
    for each in fashion_mnist.EMBEDDED_SHA256:
        if each != name:
            original = Path(fashion_mnist.__file__).parent / "data" / each
            (tmp_path / each).write_bytes(original.read_bytes())
    with pytest.raises(ValueError, match=name):
        load_data()


def test_balanced_subset_takes_the_first_of_each_class_in_their_order():
    labels = np.array([2, 0, 2, 1, 1, 0, 2, 0, 1])
    images = np.arange(9).reshape(9, 1)
    chosen, chosen_labels = balanced_subset(images, labels, 2)
    assert chosen.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert chosen_labels.tolist() == [2, 0, 2, 1, 1, 0]
    chosen, chosen_labels = balanced_subset(images, labels, 1)
    assert chosen.ravel().tolist() == [0, 1, 3]
    assert chosen_labels.tolist() == [2, 0, 1]


def test_balanced_subset_refuses_a_class_with_too_few_samples():
    with pytest.raises(ValueError, match=r"Class 1 has 1 samples\. Expected at least per_class=2"):
        balanced_subset(np.arange(3), np.array([0, 0, 1]), 2)


def test_balanced_subset_refuses_images_without_labels():
    with pytest.raises(ValueError, match="received 4 images and 3 labels"):
        balanced_subset(np.arange(4), np.array([0, 0, 1]), 1)


def test_the_full_set_is_found_in_kerass_cache(small_set, tmp_path):
    write(tmp_path / "keras" / "datasets" / "fashion-mnist", small_set)
    assert_is(load_data(full=True), small_set)


def test_the_full_set_is_found_in_debians_folder(small_set, tmp_path):
    write(tmp_path / "debian", small_set)
    assert_is(load_data(full=True), small_set)


def test_kerass_cache_comes_before_debians_folder_and_each_file_is_looked_for_alone(
    small_set, tmp_path
):
    cache = tmp_path / "keras" / "datasets" / "fashion-mnist"
    names = list(NAMES)
    write(cache, {name: small_set[name] for name in names[:2]})
    write(tmp_path / "debian", {name: small_set[name] for name in names[2:]})
    (tmp_path / "debian" / names[0]).write_bytes(b"never read")
    assert_is(load_data(full=True), small_set)


def test_kerass_cache_is_below_the_home_folder_unless_keras_home_says_otherwise(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert fashion_mnist.keras_cache() == tmp_path / ".keras" / "datasets" / "fashion-mnist"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "elsewhere"))
    assert fashion_mnist.keras_cache() == tmp_path / "elsewhere" / "datasets" / "fashion-mnist"


def test_another_file_in_the_cache_is_refused_with_both_sums(small_set, tmp_path):
    name = "t10k-labels-idx1-ubyte.gz"
    cache = tmp_path / "keras" / "datasets" / "fashion-mnist"
    other = np.full((2,), 77, np.uint8)
    write(cache, small_set | {name: other})
    with pytest.raises(ValueError, match="is damaged, or is another file") as caught:
        load_data(full=True)
    message = str(caught.value)
    assert str(cache / name) in message
    assert hashlib.sha256(idx(other)).hexdigest() in message
    assert hashlib.sha256(idx(small_set[name])).hexdigest() in message
    assert "Delete it and call load_data again" in message


@pytest.mark.parametrize("damage", [lambda b: b[:-12], lambda b: b"\0" + b[1:], lambda b: b[:40]])
def test_a_damaged_file_in_the_cache_is_refused_by_name(small_set, tmp_path, damage):
    write(tmp_path / "debian", small_set)
    file = tmp_path / "debian" / "train-images-idx3-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match="cannot be decompressed") as caught:
        load_data(full=True)
    assert str(file) in str(caught.value)


def test_what_no_place_has_is_downloaded_into_kerass_cache(small_set, server, tmp_path):
    write(server, small_set)
    assert_is(load_data(full=True), small_set)
    cache = tmp_path / "keras" / "datasets" / "fashion-mnist"
    assert sorted(file.name for file in cache.iterdir()) == sorted(NAMES)
    for file in server.iterdir():
        file.unlink()
    assert_is(load_data(full=True), small_set)  # from the cache, for the server has none now


def test_a_wrong_download_is_refused_and_not_kept(small_set, server, tmp_path):
    write(server, small_set | {"train-images-idx3-ubyte.gz": np.ones((6, 28, 28), np.uint8)})
    with pytest.raises(ValueError, match="another file") as caught:
        load_data(full=True)
    assert fashion_mnist.URL + "train-images-idx3-ubyte.gz" in str(caught.value)
    assert "Nothing was kept" in str(caught.value)
    assert list((tmp_path / "keras" / "datasets" / "fashion-mnist").iterdir()) == []


@pytest.mark.parametrize("place", ["no server", "no such file"])
def test_a_failing_download_says_what_where_and_what_to_do(small_set, request, tmp_path, place):
    if place == "no such file":
        request.getfixturevalue("server")
    with pytest.raises(ConnectionError) as caught:
        load_data(full=True)
    message = str(caught.value)
    assert "The full Fashion-MNIST needs train-images-idx3-ubyte.gz" in message
    assert fashion_mnist.URL + "train-images-idx3-ubyte.gz" in message
    cache = tmp_path / "keras" / "datasets" / "fashion-mnist"
    assert f"neither in {cache} nor in {tmp_path / 'debian'}" in message
    assert "dataset-fashion-mnist" in message
    assert list(cache.iterdir()) == []


def test_downloading_without_pooch_names_the_extra(small_set, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'scratchnet\[data\]'") as caught:
        load_data(full=True)
    assert "train-images-idx3-ubyte.gz" in str(caught.value)
    assert not (tmp_path / "keras").exists()
