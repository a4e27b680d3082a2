# %% [markdown]
# # 02 · One convolution, four ways
#
# A convolution is a sum of products, and a sum may be taken in any order. For a computer the orders
# are far from equal: from the first to the last in this notebook the time for the same numbers
# falls by a factor of ten thousand and more. Three of the four ways even do the same
# multiplications. The fourth does fewer. You will
#
# - guess what makes the difference, and how few products can do,
# - see an image unrolled into a matrix, so that a convolution becomes one product,
# - write that, and the trick that saves every third multiplication,
# - count the products of all four ways, and see that their results are exactly equal,
# - and draw what each of them reaches on your machine, below the roof of what it allows.
#
# You need notebook 01 (what a convolution adds up) and the product of two matrices.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import scratchnet as sn
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas, kernels
from scratchnet.ops.formulas.winograd import TRANSFORMS, winograd_conv2d
from scratchnet.ops.kernels import blocks
from scratchnet.ops.kernels.choice import algorithm
from scratchnet.visualization import roofline, style
from scratchnet.visualization.cells import LIT_KERNEL, cell_axes, draw_grid

start()

# %% [markdown]
# ## Predict
#
# For every place of a 3 × 3 window, stride 1, the nine pixels that it sees are written into a row
# of a matrix. **How often does a pixel in the middle of a large image occur in this matrix?**

# %%
my_copies = ...
check("02.copies", my_copies)

# %% [markdown]
# That matrix is many times as large as the image, and not one multiplication is saved. Still the
# convolution becomes much faster. **Why?** Answer with one of the words
#
# - `"products"`: fewer products are needed after all,
# - `"memory"`: less memory is read and written,
# - `"order"`: the same products, but in long runs of one simple step over neighbouring numbers.

# %%
my_word = ...
check("02.why_faster", my_word)

# %% [markdown]
# In one dimension, a window of 3 taps makes 2 neighbouring outputs from 4 inputs. By the definition
# that takes 2 · 3 = 6 products. **How few are enough**, if both outputs are computed together?
# (Additions are free, and so is everything that concerns the taps alone.)

# %%
my_fewest = ...
check("02.fewest", my_fewest)

# %% [markdown]
# ## The formula, and the first way
#
# In all of this notebook there is no padding, and the stride is 1:
#
# $$
# y[n, p, q, f] \;=\; \sum_{a, b, c} x[n, p + a, q + b, c] \; w[a, b, c, f]
# $$
#
# with $x : (N, H, W, C)$, $w : (KH, KW, C, F)$ and $y : (N, OH, OW, F)$. The first way is to write
# just that. Seven indices, seven loops:


# %%
def by_loops(x, w):
    kh, kw, channels, filters = w.shape
    n, height, width, _ = x.shape
    y = np.zeros((n, height - kh + 1, width - kw + 1, filters), x.dtype)
    for i, p, q, f in np.ndindex(y.shape):
        for a, b, c in np.ndindex(kh, kw, channels):
            y[i, p, q, f] += x[i, p + a, q + b, c] * w[a, b, c, f]
    return y


# %% [markdown]
# Nothing is wrong with it, except that Python takes hundreds of steps for each product: it looks
# up names, makes index tuples, checks bounds, wraps each number in an object. The formula in the
# library keeps only the two loops over the taps, and leaves the others to a matrix product. It is
# the judge for the rest of this notebook:

# %%
show_source(formulas.conv2d)

# %% [markdown]
# ## Watch: the second way, one product
#
# Write what each place of the window sees into a row. There is a row for each place, and a column
# for each tap and channel: that is the matrix $P$ of *patches*, and the step is called *im2col*.
# The kernel, written as a matrix $W$ with a column for each filter, meets every row:
#
# $$
# \begin{aligned}
# Y = P\,W, \qquad P &: (N \cdot OH \cdot OW,\; KH \cdot KW \cdot C) \\
# W &: (KH \cdot KW \cdot C,\; F)
# \end{aligned}
# $$
#
# Move `place` (3 × 3 windows have 4 places, 2 × 2 windows have 9), and look for the pixel in green:
# how often is it in the matrix?

