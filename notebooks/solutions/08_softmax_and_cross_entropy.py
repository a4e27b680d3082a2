"""Solutions of notebook 08."""

import numpy as np

naive_result = "nan"  # infinity divided by infinity

steepest = -1  # p − y = 0 − 1


def stable_softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(z, labels):
    shifted = z - z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return (log_sum - shifted[np.arange(len(z)), labels]).mean()


def logits_gradient(z, labels):
    gradient = stable_softmax(z)
    gradient[np.arange(len(z)), labels] -= 1  # p − y, y one-hot
    return gradient / len(z)
