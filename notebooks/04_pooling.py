# %% [markdown]
# # 04 · Pooling
#
# A pooling layer makes one number of each window: the largest, or the mean. It has no weights, and
# forwards there is little to learn. Backwards it has to decide **who won**. On a black background
# all pixels are equal, and then the answer is a convention which has to be known to the last pixel
# if two programs are to compute the same gradients. You will
#
# - guess who gets the gradient of a black window,
# - follow arrows from each maximum to the pixel that it came from,
# - see how often real images are undecided,
# - write the gradients of the maximum, of the mean, and of the global maximum,
# - and find that Keras has two conventions, and that yours are the same.
#
# You need notebook 01 (where windows land) and notebook 03 (how a gradient comes back).

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas
from scratchnet.visualization import pooling_argmax, style

start()

# %% [markdown]
# ## Predict
#
# Max pooling, a 2 × 2 window over four black pixels: all are 0. The gradient from above is 1. **Who
# gets it?** Answer with one of the words
#
# - `"none"`: nobody, for nothing was there,
# - `"share"`: each gets 1/4,
# - `"all"`: each gets 1,
# - `"first"` or `"last"`: one gets 1, the others 0.

# %%
my_word = ...
check("04.black_window", my_word)

# %% [markdown]
# An image of 5 × 5 pixels, a 3 × 3 window and stride 2: there are 2 × 2 windows, and they overlap.
# The pixel in the middle is the largest of all. The gradient from above is 1 everywhere. **What is
# the gradient of the middle pixel?**

# %%
my_number = ...
check("04.times_won", my_number)

# %% [markdown]
# An image of 3 × 3 pixels which are all −1, a 2 × 2 window with stride 2 and `padding="same"`. So
# one row and one column are added, below and on the right, and the last window sees one pixel of
# the image. **What does it give, as a maximum and as a mean?**

# %%
my_corner = ...  # (maximum, mean)
check("04.corner", my_corner)

# %% [markdown]
# ## Watch
#
# Four windows with a story each: two 4s, a clear winner, four times black, two 6s. The winners are
# lit; a dashed frame marks a cell that is equally large and goes away empty-handed. Move the
# sliders until windows overlap: some cells win several times.

# %%
example = np.array([[1, 3, 2, 1], [4, 4, 0, 0], [0, 0, 5, 6], [0, 0, 6, 2]])


def draw_winners(window, stride, padding):
    return pooling_argmax(example, window, strides=stride, padding=padding)


interact_with_fallback(
    draw_winners,
    fallback=[
        {"window": 2, "stride": 2, "padding": "valid"},
        {"window": 2, "stride": 1, "padding": "valid"},
        {"window": 3, "stride": 2, "padding": "same"},
    ],
    window=(1, 4),
    stride=(1, 3),
    padding=["valid", "same"],
)

# %% [markdown]
# ## The formulas
#
# Let $R(p, q)$ be the cells of the image that the window at $(p, q)$ sees. For each image $n$ and
# each channel $c$ on its own,
#
# $$
# y_{\max}[n, p, q, c] = \max_{(i, j) \in R(p, q)} x[n, i, j, c],
# \qquad
# y_\text{mean}[n, p, q, c] = \frac{1}{|R(p, q)|} \sum_{(i, j) \in R(p, q)} x[n, i, j, c]
# $$
#
# Padding is not in $R$. It can't win, and $|R|$ does not count it: the zeros around a
# *convolution* are numbers, the padding of a *pooling* is nothing at all.
#
# Move one pixel a little. The mean moves by $1/|R|$ of it. The maximum moves by all of it if the
# pixel is the winner, and otherwise not at all:
#
# $$
# dx[n, i, j, c] \;=\; \sum_{p, q} dy[n, p, q, c] \cdot
# \begin{cases}
# 1 & \text{if } (i, j) \text{ is the first maximum of } R(p, q) \\
# 0 & \text{otherwise}
# \end{cases}
# \qquad\text{or}\qquad
# dx[n, i, j, c] \;=\; \sum_{p, q \,:\, (i, j) \in R(p, q)} \frac{dy[n, p, q, c]}{|R(p, q)|}
# $$
#
# where $dy = \partial L/\partial y$ comes from above. *First* means in reading order, row by row.
# Where two pixels are equal the maximum has a kink, and strictly there is no derivative. Any split
# of $dy$ among the equals is a *subgradient*. One has to be chosen, and TensorFlow chose the first.
# The reason is not deep: a search that keeps the best so far replaces it only by something larger.

# %%
show_source(formulas.max_pool2d_backward, formulas.average_pool2d_backward)

