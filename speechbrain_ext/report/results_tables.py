"""The tables of RESULTS.md: a heading for each edition and protocol, a row for each run, and the notes below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from speechbrain_ext.corpora.labels import DIMENSIONS
from speechbrain_ext.evaluation.comparability import why_not_comparable
from speechbrain_ext.evaluation.facts import difference_sentence
from speechbrain_ext.evaluation.records import Results, Summary, epochs_text
from speechbrain_ext.evaluation.results import development_uar, make_summary
from speechbrain_ext.evaluation.row_comparisons import ComparedRow, RowFamily, compare_rows
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.preparation.edition import is_other_edition
from speechbrain_ext.report.row_notes import row_notes
from speechbrain_ext.report.score_columns import CLASS_COLUMNS, ScoreColumn, dimension_columns
from speechbrain_ext.report.units import HOLDS
from speechbrain_ext.utils.text import DASH, markdown_cell, markdown_row, percent

EXPLANATION_OF_DIMENSIONS = (
    "Dimensions in place of classes. CCC: concordance correlation coefficient of all tested utterances, 1 where truth "
    "and prediction are the same, 0 where they are not related; the mean is over the row's dimensions. Square "
    "brackets: 95 % interval, jackknife over speakers. ±: standard deviation over folds; in a row of several seeds, "
    "over seeds, also of the pooled scores."
)
# The predictions of kept results by their SHA-256, which each result names.
KeptPredictions = Mapping[str | None, Sequence[Prediction]]


def edition_lines(kept: Sequence[Results], predictions: KeptPredictions) -> list[str]:
    """Write the kept results of an edition, a table for each protocol.

    Arguments
    ---------
    kept : sequence of Results
        Sorted by protocol, system, row and seed.
    predictions : mapping
        Of each of them, by the SHA-256 of its predictions.

    Returns
    -------
    lines : list of str
        Markdown.
    """
    lines = [f"## {markdown_cell(kept[0].corpus_name)}", ""]
    if is_other_edition(kept[0].corpus, kept[0].edition):
        lines += ["This copy is not the corpus as published: no paper's number stands with these rows.", ""]
    for _, group in groupby(kept, key=lambda results: results.protocol):
        lines += _protocol(list(group), predictions)
    return lines


def _protocol(kept: list[Results], predictions: KeptPredictions) -> list[str]:
    lines = [f"### {kept[0].protocol_name}", ""]
    differences: list[str] = []
    if of_classes := [results for results in kept if not results.has_dimensions]:
        family = _family(of_classes, predictions)
        differences += row_notes(family)
        lines += _score_table(of_classes, CLASS_COLUMNS, family)
    if of_dimensions := [results for results in kept if results.has_dimensions]:
        family = _family(of_dimensions, predictions)
        differences += row_notes(family)
        lines += [EXPLANATION_OF_DIMENSIONS, "", *_score_table(of_dimensions, dimension_columns(DIMENSIONS), family)]
    commands = [
        f"- {results.system}, {results.row_name}, seed {results.seed}: `{_code(results.command)}`"
        for results in kept
        if results.command
    ]
    notes = dict.fromkeys(f"- {note}" for note in differences)
    notes |= dict.fromkeys(f"- {results.majority}" for results in kept if results.majority)
    notes |= dict.fromkeys(f"- {results.coverage}" for results in kept if results.coverage)
    notes |= dict.fromkeys(
        f"- {results.system}, {results.row_name}: {' '.join(warning.split())}"
        for results in kept
        for warning in _own_warnings(results)
    ) | dict.fromkeys(
        f"- {results.system}, {results.row_name}, seed {results.seed}: UAR on the development set, "
        f"mean over folds: {percent(score)}"
        for results in kept
        if (score := development_uar([results])) is not None
    )
    for title, items in (("Notes:", [*notes]), ("Made by:", commands)):
        lines += [title, "", *items, ""] if items else []
    return lines


def _own_warnings(results: Results) -> list[str]:
    """A run's warnings but the one on its folds, which is the heading's."""
    own = [one for one in results.warnings or () if not one.startswith(("folds: ", "optimistic: "))]
    has_settings = any(one.startswith("settings: ") for one in own)
    settings = "" if has_settings else difference_sentence(results.differs_from_paper)
    return [*own, *filter(None, (settings, results.few_speakers, results.optimism))]


def _family(kept: Sequence[Results], predictions: KeptPredictions) -> RowFamily:
    """Compare the rows of a protocol with the first one of a system's default settings, or else with the first one."""
    rows = []
    for (system, name), group in groupby(kept, key=_row_key):
        seeds = list(group)
        rows.append(ComparedRow(f"{system}, {name}", seeds, [predictions[one.sha256] for one in seeds]))
    defaults = [number for number, row in enumerate(rows) if row.results[0].row == "default"]
    return compare_rows(rows, defaults[0] if defaults else 0)


def _row_key(results: Results) -> tuple[str, str]:
    return results.system, results.row_name


def _score_table(kept: list[Results], columns: Sequence[ScoreColumn], family: RowFamily) -> list[str]:
    """The rows of a protocol's results, by system and row; a paper's row above those that it is compared with."""
    rows = [["", "System", "Row", *(column.head for column in columns), "Seeds", "Selection", "Epochs", "Commit"]]
    groups = [list(group) for _, group in groupby(kept, key=_row_key)]
    for seeds, tests in zip(groups, family.tests, strict=True):
        holds = {test.metric for test in tests if test.holds}
        if not why_not_comparable(seeds[0]):
            rows.append(_paper_row(seeds[0], columns))
        # Of several seeds it is their mean that is compared.
        marked = holds if len(seeds) == 1 else set()
        rows += [_row_of([results], results, columns, str(results.seed), marked) for results in seeds]
        if len(seeds) > 1:
            numbers = "mean ± std of " + ", ".join(str(results.seed) for results in seeds)
            rows.append(_row_of(seeds, make_summary(seeds), columns, numbers, holds))
    return table_lines(rows, "|" + " --- |" * 3 + " ---: |" * len(columns) + " --- |" * 4)


def _paper_row(results: Results, columns: Sequence[ScoreColumn]) -> list[str]:
    paper = results.paper
    means = [percent(getattr(paper, column.score)) if column.part == "mean" else DASH for column in columns]
    return ["Paper", results.system, paper.name if paper else "", *means, DASH, DASH, DASH, DASH]


def _row_of(
    seeds: list[Results], scores: Results | Summary, columns: Sequence[ScoreColumn], numbers: str, holds: set[str]
) -> list[str]:
    first = seeds[0]
    shown = [
        f"{column.cell(scores)}{f' {HOLDS}' if column.part == 'pooled' and column.score in holds else ''}"
        for column in columns
    ]
    cells = ["Here", first.system, first.marked(first.row_name), *shown, numbers]
    commits = sorted({results.commit[:12] for results in seeds})
    return [*cells, first.selection_shown, epochs_text(seeds), ", ".join(commits)]


def table_lines(rows: Sequence[Sequence[str]], rule: str) -> list[str]:
    """Write rows, the first of which is the head, as a table of Markdown with an empty line below."""
    head, *lines = map(markdown_row, rows)
    return [head, rule, *lines, ""]


def _code(command: str) -> str:
    """Keep a command in its line of code: a backtick would end it."""
    return " ".join(command.split()).replace("`", "'")
