"""`python -m tests.mutation [paths...]`: the mutation score of the sources there."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from tests.mutation.campaign import PRELOADED, Results, run
from tests.mutation.mutants import mutants_of
from tests.mutation.report import REASONS, read_reasons, report

SOURCES = [f"scratchnet/{name}" for name in ("ops", "optimizers", "losses", "metrics")]
TESTS = [f"tests/{name}" for name in ("ops", "optimizers", "losses", "metrics", "layers")]
TESTS += ["tests/test_activations.py", "tests/test_coverage.py", "tests/inspection"]
TESTS += ["tests/callbacks/test_monitoring.py", "tests/test_keras_dialect.py"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", default=SOURCES, help="files or folders to mutate")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="files or folders of tests")
    parser.add_argument("--sample", type=int, help="try only so many, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--again", action="store_true", help="try earlier survivors once more")
    parser.add_argument("--known", action="store_true", help="try none, report what is known")
    parser.add_argument("--results", type=Path, default=Path("runs/mutation.jsonl"))
    parser.add_argument("--report", type=Path, help="write the score and the survivors there")
    parser.add_argument("--note", default="", help="a sentence for the head of the report")
    parser.add_argument("--preload", default=PRELOADED, help="modules to import only once")
    arguments = parser.parse_args()
    paths = [str(file) for path in arguments.paths for file in _files(Path(path))]
    everything = [mutant for path in paths for mutant in mutants_of(path)]
    mutants = everything
    if arguments.sample:
        number = min(arguments.sample, len(everything))
        mutants = random.Random(arguments.seed).sample(everything, number)
    results = Results(arguments.results)
    for mutant in mutants:
        if arguments.again and results.outcome(mutant) == "survived":
            results.add(mutant, "")
    if not arguments.known:
        run(mutants, paths, arguments.tests, results, arguments.jobs, arguments.preload)
    reasons = read_reasons(REASONS)
    text = report(mutants, everything, results, reasons, arguments.seed, arguments.note)
    if arguments.report:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(text, encoding="utf-8")
    print(text)


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


if __name__ == "__main__":
    main()
