"""Images a second of whole networks: what `training` and `inference` have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

import scratchnet
from benchmarks.networks.dialect import flops
from benchmarks.networks.run import NETWORKS, Run
from benchmarks.networks.sides import sides
from benchmarks.report import Report
from benchmarks.settings import Settings
from benchmarks.tables import Row, beside, digits, ratios, verdict
from benchmarks.timing import alternate
from benchmarks.workers import started
from scratchnet.visualization import ratio_bars


def measure_rates(
    method: str, batches: Sequence[int], rounds: int, settings: Settings
) -> pd.DataFrame:
    """One row for each network, batch size and side.

    Args:
        method: "fit" or "predict".
        batches: images a step.
        rounds: turns of each side.
        settings: how much to do, and who takes part.
    """
    rows = []
    work = {name: flops(name, scratchnet) * (3 if method == "fit" else 1) for name in NETWORKS}
    with started(sides(settings), settings.threads) as workers:
        for run in settings.chosen(_runs(method, batches, settings)):
            for side, timing in alternate(workers, run, rounds, settings.tell).items():
                gflops = run.images * work[run.network] / timing.median / 1e9
                rows.append(
                    {
                        "case": str(run),
                        "network": run.network,
                        "batch": run.batch,
                        "images": run.images,
                        "side": side,
                        "images_per_second": run.images / timing.median,
                        "seconds": timing.median,
                        "lower": timing.lower,
                        "upper": timing.upper,
                        "rounds": len(timing.rounds),
                        "gflops": gflops,
                        "of_ceiling": gflops * 1e9 / settings.ceiling.flops,
                    }
                )
            settings.tell(f"{run}: measured")
    return pd.DataFrame(rows)


def rates_report(title: str, stem: str, frame: pd.DataFrame, notes: tuple[str, ...]) -> Report:
    """A table and bars of ratios for each batch size."""
    tables, figures, summary = {}, {}, []
    for batch, rows in frame.groupby("batch", sort=False):
        section = f"{title}, batch {batch}"
        tables[section] = beside(rows, ["network"], "images/s", _images_per_second, _ours)
        summary += verdict(section, rows)
        bars = ratios(rows)
        if len(bars):
            figures[f"{stem}-{batch}"] = ratio_bars(
                bars, "network", hue="side", title=f"{section}: their time over scratchnet's"
            )
    return Report(title, summary, tables, figures, notes)


def _runs(method: str, batches: Sequence[int], settings: Settings) -> Iterator[Run]:
    names = settings.pick([*NETWORKS], [*NETWORKS][:2], [*NETWORKS][:1])
    for name in names:
        for batch in batches:
            full = NETWORKS[name].images
            images = max(batch, settings.pick(full, full // 8, batch))
            yield Run(name, method, batch, images)


def _images_per_second(row: Row) -> str:
    rate, lower, upper = (row["images"] / row[name] for name in ("seconds", "upper", "lower"))
    return f"{digits(rate)} [{digits(lower)}–{digits(upper)}]"


def _ours(row: Row) -> dict[str, str]:
    return {"rate": f"{row['gflops']:.0f} GFLOP/s", "of ceiling": f"{row['of_ceiling']:.0%}"}
