# %% [markdown]
# # 13 · Training a CNN on Fashion-MNIST
#
# All the parts are there: layers, a loss, gradients that can be trusted, an optimizer. Put together
# they are a program that hardly ever crashes and often does not learn. How do you know that it
# will, **before** you wait for it? And when it has learned, what exactly does it know? You will
#
# - guess the loss of a network that has seen nothing,
# - write an epoch of training,
# - let a network learn 32 photos by heart, and find out why four others can't,
# - train on 3000 photos, and watch the curves, the filters and what they see, epoch by epoch,
# - count which clothes are taken for which, and look at them,
# - and take the same 94 steps in Keras.
#
# You need notebook 08 (cross-entropy) and an idea of convolution and pooling (01 and 04).

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

import scratchnet as sn
from scratchnet import Sequential, callbacks, layers, optimizers, visualization
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas  # noqa: F401  (for your code)
from scratchnet.visualization import style
from scratchnet.visualization.colours import line_look

start()

# %% [markdown]
# ## The data and the network
#
# Photos of 28 × 28 pixels, ten kinds of clothes. 3000 photos to learn from, 1000 others for
# *validation*: the network never learns from these, but we look at them after each epoch, and may
# change our plans. 2000 more, the *test* photos, are looked at once, at the end.

# %%
CLOTHES = sn.datasets.fashion_mnist.CLASS_NAMES
(photos, targets), (test_photos, test_targets) = sn.datasets.fashion_mnist.load_data()


def as_input(images):
    """(N, 28, 28) from 0 to 255 → (N, 28, 28, 1) from 0 to 1."""
    return images[..., None].astype(np.float32) / 255


x, labels = as_input(photos[:3000]), targets[:3000].astype(int)
x_validation, labels_validation = as_input(photos[3000:4000]), targets[3000:4000].astype(int)
x_test, labels_test = as_input(test_photos), test_targets.astype(int)


def draw_photos(rows):
    """A figure with a row of photos for each (name, photos)."""
    columns = max(len(images) for _, images in rows)
    with style():
        figure, grid = plt.subplots(
            len(rows),
            columns,
            figsize=(0.72 * columns + 1.6, 0.72 * len(rows)),
            dpi=72,
            squeeze=False,
        )
    for line, (name, images) in zip(grid, rows, strict=True):
        for panel in line:
            panel.axis("off")
        for panel, image in zip(line, images, strict=False):
            panel.imshow(np.squeeze(image), cmap="gray_r", vmin=0, vmax=1)
        line[0].text(-6, 14, name, ha="right", va="center", fontsize=11)
    plt.close(figure)
    return figure


draw_photos([(CLOTHES[k], x[labels == k][:6]) for k in range(10)])


# %% [markdown]
# The network has two convolutions, of 8 and 16 filters, each with a pooling behind it, and one
# dense layer. These are 5386 numbers to be learned.


