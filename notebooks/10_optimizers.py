# %% [markdown]
# # 10 · Optimizers
#
# A gradient says which way is down. It does not say **how far to go**. Plain gradient descent lets
# one number decide that for all weights, momentum asks the past, and Adam divides by what is usual
# for each weight. You will
#
# - guess when descent runs away, and how long the first step of Adam is,
# - race optimizers in a ravine and over a saddle, with sliders,
# - write momentum as textbooks have it, and find the learning rate that makes it Keras's,
# - write Adam, with the correction that is most often got wrong,
# - and measure which of them minds a wrong learning rate least.
#
# You need to know what a gradient is; the surfaces here have two weights, $x$ and $y$.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import layers, optimizers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.optimizers.adam import adam_step, corrected_rate, follow
from scratchnet.visualization import RAVINE, SADDLE, optimizer_paths, style, walk
from scratchnet.visualization.colours import GREY, line_look

start()

# %% [markdown]
# ## Predict
#
# The ravine $f(x, y) = x^2/20 + y^2$ is twenty times steeper in $y$ than in $x$. Plain descent
# makes $p - \mathrm{lr} \cdot g$ of each weight $p$, with $g$ its derivative. **Above which
# learning rate does it run away?**

# %%
my_rate = ...
check("10.largest_rate", my_rate)

# %% [markdown]
# Keras's `SGD(0.1, momentum=0.9)` on a slope whose gradient is 1 everywhere. The steps grow at
# first. **How long are they in the end?**

# %%
my_step = ...
check("10.steady_step", my_step)

# %% [markdown]
# `Adam(0.1)` sees its first gradient, and it is 1000. **By how much does it change the weight?**

# %%
my_first = ...
check("10.first_step", my_first)

# %% [markdown]
# ## Watch: the ravine
#
# Three kinds of descent with the same learning rate; $\beta$ is for both kinds of momentum. Start
# with small learning rates. Which direction keeps plain descent slow, and which one makes it run
# away?


# %%
SURFACES = {"ravine": RAVINE, "saddle": SADDLE}


def draw_paths(surface, racers):
    figure = optimizer_paths(SURFACES[surface], racers)
    figure.set_dpi(76)
    return figure


def draw_descent(surface, learning_rate, beta):
    racers = {
        "plain": optimizers.SGD(learning_rate),
        "momentum, Keras": optimizers.SGD(learning_rate, momentum=beta),
        "momentum, textbook": optimizers.Momentum(learning_rate, beta),
    }
    return draw_paths(surface, racers)


interact_with_fallback(
    draw_descent,
    fallback=[
        {"surface": "ravine", "learning_rate": 0.1, "beta": 0.9},
        {"surface": "ravine", "learning_rate": 1.05, "beta": 0.5},
    ],
    surface=list(SURFACES),
    learning_rate=[0.01, 0.03, 0.1, 0.2, 0.5, 0.9, 1.05],
    beta=(0.0, 0.95, 0.05),
)

# %% [markdown]
# ## Descent, direction by direction
#
# In the ravine each direction is alone. With a curvature $\lambda$ the gradient is $\lambda p$
# (here 0.1 for $x$ and 2 for $y$), and a step makes
#
# $$ p \;\leftarrow\; p - \mathrm{lr} \cdot \lambda p \;=\; (1 - \mathrm{lr} \cdot \lambda)\, p $$
#
# of it. It shrinks as long as $\mathrm{lr} < 2/\lambda$. The steepest direction sets the limit, and
# the flattest has to live with it. What counts is their quotient $\kappa = \lambda_{\max} /
# \lambda_{\min}$, here 20: with the best learning rate, a step of plain descent multiplies the
# distance to the minimum by $(\kappa - 1)/(\kappa + 1)$.
#
# Momentum remembers. In $y$ the gradients change sign and cancel each other; in $x$ they agree and
# add up. At best that factor is about $(\sqrt{\kappa} - 1)/(\sqrt{\kappa} + 1)$. With both at their
# best:

# %%
flat, steep = 0.1, 2.0
kappa = steep / flat
best = {
    "plain": optimizers.SGD(2 / (flat + steep)),
    "momentum": optimizers.SGD(
        4 / (np.sqrt(flat) + np.sqrt(steep)) ** 2,
        momentum=((np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)) ** 2,
    ),
}
for name, optimizer in best.items():
    height = RAVINE.function(*walk(optimizer, RAVINE, 200).T)
    steps = np.argmax(height < 1e-6 * height[0])
    print(f"{name:9} reaches a millionth of the first height after {steps} steps")

