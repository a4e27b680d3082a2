# %% [markdown]
# # 11 · Regularisation
#
# A network that has seen few photos can learn them by heart. Regularisation is everything that
# makes this harder and leaves the right answer possible: a price (a *penalty*) on large weights,
# holes in the layers, photos that never look the same twice. Two penalties are in every library, L1
# and L2. They differ by one exponent. **Why does one of them make weights exactly 0, and the other
# one never?**
# You will
#
# - guess where a weight comes to rest under each,
# - move a parabola, and see a kink hold it at 0,
# - write the soft threshold, and find that gradient descent alone never gets there,
# - write AdamW, and see why its decay is not L2,
# - and measure what helps a network of 600 photos, and what it does not do.
#
# You need notebook 10 (Adam) and, for dropout, notebook 07.

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import layers, optimizers, regularizers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas
from scratchnet.visualization import compare_runs, style
from scratchnet.visualization.colours import BLUE, GREY, PALE, line_look

start()

# %% [markdown]
# ## Predict
#
# One weight $w$. The loss is $\tfrac12 (w - 0.3)^2$, so without a price it comes to rest at 0.3.
# **Where is the minimum of loss and price** if the price is $0.5 \cdot |w|$ (L1)?

# %%
my_l1 = ...
check("11.l1_minimum", my_l1)

# %% [markdown]
# **And where** if the price is $0.5 \cdot w^2$ (L2)?

# %%
my_l2 = ...
check("11.l2_minimum", my_l2)

# %% [markdown]
# ## Watch
#
# On the left are the loss $\tfrac12 (w - a)^2$ alone and with either price of the strength
# $\lambda$; marks show the minima. On the right is where the minimum lies for every $a$. Move $a$
# slowly towards 0.

# %%
PRICES = {
    "no price": (lambda w, strength: 0 * w, lambda a, strength: a),
    "L2": (lambda w, strength: strength * w**2, lambda a, strength: a / (1 + 2 * strength)),
    "L1": (lambda w, strength: strength * np.abs(w), formulas.soft_shrink),
}


def draw_minima(a, strength):
    w = np.linspace(-2, 2, 401)
    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        for k, (name, (price, minimum)) in enumerate(PRICES.items()):
            look = line_look(k) | {"markersize": 9}
            at = float(minimum(np.array(a), strength))
            left.plot(w, (w - a) ** 2 / 2 + price(w, strength), **look | {"marker": ""})
            left.plot(at, (at - a) ** 2 / 2 + price(at, strength), **look | {"linestyle": ""})
            right.plot(w, minimum(w, strength), label=name, **look | {"marker": ""})
            right.plot(a, at, **look | {"linestyle": ""})
        left.set(xlabel="w", ylim=(-0.1, 2.5))
        left.set_title("loss + price", fontsize=10)
        right.set(xlabel="a", ylim=(-2, 2))
        right.set_title("the best w", fontsize=10)
        right.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
        right.legend(loc="upper left")
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_minima,
    fallback=[{"a": 1.2, "strength": 0.5}, {"a": 0.3, "strength": 0.5}],
    a=(-2.0, 2.0, 0.1),
    strength=(0.0, 1.5, 0.1),
)

# %% [markdown]
# ## The formulas
#
# $$
# \text{L1:}\quad R(w) = \lambda \sum_i |w_i|,
# \qquad
# \text{L2:}\quad R(w) = \lambda \sum_i w_i^2
# $$
#
# The pull of L2, its derivative $2 \lambda w$, fades as $w$ goes to 0. It divides the weight, and
# never finishes. The pull of L1 is $\lambda$, however small the weight is. So a weight that the
# loss holds with less than $\lambda$ goes to 0, and there the kink keeps it. With the loss
# $\tfrac12 (w - a)^2$ and its slope $w - a$:
#
# $$
# \text{L2:}\quad w = \frac{a}{1 + 2 \lambda},
# \qquad\qquad
# \text{L1:}\quad w =
# \begin{cases}
# a - \lambda & \text{if } a > \lambda \\
# a + \lambda & \text{if } a < -\lambda \\
# 0 & \text{otherwise}
# \end{cases}
# $$
#
# The second one is called the *soft threshold*, or shrinkage. Write it for an array `a` of any
# shape.


# %%
def shrink(a, threshold):
    return ...  # your code


check("11.shrink", shrink)

# %%
show_source(formulas.soft_shrink, regularizers.L1L2.__call__, regularizers.L1L2.gradient)

