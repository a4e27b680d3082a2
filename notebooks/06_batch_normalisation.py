# %% [markdown]
# # 06 · Batch normalisation
#
# Batch normalisation gives every channel the mean 0 and the variance 1. It measures both in the
# batch that it is handed, so what it makes of an image depends on **the other images** in the
# batch. When the network predicts there may be no others, and then it uses a memory of what it
# measured in training. Nearly all trouble with this layer comes from one of these two. You will
#
# - guess what becomes of a batch of one, and of a batch of two,
# - put a photo into different company, and see it change,
# - write the layer, and the gradient through mean and variance, which is the famous one,
# - watch the moving statistics arrive late, and a good network look bad for that reason,
# - and see why a batch of one learns nothing, and what a frozen layer does.
#
# You need the chain rule, and notebook 03 for the use of $dy$.

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import layers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas
from scratchnet.visualization import style
from scratchnet.visualization.colours import BLUE, DARK, GREY, ORANGE, line_look

start()

# %% [markdown]
# ## Predict
#
# A `Dense` layer makes five numbers of a sample, and a batch normalisation follows, in training.
# **The batch has one sample. What comes out**, before any $\gamma$ and $\beta$? Answer `"same"`
# (the five numbers unchanged), `"ones"`, `"zeros"` or `"nan"`.

# %%
my_word = ...
check("06.batch_of_one", my_word)

# %% [markdown]
# Now a batch of two samples with one number each: $x = (3, 7)$ becomes $y = (-1, 1)$. The second
# one rises from 7 to 7.001. **How much does its $y$ rise?** (No $\varepsilon$, $\gamma$, $\beta$.)

# %%
my_rise = ...
check("06.pair", my_rise)

# %% [markdown]
# The memory is an average that moves by one hundredth of the way to each new batch. It begins at
# 0, and every batch has the mean 10. **After about how many batches has it reached 9?** Choose 10,
# 100, 230 or 1000.

# %%
my_count = ...
check("06.batches_until", my_count)

# %% [markdown]
# ## Watch: the company matters
#
# The ankle boot in the upper left corner is in a batch with photos of another class. The pixels are
# one channel, normalised with mean and deviation of the whole batch. Change the company: the photo
# stays what it is, and the numbers that the next layer gets do not.

# %%
(photos, labels), (test_photos, test_labels) = sn.datasets.fashion_mnist.load_data()
CLOTHES = list(sn.datasets.fashion_mnist.CLASS_NAMES)
boot = photos[labels == CLOTHES.index("Ankle boot")][0] / 255


def draw_company(others, size):
    company = photos[labels == CLOTHES.index(others)][1:size] / 255
    batch = np.concatenate([boot[None], company])[..., None]
    mean, variance = formulas.moments(batch)
    y = formulas.batch_normalization(batch, mean, variance, None, None, 1e-3)
    sheet = np.zeros((8, 28, 28))
    sheet[:size] = batch[..., 0]
    sheet = sheet.reshape(2, 4, 28, 28).swapaxes(1, 2).reshape(56, 112)
    with style():
        figure, panels = plt.subplots(
            1, 2, figsize=(7.5, 2.9), width_ratios=[2, 1.25], layout="constrained"
        )
    panels[0].imshow(sheet, cmap="gray", vmin=0, vmax=1)
    deviation = np.sqrt(variance[0])
    panels[0].set_title(f"batch: mean {mean[0]:.2f}, deviation {deviation:.2f}", fontsize=10)
    shown = panels[1].imshow(y[0, :, :, 0], cmap="gray", vmin=-1, vmax=3)
    panels[1].set_title(f"the boot: mean {y[0].mean():+.2f}", fontsize=10)
    figure.colorbar(shown, ax=panels[1], shrink=0.9)
    for panel in panels:
        panel.set(xticks=[], yticks=[])
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_company,
    fallback=[
        {"others": "Pullover", "size": 8},
        {"others": "Sandal", "size": 8},
        {"others": "Sandal", "size": 1},
    ],
    others=CLOTHES,
    size=(1, 8),
)