# %%
small_image, pixel = np.arange(16).reshape(4, 4), (1, 2)


def draw_patches(place, kernel_size):
    k = kernel_size
    side = 4 - k + 1
    place = min(place, side**2 - 1)
    p, q = divmod(place, side)
    windows = np.lib.stride_tricks.sliding_window_view(small_image, (k, k))
    patches = windows.reshape(side**2, k * k)
    copies = {(int(i), int(j)) for i, j in np.argwhere(patches == small_image[pixel])}
    with style():
        figure, axes = plt.subplots(figsize=(9, 0.6 * max(5, side**2 + 0.7)), layout="constrained")
        cell_axes(axes, 5.5 + k * k, max(4, side**2) + 0.7)
        window = {(p + a, q + b) for a in range(k) for b in range(k)}
        row = {(place, j) for j in range(k * k)}
        for corner, numbers, title, lit, green in [
            ((0, 0.7), small_image, "image", window, {pixel}),
            ((5.5, 0.7), patches, f"patches, {side**2} × {k * k}", row, copies),
        ]:
            draw_grid(axes, corner, numbers.astype(str), "#FFFFFF", title, lit=lit)
            for i, j in green:
                cell = corner[0] + j, corner[1] + i
                axes.add_patch(plt.Rectangle(cell, 1, 1, color=LIT_KERNEL, zorder=4, alpha=0.75))
    for text in axes.texts:
        text.set_zorder(5)
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_patches,
    fallback=[{"place": 1, "kernel_size": 3}, {"place": 4, "kernel_size": 2}],
    place=(0, 8),
    kernel_size=[2, 3],
)

# %% [markdown]
# ## Write it
#
# `x` is `(N, H, W, C)`, `kernel_size` is `(KH, KW)`. The rows of the result are the places $(n, p,
# q)$ in this order, the last one running fastest; its columns are $(a, b, c)$ in this order.


# %%
def im2col(x, kernel_size):
    return ...  # your code


check("02.im2col", im2col)

# %% [markdown]
# Here is one that NumPy makes nearly for free: `sliding_window_view` copies nothing, it only says
# where the numbers of each window are. They are copied by `reshape`, and only then.


# %%
def by_one_product(x, w):
    kh, kw, channels, filters = w.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))
    n, rows, columns, *_ = windows.shape
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kh * kw * channels)
    y = patches @ w.reshape(-1, filters)
    return y.reshape(n, rows, columns, filters)


# %% [markdown]
# The product is computed by BLAS, a library in which this one operation has been improved for
# decades. What im2col costs is memory: a copy of the image, nine times as large, that is written
# once and read once.
#
# ## The third way: tiles
#
# Nobody needs all of $P$ at once. Take a few rows of the output at a time: their patches stay in
# the cache, close to the processor, while BLAS multiplies them, and are overwritten by the next.


# %%
def by_tiles(x, w, lines=7):
    kh, kw, _, filters = w.shape
    n, height, width, _ = x.shape
    y = np.empty((n, height - kh + 1, width - kw + 1, filters), x.dtype)
    for i in range(n):
        for p in range(0, y.shape[1], lines):
            seen = x[i : i + 1, p : p + lines + kh - 1]
            y[i : i + 1, p : p + lines] = by_one_product(seen, w)
    return y


# %% [markdown]
# And one more step: $P$ need not exist at all. In memory an image is one long row of numbers. What
# stands in row $r$ and column $k$ of $P$ is found at a *sum* of two numbers: where the window of
# row $r$ begins, and how far from there tap and channel $k$ lie. The second is the same for all
# windows.

# %%
x = np.random.default_rng(2).integers(-5, 6, (2, 6, 7, 3))
addresses = np.arange(x.size).reshape(x.shape)
positions = addresses[:, : 6 - 2, : 7 - 2, 0].reshape(-1)  # where the windows begin, 3 × 3
cells = addresses[0, :3, :3].reshape(-1)  # from there to each tap and channel
patches = x.reshape(-1)[positions[:, None] + cells]
windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
expected = windows.transpose(0, 1, 2, 4, 5, 3).reshape(patches.shape)
print("the same as im2col:", np.array_equal(patches, expected))

