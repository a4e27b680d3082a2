# %% [markdown]
# # 03 · Convolution backwards
#
# Every course shows a window that slides over an image. This one shows the way **back**: where the
# gradient of one output cell goes, number by number. You will
#
# - guess how far one cell of the output reaches,
# - watch $\partial L/\partial x$ and $\partial L/\partial w$ fill up, cell by cell,
# - write both yourself,
# - find the "flipped kernel", and what a stride does to it,
# - and see that your gradients are Keras's, and exactly those of the definition.
#
# You need notebook 01 (how a window slides) and the chain rule.

# %%
import numpy as np

import scratchnet as sn
from scratchnet import inspection, layers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas
from scratchnet.visualization import convolution_step, style

start()

# %% [markdown]
# ## What is given, and what is wanted
#
# A convolution of images $x$ with a kernel $w$ makes
#
# $$ y[n, p, q, f] \;=\; \sum_{a, b, c} x[n,\; p\,s + a,\; q\,s + b,\; c] \cdot w[a, b, c, f] $$
#
# where $(p, q)$ is a place of the window, $(a, b)$ a *tap* of the kernel, $s$ the stride, $c$ a
# channel of $x$ and $f$ a filter. Somewhere above, a loss $L$ has been computed from $y$, and the
# layers above have told us
#
# $$ dy[n, p, q, f] \;=\; \frac{\partial L}{\partial y[n, p, q, f]}. $$
#
# From that we want $dx = \partial L/\partial x$, to hand it down to the layer below, and
# $dw = \partial L/\partial w$, to train the kernel.

# %% [markdown]
# ## Predict
#
# An image of 6 × 6 pixels, one channel, a 3 × 3 kernel, stride 1, no padding: so $y$ has 4 × 4
# cells. **On how many cells of $dx$ does one single cell of $dy$ have an influence?** Put your
# guess in place of the `...` and run the cell.

# %%
my_guess = ...
check("03.cells_fed", my_guess)

# %% [markdown]
# Now stride 2: an image of 5 × 5 pixels, a 3 × 3 kernel, so that $y$ has 2 × 2 cells. **Which pixel
# `(row, column)` gets contributions from the most cells of $dy$?** Rows and columns count from 0.

# %%
my_pixel = ...
check("03.busiest_pixel", my_pixel)

# %% [markdown]
# ## Watch
#
# One number of $y$ was a sum of products $x \cdot w$. If $y[p, q]$ matters to the loss by
# $dy[p, q]$, then
#
# - each pixel in its window matters by $dy[p, q]$ times **the tap that it met**, and
# - each tap matters by $dy[p, q]$ times **the pixel that it met**.
#
# So a step backwards takes one cell of $dy$, and adds $dy[p, q] \cdot w$ to $dx$ where the window
# was, and $dy[p, q] \cdot \text{window}$ to $dw$. Nothing else happens. The numbers of $dy$ are 1,
# 2, 3, …, so you can tell which cell a contribution came from. Where two numbers stand in a cell,
# the lower one was added in this step, and the upper one is the sum with it. Move the step, then
# change the stride: where do windows no longer overlap?

# %%
image = np.array([[1, 0, 2, 1], [3, 1, 0, 2], [0, 2, 1, 1], [1, 1, 0, 3]])
kernel = np.array([[1, 2], [0, -1]])


def backward_step(step, stride):
    last = formulas.conv2d(image[None, :, :, None], kernel[:, :, None, None], (stride, stride)).size
    return convolution_step(
        image, kernel, min(step, last - 1), strides=stride, direction="backward"
    )


interact_with_fallback(
    backward_step,
    fallback=[{"step": 0, "stride": 1}, {"step": 4, "stride": 1}, {"step": 3, "stride": 2}],
    step=(0, 8),
    stride=(1, 2),
)

# %% [markdown]
# ## The formulas
#
# Collect what the steps added. A tap $(a, b)$ is used at every place of the window and for every
# image, so its gradient is a sum over all of them:
#
# $$ dw[a, b, c, f] \;=\; \sum_{n, p, q} x[n,\; p\,s + a,\; q\,s + b,\; c] \cdot dy[n, p, q, f] $$
#
# A pixel is seen by several windows, each time through another tap. Each tap hands its part of the
# gradient down to where it looked:
#
# $$
# dx[n,\; p\,s + a,\; q\,s + b,\; c] \;\mathrel{+}=\; \sum_f dy[n, p, q, f] \cdot w[a, b, c, f]
# $$
#
# Here is how scratchnet writes them. For one tap, `rows` and `columns` are the pixels that it meets
# while the window slides: a shifted, strided view of the image. `_split` serves grouped
# convolutions, which notebook 05 is about; with `groups=1` it gives the array itself.

# %%
show_source(formulas.conv2d_kernel_gradient, formulas.conv2d_input_gradient)

# %% [markdown]
# ## Write $dw$
#
# Stride 1, no padding. `x` is `(N, H, W, C)`, `dy` is `(N, OH, OW, F)` and `kernel_size` is `(KH,
# KW)`; the result is `(KH, KW, C, F)`. Loops are welcome. `check` calls your function on inputs
# that you have not seen, says where it is wrong first, and often why.


