# %% [markdown]
# # 17 · Residuals and depth
#
# A network of fifty layers can do all that one of four can: let forty-six of them pass on what they
# get. Trained, it does worse, on the photos that it is trained with. So it is not overfitting, and
# it is not a lack of strength. It does not find what it has. The remedy is one addition. You will
#
# - guess which of two networks fits better, and what an addition does to a gradient,
# - follow the gradient down through fifty layers, with and without *skips*,
# - write the backward pass of an addition, and of a residual block,
# - see why skips alone are not enough, and how a deep network begins as the identity,
# - train networks of 4, 20 and 50 layers,
# - and compare a residual network with Keras's.
#
# You need notebook 03 (how a gradient comes back) and notebook 09 (He's initialisation).

# %%
import matplotlib.pyplot as plt
import numba
import numpy as np

import scratchnet as sn
from scratchnet import inspection, layers, models, optimizers
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas
from scratchnet.visualization import compare_runs, model_graph, style
from scratchnet.visualization.colours import line_look

start(implementation="kernels")
numba.set_num_threads(1)  # layers as small as these gain nothing from a second one

# %% [markdown]
# ## Predict
#
# Two stacks of convolutions with ReLU, 4 and 50 layers, He's initialisation, the same photos, the
# same number of steps. **Which one has the lower loss on the photos that it was trained with?**
# Answer `"shallow"` or `"deep"`.

# %%
my_word = ...
check("17.which_fits", my_word)

# %% [markdown]
# A *residual block* computes $y = x + F(x)$, where $F$ is a small stack of layers. Suppose that the
# last kernel in $F$ is 0 everywhere, and that the gradient from above is 3 in some cell. **What is
# the gradient of that cell of $x$?**

# %%
my_gradient = ...
check("17.zero_branch", my_gradient)

# %% [markdown]
# One array $x$ goes into **both** inputs of an addition. The gradient from above is 1. **What is
# the gradient of $x$?**

# %%
my_sum = ...
check("17.used_twice", my_sum)

# %% [markdown]
# ## The networks
#
# The functional API of scratchnet is Keras's: a layer is called on a symbolic tensor, and where a
# tensor is used twice, the network forks. Each block has two 3 × 3 convolutions of 8 channels.
# Without skips one follows the other. With skips, an `Add` brings the input of the block back in.