# %% [markdown]
# That is how scratchnet's own kernel works. It multiplies blocks of a few rows and 16 columns, and
# keeps their sums in the registers of the processor while $k$ runs; the numbers of $P$ are read
# straight from the image. It is written in the language of the compiler, but beside it stands what
# it does, in NumPy:

# %%
show_source(blocks._multiply)

# %% [markdown]
# ## The fourth way: fewer products
#
# Up to here every product of the definition was computed. Shmuel Winograd found that they are too
# many. Take four inputs $d_0 \dots d_3$ and three taps $g_0, g_1, g_2$. Wanted are
#
# $$
# y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2, \qquad y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2.
# $$
#
# Compute four products of sums,
#
# $$
# \begin{aligned}
# m_0 &= (d_0 - d_2)\, g_0 &\qquad
# m_1 &= (d_1 + d_2)\, \tfrac{1}{2} (g_0 + g_1 + g_2) \\
# m_3 &= (d_1 - d_3)\, g_2 &
# m_2 &= (d_2 - d_1)\, \tfrac{1}{2} (g_0 - g_1 + g_2)
# \end{aligned}
# $$
#
# and then $y_0 = m_0 + m_1 + m_2$ and $y_1 = m_1 - m_2 - m_3$. Multiply out: in $m_1 + m_2$ the
# terms $d_1 g_0$, $d_2 g_1$ and $d_1 g_2$ cancel, and what is left is
# $d_2 g_0 + d_1 g_1 + d_2 g_2$. With $m_0$ that is $y_0$. The brackets with $g$ are computed once
# for the whole image, so for each pair of outputs there remain four products in place of six, and
# some additions.
#
# This is called $F(2, 3)$: two outputs, three taps. As matrices, with $\odot$ the product entry by
# entry, $y = A^\top [(G g) \odot (B^\top d)]$ with

# %%
for name, matrix in zip(("Bᵀ", "G", "Aᵀ"), TRANSFORMS[2], strict=True):
    print(f"{name} =\n{matrix}")

# %% [markdown]
# ## Write it: a row
#
# `x` is a row of $n$ numbers, $n$ even, and `w` holds three taps. Cut `x` into tiles of four
# numbers that begin at 0, 2, 4, … Return two arrays: the products, one line $(m_0, m_1, m_2, m_3)$
# for each tile, and the $n - 2$ outputs in order. `check` wants to see the products, so that you do
# not compute six.


# %%
def winograd_row(x, w):
    return ...  # your code: (products, y)


check("02.winograd_row", winograd_row)

# %% [markdown]
# For images the same is done to the rows and to the columns:
#
# $$
# Y \;=\; A^\top \big[\, (G\, g\, G^\top) \odot (B^\top d\, B) \,\big]\, A
# $$
#
# makes 2 × 2 outputs from a tile $d$ of 4 × 4 pixels, with 16 products where the definition has 36.
# Over many channels, the products for one of the 16 entries are a product of two matrices.

# %%
show_source(winograd_conv2d)

# %% [markdown]
# ## Count, and compare
#
# Here are numbers that know how often they were multiplied by another one of their kind. A product
# with a constant, such as the ½ in $G$, is not counted. All numbers are whole, and 8-byte floats
# compute with small whole numbers and their quarters without any rounding; so "equal" is meant
# literally.


# %%
class Counted(float):
    products = 0

    def __mul__(self, other):
        Counted.products += isinstance(other, Counted)
        return Counted(float(self) * float(other))

    def __add__(self, other):
        return Counted(float(self) + float(other))

    __rmul__, __radd__ = __mul__, __add__


ways = {
    "loops": by_loops,
    "im2col, one product": by_one_product,
    "tiles": by_tiles,
    "Winograd, F(2×2, 3×3)": winograd_conv2d,
}
counted = np.vectorize(Counted, otypes=[object])
rng = np.random.default_rng(2)
x, w = rng.integers(-9, 10, (1, 8, 8, 4)), rng.integers(-9, 10, (3, 3, 4, 6))
judge = formulas.conv2d(x, w)
for name, way in ways.items():
    Counted.products = 0
    way(counted(x), counted(w))
    equal = np.array_equal(way(x, w), judge)
    print(f"{name:22} {Counted.products:5} products   exactly equal: {equal}")

