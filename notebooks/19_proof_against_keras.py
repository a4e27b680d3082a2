# %% [markdown]
# # 19 · Proof against Keras
#
# Every notebook of this course compares its numbers with Keras's, and each time they agree. But
# what does "agree" mean? Few of them are equal to the last bit. How large may a difference be, and
# how small a mistake can hide in it? This notebook is about the proof itself. You will
#
# - guess what a float can't hold, and how far two right programs drift apart,
# - see how rounding grows with the number of terms, and where it has to stay,
# - compare layers in two precisions, break them, and see which cells turn red,
# - write the measure of the error,
# - tell from a table of errors which fault a layer has,
# - and compare training step by step, which is not the same as comparing the end.
#
# You need notebook 12 (why a check runs in float64) and the layers of the earlier notebooks.

# %%
import matplotlib.pyplot as plt
import numpy as np

import reference
import scratchnet as sn
from reference.agreement import layer_errors
from reference.cases import cases_of
from reference.device import precision
from scratchnet import layers, optimizers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.course.exercises.nb19_proof_against_keras import suspects
from scratchnet.ops import formulas
from scratchnet.visualization import agreement_heatmap, style
from scratchnet.visualization.colours import line_look

start()
reference.prepare()  # Keras with deterministic operations

import keras

# %% [markdown]
# ## Predict
#
# A float32 has 24 binary digits. **What is $2^{24} + 1$ in float32,
# `np.float32(16777216) + np.float32(1)`?**

# %%
my_sum = ...
check("19.float32_sum", my_sum)

# %% [markdown]
# A leaky ReLU is to have the slope 0.3. Keras's one, on TensorFlow, rounds that number to float32,
# whatever the inputs are; yours does not. You compare the two, in float32 and in float64, and allow
# errors of 1e-5 and 1e-12. **Where is the difference found?** Answer `"float32"`, `"float64"`,
# `"both"` or `"none"`.

# %%
my_precision = ...
check("19.found_in", my_precision)

# %% [markdown]
# Two programs without a mistake train the same network in float32: the same first weights, the same
# batches, 200 steps. After the first step their weights differ by about 1e-7 of the largest weight.
# The learning rate is on the large side. **By how much, at worst, do they differ at the end?**
# Choose 1e-7, 2e-5 or 0.3.

# %%
my_distance = ...
check("19.after_200", my_distance)

# %% [markdown]
# ## Units in the last place
#
# Floats are a grid. Above 1 its meshes are $2^{-23}$ wide in float32 and $2^{-52}$ in float64, and
# they double at each power of 2: at 1000 they are $2^9$ times as wide. The result of each single
# operation is rounded to the nearest grid point, so it is off by at most half a mesh: relative to
# the result, by at most $u$, with $u = 2^{-24}$ or $2^{-53}$.

# %%
for dtype in (np.float32, np.float64):
    one, thousand = np.spacing(dtype(1)), np.spacing(dtype(1000))
    print(f"{dtype.__name__}: meshes of {one:.1e} at 1 and {thousand:.1e} at 1000")
print("(0.1 + 0.2) + 0.3 == 0.1 + (0.2 + 0.3):", (0.1 + 0.2) + 0.3 == 0.1 + (0.2 + 0.3))

# %% [markdown]
# Therefore the order of a sum matters. TensorFlow adds up the products of a convolution in another
# order than we do, and on another processor in another one again. Two right programs do not give
# the same bits. How far apart can they be? Let $\hat y$ be what is computed for
# $y = \sum_k w_k x_k$. One product and at most $n - 1$ additions are rounded on the way of each of
# the $n$ terms, and so for *every* order
#
# $$
# |\hat y - y| \;\le\; \gamma_n \sum_{k=1}^{n} |w_k|\,|x_k|,
# \qquad \gamma_n = \frac{n u}{1 - n u} \approx n u.
# $$
#
# That is the worst case, in which all roundings go the same way. They do not: they are like steps
# to the left and to the right, and $n$ of these lead about $\sqrt n$ steps away. Measured, for
# random positive terms in float32:

