# %% [markdown]
# # 20 · Inside the JIT
#
# A loop in Python is slow, and the kernels of this library are nothing but loops in Python. Numba
# translates them into machine code when they are called for the first time: *just in time*. Then
# they are as fast as C, and have C's worries. What type does a number have? May the compiler change
# the order of a sum? And if a loop is shared out among threads, who writes where? You will
#
# - guess what a compiler may do, and how often two threads get along by luck,
# - follow a loop to its machine instructions, and measure a call that is cold, cached, and warm,
# - see why `fastmath` is off in this library,
# - watch a race between threads that makes real sums wrong, and find it without luck,
# - and mend two racing kernels.
#
# You need Python's loops and NumPy; for the second half an idea of what a thread is.

# %%
import dis
import importlib.util
import inspect
import itertools
import math
import re
import tempfile
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numba
import numpy as np
from numba import prange

import scratchnet as sn
from scratchnet.course import check, interact_with_fallback, show_source, start
from scratchnet.course.simultaneous import RaceError, all_at_once
from scratchnet.ops import formulas
from scratchnet.ops.kernels import linear, reductions
from scratchnet.ops.kernels.jit import jit
from scratchnet.visualization import style
from scratchnet.visualization.cells import cell_axes, draw_grid
from scratchnet.visualization.colours import BLUE, DARK, RED

start()

# %% [markdown]
# ## Predict
#
# Here is a loop. It is compiled for an array of float32. **In which type is `total` kept?** Answer
# `"int64"`, `"float32"` or `"float64"`.


# %%
def sum_of_squares(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i]
    return total


my_type = ...
check("20.accumulator", my_type)

# %% [markdown]
# The processor can add eight numbers at once. The compiler would like to keep eight sums side by
# side, of every eighth number each, and to add those up in the end. **Is the result always the
# same as that of the loop, to the last bit?** Answer `"yes"` or `"no"`.

# %%
my_word = ...
check("20.regrouped", my_word)

# %% [markdown]
# Two threads, A and B, both do `total += 1`. For the processor these are three steps: *load* the
# total into a register, *add* 1 there, *store* it. Each thread does its steps in order, but how the
# two interleave is chance: AAABBB, ABABAB, … there are 20 such orders. The total is 0 at first.
# **In how many of the 20 orders is it 2 in the end?**

# %%
my_count = ...
check("20.right_orders", my_count)

# %% [markdown]
# ## From a loop to machine code
#
# `numba.njit` wraps a function. When it is called, it looks at the types of the arguments and
# deduces from them the type of every variable. Then it writes the function down in the language of
# LLVM, a compiler that C and Rust use too, which makes machine code of it. For arguments of other
# types all this is done again: one function, several *specialisations*.

# %%
kernel = numba.njit(sum_of_squares)
for dtype in ("float32", "float64", "int64"):
    kernel(np.ones(4, dtype))
for signature in kernel.nopython_signatures:
    print(f"x: {signature.args[0]!s:25} result: {signature.return_type}")

# %% [markdown]
# `0.0` is a float64 and has made one of the whole sum. This costs time, since every float32 is
# converted. Where that is not wanted, the kernels of scratchnet begin with a zero of the array's
# own type:


# %%
def sum_of_squares(x):
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * x[i]
    return total


x = np.random.default_rng(20).random(10_000, dtype=np.float32)
kernel = numba.njit(sum_of_squares)
kernel(x)
print("result:", kernel.nopython_signatures[0].return_type)
print("instructions of Python's own machine:", len(list(dis.get_instructions(sum_of_squares))))


def instructions(kernel, word):
    """The different kinds of an instruction in what LLVM has made."""
    code = kernel.inspect_llvm(kernel.signatures[0])
    return sorted(
        {" ".join(each.split()) for each in re.findall(rf"\b{word}\b[^%,\n]*(?=%)", code)}
    )


print("additions of floats in LLVM's code:  ", instructions(kernel, "fadd"))