# %% [markdown]
# ## Two forms of momentum
#
# Textbooks write an average of the gradients; Keras's SGD writes a velocity, in which they add up:
#
# $$
# \text{textbook:}\quad v \leftarrow \beta v + (1 - \beta)\, g, \quad p \leftarrow p - \mathrm{lr}
# \cdot v
# \qquad\qquad
# \text{Keras:}\quad m \leftarrow \beta m - \mathrm{lr} \cdot g, \quad p \leftarrow p + m
# $$
#
# Both $v$ and $m$ begin at 0. Write the textbook form. `p` is `(D,)`, and `gradients` is `(T, D)`,
# those of $T$ steps in order; return `p` after them.


# %%
def momentum(p, gradients, learning_rate, beta):
    return ...  # your code


check("10.momentum", momentum)

# %% [markdown]
# With $m = -\mathrm{lr} \cdot v$ the one turns into the other, up to a factor. scratchnet has both,
# `Momentum` and `SGD`. **With which learning rate does `SGD(…, momentum=0.9)` take the same path as
# `Momentum(0.5, beta=0.9)`?**

# %%
my_keras_rate = ...
check("10.keras_rate", my_keras_rate)

# %%
show_source(optimizers.Momentum.update, optimizers.SGD.update)

# %% [markdown]
# So who copies a learning rate from a book into Keras and keeps $\beta = 0.9$ goes ten times as
# far. One difference remains even with the right factor. Keras's $m$ holds learning rates of the
# past. Let both fall to 0 after 20 steps:

# %%
stop = {
    form: optimizers.schedules.PiecewiseConstantDecay([19], [rate, 0.0])
    for form, rate in {"textbook": 0.5, "Keras": 0.05}.items()
}
paths = {
    "textbook": walk(optimizers.Momentum(stop["textbook"], beta=0.9), RAVINE, 60),
    "Keras": walk(optimizers.SGD(stop["Keras"], momentum=0.9), RAVINE, 60),
}
apart = np.abs(paths["textbook"][:21] - paths["Keras"][:21]).max()
print(f"the same path for 20 steps: {apart < 1e-6}")
for form, path in paths.items():
    print(
        f"{form:8} goes {np.linalg.norm(path[60] - path[20]):.1f} further without any learning rate"
    )

# %% [markdown]
# ## An average that begins at 0
#
# Momentum's $v$ is small at first, for it begins at 0: after $T$ gradients their shares in it add
# up to
#
# $$ (1 - \beta)\,(1 + \beta + \dots + \beta^{T - 1}) \;=\; 1 - \beta^T. $$
#
# Divide by that, and the shares add up to 1: this is the **bias correction**,
# $\hat{v} = v / (1 - \beta^T)$. Write it for a mean: `gradients` is `(T, D)`, the result `(D,)`.


# %%
def corrected_mean(gradients, beta):
    return ...  # your code


check("10.corrected_mean", corrected_mean)

# %% [markdown]
# ## Adam
#
# Adam keeps two such means for each weight, of the gradient $g$ and of its square, and divides the
# one by the root of the other. In step $t = 1, 2, \dots$
#
# $$
# \begin{aligned}
# m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, & \hat{m} &= m / (1 - \beta_1^t), \\
# v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2, & \hat{v} &= v / (1 - \beta_2^t),
# \end{aligned}
# \qquad
# p \leftarrow p - \mathrm{lr} \cdot \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon}
# $$
#
# Multiply the loss by 1000: $\hat{m}$ and $\sqrt{\hat{v}}$ both grow by 1000, and the step stays as
# it was. If the gradients of a weight agree, the step is about lr. If they contradict each other,
# $\hat{m}$ is small beside $\sqrt{\hat{v}}$, and so is the step. Hence lr is a length here, about
# the longest step, and no longer a factor of the gradient.
#
# Watch what the correction does at the beginning. The gradients are 1 with some noise. On the left
# are the means; on the right is the length of a step, in units of lr. With the usual $\beta_2 =
# 0.999$ the uncorrected step is too **long**, for $v$ stays small much longer than $m$.


