# %% [markdown]
# # 07 · Dropout
#
# In every step of training, dropout throws away a part of the numbers, and throws dice for which.
# How can a network learn anything from a page with holes? And what has to be done so that the page
# without holes, which it is shown later, says the same? The answer is one division, and much can be
# learned from how it can go wrong. You will
#
# - guess what becomes of a number in training and in inference,
# - watch noise average out to the photo that it came from,
# - write dropout forwards and backwards, and compute how much noise it makes,
# - see why single pixels are the wrong thing to drop, and drop channels,
# - and measure what dropout does to a network that has too few photos.
#
# You need notebook 03 for the use of $dy$, and the mean and variance of a random number.

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import layers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas
from scratchnet.visualization import compare_runs, style

start()

# %% [markdown]
# ## Predict
#
# `Dropout(0.25)` gets the number 6. In training, **which two values can come out?** Answer with
# both, the smaller one first. (In Keras the rate is the share that is dropped. Some papers give the
# share that is kept.)

# %%
my_pair = ...  # (smaller, larger)
check("07.in_training", my_pair)

# %% [markdown]
# And in inference, **what comes out for 6?**

# %%
my_number = ...
check("07.in_inference", my_number)

# %% [markdown]
# ## Watch
#
# A photo, two draws of the same dropout, and the mean of many draws. Move the rate: the draws get
# sparser, and what is left gets brighter (1.5 and more is white). The mean is always the photo;
# what grows with the rate is the number of draws that it takes.

# %%
(photos, labels), (test_photos, test_labels) = sn.datasets.fashion_mnist.load_data()
photo = photos[0] / 255


def draws_of(x, rate, count):
    """So many draws, (count, …) for x of any shape."""
    masks = [formulas.dropout_mask(x.shape, rate, (7, call)) for call in range(count)]
    return np.stack([formulas.dropout(x, keep, rate) for keep in masks])


def show(pictures, titles):
    with style():
        figure, panels = plt.subplots(1, len(pictures), figsize=(9, 2.6), layout="constrained")
    for panel, picture, title in zip(panels, pictures, titles, strict=True):
        panel.imshow(picture, cmap="gray", vmin=0, vmax=1.5)
        panel.set_title(title, fontsize=10)
        panel.set(xticks=[], yticks=[])
    plt.close(figure)
    return figure


def draw_dropout(rate, draws):
    found = draws_of(photo, rate, max(draws, 2))
    titles = ["photo", "one draw", "another draw", f"mean of {draws} draws"]
    return show([photo, found[0], found[1], found[:draws].mean(axis=0)], titles)


interact_with_fallback(
    draw_dropout,
    fallback=[{"rate": 0.2, "draws": 10}, {"rate": 0.8, "draws": 10}, {"rate": 0.8, "draws": 300}],
    rate=(0.0, 0.9, 0.1),
    draws=[1, 3, 10, 30, 100, 300],
)

# %% [markdown]
# ## The formulas
#
# Let $r$ be the rate. Each cell $i$ of $x$, of any shape, gets a die $b_i$ of its own, which is 1
# with probability $1 - r$ and else 0. Then
#
# $$
# y_i = \frac{b_i\, x_i}{1 - r},
# \qquad\qquad
# dx_i = \frac{b_i\, dy_i}{1 - r}.
# $$
#
# The division is there for the mean: $\mathrm{E}[b_i] = 1 - r$, so
#
# $$ \mathrm{E}[y_i] \;=\; \frac{(1 - r)\, x_i}{1 - r} \;=\; x_i. $$
#
# So inference has nothing to do: it hands $x$ on. (This is *inverted* dropout. In the first paper
# training did not scale, and inference multiplied by $1 - r$ instead.)

#
# ## Write it
#
# `keep` has the shape of `x` and is true where a cell stays.


# %%
def dropped(x, keep, rate):
    return ...  # your code


check("07.dropped", dropped)

