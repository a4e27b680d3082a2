"""The graphs that are drawn are Keras's: boxes, what stands in them, frames, arrows."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys

import keras
import pydot
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchnet as sn
from scratchnet import layers
from scratchnet.utils import model_to_dot, plot_model
from tests.models.graphs import models


def nested():
    """Branches, a shared layer, models inside models, several inputs and outputs."""
    x = layers.Input((8, 8, 4))
    deep = sn.Sequential([layers.Input((8, 8, 4)), layers.Conv2D(4, 1), layers.ReLU()], name="deep")
    block = sn.Model(x, [layers.Add()([x, deep(x)]), layers.Flatten()(x)], name="block")
    stem = sn.Sequential([layers.Input((8, 8, 4)), deep_one(), layers.BatchNormalization()])
    a, b = layers.Input((8, 8, 4)), layers.Input((8, 8, 4), name="b & c")
    shared = layers.Conv2D(4, 3, padding="same", activation="relu")
    added, flat = block(stem(a))
    y = layers.Concatenate()([added, shared(a), shared(b)])
    y = layers.GlobalAveragePooling2D()(y)
    model = sn.Model([a, b], {"classes": layers.Dense(3, "softmax")(y), "flat": flat})
    shared.trainable = False
    return model


def deep_one():
    return sn.Sequential([layers.Input((8, 8, 4)), layers.Conv2D(4, 1, name="inner")], name="one")


def attention():
    x, z = layers.Input((5, 4)), layers.Input((6, 4))
    return sn.Model([x, z], layers.MultiHeadAttention(2, 3)(x, z))


def stack():
    return sn.Sequential([layers.Input((8,)), layers.Dense(4), layers.Dropout(0.5)])


def embedded():
    words = layers.Input((5,), dtype="int32")
    return sn.Model(words, layers.Embedding(7, 2)(words))


def unused_input():
    x, z = layers.Input((3,)), layers.Input((3,))
    return sn.Model([x, z], layers.Dense(2)(x))


MODELS = {f.__name__: f for f in (nested, attention, stack, embedded, unused_input)}


def text(label):
    """What stands in a box, row by row and cell by cell."""
    rows = re.findall(r"<tr>(.*?)</tr>", label.replace("\n", ""))
    cells = [re.findall(r"<td.*?>(.*?)</td>", row) for row in rows]
    return tuple(tuple(html.unescape(re.sub(r"<.*?>", "", c)) for c in row) for row in cells)


def structure(dot):
    """(boxes, arrows, frames) with the text of a box in place of its name."""
    boxes = {}

    def collect(graph):
        for node in graph.get_nodes():
            if node.get_name() != "node":
                boxes[node.get_name()] = text(node.get("label"))
        for inner in graph.get_subgraphs():
            collect(inner)

    def edges(graph):
        pairs = {(boxes[e.get_source()], boxes[e.get_destination()]) for e in graph.get_edges()}
        return pairs.union(*(edges(inner) for inner in graph.get_subgraphs()))

    def frames(graph):
        inner = {each.get("label").strip('"'): frames(each) for each in graph.get_subgraphs()}
        own = [boxes[n.get_name()] for n in graph.get_nodes() if n.get_name() != "node"]
        return sorted(own), inner

    collect(dot)
    return sorted(boxes.values()), edges(dot), frames(dot)


def keras_model(model):
    """Keras's model of the same configuration, with the layers frozen that are frozen here."""
    theirs = keras.models.model_from_json(model.to_json())
    frozen = {layer.name for layer in model.layers if layer.weights and not layer.trainable}
    for layer in theirs.layers:
        layer.trainable = layer.name not in frozen
    return theirs


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("expand_nested", [False, True])
@pytest.mark.parametrize("shown", [False, True])
def test_the_graph_is_keras_s(name, expand_nested, shown):
    model = MODELS[name]()
    arguments = {
        "show_shapes": shown,
        "show_dtype": shown,
        "show_layer_names": True,
        "show_layer_activations": shown,
        "show_trainable": shown,
        "expand_nested": expand_nested,
    }
    ours = structure(model_to_dot(model, **arguments))
    theirs = structure(keras.utils.model_to_dot(keras_model(model), **arguments))
    assert ours == theirs