# %% [markdown]
# Keras's L2 has no ½, so its gradient has a 2. At 0 itself L1 has no slope; `sign` says 0 there.
#
# ## Does descent find the zeros?
#
# A linear model: 20 inputs, of which only 3 matter, 60 samples with noise. We descend on the
# mean squared error with L1 as a part of the loss, as `kernel_regularizer` does it, 1000 steps with
# a learning rate of 0.02. **How many of the 17 useless weights are exactly 0 then?** Answer 0, 3 or
# 17.

# %%
my_zeros = ...
check("11.exact_zeros", my_zeros)

# %% [markdown]
# Useful weights are blue, useless ones grey. In the middle is the gradient of L1; on the right a
# step on the loss alone, and then the soft threshold with $\mathrm{lr} \cdot \lambda$. Below are
# the last 20 steps, enlarged.

# %%
rng = np.random.default_rng(11)
inputs = rng.standard_normal((60, 20))
useful = np.zeros(20)
useful[:3] = [1.0, -0.7, 0.4]
targets = inputs @ useful + 0.5 * rng.standard_normal(60)
RATE = 0.02


def descend(step, strength, steps=1000):
    w, path = np.zeros(20), []
    for _ in range(steps):
        gradient = 2 * inputs.T @ (inputs @ w - targets) / len(targets)
        w = step(w, gradient, strength)
        path.append(w)
    return np.array(path)


WAYS = {
    "L2": lambda w, g, strength: w - RATE * (g + regularizers.L2(strength).gradient(w)),
    "L1, gradient": lambda w, g, strength: w - RATE * (g + regularizers.L1(strength).gradient(w)),
    "L1, threshold": lambda w, g, strength: formulas.soft_shrink(w - RATE * g, RATE * strength),
}


def draw_ways(strength):
    with style():
        figure, (top, bottom) = plt.subplots(
            2, 3, figsize=(9, 4.6), sharey="row", height_ratios=[3, 2], layout="constrained"
        )
        for whole, end, (name, step) in zip(top, bottom, WAYS.items(), strict=True):
            path = descend(step, strength)
            whole.plot(path[:, 3:], color=PALE, linewidth=0.8)
            whole.plot(path[:, :3], color=BLUE)
            zeros = (path[-1, 3:] == 0).sum()
            whole.set_title(f"{name}: {zeros} of 17 are 0", fontsize=10)
            whole.set_ylim(-0.9, 1.1)
            end.plot(np.arange(981, 1001), path[-20:, 3:], color=GREY, linewidth=0.8)
            end.set(xlabel="step", ylim=(-0.02, 0.02))
    plt.close(figure)
    return figure


interact_with_fallback(draw_ways, fallback=[{"strength": 0.3}], strength=[0.0, 0.03, 0.1, 0.3, 1.0])

# %% [markdown]
# In the whole picture L1's two versions look alike. The enlarged end shows that the gradient makes
# each useless weight jump over 0 and back, by about $\mathrm{lr} \cdot \lambda = 0.006$. The
# threshold puts it to 0, and there it stays.
#
# So L1 in a loss, in Keras as here, makes weights small and *nearly* 0. Who wants zeros puts the
# soft threshold after each step, or cuts off what is small in the end.
#
# ## Write a step with L2
#
# Plain gradient descent: `p` is the weight, `g` the gradient of the loss alone, both of one shape;
# `l2` is the $\lambda$ of Keras's L2.


# %%
def l2_step(p, g, learning_rate, l2):
    return ...  # your code


check("11.l2_step", l2_step)

# %% [markdown]
# Sort it, and the step reads $(1 - 2\, \mathrm{lr}\, \lambda)\, p - \mathrm{lr} \cdot g$: shrink by
# a factor, then step. This is why L2 is called **weight decay**. Optimizers have an argument of
# that name, which shrinks directly by $\mathrm{lr} \cdot \text{weight\_decay}$, and for plain
# descent there is no difference:

# %%
gradients = rng.standard_normal((100, 5))
start_at = rng.standard_normal(5)


def after(optimizer, penalty):
    p = sn.Variable(start_at.copy())
    for g in gradients:
        optimizer.apply([g + penalty.gradient(p.value)], [p])
    return p.numpy()


none, l2 = regularizers.L2(0.0), regularizers.L2(0.25)
for name, by_loss, by_decay in [
    ("SGD", optimizers.SGD(0.125), optimizers.SGD(0.125, weight_decay=0.5)),
    ("Adam", optimizers.Adam(0.125), optimizers.AdamW(0.125, weight_decay=0.5)),
]:
    same = np.abs(after(by_loss, l2) - after(by_decay, none)).max() < 1e-6
    print(f"{name:4} L2 in the loss and weight decay give the same weights: {same}")