# %% [markdown]
# $7776 = 36 \cdot 9 \cdot 4 \cdot 6$: places, taps, channels, filters. And $3456$ is $16/36$ of it.
#
# ## How fast?
#
# What a machine can do is limited twice: by how many operations a second it computes, and by how
# many bytes a second it reads and writes. Divide the operations of an algorithm by the bytes that
# it has to move, and you have its *arithmetic intensity* $I$. Then
#
# $$
# \text{operations a second} \;\le\; \min(\text{peak},\; I \cdot \text{bandwidth}),
# $$
#
# which is drawn as a roof. The next cell measures both limits, and each of the ways, **on the
# machine it runs on**, on one core: 8 images of 30 × 30 pixels, 64 channels and 64 filters, in
# float32. An operation is a product or an addition *of the definition*, so that a way that gets
# along with fewer is credited with all of them. The loops would take minutes, and are measured on
# the small image from above. With them are two of scratchnet's compiled kernels: the register
# blocks, and Winograd's products in register blocks.


# %%
def best_times(calls, rounds=60):
    """The shortest time of each call in seconds; what other programs disturb only makes longer."""
    best = [np.inf] * len(calls)
    for _ in range(rounds):
        for k, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            best[k] = min(best[k], time.perf_counter() - begin)
    return best


def by_kernel(x, w, name):
    with sn.config.using_convolution_algorithm(name):
        return kernels.conv2d(x, w)


image = rng.standard_normal((8, 30, 30, 64)).astype(np.float32)
kernel = rng.standard_normal((3, 3, 64, 64)).astype(np.float32)
square, long = np.ones((768, 768), np.float32), np.ones(2**23, np.float32)
copy = np.empty_like(long)
patches = 8 * 28 * 28 * 9 * 64  # numbers in P
once = image.size + kernel.size + 8 * 28 * 28 * 64  # what has to be read or written in any case
measured = {  # the call, its operations, the numbers it moves
    "loops in Python": (lambda: by_loops(x, w), 2 * 7776, 2 * 7776),
    "im2col": (lambda: by_one_product(image, kernel), 2 * patches * 64, once + 2 * patches),
    "tiles": (lambda: by_tiles(image, kernel), 2 * patches * 64, once),
    "register blocks": (lambda: by_kernel(image, kernel, "blocks"), 2 * patches * 64, once),
    "Winograd": (lambda: by_kernel(image, kernel, "winograd_2x2"), 2 * patches * 64, once),
    "peak": (lambda: square @ square, 2 * 768**3, 3 * 768**2),
    "bandwidth": (lambda: np.copyto(copy, long), 1, 2 * long.size),
}
calls, operations, moved = zip(*measured.values(), strict=True)
sn.config.set_threads(1)  # of BLAS and of the kernels
best_times(calls, rounds=1)  # the first time compiles, or loads from disk
times = best_times(calls)
sn.config.set_threads(None)
table = pd.DataFrame({"name": measured.keys()})
table["intensity"] = np.divide(operations, 4 * np.array(moved))  # 4 bytes a number
table["gflops"] = np.divide(operations, times) / 1e9
roofline(
    table[:-2],
    peak_gflops=float(f"{table.gflops[5]:.2g}"),
    bandwidth_gbs=float(f"{8 * long.size / times[6] / 1e9:.2g}"),
    title="One core of the machine that ran this notebook",
)

