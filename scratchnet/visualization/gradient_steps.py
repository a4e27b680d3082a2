"""The "V" of a gradient check: too large a step is wrong, and too small a step is wrong too.

The central difference (f(x + h) − f(x − h)) / 2h errs by a share of h² for leaving out what comes
after the parabola, and by a share of ε / h for rounding, ε being the dtype's. On logarithmic axes
the error falls with slope −1 and rises with slope 2; best is h ≈ ε^(1/3).

Source: W. Press, S. Teukolsky, W. Vetterling, B. Flannery, "Numerical Recipes", 3rd edition (2007),
section 5.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import DARK, GREY, line_look
from scratchnet.visualization.style import SMALL, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def difference_errors(
    function: Callable[[Any], Any],
    derivative: Callable[[Any], Any],
    x: float,
    steps: Any,
    dtype: str = "float64",
) -> np.ndarray:
    """(K,), for each step h the relative error of the central difference, computed in `dtype`.

    It is divided by the distance between x + h and x − h as they were rounded, not by 2h, so that
    what is left is the error of f and of leaving out the curvature. Where both round to x, the
    error is 1.

    Args:
        function: f of one number.
        derivative: f′, computed in float64.
        x: where.
        steps: (K,) of h, above 0.

    >>> import numpy as np
    >>> errors = difference_errors(np.sin, np.cos, 1.0, [1e-1, 1e-5, 1e-12])
    >>> bool(errors[1] < 1e-9 < 1e-5 < errors[2] < errors[0])
    True
    """
    h, exact = np.asarray(steps, dtype), float(derivative(np.float64(x)))
    at = np.asarray(x, dtype)
    up, down = at + h, at - h
    with np.errstate(divide="ignore", invalid="ignore"):  # x + h may be x
        measured = (np.array([function(v) for v in up]) - [function(v) for v in down]) / (up - down)
    return np.abs(np.nan_to_num(measured.astype(np.float64)) - exact) / (abs(exact) or 1.0)


def gradient_check_v(steps: Any, errors: Mapping[str, Any]) -> Figure:
    """The relative error of a measured derivative over the step h, both logarithmic.

    Args:
        steps: (K,) of h, above 0.
        errors: {name, such as a dtype: (K,) relative errors}; those that are 0 are left out.

    Raises:
        ValueError: shapes that do not fit, or steps that are not above 0.
        ModuleNotFoundError: matplotlib is not installed.
    """
    h = np.asarray(steps, np.float64)
    if h.ndim != 1 or len(h) == 0 or not (h > 0).all():
        raise ValueError(
            f"gradient_check_v received steps of shape {h.shape}. Expected (K,) numbers above 0, "
            f"such as numpy.logspace(-12, 0, 49)."
        )
    curves = {str(name): np.asarray(values, np.float64) for name, values in errors.items()}
    if not curves or any(values.shape != h.shape for values in curves.values()):
        shapes = {name: values.shape for name, values in curves.items()}
        raise ValueError(
            f"gradient_check_v received errors of the shapes {shapes} for {len(h)} steps. Expected "
            f"at least one curve, and in each an error for every step."
        )
    best = {}
    with drawing(7.6, 4.8) as figure:
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        for k, (name, values) in enumerate(curves.items()):
            visible = np.where(values > 0, values, np.nan)
            look = line_look(k)
            axes.plot(h, visible, label=name, **look)
            if np.isfinite(visible).any():
                at = int(np.nanargmin(visible))
                best[name] = h[at]
                axes.plot(
                    h[at],
                    visible[at],
                    marker="o",
                    markersize=11,
                    markerfacecolor="none",
                    markeredgecolor=DARK,
                    markeredgewidth=1.6,
                )
        axes.set_xlabel("step h")
        axes.set_ylabel("relative error")
        axes.grid()
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
        axes.annotate(
            "rounding\n∝ ε / h", (0.02, 0.03), xycoords="axes fraction", fontsize=SMALL, color=GREY
        )
        axes.annotate(
            "curvature\n∝ h²",
            (0.98, 0.03),
            xycoords="axes fraction",
            fontsize=SMALL,
            color=GREY,
            ha="right",
        )
        where = ", ".join(f"h = {step:.0e} in {name}" for name, step in best.items())
        axes.set_title(f"Least error at {where}".replace("e-", "e−") if best else "No error at all")
    return figure
