"""Products of an array and a kernel that an equation describes, axis by axis.

    "abc,cd->abd"     y[a, b, d] = Σ_c x[a, b, c] · w[c, d]

A letter is an axis; letters that the right side leaves out are summed over. The gradients are
equations too, with dy in the place of what they are the gradient of:

    ∂L/∂x[a, b, c] = Σ_d dy[a, b, d] · w[c, d]        "abd,cd->abc"
    ∂L/∂w[c, d] = Σ_{a,b} x[a, b, c] · dy[a, b, d]    "abc,abd->cd"

Source: Einstein's summation convention as in numpy.einsum; keras/src/layers/core/einsum_dense.py.
"""

from __future__ import annotations

import string

import numpy as np
from jaxtyping import Shaped

Array = Shaped[np.ndarray, "..."]


def einsum(x: Array, kernel: Array, equation: str) -> Array:
    """y by the equation "x,kernel->y"; "..." in it stands for further axes of x and y."""
    letters_x, letters_w, letters_y = spelled_out(equation, x.ndim)
    return np.einsum(f"{letters_x},{letters_w}->{letters_y}", x, kernel, optimize=True)


def einsum_backward(dy: Array, x: Array, kernel: Array, equation: str) -> tuple[Array, Array]:
    """(∂L/∂x, ∂L/∂w) from dy = ∂L/∂y.

    Every letter of the kernel stands in x or in y, and no letter twice in one term.
    """
    letters_x, letters_w, letters_y = spelled_out(equation, x.ndim)
    dkernel = np.einsum(f"{letters_x},{letters_y}->{letters_w}", x, dy, optimize=True)
    # An axis that x alone has was summed up: each of its cells gets the same gradient
    shared = "".join(letter for letter in letters_x if letter in letters_y + letters_w)
    dx = np.einsum(f"{letters_y},{letters_w}->{shared}", dy, kernel, optimize=True)
    if shared != letters_x:
        alone = [i for i, letter in enumerate(letters_x) if letter not in shared]
        dx = np.ascontiguousarray(np.broadcast_to(np.expand_dims(dx, alone), x.shape))
    return dx, dkernel


def spelled_out(equation: str, rank: int) -> tuple[str, str, str]:
    """The letters of x, kernel and y, with "..." replaced by letters for an x of this rank.

    >>> spelled_out("...x,xy->...y", 3)
    ('abx', 'xy', 'aby')
    """
    inputs, y = equation.replace("...", ".").split("->")
    x, kernel = inputs.split(",")
    unused = [letter for letter in string.ascii_letters if letter not in equation]
    further = "".join(unused[: rank - len(x.replace(".", ""))])
    return x.replace(".", further), kernel, y.replace(".", further)