# %%
rng = np.random.default_rng(19)
counts = np.array([10, 30, 100, 300, 1000, 3000, 10_000, 30_000])
u = 2.0**-24
measured = {"one after the other": [], "in pairs, as NumPy adds": []}
for n in counts:
    terms = rng.random((100, n)).astype(np.float32)
    exact = terms.sum(axis=1, dtype=np.float64)
    for name, sums in (
        ("one after the other", np.cumsum(terms, axis=1, dtype=np.float32)[:, -1]),
        ("in pairs, as NumPy adds", terms.sum(axis=1)),
    ):
        measured[name].append(np.abs((sums - exact) / exact).max())

lines = {"γ, no sum is worse": counts * u / (1 - counts * u), "√n · u": np.sqrt(counts) * u}
with style():
    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    for number, (name, values) in enumerate((lines | measured).items()):
        look = line_look(number) | ({"marker": ""} if name in lines else {})
        axes.loglog(counts, values, label=name, **look)
    axes.set(xlabel="terms of the sum", ylabel="error, worst of 100 sums", ylim=(1e-8, 1e-2))
    axes.set_title("Rounding of a sum in float32")
    axes.grid()
    axes.legend(loc="upper left")
plt.close(figure)
figure

# %% [markdown]
# One after the other, the error grows with $\sqrt n$. In pairs, that is with sums of sums, it does
# not grow at all, for each term goes through few additions. Both are far below the bound, which
# must hold for the most unlucky sum. And this is the first part of the proof: scratchnet's tests
# hold convolutions and dense layers to $\gamma$ and not to a tolerance that somebody liked.
#
# And there are sums without any rounding. Take whole numbers, small enough that each partial sum is
# below $2^{24}$. Then all orders give the same, and the two programs must agree **to the last
# bit**. Rounding can't hide a wrong index there:

# %%
x = rng.integers(-4, 5, (3, 9, 9, 5)).astype(np.float32)
kernel = rng.integers(-4, 5, (3, 3, 5, 6)).astype(np.float32)
theirs = keras.ops.conv(x, kernel, strides=2, padding="same")
ours = formulas.conv2d(x, kernel, (2, 2), "same")
print("a convolution of whole numbers, equal to the last bit:", np.array_equal(ours, theirs))

# %% [markdown]
# ## Watch
#
# The central table: a row for each layer, a column for each precision. Each layer is compared by
# itself, with the same input, the same weights and the same gradient from above on both sides; a
# cell is the largest error of its output and of all its gradients. Then break something. The three
# classes below have one fault each. (They have the names of the layers that they replace: by its
# name Keras's layer is found.)


# %%
class LeakyReLU(layers.LeakyReLU):
    """With a slope that is not rounded to float32."""

    def forward(self, x, training):
        return np.where(x > 0, x, self.negative_slope * x).astype(x.dtype), x


class BatchNormalization(layers.BatchNormalization):
    """With the variance that statisticians like, divided by n − 1."""

    def forward(self, x, training):
        _, (x, mean, variance, *rest) = super().forward(x, training)
        n = x.size // x.shape[-1]
        variance = variance * n / (n - 1)
        weights = self.gamma.value, self.beta.value
        y = formulas.batch_normalization(x, mean, variance, *weights, self.epsilon)
        return y.astype(x.dtype), (x, mean, variance, *rest)


class Conv2D(layers.Conv2D):
    """With a kernel that is flipped, as in a mathematician's convolution."""

    def multiply(self, x, kernel):
        return super().multiply(x, kernel[::-1, ::-1])


