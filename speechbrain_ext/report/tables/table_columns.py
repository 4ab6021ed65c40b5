"""The columns of a filled table: their heads, cells, and the best value of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from speechbrain_ext.evaluation.records import Score
from speechbrain_ext.report.tables.table_keys import COLUMNS
from speechbrain_ext.report.tables.tables import SCORES, FilledTable, Line
from speechbrain_ext.report.units import HOLDS
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.text import DASH, duration, percent

DAGGER = "†"


@dataclass(frozen=True)
class Cell:
    """A cell in two parts, so that the number alone can be set in bold.

    Attributes
    ----------
    value : str
    rest : str
        What follows it: an interval, a standard deviation or a mark.
    """

    value: str
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.rest}".strip()


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    key : str
        Its name for the option `--columns`.
    group, head : str
        What several columns have in common, such as "pooled [95 %]" or ""; the column's own head.
    cell : callable
        Gives the cell of a line.
    score : callable or None
        Gives the number, of which the largest is the best; None where no value is better than another.
    """

    key: str
    group: str
    head: str
    cell: Callable[[Line], Cell]
    score: Callable[[Line], float | None] | None = None

    @property
    def title(self) -> str:
        """The head with its group, on one line."""
        if self.key.startswith("paper_"):
            return f"{self.group.capitalize()}{'' if self.group == 'paper' else ':'} {self.head}"
        return f"{self.head}, {self.group}" if self.group else self.head


def columns_of(table: FilledTable, keys: Sequence[str] = COLUMNS) -> list[Column]:
    """Choose columns of a table by their keys, in the order of the keys.

    Raises
    ------
    UsageError
        There is no such column, or one is given twice.
    """
    known = {column.key: column for column in _columns(table)}
    for key in keys:
        if key not in known:
            raise UsageError(f"--columns {key}: expected some of {', '.join(known)}, with commas")
        if list(keys).count(key) > 1:
            raise UsageError(f"--columns: {key} is given more than once: keep one")
    return [known[key] for key in keys]


def best_lines(table: FilledTable, column: Column) -> set[int]:
    """Give the lines with the best value of a column, several where they are equal as printed.

    Empty where the column has no best value, where the rows are not comparable, and where there is one number only.
    """
    if column.score is None or not table.rows_comparable:
        return set()
    scores = {number: column.score(line) for number, line in enumerate(table.lines)}
    printed = {number: round(100 * score, 2) for number, score in scores.items() if score is not None}
    best = max(printed.values(), default=None)
    return {number for number, score in printed.items() if score == best} if len(printed) > 1 else set()


def _columns(table: FilledTable) -> list[Column]:
    """All columns of a table; a number of the paper that is not comparable has a dagger."""
    marks = {line.mark for line in table.lines if line.has_paper}
    mark = marks.pop() if len(marks) == 1 else ""
    pooled = "pooled [95 %]" if any(line.has_interval for line in table.lines) else "pooled"
    mean = "mean of folds"
    if any(line.mean[score].std is not None for line in table.lines for score in SCORES):
        mean += " ± std over seeds" if table.over_seeds else " ± std"
    columns = [Column("row", "", "Row", lambda line: Cell(line.marked_name))]
    of_scores: tuple[tuple[str, str, Callable[..., Cell], Callable[..., float | None] | None], ...] = (
        ("paper", mark or "paper", _paper, lambda line, score: None if line.mark else line.paper[score]),
        ("pooled", pooled, _pooled, lambda line, score: line.pooled[score].value),
        ("mean", mean, lambda line, score: _cell(line.mean[score]), lambda line, score: line.mean[score].value),
        ("minus_paper", "mean minus paper", _difference, None),
    )
    for name, group, cell, value in of_scores:
        for score in SCORES:
            best = None if value is None else partial(value, score=score)
            columns.append(Column(f"{name}_{score}", group, score.upper(), partial(cell, score=score), best))
    columns.append(Column("parameters", "", "Parameters", lambda line: Cell(f"{line.parameters:,}")))
    columns.append(Column("training", "", "Training", lambda line: Cell(duration(line.train_seconds))))
    columns.append(Column("memory", "", "Peak memory", _memory))
    return columns


def _paper(line: Line, score: str) -> Cell:
    value = line.paper[score]
    return Cell(percent(value), DAGGER if line.mark and value is not None else "")


def _cell(score: Score) -> Cell:
    value = percent(score.value)
    return Cell(value, score.text(percent).removeprefix(value).strip())


def _pooled(line: Line, score: str) -> Cell:
    cell = _cell(line.pooled[score])
    holds = score == "uar" and line.test is not None and line.test.holds
    return Cell(cell.value, f"{cell.rest} {HOLDS}".strip()) if holds else cell


def _difference(line: Line, score: str) -> Cell:
    difference = line.difference(score)
    return Cell(DASH if difference is None else f"{100 * difference:+.2f}")


def _memory(line: Line) -> Cell:
    return Cell(DASH if line.peak_memory_mib is None else f"{line.peak_memory_mib:.0f} MiB")
