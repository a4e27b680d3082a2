"""Solutions of notebook 07."""

import numpy as np

from scratchnet.ops import formulas

in_training = (0, 8)  # 6 / (1 − 0.25) where it is kept

in_inference = 6  # nothing is dropped, nothing is scaled


def dropped(x, keep, rate):
    return np.where(keep, x / (1 - rate), 0)


def dropout_gradient(dy, rate, key):
    keep = formulas.dropout_mask(dy.shape, rate, key)  # the same as forwards
    return np.where(keep, dy / (1 - rate), 0)


def dropout_variance(x, rate):
    # mean of y²: (1 − r) · (x/(1 − r))² = x²/(1 − r), minus the squared mean x²
    return x**2 / (1 - rate) - x**2


decisions = 512  # 32 samples with 16 channels each