# %%
def kernel_gradient(dy, x, kernel_size):
    return ...  # your code


check("03.kernel_gradient", kernel_gradient)

# %% [markdown]
# ## Write $dx$
#
# Same setting; `input_shape` is the shape of `x`, and of the result.


# %%
def input_gradient(dy, kernel, input_shape):
    return ...  # your code


check("03.input_gradient", input_gradient)

# %% [markdown]
# ## The flipped kernel
#
# Look at $dx$ from the side of one pixel $(i, j)$. The window at $(p, q)$ met it with the tap
# $a = i - p$, $b = j - q$. So
#
# $$ dx[i, j] \;=\; \sum_{p, q} dy[p, q] \cdot w[i - p,\; j - q]. $$
#
# As $p$ grows, the index of $w$ *shrinks*: the sum runs through the kernel from its end to its
# start. That is a convolution again, of $dy$ with the kernel **flipped** in both directions, with
# $dy$ padded so far that the first window touches only its corner. And since it goes from filters
# to channels, these two axes of the kernel change places.
#
# Take the pixel (2, 2) of the picture above and list what comes back to it, in the order of $dy$.
# Read the right column from top to bottom: it is the kernel, read from its end.

# %%
i, j = 2, 2
for p, q in np.ndindex(3, 3):
    a, b = i - p, j - q
    if 0 <= a < 2 and 0 <= b < 2:
        print(f"dx[{i}, {j}] += dy[{p}, {q}] · w[{a}, {b}]")

# %% [markdown]
# Write the kernel with which `conv2d` takes $dy$ back to $dx$: from `(KH, KW, C, F)` to
# `(KH, KW, F, C)`.


# %%
def flipped_kernel(kernel):
    return ...  # your code


check("03.flipped_kernel", flipped_kernel)

# %% [markdown]
# With ours, the two ways to $dx$ give the same numbers. (Deep-learning libraries call
# *convolution* what mathematics calls cross-correlation, with no flip. So the flip that is missing
# on the way forward turns up on the way back.)

# %%
rng = np.random.default_rng(3)
x = rng.standard_normal((2, 6, 5, 3))
w = rng.standard_normal((3, 2, 3, 4))
dy = rng.standard_normal((2, 4, 4, 4))

by_scattering = formulas.conv2d_input_gradient(dy, w, x.shape)
padded = np.pad(dy, ((0, 0), (2, 2), (1, 1), (0, 0)))  # KH − 1 rows, KW − 1 columns
by_convolution = formulas.conv2d(padded, w[::-1, ::-1].transpose(0, 1, 3, 2))
print("largest difference below 1e-12:", np.abs(by_scattering - by_convolution).max() < 1e-12)

# %% [markdown]
# ## What a stride does
#
# With a stride $s$ the window skips places. Pretend that it had not: at the places that were
# skipped there is an output nobody looked at, so its gradient is **0**. Put $s - 1$ rows and
# columns of zeros between the cells of $dy$, and everything is as at stride 1. (This is why the
# layer that upsamples with these formulas is called *transposed* or *fractionally strided*
# convolution.)
#
# Write it: `dy` is `(N, OH, OW, F)`, and zeros go only *between* cells.


# %%
def spread(dy, stride):
    return ...  # your code


check("03.spread", spread)

# %% [markdown]
# Zeros, flip, and a convolution at stride 1: that is the whole way back through a stride. (Here the
# last window ends with the image. Rows and columns that no window reached come back as zeros, and
# have to be added at the end.)

# %%
strided = rng.standard_normal((2, 3, 3, 4))  # dy of a convolution with stride 2 over 7 × 6 pixels
zeros_between = np.zeros((2, 5, 5, 4))
zeros_between[:, ::2, ::2] = strided
padded = np.pad(zeros_between, ((0, 0), (2, 2), (1, 1), (0, 0)))
by_convolution = formulas.conv2d(padded, w[::-1, ::-1].transpose(0, 1, 3, 2))
by_scattering = formulas.conv2d_input_gradient(strided, w, (2, 7, 6, 3), strides=(2, 2))
print("largest difference below 1e-12:", np.abs(by_scattering - by_convolution).max() < 1e-12)

# %% [markdown]
# How many windows see each pixel? That is $dx$ for a $dy$ and a kernel of ones. Where windows
# overlap, a pixel collects from several. At stride 3 a 2 × 2 window leaves pixels that nobody saw:
# their gradient is 0. (So may the last row and column be, where no further window fits.)

# %%
import matplotlib.pyplot as plt


def how_many_windows(window, stride, size=7):
    ones, taps = np.ones((1, size, size, 1)), np.ones((window, window, 1, 1))
    strides = (stride, stride)
    upstream = np.ones_like(formulas.conv2d(ones, taps, strides))
    return formulas.conv2d_input_gradient(upstream, taps, ones.shape, strides)[0, :, :, 0]


