"""Solutions of notebook 19."""

import numpy as np

float32_sum = 16777216  # 2^24 + 1 is no float32: it is rounded to 2^24

found_in = "float64"  # 1e-8 is below the rounding of float32

after_200 = 0.3  # errors do not only add up, they multiply


def error_measure(ours, theirs):
    finite = np.isfinite(theirs)
    others_agree = np.array_equal(ours[~finite], theirs[~finite], equal_nan=True)
    if not others_agree or not np.isfinite(ours[finite]).all():
        return np.inf
    difference = np.abs(ours[finite] - theirs[finite]).max(initial=0)
    largest = np.abs(theirs[finite]).max(initial=0)
    if difference == 0:
        return 0.0
    return difference / largest if largest else np.inf


faults = ("slope", "padding", "flip back", "mean")


def forced_errors(ours, theirs, start, steps):
    errors, weights = [], start
    for _ in range(steps):
        ours_after, theirs_after = ours(weights), theirs(weights)
        errors.append(np.abs(ours_after - theirs_after).max() / np.abs(theirs_after).max())
        weights = theirs_after  # the reference leads
    return errors
