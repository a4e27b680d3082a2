# %% [markdown]
# # 12 · Gradient checking
#
# A wrong gradient seldom crashes. The loss still falls, only more slowly and not so far, and
# nobody knows why. This notebook is about the test that finds such a bug in a minute. You will
#
# - guess which step measures a slope best,
# - watch the error draw a "V", in float32 and in float64,
# - write a gradient check in a few lines,
# - find and mend a bug that is planted in a backward pass,
# - and see what a kink does to a measurement.
#
# You need the chain rule, and an idea of what a backward pass computes (notebook 03 has one).

# %%
import numpy as np

from scratchnet import inspection, layers, visualization
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.ops import formulas

start()

# %% [markdown]
# ## The idea
#
# A derivative says how much a function changes when its input is moved a little. So move it a
# little, and look. With the *central difference* one goes a step $h$ to both sides:
#
# $$ f'(x) \;\approx\; D_h = \frac{f(x + h) - f(x - h)}{2h} $$
#
# It knows nothing of the mathematics behind $f$, and that is its strength. A backward pass and a
# measurement can't share a mistake.
#
# ## Predict
#
# A small network has 4 inputs, 3 hidden units and 2 outputs, each unit with a bias. You measure
# the gradient of its loss with respect to **every** parameter by central differences. **How many
# forward passes does that take?**

# %%
my_count = ...
check("12.forward_passes", my_count)

# %% [markdown]
# Backpropagation gets all these numbers for about the price of two forward passes. So a measured
# gradient is for testing, not for training.
#
# Now the step. You measure the slope of $\sin$ at $x = 1$ in float64, which has 16 digits.
# **Which of the steps 1e-1, 1e-5, 1e-9, 1e-13 gives the least error?**

# %%
my_step = ...
check("12.best_step", my_step)

# %% [markdown]
# ## Watch
#
# The error of $D_h$ over the step $h$, on logarithmic axes. Choose another function and another
# $x$: the arms of the V move a little, but they stay.

# %%
functions = {  # name: (function, derivative)
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
}
steps = np.logspace(-13, 0, 53)


def draw_v(name, x):
    function, derivative = functions[name]
    errors = {
        dtype: visualization.difference_errors(function, derivative, x, steps, dtype)
        for dtype in ("float32", "float64")
    }
    return visualization.gradient_check_v(steps, errors)


interact_with_fallback(
    draw_v,
    fallback=[{"name": "sin", "x": 1.0}, {"name": "exp", "x": 2.0}],
    name=list(functions),
    x=(0.5, 3.0, 0.5),
)

# %% [markdown]
# Two errors fight each other.
#
# **Curvature**, on the right. Write both values as Taylor series:
#
# $$ f(x \pm h) = f(x) \pm h f'(x) + \tfrac{h^2}{2} f''(x) \pm \tfrac{h^3}{6} f'''(x) + \dots $$
#
# In the difference the even terms cancel, and what is left is
# $D_h - f'(x) \approx \frac{h^2}{6} f'''(x)$. Ten times smaller a step, a hundred times smaller an
# error: a line of slope 2.
#
# **Rounding**, on the left. Each value of $f$ is rounded, by about $\varepsilon |f(x)|$ where
# $\varepsilon$ is $2 \cdot 10^{-16}$ in float64 and $10^{-7}$ in float32. The division by $2h$
# makes it larger, so the error is about $\varepsilon |f(x)| / h$: a line of slope −1.
#
# They are equal near $h \approx \varepsilon^{1/3}$, and there the error is about
# $\varepsilon^{2/3}$. In float64 this is $h \approx 6 \cdot 10^{-6}$ with ten correct digits. In
# float32 it is $h \approx 5 \cdot 10^{-3}$ with four or five. **A gradient check belongs in
# float64**: in float32 it can't tell a small bug from rounding.

# %%
for dtype in ("float32", "float64"):
    epsilon = np.finfo(dtype).eps
    print(f"{dtype}: best step about {np.cbrt(epsilon):.0e}, error about {epsilon ** (2 / 3):.0e}")

# %% [markdown]
# Here is how the picture measures. It divides by the distance of the two numbers *as they were
# rounded*, for $x + h$ is rounded too.

# %%
show_source(visualization.difference_errors)

# %% [markdown]
# ## Write it: one number


# %%
def central_difference(function, x, h):
    return ...  # your code


check("12.central_difference", central_difference)

# %% [markdown]
# ## Write it: an array
#
# For a function $L$ of an array $x$, move one entry at a time:
#
# $$
# g[i] = \frac{L(x + h\,e_i) - L(x - h\,e_i)}{2h}
# $$
#
# where $e_i$ is 1 at the index $i$ and 0 elsewhere. `x` has any shape, `function(x)` is one number,
# and the result has the shape of `x`. Leave `x` as it was.


# %%
def numerical_gradient(function, x, h):
    return ...  # your code


check("12.numerical_gradient", numerical_gradient)

