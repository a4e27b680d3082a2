"""Solutions of notebook 11."""

import numpy as np

l1_minimum = 0  # the slope of the loss at 0 is −0.3, and the kink holds up to ±0.5

l2_minimum = 0.15  # (w − 0.3) + w = 0


def shrink(a, threshold):
    return np.sign(a) * np.maximum(np.abs(a) - threshold, 0)


exact_zeros = 0  # steps of ±lr·λ jump over 0 again and again


def l2_step(p, g, learning_rate, l2):
    return p - learning_rate * (g + 2 * l2 * p)


def adamw(p, gradients, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        p = p - learning_rate * weight_decay * p
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        p = p - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return p