# %% [markdown]
# ## The formulas
#
# Let $x$ be of the shape $(N, H, W, C)$ or $(N, C)$. Each channel stands alone. All its numbers,
# from every sample, row and column, are its *cells*; say there are $m$ of them, $x_1$ to $x_m$.
#
# $$
# \mu = \frac{1}{m} \sum_i x_i,
# \qquad
# \sigma^2 = \frac{1}{m} \sum_i (x_i - \mu)^2,
# \qquad
# \hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}},
# \qquad
# y_i = \gamma\, \hat{x}_i + \beta
# $$
#
# $\varepsilon$ is small (0.001 in Keras) and keeps the root away from 0. $\gamma$ and $\beta$, one
# of each for a channel, are learned. With them the layer can give a channel any scale and any mean
# it likes, but these are now two weights, and no longer an accident of all the layers below.

# %%
show_source(formulas.moments, formulas.batch_normalization)

# %% [markdown]
# ## Write the forward pass
#
# In training. `x` is `(…, C)`, `gamma` and `beta` are `(C,)`; the result has the shape of `x`.


# %%
def normalise(x, gamma, beta, epsilon):
    return ...  # your code


check("06.normalise", normalise)

# %% [markdown]
# ## What is it for?
#
# Double all the weights of the layer below: mean and deviation double with them, and $y$ stays as
# it was (but for $\varepsilon$). A bias below is subtracted again with the mean, which is why one
# writes `use_bias=False` there. So the size of the weights matters less, and with it the choice of
# the learning rate. Here is a network of three hidden layers with and without, trained with 40
# batches of 64 photos:

# %%
x_train, x_test = (each.reshape(len(each), -1) / np.float32(255) for each in (photos, test_photos))


def network(depth, normalised=True, width=64):
    stack = [layers.Input((784,))]
    for _ in range(depth):
        stack.append(layers.Dense(width, use_bias=not normalised))
        if normalised:
            stack.append(layers.BatchNormalization())
        stack.append(layers.ReLU())
    return sn.Sequential([*stack, layers.Dense(10, activation="softmax")])


def trained(model, learning_rate, steps, batch_size):
    """The losses of the steps, on the first 1280 photos again and again."""
    model.compile(sn.optimizers.SGD(learning_rate), "sparse_categorical_crossentropy")
    losses = []
    for step in steps:
        rows = np.arange(step * batch_size, (step + 1) * batch_size) % 1280
        losses.append(model.train_on_batch(x_train[rows], labels[rows]))
    return np.array(losses)


rates = [0.03, 0.1, 0.3, 1.0]
ends = {}
for name, normalised in [("with batch normalisation", True), ("without", False)]:
    ends[name] = []
    for rate in rates:
        sn.random.set_random_seed(0)
        with np.errstate(all="ignore"):  # what diverges overflows
            ends[name].append(trained(network(3, normalised), rate, range(40), 64)[-10:].mean())

