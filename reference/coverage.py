"""Which of Keras's public names scratchnet has, and how equal they are.

Every name of the namespaces below gets one of three answers:

    equal (largest error, cases)    all comparisons of `reference.cases` are within their bounds
    DIFFERS (…)                     some comparison is not, or there is none
    not built (why)                 the name is not in scratchnet
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from reference.cases import FAMILIES, Case, cases_of
from reference.device import precision, prepare

NAMESPACES = (
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "callbacks",
    "regularizers",
    "constraints",
    "initializers",
    "activations",
)

_SEQUENCES = "recurrent networks are another subject than convolutional ones"
_VOLUMES = "images have two dimensions here"
_TEXT = "for text and tables, not for images"
_SOUND = "for sound, not for images"
_FOREIGN = "wraps a network of another framework"
_INSIDE = "a tool of Keras's own construction"
_MORE_AUGMENTATION = "not among the augmentations of this library yet"

NOT_BUILT = {
    "layers": {
        _SEQUENCES: "Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell "
        "Masking RNN SimpleRNN SimpleRNNCell StackedRNNCells TimeDistributed",
        _VOLUMES: "AdaptiveAveragePooling3D AdaptiveMaxPooling3D AveragePooling3D AvgPool3D Conv3D "
        "Conv3DTranspose Convolution3D Convolution3DTranspose Cropping3D GlobalAveragePooling3D "
        "GlobalAvgPool3D GlobalMaxPool3D GlobalMaxPooling3D MaxPool3D MaxPooling3D "
        "SpatialDropout3D UpSampling3D ZeroPadding3D",
        _TEXT: "CategoryEncoding Discretization HashedCrossing Hashing IntegerLookup StringLookup "
        "TextVectorization ReversibleEmbedding",
        _SOUND: "MelSpectrogram STFTSpectrogram",
        _FOREIGN: "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
        _INSIDE: "InputSpec Wrapper SpectralNormalization",
        _MORE_AUGMENTATION: "AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization "
        "CutMix Equalization MaxNumBoundingBoxes MixUp Pipeline RandAugment "
        "RandomColorDegeneration RandomColorJitter RandomElasticTransform RandomGaussianBlur "
        "RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization "
        "RandomSaturation RandomSharpness RandomShear Solarization",
        "refused on purpose: a function cannot be saved safely; subclass Layer": "Lambda",
    },
    "losses": {"for sequences, not for images": "CTC ctc"},
    "optimizers": {
        "there is one dtype, so no gradient needs scaling": "LossScaleOptimizer",
        "one optimizer trains a model here": "MultiOptimizer OptimizerMap",
        "not built yet": "ScheduleFreeAdamW",
        "Keras 2's, without computation of its own": "legacy",
    },
    "callbacks": {
        "writes with Orbax, a library of JAX": "OrbaxCheckpoint",
        "sends the logs over a network": "RemoteMonitor",
    },
    "initializers": {_SOUND: "STFT STFTInitializer stft"},
}


class Entry(NamedTuple):
    """What is known about one public name.

    Attributes:
        name: with its namespace, "layers.Conv2D".
        cases: how many comparisons there are.
        error: the largest relative error of those bounded by rounding, or of all where Keras
            computes in float32 inside; `inf` where a comparison is beyond its bound.
        bound: the largest bound among them.
        why_not: the reason why the name is not built, or "".
    """

    name: str
    cases: int
    error: float
    bound: float
    why_not: str

    @property
    def state(self) -> str:
        """ "equal", "DIFFERS" or "not built"."""
        if self.why_not:
            return "not built"
        return "equal" if self.cases and math.isfinite(self.error) else "DIFFERS"

    @property
    def inside_in_float32(self) -> bool:
        """Whether Keras computes in float32 where it was asked for float64."""
        return self.bound > 1e-9

    def __str__(self) -> str:
        if self.why_not:
            return f"not built ({self.why_not})"
        if not self.cases:
            return "DIFFERS (never compared)"
        plural = "s" * (self.cases > 1)
        remark = "; Keras computes in float32 inside" if self.inside_in_float32 else ""
        error = f"{self.error:.0e}" if self.error else "exactly"
        return f"{self.state} ({error}, {self.cases} case{plural}{remark})"


def coverage(progress: Callable[[str], object] = lambda family: None) -> list[Entry]:
    """An `Entry` for every public name, after running all comparisons.

    Args:
        progress: told each family before its comparisons run.
    """
    prepare()
    results: dict[str, list[tuple[Case, float]]] = {}
    with precision("float64"):
        for family in FAMILIES:
            progress(family)
            for case in cases_of(family):
                results.setdefault(case.name, []).append((case, case.error()))
    entries = []
    for name in public_names():
        found = results.get(name, [])
        beyond = any(not error <= case.bound for case, error in found)
        error = math.inf if beyond else max((error for _, error in found), default=0.0)
        bound = max((case.bound for case, _ in found), default=0.0)
        entries.append(Entry(name, len(found), error, bound, _reason(name)))
    return entries


def public_names() -> Iterator[str]:
    """Keras's public names, with their namespaces, in order."""
    import keras

    for namespace in NAMESPACES:
        module: Any = keras
        for part in namespace.split("."):
            module = getattr(module, part)
        for name in sorted(n for n in dir(module) if not n.startswith("_")):
            if f"{namespace}.{name}" not in NAMESPACES:
                yield f"{namespace}.{name}"


def markdown(entries: list[Entry]) -> str:
    """The report as a page: a table for each namespace."""
    device = prepare()
    lines = [
        "# What of Keras is here",
        "",
        "Made by `python -m reference coverage`. Each name was compared with Keras's own object in",
        "float64: outputs, every gradient, states and results. The number is the largest relative",
        f"error of all its cases. {device.backend}, keras {device.versions['keras']}.",
        "",
        *summary(entries),
    ]
    for namespace in NAMESPACES:
        own = [e for e in entries if e.name.rpartition(".")[0] == namespace]
        built = sum(not e.why_not for e in own)
        lines += ["", f"## keras.{namespace}: {built} of {len(own)}", "", "| name | |", "|---|---|"]
        lines += [f"| `{e.name.rpartition('.')[2]}` | {e} |" for e in own]
    return "\n".join(lines) + "\n"


def summary(entries: list[Entry]) -> list[str]:
    """The lines of a table with a row for each namespace, and what its last column leaves out."""
    lines = ["| namespace | names equal | comparisons | largest error |", "|---|--:|--:|--:|"]
    for namespace in NAMESPACES:
        own = [e for e in entries if e.name.rpartition(".")[0] == namespace and e.state == "equal"]
        error = max((e.error for e in own if not e.inside_in_float32), default=0.0)
        cases = sum(e.cases for e in own)
        lines.append(f"| {namespace} | {len(own)} | {cases:,} | {error:.0e} |")
    single = [e for e in entries if e.state == "equal" and e.inside_in_float32]
    worst = max((e.error for e in single), default=0.0)
    lines += [
        "",
        f"Without {len(single)} names that Keras computes in float32 inside: {worst:.0e}.",
    ]
    return lines


def _reason(name: str) -> str:
    namespace, _, short = name.rpartition(".")
    for why, names in NOT_BUILT.get(namespace, {}).items():
        if short in names.split():
            return why
    return ""