@given(case=models(), expand_nested=st.booleans())
def test_random_graphs_are_keras_s(case, expand_nested):
    arguments = {"expand_nested": expand_nested, "show_shapes": True}
    ours = structure(model_to_dot(case.model, **arguments))
    assert ours == structure(keras.utils.model_to_dot(keras_model(case.model), **arguments))


@pytest.mark.parametrize(
    "argument",
    ["show_shapes", "show_dtype", "show_layer_names", "show_layer_activations", "show_trainable"],
)
def test_every_argument_adds_what_keras_adds(argument):
    model = nested()
    theirs = keras_model(model)
    for value in (False, True):
        arguments = {"show_layer_names": False} | {argument: value}
        ours, other = (
            sorted(text(node.get("label")) for node in dot.get_nodes() if node.get("label"))
            for dot in (
                model_to_dot(model, **arguments),
                keras.utils.model_to_dot(theirs, **arguments),
            )
        )
        assert ours == other


def test_the_graph_s_own_attributes_are_keras_s():
    for arguments in ({}, {"rankdir": "LR", "dpi": 50, "splines": "curved"}):
        dots = (
            model_to_dot(stack(), **arguments),
            keras.utils.model_to_dot(keras_model(stack()), **arguments),
        )
        ours, theirs = (
            {k: str(dot.get(k)).lower() for k in ("rankdir", "dpi", "splines", "concentrate")}
            for dot in dots
        )
        assert ours == theirs
    frame = model_to_dot(stack(), subgraph=True)
    assert isinstance(frame, pydot.Cluster)
    assert frame.get("style") == "dashed"


def test_the_source_reads_the_same_every_time():
    model = nested()
    source = model_to_dot(model, expand_nested=True).to_string()
    assert source == model_to_dot(model, expand_nested=True).to_string()
    assert "layer_0 -> layer_" in source


def test_a_model_that_is_not_built_or_a_library_that_is_missing_is_said(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="is not built, so it has no graph to draw"):
        plot_model(sn.Sequential([layers.Dense(1)]), tmp_path / "m.png")
    with pytest.raises(TypeError, match="layer_range"):
        plot_model(stack(), tmp_path / "m.png", layer_range=["a", "b"])
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ModuleNotFoundError, match=r"pydot.*pip install 'scratchnet\[plots\]'"):
        plot_model(stack(), tmp_path / "m.png")
    assert not list(tmp_path.iterdir())


def test_a_missing_program_is_said_and_leaves_no_file(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(OSError, match=r"program `dot` of Graphviz.*apt install graphviz"):
        plot_model(stack(), tmp_path / "m.png")
    assert not list(tmp_path.iterdir())


def test_what_is_drawn_goes_into_the_file_that_is_named(monkeypatch, tmp_path):
    """With the program where it is installed, else up to the call of it."""
    starts = {"png": b"\x89PNG", "svg": b"<svg", "": b"\x89PNG"}
    called = []

    def drawn(self, format):
        called.append(format)
        return b"<svg/>" if format == "svg" else starts[format]

    if shutil.which("dot") is None:
        monkeypatch.setattr(pydot.Dot, "create", drawn)
    for ending, start in starts.items():
        path = tmp_path / f"m.{ending}".rstrip(".")
        plot_model(nested(), path, show_shapes=True, expand_nested=True, dpi=40)
        assert start in path.read_bytes()
    assert called in ([], ["png", "svg", "png"])


def test_importing_the_library_imports_nothing_that_draws():
    code = "import sys, scratchnet; print('pydot' in sys.modules, 'IPython' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"]