# %%
def network(learning_rate=0.003, seed=0):
    sn.set_random_seed(seed)
    model = Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(8, 5, activation="relu", name="first"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu", name="second"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


# %% [markdown]
# ## Predict
#
# The network has just been made. Its weights are small random numbers, and it has no reason to
# prefer any of the ten classes. **What is its loss, about?**

# %%
my_loss = ...
check("13.first_loss", my_loss)

# %% [markdown]
# 3000 photos, batches of 32, 6 epochs. Nothing is left out. **How many steps does the optimizer
# take?**

# %%
my_steps = ...
check("13.steps", my_steps)

# %% [markdown]
# 32 photos get labels that are drawn at random: a boot may be called a dress. Nothing about them
# can be understood. The network takes 100 steps on these 32. **How many of them will it then label
# as it was told?**

# %%
my_count = ...
check("13.by_heart", my_count)

# %% [markdown]
# ## An epoch
#
# A step looks at a batch $B_k$ of the samples only. With $w$ all weights, $\eta$ the learning rate
# and $L_n$ the loss of sample $n$,
#
# $$
# g_k \;=\; \frac{1}{|B_k|} \sum_{n \in B_k} \frac{\partial L_n}{\partial w}(w_k),
# \qquad
# w_{k+1} \;=\; w_k - \eta\, g_k
# $$
#
# (this is SGD; notebook 10 is about better ways to use $g_k$). The gradient of a batch is a rough
# estimate of that of all samples, and costs a small part of it. An *epoch* draws a new order of the
# samples, cuts it into batches, and takes a step for each, **every one from the weights that the
# one before has left**. If the samples can't be divided evenly the last batch is smaller, and its
# $|B_k|$ too.
#
# Write an epoch for the smallest classifier there is, $z = x w$ with a softmax, of which you know
# the gradient from notebook 08: $x^\top (p - y) / |B|$. `x` is `(N, D)`, `labels` is `(N,)`, `w` is
# `(D, C)`, `order` holds the numbers of the samples in the order in which they are to be seen. The
# result is the new `w`; leave the old one as it was. `formulas.softmax` is at hand.


# %%
def one_epoch(x, labels, w, order, batch_size, learning_rate):
    return ...  # your code


check("13.one_epoch", one_epoch)

# %% [markdown]
# This is how a model of scratchnet takes a step: forward and loss (`_loss`), backward, and then the
# optimizer changes each weight. (The middle part is for weights with a penalty, notebook 11.) `fit`
# does it for each batch of each epoch, and adds the validation and the callbacks.

# %%
show_source(Sequential._train_step, Sequential._gradients)

# %% [markdown]
# ## First overfit one batch
#
# Before any real training: can the network learn 32 photos by heart? It has 5386 numbers for it. If
# it can't, something is broken, and more photos will not mend it. It takes seconds. What should
# happen is known beforehand: the loss begins at $\log 10$ and goes to 0. Random labels, too, must
# be learned, which shows how little a low training loss says.

# %%
few, few_labels = x[:32], labels[:32]
made_up = np.random.default_rng(13).integers(0, 10, 32)


def memorise(model, images, answers_of_step, steps):
    """The loss of each step on the same photos; answers_of_step(k) gives their labels."""
    return [model.train_on_batch(images, answers_of_step(k))[0] for k in range(steps)]


healthy, liar = network(), network()
losses_healthy = memorise(healthy, few, lambda k: few_labels, 100)
losses_liar = memorise(liar, few, lambda k: made_up, 100)
for name, model, losses, answers in [
    ("right labels ", healthy, losses_healthy, few_labels),
    ("random labels", liar, losses_liar, made_up),
]:
    right = (model.predict(few, verbose=0).argmax(axis=1) == answers).sum()
    print(
        f"{name}  loss at first {losses[0]:.2f}, at last below 0.01: {losses[-1] < 0.01}, "
        f"{right} of 32 as told"
    )
guessed = liar.predict(x_validation, verbose=0).argmax(axis=1)
print(f"and what the second one knows of other photos: {(guessed == labels_validation).mean():.0%}")

# %% [markdown]
# ## When it does not
#
# Four more networks tried the same 32 photos with their right labels. Each has one bug:
#
# - `"labels"`: the labels are shuffled in each step and the photos are not, so that they no longer
#   belong to each other,
# - `"too small"`: the learning rate is a thousandth of what it should be,
# - `"too large"`: the learning rate is a hundred times what it should be,
# - `"pixels"`: somebody forgot to divide the pixels by 255.
#
# The thin dotted line is a loss worth knowing: that of the best answer of somebody who **does not
# look at the photos** and always says how often each label occurs in the batch. What is above 4 is
# outside the pictures, but in the table below them.

# %%
shuffled = np.random.default_rng(0)
attempts = {
    "labels": (network(), few, lambda k: shuffled.permutation(few_labels)),
    "too small": (network(3e-6), few, lambda k: few_labels),
    "too large": (network(0.3), few, lambda k: few_labels),
    "pixels": (network(), 255 * few, lambda k: few_labels),
}
mixed = np.random.default_rng(7).permutation(list(attempts))  # so that the order tells nothing
runs = {
    letter: memorise(*attempts[str(bug)], 60) for letter, bug in zip("ABCD", mixed, strict=True)
}

share = np.bincount(few_labels) / len(few_labels)
without_looking = -(share[share > 0] * np.log(share[share > 0])).sum()

with style():
    figure, grid = plt.subplots(1, 4, figsize=(9, 2.6), sharey=True, layout="constrained")
    for panel, (letter, losses) in zip(grid, runs.items(), strict=True):
        look = {"marker": "", "linewidth": 1.6}
        panel.plot(losses_healthy[:60], label="healthy", **line_look(5) | look)
        panel.plot(losses, label="with a bug", **line_look(0) | look)
        panel.axhline(without_looking, color="0.4", linewidth=0.8, linestyle=":")
        panel.set(title=letter, xlabel="step", ylim=(0, 4))
    grid[0].set_ylabel("loss")
    grid[0].legend(loc="upper right", fontsize=9)
plt.close(figure)
figure

# %%
for letter, losses in runs.items():
    steps = [0, 1, 5, 20, 59]
    print(f"{letter}:", "   ".join(f"step {k}: {losses[k]:7.2f}" for k in steps))

# %% [markdown]
# **Who has which bug?** Answer with four of the words, for A, B, C and D. Think of where each loss
# begins, how its first steps go, and where it ends.

# %%
my_diagnosis = ...  # (word for A, word for B, word for C, word for D)
check("13.diagnosis", my_diagnosis)

# %% [markdown]
# One of the four learns all the same. A test that only asks whether the loss falls would have let
# it pass; the number at which it *begins* does not. And two of them end on the dotted line. This is
# what "it does not learn" mostly looks like: a network that has found out how frequent the classes
# are, and nothing else.
#
# ## Train
#
# Now with all 3000. A *callback* is called after each epoch (notebook 14 is about them). This one
# draws the curves so far, and keeps what the first convolution looks like and what it makes of one
# photo.

# %%
shown = x_validation[0]


class Watch(callbacks.Callback):
    """Draws the curves while the network learns, and keeps the first layer after each epoch."""

    def on_train_begin(self, logs=None):
        self.curves, self.kernels, self.maps = {}, [], []
        self.page = display(display_id=True)
        self.keep()

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            self.curves.setdefault(name, []).append(value)
        figure = visualization.history(self.curves)
        figure.set_dpi(100)
        self.page.update(figure)
        self.keep()

    def keep(self):
        first = self.model.get_layer("first")
        self.kernels.append(first.kernel.numpy())
        self.maps.append(first(shown[None])[0])


model, watch = network(), Watch()
run = model.fit(
    x,
    labels,
    batch_size=32,
    epochs=6,
    validation_data=(x_validation, labels_validation),
    callbacks=[watch],
    verbose=0,
)

# %%
table = run.frame().round(2)
table.index += 1  # fit counts from 0, the picture from 1
table

# %% [markdown]
# Three things to read from the curves:
#
# - In the first epoch the network is *better* on photos that it has never seen. That is no
#   miracle. The training curve is a mean over the epoch, and the validation comes after it, when
#   there is something to be validated.
# - Later the curves part. What the training curve gains from there on is partly learned by heart.
# - The validation curve is no smooth one. A thousand photos, of which some 80% are right, tell an
#   accuracy no better than to about ±1%, for $\sqrt{0.8 \cdot 0.2 / 1000} = 0.013$. Of two
#   networks that differ by less you can hardly say which is better.
#
# ## Watch
#
# The eight filters of the first convolution, each above what it makes of a photo. Epoch 0 is the
# network as it was made. How soon do filters look like something? Which of them find edges, and of
# which direction?


# %%
def draw_epoch(epoch):
    figure = visualization.filters_and_feature_maps(watch.kernels[epoch], shown, watch.maps[epoch])
    figure.set_dpi(110)
    return figure


interact_with_fallback(
    draw_epoch, fallback=[{"epoch": 0}, {"epoch": 1}, {"epoch": 6}], epoch=(0, 6)
)

# %% [markdown]
# ## Who is taken for whom?
#
# One number, the accuracy, hides what goes wrong. The confusion matrix counts it:
#
# $$ M[i, j] \;=\; \#\,\{\, n : t_n = i \text{ and } \hat t_n = j \,\} $$
#
# with $t_n$ the true class of sample $n$ and $\hat t_n$ the predicted one. Rows are what it is,
# columns are what it was taken for. Write it; the result is `(classes, classes)`.


# %%
def confusion(true, predicted, classes):
    return ...  # your code


check("13.confusion", confusion)

# %% [markdown]
# And now, once, the test photos:

# %%
probabilities = model.predict(x_test, verbose=0)
predicted = probabilities.argmax(axis=1)
figure = visualization.confusion_matrix(labels_test, predicted, CLOTHES)
figure.set_dpi(90)
figure

# %% [markdown]
# The mistakes are not spread evenly. Trousers are nearly always found, and a shoe that is mistaken
# is mostly mistaken for another shoe. Most mistakes are among what covers the upper part of the
# body. Here are those of the most frequent kind, the surest first, and below them the two classes
# as they should be:

# %%
wrong = np.zeros((10, 10), int)
np.add.at(wrong, (labels_test, predicted), 1)
np.fill_diagonal(wrong, 0)
i, j = np.unravel_index(wrong.argmax(), wrong.shape)
mistaken = np.flatnonzero((labels_test == i) & (predicted == j))
surest = mistaken[np.argsort(-probabilities[mistaken, j])]


def taken_for(true, answer):
    return x_test[(labels_test == true) & (predicted == answer)][:8]


draw_photos(
    [
        (f"{CLOTHES[i]}, taken\nfor {CLOTHES[j]}", x_test[surest][:8]),
        (f"{CLOTHES[i]}", taken_for(i, i)),
        (f"{CLOTHES[j]}", taken_for(j, j)),
    ]
)

# %% [markdown]
# Could you tell? With so few pixels a human being would often have to guess, too. Larger networks
# get more of these right, but the same classes stay the hardest. To look takes a minute, and tells
# whether to work on the network, on the photos or on the labels.
#
# ## The same in Keras
#
# `twin` builds the Keras model with the same layers, weights and optimizer. Both take an epoch of
# steps on the same batches, and each loss is noted as it was before the step.

# %%
import reference

order = np.random.default_rng(1).permutation(len(x))
batches = np.split(order, range(32, len(x), 32))


def both(batches):
    """The loss of each step here and in Keras, from the same weights on the same batches."""
    ours = network()
    theirs = reference.twin(ours)
    pairs = []
    for batch in batches:
        loss_ours, _ = ours.train_on_batch(x[batch], labels[batch])
        loss_theirs = theirs.train_on_batch(x[batch], labels[batch], return_dict=True)["loss"]
        pairs.append((loss_ours, float(loss_theirs)))
    return np.array(pairs).T


losses_ours, losses_theirs = both(batches)
figure = visualization.loss_curves(losses_ours, losses_theirs)
figure.set_dpi(90)
figure

# %% [markdown]
# Both compute in float32, where a sum depends on the order in which it is added up: a difference of
# about $10^{-7}$ is what that makes at first. Each step starts from the weights that the last one
# has left, so the difference grows on the way. Is it rounding, or a small bug that rounding hides?
# Float64 tells: rounding becomes half a billion times smaller there, and a bug stays.

# %%
from reference.device import precision

with precision("float64"):
    losses_ours, losses_theirs = both(batches[:40])
difference = np.abs(losses_ours - losses_theirs).max()
print(f"float64, 40 steps: all losses differ by less than 1e-12: {difference < 1e-12}")

# %% [markdown]
# ## What you know now
#
# - A network of $C$ classes begins with a loss of about $\log C$. If not, look at the data and at
#   the first weights.
# - First overfit one batch. It takes seconds, and what can't learn 32 photos by heart has a bug.
# - A loss that rests at the entropy of the labels is that of a network which does not look.
# - Training and validation belong on one plot. The distance between them is what was learned by
#   heart; and a validation set of $N$ tells an accuracy $a$ to about $\sqrt{a(1 - a)/N}$.
# - Look at the confusion matrix, and at the photos behind its largest numbers.
#
# Solutions: `notebooks/solutions/13_training_on_fashion_mnist.py`. Next: other numbers than the
# accuracy, and callbacks that stop in time. For longer runs, begin with
# `start(implementation="kernels")`: compiled code, and the same results up to rounding.
#
# **Sources.** Goodfellow, Bengio, Courville, *Deep Learning* (2016), sections 8.1 and 11.5; Zhang,
# Bengio, Hardt, Recht, Vinyals, *Understanding deep learning requires rethinking generalization*
# (2017), section 2; Xiao, Rasul, Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking
# machine learning algorithms* (2017).
