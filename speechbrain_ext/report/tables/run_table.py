"""A paper's table: train what is missing of its rows and print our numbers with the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from speechbrain_ext.evaluation.evaluate import evaluate
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.row_comparisons import ComparedRow, compare_rows
from speechbrain_ext.report.figures.drawing import draw_file, draw_print
from speechbrain_ext.report.figures.figures import build_confusion
from speechbrain_ext.report.figures.table_figure import build_table_figure
from speechbrain_ext.report.tables.table_keys import LATEX_COLUMNS
from speechbrain_ext.report.tables.table_text import csv_text, latex, markdown
from speechbrain_ext.report.tables.tables import fill
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.extract import extract
from speechbrain_ext.training.paper_tables import Table, TableRow
from speechbrain_ext.training.reference_row import reference_row
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.system_build import check_system
from speechbrain_ext.training.train import forget, train
from speechbrain_ext.utils.files import folder_lock, write_text


@dataclass(frozen=True)
class TableRequest:
    """A paper's table with the runs of its rows.

    Attributes
    ----------
    table : Table
    rows : tuple of RunRequest
        What each row of the table is trained with, in order.
    stages : sequence of int
        Stages of 1 (features), 2 (train) and 3 (evaluate); the table is written after 3.
    mark : str
        Preset and tag in the names of the written files; "" for the paper's preset without a tag.
    columns : tuple of str
        Columns of the LaTeX table.
    paper : bool
        Draw figures for a paper too.
    reference : str
        The row that the others are compared with; "" for the one that `reference_row` chooses.
    """

    table: Table
    rows: tuple[RunRequest, ...]
    stages: Sequence[int] = (1, 2, 3)
    mark: str = ""
    columns: tuple[str, ...] = LATEX_COLUMNS
    paper: bool = False
    reference: str = ""


def run_table(request: TableRequest) -> None:
    """Run the stages of every row, then write the table.

    Raises
    ------
    UserError
        As the stages do; every row is built before the first is trained.
    """
    reference = reference_row(request.table, request.reference)
    # What --force redoes is removed before the first row: a row must not redo a phase that it shares.
    forces = any(row.force for row in request.rows) and 2 in request.stages
    rows = [replace(row, force=row.force and not forces) for row in request.rows]
    for row in rows:
        check_system(row.experiments[0].hp)
    if forces:
        for row in rows:
            for run in row.experiments:
                with folder_lock(run.seed_folder, row.wait):
                    forget(run, row.fold_names(run), row.wait)
    calls = {1: extract, 2: train, 3: evaluate}
    for number, (row, known) in enumerate(zip(rows, request.table.rows, strict=True), 1):
        print(f"row {number} of {len(rows)}: {known.name} ({known.folder})", flush=True)
        for stage in request.stages:
            calls[stage](row)
    if 3 in request.stages:
        _write(request, rows, reference)


def _write(request: TableRequest, rows: list[RunRequest], reference: TableRow) -> None:
    table, runs = request.table, [row.experiments for row in rows]
    results = [[read_results(run.seed_folder / "results.json") for run in seeds] for seeds in runs]
    predictions = [[read_predictions(run.seed_folder / "predictions.csv")[0] for run in seeds] for seeds in runs]
    names = [row.name for row in table.rows]
    compared = [ComparedRow(*row) for row in zip(names, results, predictions, strict=True)]
    filled = fill(table, results, compare_rows(compared, names.index(reference.name)))
    place = (
        runs[0][0].corpus_folder / "tables" / ".".join(filter(None, [table.path.stem, request.mark, _protocols(runs)]))
    )
    for kind, write in (("md", markdown), ("tex", partial(latex, keys=request.columns)), ("csv", csv_text)):
        write_text(f"{place}.{kind}", write(filled))
    drawn = (build_confusion, results[0][0]) if table.figure == "confusion" else (build_table_figure, filled)
    for kind in ("png", "pdf"):
        draw_file(f"{place}.{kind}", *drawn)
    for_paper = [path.name.removeprefix(place.name) for path in draw_print(place, *drawn)] if request.paper else []
    print(markdown(filled))
    print(f"wrote {place}{', '.join(['.md', '.tex', '.csv', '.png', '.pdf', *for_paper])}")


def _protocols(runs: Sequence[Sequence[Experiment]]) -> str:
    """The rows' protocol as in their folders, `paper` where rows have different ones."""
    names = {seeds[0].seed_folder.parent.name for seeds in runs}
    return names.pop() if len(names) == 1 else "paper"
