# %% [markdown]
# # 09 · Activations and initialisation
#
# A network of twenty layers is built, and nothing has been learned yet. Already now it may be too
# late. If each layer makes numbers a little smaller, nothing arrives at the end, and no gradient
# comes back; if each makes them a little larger, both overflow. Which weights and which activation
# keep a signal alive? You will
#
# - guess what twenty harmless layers do to a signal,
# - watch the variance through depth, forwards and backwards, and find the scale that keeps it,
# - derive that scale for a dense layer, a convolution and a leaky ReLU,
# - draw eight activations with their slopes, and write the gradient of one,
# - see units saturate and die,
# - and train twenty layers with Keras's default weights, and with better ones.
#
# You need the chain rule, and what variance is.

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import activations, initializers, inspection, layers, optimizers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.initializers.variance_scaling import VarianceScaling, compute_fans
from scratchnet.ops import formulas
from scratchnet.visualization import compare_runs, layer_histograms, style, variance_through_depth
from scratchnet.visualization.colours import BLUE, ORANGE, PALE

start()

# %% [markdown]
# ## Predict
#
# Twenty dense layers with ReLU, 500 units each, no biases. The weights are drawn with mean 0 and
# variance $1/500$, so that a sum of 500 products has the variance of its inputs. The input has
# variance 1. **What is the variance of the sums in the last layer, about?** Choose 1, 1e-3, 1e-6 or
# 1e-12.

# %%
my_variance = ...
check("09.after_twenty", my_variance)

# %% [markdown]
# On the way back a gradient is multiplied with the slope of each activation. **What is the largest
# slope that the sigmoid $\sigma(x) = 1/(1 + e^{-x})$ has anywhere?**

# %%
my_slope = ...
check("09.steepest_slope", my_slope)

# %% [markdown]
# A convolution has a kernel of shape (3, 3, 16, 32). **How many products does it add up for one
# number of its output?**

# %%
my_count = ...
check("09.products", my_count)

# %% [markdown]
# ## Watch
#
# Ten layers of 256 units. Layer $l$ computes $z_l = x_l w_l$ and $x_{l+1} = f(z_l)$, and the
# weights are drawn with the standard deviation $g/\sqrt{256}$. The number $g$ is called the *gain*.
# Each row of the strip is a network with another gain, each cell shows the variance of $z_l$. With
# `direction="backward"` random numbers are put in at the top as a gradient, and the cells show the
# variance of $\partial L/\partial z_l$: read these rows from right to left.
#
# Which gain keeps one colour from end to end? Is it the same for every activation?


# %%
def signals(name, gain, depth=10, width=256, samples=64):
    """z and ∂L/∂z of each layer, for a random input and a random gradient at the end."""
    rng = np.random.default_rng(9)
    activation = activations.get(name)
    x = rng.standard_normal((samples, width))
    z, kept, kernels = [], [], []
    for _ in range(depth):
        kernels.append(gain / np.sqrt(width) * rng.standard_normal((width, width)))
        z.append(x @ kernels[-1])
        x, needed = activation.forward(z[-1])
        kept.append(needed)
    dy, dz = rng.standard_normal(x.shape), []
    for kernel, needed in zip(kernels[::-1], kept[::-1], strict=True):
        dz.append(activation.gradient(dy, needed))
        dy = dz[-1] @ kernel.T
    return z, dz[::-1]


gains = {"1": 1.0, "√2": np.sqrt(2), "2": 2.0}


def draw_strip(activation, direction):
    rows = {}
    for text, gain in gains.items():
        forward, backward = signals(activation, gain)
        shown = forward if direction == "forward" else backward
        rows[f"gain {text}"] = [each.var() for each in shown]
    quantity = "variance of z" if direction == "forward" else "variance of ∂L/∂z"
    return variance_through_depth(rows, quantity)


interact_with_fallback(
    draw_strip,
    fallback=[
        {"activation": "relu", "direction": "forward"},
        {"activation": "relu", "direction": "backward"},
        {"activation": "sigmoid", "direction": "backward"},
    ],
    activation=["linear", "relu", "tanh", "sigmoid", "silu", "selu"],
    direction=["forward", "backward"],
)

