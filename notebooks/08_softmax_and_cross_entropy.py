# %% [markdown]
# # 08 · Softmax and cross-entropy
#
# A classifier ends in one number for each class, the *logits*. Softmax makes probabilities of them,
# and the cross-entropy says how bad these are. Each of the two breaks down on a computer if it is
# written as in a textbook. Both at once are harmless, and have the simplest gradient of this
# course: $p - y$. You will
#
# - guess what a computer makes of $e^{1000}$, and how steep the worst case is,
# - move logits, and see what the gradient pulls up and pushes down,
# - write a softmax and a cross-entropy that stand ±1000,
# - see how a gradient dies when probabilities are handed over in place of logits,
# - and train a classifier with nothing but $p - y$.
#
# You need derivatives of $e^x$ and $\log x$, and the chain rule.

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.losses import SparseCategoricalCrossentropy
from scratchnet.ops import formulas
from scratchnet.visualization import filters, softmax_gradient, style
from scratchnet.visualization.colours import DARK, ORANGE, SKY

start()

# %% [markdown]
# ## Predict
#
# With $z = (1000, 1000)$ both classes are equally likely. **What does
# `np.exp(z) / np.exp(z).sum()` give for each?** Answer `"half"`, `"zero"`, `"inf"` or `"nan"`.

# %%
my_word = ...
check("08.naive_result", my_word)

# %% [markdown]
# Two classes. The logit of the true class is −1000, that of the other one is 1000: the network is
# as wrong as can be, and the loss is 2000. **What is the derivative of the loss with respect to the
# logit of the true class?**

# %%
my_slope = ...
check("08.steepest", my_slope)

# %% [markdown]
# ## The formulas
#
# For a sample $n$ with logits $z[n, k]$, one for each class $k$, and the true class $t_n$:
#
# $$
# p[n, k] \;=\; \frac{e^{z[n, k]}}{\sum_j e^{z[n, j]}},
# \qquad
# L \;=\; -\frac{1}{N} \sum_n \log p[n, t_n]
# $$
#
# Softmax makes all numbers positive and their sum 1. The loss is 0 where the true class has
# probability 1, and grows without limit as that probability goes to 0. Put the one into the other,
#
# $$ -\log p[n, t] \;=\; \log \sum_j e^{z[n, j]} \;-\; z[n, t], $$
#
# and differentiate with respect to one logit. The first term gives $e^{z_k} / \sum_j e^{z_j}$,
# which is $p_k$ again; the second gives 1 for $k = t$ and else 0. With $y$ the one-hot target,
#
# $$ \frac{\partial L}{\partial z[n, k]} \;=\; \frac{p[n, k] - y[n, k]}{N}. $$
#
# ## Watch
#
# Four classes, one sample. Bars of $p - y$ to the right push a logit down, the one to the left
# pulls the true class up, and together they are 0. Add a constant to all logits with `shift`: what
# changes? Stretch them with `scale`: what happens to the loss, and what to the gradient?

# %%
CLOTHES = ["T-shirt", "trouser", "dress", "coat"]
logits = np.array([2.0, -1.0, 0.5, 1.0])


def draw_gradient(scale, shift, target):
    return softmax_gradient(scale * logits + shift, CLOTHES.index(target), CLOTHES)


interact_with_fallback(
    draw_gradient,
    fallback=[
        {"scale": 1, "shift": 0, "target": "dress"},
        {"scale": 1, "shift": 1000, "target": "dress"},
        {"scale": 1000, "shift": 0, "target": "dress"},
    ],
    scale=[0, 0.3, 1, 3, 10, 1000],
    shift=[-1000, -10, 0, 10, 1000],
    target=CLOTHES,
)

# %% [markdown]
# A shift changes nothing: $e^{z + c} = e^c e^z$, and $e^c$ is in the numerator and in the
# denominator. And however wrong the network is, no gradient is larger than 1.
#
# ## Where the textbook breaks
#
# A float64 ends at about $1.8 \cdot 10^{308}$, which is $e^{709.8}$; a float32 at $e^{88.7}$.
# Downwards, $e^{-746}$ is rounded to 0, and its logarithm is −∞:

# %%
with np.errstate(all="ignore"):  # NumPy would warn, and it is right
    for z in ([1.0, 2.0], [1000.0, 1000.0], [-1000.0, -1000.0], [0.0, -800.0]):
        e = np.exp(z)
        p = e / e.sum()
        print(f"z = {z!s:18}  p = {p!s:10}  -log p = {-np.log(p)}")