image = rng.standard_normal((4, 8, 8, 3))
rows = rng.standard_normal((16, 20))
whole = {
    "Conv2D": (lambda: layers.Conv2D(5, 3, padding="same"), image),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3), image),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(4, 3, strides=2), image),
    "Dense, gelu": (lambda: layers.Dense(10, activation="gelu"), rows),
    "BatchNormalization": (lambda: layers.BatchNormalization(), image),
    "LeakyReLU": (lambda: layers.LeakyReLU(0.3), image),
    "MaxPooling2D": (lambda: layers.MaxPooling2D(3, strides=2), image),
    "Dropout": (lambda: layers.Dropout(0.4, seed=1), rows),
    "Softmax": (lambda: layers.Softmax(), rows),
}
broken = {
    "none": {},
    "slope not rounded": {"LeakyReLU": lambda: LeakyReLU(0.3)},
    "variance by n - 1": {"BatchNormalization": lambda: BatchNormalization()},
    "kernel flipped": {"Conv2D": lambda: Conv2D(5, 3, padding="same")},
}
ALLOWED = {"float32": 1e-5, "float64": 1e-12}


def draw_table(fault):
    table = {}
    for name, (make, x) in whole.items():
        table[name] = {}
        for dtype in ALLOWED:
            with precision(dtype):
                layer = broken[fault].get(name, make)()
                table[name][dtype] = max(layer_errors(layer, x.astype(dtype)).values())
    return agreement_heatmap(table, ALLOWED)


interact_with_fallback(
    draw_table,
    fallback=[{"fault": "none"}, {"fault": "slope not rounded"}, {"fault": "variance by n - 1"}],
    fault=list(broken),
)

# %% [markdown]
# Without a fault there are two shades: some units in the last place of float32, and some of
# float64. "=" stands where nothing is rounded in two ways. The wrong variance is red in both
# columns.
#
# The slope is the interesting one. In float32 the fault is not there: both slopes are the same
# number once they meet a float32 array. In float64 they differ by $10^{-8}$. The fault is no
# invention. Keras's layer does round its slope, and scratchnet has to do the same to be equal,
# which nobody would have found out in float32.
#
# It does no harm. But suppose a mistake of that size that is there in both precisions, a constant
# with a wrong eighth digit or a forgotten small ε. In the left column it would be lost among errors
# that are ten times as large. In the right one rounding is $2^{29}$ times finer, and it stands out.
# This is why a comparison in float32, however often it is run, proves little, and why the whole
# proof is in float64.
#
# ## How to measure
#
# Two arrays $a$ and $b$, ours and theirs. The proof uses one number,
#
# $$ \text{error}(a, b) \;=\; \frac{\max_i |a_i - b_i|}{\max_i |b_i|}. $$
#
# Why not divide each difference by its own $b_i$? In a sum that nearly cancels, $b_i$ is small and
# its rounding is not. By the bound above, rounding goes with the size of the *terms*, and the
# largest entry of the array tells more of that than an entry that happens to be near 0.
#
# Two cases need care. NaN and ∞ must stand in the same places on both sides. There the difference
# is NaN, which compares as false with everything, and a test such as `error > allowed` would let it
# pass. And if $b$ is 0 everywhere, $a$ has to be 0, too.
#
# ## Write it
#
# `ours` and `theirs` have the same shape. Return the largest $|a_i - b_i|$ over the places where
# $b$ is finite, divided by the largest finite $|b_i|$. Return
#
# - `np.inf` if NaN, ∞ or −∞ are not in the same places in both arrays,
# - 0 if nothing differs, and `np.inf` if something does and all finite $b_i$ are 0.


# %%
def error_measure(ours, theirs):
    return ...  # your code


check("19.error_measure", error_measure)

# %%
show_source(reference.relative_error)

# %% [markdown]
# ## Which fault?
#
# A table does not only say *that* something is wrong. Here are four suspects, A to D, all called
# `Conv2D`, compared quantity by quantity in float64:

# %%
with precision("float64"):
    found = {name: layer_errors(make(), image) for name, make in suspects().items()}
quantities = list(found["A"])
agreement_heatmap(
    {quantity: {name: found[name][quantity] for name in found} for quantity in quantities}, 1e-12
)