# %% [markdown]
# The numbers are those of one machine, and on a page they are not yours: run the cell. What should
# hold on most:
#
# - The **loops** fetch two numbers for each product, and are far below any roof. Neither memory
#   nor arithmetic is their limit, but Python.
# - **im2col** has a lower intensity, for it writes and reads $P$. Whether that hurts depends on the
#   cache: where all of $P$ fits, the tiles gain little.
# - **Tiles** and **register blocks** move only what has to be moved, and are limited by arithmetic
#   alone. The roof is what BLAS reaches with a large product. A kernel that is made for this shape
#   may lie a little above it.
# - **Winograd** can lie far above the roof, since it does fewer operations than are counted for it.
#
# ## What it costs
#
# Fewer products, more additions, and numbers that are larger on the way: the result is rounded
# differently. F(4 × 4, 3 × 3) has only a quarter of the products, but its matrices hold numbers
# such as 225/256 and 27/8. Between the two is F(2 × 4, 3 × 3), with tiles of two rows and four
# columns. In float32, compared with a result in float64:

# %%
exact = formulas.conv2d(image.astype(float), kernel.astype(float))
for name in ("blocks", "winograd_2x2", "winograd_2x4", "winograd_4x4"):
    error = np.abs(by_kernel(image, kernel, name) - exact).max() / np.abs(exact).max()
    below = min(limit for limit in (3e-7, 1e-6, 3e-6, 1e-5, 1e-4) if error < limit)
    print(f"{name:12} relative error below {below:.0e}")

# %% [markdown]
# Here F(2 × 2, 3 × 3) is about as good as the sum of all products, and larger tiles lose accuracy.
# So a library has to choose. scratchnet takes Winograd's way where it pays: for windows of 3 × 3
# with stride 1, float32, many channels, and enough places. From 32 channels on the tiles have 2 × 4
# places. Their error is then not above that of a sum that is added up in one go, as many libraries
# do it, for such a sum loses accuracy with each of its terms. F(4 × 4, 3 × 3) it takes only when it
# is asked to.

# %%
for images, window, strides, dtype in [
    ((64, 28, 28, 1), (3, 3, 1, 32), (1, 1), "float32"),
    ((64, 14, 14, 64), (3, 3, 64, 64), (1, 1), "float32"),
    ((64, 14, 14, 64), (3, 3, 64, 64), (2, 2), "float32"),
    ((64, 14, 14, 64), (3, 3, 64, 64), (1, 1), "float64"),
    ((64, 14, 14, 64), (1, 1, 64, 64), (1, 1), "float32"),
]:
    chosen = algorithm("forward", images, window, strides, dtype=dtype)
    print(f"{images!s:16} {window!s:14} strides {strides} {dtype}: {chosen}")

# %% [markdown]
# ## The same in Keras
#
# One layer of Keras, in float64, against all the ways and scratchnet's own kernel:

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras

x = rng.standard_normal((2, 10, 12, 16))
layer = keras.layers.Conv2D(16, 3, use_bias=False, dtype="float64")
theirs = layer(x).numpy()
(weights,) = layer.get_weights()
for name, way in (ways | {"scratchnet's kernel": kernels.conv2d}).items():
    error = np.abs(way(x, weights) - theirs).max() / np.abs(theirs).max()
    print(f"{name:22} error below 1e-14: {error < 1e-14}")

# %% [markdown]
# ## What you know now
#
# - A convolution is one product of matrices, $Y = P W$, if every patch is written into a row. That
#   saves no multiplication, but it hands the work to code that is made for long runs of them.
# - $P$ need not be stored: a tile of it at a time is enough, or none at all, for its numbers lie at
#   the sum of two offsets.
# - Winograd's F(2 × 2, 3 × 3) needs 16 products where the definition has 36. It is exact in whole
#   numbers, and hardly less accurate in floats. Larger tiles need fewer products still, and round
#   more.
# - Intensity and roof say what a machine allows; a count of operations alone does not.
#
# Solutions: `notebooks/solutions/02_one_convolution_four_ways.py`. Next: the same sum backwards.
#
# **Sources.** Chellapilla, Puri, Simard, *High performance convolutional neural networks for
# document processing* (2006), for im2col; Goto, van de Geijn, *Anatomy of high-performance matrix
# multiplication* (2008); Winograd, *Arithmetic complexity of computations* (1980); Lavin, Gray,
# *Fast algorithms for convolutional neural networks* (2016), section 4.1; Williams, Waterman,
# Patterson, *Roofline: an insightful visual performance model for multicore architectures* (2009).
