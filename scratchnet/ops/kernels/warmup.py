"""All kernels compiled ahead, several at a time.

Numba compiles a kernel when it is first called, and one after the other whatever the threads. So
the calls below, on arrays of a few numbers, are made by some processes that share them out among
themselves; what they leave on disk serves every process from then on (`compilation`).

Each process is this file, run as a module: it reads names of calls, makes them, and answers each
with how many functions it had to compile.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from scratchnet import config
from scratchnet.ops import kernels
from scratchnet.ops.kernels import compilation, memory
from scratchnet.ops.kernels.steps import Plan
from scratchnet.ops.kernels.updates import KERNELS

_MOST = 8  # processes; more would wait for the longest call


def warmup(dtype: str = "float32", processes: int | None = None, verbose: bool = True) -> float:
    """Compile all kernels, so that no training has to wait for it.

    Args:
        dtype: "float32" or "float64", what the kernels are to compute in.
        processes: how many compile at a time; None means one for each thread of
            `config.threads()`, but no more than 8. Each takes about 250 MiB.
        verbose: show the progress on stderr and say at the end what was done.

    Returns:
        The seconds that it took.

    Raises:
        ValueError: another dtype, or processes below 1.
        OSError: Numba has no folder to keep the machine code in.
        RuntimeError: a kernel could not be compiled; its process has written why.
    """
    if dtype not in ("float32", "float64"):
        raise ValueError(
            f"warmup received dtype={dtype!r}. Expected 'float32' or 'float64': for others there "
            f"are no kernels, the formulas serve."
        )
    if processes is not None and processes < 1:
        raise ValueError(f"warmup received processes={processes!r}. Expected at least 1.")
    folder = compilation.cache_folder()
    if folder is None:
        raise OSError(
            "Numba found no folder to keep machine code in, so compiling ahead is of no use. Set "
            "the environment variable NUMBA_CACHE_DIR to a folder that can be written."
        )
    began = time.perf_counter()
    names = list(calls(dtype))
    workers = min(processes or min(config.threads(), _MOST), len(names))
    count = _share_out(names, dtype, workers, verbose)
    seconds = time.perf_counter() - began
    if verbose:
        what = f"compiled {count} functions" if count else "found all compiled already"
        print(f"scratchnet {what} for {dtype} in {seconds:.1f} s. They are kept in {folder}")
    return seconds


def calls(dtype: str) -> dict[str, Callable[[], object]]:
    """By name, calls that together use every kernel, those that take longest to compile first."""

    def ones(*shape: int) -> np.ndarray:
        return np.ones(shape, dtype)

    def winograd(operation: Callable[..., object], *arguments: object) -> Callable[[], object]:
        def call() -> object:
            with config.using_convolution_algorithm("winograd_2x2"):
                return operation(*arguments)

        return call

    image, row = ones(1, 6, 6, 4), ones(8)
    kernel, few, square = ones(3, 3, 4, 8), ones(3, 3, 1, 16), ones(3, 3, 16, 16)
    one, few_channels = ones(3, 3, 4, 1), ones(4)
    y, wide, tiled = ones(1, 4, 4, 8), ones(1, 6, 6, 16), ones(1, 20, 20, 16)
    depthwise, of_wide, cells = ones(3, 3, 4, 1), ones(3, 3, 16, 1), ones(1, 4, 4, 4)
    matrix, unusual = ones(2, 8), ones(4, 4, 16, 1)
    halves, whole, of_channels = ones(1, 3, 3, 4), (1, 6, 6, 4), (row, row, row)
    keep = np.ones((2, 8), bool)
    table: dict[str, Callable[[], object]] = {
        "conv2d": lambda: kernels.conv2d_bias(image, kernel, row),
        "conv2d of whole panels": lambda: kernels.conv2d_bias(image, ones(3, 3, 4, 32), ones(32)),
        "conv2d of many channels": lambda: kernels.conv2d_bias(
            ones(1, 3, 3, 128), ones(3, 3, 128, 16), ones(16), padding="same"
        ),
        "conv2d and max_pool2d": lambda: kernels.conv2d_bias_pool2d(
            image, ones(3, 3, 4, 32), ones(32)
        ),
        "conv2d of many channels to its kernel": lambda: kernels.conv2d_kernel_gradient(
            ones(1, 3, 3, 16), ones(1, 3, 3, 256), (1, 1, 256, 16)
        ),
        "conv2d to its kernel": lambda: kernels.conv2d_kernel_gradient(y, image, kernel.shape),
        "conv2d to its image": lambda: kernels.conv2d_input_gradient(y, kernel, whole),
        "conv2d with few filters": lambda: kernels.conv2d_bias_pool2d(image, one, ones(1)),
        "conv2d with few filters to its kernel": lambda: kernels.conv2d_kernel_gradient(
            ones(1, 4, 4, 1), image, one.shape
        ),
        "conv2d to few channels": lambda: kernels.conv2d_input_gradient(
            ones(1, 4, 4, 16), few, (1, 6, 6, 1)
        ),
        "max_pool2d": lambda: kernels.max_pool2d(image),
        "max_pool2d backward": lambda: kernels.max_pool2d_backward(halves, image),
        "max_pool2d of many channels backward": lambda: kernels.max_pool2d_backward(
            ones(1, 3, 3, 16), wide
        ),
        "average_pool2d": lambda: kernels.average_pool2d(image),
        "average_pool2d backward": lambda: kernels.average_pool2d_backward(halves, whole),
        "average_pool2d with windows that meet backward": lambda: kernels.average_pool2d_backward(
            halves, (1, 7, 7, 4), (3, 3), (2, 2)
        ),
        "depthwise_conv2d": lambda: kernels.depthwise_conv2d(image, depthwise),
        "depthwise_conv2d backward": lambda: kernels.depthwise_conv2d_backward(
            cells, image, depthwise
        ),
        "depthwise_conv2d of unusual kernels": lambda: kernels.depthwise_conv2d(wide, unusual),
        "depthwise_conv2d of unusual kernels backward": lambda: kernels.depthwise_conv2d_backward(
            ones(1, 3, 3, 16), wide, unusual
        ),
        "depthwise_conv2d of many channels": lambda: kernels.depthwise_conv2d(wide, of_wide),
        "depthwise_conv2d of many channels backward": lambda: kernels.depthwise_conv2d_backward(
            ones(1, 4, 4, 16), wide, of_wide
        ),
        "dense": lambda: kernels.dense(matrix, ones(8, 3)),
        "dense backward": lambda: kernels.dense_backward(ones(2, 3), matrix, ones(8, 3)),
        "bias_add": lambda: kernels.bias_add(matrix, row),
        "bias_add backward": lambda: kernels.bias_add_backward(matrix),
        "bias_add_activation backward": lambda: kernels.bias_add_activation_backward(
            matrix, matrix, "relu"
        ),
        "moments": lambda: kernels.moments(matrix),
        "batch_normalization": lambda: kernels.batch_normalization(matrix, *of_channels, row, 1e-3),
        "batch_normalization backward": lambda: kernels.batch_normalization_backward(
            matrix, matrix, *of_channels, 1e-3
        ),
        "batch_normalization and max_pool2d": lambda: kernels.batch_normalization_max_pool2d(
            image, few_channels, few_channels, few_channels, few_channels, 1e-3
        ),
        "layer_normalization": lambda: kernels.layer_normalization(matrix, row, row, (1,), 1e-3),
        "layer_normalization backward": lambda: kernels.layer_normalization_backward(
            matrix, matrix, row, (1,), 1e-3
        ),
        "global_max_pool2d": lambda: kernels.global_max_pool2d(image),
        "global_max_pool2d backward": lambda: kernels.global_max_pool2d_backward(ones(1, 4), image),
        "global_average_pool2d": lambda: kernels.global_average_pool2d(image),
        "global_average_pool2d backward": lambda: kernels.global_average_pool2d_backward(
            ones(1, 4), whole
        ),
        "softmax": lambda: kernels.softmax(matrix),
        "log_softmax": lambda: kernels.log_softmax(matrix),
        "softmax backward": lambda: kernels.softmax_backward(matrix, matrix),
        "dropout_mask": lambda: kernels.dropout_mask((2, 8), 0.5, (1, 2)),
        "dropout": lambda: kernels.dropout(matrix, keep, 0.5),
        "add": lambda: kernels.add([matrix, matrix]),
        "zeros": lambda: memory.zeros((2**16,), np.float32),
    }
    if dtype == "float32":  # for others only where it is asked for
        table = {
            "winograd": winograd(kernels.conv2d, wide, square),
            "winograd to its kernel": winograd(
                # So many tiles that they are cut into chunks
                kernels.conv2d_kernel_gradient, tiled, ones(1, 22, 22, 16), square.shape
            ),
        } | table
    for activation in _ACTIVATIONS:
        forward = getattr(kernels, activation)
        backward = getattr(kernels, f"{activation}_backward")
        table[activation] = partial(forward, row)
        table[f"{activation} backward"] = partial(backward, row, row)
    for update, numbers in _UPDATES.items():
        weight = [row.copy() for _ in range(1 + KERNELS[update].slots)]
        found = update, (row[0],) * numbers
        table[update] = partial(_update, weight, row, found)
    table |= {
        "leaky relu": lambda: kernels.relu(row, negative_slope=0.1),
        "leaky relu backward": lambda: kernels.relu_backward(row, row, negative_slope=0.1),
        "bounded relu": lambda: kernels.relu(row, max_value=6.0),
        "bounded relu backward": lambda: kernels.relu_backward(row, row, max_value=6.0),
        "approximate gelu": lambda: kernels.gelu(row, approximate=True),
        "approximate gelu backward": lambda: kernels.gelu_backward(row, row, approximate=True),
    }
    return table


_ACTIVATIONS = (
    "relu",
    "elu",
    "selu",
    "sigmoid",
    "tanh",
    "hard_sigmoid",
    "hard_tanh",
    "silu",
    "hard_silu",
    "gelu",
    "softplus",
)


_UPDATES = {  # how many numbers each has of its own
    "sgd": 0,
    "sgd_with_momentum": 1,
    "nesterov": 1,
    "averaged_momentum": 2,
    "adam": 4,
    "amsgrad": 4,
    "nadam": 6,
    "adamax": 4,
    "adagrad": 1,
    "rmsprop": 3,
    "rmsprop_with_momentum": 4,
    "lion": 4,
}


def _update(
    weight: list[np.ndarray], g: np.ndarray, found: tuple[str, tuple[np.floating, ...]]
) -> None:
    plan = Plan([weight])
    plan.holds(weight)
    plan.update([g], np.zeros(1, np.float32), 1.0, lambda dtype, lr: found)


def _share_out(names: list[str], dtype: str, workers: int, verbose: bool) -> int:
    """Make the calls in so many processes; gives how many functions were compiled."""
    from rich.console import Console
    from rich.progress import Progress

    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)
    console = Console(stderr=True)
    with (
        Progress(console=console, transient=True, disable=not verbose) as progress,
        ThreadPoolExecutor(workers) as pool,
    ):
        bar = progress.add_task("Compiling", total=len(names))

        def done(name: str) -> None:
            progress.update(bar, advance=1, description=f"Compiled {name:<28}")

        return sum(pool.map(lambda _: _drive(waiting, dtype, done), range(workers)))


def _drive(waiting: queue.SimpleQueue[str], dtype: str, done: Callable[[str], None]) -> int:
    """Start a process and hand it one call after the other while there are any."""
    # The child shall import this very package, wherever this process found it
    paths = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    count = 0
    with subprocess.Popen(
        [sys.executable, "-m", __name__, dtype],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return count
            try:
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                answer = process.stdout.readline()
            except OSError:  # it has ended
                answer = ""
            if not answer:
                raise RuntimeError(
                    f"The process that was to compile {name!r} ended with status {process.wait()}."
                )
            count += int(answer)
            done(name)


def _serve(dtype: str) -> None:
    """What runs in a process: make the calls whose names come in."""
    compilation.ANNOUNCEMENT.made = True  # the parent tells
    table, before = calls(dtype), 0
    for line in sys.stdin:
        table[line.rstrip("\n")]()
        count = sum(sum(kernel.stats.cache_misses.values()) for kernel in compilation.KERNELS)
        print(count - before, flush=True)
        before = count


if __name__ == "__main__":
    _serve(sys.argv[1])
