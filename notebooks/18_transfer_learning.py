# %% [markdown]
# # 18 · Transfer learning
#
# You have ten photos of each thing that you want to tell apart. Somebody else had thousands, of
# other things, and has trained a network on them. **What of that network is of use to you?** You
# will
#
# - guess how many of its weights are still trained, and what changes at a learning rate of 0,
# - look at new classes through the eyes of a network that has never seen them,
# - write the simplest classifier on its features,
# - compare three ways to use it, with 3 to 200 photos of each class, and a control,
# - measure which layers moved,
# - and step into the trap of batch normalisation, and out again.
#
# You need notebook 06 (batch normalisation) and 13 (training).

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import Model, Sequential, layers, optimizers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.visualization import style
from scratchnet.visualization.colours import bar_look, line_look

start()

# %% [markdown]
# ## Predict
#
# A base of two blocks sees images of 28 × 28 × 1: `Conv2D(8, 3)`, `BatchNormalization`, ReLU,
# `MaxPooling2D`, then the same with 16 filters; no padding. Its 5 × 5 × 16 numbers go flat into a
# head, `Dense(5)`. **How many numbers does the optimizer change if the base is frozen, and how many
# if it is not?**

# %%
my_counts = ...  # (frozen, not frozen)
check("18.counts", my_counts)

# %% [markdown]
# Nothing is frozen, but the learning rate is 0. The network is "trained" for an epoch on photos of
# other things. **What of it is another one afterwards?** Answer with a word:
#
# - `"nothing"`: a step of length 0 leads nowhere,
# - `"statistics"`: the moving statistics of the batch normalisation,
# - `"everything"`: these and all weights.

# %%
my_word = ...
check("18.rate_zero", my_word)

# %% [markdown]
# Three ways to a classifier of five new classes: to train a whole network from `"scratch"`, to
# train a head on the `"frozen"` base of somebody else, or to train a head on a frozen base of
# `"random"` weights that was never trained on anything. **Which is worst if you have 3 photos of
# each class, and which if you have 200?**

# %%
my_pair = ...  # (worst with 3, worst with 200)
check("18.worst", my_pair)

# %% [markdown]
# ## Somebody else's network
#
# The *source* is the classes 0 to 4 of Fashion-MNIST: T-shirts, trousers, pullovers, dresses,
# coats. The *target*, ours, is the classes 5 to 9: three kinds of shoes, bags and shirts. The
# source network has never seen a shoe.

# %%
CLOTHES = sn.datasets.fashion_mnist.CLASS_NAMES
(photos, labels), (test_photos, test_labels) = sn.datasets.fashion_mnist.load_data()


def chosen(images, labels, classes, count):
    """The first photos of these classes, (N, 28, 28, 1) from 0 to 1, and their labels."""
    kept = np.flatnonzero(np.isin(labels, classes))[:count]
    return images[kept, ..., None].astype(np.float32) / 255, labels[kept].astype(int)


SOURCE, TARGET = range(5), range(5, 10)
x_source, y_source = chosen(photos, labels, SOURCE, 2000)
x_target, y_target = chosen(photos, labels, TARGET, 6000)
x_source_test, y_source_test = chosen(test_photos, test_labels, SOURCE, 500)
x_test, y_test = chosen(test_photos, test_labels, TARGET, 500)


def make_base(seed):
    sn.set_random_seed(seed)
    stack = [layers.Input((28, 28, 1))]
    for number, filters in (("1", 8), ("2", 16)):
        stack += [
            layers.Conv2D(filters, 3, name=f"conv_{number}"),
            layers.BatchNormalization(momentum=0.9, name=f"norm_{number}"),
            layers.ReLU(),
            layers.MaxPooling2D(),
        ]
    return Sequential([*stack, layers.Flatten()], name="base")


def with_head(base, learning_rate, **call):
    """The base and a new head, compiled; `call` is what the base is called with."""
    image = layers.Input((28, 28, 1))
    features = base(image, **call)
    model = Model(image, layers.Dense(5, activation="softmax", name="head")(features))
    model.compile(
        optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def accuracy(model, x, y):
    return model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]


