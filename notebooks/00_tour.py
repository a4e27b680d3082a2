# %% [markdown]
# # 00 · The tour
#
# How does a photo become a word? Between the two lie a few layers, and each of them is a formula
# of one line. This notebook goes through all of them once, with one photo and one small network,
# in about five minutes. The other notebooks of the course then take one piece each. You will
#
# - guess how many numbers the network has to learn, and where they are,
# - follow a photo through every layer, to the probabilities of ten kinds of clothes,
# - compute the whole network by hand, in seven lines,
# - change a layer and predict what that does to the number of parameters,
# - and see that Keras, with the same weights, says the same.
#
# You need Python and a little NumPy. No formula has to be known beforehand.

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet import layers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.datasets.fashion_mnist import CLASS_NAMES
from scratchnet.ops import formulas
from scratchnet.visualization import colours, style

start()

# %% [markdown]
# ## The network
#
# A photo has 28 × 28 pixels and one channel, grey. A *convolution* slides 8 small windows over it
# and makes 8 maps of it. Such a window, a *filter*, has a weight for each number that it covers, in
# all channels; at each place it multiplies the two, and adds up. A *ReLU* sets what is negative to
# 0. A *pooling* keeps the largest of every 2 × 2 numbers. All this once more, and a *dense* layer
# makes 10 numbers of what is left, each with a weight for everything that comes in. *Softmax* turns
# these into probabilities.
#
# Conventions that hold everywhere in this course: arrays of images are `(N, H, W, C)`, which is
# photos, rows, columns and channels. A convolution is not padded unless it says so: its windows
# stay inside the image. Its stride is 1: they move one pixel at a time. Each filter, and each of
# the 10 sums of a dense layer, has a *bias* too, one number that is added. A pooling's windows
# don't overlap, and what is left over at the edge is dropped.


# %%
def network(kernel_size=3, filters=16):
    """The network of this notebook; the arguments are those of the second convolution."""
    model = sn.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, name="pool_1"),
            layers.Conv2D(filters, kernel_size, activation="relu", name="conv_2"),
            layers.MaxPooling2D(2, name="pool_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, activation="softmax", name="dense"),
        ]
    )
    adam = sn.optimizers.Adam(0.003)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% [markdown]
# ## Predict
#
# **How many parameters does `conv_1` have**: 8 filters of 3 × 3, on an image with one channel?

# %%
my_count = ...
check("00.first_layer", my_count)

# %% [markdown]
# The image is 28 × 28. **What is the shape of what comes out of `pool_2`**, as (rows, columns,
# channels)? Go through the four layers one by one.

# %%
my_shape = ...  # (rows, columns, channels)
check("00.last_map", my_shape)

# %% [markdown]
# **Which layer has the most parameters**: `"conv_1"`, `"conv_2"` or `"dense"`?

# %%
my_layer = ...
check("00.largest_layer", my_layer)

# %% [markdown]
# ## Train it
#
# At first all weights are random and the network knows nothing: each of the ten classes gets about
# one tenth. The loss is then near $\log 10 \approx 2.3$. Training shows it photos with their
# labels and moves every parameter a little to where the loss falls; notebooks 03, 08 and 10 say
# how. Here are 6000 photos, three times.

# %%
(photos, labels), (test_photos, test_labels) = sn.datasets.fashion_mnist.load_data()
x, y = photos[:6000, :, :, None] / 255, labels[:6000]
test_x, test_y = test_photos[:1000, :, :, None] / 255, test_labels[:1000]

model = network()
before = model.evaluate(test_x, test_y, verbose=0)
model.fit(x, y, batch_size=32, epochs=3, verbose=0)
after = model.evaluate(test_x, test_y, verbose=0)
print("On 1000 photos that it has not seen:")
print(f"before training   loss {before[0]:.1f}   right {before[1]:.0%}")
print(f"after training    loss {after[0]:.1f}   right {after[1]:.0%}")

# %% [markdown]
# ## Watch
#
# One photo, and everything that the trained network makes of it: 8 + 8 + 16 + 16 maps, and the ten
# probabilities. Bright is large; the maps of one layer have one scale. Choose another photo. Which
# maps answer to edges, and which to surfaces? Where do classes share the probability?

# %%
every_layer = sn.Model(model.inputs, [layer.output for layer in model.layers])
layer_names = [layer.name for layer in model.layers]