# %% [markdown]
# ## Why Adam is another matter
#
# Adam divides by the usual size of a gradient. Put L2 into the loss, and its pull is divided as
# well: a weight with large gradients is hardly held back, one with small gradients a great deal.
# AdamW keeps the decay out of $m$ and $v$. It is *decoupled* ($\lambda$ is `weight_decay` here, so
# there is no 2):
#
# $$ p \;\leftarrow\; p \;-\; \mathrm{lr} \cdot \lambda\, p
# \;-\; \mathrm{lr} \cdot \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon} $$
#
# Here are the means of two sets of 500 weights that begin at 1. Their gradients are pure noise, ten
# times as large in one set as in the other, so nothing but the decay moves these means.


# %%
def draw_decays(strength, steps=200):
    noise = np.random.default_rng(0).standard_normal((steps, 500))
    with style():
        figure, panels = plt.subplots(1, 2, figsize=(9, 3.1), sharey=True, layout="constrained")
        penalty = regularizers.L2(strength / 2)
        for panel, name in zip(panels, ("Adam, L2 in the loss", "AdamW"), strict=True):
            for k, size in enumerate((0.1, 1.0)):
                p, means = sn.Variable(np.ones(500)), [1.0]
                decay = {"weight_decay": strength} if name == "AdamW" else {}
                optimizer = (optimizers.AdamW if decay else optimizers.Adam)(0.01, **decay)
                for g in size * noise:
                    optimizer.apply([g if decay else g + penalty.gradient(p.value)], [p])
                    means.append(p.value.mean())
                look = line_look(k) | {"markevery": 40}
                panel.plot(means, label=f"gradients of size {size}", **look)
            panel.set_title(name, fontsize=10)
            panel.set(xlabel="step", ylim=(0, 1.1))
            panel.legend(loc="lower left")
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_decays, fallback=[{"strength": 0.1}], strength=[0.0, 0.03, 0.1, 0.3, 1.0]
)

# %% [markdown]
# ## Write AdamW
#
# As in the formula; $\hat{m}$ and $\hat{v}$ are those of notebook 10, of the gradients of the loss
# alone. `p` is `(D,)`, `gradients` is `(T, D)`; return `p` after $T$ steps. (Loops from your Adam
# are welcome.)


