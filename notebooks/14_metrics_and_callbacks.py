# %% [markdown]
# # 14 · Metrics and callbacks
#
# A loss is what the optimizer needs. Two questions it does not answer: **is this network good for
# anything**, and **when is it trained enough**? For the first there are metrics, for the second
# callbacks. Both are full of small conventions, a > here and a 0/0 there, which decide about the
# number that you report. You will
#
# - guess how good a detector is that never finds anything,
# - move a threshold, and see precision, recall and two curves follow,
# - write precision and recall, and the area under the ROC curve, ties included,
# - find out why the AUC of Keras may fall though nothing got worse,
# - watch patience being lost, epoch by epoch, and write early stopping,
# - and write a callback of your own.
#
# You need notebook 13 (an epoch, validation).

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import Sequential, callbacks, layers, metrics, optimizers, visualization
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.visualization import style
from scratchnet.visualization.colours import BLUE, DARK, GREY, ORANGE, PALE

start()

# %% [markdown]
# ## Predict
#
# A detector looks for shirts. Of the photos it gets, one in ten is a shirt. It is broken and says
# "no shirt" to every photo. **What is its accuracy?**

# %%
my_accuracy = ...
check("14.useless", my_accuracy)

# %% [markdown]
# *Precision* is the share of shirts among what was called a shirt. *Recall* is the share of the
# shirts that were called so. **What are precision and recall of the broken detector, as Keras
# counts?**

# %%
my_pair = ...  # (precision, recall)
check("14.nothing_called", my_pair)

# %% [markdown]
# Another detector gives each photo a score from 0 to 1. The area under its ROC curve (we will come
# to that) is 0.92. Now every score $s$ is replaced by $s^3$. **What is the area then?**

# %%
my_area = ...
check("14.squashed", my_area)

# %% [markdown]
# ## A detector
#
# It has one dense layer with a sigmoid: $s = \sigma(x w + b)$. 4000 photos to learn from, 2000 to
# judge it by, and 200 of these are shirts.

# %%
(photos, targets), (test_photos, test_targets) = sn.datasets.fashion_mnist.load_data()
SHIRT = sn.datasets.fashion_mnist.CLASS_NAMES.index("Shirt")


def as_input(images):
    return images[..., None].astype(np.float32) / 255


