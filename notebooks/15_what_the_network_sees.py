# %% [markdown]
# # 15 · What the network sees
#
# A network says "trousers", and is right. **Where did it look?** There are pictures that seem to
# answer this: heat on an image, red on the legs. They are computed, but what they mean is a
# question of its own. This notebook makes three of them, from the one that is certain to the one
# that is most persuasive, and then tests the persuasive ones. You will
#
# - guess what a cell can see, and where a network that was never trained "looks",
# - write the formula of the receptive field, and hold it against a measurement,
# - draw saliency maps, and write Grad-CAM,
# - compare both with those of a network that knows nothing,
# - and erase the pixels that they name.
#
# You need notebook 01 (where windows land), 03 (the gradient of an image) and 13 (training).

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import Sequential, inspection, layers, optimizers, visualization
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.inspection import field_geometry
from scratchnet.ops.formulas.resize import resize
from scratchnet.visualization import style

start()

# %% [markdown]
# ## Predict
#
# A 3 × 3 convolution, then a 2 × 2 max pooling with stride 2, then another 3 × 3 convolution. **How
# many pixels of the image, in one direction, can one cell of the last map see?**

# %%
my_pixels = ...
check("15.can_see", my_pixels)

# %% [markdown]
# Only 3 × 3 convolutions with stride 1, one behind the other, and no pooling. **How many does it
# take until a cell can see 28 pixels in one direction?**

# %%
my_depth = ...
check("15.how_many", my_depth)

# %% [markdown]
# A saliency map shows which pixels, changed a little, would change the score of the class most.
# Take a network that was **never trained**: its weights are random, its biases 0. It knows nothing
# about clothes. **Where do the brightest pixels of its maps lie?** Answer with a word:
#
# - `"anywhere"`: all over the image,
# - `"clothes"`: on the clothes and along their edges,
# - `"background"`: in the black around them.

# %%
my_word = ...
check("15.untrained", my_word)

# %% [markdown]
# ## A network to look into
#
# Three convolutions, two poolings, then the mean of each map, and a dense layer. It ends in a
# global pooling for a reason that we will come to.

# %%
CLOTHES = sn.datasets.fashion_mnist.CLASS_NAMES
(photos, targets), (test_photos, test_targets) = sn.datasets.fashion_mnist.load_data()
x, labels = photos[:3000, ..., None].astype(np.float32) / 255, targets[:3000].astype(int)
x_test = test_photos[:200, ..., None].astype(np.float32) / 255


def network(seed):
    sn.set_random_seed(seed)
    settings = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
    model = Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(8, 3, name="first", **settings),
            layers.MaxPooling2D(name="pool_1"),
            layers.Conv2D(16, 3, name="second", **settings),
            layers.MaxPooling2D(name="pool_2"),
            layers.Conv2D(32, 3, name="third", **settings),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(10, activation="softmax", name="scores"),
        ]
    )
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


model, untrained = network(0), network(1)
model.fit(x, labels, epochs=5, verbose=0)
for name, each in [("trained", model), ("untrained", untrained)]:
    guessed = each.predict(x_test, verbose=0).argmax(axis=1)
    print(f"{name:10} {(guessed == test_targets[:200]).mean():.0%} of 200 photos right")

# %% [markdown]
# ## What a cell can see
#
# This is geometry, and certain. Cell $u$ of a map sees the pixels from $a + u j$ to
# $a + u j + r - 1$ (one direction at a time): $r$ is the size of the *receptive field*, $j$ the
# stride from one cell's field to its neighbour's, and $a$ where the first one begins. For the image
# itself $r = 1$, $j = 1$, $a = 0$. A layer with a window of $k$ cells, dilation $d$, stride $s$ and
# $p$ cells of padding before the first makes of them
#
# $$
# r \leftarrow r + (k - 1)\, d \cdot j,
# \qquad
# a \leftarrow a - p \cdot j,
# \qquad
# j \leftarrow s \cdot j
# $$
#
# in this order. A window reaches from its first to its last cell, over $(k - 1) d$ steps, and each
# of these steps is $j$ pixels long. So a stride makes all **later** layers grow faster.
#
# ## Write it
#
# `stack` is a list of layers, each as `(k, s, d, p)`. The result is `(r, j, a)` of the last one.


# %%
def field(stack):
    return ..., ..., ...  # (r, j, a)


check("15.field", field)

# %% [markdown]
# And ours, for rows and columns at once. It keeps the first and the last pixel of the first cell,
# $a$ and $b = a + r - 1$.