def side_by_side(maps, rows):
    """The maps (H, W, F) as one picture, `rows` of them below each other, white between them."""
    framed = np.pad(maps, ((0, 1), (0, 1), (0, 0)), constant_values=np.nan)
    height, width, count = framed.shape
    picture = framed.reshape(height, width, rows, count // rows).transpose(2, 0, 3, 1)
    return picture.reshape(rows * height, -1)[:-1, :-1]


def draw_activations(photo):
    image = test_x[photo : photo + 1]
    values = dict(zip(layer_names, every_layer.predict(image, verbose=0), strict=True))
    probabilities = values["dense"][0]
    with style():
        figure, panels = plt.subplots(2, 3, figsize=(9, 5.8), layout="constrained")
        panels[0, 0].imshow(image[0, :, :, 0], cmap="gray")
        panels[0, 0].set_title("photo, 28 × 28 × 1", fontsize=10)
        places = [panels[0, 1], panels[0, 2], panels[1, 0], panels[1, 1]]
        for axes, name, rows in zip(places, layer_names[:4], (2, 2, 4, 4), strict=True):
            maps = values[name][0]
            axes.imshow(np.sqrt(side_by_side(maps, rows)), cmap=colours.POSITIVE)
            axes.set_title(f"{name}, {' × '.join(map(str, maps.shape))}", fontsize=10)
        for axes in [panels[0, 0], *places]:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        bars = panels[1, 2]
        bars.barh(CLASS_NAMES, probabilities, color=colours.BLUE)
        for k, p in enumerate(probabilities):
            label = "  ← the label" if k == test_y[photo] else ""
            if p >= 0.005 or label:
                bars.text(p + 0.03, k, f"{p:.0%}{label}", va="center", fontsize=9)
        bars.invert_yaxis()
        bars.set(xlim=(0, 1.55), xticks=[0, 0.5, 1])
        bars.set_title("dense, softmax: 10", fontsize=10)
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_activations, fallback=[{"photo": 0}, {"photo": 6}], photo=list(range(12))
)

# %% [markdown]
# (The colours follow the square root, so that weak answers are seen beside strong ones.) From
# layer to layer the maps become smaller and more of them: less *where*, more *what*. In the end
# `flatten` writes the 5 × 5 × 16 numbers into one row of 400, and `dense` weighs them up for each
# class.
#
# ## The formulas
#
# That is all of it. For each layer $x$ is what comes in (for `dense` a row of numbers, $r$), and
# $w$ and $b$ are its own weights and biases.
#
# $$
# \begin{aligned}
# \text{convolution:} \quad
# & z[i, j, f] = b[f] + \sum_{u, v, c} x[i + u,\, j + v,\, c]\; w[u, v, c, f] \\
# \text{ReLU:} \quad
# & h[i, j, f] = \max(z[i, j, f],\, 0) \\
# \text{pooling:} \quad
# & m[i, j, f] = \max_{u, v \in \{0, 1\}} h[2i + u,\, 2j + v,\, f] \\
# \text{dense:} \quad
# & s[k] = b[k] + \sum_n r[n]\; w[n, k] \\
# \text{softmax:} \quad
# & p[k] = e^{s[k]} \Big/ \sum_j e^{s[j]}
# \end{aligned}
# $$
#
# In `scratchnet.ops.formulas` each of them is a function of plain NumPy. The first one has strides
# and padding too, and adds up tap by tap: one matrix product for each place in the window.

# %%
show_source(formulas.conv2d, formulas.dense, formulas.softmax)

# %% [markdown]
# So the network is seven lines, and nothing else is behind `predict`:

# %%
w1, b1, w2, b2, w3, b3 = model.get_weights()
image = test_x[:1].astype("float32")

h = formulas.relu(formulas.conv2d(image, w1) + b1)
h = formulas.max_pool2d(h, (2, 2))
h = formulas.relu(formulas.conv2d(h, w2) + b2)
h = formulas.max_pool2d(h, (2, 2))
row = h.reshape(len(h), -1)
s = formulas.dense(row, w3) + b3
p = formulas.softmax(s)

print("by hand:", CLASS_NAMES[p[0].argmax()], f"{p[0].max():.0%}")
print("largest difference to predict is below 1e-6:", end=" ")
print(np.abs(p - model.predict(image, verbose=0)).max() < 1e-6)

