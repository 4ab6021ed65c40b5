"""A paper's table with our numbers: the scores of every row, and what keeps them from being compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from speechbrain_ext.evaluation.comparability import comparison_card, differences, paper_card, paper_mark
from speechbrain_ext.evaluation.facts import MARK, difference_phrases
from speechbrain_ext.evaluation.records import SPEAKERS_KNOWN, Results, Score, Scores
from speechbrain_ext.evaluation.results import development_uar, make_summary
from speechbrain_ext.evaluation.row_comparisons import RowFamily, RowTest
from speechbrain_ext.metrics.speakers import Interval
from speechbrain_ext.report.row_notes import row_notes
from speechbrain_ext.report.score_columns import SCORES_EXPLAINED
from speechbrain_ext.report.tables.paper_notes import paper_notes
from speechbrain_ext.training.paper_tables import Table, TableRow
from speechbrain_ext.utils.text import percent

SCORES = ("wa", "uar")
EXPLANATION = f"{SCORES_EXPLAINED} Mean of folds: as the papers' numbers are; ±: standard deviation over folds."
SEEDS = (
    "Several seeds: every score and every end of an interval is the mean over seeds {seeds}; ±: standard deviation "
    "over seeds."
)
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
    paper : mapping
        The paper's number, or None.
    mark : str
        What the paper's number is where it is not comparable, such as "paper, other edition"; "" where it is.
    differs : tuple of str
        Settings that differ from the paper's preset, as `difference_phrases` writes them.
    pooled : mapping
        The score over the utterances of all folds with its interval, both as means over seeds.
    mean : mapping
        The mean over folds with its standard deviation over folds, over seeds where there are several.
    test : RowTest or None
        The row against the table's reference row; None where they are not compared.
    """

    name: str
    paper: Mapping[str, float | None]
    mark: str
    differs: tuple[str, ...]
    pooled: Scores
    mean: Scores
    seeds: tuple[int, ...]
    parameters: int
    train_seconds: float
    peak_memory_mib: float | None
    test: RowTest | None = None

    @property
    def marked_name(self) -> str:
        """The row's name, with a mark where its settings differ from the paper's preset."""
        return f"{self.name} {MARK}" if self.differs else self.name

    @property
    def has_interval(self) -> bool:
        """Whether a score has an interval."""
        return any(score.interval for score in self.pooled.values())

    @property
    def has_paper(self) -> bool:
        """Whether the paper prints a number of the row."""
        return any(value is not None for value in self.paper.values())

    def difference(self, score: str) -> float | None:
        """Mean over folds minus the paper's number; None where they are not comparable."""
        paper = self.paper[score]
        return None if self.mark or paper is None else self.mean[score].value - paper


@dataclass(frozen=True)
class FilledTable:
    """Content of a printed table: lines, the reasons against comparing them, and remarks.

    Attributes
    ----------
    id : str
        Such as amsnet/5.
    not_comparable, settings, notes, commands : tuple of str
        Reasons; the settings that differ from the paper's; remarks; the commands that made the rows.
    rows_comparable : bool
        Whether the rows may be compared with each other.
    over_seeds : bool
        Whether a row is of several seeds.
    reference : str
        The row that others are compared with; "" where none are.
    """

    id: str
    title: str
    source: str
    is_mini: bool
    lines: tuple[Line, ...]
    not_comparable: tuple[str, ...]
    settings: tuple[str, ...]
    notes: tuple[str, ...]
    commands: tuple[str, ...]
    rows_comparable: bool
    over_seeds: bool
    reference: str = ""


def fill(table: Table, results: Sequence[Sequence[Results]], family: RowFamily | None = None) -> FilledTable:
    """Put our results into a paper's table.

    Arguments
    ---------
    table : Table
    results : sequence of sequences of Results
        Per row of the table those of every seed.
    family : RowFamily or None
        The rows' comparisons with the reference row; None where predictions are not at hand.

    Returns
    -------
    FilledTable
    """
    over_seeds = any(len(seeds) > 1 for seeds in results)
    lines = [_line(row, list(seeds), over_seeds) for row, seeds in zip(table.rows, results, strict=True)]
    if family:
        lines = [replace(line, test=next(iter(tests), None)) for line, tests in zip(lines, family.tests, strict=True)]
    first = results[0][0]
    reasons = []
    reference = comparison_card(first)
    for row, seeds in zip(table.rows[1:], results[1:], strict=True):
        found = differences(reference, comparison_card(seeds[0]))
        if found:
            reasons.append(f"not comparable: {table.rows[0].name} against {row.name}: {'; '.join(found)}")
    every = [one for seeds in results for one in seeds]
    is_mini = any(one.source == "mini" for one in every)
    commands = dict.fromkeys(one.command for one in every if one.command)
    return FilledTable(
        id=table.id,
        title=table.title,
        source=f"{table.printed_number} of {table.paper}",
        is_mini=is_mini,
        lines=tuple(lines),
        not_comparable=tuple(reasons + _against_paper(table, lines, results)),
        settings=tuple(_settings(lines)),
        notes=(
            *_notes(every),
            *(row_notes(family) if family else ()),
            *_development(lines, results),
            *paper_notes(table),
        ),
        commands=tuple(f"Made by: {command}" for command in commands),
        rows_comparable=not reasons,
        over_seeds=over_seeds,
        reference=family.rows[family.reference].name if family else "",
    )