base = make_base(0)
source = with_head(base, 0.003)
source.fit(x_source, y_source, epochs=4, verbose=0)
source_weights = base.get_weights()
print(
    f"the source network on its own classes: {accuracy(source, x_source_test, y_source_test):.0%}"
)

# %% [markdown]
# ## Watch
#
# Cut off its head, and what is left makes 400 *features* of a photo. Here are 500 photos of the
# **new** classes as points, projected from 784 pixels or 400 features to the plane in which they
# vary most. The large marks are the means of a few photos of each class, drawn at random. The
# simplest classifier takes the class of the nearest mean, in all dimensions. How few photos are
# enough for a useful mean? Does it help to look through the source network? And through one with
# random weights?

# %%
spaces = {
    "pixels": lambda x: x.reshape(len(x), -1),
    "random features": lambda x: random_base.predict(x, verbose=0),
    "source features": lambda x: base.predict(x, verbose=0),
}
random_base = make_base(7)
pool, pool_labels = x_target[:1000], y_target[:1000]
points = {name: (space(pool), space(x_test)) for name, space in spaces.items()}


def some_of_each(labels, count, seed):
    """Places of so many samples of each class, drawn at random."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(labels == k))[:count] for k in TARGET])


def draw_means(count, seed):
    kept = some_of_each(pool_labels, count, seed)
    with style():
        figure, grid = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained")
    for panel, (name, (features, queries)) in zip(grid, points.items(), strict=True):
        means = np.stack([features[kept][pool_labels[kept] == k].mean(axis=0) for k in TARGET])
        distances = ((queries[:, None] - means) ** 2).sum(axis=2)
        right = (TARGET.start + distances.argmin(axis=1) == y_test).mean()
        centre = queries.mean(axis=0)
        axes = np.linalg.svd(queries - centre, full_matrices=False)[2][:2].T
        for number, k in enumerate(TARGET):
            look = line_look(number) | {"linestyle": ""}
            panel.plot(*((queries[y_test == k] - centre) @ axes).T, markersize=2, alpha=0.5, **look)
            panel.plot(
                *((means[number] - centre) @ axes),
                markersize=11,
                markeredgecolor="black",
                label=CLOTHES[k],
                **look,
            )
        panel.set(xticks=[], yticks=[])
        panel.set_title(f"{name}: {right:.0%} right", fontsize=10)
    with style():
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=5, fontsize=9)
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_means,
    fallback=[{"count": 3, "seed": 0}, {"count": 50, "seed": 0}],
    count=[1, 3, 10, 50],
    seed=(0, 9),
)

# %% [markdown]
# In both pictures the source's features do best, and random ones no better than the pixels. Whoever
# has learned to tell coats from dresses sees more in a boot, too. With one photo of each class it
# is mostly a matter of luck which one: move `seed`.
#
# ## Write the simplest classifier
#
# `features` is `(N, D)`, `labels` is `(N,)`, any whole numbers; `queries` is `(M, D)`. The result
# is `(M,)`, the label of the nearest class mean for each query:
#
# $$
# m_c = \frac{1}{N_c} \sum_{n \,:\, y_n = c} f_n,
# \qquad
# \hat y(q) = \arg\min_c \; \lVert q - m_c \rVert
# $$


# %%
def nearest_mean(features, labels, queries):
    return ...  # your code


check("18.nearest_mean", nearest_mean)

# %% [markdown]
# ## Three ways
#
# With $g_w$ the base, $h_\theta$ the head, and $L$ the loss on our few photos:
#
# $$
# \underbrace{\min_{\theta}\; L\big(h_\theta(g_{w_\text{source}}(x)),\, y\big)}_{\text{frozen}}
# \qquad
# \underbrace{\min_{w,\, \theta}\; L \;\text{ from }\; w_\text{source}}_{\text{fine-tuning}}
# \qquad
# \underbrace{\min_{w,\, \theta}\; L \;\text{ from }\; w_\text{random}}_{\text{from scratch}}
# $$
#
# Frozen is by far the cheapest. The features of a photo never change, so they are computed once,
# and what is trained is a single layer. Fine-tuning begins where frozen ends, with the trained
# head: a new head sends large, senseless gradients into the base, and what it knew would be gone
# before the head has learned anything. For the same reason the learning rate is small. The layers
# of batch normalisation stay frozen; why, we will see.
#
# And a control: the same head on a frozen base that was **never trained**. What it reaches owes
# nothing to the source.

# %%
STEPS = {3: 40, 10: 80, 50: 120, 200: 250}  # photos of each class: steps of training
DRAWS = {3: 3, 10: 2, 50: 1, 200: 1}  # with few photos it matters which: repeat


def train(model, x, y, steps):
    batches = -(-len(x) // 16)
    model.fit(x, y - TARGET.start, batch_size=16, epochs=max(1, steps // batches), verbose=0)
    return model


def head_on(base, x, y, steps):
    """A head trained on the features of a frozen base, for which steps cost next to nothing."""
    sn.set_random_seed(0)
    head = Sequential([layers.Input((400,)), layers.Dense(5, activation="softmax")])
    head.compile(optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return train(head, base.predict(x, verbose=0), y, max(200, 2 * steps))


def thaw(base):
    """Everything in the base may be trained, but for the batch normalisation."""
    for layer in base.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)
    return base


def weights_by_layer(model):
    """Kernel and bias of the convolutions and of the head."""
    base = model.get_layer("base")
    found = [base.get_layer("conv_1"), base.get_layer("conv_2"), model.get_layer("head")]
    return {each.name: each.get_weights() for each in found}


results = {name: [] for name in ("from scratch", "frozen", "fine-tuned", "frozen, random")}
test_features = {each: each.predict(x_test, verbose=0) for each in (base, random_base)}
y_head = y_test - TARGET.start
for count, steps in STEPS.items():
    found = {name: [] for name in results}
    for draw in range(DRAWS[count]):
        kept = some_of_each(y_target, count, draw)
        x, y = x_target[kept], y_target[kept]

        head = head_on(base, x, y, steps)
        found["frozen"].append(accuracy(head, test_features[base], y_head))
        control = head_on(random_base, x, y, steps)
        found["frozen, random"].append(accuracy(control, test_features[random_base], y_head))

        tuned = with_head(thaw(make_base(0)), 0.001)
        tuned.get_layer("base").set_weights(source_weights)
        tuned.get_layer("head").set_weights(head.get_weights())
        before_tuned = weights_by_layer(tuned)
        found["fine-tuned"].append(accuracy(train(tuned, x, y, steps), x_test, y_head))

        new = with_head(make_base(draw + 1), 0.003)
        before_new = weights_by_layer(new)
        found["from scratch"].append(accuracy(train(new, x, y, steps), x_test, y_head))
    for name in results:
        results[name].append(np.mean(found[name]))

print("photos of each class" + "".join(f"{count:8}" for count in STEPS))
for name, values in results.items():
    print(f"{name:20}" + "".join(f"{value:8.0%}" for value in values))

# %%
with style():
    figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
    for number, (name, values) in enumerate(results.items()):
        axes.plot(list(STEPS), values, label=name, **line_look(number))
    axes.set(xscale="log", xlabel="photos of each class", ylabel="accuracy on new photos")
    axes.set_xticks(list(STEPS), [str(count) for count in STEPS])
    axes.minorticks_off()
    axes.grid(axis="y")
    axes.legend(loc="lower right")
plt.close(figure)
figure

# %% [markdown]
# Read it from the left:
#
# - With 3 photos of each class, the network from scratch is far behind even the random base.
#   Fifteen photos do not say what to look for. To look at random, and leave it so, is better than
#   to bend all filters to these fifteen.
# - There the control is as good as the source's features. Without it, one would have given the
#   source the credit for all of the gain. (The nearest mean did better on the source's features
#   even with 3 photos. A control holds for its own classifier, and with so few photos luck has its
#   share.)
# - With more photos the control stays behind. The distance between it and `frozen` is what the
#   source really gave: filters that were learned from coats are better for boots, too, than random
#   ones.
# - With 200 photos the network from scratch has caught up. What the source knew can now be learned
#   from the photos themselves.
#
# Fine-tuning costs little where frozen is good, and gains a little. Differences of one or two
# percent mean nothing here: 500 photos tell an accuracy to about ±1.5% (notebook 13).
#
# ## Which layers moved?
#
# For each layer, all its trainable numbers together:
#
# $$
# \text{change} \;=\; \frac{\lVert w_\text{after} - w_\text{before} \rVert}
# {\lVert w_\text{before} \rVert}
# $$
#
# Write it. `before` and `after` are lists of arrays, such as kernel and bias of one layer. The norm
# $\lVert \cdot \rVert$ is over all of them: the root of the sum of all squares.


# %%
def relative_change(before, after):
    return ...  # your code


check("18.relative_change", relative_change)

# %% [markdown]
# Here are the two networks that were trained last, with 200 photos of each class: how far did each
# layer go from where it began?

# %%
moved = {}
for name, before, model in [
    ("fine-tuned", before_tuned, tuned),
    ("from scratch", before_new, new),
]:
    after = weights_by_layer(model)
    moved[name] = [
        np.sqrt(
            sum(((b - a) ** 2).sum() for a, b in zip(before[layer], after[layer], strict=True))
            / sum((a**2).sum() for a in before[layer])
        )
        for layer in before
    ]

with style():
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for number, (name, values) in enumerate(moved.items()):
        places = np.arange(len(values)) + 0.38 * number
        bars = axes.barh(places, values, 0.36, label=name, **bar_look(number))
        axes.bar_label(bars, [f"{value:.0%}" for value in values], padding=4, fontsize=9)
    axes.set_yticks(np.arange(len(before_new)) + 0.19, list(before_new))
    axes.invert_yaxis()
    axes.set(xlabel="‖after − before‖ / ‖before‖", xlim=(0, 1.15 * max(max(moved.values()))))
    axes.legend(loc="upper right")
plt.close(figure)
figure

# %% [markdown]
# From scratch, the nearer to the output the more. Fine-tuned, the first filters moved least, too;
# the head had been trained already, and moved no more than the layer before it. The first filters
# find edges, and edges are of use for any kind of photo. What comes later is made for the task, and
# has to be made anew. (Compare the order of the layers rather than the two networks: they had
# different learning rates.) And that a network moved little does not say that it had little to
# learn: it began near to a place that is good for both tasks.
#
# ## The trap
#
# Batch normalisation has four arrays. Two of them, $\gamma$ and $\beta$, are trained. The other two
# are not: in training the layer computes with the mean and the variance of the batch, and lets the
# moving statistics follow them,
#
# $$ \mu \;\leftarrow\; m\,\mu + (1 - m)\,\mu_\text{batch}. $$
#
# No gradient is needed for that, and no learning rate. To freeze means two things for this layer,
# therefore: nothing is trained, **and** it computes as in inference. Look at the first lines:

# %%
show_source(layers.BatchNormalization.forward)

# %% [markdown]
# Our camera takes darker photos, say, a third as bright. "Train" the source network on them with a
# learning rate of **0**, for one epoch, in three ways. Then ask it again about its own classes, on
# photos as they were.

# %%
kept = some_of_each(y_target, 80, 0)


def source_copy():
    copy = make_base(0)
    copy.set_weights(source_weights)
    return copy


def frozen(base):
    base.trainable = False
    return base


for title, prepare in [
    ("nothing frozen", lambda base: base),
    ("base frozen", frozen),
    ("only norm_1 and norm_2 frozen", thaw),
]:
    copy = prepare(source_copy())
    model = with_head(copy, 0.0)
    model.get_layer("head").set_weights(source.get_layer("head").get_weights())
    model.fit(x_target[kept] / 3, y_target[kept] - TARGET.start, batch_size=16, verbose=0)
    changed = [
        weight.path
        for weight, old in zip(copy.weights, source_weights, strict=True)
        if not np.array_equal(weight.numpy(), old)
    ]
    share = accuracy(model, x_source_test, y_source_test)
    print(f"{title:30} {share:.0%} right, changed: {', '.join(changed) or 'nothing'}")

# %% [markdown]
# Not one weight was trained, and the network is another one. Who shares a base among several heads
# breaks all of them in this way. `trainable = False` holds the statistics as well, of the whole
# base or of these layers alone: so it was done above, when we fine-tuned. In Keras, set it before
# `compile`. If you *want* the statistics of your own photos, let them follow. But know that you do.
#
# ## The same in Keras
#
# Runs of ten steps, from the same weights on the same batches in both libraries: how many of the 14
# arrays have changed after them, and how far do the arrays differ, as a share of their largest
# number? The last run has what a guide of Keras recommends instead, to call the base with
# `training=False`.

# %%
import reference


def beside_keras(base, learning_rate, **call):
    """Arrays changed here, in Keras, and the largest relative difference."""
    ours = with_head(base, learning_rate, **call)
    theirs = reference.twin(ours)
    before = ours.get_weights()
    for step in range(10):
        batch = kept[step::25]  # 16 photos of all classes
        ours.train_on_batch(x_target[batch], y_target[batch] - TARGET.start)
        theirs.train_on_batch(x_target[batch], y_target[batch] - TARGET.start)
    after = list(zip(before, ours.get_weights(), theirs.get_weights(), strict=True))
    changed = [sum(not np.array_equal(row[0], row[k]) for row in after) for k in (1, 2)]
    return *changed, max(np.abs(a - b).max() / max(1, np.abs(b).max()) for _, a, b in after)


for title, base_of_run, rate, call in [
    ("fine-tuned", thaw(source_copy()), 0.001, {}),
    ("rate 0", source_copy(), 0.0, {}),
    ("rate 0, training=False", source_copy(), 0.0, {"training": False}),
]:
    here, there, error = beside_keras(base_of_run, rate, **call)
    print(f"{title:23} {here:2} changed here, {there:2} in Keras; error below 1e-4: {error < 1e-4}")

import keras

print("Keras", keras.__version__)

# %% [markdown]
# The last line is a surprise: the recipe does not hold the statistics. Training tells all layers
# that they train, and that outranks what the call said, in this version of Keras and so here as
# well. Nothing warns of it, and no formula tells. One compares the arrays before and after. To
# freeze the layers works.
#
# ## What you know now
#
# - Frozen features cost one forward pass for each photo, and leave a single layer to train. With
#   few photos that is as good as anything.
# - Fine-tuning begins from the trained head, with a small learning rate. The weights stay near to
#   where they were.
# - Compare with a base of random weights: only what goes beyond it was learned elsewhere.
# - The more photos of your own, the less another network is worth.
# - Moving statistics need no learning rate to move. Freeze these layers, and compare the arrays
#   before and after.
#
# Solutions: `notebooks/solutions/18_transfer_learning.py`. Next: how this library proves that it
# computes what Keras computes.
#
# **Sources.** Yosinski, Clune, Bengio, Lipson, *How transferable are features in deep neural
# networks?* (2014); Donahue and others, *DeCAF: a deep convolutional activation feature for generic
# visual recognition* (2014); Kornblith, Shlens, Le, *Do better ImageNet models transfer better?*
# (2019); Saxe and others, *On random weights and unsupervised feature learning* (2011), for the
# control; Li and others, *Revisiting batch normalization for practical domain adaptation* (2017),
# for statistics that are meant to follow.