# %% [markdown]
# With ReLU the gain $\sqrt 2$ keeps both directions, but for some drift by chance, which is smaller
# the more units there are; 1 and 2 lose or win a factor of about $2^9$ from the first to the last
# of only ten layers. With the sigmoid all three gains lose the gradient. (Try tanh: there the gain
# 1 is close, and what is wrong grows slowly.) It is time to find out why.
#
# ## The formulas
#
# One number of a layer before its activation is a sum over its $n_\text{in}$ inputs:
#
# $$ z_j \;=\; \sum_{i=1}^{n_\text{in}} x_i\, w_{ij} $$
#
# The weights are independent of each other and of $x$, and have mean 0. Then $x_i w_{ij}$ has mean
# 0 and variance $\mathrm{E}[x_i^2] \cdot \mathrm{Var}(w)$, and variances of uncorrelated terms add
# up:
#
# $$ \mathrm{Var}(z) \;=\; n_\text{in} \cdot \mathrm{Var}(w) \cdot \mathrm{E}[x^2] $$
#
# Note the $\mathrm{E}[x^2]$. It is not the variance of $x$: behind a ReLU $x$ has a mean, and the
# mean counts. If the $z$ of the layer below is symmetric about 0, ReLU throws away one half of
# $z^2$ and leaves the other:
#
# $$ \mathrm{E}[\mathrm{relu}(z)^2] \;=\; \tfrac12 \mathrm{Var}(z) $$
#
# To have $\mathrm{Var}(z)$ the same in each layer, the two must cancel. This is **He's**
# initialisation, for ReLU, and without the half it is **LeCun's**:
#
# $$
# \text{He:}\quad \mathrm{Var}(w) = \frac{2}{n_\text{in}},
# \qquad\qquad
# \text{LeCun:}\quad \mathrm{Var}(w) = \frac{1}{n_\text{in}}.
# $$
#
# Backwards, $dx_i = \sum_j dz_j\, w_{ij}$ is a sum over the $n_\text{out}$ units that read $x_i$.
# The same argument asks for $1/n_\text{out}$. Both wishes can't be granted unless the layer is
# square. **Glorot** takes the mean of the two numbers:
#
# $$ \text{Glorot:}\quad \mathrm{Var}(w) = \frac{2}{n_\text{in} + n_\text{out}} $$
#
# It was made for tanh, which near 0 is nearly the identity. How bad is it to grant only one wish?
# Not very: over a stack of layers the factors $n_\text{out}/n_\text{in}$ of the other direction
# multiply to one ratio, that of the last width to the first, and do not grow with depth. A wrong
# gain does: it is raised to the power of the depth.
#
# In a convolution, one number of the output is a sum over all taps and channels of a window, and
# one pixel is read through all taps by all filters. So for a kernel `(KH, KW, C, F)`
#
# $$ n_\text{in} = KH \cdot KW \cdot C, \qquad n_\text{out} = KH \cdot KW \cdot F. $$
#
# (With a stride a pixel is read through fewer taps. The usual formulas leave that out, and so do
# Keras's.)

#
# ## Write the deviation
#
# `shape` is the shape of a kernel, of a dense layer or of a convolution, and `scheme` is `"he"`,
# `"glorot"` or `"lecun"`. The result is the standard deviation that the weights should have.


# %%
def weight_deviation(shape, scheme):
    return ...  # your code


check("09.weight_deviation", weight_deviation)

# %% [markdown]
# And ours. `scale` is 1 for Glorot and LeCun and 2 for He; `mode` says which number is $n$.

# %%
show_source(compute_fans, VarianceScaling.__call__)

# %% [markdown]
# ## Another activation
#
# A leaky ReLU has the slope $a$ where $z$ is negative: $f(z) = z$ for $z > 0$, else $a z$. How much
# of $\mathrm{E}[z^2]$ does it let through, and which standard deviation of the weights makes up for
# that? Check your formula on paper with $a = 0$, which is ReLU, and with $a = 1$, which is nothing.


