"""Peak memory of training, each side in fresh processes, and the scratch of our convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from benchmarks.fresh import figures
from benchmarks.networks import sides
from benchmarks.networks.run import NETWORKS, Run
from benchmarks.report import Report
from benchmarks.scratch import scratch
from benchmarks.settings import Settings
from benchmarks.tables import US, digits, geometric_mean, others
from benchmarks.workers import SideError

HELP = "peak memory of a training step, and the scratch of the kernels"
MIB = 2**20
STEP, SCRATCH = "step", "scratch"
_NOTES = (
    "Peak: the most resident memory of a process that imports the library, makes the network and "
    "one batch, and trains three steps. Import: what was resident after the import.",
    '"vs" another side: its peak over scratchnet\'s. Above 1 scratchnet takes less.',
    "Scratch, counted by tracemalloc while the kernels run uncompiled: what one thread allocates "
    "in a kernel, and what the whole call takes beside its arguments and its result, one thread's "
    "scratch included.",
    "Compiled code was on disk.",
)


def measure(settings: Settings) -> pd.DataFrame:
    """One row for each network, batch and side; then one for each convolution and pass."""
    rows: list[dict[str, object]] = []
    taking_part = settings.taking_part(sides.SIDES)
    for run in settings.chosen(_runs(settings)):
        for side in taking_part:
            try:
                if side.name == US:  # compiles what is not on disk, which takes memory too
                    figures(side, run, settings.threads, 0)
                found = figures(side, run, settings.threads, 2)
            except SideError as failure:
                settings.tell(f"{side.name} is left out: {str(failure).splitlines()[-1]}")
                continue
            rows.append(
                {
                    "what": STEP,
                    "case": f"{run.network}, batch {run.batch}",
                    "network": run.network,
                    "batch": run.batch,
                    "side": side.name,
                    "baseline": found.baseline,
                    "peak": found.peak,
                }
            )
        settings.tell(f"{run}: measured")
    for shape in _convolutions(settings):
        n, height, width, channels, filters, size = shape
        for which, (thread, call) in scratch(shape).items():
            rows.append(
                {
                    "what": SCRATCH,
                    "case": f"{height},{width},{channels}→{filters} {size}×{size}",
                    "batch": n,
                    "side": US,
                    "pass": which,
                    "thread": thread,
                    "peak": call,
                }
            )
        settings.tell(f"scratch of {rows[-1]['case']}, batch {n}: counted")
    return pd.DataFrame(rows)


def report(frame: pd.DataFrame, settings: Settings) -> Report:
    """A table of peaks and one of scratch."""
    tables, summary = {}, []
    steps, scratches = (frame[frame["what"] == what] for what in (STEP, SCRATCH))
    if len(steps):
        tables["A training step"] = _peaks(steps)
        summary += [_verdict(steps, side) for side in others(steps)]
    if len(scratches):
        tables["Scratch of a convolution"] = _scratch_table(scratches)
        worst = scratches.sort_values("thread").to_dict("records")[-1]
        summary.append(
            f"Scratch of one thread in a convolution: at most {digits(worst['thread'] / MIB)} MiB "
            f"({worst['pass']} of {worst['case']}, batch {worst['batch']})."
        )
    return Report("Memory", summary, tables, {}, _NOTES)


def _peaks(steps: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for _, rows in steps.groupby("case", sort=False):
        line = {"network": rows["network"].iloc[0], "batch": str(rows["batch"].iloc[0])}
        peaks = dict(zip(rows["side"], rows["peak"], strict=True))
        for side, peak, baseline in zip(
            rows["side"], peaks.values(), rows["baseline"], strict=True
        ):
            line[f"{side}, MiB"] = digits(peak / MIB)
            line[f"{side} import, MiB"] = digits(baseline / MIB)
        for side, peak in peaks.items():
            if side != US and US in peaks:
                line[f"vs {side}"] = f"{peak / peaks[US]:.2f}"
        lines.append(line)
    return pd.DataFrame(lines).fillna("–")


def _verdict(steps: pd.DataFrame, side: str) -> str:
    peaks = steps.pivot(index="case", columns="side", values="peak")
    if US not in peaks:
        return f"Peak memory: nothing to compare with {side}."
    ratio = (peaks[side] / peaks[US]).dropna()
    if ratio.empty:
        return f"Peak memory: nothing to compare with {side}."
    lost = int((ratio < 1).sum())
    return (
        f"Peak memory, {side}: {geometric_mean(ratio.tolist()):.2f} times scratchnet's (geometric "
        f"mean of {len(ratio)}); least {ratio.min():.2f} ({ratio.idxmin()}). "
        + (f"**scratchnet takes more in {lost} of {len(ratio)}.**" if lost else "Never less.")
    )


def _scratch_table(scratches: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for (case, _), rows in scratches.groupby(["case", "batch"], sort=False):
        line = {"H,W,C→F": str(case)}
        line["batch"] = str(rows["batch"].iloc[0])
        for row in rows.to_dict("records"):
            line[f"{row['pass']}, thread, MiB"] = digits(row["thread"] / MIB)
            line[f"{row['pass']}, call, MiB"] = digits(row["peak"] / MIB)
        lines.append(line)
    return pd.DataFrame(lines)


def _runs(settings: Settings) -> Iterator[Run]:
    names = settings.pick([*NETWORKS], [*NETWORKS][:2], [*NETWORKS][:1])
    for name in names:
        for batch in settings.pick((32, 256), (32,), (2,)):
            yield Run(name, "fit", batch, batch)


def _convolutions(settings: Settings) -> Sequence[tuple[int, ...]]:
    """(N, H, W, C, F, size); each with two batches, for the scratch shall not depend on them."""
    full: list[tuple[int, ...]] = [
        (n, *shape)
        for shape in (
            (28, 28, 1, 32, 3),
            (14, 14, 32, 64, 3),
            (28, 28, 64, 64, 3),
            (28, 28, 128, 128, 3),
            (14, 14, 256, 256, 3),
            (7, 7, 512, 512, 3),
            (28, 28, 64, 256, 1),
        )
        for n in (1, 4)
    ]
    return settings.pick(full, full[2:4], [(1, 4, 4, 2, 4, 3)])
