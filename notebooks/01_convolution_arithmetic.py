# %% [markdown]
# # 01 · Convolution arithmetic
#
# A small window slides over an image, and at each place it adds up products. Four numbers decide
# where it stops: the size of the window, the stride, the padding, the dilation. Most shape errors
# in a network come from one of them. You will
#
# - guess the size of an output, and where a lone cell of padding goes,
# - move the window, and read the products that one number of the output is made of,
# - change all four numbers, and see which pixels are never looked at,
# - write the arithmetic, and then the convolution itself,
# - and see that the answers are Keras's, for every combination.
#
# You need NumPy arrays and their shapes, nothing else.

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

import scratchnet as sn
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas, geometry
from scratchnet.visualization import convolution_geometry, convolution_step, style

start()

# %% [markdown]
# ## Predict
#
# The first layer of a well-known network sees images of 224 × 224 pixels with a 7 × 7 window and
# stride 2: the window moves two pixels at a time. Without padding (`"valid"`) it stays inside the
# image. `padding="same"` puts zeros around the image, so many that with stride 1 the output is as
# large as the image. **How many rows has the output with `"valid"`, and how many with `"same"`?**
# Put the two numbers in place of the `...`.

# %%
my_sizes = ...  # (valid, same)
check("01.sizes", my_sizes)

# %% [markdown]
# Now a row of 6 pixels, a window of 3, stride 2 and `padding="same"`. **How many cells of zeros are
# put before the row, and how many after it?**

# %%
my_padding = ...  # (before, after)
check("01.padding", my_padding)

# %% [markdown]
# ## Watch
#
# Lay the kernel over the image, multiply each tap with the pixel below it, and add up: this is one
# number of the output. Then move on by the stride. Change one slider at a time. What does the
# dilation do to the window, and what does the padding add up to?

# %%
image = np.array(
    [[1, 0, 2, 1, 0], [3, 1, 0, 2, 1], [0, 2, 1, 1, 2], [1, 1, 0, 3, 0], [2, 0, 1, 0, 1]]
)
kernel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])


def forward_step(step, stride, padding, dilation):
    window = geometry.window2d(
        image.shape, kernel.shape, (stride, stride), padding, (dilation, dilation)
    )
    last = window.output[0] * window.output[1] - 1
    return convolution_step(
        image, kernel, min(step, last), strides=stride, padding=padding, dilation=dilation
    )


interact_with_fallback(
    forward_step,
    fallback=[
        {"step": 4, "stride": 1, "padding": "valid", "dilation": 1},
        {"step": 0, "stride": 2, "padding": "same", "dilation": 1},
        {"step": 0, "stride": 1, "padding": "valid", "dilation": 2},
    ],
    step=(0, 24),
    stride=(1, 3),
    padding=["valid", "same"],
    dilation=(1, 2),
)

# %% [markdown]
# ## The formula
#
# In one line, for a batch of images with channels and for several filters:
#
# $$
# y[n, p, q, f] \;=\; \sum_{a, b, c} \tilde x[n,\; p\,s + a\,d,\; q\,s + b\,d,\; c]
# \cdot w[a, b, c, f]
# $$
#
# - $n$ is the image, $(p, q)$ a row and a column of the output: a *place* of the window,
# - $(a, b)$ is a *tap* of the kernel, $c$ a channel of the image, $f$ a filter,
# - $s$ is the *stride*, from one place to the next; $d$ the *dilation*, from one tap to the next,
# - $\tilde x$ is the image with zeros around it, as many as the *padding* says.
#
# The sum runs over **all** channels: a filter makes one map, however many channels it sees.

# %% [markdown]
# ## How many places are there?
#
# One axis at a time. The image has $i$ cells, the window $k$ taps. With dilation it spans
#
# $$ k' \;=\; (k - 1)\,d + 1 $$
#
# cells: it is $k - 1$ steps from the first tap to the last. Without padding the first window begins
# at 0 and the last at $i - k'$ at the latest. `"same"` takes as many places as there are strides in
# the image, and pads what the last window lacks, $P$ cells in all:
#
# $$
# o_\text{valid} = \left\lfloor \frac{i - k'}{s} \right\rfloor + 1,
# \qquad
# o_\text{same} = \left\lceil \frac{i}{s} \right\rceil,
# \qquad
# P = \max(0,\; (o_\text{same} - 1)\,s + k' - i)
# $$
#
# Before the image go $\lfloor P/2 \rfloor$ cells, and the rest after it. Try it: dots are the cells
# where a window begins, grey cells are padding, a cross marks pixels that **no** window reaches.