# %% [markdown]
# ## Backwards
#
# Training needs one thing more: for every parameter, how the loss changes if that parameter is
# moved a little. Each layer knows this for itself, and hands on to the layer below what concerns
# its input. `gradients` does it for all. One step against the gradient, on a network that knows
# nothing yet:

# %%
untrained = network()
weights = untrained.get_weights()
loss, _, gradients = untrained.gradients(x[:500], y[:500])
untrained.set_weights([w - 0.1 * g for w, g in zip(weights, gradients, strict=True)])
loss_later = untrained.evaluate(x[:500], y[:500], verbose=0)[0]
print("each gradient has the shape of its weights:", [g.shape for g in gradients])
print(f"loss {loss:.2f}, after one step {loss_later:.2f}")

# %% [markdown]
# ## Write it: change a layer
#
# Let the second convolution have windows of `kernel_size` × `kernel_size` and another number of
# `filters`. Everything else stays as it is. **How many parameters do `conv_2` and `dense` have
# then?** The two hang together: how many numbers reach `dense` depends on what `conv_2` leaves.
#
# Write a function for any `kernel_size` and `filters`. For 3 and 16 it must return (1168, 4010).


# %%
def parameters(kernel_size, filters):
    return ...  # your code: (parameters of conv_2, parameters of dense)


check("00.parameters", parameters)

# %% [markdown]
# Try it out: change the arguments of `network`, predict, then read the table. Does a larger window
# always mean a larger network?

# %%
network(kernel_size=5, filters=16).summary(line_length=70, print_fn=print)

# %% [markdown]
# ## The same in Keras
#
# `reference.twin` builds the Keras model with the same layers and the same weights. The photo goes
# through both, and the outputs of each layer are compared, then the gradients of all weights, which
# TensorFlow derives by itself. The errors are relative to the largest number of each array. float32
# has about seven digits.

# %%
import reference

reference.prepare()  # deterministic operations

import keras
import tensorflow as tf

theirs = reference.twin(model)
theirs_every_layer = keras.Model(theirs.inputs, [layer.output for layer in theirs.layers])
ours_outputs = every_layer.predict(test_x[:100], verbose=0)
theirs_outputs = theirs_every_layer.predict(test_x[:100], verbose=0)
for name, a, b in zip(layer_names, ours_outputs, theirs_outputs, strict=True):
    error = np.abs(a - b).max() / np.abs(b).max()
    print(f"{name:8} {a.shape[1:]!s:12} error below 1e-5: {error < 1e-5}")

# %%
_, _, ours_gradients = model.gradients(test_x[:100], test_y[:100])
with tf.GradientTape() as tape:
    predicted = theirs(tf.constant(test_x[:100], tf.float32))
    loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(test_y[:100], predicted))
theirs_gradients = tape.gradient(loss, theirs.trainable_variables)
errors = [
    np.abs(a - b).max() / np.abs(b).max()
    for a, b in zip(ours_gradients, map(np.asarray, theirs_gradients), strict=True)
]
print(f"gradients of {len(errors)} arrays of weights, error below 1e-4: {max(errors) < 1e-4}")

# %% [markdown]
# Photo by photo and number by number, it is the same network. Notebook 19 does this for every
# layer of the library, in float64, where 16 digits agree.
#
# ## What you know now
#
# - A photo becomes a word by convolutions, maxima, one matrix product, and a softmax. Each is a
#   formula of one line.
# - A convolution has (rows · columns · channels + 1) parameters for each filter, however large the
#   image is. A dense layer has one for each pair of input and class, and one for each class.
# - Training moves each parameter against its gradient. Nothing in it is hidden: the gradients are
#   arrays like all others.
#
# **Where to go next.** In order is best, but each notebook says what it needs.
#
# | you wonder | notebook |
# |---|---|
# | where the windows of a convolution land | 01 |
# | how it can be fast | 02, 05, 20 |
# | how a gradient comes back | 03, 04, 08, 12 |
# | what the other layers are for | 06, 07, 09, 11, 17 |
# | how training finds its way | 10, 13, 16 |
# | whether the result is any good | 14, 15, 18 |
# | whether all of this is right | 12, 19 |
#
# Solutions: `notebooks/solutions/00_tour.py`. Next: the arithmetic of a convolution.
#
# **Sources.** LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document
# recognition* (1998), section II; Goodfellow, Bengio, Courville, *Deep Learning* (2016), chapter 9;
# Xiao, Rasul, Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking machine learning
# algorithms* (2017).
