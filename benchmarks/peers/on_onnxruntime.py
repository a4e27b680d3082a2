"""The common network in ONNX Runtime, which only predicts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.task import CLASSES, Task, channels_first, channels_first_weights, data


def prepare(task: Task) -> Callable[[], Any]:
    """The call to time: the predictions. Raises NotImplementedError for training."""
    if task.method != "predict":
        raise NotImplementedError("ONNX Runtime does not train here; it predicts only.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(_network(), options, ["CPUExecutionProvider"])
    x = channels_first(data(task)[0])
    return lambda: np.concatenate([session.run(None, {"x": x[rows]})[0] for rows in task.batches])


def result(task: Task) -> Any:
    """What the call gives the first time."""
    return prepare(task)()


def _network() -> bytes:
    """The network as an ONNX file."""
    names = [f"w{i}" for i in range(10)]
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    steps: list[tuple[str, list[str], dict[str, Any]]] = [
        ("Conv", names[0:2], {"pads": [2, 2, 2, 2]}),
        ("Relu", [], {}),
        ("MaxPool", [], pool),
        ("Conv", names[2:4], {}),
        ("Relu", [], {}),
        ("MaxPool", [], pool),
        ("Flatten", [], {}),
        ("Gemm", names[4:6], {}),
        ("Relu", [], {}),
        ("Gemm", names[6:8], {}),
        ("Relu", [], {}),
        ("Gemm", names[8:10], {}),
        ("Softmax", [], {}),
    ]
    nodes = [
        helper.make_node(kind, ["x" if i == 0 else f"h{i}", *inputs], [f"h{i + 1}"], **attributes)
        for i, (kind, inputs, attributes) in enumerate(steps)
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info(f"h{len(steps)}", TensorProto.FLOAT, ["N", CLASSES])],
        [
            numpy_helper.from_array(weight, name)
            for name, weight in zip(names, channels_first_weights(), strict=True)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()
