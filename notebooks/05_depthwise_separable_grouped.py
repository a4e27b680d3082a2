# %% [markdown]
# # 05 · Depthwise, separable, grouped, 1 × 1
#
# A convolution does two things at once: it looks around, at the pixels nearby, and it mixes
# channels. With $C$ channels and $F$ filters every filter looks at every channel, and that is where
# the work is: $C \cdot F$ windows for each pixel. Does every filter have to see everything? You
# will
#
# - guess how much is saved by cutting the wires between channels,
# - see the wires of four kinds of convolution,
# - count every multiplication, with numbers that count themselves,
# - write the two formulas for the cost, then a depthwise convolution and its gradient,
# - and find out what is given up: a separable convolution is a convolution of low rank.
#
# You need notebook 01 (what a convolution adds up); for the gradient, notebook 03.

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import layers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas
from scratchnet.visualization import channel_wiring, style
from scratchnet.visualization.colours import bar_look, line_look

start()

# %% [markdown]
# ## Predict
#
# Four kinds of convolution occur in this notebook:
#
# - *ordinary*: each filter has a window of weights for every channel;
# - *grouped*: channels and filters are cut into $G$ equal parts, and a filter sees only the
#   channels of its own part;
# - *depthwise*: each channel has a window of its own, and nothing is added up over channels;
# - *1 × 1*, or *pointwise*: a window of one pixel, all channels.
#
# A depthwise convolution and then a 1 × 1 make a *separable* convolution: first look around, then
# mix.
#
# 64 channels, 64 filters, windows of 3 × 3. With 4 groups in place of one: **how many times fewer
# weights are there?**

# %%
my_factor = ...
check("05.fewer_with_groups", my_factor)

# %% [markdown]
# The same sizes. **How many times fewer multiplications does a separable convolution need than an
# ordinary one?** Round to a whole number.

# %%
my_other_factor = ...
check("05.fewer_if_separable", my_other_factor)

# %% [markdown]
# A depthwise convolution gets an image in red, green and blue. **Can it make the image grey?**
# Answer `"yes"` or `"no"`.

# %%
my_word = ...
check("05.grey", my_word)

# %% [markdown]
# ## Watch
#
# A line for each channel that a filter reads; a thick one carries a window of weights, a thin one a
# single weight. Change the number of groups: with one group it is the ordinary convolution, and
# with as many groups as channels it is the depthwise one. (Groups that don't divide the channels
# are not possible; a single group is drawn instead.)


# %%
def draw_wires(channels, groups, kernel_size):
    groups = groups if channels % groups == 0 else 1
    return channel_wiring(channels, channels, groups, kernel_size)


interact_with_fallback(
    draw_wires,
    fallback=[
        {"channels": 4, "groups": 2, "kernel_size": 3},
        {"channels": 6, "groups": 3, "kernel_size": 5},
    ],
    channels=[2, 4, 6, 8],
    groups=[1, 2, 3, 4, 6, 8],
    kernel_size=[1, 3, 5],
)