def draw_overlaps(window):
    with style():
        figure, panels = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
    for panel, stride in zip(panels, (1, 2, 3), strict=True):
        counts = how_many_windows(window, stride)
        panel.imshow(counts, cmap="Blues", vmin=0, vmax=9)
        for (i, j), count in np.ndenumerate(counts):
            colour = "white" if count > 5 else "black"
            panel.text(j, i, int(count), ha="center", va="center", color=colour)
        panel.set_title(f"{window} × {window} window, stride {stride}", fontsize=10)
        panel.set(xticks=[], yticks=[])
    plt.close(figure)
    return figure


interact_with_fallback(draw_overlaps, fallback=[{"window": 3}, {"window": 2}], window=(1, 4))

# %% [markdown]
# The uneven pattern at stride 2 with a 3 × 3 window is the *checkerboard* that such layers print
# into the images they make: some pixels get more votes than their neighbours.

# %% [markdown]
# ## The same in Keras
#
# Keras does not know our formulas: TensorFlow derives the gradients of its own convolution with a
# `GradientTape`. Same image, same kernel, same $dy$, in float64:

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

x = rng.standard_normal((4, 9, 8, 3))
w = rng.standard_normal((3, 3, 3, 5))
errors = {}
for strides, padding in [((1, 1), "valid"), ((2, 2), "same"), ((3, 2), "valid")]:
    layer = keras.layers.Conv2D(5, 3, strides, padding, use_bias=False, dtype="float64")
    layer.build(x.shape)
    layer.set_weights([w])
    image_tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(image_tensor)
        y = layer(image_tensor)
    dy = rng.standard_normal(y.shape)
    theirs = tape.gradient(y, [image_tensor, layer.kernel.value], output_gradients=dy)
    ours = formulas.conv2d_backward(dy, x, w, strides, padding)
    for name, mine, other in zip(("dx", "dw"), ours, theirs, strict=True):
        errors[strides, padding, name] = np.abs(mine - other).max() / np.abs(other).max()

for (strides, padding, name), error in errors.items():
    print(f"strides {strides}, {padding:5}  {name}  relative error {error:.0e}")

# %% [markdown]
# ## Exactly
#
# Agreement with Keras is agreement of two programs. The definition itself is the better judge. A
# convolution only multiplies and adds, so in every single number it is a straight line, and the
# slope of a line can be measured without any error: take small whole numbers, move one by 1 up and
# by 1 down, and halve the difference. Then "$\approx$" becomes "$=$".

# %%
layer = layers.Conv2D(4, 3, strides=2, padding="same", dtype="float64")
print(inspection.check_gradients(layer, np.zeros((2, 6, 6, 3)), exact=True))

# %% [markdown]
# And a planted bug does not get through. Which of the two gradients of this layer is wrong, and
# what did its author forget?


# %%
class Suspicious(layers.Conv2D):
    def multiply_backward(self, dy, x, kernel, needs_dx):
        dw = formulas.conv2d_kernel_gradient(dy, x, kernel.shape, *self.geometry)
        dx = formulas.conv2d_input_gradient(dy, kernel[::-1, ::-1], x.shape, *self.geometry)
        return dx, dw


found = inspection.check_gradients(
    Suspicious(2, 3, padding="same", dtype="float64"), np.zeros((1, 5, 5, 2)), exact=True
)
print(found)

# %% [markdown]
# It is $dx$. The kernel was flipped first, but only the convolution of $dy$ needs that. The formula
# adds the tap $(a, b)$ at $(p + a, q + b)$, and the flip comes of itself.
#
# ## A network learns through these two arrays
#
# To see that nothing else is needed, train one kernel by hand: four images, targets made with a
# secret kernel, the mean squared error, and gradient descent. No layer, no optimizer.

# %%
secret = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])[:, :, None, None]
(images, _), _ = sn.datasets.fashion_mnist.load_data()
photos = images[:4, :, :, None] / 255.0
target = formulas.conv2d(photos, secret)
learned = np.zeros_like(secret)
losses = []
for _ in range(400):
    difference = formulas.conv2d(photos, learned) - target
    losses.append((difference**2).mean())
    dy = 2 * difference / difference.size
    learned -= 0.5 * formulas.conv2d_kernel_gradient(dy, photos, learned.shape)
print("loss at first", losses[0].round(2), "and at last", losses[-1].round(2))
print(learned[:, :, 0, 0].round(1) + 0.0)

# %% [markdown]
# It is the Sobel filter, which finds vertical edges.
#
# ## What you know now
#
# - One cell of $dy$ feeds a whole window of $dx$, each pixel by the tap that it met; a pixel sums
#   up what its windows send.
# - $dw$ is a convolution of the image with $dy$: the tap $(a, b)$ collects from everywhere.
# - $dx$ is a convolution of $dy$, padded, with the kernel flipped and its channels and filters
#   exchanged. A stride puts zeros between the cells of $dy$.
#
# Solutions: `notebooks/solutions/03_convolution_backwards.py`. Next: pooling, where a gradient has
# to decide which pixel won.
#
# **Sources.** Dumoulin and Visin, *A guide to convolution arithmetic for deep learning* (2016),
# section 4; Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 9.5; Odena, Dumoulin,
# Olah, *Deconvolution and checkerboard artifacts* (2016).