# %%
show_source(field_geometry._through_window)

# %% [markdown]
# ## Watch
#
# The same can be measured. Set the gradient of one cell to 1 and go backwards: all pixels that do
# not get exactly 0 can be seen. The frame is the formula's, the colours are the measurement, the
# mean of $|\partial y/\partial x|$ over 50 photos. Go from layer to layer, and move the cell to the
# border. Does the frame fit? And what is inside it?


# %%
def draw_field(layer, row, column):
    height, width = model.get_layer(layer).output.shape[1:3]
    cell = (round(row / 6 * (height - 1)), round(column / 6 * (width - 1)))
    seen = inspection.measured_receptive_field(model, x_test[:50], layer, cell)
    frame = inspection.receptive_field(model, layer).pixels(*cell)
    figure = visualization.receptive_field(x_test[0], *frame, seen.strength, label=layer)
    figure.set_dpi(75)
    return figure


interact_with_fallback(
    draw_field,
    fallback=[
        {"layer": "second", "row": 3, "column": 3},
        {"layer": "third", "row": 3, "column": 3},
        {"layer": "third", "row": 6, "column": 0},
    ],
    layer=["first", "pool_1", "second", "pool_2", "third"],
    row=(0, 6),
    column=(0, 6),
)

# %%
for name in ("second", "third"):
    found = inspection.receptive_field(model, name)
    seen = inspection.measured_receptive_field(model, x_test[:50], name)
    (top, bottom), (left, right) = seen.rows, seen.columns
    rows, columns = bottom - top + 1, right - left + 1
    edge = rows // 4
    inner = seen.strength[top + edge : bottom + 1 - edge, left + edge : right + 1 - edge]
    print(
        f"{name:6}  formula {found.size[0]} × {found.size[1]}, measured {rows} × {columns}; the "
        f"inner {inner.shape[0]} × {inner.shape[1]} are {inner.size / (rows * columns):.0%} of the "
        f"pixels and {inner.sum() / seen.strength.sum():.0%} of the weight"
    )

# %% [markdown]
# The formula says what *can* matter, and no pixel outside ever does. How much each does is another
# matter: there are many ways from a pixel in the middle to the cell, and only one from a corner. So
# the weight falls off to the border, like a bell. A field of 18 pixels is mostly used in its
# middle.
#
# ## Which pixels would change the score
#
# Let $S_c$ be the score of class $c$, what goes into the softmax. To first order
#
# $$
# S_c(x') \;\approx\; S_c(x) + \sum_{i, j} w[i, j] \,(x'[i, j] - x[i, j]),
# \qquad
# w = \frac{\partial S_c}{\partial x},
# \qquad
# M = |w|
# $$
#
# (for several colours, the largest $|w|$ of them). $M$ is the *saliency map*. It costs one backward
# pass, and it is a true statement about the network: about very small changes of single pixels. Why
# not the probability? Because that can also be raised by lowering all the others, and for a sure
# answer it has hardly any gradient left (notebook 08).

# %%
show_source(inspection.saliency)

# %%
shown = [0, 1, 2, 4, 6, 18]
images = x_test[shown]
classes = model.predict(images, verbose=0).argmax(axis=1)
names = [CLOTHES[c] for c in classes]


def at_half_size(figure):
    figure.set_dpi(75)
    return figure


at_half_size(
    visualization.saliency_overlay(images, inspection.saliency(model, images, classes), names)
)

# %% [markdown]
# Some edges, some gaps, and a lot of scatter. One is tempted to see a sense in it.
#
# ## Where the evidence lay
#
# Pixels are the wrong place to ask. The last convolution has maps that are 7 × 7 cells, each for
# something that the network has learned to find. *Grad-CAM* asks how much each map speaks for the
# class, and adds up the maps with these weights. With $A_k$ the map of channel $k$, of $Z$ cells,
#
# $$
# \alpha_k \;=\; \frac{1}{Z} \sum_{i, j} \frac{\partial S_c}{\partial A_k[i, j]},
# \qquad
# L[i, j] \;=\; \max\Big(0,\; \sum_k \alpha_k\, A_k[i, j] \Big)
# $$
#
# What speaks against the class is cut off at the end. The $\alpha_k$ themselves may be negative.
#
# The mean over the cells is why our network ends in a global pooling: there the gradient **is** the
# same in all cells, and $\alpha_k$ is the weight of the last layer, divided by $Z$. If a network
# flattens the maps instead, a channel can speak for the class in one corner and against it in
# another. Then the mean may cancel, and the map can be 0 everywhere for a class that the network is
# sure of.
#
# Write it for one image. `maps` and `gradients` are `(h, w, K)`; the results are `(K,)` and
# `(h, w)`.