# %% [markdown]
# The remedy is the shift that changes nothing. Subtract the largest logit $m = \max_j z_j$. Then
# every exponent is at most 0 and nothing overflows, and one term of the sum is $e^0 = 1$, so that
# the sum is never 0. Never take the logarithm of a quotient that may be rounded to 0, either: take
# the logarithm of the sum, and subtract.
#
# $$ \log p_k \;=\; (z_k - m) \;-\; \log \sum_j e^{z_j - m} $$

# %%
for z in ([1.0, 2.0], [1000.0, 1000.0], [-1000.0, -1000.0], [0.0, -800.0]):
    p, log_p = formulas.softmax(np.array(z)), formulas.log_softmax(np.array(z))
    print(f"z = {z!s:18}  p = {p!s:15}  -log p = {-log_p}")

# %% [markdown]
# ## Write the softmax
#
# `z` is `(N, C)`; every row of the result adds up to 1. `check` has rows near 1000 and near −1000
# in one batch.


# %%
def stable_softmax(z):
    return ...  # your code


check("08.stable_softmax", stable_softmax)

# %% [markdown]
# ## Write the cross-entropy
#
# From logits `z`, `(N, C)`, and `labels`, `(N,)` numbers of the true classes. The result is one
# number. Some of the true classes have a probability that no float can tell from 0.


# %%
def cross_entropy(z, labels):
    return ...  # your code


check("08.cross_entropy", cross_entropy)

# %% [markdown]
# And ours. The loss is the mean of what `log_softmax` has at the true classes, with a minus.

# %%
show_source(formulas.softmax, formulas.log_softmax)

# %% [markdown]
# ## Write the gradient of both at once
#
# Same arguments; the result is $\partial L/\partial z$, `(N, C)`. No logarithm is left in it.


# %%
def logits_gradient(z, labels):
    return ...  # your code


check("08.logits_gradient", logits_gradient)

# %% [markdown]
# ## How a gradient dies
#
# Why not keep the two apart, a softmax layer and a loss that takes probabilities? The way back is
# then a product: the loss hands down $dp = \partial L/\partial p$, which is $-1/p_t$ at the true
# class and else 0, and the softmax multiplies it by its own derivative,
#
# $$ dz_k \;=\; p_k \cdot \Big( dp_k - \sum_j dp_j\, p_j \Big), $$
#
# in which $p_t$ cancels out on paper. For a confident wrong answer $p_t$ is rounded to 0 before it
# can cancel. To be safe from $\log 0$, losses that take probabilities therefore keep them between
# $10^{-7}$ and $1 - 10^{-7}$. What is cut off is constant, and a constant has gradient 0.
#
# Here are three ways in float32, for two classes, as the wrong one moves away from the true one:

# %%
distance = np.linspace(-10, 110, 481, dtype=np.float32)  # z of the wrong class minus z of the true
z = np.stack([np.zeros_like(distance), distance], axis=1)  # the true class is 0
labels = np.zeros(len(z), int)
from_logits = SparseCategoricalCrossentropy(from_logits=True, reduction=None)
from_probabilities = SparseCategoricalCrossentropy(reduction=None)

p = formulas.softmax(z)
loss_fused, gradient_fused = from_logits(labels, z), from_logits.gradient(labels, z)
loss_clipped = from_probabilities(labels, p)
gradient_clipped = formulas.softmax_backward(from_probabilities.gradient(labels, p), p)
with np.errstate(all="ignore"):
    naive = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss_naive = -np.log(naive[:, 0])
    dp = np.stack([-1 / naive[:, 0], np.zeros_like(distance)], axis=1)
    gradient_naive = formulas.softmax_backward(dp, naive)

ways = {
    "from logits": (loss_fused, gradient_fused),
    "from probabilities, clipped": (loss_clipped, gradient_clipped),
    "textbook, no precautions": (loss_naive, gradient_naive),
}
with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    looks = [(SKY, "-", 6), (ORANGE, "--", 3), (DARK, ":", 1.5)]  # one above the other
    for (name, (loss, gradient)), (colour, dashes, width) in zip(ways.items(), looks, strict=True):
        for panel, values in ((left, loss), (right, gradient[:, 0])):
            panel.plot(distance, values, label=name, color=colour, ls=dashes, linewidth=width)
            last = np.isfinite(values).nonzero()[0][-1]
            if last < len(values) - 1:  # NaN from there on
                panel.plot(distance[last], values[last], "x", color=DARK, markersize=9)
    left.set(title="loss", xlabel="wrong logit − true logit", ylim=(-5, 115))
    right.set(title="gradient of the true logit", xlabel="wrong logit − true logit")
    right.set_ylim(-1.1, 0.1)
    left.legend(loc="upper left")
plt.close(figure)
figure