# %% [markdown]
# ## The formulas
#
# With no padding and stride 1, $y[n, p, q, f]$ for each image $n$, place $(p, q)$ and filter $f$ is
#
# $$
# \begin{aligned}
# \text{ordinary:} \quad
# & \sum_{a, b} \sum_{c = 0}^{C - 1} x[n, p + a, q + b, c]\; w[a, b, c, f] \\
# \text{grouped:} \quad
# & \sum_{a, b} \sum_{c = 0}^{C/G - 1} x[n, p + a, q + b, g\, C/G + c]\; w[a, b, c, f] \\
# \text{depthwise:} \quad
# & \sum_{a, b} x[n, p + a, q + b, c]\; w[a, b, c, m],
# \qquad f = c\, M + m \\
# \text{1 × 1:} \quad
# & \sum_{c = 0}^{C - 1} x[n, p, q, c]\; w[0, 0, c, f]
# \end{aligned}
# $$
#
# where $g = \lfloor f / (F/G) \rfloor$ is the group that filter $f$ belongs to. The depth
# multiplier $M$ is the number of windows for each channel, usually 1. The outputs of one channel
# are neighbours: first the $M$ of channel 0, then the $M$ of channel 1.
#
# Where a sum over $c$ is missing, so are the multiplications. With $P = OH \cdot OW$ places:
#
# | | kernel | weights | multiplications for one image |
# |---|---|---|---|
# | ordinary | $(KH, KW, C, F)$ | $KH \cdot KW \cdot C \cdot F$ | $P$ times as many |
# | grouped | $(KH, KW, C/G, F)$ | you write it | you write it |
# | depthwise | $(KH, KW, C, M)$ | $KH \cdot KW \cdot C \cdot M$ | $P$ times as many |
# | 1 × 1 | $(1, 1, C, F)$ | $C \cdot F$ | $P$ times as many |
# | separable | the last two | you write it | you write it |
#
# ## Count them
#
# Instead of believing a table, count. Here is a number that knows how often it was multiplied. The
# formulas of scratchnet take arrays of any kind of number, so they take these.


# %%
class Counted(float):
    multiplications = 0

    def __mul__(self, other):
        Counted.multiplications += 1
        return Counted(float(self) * float(other))

    def __add__(self, other):
        return Counted(float(self) + float(other))

    __rmul__, __radd__ = __mul__, __add__


counted = np.vectorize(Counted, otypes=[object])


def multiplications(function, *arguments, **options):
    Counted.multiplications = 0
    function(*map(counted, arguments), **options)
    return Counted.multiplications


rng = np.random.default_rng(5)
x = rng.standard_normal((1, 8, 8, 4))  # 6 × 6 places for a window of 3 × 3
w = rng.standard_normal((3, 3, 4, 6))
print("ordinary, 4 → 6 channels  ", multiplications(formulas.conv2d, x, w))
print("grouped, 2 groups         ", multiplications(formulas.conv2d, x, w[:, :, :2], groups=2))
depthwise = multiplications(formulas.depthwise_conv2d, x, w[..., :1])
pointwise = multiplications(formulas.conv2d, x[:, 1:-1, 1:-1], w[:1, :1])
print("depthwise                 ", depthwise)
print("1 × 1 on its result       ", pointwise)
print("both, a separable one     ", depthwise + pointwise)

# %% [markdown]
# ## Write the cost of a grouped convolution
#
# `output` is $(OH, OW)$, `kernel_size` is $(KH, KW)$; `groups` divides `channels` and `filters`.
# Return two numbers: the weights, without biases, and the multiplications for one image.


# %%
def grouped_cost(output, kernel_size, channels, filters, groups):
    return ...  # your code: (weights, multiplications)


check("05.grouped_cost", grouped_cost)

# %% [markdown]
# ## Write the cost of a separable convolution
#
# A depthwise convolution with `multiplier` windows for each channel, then a 1 × 1 convolution with
# `filters` filters on all that comes out of it.


# %%
def separable_cost(output, kernel_size, channels, filters, multiplier):
    return ...  # your code: (weights, multiplications)


check("05.separable_cost", separable_cost)

# %% [markdown]
# Divide by the ordinary cost. For a square window of $k$ × $k$ and $M = 1$,
#
# $$
# \frac{\text{separable}}{\text{ordinary}}
# \;=\; \frac{P\,(k^2\, C + C\, F)}{P\, k^2\, C\, F}
# \;=\; \frac{1}{F} + \frac{1}{k^2}.
# $$
#
# The first term is the looking around, the second the mixing. Move the sliders: which of the two is
# what is left to pay for?


