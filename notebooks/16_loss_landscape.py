# %% [markdown]
# # 16 · Loss landscape
#
# Training goes downhill on a surface. Papers show it as a landscape with valleys and ridges, and
# argue with its shape: flat minima are good, skips make it smooth. But the loss of even a small
# network is a function of thousands of numbers, and a picture has two. What does it show, and what
# can't it? You will
#
# - guess what happens when one layer is made larger and the next one smaller,
# - look at slices through the weights of a network, before, during and after training,
# - write the normalisation that makes slices comparable,
# - see the path that training walked, and learn to distrust the picture,
# - and compute the same slice with Keras.
#
# You need matrices, the chain rule, and an idea of training (notebook 13).

# %%
import matplotlib.pyplot as plt
import numba
import numpy as np

import scratchnet as sn
from scratchnet import inspection, layers, optimizers, visualization
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.visualization import style
from scratchnet.visualization.colours import PALE, line_look

start(implementation="kernels")
numba.set_num_threads(1)  # layers as small as these gain nothing from a second one

# %% [markdown]
# ## Predict
#
# A network of two layers without biases, $y = \mathrm{relu}(x\, w_1)\, w_2$. You multiply all of
# $w_1$ by 10 and divide all of $w_2$ by 10. **By which factor does $y$ change?**

# %%
my_factor = ...
check("16.output_factor", my_factor)

# %% [markdown]
# **And by which factor does the gradient $\partial L/\partial w_1$ change?**

# %%
my_gradient_factor = ...
check("16.gradient_factor", my_gradient_factor)

# %% [markdown]
# A network has 4000 weights. Draw two random directions through the point that training ended in:
# they span a plane. On average, **which share of the squared length of a step of training lies in
# that plane?** Choose 0.5, 0.02 or 0.0005.

# %%
my_share = ...
check("16.share_in_plane", my_share)

# %% [markdown]
# ## A network, and the way it went
#
# Two convolutions and a dense layer, 1000 photos of clothes, 400 steps of gradient descent with
# batches of 20. After every tenth step a copy of all weights is kept: this is the *path*.

# %%
(photos, targets), _ = sn.datasets.fashion_mnist.load_data()
x = photos[:1000, :, :, None] / np.float32(255)
labels = targets[:1000].astype(int)