def _line(row: TableRow, seeds: list[Results], over_seeds: bool) -> Line:
    summary = make_summary(seeds)
    paper = dict(zip(SCORES, (row.paper_wa, row.paper_uar), strict=True))
    memory = [fold.peak_memory_mib for one in seeds for fold in one.folds if fold.peak_memory_mib]
    return Line(
        name=row.name,
        paper=paper,
        # The file's own numbers and protocol, so that a corrected file needs no new scoring.
        mark=paper_mark(seeds[0], row.protocol) if any(value is not None for value in paper.values()) else "",
        differs=tuple(difference_phrases(seeds[0].differs_from_paper)),
        pooled={score: Score(summary.pooled[score].value, _interval(seeds, score)) for score in SCORES},
        mean=summary.mean if over_seeds else seeds[0].mean,
        seeds=summary.seeds,
        parameters=seeds[0].parameters,
        train_seconds=float(np.mean([one.training_seconds for one in seeds])),
        peak_memory_mib=max(memory, default=None),
    )


def _interval(seeds: list[Results], score: str) -> Interval | None:
    found = [one.pooled[score].interval for one in seeds]
    intervals = [interval for interval in found if interval is not None]
    if len(intervals) < len(found):
        return None
    low, high = np.mean(intervals, axis=0)
    return float(low), float(high)


def _against_paper(table: Table, lines: list[Line], results: Sequence[Sequence[Results]]) -> list[str]:
    """Say once for each mark how our card differs from the paper's, which is why no difference is computed."""
    reasons: dict[str, str] = {}
    for row, line, seeds in zip(table.rows, lines, results, strict=True):
        if line.mark and line.mark not in reasons:
            found = differences(comparison_card(seeds[0], with_hash=False), paper_card(row.protocol))
            # Differing settings are listed row by row, with both values.
            found += [f"settings: {MARK}"] if line.differs else []
            reasons[line.mark] = f"not comparable: † {line.mark}: ours against the paper's: {'; '.join(found)}"
    return list(reasons.values())


def _settings(lines: list[Line]) -> list[str]:
    """List the settings that differ from the paper's, once for all rows that differ alike."""
    by_settings: dict[tuple[str, ...], list[str]] = {}
    for line in lines:
        if line.differs:
            by_settings.setdefault(line.differs, []).append(line.name)
    head = "settings differ from the preset paper (key: its value -> this run's value)"
    return [f"{MARK} {', '.join(names)}: {head}: {'; '.join(differs)}" for differs, names in by_settings.items()]


def _development(lines: list[Line], results: Sequence[Sequence[Results]]) -> list[str]:
    """Say the development set's scores, where every row has them, by which one row may be chosen."""
    found = {line.name: development_uar(seeds) for line, seeds in zip(lines, results, strict=True)}
    scores = {name: score for name, score in found.items() if score is not None}
    if len(lines) < 2 or len(scores) < len(lines):
        return []
    largest = percent(max(scores.values()))
    best = [name for name, score in scores.items() if percent(score) == largest]
    last = f"The largest, which may be chosen by it: {best[0]}." if len(best) == 1 else f"Equal: {', '.join(best)}."
    all_rows = "; ".join(f"{name} {percent(score)}" for name, score in scores.items())
    return [f"UAR on the development set, mean over folds: {all_rows}. {last}"]


def _notes(every: Sequence[Results]) -> list[str]:
    made = {
        "Edition": {one.edition for one in every},
        "Protocol": {one.protocol_name for one in every},
        "Development set": {one.dev for one in every},
        "Selection": {one.selection_name for one in every},
        "Seeds": {str(one.seed) for one in every},
        "Device": {f"{one.device}, {one.precision}" for one in every},
        "Commit": {one.commit[:12] for one in every},
    }
    notes = [EXPLANATION]
    seeds = sorted({one.seed for one in every})
    if len(seeds) > 1:
        notes.append(SEEDS.format(seeds=", ".join(str(seed) for seed in seeds)))
    notes.append(COSTS)
    if any(one.is_speaker_dependent for one in every):
        notes.append(SPEAKERS_KNOWN)
    notes += list(dict.fromkeys(one.few_speakers for one in every if one.few_speakers))
    notes += list(dict.fromkeys(one.coverage for one in every if one.coverage))
    notes += list(dict.fromkeys(one.majority for one in every if one.majority))
    notes += [f"{one.row}: {one.optimism}" for one in every if one.optimism]
    notes.append(". ".join(f"{name}: {'; '.join(sorted(values))}" for name, values in made.items()) + ".")
    return notes