# %%
def leaky_deviation(fan_in, slope):
    return ...  # your code


check("09.leaky_deviation", leaky_deviation)

# %% [markdown]
# Now choose. Three deep networks, with ReLU, with tanh, and with SELU, which was constructed for
# $\mathrm{Var}(w) = 1/n_\text{in}$. **Which initialisation goes with each?** Answer with three
# words, each one of `"he"`, `"glorot"`, `"lecun"`.

# %%
my_choice = ...  # ("…", "…", "…") for relu, tanh, selu
check("09.choice", my_choice)

# %% [markdown]
# ## Cut off at two deviations
#
# A normal distribution now and then draws a weight four deviations away. Keras's `he_normal` and
# its relatives draw again what lies beyond ±2 deviations. What is left is narrower:

# %%
rng = np.random.default_rng(9)
drawn = rng.standard_normal(1_000_000)
left = drawn[np.abs(drawn) <= 2]
print(f"deviation of all          {drawn.std():.3f}")
print(f"deviation of what is left {left.std():.3f}")

# %% [markdown]
# Exactly, with $\varphi$ the density and $\Phi$ the distribution function of the standard normal,
# the variance of what lies within $\pm c$ is
#
# $$ 1 - \frac{2\,c\,\varphi(c)}{2\,\Phi(c) - 1}, $$
#
# and for $c = 2$ its root is $0.87962566$. This is the constant `_TRUNCATED_DEVIATION` of the
# source above: the deviation is divided by it **before** the cut, so that after it the variance is
# as wanted. Without that, the variance would fall in twenty layers by a factor of
# $0.88^{40} = 0.006$. `TruncatedNormal`, whose deviation you choose, does not correct it.

# %%
for initializer in (initializers.HeNormal(seed=1), initializers.TruncatedNormal(0, 0.1, seed=1)):
    weights = initializer((200, 1000))  # for He, a deviation of √(2/200) = 0.1
    kind = type(initializer).__name__
    print(f"{kind:15} deviation {weights.std():.4f}, largest {np.abs(weights).max():.3f}")

# %% [markdown]
# ## The activations and their slopes
#
# What a unit lets through on the way back is the slope at its $z$. Solid is $f(z)$, dashed $f'(z)$.

# %%
names = ["relu", "leaky_relu", "elu", "selu", "silu", "gelu", "tanh", "sigmoid"]
grid = np.linspace(-4, 4, 401)
with style():
    figure, panels = plt.subplots(2, 4, figsize=(9, 4.4), layout="constrained", sharex=True)
    for name, panel in zip(names, panels.flat, strict=True):
        activation = activations.get(name)
        y, kept = activation.forward(grid)
        slope = activation.gradient(np.ones_like(grid), kept)
        panel.axhline(0, color=PALE, linewidth=0.8)
        panel.axvline(0, color=PALE, linewidth=0.8)
        panel.plot(grid, y, color=BLUE, label="f")
        panel.plot(grid, slope, color=ORANGE, linestyle="--", label="slope")
        panel.set_title(name, fontsize=10)
        panel.set(ylim=(-2.1, 3), xticks=[-4, -2, 0, 2, 4])
    panels[0, 0].legend(loc="upper left", fontsize=9)
plt.close(figure)
figure

# %% [markdown]
# - **Sigmoid**: the slope is nowhere above 1/4. Through ten of them a gradient loses at least a
#   factor of a million, if the weights do not win it back.
# - **Tanh**: slope 1 at 0, so a network of small numbers is nearly linear; but both ends are flat.
# - **ReLU**: slope 0 or 1. What is on passes its gradient on undiminished, what is off passes
#   nothing.
# - **Leaky ReLU, ELU, SELU**: not flat on the left, or only far out. SELU's two constants are such
#   that mean 0 and variance 1 reproduce themselves.
# - **SiLU and GELU**: $z$ times a gate between 0 and 1. They are smooth, and they are not monotone:
#   left of about $-1$ the slope is negative.
#
# The formula of the SiLU is $f(z) = z\,\sigma(z)$, and its slope follows from the product rule and
# from $\sigma' = \sigma\,(1 - \sigma)$.
#
# ## Write the gradient of the SiLU
#
# `dy` is $\partial L/\partial y$ and `x` the input of the activation, of one shape. Some of the
# inputs are near ±1000, so mind what the sigmoid does with them.


