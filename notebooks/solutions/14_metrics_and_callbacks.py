"""Solutions of notebook 14."""

import numpy as np

useless = 0.9  # it is right about all that is no shirt

nothing_called = (0, 0)  # 0/0 counts as 0, and no shirt was found

squashed = 0.92  # only the order of the scores counts

last_epoch = 11  # the best is epoch 8; epochs 9, 10 and 11 bring nothing

rate = 0.025  # halved after epoch 5 (4 and 5 brought nothing) and after epoch 10 (9 and 10)


def precision_recall(true, scores, threshold):
    called = scores > threshold
    hits = (called & (true == 1)).sum()
    precision = hits / called.sum() if called.any() else 0.0
    recall = hits / (true == 1).sum() if (true == 1).any() else 0.0
    return precision, recall


def auc(true, scores):
    positive, negative = scores[true == 1][:, None], scores[true == 0]
    return (positive > negative).mean() + (positive == negative).mean() / 2


def epochs_trained(losses, patience, min_delta):
    best, wait = np.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss + min_delta < best:
            best, wait = loss, 0
        else:
            wait += 1
            if wait >= patience:
                return epoch
    return len(losses)