with style():
    figure, axes = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
    for number, (name, losses) in enumerate(ends.items()):
        axes.plot(rates, losses, label=name, **line_look(number))
        for rate, loss in zip(rates, losses, strict=True):
            if not np.isfinite(loss):
                axes.plot(rate, 2.2, "x", color=line_look(number)["color"], markersize=9)
                axes.annotate(
                    "overflow",
                    (rate, 2.2),
                    (-9, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                )
    axes.axhline(np.log(10), color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss at the end", ylim=(0, 2.5))
    axes.set_xticks(rates, rates)
    axes.minorticks_off()
    axes.set_title("dotted: log 10, the loss of guessing", fontsize=10)
    axes.legend(loc="lower left")
plt.close(figure)
figure

# %% [markdown]
# ## Write the gradients of $\gamma$ and $\beta$
#
# $y_i = \gamma \hat{x}_i + \beta$ in every cell, so
#
# $$ d\gamma = \sum_i dy_i\, \hat{x}_i, \qquad d\beta = \sum_i dy_i. $$
#
# `dy` has the shape of `x`, `(…, C)`; return the two arrays `(C,)`, $d\gamma$ first.


# %%
def scale_gradients(dy, x, epsilon):
    return ..., ...  # your code


check("06.scale_gradients", scale_gradients)

# %% [markdown]
# ## The gradient of the input
#
# One cell $x_i$ works in three ways: directly on its own $\hat{x}_i$, and through $\mu$ and
# $\sigma^2$ on those of all the others. Write $s = \sqrt{\sigma^2 + \varepsilon}$. The derivatives
# of the statistics are
#
# $$
# \frac{\partial \mu}{\partial x_i} = \frac{1}{m},
# \qquad
# \frac{\partial \sigma^2}{\partial x_i} = \frac{2 (x_i - \mu)}{m},
# \qquad\text{so that}\qquad
# \frac{\partial s}{\partial x_i}
# = \frac{1}{2s} \cdot \frac{2 (x_i - \mu)}{m} = \frac{\hat{x}_i}{m}.
# $$
#
# (That the mean moves does not change $\sigma^2$: the deviations from a mean add up to 0.) Now put
# them into $\hat{x}_j = (x_j - \mu)/s$:
#
# $$
# \frac{\partial \hat{x}_j}{\partial x_i}
# \;=\; \frac{1}{s} \Big( [i = j] \;-\; \frac{1}{m} \;-\; \frac{\hat{x}_j\, \hat{x}_i}{m} \Big),
# $$
#
# where $[i = j]$ is 1 if it holds, else 0. Multiply by $dy_j\,\gamma$ and add up over all $j$:
#
# $$
# dx_i \;=\; \frac{\gamma}{s} \Big( dy_i
# \;-\; \underbrace{\frac{1}{m} \sum_j dy_j}_{d\beta / m}
# \;-\; \hat{x}_i \cdot \underbrace{\frac{1}{m} \sum_j dy_j\, \hat{x}_j}_{d\gamma / m} \Big)
# $$
#
# It reads: take $dy$, remove its mean, remove its part along $\hat{x}$, and scale. What is removed
# would shift or stretch the channel, and whoever shifts or stretches it below is corrected here.
# In inference $\mu$ and $\sigma$ are constants, and only the first term is left.
#
# Write it: `dy` and `x` are `(…, C)`, `gamma` is `(C,)`, and the result has the shape of `x`.


# %%
def input_gradient(dy, x, gamma, epsilon):
    return ...  # your code


check("06.input_gradient", input_gradient)

# %%
show_source(formulas.batch_normalization_backward, formulas.batch_normalization_inference_backward)

# %% [markdown]
# Two directions out of $m$ are lost. How much of a random $dy$ gets through, as a share of what
# got through if the statistics were constants?

# %%
rng = np.random.default_rng(6)
for m in (1, 2, 3, 8, 32):
    x, dy = rng.standard_normal((2, m, 1000))  # 1000 channels of m cells
    settings = (x, *formulas.moments(x), None, 1e-9)
    full = formulas.batch_normalization_backward(dy, *settings)[0]
    direct = formulas.batch_normalization_inference_backward(dy, *settings)[0]
    share = np.sqrt(np.mean((full**2).sum(axis=0) / (direct**2).sum(axis=0)))
    print(f"m = {m:2}: {share:4.0%}")

# %% [markdown]
# With one cell nothing comes back, with two nothing either: that is the second guess from above.
# Of two numbers the larger becomes 1 and the smaller −1, and no small change of them matters. That
# is so as long as $\varepsilon$ is small beside $\sigma^2$: of the difference between the two $dy$
# the share $\varepsilon / (\sigma^2 + \varepsilon)$ gets through.
#
# ## Two sets of statistics
#
# A prediction must not depend on who else asks at the same moment. So in training the layer also
# keeps a memory, for the mean and for the variance of each channel,
#
# $$ \text{moving} \;\leftarrow\; \text{momentum} \cdot \text{moving}
# \;+\; (1 - \text{momentum}) \cdot \text{batch}, $$
#
# and in inference these numbers take the place of $\mu$ and $\sigma^2$. The mean begins at 0 and
# the variance at 1. Keras's momentum is the share of the **old**, 0.99 unless one says otherwise.
# PyTorch gives the same name to the share of the new.
#
# Write what is left after several batches: `moving` is `(C,)`, at the beginning; `batches` is
# `(T, C)`, what was measured in the batches, in order.


# %%
def moving_after(moving, batches, momentum):
    return ...  # your code


check("06.moving_after", moving_after)

# %% [markdown]
# A channel with mean 5 and deviation 2, in batches of 16. Dots are batches, the line is the
# memory. On the right is what the layer makes of the same numbers in its two modes: in training it
# is always right; in inference it is as right as its memory. The price of a small momentum is
# noise, that of a large one is time. (The memory of the variance ends a little below 4. A batch
# measures the deviations from its own mean, and the mean of their squares is on average
# $1 - 1/m = 15/16$ of the true variance. Such a variance is called *biased*.)

# %%
TRUE_MEAN, TRUE_DEVIATION = 5.0, 2.0


def draw_switch(momentum, steps):
    cells = np.random.default_rng(1).normal(TRUE_MEAN, TRUE_DEVIATION, (steps, 16, 1))
    layer = layers.BatchNormalization(momentum=momentum, dtype="float64")
    moving, measured = [(0.0, 1.0)], []
    for batch in cells:
        layer(batch, training=True)
        moving.append((layer.moving_mean.value[0], layer.moving_variance.value[0]))
        measured.append(np.ravel(formulas.moments(batch)))
    fresh = np.random.default_rng(2).normal(TRUE_MEAN, TRUE_DEVIATION, (4000, 1))
    outputs = {"inference": layer(fresh, training=False), "training": layer(fresh, training=True)}
    with style():
        figure, panels = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
        truths = {"mean": TRUE_MEAN, "variance": TRUE_DEVIATION**2}
        for k, (name, truth) in enumerate(truths.items()):
            panels[k].plot(np.arange(1, steps + 1), np.array(measured)[:, k], ".", color=ORANGE)
            panels[k].plot(np.array(moving)[:, k], color=BLUE, linewidth=2.2)
            panels[k].axhline(truth, color=DARK, linewidth=0.8, linestyle=":")
            panels[k].set(xlabel="batch")
            panels[k].set_title(f"{name}: batch and moving", fontsize=10)
            panels[k].set_ylim(0, 1.9 * truth)
        for k, (name, y) in enumerate(outputs.items()):
            look = line_look(k) | {"marker": ""}
            heights, edges = np.histogram(y, np.linspace(-4, 8, 61), density=True)
            panels[2].plot((edges[1:] + edges[:-1]) / 2, heights, label=name, **look)
        y = outputs["inference"]
        panels[2].set_title(f"inference: μ = {y.mean():.1f}, σ = {y.std():.1f}", fontsize=10)
        panels[2].set(xlabel="y", yticks=[], ylim=(0, 0.75))
        panels[2].legend(loc="upper right")
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_switch,
    fallback=[
        {"momentum": 0.99, "steps": 30},
        {"momentum": 0.99, "steps": 400},
        {"momentum": 0.5, "steps": 30},
    ],
    momentum=[0.0, 0.5, 0.9, 0.99, 0.999],
    steps=[10, 30, 100, 400],
)

# %% [markdown]
# ## A good network that looks bad
#
# This is what it does to a validation. A network of three hidden layers learns from 1280 photos,
# 20 batches an epoch. Now and then it is asked about 500 photos that it has not seen, once in
# inference as one should, and once with the statistics of these 500:

# %%
sn.random.set_random_seed(0)
model = network(3)
loss_of = sn.losses.SparseCategoricalCrossentropy()
print("batches   training   inference, moving   inference, of the batch")
done = 0
for until in (10, 20, 50, 100, 200):
    losses = trained(model, 0.1, range(done, until), 64)
    done = until
    kept = model.get_weights()
    by_memory = loss_of(test_labels[:500], model(x_test[:500]))
    by_batch = loss_of(test_labels[:500], model(x_test[:500], training=True))
    model.set_weights(kept)  # the call in training has moved the statistics
    print(f"{until:7} {losses[-10:].mean():10.1f} {by_memory:19.1f} {by_batch:25.1f}")

# %% [markdown]
# In the first epochs the validation looks terrible, and nothing is wrong but the memory. More
# batches cure it, or a smaller momentum. So a large loss in validation is not always overfitting.
# The last column tells the two apart: between it and training lies overfitting, between it and the
# middle column lies the memory. (It is a diagnosis and no evaluation, for in it the photos depend
# on each other.)
#
# ## A batch of one
#
# After a `Dense` layer a batch of one has one cell in each channel: $\hat{x} = 0$, $y = \beta$, and
# no gradient comes back. The network guesses, whatever it sees, and the layers below never move:

# %%
for size in (1, 2, 32):
    sn.random.set_random_seed(0)
    model = network(1)
    before = model.get_weights()[0]
    losses = trained(model, 0.03, range(100), size)
    moved = np.abs(model.get_weights()[0] - before).max()
    print(f"batches of {size:2}: loss {losses[-20:].mean():.1f}, the first weights", end=" ")
    print("moved" if moved > 1e-6 else "did not move")

# %% [markdown]
# A loss of 2.3 is $\log 10$: guessing. The last, incomplete batch of an epoch can be such a batch.
# With two samples the first weights do move: in some channels the two nearly agree, and there
# $\varepsilon = 0.001$ is not small beside $\sigma^2$. It teaches them little.
#
# After a convolution it is less bad, for a batch of one still has $H \cdot W$ cells; each image is
# then normalised alone.
#
# ## The same in Keras
#
# Outputs and gradients in both modes, and the moving statistics after three batches, in float64.
# TensorFlow derives the gradients; it does not know our formula.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

x = 3 + 2 * rng.standard_normal((4, 6, 5, 3))
dy = rng.standard_normal(x.shape)
gamma, beta = rng.uniform(0.5, 2, 3), rng.standard_normal(3)
theirs = keras.layers.BatchNormalization(dtype="float64")
ours = layers.BatchNormalization(dtype="float64")
for layer in (theirs, ours):
    layer(x, training=False)  # creates the weights
    layer.set_weights([gamma, beta, np.zeros(3), np.ones(3)])
for scale in (0.5, 1, 2):
    theirs(scale * x, training=True)
    ours(scale * x, training=True)


def error(mine, other):
    return np.abs(mine - other).max() / np.abs(other).max()


errors = {"moving statistics": max(map(error, ours.get_weights()[2:], theirs.get_weights()[2:]))}
for training in (True, False):
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        output = theirs(tensor, training=training)
    sources = [tensor, theirs.gamma.value, theirs.beta.value]
    expected = tape.gradient(output, sources, output_gradients=tf.constant(dy))
    y, saved = ours.forward(x, training)
    dx, (dgamma, dbeta) = ours.backward(dy, saved)
    mode = "training" if training else "inference"
    errors[f"y, {mode}"] = error(y, output.numpy())
    for name, mine, other in zip(("dx", "dγ", "dβ"), (dx, dgamma, dbeta), expected, strict=True):
        errors[f"{name}, {mode}"] = error(mine, other.numpy())

for name, value in errors.items():
    print(f"{name:18} relative error below 1e-12: {value < 1e-12}")

# %% [markdown]
# ## A frozen layer
#
# One more switch, which is easy to miss. Who reuses a trained network sets `trainable=False` in
# its layers. A frozen batch normalisation runs in **inference** mode even in training: it uses its
# moving statistics, and does not touch them. (It would be of little use that $\gamma$ and $\beta$
# stand still while the statistics walk away.) The argument `training` then has no say:

# %%
print("trainable  training   mean of y: ours   Keras   moving mean changed: ours   Keras")
for trainable in (True, False):
    for training in (True, False):
        row = []
        for module in (layers, keras.layers):
            layer = module.BatchNormalization(dtype="float64")
            layer.trainable = trainable
            y = np.asarray(layer(np.array([[4.0], [6.0], [8.0]]), training=training))
            row.append((y.mean() + 0.0, bool(layer.get_weights()[2][0] != 0)))
        (mean, changed), (their_mean, they_changed) = row
        print(
            f"{trainable!s:9}  {training!s:8}   {mean:15.1f} {their_mean:7.1f}"
            f"   {changed!s:25} {they_changed!s:>7}"
        )

# %% [markdown]
# ## What you know now
#
# - In training each channel is normalised with its own mean and biased variance, over samples, rows
#   and columns. So samples influence each other.
# - The gradient loses its mean and its part along $\hat{x}$, because every cell moves $\mu$ and
#   $\sigma$. In inference they are constants, and it does not.
# - Inference uses moving statistics. They need hundreds of batches at momentum 0.99, and until then
#   a validation says little.
# - One cell in a channel gives $y = \beta$ and no gradient. A frozen layer is in inference mode.
#
# Solutions: `notebooks/solutions/06_batch_normalisation.py`. Next: dropout, the other layer that
# does in training what it does not do afterwards.
#
# **Sources.** Ioffe and Szegedy, *Batch normalization: accelerating deep network training by
# reducing internal covariate shift* (2015), algorithms 1 and 2; Santurkar, Tsipras, Ilyas, Madry,
# *How does batch normalization help optimization?* (2018); Goodfellow, Bengio, Courville, *Deep
# Learning* (2016), section 8.7.1.