# %%
def draw_costs(kernel_size, filters, groups):
    k, f = kernel_size, filters
    bars = {  # the shares of looking around, and of mixing alone
        "ordinary": (1, 0),
        f"grouped, {groups} groups": (1 / groups, 0),
        "separable": (1 / f, 1 / k**2),
    }
    with style():
        figure, axes = plt.subplots(figsize=(9, 2.3), layout="constrained")
        window, mixing = zip(*bars.values(), strict=True)
        axes.barh(list(bars), window, label=f"windows of {k} × {k}", **bar_look(0))
        axes.barh(list(bars), mixing, left=window, label="1 × 1", **bar_look(1))
        for row, share in enumerate(map(sum, bars.values())):
            axes.text(share + 0.01, row, f"{share:.1%}", va="center", fontsize=9)
        axes.invert_yaxis()
        axes.set(xlim=(0, 1.15 * max(map(sum, bars.values()))), xticks=[0, 0.25, 0.5, 0.75, 1])
        axes.set_title(f"multiplications, 1 = those of the ordinary convolution; {f} filters")
        figure.legend(loc="outside right center")
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_costs,
    fallback=[
        {"kernel_size": 3, "filters": 64, "groups": 4},
        {"kernel_size": 7, "filters": 16, "groups": 4},
    ],
    kernel_size=[1, 3, 5, 7],
    filters=[4, 16, 64, 256],
    groups=[2, 4, 8],
)

# %% [markdown]
# The mixing is the larger part as soon as there are more filters than taps, $F > k^2$, and in most
# layers of most networks there are. Looking around has then become nearly free. (For a window of
# 1 × 1 there is nothing to look at, and separating makes it dearer.)
#
# A warning belongs here. Multiplications are not seconds. A number has to be fetched from memory
# before it is multiplied, and a depthwise convolution does little with each. For 64 channels, 64
# filters, and 28 × 28 places:

# %%
places, c, f, k = 28 * 28, 64, 64, 3
for name, weights in [("ordinary", k * k * c * f), ("depthwise", k * k * c), ("1 × 1", c * f)]:
    touched = places * (c + f) + weights  # read once, and written once
    print(f"{name:10} {places * weights / touched:4.0f} multiplications for each number it touches")

# %% [markdown]
# A processor that multiplies faster than it fetches waits for memory in the depthwise layer, and
# the time falls less than the count. Notebook 02 draws that limit.
#
# ## One is the other
#
# All of these are ordinary convolutions with weights that are 0 for ever, where there is no wire.
# With whole numbers, so that "equal" means equal:

# %%
x = rng.integers(-5, 6, (2, 6, 7, 6))
w = rng.integers(-5, 6, (3, 2, 2, 9))  # 3 groups: 2 channels see 3 filters
with_zeros = np.zeros((3, 2, 6, 9), int)
for g in range(3):
    with_zeros[:, :, 2 * g : 2 * g + 2, 3 * g : 3 * g + 3] = w[..., 3 * g : 3 * g + 3]
a, b = formulas.conv2d(x, w, groups=3), formulas.conv2d(x, with_zeros)
print("grouped = ordinary with zeros:          ", np.array_equal(a, b))

w = rng.integers(-5, 6, (3, 2, 6, 2))  # 2 windows for each channel
a, b = formulas.depthwise_conv2d(x, w), formulas.conv2d(x, w.reshape(3, 2, 1, 12), groups=6)
print("depthwise = grouped, a group a channel: ", np.array_equal(a, b))

w = rng.integers(-5, 6, (1, 1, 6, 9))
a, b = formulas.conv2d(x, w), x @ w[0, 0]
print("1 × 1 = a matrix product for each pixel:", np.array_equal(a, b))

# %% [markdown]
# ## Write a depthwise convolution
#
# `x` is `(N, H, W, C)` and `kernel` is `(KH, KW, C, M)`; no padding, stride 1. The result is
# `(N, OH, OW, C·M)`, in the order of the formula.


# %%
def depthwise(x, kernel):
    return ...  # your code


check("05.depthwise", depthwise)