# %%
def draw_beginning(beta_1, beta_2):
    rng = np.random.default_rng(10)
    gradients = 1 + 0.3 * rng.standard_normal(120)
    t = np.arange(1, 121)
    means = []
    for beta, values in ((beta_1, gradients), (beta_2, gradients**2)):
        mean, found = 0.0, []
        for value in values:
            mean = beta * mean + (1 - beta) * value
            found.append(mean)
        means.append(np.array(found))
    m, v = means
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    lines = {"m": m, "√v": np.sqrt(v), "m̂": m_hat, "√v̂": np.sqrt(v_hat)}
    lengths = {"m / √v": m / np.sqrt(v), "m̂ / √v̂": m_hat / np.sqrt(v_hat)}
    with style():
        figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
        for panel, curves, title in zip(
            panels, (lines, lengths), ("the means", "length of a step"), strict=True
        ):
            for k, (name, values) in enumerate(curves.items()):
                panel.plot(t, values, label=name, **line_look(k) | {"markevery": 20})
            panel.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
            highest = max(values.max() for values in curves.values())
            panel.set(xlabel="step t", ylim=(0, 1.35 * highest))
            panel.set_title(title, fontsize=10)
            panel.legend(loc="upper center", ncols=len(curves))
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_beginning,
    fallback=[{"beta_1": 0.9, "beta_2": 0.999}, {"beta_1": 0.9, "beta_2": 0.9}],
    beta_1=[0.0, 0.5, 0.9, 0.99],
    beta_2=[0.9, 0.99, 0.999],
)

# %% [markdown]
# ## Write Adam
#
# As in the formula above. `p` is `(D,)`, `gradients` is `(T, D)`; return `p` after the $T$ steps.


# %%
def adam(p, gradients, learning_rate, beta_1, beta_2, epsilon):
    return ...  # your code


check("10.adam", adam)

# %% [markdown]
# And here is ours, which works in place and follows Keras. Keras draws both corrections into the
# learning rate, $\alpha = \mathrm{lr} \sqrt{1 - \beta_2^t} / (1 - \beta_1^t)$, as the paper does at
# the end of its section 2. It is the same but for one thing: $\varepsilon$ now stands beside
# $\sqrt{v}$, not beside $\sqrt{\hat{v}}$.

# %%
show_source(adam_step, corrected_rate, follow)

# %% [markdown]
# ## Watch: the race
#
# Now those that divide. RMSprop is Adam without the mean of $g$, and without corrections. A saddle
# is flat in the middle and lower on both sides; the gradient in $y$ is tiny at first, which does
# not matter to them. In the ravine look at the end of the curves: where gradients get small the
# division makes them large again, and RMSprop jumps about the minimum with steps of about lr. A
# learning rate that falls cures that.


# %%
def draw_race(surface, learning_rate, beta):
    racers = {
        "plain": optimizers.SGD(learning_rate),
        "momentum": optimizers.SGD(learning_rate, momentum=beta),
        "RMSprop": optimizers.RMSprop(learning_rate),
        "Adam": optimizers.Adam(learning_rate, beta_1=beta),
    }
    return draw_paths(surface, racers)


interact_with_fallback(
    draw_race,
    fallback=[
        {"surface": "saddle", "learning_rate": 0.1, "beta": 0.9},
        {"surface": "ravine", "learning_rate": 0.3, "beta": 0.9},
    ],
    surface=list(SURFACES),
    learning_rate=[0.01, 0.03, 0.1, 0.3, 1.0],
    beta=(0.0, 0.95, 0.05),
)

# %% [markdown]
# That the size of the loss does not matter can be measured. The same ravine, a thousand times as
# deep:

# %%
deep = replace(
    RAVINE,
    function=lambda x, y: 1000 * RAVINE.function(x, y),
    gradient=lambda x, y: tuple(1000 * g for g in RAVINE.gradient(x, y)),
)
for name, optimizer in {"plain": optimizers.SGD(0.1), "Adam": optimizers.Adam(0.1)}.items():
    with np.errstate(over="ignore"):
        ends = [walk(optimizer, surface, 60)[-1] for surface in (RAVINE, deep)]
    same = np.abs(ends[0] - ends[1]).max() < 1e-4
    print(f"{name:5} ends at the same point: {same}")

# %% [markdown]
# ## With a network
#
# Two weights are few. Here is a network with 55,000 of them: 100 batches of 64 photos, and for each
# optimizer five learning rates, each ten times the one before.

