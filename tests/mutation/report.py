"""The mutation score in Markdown: by package, with every survivor and the reason for it."""

from __future__ import annotations

import platform
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from math import sqrt
from pathlib import Path

from tests.mutation.campaign import Results
from tests.mutation.compiled import TESTS
from tests.mutation.mutants import Mutant

REASONS = Path(__file__).with_name("survivors.toml")
_LIBRARIES = ("numpy", "numba", "keras", "tensorflow", "hypothesis", "pytest")


@dataclass
class Reason:
    """Why mutants may survive: all those of `changes` in `line` of `function` of `file`.

    "*" stands for any line, change or function. `kind` is "equivalent" where no caller could tell
    the mutant from the original by its results, and "accepted" where a test could, but need not.
    """

    file: str
    reason: str
    changes: list[str]
    line: str = "*"
    function: str = "*"
    kind: str = "equivalent"
    met: int = 0

    def holds_for(self, mutant: Mutant) -> bool:
        return (
            self.file == mutant.path
            and self.line in ("*", mutant.where)
            and self.function in ("*", mutant.function)
            and ("*" in self.changes or mutant.change in self.changes)
        )


def read_reasons(path: Path) -> list[Reason]:
    """The reasons of a TOML file, tables called `survivors`."""
    if not path.exists():
        return []
    return [Reason(**entry) for entry in tomllib.loads(path.read_text("utf-8"))["survivors"]]


def interval(killed: int, tried: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share: at home near 100 %, where ±1.96·√(p(1−p)/n) is not."""
    share, spread = killed / tried, z * z / tried
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / tried + spread / (4 * tried))
    return middle - half, middle + half


def report(
    mutants: Sequence[Mutant],
    everything: Sequence[Mutant],
    results: Results,
    reasons: list[Reason],
    seed: int = 0,
    note: str = "",
) -> str:
    """The report on these mutants, which are all of `everything` or a sample drawn by `seed`."""
    survivors: list[tuple[Mutant, Reason | None]] = []
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant in mutants:
        outcome = results.outcome(mutant) or "not tried"
        if outcome == "survived":
            reason = next((each for each in reasons if each.holds_for(mutant)), None)
            survivors.append((mutant, reason))
            if reason:
                reason.met += 1
                outcome = reason.kind
        for row in (_package(mutant), "all"):
            rows[row][outcome] += 1
    of_each = Counter(map(_package, everything)) + Counter({"all": len(everything)})
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    tried = sum(results.outcome(mutant) != "" for mutant in mutants)
    drawn = "that is all" if tried == len(everything) else f"drawn with seed {seed}, "
    lines = [
        "# Do the tests notice mistakes?",
        "",
        "Made by `python -m tests.mutation`. It plants one small mistake at a time in the sources,",
        "and runs the tests that meet that line, uncompiled: a test that fails kills the mutant.",
        "In a few files most of what is written runs compiled only; mutants of these that survived",
        f"so were tried once more, compiled, against fewer tests: {_names(TESTS)}.",
        "Those that no test notices are listed below, with the reason where one is known:",
        "*equivalent* ones change no result that a caller can see, *accepted* ones could be told",
        "from the original by a test that is not worth its while. Timed out, a test that does not",
        "end, counts as killed. What the run did not decide does not.",
        "",
        *([note, ""] if note else []),
        f"{date.today()}; Python {platform.python_version()}, {versions}.",
        f"Tried: {tried} of {len(everything)} mutants, {drawn}"
        f"{'' if tried == len(everything) else 'so scores come with their 95 % intervals'}.",
        *_of_compiled(mutants, results),
        "",
        "| package | mutants | tried | killed | timed out | equivalent | accepted | unexplained "
        "| undecided | score | without equivalents |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    in_order = sorted(rows, key=lambda name: (name == "all", name))
    lines += [_row(name, of_each[name], rows[name]) for name in in_order]
    lines += ["", "## Survivors", "", *_survivors(survivors)]
    unused = [each for each in reasons if not each.met]
    if unused and len(mutants) == len(everything):
        lines += [
            "",
            "## Stale reasons",
            "",
            "Entries of `survivors.toml` that no survivor needs any more:",
            "",
        ]
        lines += [f"- {each.file}: {each.function}: {_code(each.line)}" for each in unused]
    return "\n".join(lines) + "\n"


def _names(paths: Iterable[str]) -> str:
    return ", ".join(f"`{Path(path).name}`" for path in sorted(paths))


def _of_compiled(mutants: Sequence[Mutant], results: Results) -> list[str]:
    """A sentence on those that were judged compiled, if there are any."""
    outcomes = [results.outcome(mutant) for mutant in mutants if results.compiled(mutant)]
    if not outcomes:
        return []
    killed = sum(outcome in ("killed", "timed out") for outcome in outcomes)
    return [f"Judged compiled: {len(outcomes)} of these, {killed} killed."]


def _row(name: str, total: int, counts: Counter[str]) -> str:
    killed, errors = counts["killed"] + counts["timed out"], counts["error"] + counts["unsure"]
    tried = sum(counts.values()) - counts["not tried"]
    cells = [name, total, tried, counts["killed"], counts["timed out"]]
    cells += [counts["equivalent"], counts["accepted"], counts["survived"], errors]
    for share in (tried, tried - counts["equivalent"]):
        cells.append(_score(killed, share, tried == total))
    return "| " + " | ".join(map(str, cells)) + " |"


def _score(killed: int, tried: int, all_tried: bool) -> str:
    if not tried:
        return "—"
    text = f"{killed / tried:.1%}"
    if not all_tried:
        low, high = interval(killed, tried)
        text += f" ({low:.1%} to {high:.1%})"
    return text


def _survivors(survivors: Iterable[tuple[Mutant, Reason | None]]) -> list[str]:
    by_file: dict[str, list[tuple[Mutant, Reason | None]]] = defaultdict(list)
    for mutant, reason in survivors:
        by_file[mutant.path].append((mutant, reason))
    lines = []
    for path in sorted(by_file):
        lines += [f"### `{path}`", "", "| line | change | kind | reason |", "|--:|---|---|---|"]
        for mutant, reason in sorted(by_file[path], key=lambda pair: pair[0].number):
            kind, why = (reason.kind, reason.reason) if reason else ("**unexplained**", "")
            place = f"{mutant.line} {_code(mutant.function)}" if mutant.function else mutant.line
            lines.append(f"| {place} | {_code(mutant.change)} | {kind} | {why} |")
        lines.append("")
    return lines[:-1]


def _package(mutant: Mutant) -> str:
    parts = Path(mutant.path).parent.parts
    return "/".join(parts[1:]) or "."


def _code(text: str, longest: int = 120) -> str:
    text = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return f"`{text if len(text) <= longest else text[: longest - 1] + '…'}`"