# %% [markdown]
# ## Write the gradient of its kernel
#
# As in notebook 03: the weight $w[a, b, c, m]$ met the pixels $x[n, p + a, q + b, c]$ and nothing
# else, and what it made of them went into $y[n, p, q, cM + m]$. So
#
# $$
# dw[a, b, c, m] \;=\; \sum_{n, p, q} x[n, p + a, q + b, c] \; dy[n, p, q, c M + m].
# $$
#
# `dy` is `(N, OH, OW, C·M)`, `kernel_size` is $(KH, KW)$, and the result is `(KH, KW, C, M)`. How
# large $M$ is follows from the shapes.


# %%
def depthwise_kernel_gradient(dy, x, kernel_size):
    return ...  # your code


check("05.depthwise_kernel_gradient", depthwise_kernel_gradient)

# %%
show_source(formulas.depthwise_conv2d, formulas.depthwise_conv2d_kernel_gradient)

# %% [markdown]
# ## What is given up
#
# A separable convolution with kernels $d$ and $u$ is an ordinary one whose kernel is
#
# $$
# w[a, b, c, f] \;=\; \sum_{m = 0}^{M - 1} d[a, b, c, m] \; u[cM + m, f].
# $$
#
# Take one channel $c$ and write its weights as a matrix, with $k^2$ rows, one for each tap, and $F$
# columns. Then the right side says: this matrix has rank at most $M$. With $M = 1$ all filters look
# at a channel through the same window, and differ only in how much they take of it.
#
# Does a network want that? Train an ordinary one, and ask the singular value decomposition for the
# best matrices of rank $M$: it splits $w$ into such $d$ and $u$, and says what is lost.

