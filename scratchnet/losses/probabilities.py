"""What the losses of probabilities and of logits share: softmax, clipping, smoothed labels."""

from __future__ import annotations

import numpy as np

from scratchnet.config import epsilon


def log_softmax(z: np.ndarray, axis: int = -1) -> np.ndarray:
    """log(e^{z_k} / Σ_j e^{z_j}) along `axis`, without overflow for any finite z."""
    shifted = z - z.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + e^{−z}), without overflow for any z."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def clip(p: np.ndarray, upper: float | None = None) -> np.ndarray:
    """p kept in [ε, upper], ε = 1e-7; without `upper` in [ε, 1 − ε]."""
    return np.clip(p, epsilon(), 1 - epsilon() if upper is None else upper)


def inside(p: np.ndarray, upper: float | None = None) -> np.ndarray:
    """Where `clip` changes nothing, NaN included: elsewhere p has gradient 0, as in TensorFlow."""
    highest = 1 - epsilon() if upper is None else upper
    return ~((p < p.dtype.type(epsilon())) | (p > p.dtype.type(highest)))


def binary_log_loss(y: np.ndarray, y_pred: np.ndarray, from_logits: bool) -> np.ndarray:
    """−y·log p − (1 − y)·log(1 − p), output by output, with p = σ(y_pred) from logits."""
    if from_logits:
        z = y_pred
        return np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    p = clip(y_pred)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def binary_log_loss_gradient(y: np.ndarray, y_pred: np.ndarray, from_logits: bool) -> np.ndarray:
    """∂/∂y_pred of `binary_log_loss`: from logits p − y, else (1 − y)/(1 − p) − y/p."""
    if from_logits:
        return sigmoid(y_pred) - y
    p = clip(y_pred)
    return np.where(inside(y_pred), (1 - y) / (1 - p) - y / p, 0)


def smooth_classes(y: np.ndarray, label_smoothing: float) -> np.ndarray:
    """y·(1 − α) + α/C, with C the size of the last axis."""
    if not label_smoothing:
        return y
    return y * (1 - label_smoothing) + label_smoothing / y.shape[-1]


def smooth_binary(y: np.ndarray, label_smoothing: float) -> np.ndarray:
    """y·(1 − α) + α/2."""
    return y * (1 - label_smoothing) + label_smoothing / 2 if label_smoothing else y


def normalized_gradient(dp: np.ndarray, y_pred: np.ndarray, axis: int) -> np.ndarray:
    """From ∂ℓ/∂p to ∂ℓ/∂ŷ where p = ŷ / Σ ŷ along `axis`: (∂ℓ/∂p − Σ ∂ℓ/∂p·p) / Σ ŷ."""
    total = y_pred.sum(axis=axis, keepdims=True)
    return (dp - (dp * y_pred / total).sum(axis=axis, keepdims=True)) / total


def softmax_gradient(dp: np.ndarray, p: np.ndarray, axis: int) -> np.ndarray:
    """From ∂ℓ/∂p to ∂ℓ/∂z where p = softmax(z) along `axis`: p·(∂ℓ/∂p − Σ ∂ℓ/∂p·p)."""
    return p * (dp - (dp * p).sum(axis=axis, keepdims=True))