# %% [markdown]
# ## Write the gradient
#
# The dice are not thrown by a generator that somebody else may have moved. They are made of a
# *key*, two numbers: the layer's seed and how often it was called. The same key gives the same
# mask, so that a run can be repeated.
#
# Forwards, the mask was `formulas.dropout_mask(x.shape, rate, key)`. `dy` has the shape of `x`.


# %%
def dropout_gradient(dy, rate, key):
    return ...  # your code


check("07.dropout_gradient", dropout_gradient)

# %% [markdown]
# And ours:

# %%
show_source(formulas.dropout_mask, formulas.dropout, formulas.dropout_backward)

# %% [markdown]
# The mask has to be that of the forward pass. A fresh one would send gradients to cells that took
# no part, and keep them from cells that did. Nothing crashes then; the gradient only points
# elsewhere:

# %%
rng = np.random.default_rng(7)
x, target = rng.standard_normal((2, 1000))
keep, fresh = (formulas.dropout_mask(x.shape, 0.5, (1, call)) for call in (0, 1))
dy = formulas.dropout(x, keep, 0.5) - target  # of the loss ½ Σ (y − target)²
right = formulas.dropout_backward(dy, keep, 0.5)
wrong = formulas.dropout_backward(dy, fresh, 0.5)
cosine = right @ wrong / np.linalg.norm(right) / np.linalg.norm(wrong)
print(f"cosine of the angle between the right gradient and that of a fresh mask: {cosine:.1f}")

# %% [markdown]
# ## How much noise?
#
# The mean is kept. The variance is what training has to live with. Derive
# $\mathrm{Var}[y] = \mathrm{E}[y^2] - \mathrm{E}[y]^2$ for a fixed $x$, and write it; the result
# has the shape of `x`.


# %%
def dropout_variance(x, rate):
    return ...  # your code


check("07.dropout_variance", dropout_variance)

# %% [markdown]
# Measured, over 4000 draws of the numbers 1, 2 and 3:

# %%
for rate in (0.2, 0.5, 0.8):
    found = draws_of(np.array([1.0, 2.0, 3.0]), rate, 4000)
    print(f"rate {rate}: mean {found.mean(axis=0).round(1)}, variance {found.var(axis=0).round(1)}")

# %% [markdown]
# At 0.5 the noise is as large as the number itself. But no layer listens to one number. The next
# one adds up many, their noise is independent, and of $n$ equal ones the deviation grows only with
# $\sqrt{n}$ while the sum grows with $n$. A unit that relies on a few inputs suffers more than one
# that relies on many. This is what dropout teaches.
#
# Batch normalisation does listen to the variance (notebook 06). For inputs of mean 0 and variance
# 1 it is $1/(1 - r)$ after dropout in training, which the moving variance learns, and 1 in
# inference. So a `BatchNormalization` right after a `Dropout` gets in inference what it was not
# trained on:

# %%
x = rng.standard_normal((4000, 1))
normalise = layers.BatchNormalization(momentum=0.9, dtype="float64")
drop = layers.Dropout(0.5, seed=1, dtype="float64")
for _ in range(100):
    in_training = normalise(drop(x, training=True), training=True)
in_inference = normalise(drop(x))
print(f"deviation after both: {in_training.std():.2f} in training", end=", ")
print(f"{in_inference.std():.2f} in inference")

# %% [markdown]
# ## Pixels are the wrong thing to drop
#
# A pixel looks much like its neighbours, and so do the cells of a feature map. Drop half of them,
# and guess each hole from those of its eight neighbours that are left: most of the photo is back.
# Whoever can do this, and a convolution can, is not hindered much.


# %%
def mended(image, keep):
    """Each hole is the mean of the neighbours that were kept."""
    window = np.ones((3, 3, 1, 1))
    sums, counts = (
        formulas.conv2d(each[None, :, :, None].astype(float), window, padding="same")[0, :, :, 0]
        for each in (image * keep, keep)
    )
    return np.where(keep, image, sums / np.maximum(counts, 1))