def detector(learning_rate=0.003):
    sn.set_random_seed(0)
    model = Sequential(
        [layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(optimizers.Adam(learning_rate), "binary_crossentropy", metrics=["accuracy"])
    return model


x, is_shirt = as_input(photos), (targets == SHIRT).astype(int)
x_test, true = as_input(test_photos), (test_targets == SHIRT).astype(int)
model = detector()
model.fit(x[:4000], is_shirt[:4000], epochs=6, verbose=0)
scores = model.predict(x_test, verbose=0)[:, 0].astype(float)

print(f"accuracy of the detector:        {((scores > 0.5) == true).mean():.1%}")
print(f"accuracy of always saying no:    {(true == 0).mean():.1%}")
print(f"shirts found, of {true.sum()}:            {((scores > 0.5) & (true == 1)).sum()}")

# %% [markdown]
# If one kind of sample is rare, the accuracy says next to nothing. Yet the detector has learned
# something. It only does not dare to say so.
#
# ## The formulas
#
# With a threshold $\tau$, what scores **above** it is called positive. Each sample is then one of
# four: true positive, false positive, false negative, true negative. Count them:
#
# $$
# \begin{aligned}
# TP &= \#\{n : y_n = 1,\; s_n > \tau\} & \quad FP &= \#\{n : y_n = 0,\; s_n > \tau\} \\
# FN &= \#\{n : y_n = 1,\; s_n \le \tau\} & \quad TN &= \#\{n : y_n = 0,\; s_n \le \tau\}
# \end{aligned}
# $$
#
# $$
# \text{precision} = \frac{TP}{TP + FP},
# \qquad
# \text{recall} = \frac{TP}{TP + FN},
# \qquad
# \text{false-positive rate} = \frac{FP}{FP + TN}
# $$
#
# Two curves come of it, with a point for each $\tau$: *ROC* draws the recall over the
# false-positive rate, *PR* draws the precision over the recall.
#
# ## Watch
#
# Move the threshold. On the left, everything to the right of the dashed line is called a shirt (the
# first grey bar is cut off). In which direction does the point go along each of the two curves?
# Then leave the threshold, and take away photos without a shirt (`others`): which curve stays, and
# which one changes?


# %%
def counted(true, scores, threshold):
    """TP, FP, FN, TN."""
    called = scores > threshold
    return tuple(
        int((called[true == y] == c).sum())
        for y, c in [(1, True), (0, True), (1, False), (0, False)]
    )


def draw_threshold(threshold, others):
    kept = np.concatenate([np.flatnonzero(true == 1), np.flatnonzero(true == 0)[:others]])
    y, s = true[kept], scores[kept]
    steps = np.unique(np.concatenate([[0, 1], np.round(s, 3)]))[::-1]
    tp, fp, fn, tn = np.array([counted(y, s, step) for step in steps]).T
    recall, false_rate = tp / (tp + fn), fp / (fp + tn)
    precision = tp / np.maximum(tp + fp, 1)
    TP, FP, FN, TN = counted(y, s, threshold)
    here = {"recall": TP / (TP + FN), "rate": FP / (FP + TN), "precision": TP / max(TP + FP, 1)}
    with style():
        figure, (left, middle, right) = plt.subplots(
            1, 3, figsize=(9, 3.5), width_ratios=[1.25, 1, 1], layout="constrained"
        )
        bins = np.linspace(0, 1, 21)
        for k, name, look in [
            (0, "no shirt", {"color": PALE}),
            (1, "shirt", {"color": BLUE, "histtype": "step", "linewidth": 2}),
        ]:
            share = np.full((y == k).sum(), 1 / (y == k).sum())
            left.hist(s[y == k], bins, weights=share, label=name, **look)
        left.axvline(threshold, color=DARK, linewidth=1.5, linestyle="--")
        left.set(xlabel="score", ylabel="share of the class", ylim=(0, 0.5), title="scores")
        left.legend(loc="upper right")
        middle.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
        middle.plot(false_rate, recall, color=BLUE)
        middle.set(xlabel="false-positive rate", ylabel="recall", title="ROC")
        right.axhline(y.mean(), color=GREY, linewidth=1, linestyle=":")
        right.plot(recall[tp > 0], precision[tp > 0], color=BLUE)
        right.set(xlabel="recall", ylabel="precision", title="PR")
        for panel, at in [
            (middle, (here["rate"], here["recall"])),
            (right, (here["recall"], here["precision"])),
        ]:
            panel.plot(*at, "o", color=ORANGE, markersize=10, markeredgecolor=DARK, clip_on=False)
            panel.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
        figure.suptitle(
            f"TP {TP}   FP {FP}   FN {FN}   TN {TN}     precision {here['precision']:.2f}, "
            f"recall {here['recall']:.2f}, accuracy {(TP + TN) / len(y):.2f}",
            fontsize=10,
            fontweight="normal",
        )
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_threshold,
    fallback=[
        {"threshold": 0.5, "others": 1800},
        {"threshold": 0.15, "others": 1800},
        {"threshold": 0.15, "others": 200},
    ],
    threshold=(0.0, 1.0, 0.05),
    others=[200, 600, 1800],
)

# %% [markdown]
# A threshold is a price list. Lower it, and you find more shirts and call more other things a
# shirt: up and to the right on ROC, to the right and mostly down on PR. Nobody says that it must be
# 0.5. Choose it with validation data, by what the two kinds of mistakes cost.
#
# Recall is a share of the shirts, the false-positive rate a share of the others. So ROC does not
# care how many there are of each. Precision mixes the two. The dotted lines are what guessing
# gives: on PR it is the share of the shirts. Where positives are rare, PR tells what a user will
# see, and ROC looks better than that.
#
# ## Write precision and recall
#
# `true` is `(N,)` of 0 and 1, `scores` is `(N,)`. Two conventions of Keras, and ours: a score that
# *equals* the threshold is not above it, and 0/0 counts as 0. Both happen in the inputs of `check`.


# %%
def precision_recall(true, scores, threshold):
    return ..., ...  # (precision, recall)


check("14.precision_recall", precision_recall)

# %% [markdown]
# And ours. Counts are kept from batch to batch, and divided at the end. A mean of the precisions of
# the batches would be another number.

# %%
show_source(metrics.Precision.update_state, metrics.Precision.result)

# %% [markdown]
# ## One number for all thresholds
#
# The area under the ROC curve does not depend on a threshold. It also has a meaning that one can
# say in a sentence: take a shirt and something else, both at random. It is the chance that the
# shirt has the higher score, where a tie counts half. With $P$ positives and $N$ negatives,
#
# $$
# AUC \;=\; \frac{1}{P\,N} \sum_{i \,:\, y_i = 1} \;\sum_{j \,:\, y_j = 0}
# \Big( [\,s_i > s_j\,] + \tfrac12\, [\,s_i = s_j\,] \Big)
# $$
#
# where $[\cdot]$ is 1 if it is true and else 0. This is the statistic of Mann and Whitney. Why is
# it an area? Go through the scores from the highest down. Each shirt is a step up by $1/P$, each
# other photo a step to the right by $1/N$, at a height that is the share of the shirts with a
# higher score. Equal scores cross the threshold **together**, in one slanted step, and half of a
# rectangle lies below its diagonal.
#
# Write it, by counting pairs or as an area of trapezoids: both are right. Scores are often equal.


# %%
def auc(true, scores):
    return ...  # your code


check("14.auc", auc)

# %% [markdown]
# ## When the area falls and nothing got worse
#
# Only the order of the scores counts. $s \mapsto s^3$ keeps the order, so it keeps the area. Now
# look at the metric `AUC`, which is Keras's:

# %%
positive, negative = scores[true == 1], scores[true == 0]


def by_pairs(power):
    a, b = positive[:, None] ** power, negative**power
    return (a > b).mean() + (a == b).mean() / 2


print("scores    by pairs   AUC()    AUC(thresholds=…)")
for power in (1, 3, 10):
    placed = np.quantile(scores**power, np.linspace(0, 1, 200))
    values = [
        float(metric(true, scores**power))
        for metric in (metrics.AUC(), metrics.AUC(thresholds=placed))
    ]
    print(f"s^{power:<8}{by_pairs(power):.3f}      {values[0]:.3f}    {values[1]:.3f}")

# %% [markdown]
# The metric keeps no scores, for there may be millions. It keeps counts at 200 thresholds, evenly
# from 0 to 1. Scores between two neighbouring thresholds become ties. The powers push most scores
# into the lowest few of these compartments, where they can't be told apart. A network that is very
# sure of itself does the same without any power. The remedy is in the last column: as many
# thresholds, but placed where the scores are.
#
# ## When to stop
#
# Part two. Callbacks look at a value after each epoch, mostly the loss of the validation, and do
# something. Two of them share a way to count: `EarlyStopping` ends the training, and
# `ReduceLROnPlateau` multiplies the learning rate by a factor.
#
# With $v_e$ the value after epoch $e$, $b$ the best so far (∞ before the first epoch) and $\delta$
# the option `min_delta`:
#
# $$
# v_e + \delta < b \;:\quad b \leftarrow v_e,\; \text{wait} \leftarrow 0
# \qquad\qquad
# \text{else}:\quad \text{wait} \leftarrow \text{wait} + 1,\quad
# \text{and act where } \text{wait} \ge \text{patience}
# $$
#
# After it has acted, `ReduceLROnPlateau` sets wait to 0 and goes on. What counts is the distance to
# the **best**, not to the epoch before.
#
# Twelve losses of a validation, for epochs 1 to 12:

# %%
curve = [1.0, 0.8, 0.7, 0.72, 0.71, 0.65, 0.66, 0.64, 0.68, 0.67, 0.66, 0.6]

# %% [markdown]
# With `EarlyStopping(patience=3)`, **which epoch is the last one that is trained?**

# %%
my_epoch = ...
check("14.last_epoch", my_epoch)

# %% [markdown]
# Now without early stopping, with `ReduceLROnPlateau(factor=0.5, patience=2)` and a learning rate
# of 0.1 to begin with. **What is the learning rate after all twelve epochs?**

# %%
my_rate = ...
check("14.rate", my_rate)

# %% [markdown]
# ## Watch
#
# The real callbacks, fed with a curve of 16 made-up losses. The number at each point is the `wait`
# of early stopping. A ring is a new best. Go forward epoch by epoch with `epochs`, and change both
# patiences. (The curve is fixed. In a true training a lower rate would change it.)

# %%
longer = [*curve, 0.61, 0.605, 0.598, 0.6]


def follow(library, losses, stop_patience, plateau_patience, min_delta=0.0):
    """(wait, learning rate of the epoch) for each epoch until the end, by a library's callbacks."""
    model = library.Sequential([library.layers.Input((1,)), library.layers.Dense(1)])
    model.compile(library.optimizers.SGD(0.1), "mse")
    stop = library.callbacks.EarlyStopping(patience=stop_patience, min_delta=min_delta)
    plateau = library.callbacks.ReduceLROnPlateau(
        patience=plateau_patience, factor=0.5, min_delta=min_delta
    )
    for callback in (stop, plateau):
        callback.set_model(model)
        callback.on_train_begin()
    rows = []
    for epoch, loss in enumerate(losses):
        rate = float(model.optimizer.learning_rate)
        for callback in (stop, plateau):
            callback.on_epoch_end(epoch, {"val_loss": loss})
        rows.append((stop.wait, rate))
        if model.stop_training:
            break
    return rows


def draw_patience(epochs, stop_patience, plateau_patience, min_delta):
    losses = longer[:epochs]
    rows = follow(sn, losses, stop_patience, plateau_patience, min_delta)
    waits, rates = zip(*rows, strict=True)
    x = np.arange(1, len(rows) + 1)
    has_stopped = waits[-1] >= stop_patience
    with style():
        figure, (top, bottom) = plt.subplots(
            2, 1, figsize=(8, 4), sharex=True, height_ratios=[2.4, 1], layout="constrained"
        )
        top.plot(np.arange(1, len(longer) + 1), longer, "o", color=PALE)
        top.plot(x, losses[: len(rows)], "o-", color=BLUE)
        for epoch, wait, loss in zip(x, waits, losses, strict=False):
            top.annotate(
                str(wait),
                (epoch, loss),
                (0, 9),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
            if wait == 0:
                top.plot(epoch, loss, "o", markersize=11, markerfacecolor="none", color=DARK)
        if has_stopped:
            top.axvline(len(rows) + 0.4, color=DARK, linestyle="--", linewidth=1.5)
        after = f"stopped after epoch {len(rows)}" if has_stopped else f"after epoch {len(rows)}"
        top.set(ylabel="validation loss", ylim=(0.52, 1.1), title=after)
        bottom.step(np.append(x, x[-1] + 1) - 0.5, [*rates, rates[-1]], where="post", color=ORANGE)
        bottom.set(ylabel="learning rate", xlabel="epoch", ylim=(0, 0.11), xticks=range(1, 17))
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_patience,
    fallback=[
        {"epochs": 5, "stop_patience": 3, "plateau_patience": 2, "min_delta": 0},
        {"epochs": 16, "stop_patience": 3, "plateau_patience": 2, "min_delta": 0},
        {"epochs": 16, "stop_patience": 4, "plateau_patience": 2, "min_delta": 0.02},
    ],
    epochs=(1, 16),
    stop_patience=(1, 6),
    plateau_patience=(1, 6),
    min_delta=[0, 0.02, 0.05],
)

# %% [markdown]
# With a patience of 3 the best loss of all, in epoch 12, is never seen: patience is a bet. And give
# `EarlyStopping` **more** patience than `ReduceLROnPlateau`, or the training ends before a lower
# rate could show what it is good for.
#
# ## Write early stopping
#
# How many epochs are trained? `losses` is `(E,)`, `patience` is at least 1. If it never stops, it
# is all of them.


# %%
def epochs_trained(losses, patience, min_delta):
    return ...  # your code


check("14.epochs_trained", epochs_trained)

# %%
show_source(callbacks.EarlyStopping.on_epoch_end)

# %% [markdown]
# Beside your loop it can start late, ask for a baseline, and keep the weights of the best epoch.
#
# ## A callback of your own
#
# Subclass `Callback` and write the hooks that you need. This one measures the exact area after each
# epoch and adds it to the logs. All callbacks get the same logs, one after the other. So those that
# stand **behind** it in the list can watch the new value, and the history holds it.


# %%
class PairwiseAUC(callbacks.Callback):
    """Adds the exact area under the ROC curve of some photos to the logs, as `val_pairs`."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def on_epoch_end(self, epoch, logs=None):
        scores = self.model.predict(self.x, verbose=0)[:, 0]
        a, b = scores[self.y == 1][:, None], scores[self.y == 0]
        logs["val_pairs"] = float((a > b).mean() + (a == b).mean() / 2)


validation = x[4000:6000], is_shirt[4000:6000]
model = detector(learning_rate=0.02)
history = model.fit(
    x[:400],
    is_shirt[:400],
    epochs=60,
    validation_data=validation,
    callbacks=[
        PairwiseAUC(*validation),
        callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=4),
        callbacks.EarlyStopping("val_loss", patience=10, restore_best_weights=True),
    ],
    verbose=0,
)
figure = visualization.history(history)
figure.set_dpi(80)
figure

# %%
losses = np.array(history.history["val_loss"])
print(f"trained {len(losses)} epochs of 60; the best was epoch {losses.argmin() + 1}")
kept = model.evaluate(*validation, verbose=0, return_dict=True)["loss"]
print("the model has the weights of that epoch:", abs(kept - losses.min()) < 1e-6)
print(f"the area was largest after epoch {np.argmax(history.history['val_pairs']) + 1}")

# %% [markdown]
# Only 400 photos, so the detector soon learns them by heart: the training loss goes on falling
# where that of the validation does not. The area has its best epoch elsewhere. It looks at the
# order only, while the loss also asks how sure the answers are. Which of the two to watch depends
# on what the scores are for. To watch the area, write `EarlyStopping("val_pairs", mode="max", …)`:
# that more is better can't be seen from a name.
#
# ## The same in Keras
#
# First the metrics, ours and Keras's, on the same scores. Then the callbacks, on the same curve and
# in all combinations of both patiences.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras

s32 = scores.astype(np.float32)
for name, settings in [
    ("Precision", {"thresholds": 0.15}),
    ("Recall", {"thresholds": 0.15}),
    ("Precision", {"thresholds": 0.99}),
    ("AUC", {}),
    ("AUC", {"curve": "PR"}),
]:
    ours = float(getattr(metrics, name)(**settings)(true, s32))
    theirs = float(getattr(keras.metrics, name)(**settings)(true, s32))
    title = f"{name}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"
    print(f"{title:28} {ours:.4f}   error below 1e-6: {abs(ours - theirs) < 1e-6}")

# %%
pairs = [(stop, plateau) for stop in range(1, 7) for plateau in range(1, 7)]
same = sum(
    np.allclose(follow(sn, longer, *pair), follow(keras, longer, *pair), rtol=1e-6)
    for pair in pairs
)
print(f"waits, learning rates and last epoch agree in {same} of {len(pairs)} runs")

# %% [markdown]
# ## What you know now
#
# - Where a class is rare, compare the accuracy with that of always saying no.
# - Precision is about what was called, recall about what is there. A threshold trades one for the
#   other, and 0.5 is only a habit. In Keras a score on the threshold is not above it, and 0/0 is 0.
# - AUC is the chance that a positive scores above a negative, ties counting half. It depends on the
#   order of the scores only; Keras's number also on whether 200 thresholds can tell them apart.
# - ROC does not change if negatives become more, PR does.
# - Patience counts epochs since the best, not epochs of decline. A plateau should lose it before
#   early stopping does.
#
# Solutions: `notebooks/solutions/14_metrics_and_callbacks.py`. Next: from numbers about a network
# to pictures of what it looks at.
#
# **Sources.** Fawcett, *An introduction to ROC analysis* (2006); Hanley, McNeil,
# *The meaning and use of the area under a receiver operating characteristic (ROC) curve* (1982);
# Davis, Goadrich, *The relationship between Precision-Recall and ROC curves* (2006); Prechelt,
# *Early stopping – but when?* (1998).