# %% [markdown]
# One addition, `fadd float`: of two numbers, as the loop says. No lists, no objects, no checks.
#
# ## Cold, cached, warm
#
# Compiling takes time. So the machine code is kept in a file, and the next process only loads it.
# The cell below writes the function into a module of its own, with an empty folder as its cache,
# and imports it twice. Before that it compiles something else, so that the start of LLVM itself is
# not counted.

# %%
numba.njit(lambda x: x + 1)(1)


def first_and_second_call(folder):
    """Import the module anew; the seconds of the first call, and the least of many later ones."""
    spec = importlib.util.spec_from_file_location("lesson", folder / "lesson.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    times = []
    for _ in range(1001):
        begin = time.perf_counter()
        module.sum_of_squares(x)
        times.append(time.perf_counter() - begin)
    hits = sum(module.sum_of_squares.stats.cache_hits.values())
    return times[0], min(times[1:]), hits


with tempfile.TemporaryDirectory() as name:
    folder, before = Path(name), numba.config.CACHE_DIR
    source = "import numba\n\n@numba.njit(cache=True)\n" + inspect.getsource(sum_of_squares)
    (folder / "lesson.py").write_text(source)
    numba.config.CACHE_DIR = str(folder / "cache")
    cold, _, hits_of_first = first_and_second_call(folder)
    cached, warm, hits_of_second = first_and_second_call(folder)
    numba.config.CACHE_DIR = before
print("loaded from the cache: first import", hits_of_first, "times, second import", hits_of_second)

begin = time.perf_counter()
sum_of_squares(x)
calls = {
    "Python": time.perf_counter() - begin,
    "cold: compiled now": cold,
    "cached: loaded from a file": cached,
    "warm": warm,
}


def readable(seconds):
    """With one digit: more would be of this one run."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"about {float(f'{seconds / size:.1g}'):g} {unit}"
    return "less than a µs"


with style():
    figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    axes.barh(list(calls), list(calls.values()), left=0, color=BLUE)
    axes.set_xscale("log")
    axes.set_xlim(1e-6, 10)
    for row, seconds in enumerate(calls.values()):
        axes.text(seconds * 1.2, row, readable(seconds), va="center", fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel("seconds, logarithmic")
    axes.set_title("one call with 10,000 numbers, on the machine that ran this notebook")
plt.close(figure)
figure

# %% [markdown]
# Your times are others, and what counts are the orders of magnitude between the bars. A small loop
# compiles in a tenth of a second. The kernels of this library are longer and have parallel loops,
# and take a second or two each. That is why the first training on a machine has to wait for most of
# a minute, why it says so, and why there is a command `scratchnet warmup` that does it ahead.
#
# A file of machine code must never be out of date. Numba looks whether the kernel's own source file
# has changed. scratchnet looks at all the files of its operations, for a kernel also consists of
# what it calls.
#
# ## Why `fastmath` is off
#
# With `fastmath=True` the compiler may treat floats as if they were real numbers: it may change
# brackets, and assume that nothing is ever infinite or NaN.

# %%
fast = numba.njit(fastmath=True)(sum_of_squares)
fast(x)
print("exact rules:", instructions(kernel, "fadd"))
print("fastmath:   ", instructions(fast, "fadd"))

# %% [markdown]
# `<8 x float>` are eight sums side by side, and the loop can be several times as fast. (How many
# stand side by side depends on the processor; here it is the one that ran this notebook.) But every
# addition is rounded, and with $\operatorname{fl}$ for "rounded to the nearest float"
#
# $$
# \operatorname{fl}\big(\operatorname{fl}(a + b) + c\big) \;\ne\;
# \operatorname{fl}\big(a + \operatorname{fl}(b + c)\big)
# $$
#
# in general. Other brackets, another result:

# %%
exact = math.fsum(x.astype(float))
for lanes in (1, 4, 8, 16):
    side_by_side = np.cumsum(x.reshape(-1, lanes), axis=0)[-1]  # one addition after the other
    total = np.cumsum(side_by_side)[-1]
    print(f"{lanes:2} sums side by side: {total:.4f}   wrong by {total - exact:+.4f}")

# %% [markdown]
# More sums are often nearer to the truth: the harm is not in the accuracy. It is that the result
# depends on the width of the registers, and so on the machine. A comparison number by number with
# anything is then over. And the second promise to the compiler is worse:


# %%
def count_nan(x):
    count = 0
    for i in range(x.size):
        if np.isnan(x[i]):
            count += 1
    return count


diverged = np.array([1.0, np.nan, 2.0, np.nan])
print("NaN found with exact rules:", numba.njit(count_nan)(diverged))
print("NaN found with fastmath:   ", numba.njit(fastmath=True)(count_nan)(diverged))

# %% [markdown]
# "There is no NaN", so the test for one was optimised away. A training run that has diverged would
# not be noticed.
#
# The speed can be had honestly: *write* the sums side by side, always the same number of them, and
# the brackets are the same on every machine. This is how scratchnet adds up channels:

# %%
show_source(reductions._sum)

# %% [markdown]
# ## Two threads, one number
#
# With `parallel=True`, the iterations of a loop over `prange` are shared out among threads. Here
# are two of them that add 1 to the same number. Choose an order of their steps:


# %%
def trace(order):
    """The steps of both threads in that order, and the total after each."""
    total, register, texts, totals = 0, {}, [], []
    for number, thread in enumerate(order):
        step = order[:number].count(thread)
        if step == 0:
            register[thread] = total
            texts.append(f"load\n{total}")
        elif step == 1:
            register[thread] += 1
            texts.append(f"add\n→ {register[thread]}")
        else:
            total = register[thread]
            texts.append(f"store\n{total}")
        totals.append(total)
    return texts, totals


def draw_order(order):
    texts, totals = trace(order)
    table = np.full((3, 6), "", object)
    for k, (thread, text) in enumerate(zip(order, texts, strict=True)):
        table["AB".index(thread), k] = text
        table[2, k] = str(totals[k])
    lit = {("AB".index(thread), k) for k, thread in enumerate(order)}
    with style():
        figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
        cell_axes(axes, 7.4, 3.7)
        draw_grid(axes, (1.3, 0.7), table[:2], "#FFFFFF", "step 1 to 6", size=14, lit=lit)
        draw_grid(axes, (1.3, 2.7), table[2:], "#F3F4F6", size=14)
        for row, name in enumerate(["thread A", "thread B", "total"]):
            axes.text(1.15, 1.2 + row, name, ha="right", va="center")
        verdict = "right" if totals[-1] == 2 else "one addition is lost"
        axes.set_title(f"{order}: the total is {totals[-1]}, {verdict}")
    plt.close(figure)
    return figure


orders = [
    "".join("A" if k in places else "B" for k in range(6))
    for places in itertools.combinations(range(6), 3)
]
interact_with_fallback(
    draw_order, fallback=[{"order": "AAABBB"}, {"order": "AABABB"}], order=orders
)

# %%
right = [order for order in orders if trace(order)[1][-1] == 2]
print(f"{len(right)} of {len(orders)} orders are right: {', '.join(right)}")

# %% [markdown]
# ## A race with real sums
#
# A bias $b[f]$ is added in every row of $y : (R, F)$, so its gradient is the sum over the rows:
#
# $$ db[f] \;=\; \sum_{r = 0}^{R - 1} dy[r, f] $$

# %%
show_source(formulas.bias_add_backward)


# %% [markdown]
# As a kernel, with the rows shared out. It looks innocent, and compiles without a warning:


# %%
def over_rows(dy):
    rows, filters = dy.shape
    db = np.zeros(filters)
    for r in prange(rows):
        for f in range(filters):
            db[f] += dy[r, f]
    return db


racy = numba.njit(parallel=True)(over_rows)
dy = np.ones((500_000, 8))  # every sum is half a million
shares = np.array([racy(dy).min() / len(dy) for _ in range(300)])

with style():
    figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
    axes.axhline(1, color=DARK, linewidth=1, label="right")
    wrong = shares < 1
    runs = np.arange(1, 301)
    axes.plot(runs[~wrong], shares[~wrong], ".", color=BLUE, label="a right run")
    axes.plot(runs[wrong], shares[wrong], "x", color=RED, label="a wrong run")
    axes.set(xlabel="run", ylabel="least sum / its true value", ylim=(0, 1.1))
    axes.set_title(f"{wrong.sum()} of 300 runs are wrong, on the machine that ran this notebook")
    axes.legend(loc="lower left", ncols=3)
plt.close(figure)
figure

# %% [markdown]
# The next runs give other numbers, and other machines give others again. How many additions are
# lost depends on whether the threads run at the same moment. On a busy machine they may take turns,
# and on one with a single core nothing may happen at all: then every test passes, and the bug is
# still there. **A race can't be tested by running it.**
#
# ## Find it without luck
#
# What is wrong can be said without any threads: *two iterations write to one number*, or one reads
# what another one writes. `all_at_once` runs a function in plain Python, and lets all iterations of
# a `prange` begin at once. Each finds the memory as it was before the loop and sees no changes but
# its own, and in the end the changes are written one over the other. That is the worst of all
# orders, the same every time:

# %%
small = np.arange(1.0, 13.0).reshape(6, 2)
print("right:           ", small.sum(axis=0))
print("all rows at once:", all_at_once(over_rows, strict=False)(small))

# %% [markdown]
# Of each sum the last row is left. And since it sees who writes what, it can tell:

# %%
try:
    all_at_once(over_rows)(small)
except RaceError as error:
    print("RaceError:", error)

# %% [markdown]
# ## Mend the race
#
# Write the gradient of the bias with a loop over `prange` in which no two iterations write to the
# same number. There are two ways:
#
# - share out the *outputs*: an iteration owns one $db[f]$ and reads all rows;
# - or cut the rows into parts and share out those. Each part has sums of its own, and these are
#   added up after the loop:
#
# $$
# db[f] \;=\; \sum_{g = 0}^{G - 1} \;
# \underbrace{\sum_{r = \lfloor gR/G \rfloor}^{\lfloor (g+1)R/G \rfloor - 1} dy[r, f]}
# _{\text{partial}[g,\, f]}
# $$
#
# The number of rows need not be a multiple of $G$. Write code that Numba can compile: `np.zeros`,
# loops, `prange`.


# %%
def bias_gradient(dy):
    return ...  # your code


check("20.bias_gradient", all_at_once(bias_gradient))

# %% [markdown]
# Once it is right, compile it (`numba.njit(parallel=True)(bias_gradient)`) and run it on the many
# rows from above. Which of the two ways is better? With few filters the first one has work for few
# threads only, and each jumps through memory. scratchnet takes the second, with partial sums that
# are kept in float64:

# %%
show_source(linear.sum_of_rows, linear._sum_rows)

# %% [markdown]
# The number of parts, `CHUNKS`, is 16 and does **not** depend on the number of threads. Otherwise
# the brackets would, and the result would be another one on another machine:

# %%
column = np.random.default_rng(3).standard_normal(100_000).astype(np.float32)


def in_parts(numbers, parts):
    ends = [g * len(numbers) // parts for g in range(parts + 1)]
    partial = [np.cumsum(numbers[a:b])[-1] for a, b in itertools.pairwise(ends)]
    return np.cumsum(partial)[-1]


print("as many parts as threads, for 1, 2, 4, 8, 16 threads:")
print("  ", *(f"{in_parts(column, threads):.4f}" for threads in (1, 2, 4, 8, 16)))

dy = np.random.default_rng(4).standard_normal((100_000, 8)).astype(np.float32)
with_all = linear.bias_add_backward(dy)
sn.config.set_threads(1)
with_one = linear.bias_add_backward(dy)
sn.config.set_threads(None)
print(
    "scratchnet, one thread and all threads, equal to the last bit:",
    np.array_equal(with_all, with_one),
)

# %% [markdown]
# ## Mend another one
#
# A softmax of each row needs room for the exponentials. Here it is made once, which saves memory:


# %%
def softmax_with_a_race(z):
    rows, classes = z.shape
    e = np.empty(classes)
    p = np.empty((rows, classes))
    for r in prange(rows):
        largest = z[r].max()
        for k in range(classes):
            e[k] = np.exp(z[r, k] - largest)
        total = e.sum()
        for k in range(classes):
            p[r, k] = e[k] / total
    return p


try:
    all_at_once(softmax_with_a_race)(small)
except RaceError as error:
    print("RaceError:", error)

# %% [markdown]
# While one thread adds up its exponentials, another one writes its own over them. Mend it.


# %%
def softmax_rows(z):
    return ...  # your code, with a loop over prange


check("20.softmax_rows", all_at_once(softmax_rows))

# %% [markdown]
# ## When a second thread is not worth it
#
# Waking up other threads takes microseconds, and milliseconds if another program has their cores.
# A small array is done by then. So a kernel of scratchnet counts the bytes of its arguments, and
# stays on its own thread where they are few:

# %%
show_source(jit)


# %%
def threads_inside(x, y):
    for i in prange(x.size):
        y[i] = x[i]
    return numba.get_num_threads()


kernel = jit(threads_inside)
for size in (2**8, 2**12, 2**16, 2**20):
    x = np.ones(size, np.float32)
    with warnings.catch_warnings(action="ignore"):  # its code asks for threads: it can't be kept
        used = kernel(x, np.empty_like(x))
    which = "all threads" if used == sn.config.threads() else "one thread"
    print(f"two arrays of {size:8,} numbers, {8 * size // 1024:5,} KiB: {which}")

# %% [markdown]
# (`work` says how long a kernel takes for a byte; a convolution is shared out much earlier.)
#
# ## The same in Keras
#
# The gradient of a bias, as TensorFlow derives it, against the formula, scratchnet's kernel, and
# the racing loop, all iterations at once:

# %%
from reference.device import prepare

prepare()  # deterministic operations

import keras
import tensorflow as tf

rng = np.random.default_rng(20)
layer = keras.layers.Dense(8, dtype="float64")
with tf.GradientTape() as tape:
    y = layer(tf.constant(rng.standard_normal((500, 3))))
dy = rng.standard_normal(y.shape)
theirs = tape.gradient(y, layer.bias.value, output_gradients=tf.constant(dy)).numpy()
for name, ours in {
    "formula": formulas.bias_add_backward(dy),
    "scratchnet's kernel": linear.bias_add_backward(dy),
    "the race": all_at_once(over_rows, strict=False)(dy),
}.items():
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{name:20} error below 1e-13: {error < 1e-13}")

# %% [markdown]
# ## What you know now
#
# - Numba compiles a function once for each combination of types. Cold, a call waits for the
#   compiler; cached, for a file; warm, for nothing. A literal has a type, too.
# - Float additions are rounded, so their order is part of the result. `fastmath` gives it away, and
#   with it the test for NaN. Sums side by side can be written instead.
# - Iterations of a `prange` must not write to the same number, nor share room for their work. Share
#   out the outputs, or give each part sums of its own, and let the number of parts be fixed.
# - A race may hide for ever. Whether two iterations write to one number can be found out without
#   running any threads.
# - Small work stays on one thread.
#
# Solutions: `notebooks/solutions/20_inside_the_jit.py`. This was the last notebook. What remains is
# the library itself: every formula in `scratchnet/ops/formulas` has its kernel of the same name in
# `scratchnet/ops/kernels`.
#
# **Sources.** Lam, Pitrou, Seibert, *Numba: a LLVM-based Python JIT compiler* (2015); Lattner,
# Adve, *LLVM: a compilation framework for lifelong program analysis and transformation* (2004);
# Goldberg, *What every computer scientist should know about floating-point arithmetic* (1991);
# Netzer, Miller, *What are race conditions? Some issues and formalizations* (1992).