def network(seed=3):
    sn.set_random_seed(seed)
    model = sn.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(8, 4, strides=4, activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


model = network()
path = [model.get_weights()]
for step in range(400):
    batch = slice(step * 20 % 1000, step * 20 % 1000 + 20)
    model.train_on_batch(x[batch], labels[batch])
    if step % 10 == 9:
        path.append(model.get_weights())

theta = path[-1]
loss, accuracy = model.evaluate(x, labels, verbose=0)
print(f"{sum(w.size for w in theta)} weights; loss {loss:.1f}, {accuracy:.0%} right")

# %% [markdown]
# ## Watch
#
# A slice shows the loss at $\theta + a\,d + b\,e$, for two fixed directions $d$ and $e$ and many
# numbers $a$ and $b$. Here both directions are random, and normalised in a way that you will write
# below; a step of length 1 is as long as the weights themselves. `step` says at which point of the
# path the slice is taken, `seed` draws other directions. How much depends on the seed?

# %%
steps = np.linspace(-1, 1, 15)


def draw_slice(step, seed):
    model.set_weights(path[step // 10])
    directions = [inspection.random_direction(model, 2 * seed + k) for k in range(2)]
    losses = inspection.loss_landscape(model, x[:300], labels[:300], directions, steps)
    figure = visualization.loss_landscape(steps, losses)
    figure.set_dpi(100)
    return figure


interact_with_fallback(
    draw_slice,
    fallback=[{"step": 0, "seed": 0}, {"step": 400, "seed": 0}],
    step=(0, 400, 50),
    seed=(0, 5),
)

# %% [markdown]
# At the start all that is near is about as bad as a guess, $\log 10 = 2.30$: hardly any random
# direction leads down, and still there was a way. At the end the network sits in a bowl. It is a
# bowl for every seed. What do such bowls mean?
#
# ## The same function in another place
#
# A ReLU does not mind a positive factor: $\mathrm{relu}(a z) = a\,\mathrm{relu}(z)$ for $a > 0$.
# Therefore
#
# $$
# \mathrm{relu}\big(x\, (a w_1) + a b_1\big)\, \frac{w_2}{a} + b_2
# \;=\; \mathrm{relu}(x\, w_1 + b_1)\, w_2 + b_2,
# $$
#
# and each network with ReLUs stands for a whole family, which compute the same at different places
# of weight space. Write $L(w_1, w_2) = L(a w_1, w_2/a)$ and differentiate both sides by $w_1$: the
# gradient at the new place is
#
# $$
# \frac{\partial L}{\partial w_1}(a w_1, w_2/a)
# \;=\; \frac1a\, \frac{\partial L}{\partial w_1}(w_1, w_2),
# $$
#
# and the second derivative is divided by $a^2$. The valley becomes as flat as you like in $w_1$,
# and as steep as you like in $w_2$. So the sharpness of a minimum, measured in steps of a fixed
# length, says nothing about the function that the network computes.
#
# ## Write the other network
#
# $y = \mathrm{relu}(x\, w_1 + b_1)\, w_2 + b_2$. Return $w_1$, $b_1$, $w_2$ and $b_2$ of the
# network that computes the same with a first layer whose weights are $a$ times as large.


# %%
def rescaled(w1, b1, w2, b2, a):
    return ...  # your code: (w1, b1, w2, b2)


check("16.rescaled", rescaled)

# %% [markdown]
# ## Normalise by filters
#
# The remedy is to measure steps by the weights that they change. A random direction $d$ is drawn,
# and then each filter in it gets the length of the filter that it belongs to:
#
# $$ d_f \;\leftarrow\; \frac{d_f}{\lVert d_f \rVert} \, \lVert \theta_f \rVert $$
#
# A *filter* is all that makes one output: of a kernel `(KH, KW, C, F)` the array `[:, :, :, f]`, of
# a matrix one column. Multiply the filter by 10, and its steps become ten times as long. (Biases
# are left where they are.)
#
# ## Write it
#
# `direction` and `kernel` have the same shape, four axes for a convolution or two for a dense
# layer; the last one counts the filters.


# %%
def normalised(direction, kernel):
    return ...  # your code


check("16.normalised", normalised)

# %%
show_source(inspection.filter_normalised)

# %% [markdown]
# (`_outputs` knows the layers whose filters are counted by another axis.)
#
# Now both ways side by side: the trained network, and the one that computes the same with a first
# layer four times as large and a second one four times as small. The direction is made from the
# same random numbers; on the left it has the length of all weights together, on the right it is
# normalised by filters.

# %%
twin = [w.copy() for w in theta]
twin[0] *= 4
twin[1] *= 4
twin[2] /= 4
rng = np.random.default_rng(16)
raw = [rng.standard_normal(w.shape) for w in theta]
length = np.sqrt(sum((w**2).sum() for w in theta) / sum((d**2).sum() for d in raw))
line = np.linspace(-1, 1, 41)
curves = {}
for name, weights in (("trained", theta), ("rescaled", twin)):
    model.set_weights(weights)
    for kind, direction in (
        ("fixed length", [length * d for d in raw]),
        ("filter by filter", inspection.filter_normalised(model, raw)),
    ):
        curves[kind, name] = inspection.loss_landscape(
            model, x[:300], labels[:300], [direction], line
        )

with style():
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
    for kind, panel in zip(("fixed length", "filter by filter"), panels, strict=True):
        for number, name in enumerate(("trained", "rescaled")):
            look = line_look(number) | {"marker": "", "linewidth": 3.4 - 1.4 * number}
            panel.plot(line, curves[kind, name], label=name, **look)
        panel.set(title=f"Steps: {kind}", xlabel="step", ylim=(0, 8))
    panels[0].set_ylabel("loss")
    panels[0].legend()
plt.close(figure)
figure

# %% [markdown]
# On the left, one and the same function seems to have two minima of different sharpness. On the
# right there is one curve. Whoever compares networks by slices has to normalise. It does not make
# the picture true, but it removes one way in which it lies.
#
# ## A layer that is normalised
#
# If a batch normalisation follows a kernel, no second layer is needed: the output does not depend
# on the kernel's length at all, $L(a w) = L(w)$. As above, the gradient at $a w$ is $1/a$ of that
# at $w$. You multiply such a kernel by 4, and go on training with the same learning rate. **By
# which factor does the *relative* step, $\lVert \Delta w \rVert / \lVert w \rVert$, change?**

# %%
my_relative = ...
check("16.relative_step", my_relative)

# %% [markdown]
# Measured. A step of gradient descent is $\Delta w = -\eta\, g$, so a step with a known learning
# rate $\eta$ tells the gradient $g$. (The rate is 100, so that the step is large beside the
# rounding of $w$. It is not meant to lead anywhere.)


# %%
def gradients(model, weights):
    """∂L/∂w of each weight that trains, from a step with a known learning rate."""
    model.set_weights(weights)
    model.train_on_batch(x[:500], labels[:500])
    rate = float(model.optimizer.learning_rate)
    return [(w - v) / rate for w, v in zip(weights, model.get_weights(), strict=True)]


sn.set_random_seed(3)
with_norm = sn.Sequential(
    [
        layers.Input((28, 28, 1)),
        layers.Conv2D(8, 4, strides=4, use_bias=False),
        layers.BatchNormalization(epsilon=1e-7),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]
)
with_norm.compile(optimizers.SGD(100.0), "sparse_categorical_crossentropy")
weights = with_norm.get_weights()
for a in (1, 4):
    scaled = [a * weights[0], *weights[1:]]
    size = np.linalg.norm(gradients(with_norm, scaled)[0])
    relative = size / np.linalg.norm(scaled[0])
    print(f"kernel times {a}: gradient {size:.3f}, as a multiple of the kernel {relative:.3f}")

# %% [markdown]
# Such a kernel is always at right angles to its gradient: differentiate $L(a w) = L(w)$ by $a$. So
# each step makes it longer, and each relative step shorter: a learning rate that decays by itself.
# Weight decay keeps the length in check, and with it the speed. That is a large part of what it
# does in normalised networks.
#
# ## The path walked
#
# Random directions miss the way that training took: two of them in thousands hold next to nothing
# of it. So take the two directions in which the points of the path differ most, its *principal
# directions*, and find for each point the place in their plane that is nearest. These are the $a$
# and $b$ that make
#
# $$ \lVert (\theta_t - \theta) - a\,d - b\,e \rVert^2 $$
#
# smallest.
#
# ## Write it
#
# `move`, `d` and `e` are vectors of the same length. The result is a tuple of two numbers,
# $(a, b)$. Directions need not have the length 1, nor be at right angles.


# %%
def plane_coordinates(move, d, e):
    return ...  # your code: (a, b)


check("16.plane_coordinates", plane_coordinates)

# %%
principal = inspection.principal_directions(path)
walked = inspection.coordinates(path, theta, principal)
low, high = walked.min() - 1, walked.max() + 1
sides = np.linspace(low, high, 21)
model.set_weights(theta)
losses = inspection.loss_landscape(model, x[:300], labels[:300], principal, sides)
figure = visualization.loss_landscape(sides, losses, walked)
figure.set_dpi(100)
figure.axes[0].set(xlabel="first principal direction", ylabel="second principal direction")
figure

# %% [markdown]
# The path comes down, turns, and goes on along a valley. Much of its length is in the plane:


# %%
def flat(arrays):
    return np.concatenate([np.ravel(array) for array in arrays])


def share_in(points, directions):
    """Of the squared distances of the points from the last one."""
    found = inspection.coordinates(points, points[-1], directions)
    inside = sum((a * flat(d) for a, d in zip(found.T[:, :, None], directions, strict=True)))
    moves = np.stack([flat(point) - flat(points[-1]) for point in points])
    return (inside**2).sum() / (moves**2).sum()


random = [inspection.random_direction(model, seed) for seed in (1, 2)]
print(f"share of the path in the plane of two random directions    {share_in(path, random):.4f}")
print(f"share of the path in the plane of its principal directions {share_in(path, principal):.2f}")

# %% [markdown]
# So the path is nearly flat? Do the same with a walk that has no aim at all: as many points in a
# space of as many dimensions, each step drawn at random.

# %%
wandering = [np.zeros(sum(w.size for w in theta))]
for _ in range(40):
    wandering.append(wandering[-1] + rng.standard_normal(wandering[0].size))
wandering = [[point] for point in wandering]
share = share_in(wandering, inspection.principal_directions(wandering))
print(f"a random walk: {share:.2f}")

# %% [markdown]
# In thousands of dimensions every random step is nearly at right angles to all others, and still
# most of the walk is found in two dimensions. That a path fits into a plane is no discovery about
# networks. Only what goes beyond this number is.
#
# ## What slices hide
#
# **Steep directions.** A random direction sees the *average* curvature of all directions. There is
# a small number of far steeper ones, and random directions miss them. To find the steepest, take
# any direction $v$, see how the gradient changes along it, and go on with that:
#
# $$ v \;\leftarrow\; \frac{H v}{\lVert H v \rVert}, \qquad
# H v \approx \frac{g(\theta + r v) - g(\theta - r v)}{2 r} $$
#
# $H$ is the matrix of second derivatives; this is the power iteration, which nobody needs the
# matrix for.

# %%
model.compile(optimizers.SGD(100.0), "sparse_categorical_crossentropy")


def unit(direction):
    size = np.linalg.norm(flat(direction))
    return [d / size for d in direction]


def moved(direction, step):
    return [(w + step * d).astype(np.float32) for w, d in zip(theta, direction, strict=True)]


def curvature(direction, radius=0.05):
    """Hv of a direction v of length 1, and v·Hv."""
    up, down = (gradients(model, moved(direction, r)) for r in (radius, -radius))
    product = [(a - b) / (2 * radius) for a, b in zip(up, down, strict=True)]
    return product, flat(product) @ flat(direction)


steepest = unit([rng.standard_normal(w.shape) for w in theta])
for _ in range(20):
    product, _ = curvature(steepest)
    steepest = unit(product)
randoms = [unit([rng.standard_normal(w.shape) for w in theta]) for _ in range(10)]
of_random = np.mean([curvature(v)[1] for v in randoms])
ratio = curvature(steepest)[1] / of_random
print(f"the steepest direction is more than 300 times as curved as a random one: {ratio > 300}")

# %% [markdown]
# **Other minima.** Number the channels of a hidden layer differently, and the next layer's weights
# accordingly: nothing has changed, but it is another point. There are $8! \cdot 16!$ of these, a
# number of 18 digits, for each minimum of this small network. A slice of the neighbourhood shows
# one. Here is the line to another one, and beside it two lines of the same length: in the steepest
# direction, and in a random one.

# %%
order = rng.permutation(16)
permuted = [w.copy() for w in theta]
permuted[2], permuted[3] = theta[2][..., order], theta[3][order]  # the second convolution
permuted[4] = theta[4].reshape(25, 16, 10)[:, order].reshape(400, 10)  # 5 × 5 places

model.set_weights(theta)
between = [b - a for a, b in zip(theta, permuted, strict=True)]
distance = np.linalg.norm(flat(between))
ways = {
    "to the renumbered network": between,
    "steepest direction": [distance * d for d in steepest],
    "random direction": [distance * d for d in randoms[0]],
}
places = np.linspace(-0.2, 1.2, 57)
with style():
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for number, (name, direction) in enumerate(ways.items()):
        curve = inspection.loss_landscape(model, x[:300], labels[:300], [direction], places)
        axes.plot(places, curve, label=name, **line_look(number) | {"marker": ""})
    axes.axvline(0, color=PALE, linewidth=0.8)
    axes.set(xlabel="step, as a multiple of the distance to the renumbered network")
    axes.set(ylabel="loss", ylim=(0, 6))
    axes.set_title("Three lines from the same minimum")
    axes.legend()
plt.close(figure)
figure

# %% [markdown]
# The renumbered network, at 1, is as good as ours, and there is a ridge on the way. The random line
# is what a slice shows; it would let you think that the steepest one does not exist.
#
# ## The same in Keras
#
# A slice needs nothing but a loss and a way to set weights. Here is one of 11 points, computed by
# Keras's own model with the same weights:

# %%
import reference

model.compile(optimizers.SGD(0.05), "sparse_categorical_crossentropy")
model.set_weights(theta)
direction = inspection.random_direction(model, 1)
places = np.linspace(-1, 1, 11)
ours = inspection.loss_landscape(model, x[:300], labels[:300], [direction], places)
in_keras = reference.twin(model)
theirs = []
for place in places:
    in_keras.set_weights(moved(direction, place))
    theirs.append(in_keras.evaluate(x[:300], labels[:300], verbose=0))
error = reference.relative_error(ours, theirs)
print(f"relative error of the slice, in float32, below 1e-5: {error < 1e-5}")

# %% [markdown]
# ## What you know now
#
# - A slice is the loss at $\theta + a\,d + b\,e$. Two directions of thousands are a small sample.
# - With ReLUs, or a batch normalisation, the same function stands at many places of weight space,
#   and is as sharp as one likes there. Normalising directions filter by filter takes this away.
# - A kernel in front of a batch normalisation has a gradient that shrinks as it grows: its length
#   sets its learning rate.
# - The path walked is shown in the plane of its principal directions. That it nearly fits into it
#   proves little: a random walk does, too.
# - Slices hide the few steep directions, and all other minima.
#
# Solutions: `notebooks/solutions/16_loss_landscape.py`. Next: a change of the network that makes
# its landscape another one, and fifty layers trainable.
#
# **Sources.** Li, Xu, Taylor, Studer, Goldstein, *Visualizing the loss landscape of neural nets*
# (2018); Dinh, Pascanu, Bengio, Bengio, *Sharp minima can generalize for deep nets* (2017);
# Goodfellow, Vinyals, Saxe, *Qualitatively characterizing neural network optimization problems*
# (2015); Antognini, Sohl-Dickstein, *PCA of high dimensional random walks with comparison to neural
# network training* (2018); van Laarhoven, *L2 regularization versus batch and weight normalization*
# (2017).
