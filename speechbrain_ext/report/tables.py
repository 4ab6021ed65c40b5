"""A paper's table beside ours: the numbers of every row, and what keeps them from being compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from speechbrain_ext.report.cards import (
    comparison_card,
    differences,
    is_speaker_dependent,
    paper_card,
    paper_mark,
    protocol_name,
    selection_name,
)
from speechbrain_ext.report.paper_notes import paper_notes
from speechbrain_ext.report.results import development_uar, make_summary
from speechbrain_ext.report.text import optimism, percent
from speechbrain_ext.tables import Table, TableRow

SCORES = ("wa", "uar")
EXPLANATION = (
    "Scores are per cent. WA: share of utterances recognised. UAR (the papers' UA): mean over the classes of their "
    "recall. Ours is the mean over folds, as the papers' numbers are; square brackets: 95 % interval of the score "
    "pooled over folds, bootstrap over speakers."
)
SEEDS = "Several seeds: mean ± standard deviation over seeds {seeds}; the ends of the intervals are means over seeds."
COSTS = (
    "Training time is of all folds, each row as if it were trained alone; peak memory is the training process's. "
    "Both depend on the machine."
)


@dataclass(frozen=True)
class Line:
    """A row of a table with our numbers; scores are fractions, keys are "wa" and "uar".

    Attributes
    ----------
    name : str
    paper : dict
        The paper's number, or None.
    mark : str
        What the paper's number is where it is not comparable, such as "paper, other edition"; "" where it is.
    ours, interval : dict
        Mean over folds (and seeds); 95 % interval of the pooled score.
    spread : dict or None
        Standard deviation over seeds.
    difference : dict
        Ours minus the paper's, or None.
    """

    name: str
    paper: dict[str, float | None]
    mark: str
    ours: dict[str, float]
    spread: dict[str, float] | None
    interval: dict[str, tuple[float, float]]
    difference: dict[str, float | None]
    seeds: tuple[int, ...]
    parameters: int
    train_seconds: float
    peak_memory_mib: float | None


@dataclass(frozen=True)
class FilledTable:
    """What is printed: lines, the reasons against comparing them, and remarks."""

    title: str
    source: str
    is_mini: bool
    lines: tuple[Line, ...]
    not_comparable: tuple[str, ...]
    notes: tuple[str, ...]


def fill(table: Table, results: Sequence[Sequence[dict[str, Any]]]) -> FilledTable:
    """Put our results into a paper's table.

    Arguments
    ---------
    table : Table
    results : sequence of sequences of dict
        Per row of the table the results.json of every seed.

    Returns
    -------
    FilledTable
    """
    lines = [_line(row, list(seeds)) for row, seeds in zip(table.rows, results, strict=True)]
    first = results[0][0]
    reasons = []
    reference = comparison_card(first)
    for row, seeds in zip(table.rows[1:], results[1:], strict=True):
        found = differences(reference, comparison_card(seeds[0]))
        if found:
            reasons.append(f"not comparable: {table.rows[0].name} against {row.name}: {'; '.join(found)}")
    number = f"Table {table.number}" if table.number.isdigit() else table.number
    is_mini = any(one["source"] == "mini" for seeds in results for one in seeds)
    return FilledTable(
        title=table.title,
        source=f"{number} of {table.paper}",
        is_mini=is_mini,
        lines=tuple(lines),
        not_comparable=tuple(reasons + _against_paper(table, lines, results)),
        notes=(*_notes(results), *_development(lines, results), *paper_notes(table)),
    )


def _line(row: TableRow, seeds: list[dict[str, Any]]) -> Line:
    summary = make_summary(seeds)
    paper = dict(zip(SCORES, (row.paper_wa, row.paper_uar), strict=True))
    has_number = any(value is not None for value in paper.values())
    # The file's own numbers and protocol, so that a corrected file needs no new scoring.
    mark = paper_mark({**seeds[0], "paper": {"protocol": row.protocol}}) if has_number else ""
    ours = {score: summary["mean"][score]["mean"] for score in SCORES}
    memory = [fold["peak_memory_mib"] for one in seeds for fold in one["folds"] if fold.get("peak_memory_mib")]
    return Line(
        name=row.name,
        paper=paper,
        mark=mark,
        ours=ours,
        spread={score: summary["mean"][score]["std"] for score in SCORES} if len(seeds) > 1 else None,
        interval={score: _interval(seeds, f"{score}_ci95") for score in SCORES},
        difference={score: None if mark or paper[score] is None else ours[score] - paper[score] for score in SCORES},
        seeds=tuple(summary["seeds"]),
        parameters=seeds[0]["parameters"],
        train_seconds=float(np.mean([sum(fold["train_seconds"] for fold in one["folds"]) for one in seeds])),
        peak_memory_mib=max(memory, default=None),
    )


def _interval(seeds: list[dict[str, Any]], key: str) -> tuple[float, float]:
    low, high = np.mean([one["pooled"][key] for one in seeds], axis=0)
    return float(low), float(high)


def _against_paper(table: Table, lines: list[Line], results: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    """Say once for each mark how our card differs from the paper's, which is why no difference is computed."""
    told = {}
    for row, line, seeds in zip(table.rows, lines, results, strict=True):
        if line.mark and line.mark not in told:
            found = differences(comparison_card(seeds[0], with_hash=False), paper_card(row.protocol))
            told[line.mark] = f"not comparable: † {line.mark}: ours against the paper's: {'; '.join(found)}"
    return list(told.values())


def _development(lines: list[Line], results: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    """Say the development part's scores, where every row has them, by which one row may be chosen."""
    scores = [development_uar(seeds) for seeds in results]
    if len(lines) < 2 or any(score is None for score in scores):
        return []
    told = "; ".join(f"{line.name} {percent(score)}" for line, score in zip(lines, scores, strict=True))
    best = lines[int(np.argmax(scores))].name
    return [f"UAR on the development part, mean over folds: {told}. The largest, which may be chosen by it: {best}."]


def _notes(results: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    every = [one for seeds in results for one in seeds]
    made = {
        "Edition": {one["edition"] for one in every},
        "Protocol": {protocol_name(one) for one in every},
        "Development part": {one["dev"] for one in every},
        "Selection": {selection_name(one) for one in every},
        "Seeds": {str(one["seed"]) for one in every},
        "Device": {f"{one['device']}, {one['precision']}" for one in every},
        "Commit": {one["commit"][:12] for one in every},
    }
    notes = [EXPLANATION]
    seeds = sorted({one["seed"] for one in every})
    if len(seeds) > 1:
        notes.append(SEEDS.format(seeds=", ".join(str(seed) for seed in seeds)))
    notes.append(COSTS)
    if any(is_speaker_dependent(one) for one in every):
        notes.append("Speaker-dependent: test speakers were also trained on; new ones will do worse.")
    notes += [f"{one['row']}: {optimism(one)}" for one in every if one["selection"] == "test"]
    notes.append(". ".join(f"{name}: {'; '.join(sorted(values))}" for name, values in made.items()) + ".")
    commands = dict.fromkeys(one["command"] for one in every if one.get("command"))
    notes += [f"Made by: {command}" for command in commands]
    return notes