# %% [markdown]
# `_windows` gives the rows and columns of each $R(p, q)$, cut off at the edges of the image.
# `argmax` finds the first of several, which is the whole convention.
#
# ## Write the gradient of the maximum
#
# No padding. `dy` is `(N, OH, OW, C)`, `x` is `(N, H, W, C)`, `pool_size` and `strides` are pairs;
# the result has the shape of `x`. The inputs of `check` are small whole numbers, full of equals.


# %%
def max_gradient(dy, x, pool_size, strides):
    return ...  # your code


check("04.max_gradient", max_gradient)

# %% [markdown]
# ## Write the gradient of the mean
#
# Same setting; `input_shape` is the shape of the result. It does not need `x`. Why not?


# %%
def average_gradient(dy, input_shape, pool_size, strides):
    return ...  # your code


check("04.average_gradient", average_gradient)

# %% [markdown]
# ## How often does it matter?
#
# Take a photo and send a gradient of 1 into every window. The middle picture shows windows that are
# undecided, the right one who gets the gradient. In the dark, it is always the upper left corner: a
# grid. After a ReLU, which makes zeros of all that is negative, feature maps look like this too.

# %%
(photos, _), _ = sn.datasets.fashion_mnist.load_data()
photo = photos[0] / 255.0


def winners_of(images, window):
    """The gradient of the images, (N, H, W, 1), if every pooled number has gradient 1."""
    size = (window, window)
    ones = np.ones_like(formulas.max_pool2d(images, size))
    return formulas.max_pool2d_backward(ones, images, size)


def undecided(images, window):
    """Which windows, (N, OH, OW), have more than one cell with their largest number."""
    n, h, w, _ = images.shape
    rows, columns = h // window, w // window
    cells = images[:, : rows * window, : columns * window, 0]
    cells = cells.reshape(n, rows, window, columns, window)
    largest = cells.max(axis=(2, 4), keepdims=True)
    return (cells == largest).sum(axis=(2, 4)) > 1


def draw_ties(window):
    image = photo[None, :, :, None]
    maps = [photo, undecided(image, window)[0], winners_of(image, window)[0, :, :, 0]]
    titles = ["image", f"undecided windows, {window} × {window}", "gradient"]
    with style():
        figure, panels = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
    for panel, picture, title in zip(panels, maps, titles, strict=True):
        panel.imshow(picture, cmap="gray", vmin=0, vmax=1)
        panel.set_title(title, fontsize=10)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(True)
    plt.close(figure)
    return figure


interact_with_fallback(draw_ties, fallback=[{"window": 2}, {"window": 4}], window=(2, 7))

# %%
many = photos[:1000, :, :, None] / 255.0
for window in (2, 3, 4):
    share = undecided(many, window).mean()
    print(f"{window} × {window} windows of 1000 photos: {share:.0%} undecided")

# %% [markdown]
# This is no rare case, then. A library that shares among equals, or takes the last, hands another
# $dx$ down in all of these windows. Does a network learn anything else for that? Put a convolution
# with a bias and a ReLU below the pooling, and let once the first and once the last of the equals
# win. (Read backwards, by rows and by columns, the last comes first.)

# %%
images = many[:200]
rng = np.random.default_rng(4)
dy = rng.standard_normal((200, 13, 13, 4))
kernels = {"random": rng.standard_normal((3, 3, 1, 4)), "zeros": np.zeros((3, 3, 1, 4))}
for name, kernel in kernels.items():
    z = formulas.conv2d(images, kernel) + 0.1  # the bias
    h = formulas.relu(z)
    first = formulas.max_pool2d_backward(dy, h, (2, 2))
    last = formulas.max_pool2d_backward(dy[:, ::-1, ::-1], h[:, ::-1, ::-1], (2, 2))
    dh = np.array([first, last[:, ::-1, ::-1]])
    dw = [formulas.conv2d_kernel_gradient(each * (z > 0), images, kernel.shape) for each in dh]
    same = np.abs(dw[0] - dw[1]).max() < 1e-12 * np.abs(dw[0]).max()
    print(f"kernel {name:6}   dh differs in {np.mean(dh[0] != dh[1]):.0%} of its cells", end="")
    print(f"   dw is the same: {same}")

# %% [markdown]
# A random kernel learns the same from both. Where the equals are zeros of the ReLU, its own
# derivative is 0, and neither gets anything through. Where they are not, they came from pieces of
# the image that are equal too, such as black ones. $dw$ is a piece of the image times $dz$, so it
# does not matter which of the two got the gradient. Only where different pieces led to equal
# numbers does the convention decide what is learned, as with a kernel of zeros. But it always
# decides what $dx$ is, and whoever compares two programs number by number finds it there.
#
# ## What pooling buys
#
# The exact place of an edge matters little if the next layer sees only that there is one. Move 500
# photos by one pixel to the right, and measure how much the numbers change, as a share of their
# size:

# %%
still = many[:500]
moved = np.roll(still, 1, axis=2)


