"""Exercises of notebook 14: thresholds, areas, patience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake

# Precision and recall


def _ratio(a: float, b: float, empty: float = 0.0) -> float:
    return float(a / b) if b else empty


def _precision_recall(true: np.ndarray, scores: np.ndarray, threshold: float) -> tuple[float, ...]:
    called = scores > threshold
    hits = int(true[called].sum())
    return _ratio(hits, called.sum()), _ratio(hits, true.sum())


def _on_counts(change: Callable[..., tuple[float, float]], at_least: bool = False) -> Any:
    """What comes of `change(TP, FP, FN, TN)`."""

    def wrong(true: np.ndarray, scores: np.ndarray, threshold: float) -> tuple[float, float]:
        called = scores >= threshold if at_least else scores > threshold
        positive = true == 1
        return change(
            int((called & positive).sum()),
            int((called & ~positive).sum()),
            int((~called & positive).sum()),
            int((~called & ~positive).sum()),
        )

    return wrong


_EMPTY = (
    "0/0 is not 0 here: if nothing was called positive, or nothing is, Keras counts 0; test for it "
    "before you divide"
)

PRECISION_RECALL = Exercise(
    name="precision_recall",
    truth=_precision_recall,
    outputs=("precision", "recall"),
    inputs=lambda rng: [
        {
            "true": np.array([0, 1, 1, 0, 1, 0, 0]),
            "scores": np.array([0.1, 0.5, 0.9, 0.6, 0.4, 0.2, 0.3]),
            "threshold": 0.5,
        },
        {"true": np.array([0, 1, 1]), "scores": np.array([0.1, 0.5, 0.2]), "threshold": 0.75},
        {"true": np.zeros(4, int), "scores": np.array([0.1, 0.5, 0.9, 0.2]), "threshold": 0.25},
        {
            "true": rng.integers(0, 2, 40),
            "scores": rng.integers(0, 9, 40) / 8,
            "threshold": 0.25,
        },
    ],
    mistakes=(
        Mistake(
            "a score on the threshold was counted as above it: it is >, not >=",
            _on_counts(
                lambda tp, fp, fn, tn: (_ratio(tp, tp + fp), _ratio(tp, tp + fn)), at_least=True
            ),
        ),
        Mistake(
            "precision and recall are exchanged: precision is about what was called, recall about "
            "what is there",
            _on_counts(lambda tp, fp, fn, tn: (_ratio(tp, tp + fn), _ratio(tp, tp + fp))),
        ),
        Mistake(
            _EMPTY,
            _on_counts(
                lambda tp, fp, fn, tn: (
                    _ratio(tp, tp + fp, float("nan")),
                    _ratio(tp, tp + fn, float("nan")),
                )
            ),
        ),
        Mistake(
            _EMPTY,
            _on_counts(lambda tp, fp, fn, tn: (_ratio(tp, tp + fp, 1), _ratio(tp, tp + fn, 1))),
        ),
        Mistake(
            _EMPTY,
            _on_counts(lambda tp, fp, fn, tn: (_ratio(tp, tp + fp, 1), _ratio(tp, tp + fn))),
        ),
        Mistake(
            "the threshold was not used: what is called positive depends on it",
            lambda true, scores, threshold: _precision_recall(true, scores, 0.5),
        ),
        Mistake(
            "the precision is the accuracy here: divide the true positives by what was called "
            "positive, not all right answers by all samples",
            _on_counts(
                lambda tp, fp, fn, tn: ((tp + tn) / (tp + fp + fn + tn), _ratio(tp, tp + fn))
            ),
        ),
        Mistake(
            "the recall is a share of all samples here: divide by the positives, TP + FN",
            _on_counts(lambda tp, fp, fn, tn: (_ratio(tp, tp + fp), tp / (tp + fp + fn + tn))),
        ),
        Mistake(
            "the second result is the false-positive rate, a share of the negatives: recall is a "
            "share of the positives",
            _on_counts(lambda tp, fp, fn, tn: (_ratio(tp, tp + fp), _ratio(fp, fp + tn))),
        ),
        Mistake(
            "the second result is the share of the negatives that were left alone: recall is a "
            "share of the positives",
            _on_counts(lambda tp, fp, fn, tn: (_ratio(tp, tp + fp), _ratio(tn, fp + tn))),
        ),
    ),
)


# The area under the ROC curve


def _pairs(true: np.ndarray, scores: np.ndarray, tie: float = 0.5) -> float:
    """Sum over all pairs of a positive and a negative."""
    a, b = scores[true == 1][:, None], scores[true == 0]
    return float((a > b).sum() + tie * (a == b).sum())


def _auc(true: np.ndarray, scores: np.ndarray, tie: float = 0.5) -> float:
    return _pairs(true, scores, tie) / float((true == 1).sum() * (true == 0).sum())


def _curve(true: np.ndarray, scores: np.ndarray, first: bool = True, last: bool = True) -> Any:
    """(false-positive rate, recall, precision, threshold) from the highest threshold down."""
    thresholds = np.unique(scores)[::-1]
    called = scores >= thresholds[:, None]
    tp, fp = (called & (true == 1)).sum(axis=1), (called & (true == 0)).sum(axis=1)
    points = np.stack(
        [
            fp / (true == 0).sum(),
            tp / (true == 1).sum(),
            tp / np.maximum(tp + fp, 1),
            thresholds,
        ]
    )
    if first:
        points = np.concatenate([[[0.0], [0.0], [1.0], [1.0]], points], axis=1)
    return points if last else points[:, :-1]


def _one_after_the_other(true: np.ndarray, scores: np.ndarray, order: np.ndarray) -> float:
    tp, fp = np.cumsum(true[order] == 1), np.cumsum(true[order] == 0)
    return float(
        np.trapezoid(np.append(0, tp / (true == 1).sum()), np.append(0, fp / (true == 0).sum()))
    )


def _missing_end(first: bool, last: bool) -> Callable[..., float]:
    def area(true: np.ndarray, scores: np.ndarray) -> float:
        x, y, _, _ = _curve(true, scores, first, last)
        return float(np.trapezoid(y, x))

    return area


def _over_recall(true: np.ndarray, scores: np.ndarray) -> float:
    _, recall, precision, _ = _curve(true, scores)
    return float(np.trapezoid(precision, recall))


def _over_thresholds(true: np.ndarray, scores: np.ndarray) -> float:
    _, recall, _, thresholds = _curve(true, scores)
    return float(-np.trapezoid(recall, thresholds))


_ONE_BY_ONE = (
    "equal scores were taken one after the other: then the area depends on the order in which they "
    "lie; they cross the threshold together"
)
_ORDERS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (  # in which ties may come to lie
    lambda scores: np.argsort(-scores, kind="stable"),
    lambda scores: np.argsort(scores, kind="stable")[::-1],
    lambda scores: np.argsort(-scores),
    lambda scores: np.argsort(scores)[::-1],
)


def _in_order(order: Callable[[np.ndarray], np.ndarray]) -> Callable[..., float]:
    return lambda true, scores: _one_after_the_other(true, scores, order(scores))


_END = (
    "an end of the curve is missing: it goes from (0, 0), where nothing is called positive, to "
    "(1, 1), where all is"
)

AUC = Exercise(
    name="auc",
    truth=_auc,
    inputs=lambda rng: [
        {
            "true": np.array([0, 1, 0, 1, 1, 0]),
            "scores": np.array([0.1, 0.4, 0.35, 0.8, 0.35, 0.8]),
        },
        {"true": rng.integers(0, 2, 30), "scores": rng.integers(1, 8, 30) / 8},
        {"true": (rng.random(50) < 0.2).astype(int), "scores": rng.random(50)},
    ],
    mistakes=(
        Mistake("ties count nothing here: they count half", lambda **a: _auc(**a, tie=0)),
        Mistake("ties count as won here: they count half", lambda **a: _auc(**a, tie=1)),
        Mistake(
            "that is 1 − AUC: the axes are exchanged, or negatives are counted that score above "
            "positives",
            lambda **a: 1 - _auc(**a),
        ),
        *(Mistake(_ONE_BY_ONE, _in_order(order)) for order in _ORDERS),
        Mistake(
            "the samples were taken as they lie: sort them by score, the highest first",
            _in_order(lambda scores: np.arange(len(scores))),
        ),
        Mistake(_END, _missing_end(first=False, last=True)),
        Mistake(_END, _missing_end(first=True, last=False)),
        Mistake(
            "that is an area under precision over recall: ROC has the recall over the "
            "false-positive rate",
            _over_recall,
        ),
        Mistake(
            "that is an area over the thresholds: the horizontal axis is the false-positive rate, "
            "and then it does not matter how far scores are apart",
            _over_thresholds,
        ),
        Mistake("not divided by the number of pairs, P·N", _pairs),
        Mistake(
            "divided by all pairs of samples: only those of a positive and a negative count, P·N",
            lambda true, scores: _pairs(true, scores) / len(true) ** 2,
        ),
    ),
    sizes=lambda true, scores: {"(P·N)": int((true == 1).sum() * (true == 0).sum())},
)


# Patience


def _epochs_trained(
    losses: np.ndarray,
    patience: int,
    min_delta: float,
    resets: bool = True,
    follows_all: bool = False,
    against_previous: bool = False,
    equal_is_better: bool = False,
    starts_from_first: bool = False,
) -> int:
    """The truth; the last five say how it can go wrong."""
    best, wait = losses[0] if starts_from_first else float("inf"), 0
    for epoch, loss in enumerate(losses, start=1):
        if loss + min_delta < best or (equal_is_better and loss + min_delta == best):
            best, wait = loss, 0 if resets else wait
        else:
            wait += 1
            if wait >= patience:
                return epoch
        if follows_all:
            best = min(best, loss)
        if against_previous:
            best = loss
    return len(losses)


def _best_epoch(losses: np.ndarray, patience: int, min_delta: float) -> int:
    return int(np.argmin(losses[: _epochs_trained(losses, patience, min_delta)])) + 1


def _where_wait_was_0(losses: np.ndarray, patience: int, min_delta: float) -> int:
    return _epochs_trained(losses, patience, min_delta) - patience


def _if_stopped(other: Callable[[np.ndarray, int, float], int]) -> Callable[..., int]:
    """Another number where the training is stopped, and all epochs where it is not."""

    def epochs(losses: np.ndarray, patience: int, min_delta: float) -> int:
        is_stopped = _epochs_trained(np.append(losses, 9.0), patience, min_delta) <= len(losses)
        return other(losses, patience, min_delta) if is_stopped else len(losses)

    return epochs


def _wandering(rng: np.random.Generator, epochs: int) -> np.ndarray:
    """Losses that fall, slower and slower, and jump about."""
    falling = np.exp(-np.arange(epochs) / 8)
    return np.round(falling + 0.08 * rng.standard_normal(epochs), 4) + 1


def _from_0(losses: np.ndarray, patience: int, min_delta: float) -> int:
    return _epochs_trained(losses, patience, min_delta) - 1


_FROM_0 = "that is the number of the last epoch counted from 0: the question is how many there were"
_OF_BEST = "that is the epoch of the best: the training goes on until patience is lost"

EPOCHS_TRAINED = Exercise(
    name="epochs_trained",
    truth=_epochs_trained,
    inputs=lambda rng: [
        {
            "losses": np.array([1.0, 0.8, 0.9, 0.85, 0.7, 0.75, 0.72, 0.71, 0.6]),
            "patience": 3,
            "min_delta": 0.0,
        },
        {"losses": np.array([1.0, 0.5, 0.25]), "patience": 1, "min_delta": 0.0},
        {"losses": np.array([1.0, 0.5, 0.5, 0.5, 0.5]), "patience": 2, "min_delta": 0.0},
        {"losses": np.linspace(1.0, 0.7, 11), "patience": 3, "min_delta": 0.05},
        *(
            {"losses": _wandering(rng, 30), "patience": patience, "min_delta": min_delta}
            for patience, min_delta in [(2, 0.0), (4, 0.0), (3, 0.05), (5, 0.1), (6, 0.02)]
        ),
    ],
    mistakes=(
        Mistake(
            "one epoch too late: it stops where wait reaches the patience, >= and not >",
            lambda losses, patience, min_delta: _epochs_trained(losses, patience + 1, min_delta),
        ),
        Mistake(
            "one epoch too early: the epoch of the best itself does not count as waiting",
            lambda losses, patience, min_delta: _epochs_trained(
                losses, max(patience - 1, 1), min_delta
            ),
        ),
        Mistake(
            "wait was never set back: a new best restores the patience",
            lambda **a: _epochs_trained(**a, resets=False),
        ),
        Mistake(
            "each loss was compared with that of the epoch before: compare it with the best so far",
            lambda **a: _epochs_trained(**a, against_previous=True),
        ),
        Mistake(
            "min_delta was not used: a loss is better only if it is so by more than that",
            lambda losses, patience, min_delta: _epochs_trained(losses, patience, 0.0),
        ),
        Mistake(
            "the best followed every smaller loss: one that is better by less than min_delta does "
            "not count, and does not become the best either",
            lambda **a: _epochs_trained(**a, follows_all=True),
        ),
        Mistake(
            "min_delta has the wrong sign: it makes it harder to be better, not easier",
            lambda losses, patience, min_delta: _epochs_trained(losses, patience, -min_delta),
        ),
        Mistake(
            "an equal loss was taken for a better one: it is <, not <=",
            lambda **a: _epochs_trained(**a, equal_is_better=True),
        ),
        Mistake(
            "the first epoch was counted as waiting: it is a best, whatever its loss; begin with "
            "b = ∞",
            lambda **a: _epochs_trained(**a, starts_from_first=True),
        ),
        *(Mistake(_FROM_0, each) for each in (_from_0, _if_stopped(_from_0))),
        *(
            Mistake(_OF_BEST, each)
            for each in (_best_epoch, _if_stopped(_best_epoch), _if_stopped(_where_wait_was_0))
        ),
    ),
)


# What is to be guessed

USELESS = Exercise(
    name="useless",
    truth=0.9,
    mistakes=(
        Mistake("it is right about everything that is no shirt, and that is most of it", 0.1),
        Mistake("it does not guess, it always says no; how often is that right?", 0.5),
        Mistake("it finds no shirt, that is true; but how often is it right?", 0),
        Mistake("almost: it is wrong about the shirts", 1),
    ),
    tolerance=1e-6,
)

NOTHING_CALLED = Exercise(
    name="nothing_called",
    truth=(0, 0),
    outputs=("precision", "recall"),
    mistakes=(
        Mistake(
            "of nothing, nothing is wrong, so one may say 1, and some libraries do; Keras counts "
            "0/0 as 0",
            (1, 0),
        ),
        Mistake("0/0 is NaN, true; but Keras counts it as 0", (np.nan, 0)),
        Mistake("0.9 is the accuracy; precision looks at what was called a shirt only", (0.9, 0)),
        Mistake("both at once: it called nothing a shirt, so it found none", (1, 1)),
        Mistake("how many of the shirts did it find?", (0, 1)),
        Mistake("how many of the shirts did it find?", (0, 0.9)),
    ),
)

SQUASHED = Exercise(
    name="squashed",
    truth=0.92,
    mistakes=(
        Mistake(
            "that is 0.92³, but the area is not a score; does a pair of photos change its order?",
            0.92**3,
        ),
        Mistake("the scores become smaller; does a pair of photos change its order?", 0.5),
        Mistake("larger? Does a pair of photos change its order?", 0.92 ** (1 / 3)),
    ),
    tolerance=1e-3,
)

LAST_EPOCH = Exercise(
    name="last_epoch",
    truth=11,
    mistakes=(
        Mistake("it stops when wait reaches 3: the best is epoch 8, and then come 9, 10, 11", 12),
        Mistake("the epoch of the best does not count as waiting: wait is 0 there", 10),
        Mistake("epoch 6 is a new best, and wait begins again at 0", 7),
        Mistake("that is the best; it goes on until three epochs have brought nothing", 8),
        Mistake("that is the best of the first half; two epochs later there is a better one", 6),
    ),
)

RATE = Exercise(
    name="rate",
    truth=0.025,
    mistakes=(
        Mistake("once after epoch 5; and then once more", 0.05),
        Mistake(
            "after it has acted, wait begins again at 0: epoch 11 is the first of a new count",
            0.0125,
        ),
        Mistake("epochs 4 and 5 are both worse than the best, 0.7", 0.1),
    ),
    tolerance=1e-6,
)

EXERCISES = (
    USELESS,
    NOTHING_CALLED,
    SQUASHED,
    PRECISION_RECALL,
    AUC,
    LAST_EPOCH,
    RATE,
    EPOCHS_TRAINED,
)