# %%
def silu_gradient(dy, x):
    return ...  # your code


check("09.silu_gradient", silu_gradient)

# %%
show_source(formulas.sigmoid, formulas.silu, formulas.silu_backward)

# %% [markdown]
# ## Saturated
#
# The network of above with tanh and two gains, its first five layers. With the gain 1 the numbers
# are where tanh has a slope. With the gain 4 most sit at the ends:


# %%
def draw_histograms(gain):
    z, _ = signals("tanh", gain, depth=5)
    return layer_histograms({f"layer {i + 1}": np.tanh(each) for i, each in enumerate(z)})


interact_with_fallback(draw_histograms, fallback=[{"gain": 1}, {"gain": 4}], gain=(1, 6))

# %%
for gain in (1, 2, 4):
    z, dz = signals("tanh", gain)
    slopes = 1 - np.tanh(z[-1]) ** 2
    print(
        f"gain {gain}: slope below 0.1 in {(slopes < 0.1).mean():3.0%} of the last layer; "
        f"gradient of the first layer {dz[0].std() / dz[-1].std():.2g} times the last one's"
    )

# %% [markdown]
# Two things are wrong with large gains, and the second one is often forgotten. Most units are
# *saturated*: they do not react to a small change. Those that do react have large weights behind
# them, and through these the gradient grows from layer to layer. A saturated random network does
# not only learn slowly, it is also rugged.
#
# ## Dead
#
# A ReLU that is negative for **every** sample outputs 0 for all of them, and its slope is 0 for all
# of them. So the gradient of its weights is exactly 0, and no step changes them again: it is
# *dead*. Usually a step that was too large has pushed it there. Here is one hidden layer of 100
# units on 1000 photos of clothes: ten steps with some learning rate, and then three careful
# epochs with a small one.

# %%
(photos, targets), _ = sn.datasets.fashion_mnist.load_data()
pixels = photos[:1024].reshape(1024, -1) / np.float32(255)
labels = targets[:1024].astype(int)


def dead_units(model, x):
    """The share of hidden units that are 0 for all samples."""
    return (model.layers[0](x) == 0).all(axis=0).mean()


for rate in (0.1, 0.3, 0.5, 1.0):
    sn.set_random_seed(1)
    model = sn.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(100, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizers.SGD(rate), "sparse_categorical_crossentropy")
    model.fit(pixels[:320], labels[:320], batch_size=32, verbose=0)
    at_first = dead_units(model, pixels[:1000])
    model.optimizer.learning_rate = 0.02
    model.fit(pixels[:1000], labels[:1000], epochs=3, batch_size=50, verbose=0)
    at_last = dead_units(model, pixels[:1000])
    print(f"learning rate {rate}: {at_first:3.0%} dead after ten steps, {at_last:3.0%} at the end")

# %% [markdown]
# None has come back. A layer of 100 units with three quarters dead is a layer of 25, and nothing in
# the loss curve says so. (In a deeper layer a unit may come back by luck, when the layers below it
# move.) `inspection.layer_statistics` shows the share of zeros in each layer; half of them is
# normal behind a ReLU, and much more is a reason to look.
#
# ## Does it matter?
#
# Twenty dense layers of 64 units with ReLU, the same data, the same steps. Only the first weights
# differ: `glorot_uniform` is what a Keras layer takes if you say nothing, and `random_normal` has a
# deviation of 0.05, however large the layer is.

# %%
x = (pixels - pixels.mean()) / pixels.std()
histories = {}
for name in ("he_normal", "glorot_uniform", "random_normal"):
    sn.set_random_seed(1)
    hidden = [layers.Dense(64, activation="relu", kernel_initializer=name) for _ in range(19)]
    top = layers.Dense(10, activation="softmax", kernel_initializer=name)
    model = sn.Sequential([layers.Input((784,)), *hidden, top])
    model.compile(optimizers.SGD(0.02), "sparse_categorical_crossentropy")
    rows = inspection.layer_statistics(model, x[:128], labels[:128])
    first, last = rows[0].gradient_norm, rows[18].gradient_norm
    print(f"{name:14} gradient norm, first layer {first:.0e}, last hidden layer {last:.0e}")
    histories[name] = model.fit(x, labels, epochs=7, batch_size=64, verbose=0)