keep = formulas.dropout_mask(photo.shape, 0.5, (7, 0))
repaired = mended(photo, keep)
holes = np.linalg.norm((repaired - photo)[~keep]) / np.linalg.norm(photo[~keep])
print(f"wrong in the holes: {holes:.0%} of what was there")
show([photo, photo * keep, repaired], ["photo", "half of the pixels", "holes guessed"])

# %% [markdown]
# So one drops what can't be guessed from next door: whole channels. A mask of the shape
# $(N, 1, 1, C)$ is broadcast over rows and columns. In Keras and scratchnet this is
# `Dropout(rate, noise_shape=(None, 1, 1, None))`, or `SpatialDropout2D(rate)`. Below are eight
# feature maps that a convolution makes of the photo, and what the two kinds leave of them.

# %%
convolution = layers.Conv2D(8, 3, activation="relu", kernel_initializer="he_normal")
maps = convolution(photo[None, :, :, None])
maps /= maps.max(axis=(1, 2))[:, None, None]


def draw_kinds(rate, call):
    rows = {"feature maps": maps}
    for name, noise_shape in [("cells", maps.shape), ("channels", (1, 1, 1, 8))]:
        keep = formulas.dropout_mask(noise_shape, rate, (3, call))
        rows[name] = formulas.dropout(maps, keep, rate)
    with style():
        figure, panels = plt.subplots(3, 8, figsize=(9, 3.5), layout="constrained")
    for row, (name, pictures) in zip(panels, rows.items(), strict=True):
        row[0].set_ylabel(name)
        for channel, panel in enumerate(row):
            panel.imshow(pictures[0, :, :, channel], cmap="gray", vmin=0, vmax=2)
            panel.set(xticks=[], yticks=[])
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_kinds, fallback=[{"rate": 0.5, "call": 0}], rate=(0.0, 0.9, 0.1), call=(0, 9)
)

# %% [markdown]
# `SpatialDropout2D` gets a batch of the shape (32, 14, 14, 16). **How often does it throw a die?**

# %%
my_count = ...
check("07.decisions", my_count)

# %% [markdown]
# ## What it does to training
#
# Two hidden layers of 128 units, and only 500 photos: far too few. Each network is trained for 40
# epochs, with dropout after both hidden layers, and validated with 1000 photos.

# %%
x_train, x_test = (each.reshape(len(each), -1) / np.float32(255) for each in (photos, test_photos))
unseen = (x_test[:1000], test_labels[:1000])