# %% [markdown]
# ## Write it: how wrong?
#
# A difference of 0.001 is much in a gradient of 0.002 and nothing in one of 1000. So compare the
# largest difference with the largest number that occurs in either array:
#
# $$ \text{error} = \frac{\max_i |g[i] - \tilde g[i]|}{\max_i \max(|g[i]|, |\tilde g[i]|)} $$
#
# If both arrays are zero everywhere, the error is 0.


# %%
def relative_error(got, expected):
    return ...  # your code


check("12.relative_error", relative_error)

# %% [markdown]
# ## From an output to one number
#
# A layer has many outputs $y$, and a measurement needs one number. Take a random array $dy$ and
# add up
#
# $$ L(x, w) = \sum_i dy[i] \cdot y[i](x, w). $$
#
# Then $\partial L/\partial y = dy$. A backward pass that is handed this $dy$ must return
# exactly the gradients of $L$. Why random? With $dy = 1$ everywhere some bugs cancel out:
# the gradient of softmax, for instance, is then 0, and so is that of many a wrong softmax.
#
# ## Find the planted bug
#
# A network with one hidden layer, $h = \tanh(z)$ with $z = x w_1 + b_1$, and $y = h w_2 + b_2$.
# One of the lines A to G is wrong.


# %%
def forward(x, w1, b1, w2, b2):
    z = x @ w1 + b1
    h = np.tanh(z)
    return h @ w2 + b2, z, h


def backward(dy, x, z, h, w1, w2):
    dw2 = h.T @ dy  # A
    db2 = dy.sum(axis=0)  # B
    dh = dy @ w2.T  # C
    dz = dh * (1 - z**2)  # D
    dw1 = x.T @ dz  # E
    db1 = dz.sum(axis=0)  # F
    dx = dz @ w1.T  # G
    return {"x": dx, "w1": dw1, "b1": db1, "w2": dw2, "b2": db2}


# %% [markdown]
# Would training have told? Fit it to a wave with gradient descent, and the loss falls:

# %%
rng = np.random.default_rng(12)
shapes = {"x": (40, 1), "w1": (1, 6), "b1": (6,), "w2": (6, 1), "b2": (1,)}
values = {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}
values["x"] = np.linspace(-1, 1, 40)[:, None]
target = np.sin(2 * values["x"])
losses = []
for _ in range(200):
    y, z, h = forward(**values)
    losses.append(((y - target) ** 2).mean())
    gradients = backward(2 * (y - target) / y.size, values["x"], z, h, values["w1"], values["w2"])
    for name in ("w1", "b1", "w2", "b2"):
        values[name] -= 0.1 * gradients[name]
print(f"loss at first {losses[0]:.1f}, after 200 steps {losses[-1]:.2f}")

# %% [markdown]
# Nothing looks wrong: without the bug it ends at 0.02 too. (Fit the steeper $\sin(3x)$ for 300
# steps, and the bug makes the weights overflow. By then one suspects the learning rate.)
#
# Now the check: each array in turn is moved entry by entry.

# %%
shapes = {"x": (5, 4), "w1": (4, 3), "b1": (3,), "w2": (3, 2), "b2": (2,)}
values = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
y, z, h = forward(**values)
dy = rng.standard_normal(y.shape)
got = backward(dy, values["x"], z, h, values["w1"], values["w2"])


def measured(name, step=1e-5):
    gradient = np.zeros(shapes[name])
    for index in np.ndindex(shapes[name]):
        up, down = values[name].copy(), values[name].copy()
        up[index] += step
        down[index] -= step
        difference = forward(**values | {name: up})[0] - forward(**values | {name: down})[0]
        gradient[index] = (dy * difference).sum() / (2 * step)
    return gradient


for name in shapes:
    expected = measured(name)
    largest = max(np.abs(got[name]).max(), np.abs(expected).max())
    error = np.abs(got[name] - expected).max() / largest
    print(f"d{name:3} {'right' if error < 1e-7 else f'WRONG by {error:.0%} of the largest'}")

# %% [markdown]
# Read the table from the output back to the input: what is the first thing that went wrong?
# **Which line is it?** Answer with its letter, such as `"A"`.

# %%
my_line = ...
check("12.culprit", my_line)

# %% [markdown]
# Mend it: write that step with the arrays `dh` and `z`. The slope of $\tanh$ is
# $\tanh'(z) = 1 - \tanh(z)^2$.


# %%
def repaired(dh, z):
    return ...  # your code


check("12.repaired", repaired)

# %% [markdown]
# And ours, which is handed the result $y = \tanh(x)$ instead of computing it a second time:

# %%
show_source(formulas.tanh, formulas.tanh_backward)

# %% [markdown]
# ## A kink
#
# $\mathrm{relu}(x) = \max(x, 0)$ has slope 0 on the left and 1 on the right of 0. Every library
# has to choose something at 0 itself (scratchnet and Keras choose 0). **What does the central
# difference say at $x = 0$?**

# %%
my_slope = ...
check("12.at_the_kink", my_slope)

# %% [markdown]
# Neither 0 nor 1 agrees with that, and no bug is there. The same happens *near* a kink, wherever it
# lies between $x - h$ and $x + h$. Move $x$ and $h$: the orange line is what is measured.