def change(function):
    a, b = function(still), function(moved)
    return np.linalg.norm(a - b) / np.linalg.norm(a)


print(f"pixels                {change(lambda x: x):.0%}")
print(f"maximum of 4 × 4      {change(lambda x: formulas.max_pool2d(x, (4, 4))):.0%}")
print(f"mean of 4 × 4         {change(lambda x: formulas.average_pool2d(x, (4, 4))):.0%}")
print(f"global mean           {change(formulas.global_average_pool2d):.0%}")

# %% [markdown]
# The price is the place itself. A global pooling keeps *what* and forgets *where*.
#
# ## The other convention
#
# `GlobalMaxPooling2D` takes the maximum of a whole map. One would expect the same rule. But Keras
# does not compute it with a pooling operation. It calls `reduce_max`, and the gradient of that one
# **shares** among equals:
#
# $$
# dx[n, i, j, c] \;=\; \frac{dy[n, c]}{m[n, c]} \cdot
# \begin{cases}
# 1 & \text{if } x[n, i, j, c] \text{ is the maximum of its map} \\
# 0 & \text{otherwise}
# \end{cases}
# $$
#
# with $m[n, c]$ the number of cells that reach the maximum. Two layers, two conventions, in one
# library. Both are right as mathematics, and only a comparison number by number finds it out.
#
# Write it: `dy` is `(N, C)`, `x` is `(N, H, W, C)`.


# %%
def global_max_gradient(dy, x):
    return ...  # your code


check("04.global_max_gradient", global_max_gradient)

# %%
show_source(formulas.global_max_pool2d_backward)

# %% [markdown]
# ## The same in Keras
#
# First the example from the top. All the gradients from above are 1, and TensorFlow says on the CPU
# who gets them: first for a window of 2 × 2, then for a window as large as the image, once as an
# ordinary pooling and once as the global one. The largest number, 6, is there twice.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf


def keras_gradient(layer, x, dy=None):
    image_tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(image_tensor)
        y = layer(image_tensor)
    upstream = tf.ones_like(y) if dy is None else tf.constant(dy)
    return tape.gradient(y, image_tensor, output_gradients=upstream).numpy()


x = example[None, :, :, None].astype(float)
kinds = {
    "MaxPooling2D(2)": keras.layers.MaxPooling2D(2, dtype="float64"),
    "MaxPooling2D(4)": keras.layers.MaxPooling2D(4, dtype="float64"),
    "GlobalMaxPooling2D()": keras.layers.GlobalMaxPooling2D(dtype="float64"),
}
for name, layer in kinds.items():
    print(name)
    print(keras_gradient(layer, x)[0, :, :, 0])

# %% [markdown]
# Then many windows at once, with whole numbers from 0 to 3, so that most windows are undecided; odd
# sizes, overlaps, padding.

# %%
rng = np.random.default_rng(4)
x = rng.integers(0, 4, (3, 9, 10, 4)).astype(float)
for size, strides, padding in [((2, 2), (2, 2), "valid"), ((3, 2), (1, 2), "same")]:
    settings = (size, strides, padding)
    dy = rng.standard_normal(formulas.max_pool2d(x, *settings).shape)
    pairs = {
        "max ": (
            formulas.max_pool2d_backward(dy, x, *settings),
            keras_gradient(keras.layers.MaxPooling2D(*settings, dtype="float64"), x, dy),
        ),
        "mean": (
            formulas.average_pool2d_backward(dy, x.shape, *settings),
            keras_gradient(keras.layers.AveragePooling2D(*settings, dtype="float64"), x, dy),
        ),
    }
    for name, (ours, theirs) in pairs.items():
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        print(f"{name} {size}, strides {strides}, {padding:5}: relative error {error:.0e}")

dy = rng.standard_normal((3, 4))
ours = formulas.global_max_pool2d_backward(dy, x)
theirs = keras_gradient(keras.layers.GlobalMaxPooling2D(dtype="float64"), x, dy)
error = np.abs(ours - theirs).max() / np.abs(theirs).max()
print(f"global max:                          relative error {error:.0e}")

# %% [markdown]
# ## What you know now
#
# - The gradient of a maximum goes to the cell that won; among equals to the first in reading order.
#   The gradient of a mean is shared by all the cells of the window.
# - Where windows overlap, a cell gets the sum of what it won.
# - Padding takes no part in pooling: it does not win, and it is not counted.
# - Keras's global maximum shares among equals instead. Conventions are found by comparing numbers,
#   not by reading formulas.
#
# Solutions: `notebooks/solutions/04_pooling.py`. Next: convolutions that do not look at all
# channels, and what they save.
#
# **Sources.** Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 9.3; Boureau, Ponce,
# LeCun, *A theoretical analysis of feature pooling in visual recognition* (2010); Lin, Chen, Yan,
# *Network in network* (2014), section 3.2 (global average pooling).
