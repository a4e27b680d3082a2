"""`python -m reference coverage`: which of Keras's names are here, and how equal they are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reference.coverage import coverage, markdown


def main() -> int:
    """Run all comparisons, write the report, and return 1 where something differs."""
    parser = argparse.ArgumentParser(prog="python -m reference", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "coverage", help="compare every public name with Keras's and write the report"
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("docs/coverage.md"),
        metavar="FILE.md",
        help="where the report goes (docs/coverage.md)",
    )
    arguments = parser.parse_args()
    entries = coverage(lambda family: print(f"Comparing {family} …", file=sys.stderr))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(markdown(entries), encoding="utf-8")
    counts = {state: sum(e.state == state for e in entries) for state in ("equal", "not built")}
    differing = [e for e in entries if e.state == "DIFFERS"]
    print(f"{counts['equal']} names equal, {counts['not built']} not built: {arguments.out}")
    for entry in differing:
        print(f"{entry.name}: {entry}")
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
