"""Solutions of notebook 10."""

import numpy as np

largest_rate = 1  # y becomes (1 − 2·lr)·y, which shrinks as long as |1 − 2·lr| < 1

steady_step = 1  # 0.1 · (1 + 0.9 + 0.81 + …) = 0.1 / (1 − 0.9)

first_step = 0.1  # m̂ = g, v̂ = g², and g / √g² = 1


def momentum(p, gradients, learning_rate, beta):
    v = np.zeros_like(p)
    for g in gradients:
        v = beta * v + (1 - beta) * g
        p = p - learning_rate * v
    return p


keras_rate = 0.05  # 0.5 · (1 − 0.9)


def corrected_mean(gradients, beta):
    m = np.zeros(gradients.shape[1])
    for g in gradients:
        m = beta * m + (1 - beta) * g
    return m / (1 - beta ** len(gradients))


def adam(p, gradients, learning_rate, beta_1, beta_2, epsilon):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        p = p - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return p