# %%
def adamw(p, gradients, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    return ...  # your code


check("11.adamw", adamw)

# %% [markdown]
# ## Photos that never look the same
#
# Augmentation is of another kind: it says which changes of a photo do not change what it shows. A
# shirt that is moved by a pixel, or mirrored, is a shirt. (A mirrored 3 is no 3. One has to know
# the data.) These layers work in training only, like dropout:

# %%
(photos, labels), (test_photos, test_labels) = sn.datasets.fashion_mnist.load_data()
x_train, x_test = (each[..., None] / np.float32(255) for each in (photos, test_photos))


def augmentation():
    return [
        layers.RandomFlip("horizontal", seed=4),
        layers.RandomTranslation(0.05, 0.05, fill_mode="constant", seed=3),
    ]


one_photo = np.repeat(x_train[:1], 8, axis=0)
for layer in augmentation():
    one_photo = layer(one_photo, training=True)
with style():
    figure, panels = plt.subplots(1, 8, figsize=(9, 1.3), layout="constrained")
for panel, picture in zip(panels, one_photo[..., 0], strict=True):
    panel.imshow(picture, cmap="gray", vmin=0, vmax=1)
    panel.set(xticks=[], yticks=[])
plt.close(figure)
figure

# %% [markdown]
# ## Measure
#
# 600 photos, two hidden layers of 128 units: 120,000 weights, 200 for each photo. Five networks
# that differ in nothing else are trained for 40 epochs, and validated with 2000 photos. What is
# compared is the cross-entropy without the price, which `fit` adds to what it calls loss.

# %%
METRICS = ["sparse_categorical_crossentropy", "accuracy"]


def network(price=None, rate=0.0, first=()):
    sn.random.set_random_seed(1)
    stack = [layers.Input((28, 28, 1)), *first, layers.Flatten()]
    for seed in (1, 2):
        stack.append(layers.Dense(128, activation="relu", kernel_regularizer=price))
        stack.append(layers.Dropout(rate, seed=seed))
    model = sn.Sequential([*stack, layers.Dense(10, activation="softmax")])
    model.compile(optimizers.Adam(0.001), "sparse_categorical_crossentropy", metrics=METRICS)
    return model


networks = {
    "nothing": network(),
    "L2(0.01)": network(regularizers.L2(0.01)),
    "L1(0.001)": network(regularizers.L1(0.001)),
    "Dropout(0.5)": network(rate=0.5),
    "augmentation": network(first=augmentation()),
}
runs = {}
for name, model in networks.items():
    run = model.fit(
        x_train[:600],
        labels[:600],
        batch_size=50,
        epochs=40,
        validation_data=(x_test, test_labels),
        verbose=0,
    )
    runs[name] = {"val_loss": run.history["val_sparse_categorical_crossentropy"]}
compare_runs(runs, "val_loss")

# %%
print("              training   validation   right   length of the first weights   below 0.001")
for name, model in networks.items():
    _, loss, _ = model.evaluate(x_train[:600], labels[:600], verbose=0)
    _, val_loss, right = model.evaluate(x_test, test_labels, verbose=0)
    w = next(each for each in model.weights if each.name == "kernel").value
    small = (np.abs(w) < 1e-3).mean()
    print(
        f"{name:13} {loss:8.1f} {val_loss:12.1f} {right:7.0%} {np.linalg.norm(w):29.0f}"
        f" {small:13.0%}"
    )

# %% [markdown]
# Without regularisation the validation loss rises while the training loss goes to 0. All four stop
# that, each in its own way: L2 with short weights, L1 with few, dropout and augmentation with
# weights as long as before. L1's weights are small without being 0, as above. (A fifth way costs
# nothing: stop in time. The lowest point of the blue curve is about as low as the others.)
#
# And what they do not do: the share of photos that are right does not rise. (A percent more or less
# means nothing with 2000 photos: the standard error is $\sqrt{0.8 \cdot 0.2 / 2000} \approx 0.9\,
# \%$.) The networks have become less sure of themselves where they are wrong. More photos help
# more:

# %%
model = network()
model.fit(x_train, labels, batch_size=50, epochs=2, verbose=0)
_, val_loss, right = model.evaluate(x_test, test_labels, verbose=0)
print(f"12,000 photos, 2 epochs, as many steps: loss {val_loss:.1f}, right {right:.0%}")

# %% [markdown]
# ## The same in Keras
#
# Penalties and their gradients as TensorFlow derives them, zeros included; and AdamW's path over 50
# steps, in float64.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

w = rng.standard_normal((6, 5))
w[0] = 0  # the kink of L1
for name in ("L1", "L2"):
    ours, theirs = getattr(regularizers, name)(0.25), getattr(keras.regularizers, name)(0.25)
    tensor = tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        penalty = theirs(tensor)
    slopes = tape.gradient(penalty, tensor).numpy()
    error = max(abs(ours(w) / penalty.numpy() - 1), np.abs(ours.gradient(w) - slopes).max())
    print(f"{name:6} errors below 1e-12: {error < 1e-12}")

variable = keras.Variable(start_at, dtype="float64")
optimizer = keras.optimizers.AdamW(0.125, weight_decay=0.5)
for g in gradients[:50]:
    optimizer.apply([keras.ops.convert_to_tensor(g)], [variable])
p = sn.Variable(start_at.copy())
optimizer = optimizers.AdamW(0.125, weight_decay=0.5)
for g in gradients[:50]:
    optimizer.apply([g], [p])
error = np.abs(p.numpy() - variable.numpy()).max()
print(f"AdamW  errors below 1e-12: {error < 1e-12}")

# %% [markdown]
# ## What you know now
#
# - L2 pulls in proportion to the weight and divides it. L1 pulls with the same force everywhere,
#   and its minimum is the soft threshold, with zeros.
# - Gradient descent on L1 jumps about these zeros. A threshold after each step hits them.
# - For plain descent L2 in the loss and weight decay are the same (with a factor 2). For Adam they
#   are not, and AdamW decays all weights alike.
# - Overfitting is measured: two losses that part. A lower validation loss need not mean more right
#   answers.
#
# Solutions: `notebooks/solutions/11_regularisation.py`. Next: how to find out whether a gradient
# is right at all.
#
# **Sources.** Tibshirani, *Regression shrinkage and selection via the lasso* (1996); Donoho,
# *De-noising by soft-thresholding* (1995); Daubechies, Defrise, De Mol, *An iterative thresholding
# algorithm for linear inverse problems with a sparsity constraint* (2004); Loshchilov and Hutter,
# *Decoupled weight decay regularization* (2019); Goodfellow, Bengio, Courville, *Deep Learning*
# (2016), sections 7.1 and 7.4.