# %% [markdown]
# From logits the loss is a straight line and the gradient is −1, as far as you like. With clipping,
# a sample that is wrong by more than 16 gives no gradient at all: the samples that most need to be
# learned are not. Without it, float32 ends at 88.7, at the cross: from there on it is NaN.
#
# So loss and softmax belong together. A model of scratchnet or Keras that ends in a softmax is
# trained on its logits behind your back. Who computes the loss by hand takes `from_logits=True`.

# %%
show_source(SparseCategoricalCrossentropy.call, SparseCategoricalCrossentropy.call_gradient)

# %% [markdown]
# (`_log_p` is `log_softmax` of the logits. `_counted` says which samples count; by default, all
# do.)
#
# ## The same in Keras
#
# TensorFlow derives the gradient of Keras's loss, in float64, with ordinary logits and with huge
# ones:

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

rng = np.random.default_rng(8)
ours = SparseCategoricalCrossentropy(from_logits=True)
theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64")
for scale in (1, 1000):
    z, labels = scale * rng.standard_normal((64, 10)), rng.integers(0, 10, 64)
    logits_tensor = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(logits_tensor)
        loss = theirs(labels, logits_tensor)
    gradient = tape.gradient(loss, logits_tensor).numpy()
    loss_error = abs(ours(labels, z) - loss.numpy()) / loss.numpy()
    gradient_error = np.abs(ours.gradient(labels, z) - gradient).max() / np.abs(gradient).max()
    print(f"logits around ±{scale}: the errors of loss and gradient are below 1e-12:", end=" ")
    print(loss_error < 1e-12 and gradient_error < 1e-12)

# %% [markdown]
# And the gradient that dies, which is Keras's too: one sample, wrong by 30.

# %%
wrong = tf.constant([[0.0, 30.0]], tf.float64)
for name, loss_function, last in [
    ("from logits", theirs, tf.identity),
    (
        "from probabilities",
        keras.losses.SparseCategoricalCrossentropy(dtype="float64"),
        tf.nn.softmax,
    ),
]:
    with tf.GradientTape() as tape:
        tape.watch(wrong)
        loss = loss_function(np.array([0]), last(wrong))
    slope = tape.gradient(loss, wrong).numpy()[0, 0]
    print(f"{name:18}  loss {loss.numpy():4.1f}   gradient of the true logit {slope:.3f}")

# %% [markdown]
# ## A classifier from $p - y$
#
# Now let it learn. Logits that are a matrix product, $z = x W + b$, with $x$ the pixels: then
# $\partial L/\partial W = x^\top (p - y)/N$. Six lines train a classifier for ten kinds of clothes.
# At first $W$ is 0 and all classes are equally likely, so the loss is $\log 10 \approx 2.30$. This
# is worth knowing: a network of ten classes that starts far above it has a bug.

# %%
(photos, targets), (test_photos, test_targets) = sn.datasets.fashion_mnist.load_data()
x, labels = photos[:2000].reshape(2000, -1) / 255.0, targets[:2000].astype(int)
W, b = np.zeros((784, 10)), np.zeros(10)
losses = []
for _ in range(200):
    z = x @ W + b
    losses.append(ours(labels, z))
    dz = ours.gradient(labels, z)  # (p − y) / N
    W -= 0.1 * x.T @ dz
    b -= 0.1 * dz.sum(axis=0)

guessed = (test_photos[:1000].reshape(1000, -1) / 255.0 @ W + b).argmax(axis=1)
right = (guessed == test_targets[:1000]).mean()
print(f"loss at first {losses[0]:.2f}, at last {losses[-1]:.1f}")
print(f"right on photos that it has not seen: {right:.0%}")

# %% [markdown]
# Each column of $W$ can be looked at as an image: where bright pixels speak for a class (red) and
# where they speak against it (blue). The ten are T-shirt, trouser, pullover, dress and coat, and
# below them sandal, shirt, sneaker, bag and ankle boot.

# %%
filters(W.reshape(28, 28, 1, 10))

# %% [markdown]
# ## What you know now
#
# - A constant added to all logits changes nothing. Subtract the largest one, and no exponential
#   overflows.
# - The loss is computed from $\log p$, never from a $p$ that may have been rounded to 0.
# - Softmax and cross-entropy together have the gradient $(p - y)/N$. It is never larger than 1, and
#   it never dies while the answer is wrong.
# - Clipped probabilities have gradient 0 where learning is needed most: hand over logits.
#
# Solutions: `notebooks/solutions/08_softmax_and_cross_entropy.py`. Next: activations, and with
# which weights a deep network has to begin.
#
# **Sources.** Goodfellow, Bengio, Courville, *Deep Learning* (2016), sections 4.1 and 6.2.2.3;
# Bishop, *Pattern Recognition and Machine Learning* (2006), section 4.3.4; Blanchard, Higham,
# Higham, *Accurately computing the log-sum-exp and softmax functions* (2021).