def network(rate):
    sn.random.set_random_seed(1)
    hidden = [
        part
        for seed in (1, 2)
        for part in (layers.Dense(128, activation="relu"), layers.Dropout(rate, seed=seed))
    ]
    model = sn.Sequential([layers.Input((784,)), *hidden, layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


models, runs = {}, {}
for rate in (0.0, 0.5, 0.8):
    models[rate] = network(rate)
    runs[f"rate {rate}"] = models[rate].fit(
        x_train[:500],
        labels[:500],
        batch_size=50,
        epochs=40,
        validation_data=unseen,
        verbose=0,
    )
compare_runs(runs, "val_loss")

# %%
print("rate   loss in training: as logged   without holes   validation   right in validation")
for rate, model in models.items():
    last = {name: values[-1] for name, values in runs[f"rate {rate}"].history.items()}
    whole, _ = model.evaluate(x_train[:500], labels[:500], verbose=0)
    print(
        f"{rate:4} {last['loss']:29.1f} {whole:15.1f} {last['val_loss']:12.1f}"
        f" {last['val_accuracy']:21.0%}"
    )

# %% [markdown]
# Without dropout the network is soon certain of all that it has seen, and then its loss on new
# photos rises: it is wrong with more and more conviction. Dropout keeps it from that, and learns
# more slowly. Who had stopped the network without it after ten epochs would have got as far:
# dropout is no substitute for data. At 0.8 so little is left that 40 epochs are not enough.
#
# Note the two losses in training. What `fit` logs is the loss of networks with holes, and it can
# lie *above* the validation. That is no bug, for the validation is done without holes.
#
# ## One network, or the mean of many?
#
# Each draw is another network, with weights in common. Is inference the mean of all these? For a
# single linear layer it is, exactly. Beyond a ReLU or a softmax the mean of a function is not the
# function of the mean. Take the network with rate 0.5, and compare inference with the mean
# probabilities of 200 draws:

# %%
model, (some, truth) = models[0.5], (x_test[:500], test_labels[:500])
draws = np.stack([model(some, training=True) for _ in range(200)])
inference = model(some)


def right(p):
    return (p.argmax(axis=-1) == truth).mean()


distance = np.abs(inference - draws.mean(axis=0)).mean()
single = np.abs(draws - draws.mean(axis=0)).mean()
print(f"right: one draw {right(draws[0]):.0%}", end=", ")
print(f"mean of 200 draws {right(draws.mean(axis=0)):.0%}, inference {right(inference):.0%}")
print(f"distance to the mean: one draw {single:.3f}, inference {distance:.3f}")

# %% [markdown]
# So inference is a good stand-in for the mean, at a two-hundredth of the price. How far the draws
# lie apart says something too: where they disagree, the network is more often wrong.

# %%
spread = draws.std(axis=0).mean(axis=-1)
agree = spread < np.median(spread)
correct = draws.mean(axis=0).argmax(axis=-1) == truth
print(f"right in the half where draws agree {correct[agree].mean():.0%}", end=", ")
print(f"in the other half {correct[~agree].mean():.0%}")

# %% [markdown]
# ## The same in Keras
#
# Keras throws its own dice. So let it throw them, read the mask off its output, and compare all the
# rest in float64: the scaled numbers, the gradient that TensorFlow derives, channels, inference.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

x = rng.uniform(1, 2, (8, 6, 5, 4))  # no zeros, so that a 0 in the output is a dropped cell
dy = rng.standard_normal(x.shape)
kinds = {
    "Dropout(0.3)": keras.layers.Dropout(0.3, seed=1, dtype="float64"),
    "Dropout(0.3, noise_shape)": keras.layers.Dropout(
        0.3, noise_shape=(None, 1, 1, None), seed=1, dtype="float64"
    ),
    "SpatialDropout2D(0.3)": keras.layers.SpatialDropout2D(0.3, seed=1, dtype="float64"),
}
for name, layer in kinds.items():
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        output = layer(tensor, training=True)
    dx = tape.gradient(output, tensor, output_gradients=tf.constant(dy)).numpy()
    keep = output.numpy() != 0
    errors = [
        np.abs(mine - theirs).max() / np.abs(theirs).max()
        for mine, theirs in [
            (formulas.dropout(x, keep, 0.3), output.numpy()),
            (formulas.dropout_backward(dy, keep, 0.3), dx),
        ]
    ]
    whole = (keep == keep[:, :1, :1]).all()
    unchanged = (layer(tensor, training=False).numpy() == x).all()
    print(f"{name:26} errors below 1e-12: {max(errors) < 1e-12}", end=", ")
    print(f"whole channels: {whole!s:5}, inference changes nothing: {unchanged}")

# %% [markdown]
# ## What you know now
#
# - In training a cell becomes 0 with probability $r$, and else $x/(1 - r)$. The mean is $x$, so
#   inference does nothing.
# - The gradient goes through the same mask with the same factor. A fresh mask is a silent bug.
# - The variance is $x^2\, r/(1 - r)$, which sums average out and a batch normalisation does not.
# - In feature maps neighbours tell what was dropped. Drop channels.
# - The loss that `fit` logs is that of networks with holes.
#
# Solutions: `notebooks/solutions/07_dropout.py`. Next: softmax and cross-entropy, where the numbers
# of the last layer become probabilities.
#
# **Sources.** Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, *Dropout: a simple way to
# prevent neural networks from overfitting* (2014); Tompson, Goroshin, Jain, LeCun, Bregler,
# *Efficient object localization using convolutional networks* (2015), section 3.2 (channels); Gal
# and Ghahramani, *Dropout as a Bayesian approximation* (2016); Li, Chen, Hu, Yang, *Understanding
# the disharmony between dropout and batch normalization by variance shift* (2019).