# %%
def draw_geometry(size, window, stride, padding, dilation):
    return convolution_geometry(size, window, strides=stride, padding=padding, dilation=dilation)


interact_with_fallback(
    draw_geometry,
    fallback=[
        {"size": 8, "window": 3, "stride": 2, "padding": "valid", "dilation": 1},
        {"size": 8, "window": 3, "stride": 2, "padding": "same", "dilation": 1},
        {"size": 8, "window": 3, "stride": 1, "padding": "same", "dilation": 2},
    ],
    size=(7, 12),
    window=(1, 4),
    stride=(1, 4),
    padding=["valid", "same"],
    dilation=(1, 2),
)

# %% [markdown]
# In scratchnet this is the whole of it. (`-(-i // s)` is $\lceil i/s \rceil$: Python's `//` rounds
# down, also below 0.)

# %%
show_source(geometry.output_size, geometry.pad_amounts)

# %% [markdown]
# ## Write the output shape
#
# `size`, `kernel_size`, `strides` and `dilation` are pairs, rows first; `padding` is `"valid"` or
# `"same"`. The result is `(rows, columns)`. Close the cell above and write it from your picture of
# the window. `check` tries every combination of a few numbers.


# %%
def output_shape(size, kernel_size, strides, padding, dilation):
    return ...  # your code


check("01.output_shape", output_shape)

# %% [markdown]
# ## Write the padding
#
# For one axis and `"same"`: the cells `(before, after)`.


# %%
def same_padding(i, k, s, d):
    return ...  # your code


check("01.same_padding", same_padding)

# %% [markdown]
# ## Who put the extra cell there?
#
# Where $P$ is odd, the two sides differ. Keras and TensorFlow put the extra cell at the **end**.
# Frameworks that take a padding *number* put the same number on both sides. The shapes agree, and
# so nobody notices. Take a kernel that picks out the middle of its window, and a column of six
# pixels that say where they are:

# %%
where = np.arange(6.0)[None, :, None, None]  # (1, 6, 1, 1)
middle = np.array([0.0, 1.0, 0.0])[:, None, None, None]  # (3, 1, 1, 1)

at_the_end = formulas.conv2d(where, middle, strides=(2, 1), padding="same")
on_both_sides = formulas.conv2d(np.pad(where, ((0, 0), (1, 1), (0, 0), (0, 0))), middle, (2, 1))
print("padded by (0, 1), as Keras does:", at_the_end.ravel())
print("padded by (1, 1):               ", on_both_sides.ravel())

# %% [markdown]
# Weights that were trained the one way and are used the other way look at the neighbour of every
# pixel they were trained on. Who carries a network over has to pad by hand and convolve with
# `"valid"`.

# %% [markdown]
# ## The convolution in plain NumPy
#
# Our code does not loop over places. It loops over **taps**: all the pixels that one tap meets on
# its way are a shifted, strided view of the image, and a matrix product sums over the channels.
# (`_split` serves groups of channels, which notebook 05 is about; with `groups=1` it gives the
# array itself.)

# %%
show_source(formulas.conv2d, formulas.convolution.taps)

# %% [markdown]
# ## Write it
#
# No padding. `x` is `(N, H, W, C)`, `kernel` is `(KH, KW, C, F)`, `strides` and `dilation` are
# pairs; the result is `(N, OH, OW, F)`. Loop over places, over taps, or over both.


# %%
def convolution(x, kernel, strides, dilation):
    return ...  # your code


check("01.convolution", convolution)

# %% [markdown]
# ## On a photo
#
# The kernel of the pictures above finds vertical edges: it takes what is right of a pixel from what
# is left of it. Red is brighter on the left, blue on the right. A stride leaves places out, so the
# map is smaller. A dilation compares pixels that are farther apart: the map stays large, but the
# window needs more room.

# %%
(photos, _), _ = sn.datasets.fashion_mnist.load_data()
photo = photos[0] / 255.0
edges = kernel[:, :, None, None].astype(float)