# %%
import matplotlib.pyplot as plt

from scratchnet.visualization import colours, style


def draw_kink(x, h):
    low, high = max(x - h, 0), max(x + h, 0)
    slope, truth = (high - low) / (2 * h), float(x > 0)
    with style():
        figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
        line = np.array([-1.5, 0, 1.5])
        axes.plot(line, np.maximum(line, 0), color=colours.BLUE, label="relu")
        axes.plot([x - h, x + h], [low, high], "o-", color=colours.ORANGE, label="measured")
        axes.axvline(x, color=colours.DARK, linewidth=0.8, linestyle=":")
        axes.set(xlabel="x", ylim=(-0.3, 1.6))
        axes.set_title(f"at x = {x:.1f}, h = {h:.1f}: measured {slope:.2f}, gradient {truth:.0f}")
        axes.legend(loc="upper left")
    plt.close(figure)
    return figure


interact_with_fallback(
    draw_kink,
    fallback=[{"x": 0.2, "h": 0.5}, {"x": 0.2, "h": 0.1}],
    x=(-0.8, 0.8, 0.1),
    h=(0.1, 0.6, 0.1),
)

# %% [markdown]
# The remedy is in the picture: a smaller step no longer reaches the kink. A real bug does not
# care about the step. So scratchnet's own check believes a disagreement only when several steps
# see it, and tells you how many entries lie on a kink itself:

# %%
layer = layers.Dense(3, activation="relu", dtype="float64")
print(inspection.check_gradients(layer, rng.standard_normal((5, 4))))
print()
print(inspection.check_gradients(layers.ReLU(dtype="float64"), np.array([[0.0, 1.0, -2.0, 3.0]])))

# %% [markdown]
# Dropout needs one more thought. A measurement compares two forward passes, and a random mask
# must be the same in both. `check_gradients` winds the random state back before each:

# %%
print(inspection.check_gradients(layers.Dropout(0.5, dtype="float64"), np.ones((4, 5))))

# %% [markdown]
# A layer of your own is checked in the same line. Here is one whose author averaged over the
# samples, though the loss has done that already:


# %%
class Suspicious(layers.Dense):
    def multiply_backward(self, dy, x, kernel, needs_dx):
        return dy @ kernel.T, x.T @ dy / len(x)


print(inspection.check_gradients(Suspicious(2, dtype="float64"), np.eye(3)))

# %% [markdown]
# ## The same in Keras
#
# Three ways to one gradient: Keras's (TensorFlow derives it), ours (by hand), and a measurement
# that moves the weights of **Keras's** layer. The first two agree nearly to the last digit. The
# measurement agrees with both as far as the V allows.

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

x, w = rng.standard_normal((6, 4)), rng.standard_normal((4, 3))
dy = rng.standard_normal((6, 3))
theirs = keras.layers.Dense(3, activation="tanh", use_bias=False, dtype="float64")
theirs.build(x.shape)
theirs.set_weights([w])
with tf.GradientTape() as tape:
    y = theirs(tf.constant(x))
from_keras = tape.gradient(y, theirs.kernel.value, output_gradients=tf.constant(dy)).numpy()

ours = layers.Dense(3, activation="tanh", use_bias=False, dtype="float64")
ours.build(x.shape)
ours.set_weights([w])
_, saved = ours.forward(x, training=True)
_, (by_hand,) = ours.backward(dy, saved)


def loss_in_keras(kernel):
    theirs.set_weights([kernel])
    return float((dy * theirs(x).numpy()).sum())


by_measuring = np.zeros_like(w)
for index in np.ndindex(w.shape):
    step = np.zeros_like(w)
    step[index] = 1e-5
    by_measuring[index] = (loss_in_keras(w + step) - loss_in_keras(w - step)) / 2e-5

size = np.abs(from_keras).max()
print(
    "by hand against Keras:   error below 1e-14:", np.abs(by_hand - from_keras).max() / size < 1e-14
)
print(
    "measured against Keras:  error below 1e-8: ",
    np.abs(by_measuring - from_keras).max() / size < 1e-8,
)

# %% [markdown]
# ## What you know now
#
# - A gradient check compares the backward pass with $(f(x + h) - f(x - h)) / 2h$, entry by entry,
#   for $L = \sum dy \cdot y$ with a random $dy$.
# - The error falls with $h^2$ until rounding takes over with $\varepsilon / h$. Best is
#   $h \approx \varepsilon^{1/3}$, and the check runs in float64.
# - Which gradients are right and which are wrong tells where the bug is: look at the last step
#   that the wrong ones have in common.
# - At a kink nothing is decided. A smaller step tells a kink nearby from a bug.
#
# Solutions: `notebooks/solutions/12_gradient_checking.py`. Next: with gradients that you can
# trust, notebook 13 trains a whole network.
#
# **Sources.** Press, Teukolsky, Vetterling, Flannery, *Numerical Recipes*, 3rd edition (2007),
# section 5.7; Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 11.5; Baydin,
# Pearlmutter, Radul, Siskind, *Automatic differentiation in machine learning: a survey* (2018),
# section 2.1.