# %%
(photos, labels), (test_photos, test_labels) = sn.datasets.fashion_mnist.load_data()
test_x, test_y = test_photos[:, :, :, None] / 255, test_labels
model = sn.Sequential(
    [
        layers.Input((28, 28, 1)),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(sn.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(photos[:6000, :, :, None] / 255, labels[:6000], batch_size=32, epochs=2, verbose=0)
trained = model.get_weights()


def separated(kernel, multiplier):
    """The depthwise and the 1 × 1 kernel that together are nearest to an ordinary one."""
    kh, kw, c, f = kernel.shape
    u, s, v = np.linalg.svd(kernel.transpose(2, 0, 1, 3).reshape(c, kh * kw, f))
    windows = (u[:, :, : s.shape[1]] * s[:, None])[:, :, :multiplier]
    mixing = v[:, :multiplier].reshape(1, 1, c * multiplier, f)
    return windows.reshape(c, kh, kw, multiplier).transpose(1, 2, 0, 3), mixing


def accuracy_with(kernel):
    model.set_weights([*trained[:2], kernel, *trained[3:]])
    return model.evaluate(test_x, test_y, verbose=0)[1]


kernel = trained[2]  # (3, 3, 8, 16), of the second convolution
kh, kw, c, f = kernel.shape
multipliers = np.arange(1, 7)
accuracies, kept = [], []
for m in multipliers:
    d, u = separated(kernel, m)
    nearest = np.einsum("abcm,cmf->abcf", d, u.reshape(c, m, f))
    accuracies.append(accuracy_with(nearest))
    kept.append(1 - np.sum((kernel - nearest) ** 2) / np.sum(kernel**2))
unchanged = accuracy_with(kernel)
print(f"of the trained kernel's squared size, rank 1 keeps {kept[0]:.0%}, rank 3 {kept[2]:.0%}")
print(f"right: {accuracies[0]:.0%} with rank 1, {accuracies[2]:.0%} with 3, {unchanged:.0%} before")

with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(multipliers, accuracies, label="rank M, not trained again", **line_look(0))
    left.axhline(unchanged, **line_look(1) | {"marker": ""}, label="the trained kernel")
    left.set(title="accuracy on 2000 photos", xlabel="M", ylim=(0, 1))
    left.legend(loc="lower right")
    share = multipliers * (1 / f + 1 / (kh * kw))
    right.plot(multipliers, share, label="separable, M · (1/F + 1/k²)", **line_look(0))
    right.axhline(1, **line_look(1) | {"marker": ""}, label="ordinary")
    right.set(title="multiplications", xlabel="M", ylim=(0, 1.15))
    right.legend(loc="lower right")
plt.close(figure)
figure

# %% [markdown]
# The kernel was not trained to be separable, and it is not: with one window for each channel more
# than half of it is lost, and much of the accuracy with it. A second and a third window bring the
# accuracy back, and cost as much again each. Taking a trained kernel apart saves less than the
# ratio promises.
#
# A network that is separable **from the start** is another matter: training finds the best weights
# *of that form*. The authors of MobileNet trained the same network for ImageNet both ways. With
# ordinary convolutions it has 4.9 billion multiplications and is right on 71.7% of the photos, with
# separable ones 0.57 billion and 70.6%.
#
# ## The same in Keras
#
# Three layers of Keras in float64, their number of weights, and the largest difference to our
# formulas, as a share of the largest number.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras

x = rng.standard_normal((2, 9, 10, 8))
kinds = {
    "Conv2D, 4 groups": (
        keras.layers.Conv2D(12, 3, groups=4, use_bias=False, dtype="float64"),
        lambda w: formulas.conv2d(x, w, groups=4),
    ),
    "DepthwiseConv2D": (
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False, dtype="float64"),
        lambda w: formulas.depthwise_conv2d(x, w),
    ),
    "SeparableConv2D": (
        keras.layers.SeparableConv2D(12, 3, use_bias=False, dtype="float64"),
        lambda d, u: formulas.conv2d(formulas.depthwise_conv2d(x, d), u),
    ),
}
for name, (layer, ours) in kinds.items():
    theirs = layer(x).numpy()
    error = np.abs(ours(*layer.get_weights()) - theirs).max() / np.abs(theirs).max()
    print(f"{name:17} {layer.count_params():4} weights, error below 1e-14: {error < 1e-14}")

# %% [markdown]
# And the gradient of the depthwise kernel, which TensorFlow derives by itself:

# %%
import tensorflow as tf

layer = kinds["DepthwiseConv2D"][0]
with tf.GradientTape() as tape:
    y = layer(tf.constant(x))
dy = rng.standard_normal(y.shape)
theirs = tape.gradient(y, layer.kernel.value, output_gradients=tf.constant(dy)).numpy()
ours = formulas.depthwise_conv2d_kernel_gradient(dy, x, theirs.shape)
error = np.abs(ours - theirs).max() / np.abs(theirs).max()
print(f"gradient {ours.shape}, error below 1e-14: {error < 1e-14}")

# %% [markdown]
# ## What you know now
#
# - A convolution looks around and mixes channels. Grouped ones mix less, depthwise ones not at all,
#   and 1 × 1 ones do nothing else.
# - $G$ groups divide the work by $G$. Separating it leaves $1/F + 1/k^2$ of it: the first term is
#   for looking around, the second for mixing.
# - All of them are ordinary convolutions: with zeros where no wire is, or, if separable, with rank
#   $M$ for each channel. That is what is given up.
# - Fewer multiplications are not always less time: a depthwise convolution does little with each
#   number that it fetches.
#
# Solutions: `notebooks/solutions/05_depthwise_separable_grouped.py`. Next: a layer that makes deep
# networks trainable, and that behaves in training as it does not behave later.
#
# **Sources.** Lin, Chen, Yan, *Network in network* (2014), section 3.1 (1 × 1); Krizhevsky,
# Sutskever, Hinton, *ImageNet classification with deep convolutional neural networks* (2012),
# section 3.5 (groups); Chollet, *Xception: deep learning with depthwise separable convolutions*
# (2017); Howard et al., *MobileNets: efficient convolutional neural networks for mobile vision
# applications* (2017), section 3.1 and table 4; Jaderberg, Vedaldi, Zisserman, *Speeding up
# convolutional neural networks with low rank expansions* (2014).