def draw_edges(stride, padding, dilation):
    y = formulas.conv2d(
        photo[None, :, :, None], edges, (stride, stride), padding, (dilation, dilation)
    )[0, :, :, 0]
    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
    left.imshow(photo, cmap="gray")
    left.set_title("image 28 × 28", fontsize=10)
    right.imshow(y, cmap="RdBu_r", vmin=-4, vmax=4)
    right.set_title(f"output {y.shape[0]} × {y.shape[1]}", fontsize=10)
    for panel in (left, right):  # one pixel is equally large in both
        panel.axis("off")
        panel.set(xlim=(-0.5, 27.5), ylim=(27.5, -0.5))
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_edges,
    fallback=[
        {"stride": 1, "padding": "same", "dilation": 1},
        {"stride": 2, "padding": "same", "dilation": 1},
        {"stride": 1, "padding": "valid", "dilation": 4},
    ],
    stride=(1, 4),
    padding=["valid", "same"],
    dilation=(1, 6),
)

# %% [markdown]
# ## A stack of layers
#
# What one layer makes, the next one sees. Follow one axis of a 28 × 28 image through a small
# network (a pooling layer is a window too; without `strides` it moves by its own size):

# %%
i = 28
stack = [
    ("convolution 3, valid", 3, 1, "valid"),
    ("pooling 2", 2, 2, "valid"),
    ("convolution 3, valid", 3, 1, "valid"),
    ("pooling 2", 2, 2, "valid"),
    ("convolution 3, stride 2, same", 3, 2, "same"),
]
for name, k, s, padding in stack:
    o = geometry.output_size(i, k, s, 1, padding)
    lost = i - (o - 1) * s - k if padding == "valid" else 0
    remark = f"   {lost} row that no window reaches" if lost else ""
    print(f"{name:30} {i:2} → {o:2}{remark}")
    i = o

# %% [markdown]
# ## The same in Keras
#
# First the shapes: Keras says for each combination what it would make, and we compare. (Keras
# refuses a stride together with a dilation, so these are left out.)

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras

compared, different = 0, []
for i, k, s, d, padding in itertools.product(
    range(3, 13), range(1, 6), range(1, 4), range(1, 4), ("valid", "same")
):
    ours = geometry.output_size(i, k, s, d, padding)
    if ours < 1 or (s > 1 and d > 1):
        continue
    layer = keras.layers.Conv1D(1, k, strides=s, padding=padding, dilation_rate=d)
    theirs = layer.compute_output_shape((None, i, 1))[1]
    compared += 1
    if ours != theirs:
        different.append((i, k, s, d, padding))
print(compared, "combinations,", len(different), "different")

# %% [markdown]
# Then the numbers, in float64. Were the padding on the wrong side, the shapes above would agree,
# and these would not.

# %%
rng = np.random.default_rng(1)
x = rng.standard_normal((3, 10, 9, 4))
w = rng.standard_normal((3, 2, 4, 5))
settings = [((1, 1), "same", (1, 1)), ((2, 3), "same", (1, 1)), ((1, 1), "valid", (2, 3))]
for strides, padding, dilation in settings:
    layer = keras.layers.Conv2D(
        5, (3, 2), strides, padding, dilation_rate=dilation, use_bias=False, dtype="float64"
    )
    layer.build(x.shape)
    layer.set_weights([w])
    theirs = keras.ops.convert_to_numpy(layer(x))
    ours = formulas.conv2d(x, w, strides, padding, dilation)
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"strides {strides}, {padding:5}, dilation {dilation}: relative error {error:.0e}")

# %% [markdown]
# ## What you know now
#
# - A window of $k$ taps, $d$ apart, spans $(k - 1)\,d + 1$ cells; what fits is counted by rounding
#   down, plus one.
# - `"same"` keeps the size at stride 1 only. In general it is $\lceil i/s \rceil$, whatever the
#   window.
# - An odd cell of padding goes to the end in Keras. Elsewhere it may not, and no shape tells you.
# - A filter sums over all channels. The convolution is a sum over taps of shifted, strided views.
#
# Solutions: `notebooks/solutions/01_convolution_arithmetic.py`. Next: the same convolution in four
# ways, from loops to Winograd, and why one is so much faster than another.
#
# **Sources.** Dumoulin and Visin, *A guide to convolution arithmetic for deep learning* (2016),
# sections 2 and 5; Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 9.5; He, Zhang,
# Ren, Sun, *Deep residual learning for image recognition* (2016), table 1 (the 7 × 7 window with
# stride 2).
