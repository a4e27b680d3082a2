"""`python -m benchmarks COMMAND`: measure, print, and leave tables and figures in a folder."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

# Each is a module of this package with `HELP`, `measure(settings)` -> a frame with one row for each
# measurement, and `report(frame, settings)` -> a Report.
COMMANDS = ("layers", "training", "inference", "scaling", "memory", "latency", "peers")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command or all of them."""
    arguments = _parser().parse_args(argv)
    console = Console()
    if not console.is_terminal:
        console.width = 160  # of a file nobody knows the width
    for name in COMMANDS if arguments.command == "all" else (arguments.command,):
        if arguments.resume and (arguments.out / f"{name}.csv").exists():
            console.print(f"{name}: {arguments.out / f'{name}.csv'} is there already.")
            continue
        run(name, arguments, console)
    return 0


def run(name: str, arguments: argparse.Namespace, console: Console) -> None:
    """Measure one sub-command, print its report and write its files."""
    from benchmarks import ceiling, machine
    from benchmarks.report import show, write, write_index
    from benchmarks.settings import Settings

    busy = machine.others_busy()
    if busy > machine.BUSY:
        console.print(
            f"Other programs keep {busy:.1f} cores busy: these figures are not to be trusted."
        )
    command = importlib.import_module(f"benchmarks.{name}")
    settings = Settings(
        threads=arguments.threads,
        effort="quick" if arguments.quick else "full",
        ceiling=ceiling.measure_ceiling(arguments.threads),
        only=arguments.only,
        sides=arguments.sides,
        tell=lambda text: console.print(text, highlight=False, markup=False),
    )
    description = machine.describe(arguments.threads) | {
        "ceiling": str(settings.ceiling),
        "other load before": f"{busy:.1f} cores",
    }
    for what, value in description.items():
        console.print(f"{what + ':':19}{value}", highlight=False)
    began = time.monotonic()
    frame = command.measure(settings)
    description["duration"] = f"{(time.monotonic() - began) / 60:.1f} minutes"
    report = command.report(frame, settings)
    show(report, console)
    paths = write(name, frame, report, description, arguments.out)
    for path in [*paths, write_index(arguments.out)]:
        console.print(f"Saved {path}", soft_wrap=True, highlight=False)


def _parser() -> argparse.ArgumentParser:
    from benchmarks.workers import available_threads

    top = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--quick", action="store_true", help="few cases, few rounds: to see that it works"
    )
    common.add_argument(
        "--out",
        type=Path,
        default=Path("docs/benchmarks"),
        metavar="FOLDER",
        help="where tables and figures go (docs/benchmarks)",
    )
    common.add_argument(
        "--threads",
        type=int,
        default=available_threads(),
        metavar="N",
        help="of each side (all cores)",
    )
    common.add_argument(
        "--only", default="", metavar="REGEX", help="leave out cases that this is not found in"
    )
    common.add_argument(
        "--sides", default="", metavar="REGEX", help="leave out sides that this is not found in"
    )
    common.add_argument(
        "--resume", action="store_true", help="leave out what has its CSV in the folder already"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        text = importlib.import_module(f"benchmarks.{name}").HELP
        commands.add_parser(name, parents=[common], help=text, description=text)
    commands.add_parser("all", parents=[common], help="all of these, one after the other")
    return top


if __name__ == "__main__":
    sys.exit(main())