# %%
def grad_cam(maps, gradients):
    return ..., ...  # (alpha, heat)


check("15.grad_cam", grad_cam)

# %%
at_half_size(
    visualization.grad_cam_overlay(images, inspection.grad_cam(model, images, classes), names)
)

# %% [markdown]
# Ask the same photo about another class: where is what would speak for it?


# %%
def draw_classes(photo):
    image = x_test[photo]
    asked = np.argsort(-model.predict(image[None], verbose=0)[0])[:4]
    repeated = np.repeat(image[None], len(asked), axis=0)
    heat = inspection.grad_cam(model, repeated, asked)
    return at_half_size(
        visualization.grad_cam_overlay(repeated, heat, [f"asked: {CLOTHES[c]}" for c in asked])
    )


interact_with_fallback(draw_classes, fallback=[{"photo": 0}, {"photo": 18}], photo=(0, 40))

# %% [markdown]
# ## What these pictures do not prove
#
# They look right. But would you have noticed if they were wrong? Each of us can find a reason why
# some part of a boot is important. So test them. A map that tells what the network has *learned*
# must change if the network has learned nothing (Adebayo and others, 2018). Here are the maps of
# both networks, for the same photos and the same classes.

# %%
makers = {"saliency": inspection.saliency, "Grad-CAM": inspection.grad_cam}
with style():
    figure, grid = plt.subplots(5, len(shown), figsize=(6.6, 5.6), layout="constrained")
rows = [("photo", images[..., 0])]
for kind, make in makers.items():
    for whose, each in (("trained", model), ("untrained", untrained)):
        heat = make(each, images, classes)
        rows.append((f"{kind},\n{whose}", resize(heat[..., None], (28, 28), "bilinear")[..., 0]))
for line, (name, pictures) in zip(grid, rows, strict=True):
    for panel, picture in zip(line, pictures, strict=True):
        panel.imshow(picture, cmap="gray" if name == "photo" else "inferno")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
plt.close(figure)
at_half_size(figure)

# %% [markdown]
# The saliency of the untrained network lies on the clothes and close to them. It has to: a cell
# that sees only black is 0, for all biases are 0, so its ReLU is off and lets no gradient through.
# How much of the heat lies on the clothes, in 200 photos?

# %%
many = x_test
outputs = model.predict(many, verbose=0)
best = outputs.argmax(axis=1)
maps = {
    (kind, whose): make(each, many, best)
    for kind, make in makers.items()
    for whose, each in (("trained", model), ("untrained", untrained))
}


def enlarged(heat):
    return resize(heat[..., None], (28, 28), "bilinear")[..., 0]


print(f"{'of all pixels':22} {(many > 0).mean():.0%}")
for (kind, whose), heat in maps.items():
    big, some = enlarged(heat), heat.any(axis=(1, 2))  # images with any heat
    share = (big * (many[..., 0] > 0)).sum(axis=(1, 2))[some] / big.sum(axis=(1, 2))[some]
    print(f"{kind + ', ' + whose:22} {share.mean():.0%}")

# %% [markdown]
# That a map lies on the object is no evidence of anything. Nor is it one against Grad-CAM that its
# heat does not keep to the clothes: the cells are coarse, and the shape of the black is evidence
# too. Next: how much does it depend on the network, and on the class that it is asked about? Here
# is the correlation of each map with the one of the untrained network, and with one for a class to
# which the photo does not belong.


# %%
def agreement(a, b):
    """The mean correlation of two maps of the same image, where both have any heat."""
    pairs = [(u, v) for u, v in zip(a, b, strict=True) if u.std() > 0 and v.std() > 0]
    return np.mean([np.corrcoef(u.ravel(), v.ravel())[0, 1] for u, v in pairs])


for kind, make in makers.items():
    trained = maps[kind, "trained"]
    of_untrained = agreement(trained, maps[kind, "untrained"])
    of_another = agreement(trained, make(model, many, (best + 5) % 10))
    print(f"{kind}:  untrained network {of_untrained:5.2f},  another class {of_another:5.2f}")

# %% [markdown]
# Saliency cares little which class it is about: mostly it shows where this network is sensitive at
# all. Grad-CAM stands this test. With another network or another class it is another map.
#
# Last, take the maps at their word. Make the hottest tenth of the pixels black, and see what is
# left of the probability of the class. If a map knows what matters, it should cost more than the
# map of a network that knows nothing.


