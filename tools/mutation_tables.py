"""The tables of tools/mutation.py: kill rates with their intervals, and survivors with the reasons to accept them.

A mutant may have several rows, one for each time it was run. "First" is the first one, "now" is the last one: what lies
between them is tests that were added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutants import Mutant
from scipy.stats import binomtest

BEGIN, END = "<!-- tables: written by tools/mutation.py --markdown -->", "<!-- end of tables -->"
OPEN = "not judged yet"
Row = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """A group: the number of its mutants, the size of its sample, and the rows of the mutants that were run."""

    name: str
    mutants: int
    sampled: int
    rows: Mapping[Mutant, list[Row]]


def read_history(path: Path) -> dict[tuple[str, str], list[Row]]:
    """All rows of each mutant, by group and name, in the order in which they were measured."""
    history: dict[tuple[str, str], list[Row]] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            history.setdefault((row["group"], row["mutant"]), []).append(row)
    return history


def table(groups: list[Group]) -> str:
    """The kill rate of each group that was measured, with its interval (Wilson, 95 %)."""
    lines = [
        "| group | mutants | run | killed first | interval | killed now | interval | of these timed out |",
        "|" + "---|" * 8,
    ]
    for group in filter(measured, groups):
        first, last = ([rows[place]["result"] for rows in group.rows.values()] for place in (0, -1))
        run = f"{len(last)}" if len(last) == group.sampled else f"{len(last)} of {group.sampled}"
        cells = [group.name, f"{group.mutants}", run, *_rate(first), *_rate(last), f"{last.count('timed out')}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measured(group: Group) -> bool:
    """Whether any mutant of the group was run."""
    return bool(group.rows)


def _rate(results: list[str]) -> tuple[str, str]:
    killed = sum(result != "survived" for result in results)
    low, high = binomtest(killed, len(results)).proportion_ci(method="wilson")
    return f"{killed} ({killed / len(results):.1%})", f"{100 * low:.1f} to {100 * high:.1f} %"


def survivors(groups: list[Group], reasons: Mapping[str, str]) -> str:
    """Each mutant that no test notices now: where it is, the changed lines, and why it is accepted."""
    lines = ["| place | source | mutant | reason |", "|" + "---|" * 4]
    for group in groups:
        for mutant, rows in sorted(group.rows.items(), key=lambda item: (item[0].path, item[0].line)):
            if rows[-1]["result"] == "survived":
                old, new = changed_lines(rows[-1]["diff"])
                why = reasons.get(mutant.name, OPEN)
                unseen = "no test executes it; " if rows[-1].get("why") == "not executed" else ""
                place = f"{mutant.path.removeprefix('speechbrain_ext/')}:{mutant.line}"
                lines.append(f"| {place} | {_code(old)} | {_code(new)} | {unseen}{why} |")
    return "\n".join(lines)


def changed_lines(diff: str) -> tuple[str, str]:
    """The lines of a diff that are taken away and put in, each as one text."""
    body = diff.split("\n")[2:]
    old, new = (" ".join(line[1:].strip() for line in body if line.startswith(sign)) for sign in "-+")
    return old, new


def _code(text: str) -> str:
    return f"`{text.replace('|', '¦')}`" if text else "removed"


def write_page(page: Path, groups: list[Group], reasons: Mapping[str, str]) -> None:
    """Put the tables between the two comment lines of a page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{page}: expected the lines {BEGIN} and {END}: write them where the tables belong")
    missing = ", ".join(f"`{group.name}`" for group in groups if not measured(group)) or "none"
    parts = [BEGIN, "## Kill rates", table(groups), f"Groups that were not measured: {missing}."]
    parts += ["## Survivors", survivors(groups, reasons), END]
    page.write_text(before + "\n\n".join(parts) + after, encoding="utf-8")