compare_runs(histories, metric="loss")

# %% [markdown]
# Keras's default has not learned anything in seven epochs: $\log 10 = 2.30$ is the loss of a guess.
# The gain of Glorot is 1 here, and ReLU needs $\sqrt 2$. In twenty layers the difference is
# $2^{-10}$, a thousandth: compare the gradient norms above the picture. In a network of three
# layers nobody would notice.
#
# ## The same in Keras
#
# Keras draws other random numbers, so what can be compared is their spread: 200 000 weights each,
# the deviation that they have, and the one of the formula.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

shape = (5, 5, 80, 100)
fan_in, fan_out = compute_fans(shape)
for name, variance in [
    ("he_normal", 2 / fan_in),
    ("he_uniform", 2 / fan_in),
    ("glorot_normal", 2 / (fan_in + fan_out)),
    ("glorot_uniform", 2 / (fan_in + fan_out)),
    ("lecun_normal", 1 / fan_in),
]:
    config = {"class_name": initializers.get(name).__class__.__name__, "config": {"seed": 1}}
    ours = initializers.deserialize(config)(shape)
    theirs = np.asarray(keras.initializers.deserialize(config)(shape))
    print(
        f"{name:15} formula {variance**0.5:.4f}, largest of scratchnet {np.abs(ours).max():.3f}, "
        f"of Keras {np.abs(theirs).max():.3f}; within 1% of the formula: "
        f"{all(abs(w.std() / variance**0.5 - 1) < 0.01 for w in (ours, theirs))}"
    )

# %% [markdown]
# The activations have no random numbers. Here are values and slopes, which TensorFlow derives, at
# 1000 places from −30 to 30:

# %%
z = np.linspace(-30, 30, 1000)
for name in names:
    activation = activations.get(name)
    y, kept = activation.forward(z)
    slope = activation.gradient(np.ones_like(z), kept)
    tensor = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        their_y = keras.activations.get(name)(tensor)
    their_slope = tape.gradient(their_y, tensor).numpy()
    y_error = np.abs(y - their_y.numpy()).max() / np.abs(their_y.numpy()).max()
    slope_error = np.abs(slope - their_slope).max() / np.abs(their_slope).max()
    print(f"{name:10} errors of value and slope below 1e-14: {max(y_error, slope_error) < 1e-14}")

# %% [markdown]
# ## What you know now
#
# - A layer multiplies the mean square of its signals by $n_\text{in} \mathrm{Var}(w)$ times what
#   the activation lets through. Whatever is not 1 is raised to the power of the depth.
# - ReLU lets through one half: He's $2/n_\text{in}$. Tanh near 0 lets through all: Glorot's
#   $2/(n_\text{in} + n_\text{out})$, a compromise of both directions.
# - The taps of a convolution count: $n_\text{in}$ is the number of products in a sum.
# - Flat parts stop gradients. A sigmoid is flat nearly everywhere, a ReLU on one half, and a unit
#   that is on the flat half for all samples is dead.
# - A loss that stays at $\log C$ for $C$ classes in a deep network: look at the gradient norms of
#   the layers first.
#
# Solutions: `notebooks/solutions/09_activations_and_initialisation.py`. Next: what to do with a
# gradient that has arrived: optimizers.
#
# **Sources.** Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural
# networks* (2010); He, Zhang, Ren, Sun, *Delving deep into rectifiers* (2015), section 2.2; LeCun,
# Bottou, Orr, Müller, *Efficient BackProp* (1998), section 4.6; Klambauer, Unterthiner, Mayr,
# Hochreiter, *Self-normalizing neural networks* (2017); Goodfellow, Bengio, Courville, *Deep
# Learning* (2016), sections 6.3 and 8.4.