# %%
def network(blocks, skips, last="he_normal"):
    """2 · blocks + 2 layers with weights; `last` initialises the last kernel of each branch."""
    sn.set_random_seed(1)
    image = layers.Input((28, 28, 1))
    x = layers.Conv2D(8, 4, strides=4, activation="relu", kernel_initializer="he_normal")(image)
    for i in range(blocks):
        branch = layers.Conv2D(
            8, 3, padding="same", activation="relu", kernel_initializer="he_normal"
        )(x)
        if skips:
            branch = layers.Conv2D(8, 3, padding="same", kernel_initializer=last)(branch)
            x = layers.Add(name=f"block_{i}")([x, branch])
        else:
            x = layers.Conv2D(
                8,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=f"block_{i}",
            )(branch)
    scores = layers.Dense(10, activation="softmax")(layers.Flatten()(x))
    model = models.Functional(image, scores)
    model.compile(optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model


(photos, targets), _ = sn.datasets.fashion_mnist.load_data()
x = photos[:512, :, :, None] / np.float32(255)
x = (x - x.mean()) / x.std()
labels = targets[:512].astype(int)

model_graph(network(1, skips=True))

# %% [markdown]
# ## Watch
#
# Before any training: the norm of $\partial L/\partial x_l$ at the end of each block, for 128
# photos. The gradient comes in on the right, at the last block, and goes to the left. What happens
# when there are more layers?

# %%
kinds = {
    "no skips": {"skips": False},
    "skips": {"skips": True},
    "skips, branches begin at 0": {"skips": True, "last": "zeros"},
}


def gradient_norms(depth, kind):
    """Of each block's output, from first to last."""
    model = network((depth - 2) // 2, **kinds[kind])
    rows = inspection.layer_statistics(model, x[:128], labels[:128])
    return [row.gradient_norm for row in rows if row.layer.startswith("block")]


def draw_norms(depth):
    with style():
        figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
        for number, kind in enumerate(kinds):
            norms = gradient_norms(depth, kind)
            axes.plot(range(1, len(norms) + 1), norms, label=kind, **line_look(number))
        axes.set_yscale("log")
        axes.set(xlabel="block", ylabel="norm of ∂L/∂x", ylim=(1e-4, 1e5))
        axes.grid(axis="y")
        axes.set_title(f"Gradient norm through {depth} layers")
        axes.legend(loc="upper right")
        axes.xaxis.get_major_locator().set_params(integer=True)
    plt.close(figure)
    return figure


interact_with_fallback(draw_norms, fallback=[{"depth": 12}, {"depth": 50}], depth=(4, 50, 2))

# %% [markdown]
# Three fates. Without skips the gradient fades, though He's initialisation should keep it on
# average: the zeros that `padding="same"` puts around small images take their share at each layer,
# and eight channels are few for an average. With skips it **grows**, in fifty layers by a factor of
# more than ten thousand. Only with skips *and* branches that begin at 0 it arrives as it came.
#
# ## The formulas
#
# A plain stack is $x_{l+1} = F_l(x_l)$. The way back multiplies one Jacobian matrix
# $J_l = \partial F_l/\partial x_l$ after the other:
#
# $$
# \frac{\partial L}{\partial x_0} \;=\; J_0^\top J_1^\top \cdots J_{n-1}^\top
# \frac{\partial L}{\partial x_n}
# $$
#
# A product of many factors is hard to keep at one size. With skips, $x_{l+1} = x_l + F_l(x_l)$, and
# the Jacobian of a block is $I + J_l$:
#
# $$
# \frac{\partial L}{\partial x_0} \;=\; (I + J_0)^\top (I + J_1)^\top \cdots
# (I + J_{n-1})^\top \frac{\partial L}{\partial x_n}
# \;=\; \Big( I + \sum_l J_l^\top + \sum_{l < m} J_l^\top J_m^\top + \dots \Big)
# \frac{\partial L}{\partial x_n}
# $$
#
# Multiplied out, it is a sum over all ways down, each block being passed through its branch or past
# it. One of the ways leads past all of them: the $I$ in front. Whatever the branches do, the
# gradient of the top arrives at the bottom *as one term* of a sum. It can only be cancelled, not be
# ground down.
#
# What an `Add` needs for this is nearly nothing. For $y = x_1 + x_2$ each input matters to the loss
# as much as $y$ does:
#
# $$ \frac{\partial L}{\partial x_1} = \frac{\partial L}{\partial x_2} = dy $$
#
# Not a half of it: the addition does not share $dy$ out, it copies it. And where a tensor forks, at
# the beginning of a block, the gradients of its uses are added up. These two rules are each other's
# mirror: forwards a fork copies and an addition sums, backwards the addition copies and the fork
# sums.
#
# There is one complication. NumPy, Keras and scratchnet add arrays of unequal shapes if a size of 1
# can be repeated, as with a bias for each channel. What was repeated was used several times, so it
# gets a sum.

# %%
show_source(formulas.add, formulas.add_backward, formulas.sum_to_shape)

# %% [markdown]
# ## Write the backward pass of an addition
#
# `shapes` is a list of the shapes of the inputs, all of the rank of `dy`, with sizes that are those
# of `dy` or 1. The result is a list: the gradient of each input, in its own shape.


# %%
def add_gradients(dy, shapes):
    return ...  # your code: a list of arrays


check("17.add_gradients", add_gradients)

# %% [markdown]
# ## Write the backward pass of a block
#
# A residual block of two dense layers, without biases:
#
# $$ y \;=\; x + \mathrm{relu}(x\, w_1)\, w_2 $$
#
# `dy` and `x` are `(N, C)`, `w1` is `(C, H)` and `w2` is `(H, C)`. The result is
# $\partial L/\partial x$. Follow the fork: which two ways lead from $y$ back to $x$?


# %%
def block_gradient(dy, x, w1, w2):
    return ...  # your code


check("17.block_gradient", block_gradient)

# %% [markdown]
# ## Why skips alone are not enough
#
# Suppose that the branches are initialised so that each passes on the variance that it gets. **By
# which factor has the variance grown after 24 such blocks, if $x_l$ and $F_l(x_l)$ are
# uncorrelated?** Choose 1, 24, 25 or `2**24`.

# %%
my_factor = ...
check("17.growth", my_factor)

# %% [markdown]
# Measured, in our networks. Their blocks do not quite fit the question. He's factor of 2 makes up
# for one ReLU, and a branch has two kernels but only one ReLU, so it would give back twice the
# variance. The zeros at the edges take a third of it away. What is added is then about $4/3$ of
# what comes in, and one draw of eight channels is off from that:

# %%
for kind in kinds:
    model = network(24, **kinds[kind])
    rows = inspection.layer_statistics(model, x[:128])
    of_blocks = [row.std**2 for row in rows if row.layer.startswith("block")]
    first, last = of_blocks[0], of_blocks[-1]
    print(
        f"{kind:27} variance after block 1 {first:.2f}, after block 24 {last:.0e}: "
        f"times {(last / first) ** (1 / 23):.1f} a block"
    )

# %% [markdown]
# There are several ways out:
#
# - **Normalise.** A batch normalisation in each branch keeps what it adds at variance 1, however
#   large $x$ has become. Then the variance grows by 1 a block and not by a factor of 2, and each
#   further block changes $x$ by a smaller share.
# - **Scale.** Multiply each branch by $1/\sqrt{n}$ for $n$ blocks: $(1 + 1/n)^n < e$.
# - **Begin at 0.** Let the last kernel of each branch be 0, or the $\gamma$ of its last
#   normalisation. Then $F_l = 0$ for all $l$, and the network begins as the identity.
#
# The last one sounds as if nothing could ever be learned. But the gradient of that last kernel is a
# product of $dy$ and the branch's activations, and neither is 0: it moves in the first step.
#
# If it is true that at the beginning all blocks do nothing, then 4 layers and 50 layers with the
# same first and last one give the same predictions, to the last bit:

# %%
shallow, deep = network(1, True, "zeros"), network(24, True, "zeros")
weighted = [[layer for layer in model.layers if layer.weights] for model in (shallow, deep)]
for place in (0, -1):  # the first and the last layer
    weighted[1][place].set_weights(weighted[0][place].get_weights())
same = np.array_equal(shallow.predict(x, verbose=0), deep.predict(x, verbose=0))
print(f"4 layers and 50 layers predict the same: {same}")

# %% [markdown]
# That is the sentence from the beginning, *let forty-six layers pass on what they get*, written
# into the weights. A plain stack would have to learn the identity. Here it is where learning
# begins, and each block learns a *residual*: what should be added to it.
#
# ## Train them
#
# 512 photos, five epochs of gradient descent, learning rate 0.01, the same for all.

# %%
histories = {}
for name, blocks, kind in [
    ("4 layers", 1, "no skips"),
    ("20 layers", 9, "no skips"),
    ("50 layers", 24, "no skips"),
    ("4 layers, skips", 1, "skips, branches begin at 0"),
    ("50 layers, skips", 24, "skips, branches begin at 0"),
]:
    model = network(blocks, **kinds[kind])
    histories[name] = model.fit(x, labels, epochs=5, batch_size=32, verbose=0)

compare_runs(histories, metric="loss")

# %% [markdown]
# Without skips, depth harms: four layers learn, twenty hardly, fifty not at all; $\log 10 = 2.30$
# is the loss of a guess. With skips the fifty layers learn at least as fast as the four.
#
# One should not conclude that a plain stack of twenty layers can't be trained. With batch
# normalisation, more steps and a better optimizer it can. The order remains: He and his colleagues
# found that a plain network of 56 layers *fits* CIFAR-10 worse than one of 20 though both were
# normalised, and that skips turn this round.
#
# And skips with branches that do not begin at 0? Their gradient is thousands of times too large for
# this learning rate. The losses of the first three steps:

# %%
model = network(24, skips=True)
with np.errstate(all="ignore"):  # NumPy would warn, and it is right
    losses = [model.train_on_batch(x[:32], labels[:32]) for _ in range(3)]
print("50 layers, skips, branches not at 0:", ", ".join(f"{loss:.0e}" for loss in losses))

# %% [markdown]
# ## When the shape changes
#
# A block that halves the image and doubles the channels can't add its input as it is. Then the skip
# gets a layer of its own, a 1 × 1 convolution with the same stride. It should be rare: the way past
# all branches is the one that everything depends on.

# %%
image = y = layers.Input((14, 14, 8))
branch = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(y)
branch = layers.Conv2D(16, 3, padding="same", kernel_initializer="zeros")(branch)
shortcut = layers.Conv2D(16, 1, strides=2, name="shortcut")(y)
block = models.Functional(image, layers.Add()([shortcut, branch]))
print(block.output_shape)
try:
    layers.Add()([y, branch])
except ValueError as error:
    print(error)

# %% [markdown]
# ## The same in Keras
#
# First the addition, with an input that is repeated. TensorFlow derives its gradient:

# %%
import reference
from reference.device import precision, prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

rng = np.random.default_rng(17)
shapes = [(4, 5, 5, 3), (4, 1, 1, 3), (4, 5, 5, 1)]
inputs = [tf.constant(rng.standard_normal(shape)) for shape in shapes]
dy = rng.standard_normal((4, 5, 5, 3))
with tf.GradientTape() as tape:
    tape.watch(inputs)
    y = keras.layers.Add(dtype="float64")(inputs)
theirs = tape.gradient(y, inputs, output_gradients=tf.constant(dy))
ours = formulas.add_backward(dy, shapes)
for mine, other, shape in zip(ours, theirs, shapes, strict=True):
    error = reference.relative_error(mine, other.numpy())
    print(f"gradient of the input {shape!s:13} error below 1e-14: {error < 1e-14}")

# %% [markdown]
# Then a whole residual network in float64: each layer by itself beside Keras's, and all weights
# after ten steps of training on both sides.

# %%
with precision("float64"):
    model = network(3, skips=True)
    errors = reference.compare(model, x[:32], labels[:32])
    difference = reference.weights_after_training(model, x, labels, steps=10)
kinds_of_layers = {layer.name: type(layer).__name__ for layer in model.layers}
by_kind = errors.groupby(errors["layer"].map(kinds_of_layers))["error"].max()
for kind, error in by_kind.items():
    print(f"{kind:8} largest error of outputs and gradients below 1e-13: {error < 1e-13}")
print(f"all weights after ten steps differ by less than 1e-12: {difference < 1e-12}")

# %% [markdown]
# ## What you know now
#
# - A deep plain stack fails because its gradient is a product of many Jacobians, and because it
#   would have to learn to do nothing.
# - An addition hands $dy$ to each of its inputs unchanged; a tensor that is used several times gets
#   the sum. With these two rules the gradient of a residual stack is a sum over all ways, and one
#   of them leads past everything.
# - Skips alone let the variance double with each block, or more. Normalise the branches, scale
#   them, or let them begin at 0.
# - A residual network begins as the identity, and depth no longer harms.
#
# Solutions: `notebooks/solutions/17_residuals_and_depth.py`. Next: networks that somebody else has
# trained, and what to do with them.
#
# **Sources.** He, Zhang, Ren, Sun, *Deep residual learning for image recognition* (2016), sections
# 1, 3 and 4.2; He, Zhang, Ren, Sun, *Identity mappings in deep residual networks* (2016), section
# 2; Veit, Wilber, Belongie, *Residual networks behave like ensembles of relatively shallow
# networks* (2016); Goyal et al., *Accurate, large minibatch SGD* (2017), section 5.1, and Zhang,
# Dauphin, Ma, *Fixup initialization* (2019) for branches that begin at 0.