# %% [markdown]
# Each has one of these faults:
#
# - `"padding"`: the odd row and column of zeros are at the beginning instead of the end,
# - `"flip"`: the kernel is flipped on the way forward,
# - `"flip back"`: the kernel is flipped on the way back, in the gradient of the input,
# - `"slope"`: the slope of the activation is missing on the way back,
# - `"mean"`: the gradients of the weights are means over the samples instead of sums,
# - `"first sample"`: the gradient of the bias sees the first sample only.
#
# **Which fault has which suspect?** Think of each fault: which of the four quantities does it
# touch, and which does it leave alone?

# %%
my_faults = ...  # ("…", "…", "…", "…") for A, B, C, D
check("19.faults", my_faults)

# %% [markdown]
# One layer at a time is what makes the table readable. In a comparison of whole networks an early
# fault makes everything after it red, and on the way back everything before it.
#
# ## Step by step
#
# Layers that agree one by one, and losses, and optimizers: does then a whole training run agree?
# Let us see: a network with two hidden layers, trained by scratchnet and by its Keras twin on the
# same batches, and after each step the error of the weights. "Free" are two programs that run each
# on its own. "Forced" is a third one, which before each step is given Keras's weights, so that each
# step is compared by itself.

# %%
(photos, targets), _ = sn.datasets.fashion_mnist.load_data()
pixels = photos[:1000].reshape(1000, -1) / 255.0
pixels = (pixels - pixels.mean()) / pixels.std()
labels = targets[:1000].astype(int)


def network(rate):
    sn.set_random_seed(1)
    hidden = [layers.Dense(32, activation="tanh", kernel_initializer="he_normal") for _ in range(2)]
    top = layers.Dense(10, activation="softmax")
    model = sn.Sequential([layers.Input((784,)), *hidden, top])
    model.compile(optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model


def largest_error(ours, theirs):
    difference = max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))
    return difference / max(np.abs(b).max() for b in theirs)


def race(rate, dtype, steps=200):
    """Errors of the weights after each step, free and forced, and the two losses at the end."""
    free_errors, forced_errors, losses = [], [], []
    with precision(dtype):
        free, forced = network(rate), network(rate)
        theirs = reference.twin(free)
        for step in range(steps):
            first = step * 20 % 1000
            batch = pixels[first : first + 20], labels[first : first + 20]
            forced.set_weights(theirs.get_weights())
            losses.append((free.train_on_batch(*batch), theirs.train_on_batch(*batch)))
            forced.train_on_batch(*batch)
            weights = theirs.get_weights()
            free_errors.append(largest_error(free.get_weights(), weights))
            forced_errors.append(largest_error(forced.get_weights(), weights))
    return free_errors, forced_errors, np.mean(losses[-50:], axis=0)


runs = {key: race(*key) for key in ((0.3, "float32"), (0.3, "float64"), (0.03, "float32"))}
with style():
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for number, ((rate, dtype), (free, _, _)) in enumerate(runs.items()):
        look = line_look(number) | {"marker": ""}
        axes.semilogy(free, label=f"free, {dtype}, rate {rate}", **look)
    for number, dtype in ((3, "float32"), (4, "float64")):
        look = line_look(number) | {"marker": "", "linewidth": 1.2}
        axes.semilogy(runs[0.3, dtype][1], label=f"forced, {dtype}, rate 0.3", **look)
    axes.set(xlabel="step", ylabel="error of the weights", ylim=(1e-17, 10))
    axes.set_title("Free programs drift apart, single steps agree")
    axes.grid(axis="y")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.close(figure)
figure

# %%
_, _, ends = runs[0.3, "float32"]
print("mean loss of the last 50 steps, scratchnet and Keras, below 0.8:", *(ends < 0.8))