# %%
def probability_without(order):
    """The mean probability of the class when the first 78 pixels of the order are black."""
    erased = many.reshape(len(many), -1).copy()
    np.put_along_axis(erased, order[:, :78], 0, axis=1)
    p = model.predict(erased.reshape(many.shape), verbose=0)
    return p[np.arange(len(p)), best].mean()


print(f"{'nothing erased':22} {outputs.max(axis=1).mean():.2f}")
rng = np.random.default_rng(0)
by_chance = rng.permuted(np.tile(np.arange(784), (len(many), 1)), axis=1)
print(f"{'pixels by chance':22} {probability_without(by_chance):.2f}")
for (kind, whose), heat in maps.items():
    order = np.argsort(-enlarged(heat).reshape(len(heat), -1), axis=1, kind="stable")
    print(f"{kind + ', ' + whose:22} {probability_without(order):.2f}")

# %% [markdown]
# To erase what the *untrained* saliency names costs nearly as much as to follow the trained one:
# both hit the clothes, and this is all there is to it. Grad-CAM does better than its untrained
# twin. Yet this test is a doubtful judge, too. A photo with holes is like nothing that the network
# has been trained on, and what it says about such a photo may have other reasons.
#
# So say what was computed, and no more:
#
# - **receptive field**: no pixel outside can have an influence. This is certain.
# - **saliency**: the score changes fastest if these pixels change, by very little and each by
#   itself.
# - **Grad-CAM**: at these places the last maps held what raises the score of this class. It does
#   not say what was there, or why it counts.
#
# ## The same in Keras
#
# The twin of our network, without its last softmax. TensorFlow derives the scores with respect to
# the image and to the last maps.

# %%
import reference

theirs = reference.twin(model)

import keras
import tensorflow as tf

theirs.get_layer("scores").activation = keras.activations.linear
until_third = keras.Model(theirs.inputs, theirs.get_layer("third").output)
image_tensor = tf.constant(images)
with tf.GradientTape(persistent=True) as tape:
    tape.watch(image_tensor)
    maps_tensor = until_third(image_tensor)
    scores = theirs.get_layer("scores")(theirs.get_layer("mean")(maps_tensor))
    chosen = tf.gather(scores, classes, batch_dims=1)
of_pixels = tape.gradient(chosen, image_tensor).numpy()
of_maps = tape.gradient(chosen, maps_tensor).numpy()

alpha = of_maps.mean(axis=(1, 2), keepdims=True)
for name, ours, keras_map in [
    ("saliency", inspection.saliency(model, images, classes), np.abs(of_pixels)[..., 0]),
    (
        "Grad-CAM",
        inspection.grad_cam(model, images, classes),
        np.maximum((alpha * maps_tensor.numpy()).sum(axis=-1), 0),
    ),
]:
    error = np.abs(ours - keras_map).max() / np.abs(keras_map).max()
    print(f"{name}: relative error below 1e-4: {error < 1e-4}")
spread = np.abs(of_maps - alpha).max() / np.abs(of_maps).max()
print(f"the gradient is the same in all cells of a map, to 1e-6: {spread < 1e-6}")

# %% [markdown]
# ## What you know now
#
# - A layer makes a field larger by $(k - 1)\, d \cdot j$ pixels, and strides multiply. What a cell
#   can see is geometry; what it does see is mostly the middle of that.
# - Saliency is $|\partial S_c/\partial x|$, with the score before the softmax.
# - Grad-CAM weighs the last maps with the mean of their gradients. It fits a network that ends in a
#   global pooling.
# - A picture that looks right is no evidence. Make it of an untrained network too, and of another
#   class, before you believe it.
#
# Solutions: `notebooks/solutions/15_what_the_network_sees.py`. Next: the landscape in which a
# network was trained.
#
# **Sources.** Araujo, Norris, Sim, *Computing receptive fields of convolutional neural networks*
# (2019); Luo, Li, Urtasun, Zemel, *Understanding the effective receptive field in deep
# convolutional neural networks* (2016); Simonyan, Vedaldi, Zisserman, *Deep inside convolutional
# networks* (2013), section 3; Selvaraju and others, *Grad-CAM* (2017), section 3; Zhou and others,
# *Learning deep features for discriminative localization* (2016), for networks that end in a global
# pooling; Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim, *Sanity checks for saliency maps*
# (2018); Hooker, Erhan, Kindermans, Kim, *A benchmark for interpretability methods in deep neural
# networks* (2019), for what erasing does not prove.