# %%
(photos, labels), _ = sn.datasets.fashion_mnist.load_data()
x_train = photos[:1280].reshape(1280, -1) / np.float32(255)
racers = {
    "plain": optimizers.SGD,
    "momentum, Keras": lambda rate: optimizers.SGD(rate, momentum=0.9),
    "momentum, textbook": lambda rate: optimizers.Momentum(rate, beta=0.9),
    "RMSprop": optimizers.RMSprop,
    "Adam": optimizers.Adam,
}
rates = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]


def end_of(optimizer):
    sn.random.set_random_seed(0)
    hidden = [layers.Dense(64, activation="relu") for _ in range(2)]
    model = sn.Sequential([layers.Input((784,)), *hidden, layers.Dense(10, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    losses = []
    for step in range(100):
        rows = np.arange(64 * step, 64 * step + 64) % 1280
        losses.append(model.train_on_batch(x_train[rows], labels[rows]))
    return np.mean(losses[-20:])


with np.errstate(all="ignore"):  # what runs away may overflow
    ends = {name: [end_of(make(rate)) for rate in rates] for name, make in racers.items()}

with style():
    figure, axes = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
    for k, (name, losses) in enumerate(ends.items()):
        axes.plot(rates, losses, label=name, **line_look(k))
    axes.axhline(np.log(10), color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss after 100 batches", ylim=(0, 2.7))
    axes.set_title("dotted: log 10, the loss of guessing", fontsize=10)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.close(figure)
figure

# %% [markdown]
# The two forms of momentum have one curve, moved by a factor of ten. The valleys of Adam and
# RMSprop lie ten to a hundred times further left than that of plain descent, for their rate is a
# length. To the left of a valley training is slow, to the right it falls apart.
#
# Which one minds a wrong rate least? Plain descent minds most: only one of its five rates ends
# below 1. Each of the others has two such rates, a factor of ten apart. The lowest points of the
# valleys, Adam's at the bottom, differ by 0.3; a factor of ten beyond the good rates costs about 1
# or more. So look for a better learning rate before you look for a better optimizer.
#
# ## The same in Keras
#
# Keras's optimizers walk through the same ravine in float64, 60 steps, and each path is compared
# with ours point by point. For the textbook form Keras needs the learning rate of the exercise.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras


def walk_in_keras(optimizer, steps=60):
    point = keras.Variable(np.array(RAVINE.start), dtype="float64")
    path = [point.numpy()]
    for _ in range(steps):
        gradient = keras.ops.convert_to_tensor(np.array(RAVINE.gradient(*path[-1])), "float64")
        optimizer.apply([gradient], [point])
        path.append(point.numpy())
    return np.array(path)


theirs = keras.optimizers
pairs = {
    "SGD": (optimizers.SGD(0.1), theirs.SGD(0.1)),
    "momentum": (optimizers.SGD(0.1, momentum=0.9), theirs.SGD(0.1, momentum=0.9)),
    "Nesterov": (
        optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        theirs.SGD(0.1, momentum=0.9, nesterov=True),
    ),
    "RMSprop": (optimizers.RMSprop(0.1), theirs.RMSprop(0.1)),
    "Adam": (optimizers.Adam(0.1), theirs.Adam(0.1)),
    "textbook": (optimizers.Momentum(0.5, beta=0.75), theirs.SGD(0.125, momentum=0.75)),
}
for name, (ours, other) in pairs.items():
    mine, path = walk(ours, RAVINE, 60), walk_in_keras(other)
    error = np.abs(mine - path).max() / np.abs(path).max()
    print(f"{name:9} relative error below 1e-12: {error < 1e-12}")

# %% [markdown]
# ## What you know now
#
# - Plain descent runs away above $2/\lambda_{\max}$, and crawls along the flattest direction.
# - Momentum adds up what agrees and cancels what does not. Keras's learning rate is $(1 - \beta)$
#   times the textbook's.
# - A mean that begins at 0 is divided by $1 - \beta^t$, with $t$ from 1. In Adam this is for the
#   step only: $m$ and $v$ live on uncorrected.
# - Adam's learning rate is the length of a step. The size of the loss does not matter to it.
#
# Solutions: `notebooks/solutions/10_optimizers.py`. Next: regularisation, which changes what is
# looked for, and not how.
#
# **Sources.** Polyak, *Some methods of speeding up the convergence of iteration methods* (1964);
# Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
# learning* (2013), section 2; Kingma and Ba, *Adam: a method for stochastic optimization* (2015),
# algorithm 1 and sections 2 and 3; Goh, *Why momentum really works* (2017); Goodfellow, Bengio,
# Courville, *Deep Learning* (2016), sections 8.3 and 8.5.
