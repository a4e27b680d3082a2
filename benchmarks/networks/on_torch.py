"""The networks in plain PyTorch: channels-last memory, fused optimizers, a loop written by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.networks.run import CLASSES, NETWORKS, Run, data

_EPSILON = 1e-3  # Keras's


def prepare(run: Run) -> Callable[[], float | Tensor]:
    """The call to time: an epoch of training, or the predictions for all images."""
    network, optimizer = _model(run.network)
    images, numbers = data(run)
    x, y = torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(numbers)
    batches = [slice(first, first + run.batch) for first in range(0, run.images, run.batch)]

    def epoch() -> float:
        network.train()
        total = torch.zeros(())
        for rows in batches:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / len(batches)

    def predict() -> Tensor:
        network.eval()
        with torch.inference_mode():
            return torch.cat([functional.softmax(network(x[rows]), -1) for rows in batches])

    return epoch if run.method == "fit" else predict


@lru_cache(maxsize=1)
def _model(name: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    facts = NETWORKS[name]
    network = _NETWORKS[name](facts.shape[-1]).to(memory_format=torch.channels_last)
    parameters = network.parameters()
    if facts.optimizer == "adam":
        return network, torch.optim.Adam(parameters, eps=1e-7, fused=True)
    return network, torch.optim.SGD(parameters, 0.01, momentum=0.9, fused=True)


def _normalization(filters: int) -> nn.Module:
    return nn.BatchNorm2d(filters, _EPSILON, momentum=0.01)


def _lenet5(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, CLASSES),
    )


def _readme_cnn(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3),
        nn.ReLU(),
        _normalization(32),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(1600, 128),
        nn.ReLU(),
        nn.Linear(128, CLASSES),
    )


def _vgg_like(channels: int) -> nn.Module:
    parts: list[nn.Module] = []
    for filters in (32, 64, 128):
        for _ in range(2):
            parts += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            channels = filters
        parts.append(nn.MaxPool2d(2))
    parts += [nn.Flatten(), nn.Linear(2048, 256), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*parts, nn.Linear(256, CLASSES))


class _Block(nn.Module):
    """Two convolutions, and the way around them."""

    def __init__(self, channels: int, filters: int, strides: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            _convolution(channels, filters, 3, strides),
            nn.ReLU(),
            _convolution(filters, filters, 3, 1),
        )
        self.around = _convolution(channels, filters, 1, strides) if strides > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.inside(x) + self.around(x))


def _convolution(channels: int, filters: int, size: int, strides: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, filters, size, strides, size // 2, bias=False),
        _normalization(filters),
    )


def _resnet20(channels: int) -> nn.Module:
    parts: list[nn.Module] = [_convolution(channels, 16, 3, 1), nn.ReLU()]
    before = 16
    for filters in (16, 32, 64):
        for block in range(3):
            parts.append(_Block(before, filters, 2 if block == 0 and filters > 16 else 1))
            before = filters
    return nn.Sequential(*parts, *_averaged(64))


def _mobilenet_like(channels: int) -> nn.Module:
    parts: list[nn.Module] = [_convolution(channels, 16, 3, 2), nn.ReLU()]
    before = 16
    for filters, strides in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        depthwise = nn.Conv2d(before, before, 3, strides, 1, groups=before, bias=False)
        parts += [depthwise, _normalization(before), nn.ReLU()]
        parts += [_convolution(before, filters, 1, 1), nn.ReLU()]
        before = filters
    return nn.Sequential(*parts, *_averaged(256))


def _averaged(filters: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(filters, CLASSES)]


_NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "LeNet-5": _lenet5,
    "README CNN": _readme_cnn,
    "VGG-like": _vgg_like,
    "ResNet-20": _resnet20,
    "MobileNet-like": _mobilenet_like,
}