# %% [markdown]
# With the large learning rate the two end at entirely different weights, although no step is wrong
# by more than rounding; and both have learned. Float64 does not prevent it. It begins further down
# and takes longer.
#
# Training of this kind is *chaotic*. Let $e_t$ be the difference of the two weight vectors. A step
# of gradient descent makes of it about
#
# $$ e_{t+1} \;=\; (I - \eta\, H_t)\, e_t \;+\; \text{rounding}, $$
#
# with $H_t$ the second derivatives of the loss. Where $\eta$ times a curvature is above 2, or a
# curvature is negative, the difference grows by a factor, and factors multiply: a straight line in
# the picture, from 1e-7 up to where the two have nothing in common any more. With a learning rate
# ten times as small most factors are below 1, and rounding only adds up.
#
# So a free run proves something only while it is short or calm: `weights_after_training` compares
# twenty steps in float64, and allows 1e-9. And it can't be used the other way round. That two
# programs end at different weights does not say that one is wrong. The forced comparison has no
# such limits. Each step starts from the same place and is judged by itself; it says the same after
# ten thousand steps as after one, and it says in *which* step something went wrong.
#
# ## Write it
#
# `ours` and `theirs` are functions that make of weights (an array) the weights after one step.
# Begin at `start`; go along *their* path for `steps` steps. Return the list of the errors of the
# single steps, each $\max |a - b| / \max |b|$.


# %%
def forced_errors(ours, theirs, start, steps):
    return ...  # your code: a list of numbers


check("19.forced_errors", forced_errors)

# %% [markdown]
# ## How the proof is really done
#
# The parts, in the order of what they can find:
#
# 1. **Exact.** Whole numbers, as above: kernels and formulas to the last bit. The formulas also run
#    on fractions, so that a gradient is compared with the true derivative.
# 2. **Bounded.** Random numbers against $\gamma$.
# 3. **Equal to Keras, name by name.** For each public name there is a list of cases, with strides,
#    odd sizes, masks, ties and NaN among them, run in float64 with a bound of 1e-12; a case with
#    another bound says why. Beyond these the tests draw arguments at random (Hypothesis).
# 4. **Steps.** Optimizers are compared forced, with all their states; short runs free.
# 5. **The tests are tested.** A program plants small faults in the library, one at a time, and sees
#    whether some test fails: a test that can't fail proves nothing. `docs/mutation.md` says how
#    many are found, and lists those that are not.
#
# Here is a piece of the third part, run now:

# %%
with precision("float64"):
    for family in ("activations", "convolution_layers"):
        cases = cases_of(family)
        inside = sum(case.error() <= case.bound for case in cases)
        print(f"{family:18} {inside} of {len(cases)} comparisons within their bound")

# %% [markdown]
# And a network of your own, in one line: `reference.compare(model, x, y)` gives the table of all
# its layers, and the loss.

# %%
with precision("float64"):
    model = network(0.1)
    errors = reference.compare(model, pixels[:32], labels[:32])
print("largest error of any quantity of any layer below 1e-13:", errors["error"].max() < 1e-13)
print(list(errors["quantity"].unique()))

# %% [markdown]
# ## What you know now
#
# - Sums in different orders round differently, so right programs differ: by about $\sqrt n\,u$, and
#   never by more than $\gamma_n$, of the sum of the sizes.
# - Whole numbers take rounding out, and then the bits have to be equal.
# - The error is measured against the largest entry; NaN and ∞ are compared by place.
# - A mistake smaller than the rounding of float32 is visible in float64 only.
# - Compare one layer at a time, one quantity at a time, and one step at a time: then what is red
#   names the fault.
# - Free training runs drift apart without any mistake. Forced steps do not.
#
# Solutions: `notebooks/solutions/19_proof_against_keras.py`. Next: what the compiled kernels do,
# which have been held to all this.
#
# **Sources.** Higham, *Accuracy and stability of numerical algorithms*, 2nd edition (2002),
# chapters 2 to 4; Goldberg, *What every computer scientist should know about floating-point
# arithmetic* (1991); Cohen, Kaur, Li, Kolter, Talwalkar, *Gradient descent on neural networks
# typically occurs at the edge of stability* (2021).
