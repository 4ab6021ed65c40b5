"""A matrix as Markdown, LaTeX and CSV: UAR of each pair of corpora, and one line a cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from speechbrain_ext.evaluation.matrix import WITHIN, Cell, Matrix
from speechbrain_ext.report.cross_corpus.grids import (
    TRANSDUCTIVE,
    WITHIN_EXPLANATION,
    Grid,
    cell_notes,
    chance,
    grids,
    score_text,
    train_name,
    without_score,
)
from speechbrain_ext.report.tables.table_text import SYNTHETIC, escape_latex
from speechbrain_ext.utils.text import markdown_cell, markdown_row, percent

_INTERVAL = "Square brackets: 95 % interval over the tested speakers."
_TRANSDUCTIVE = (
    f"A table whose title says '{TRANSDUCTIVE}' is not ranked with the others: its method has seen the tested "
    "audio, without labels."
)
ROWS_ARE = "Trained on (row), tested on (column)"
OF_CELL = "source,system,row,train,target,model,method,transductive,is_within,n,speakers".split(",")
OF_CLASSES = ("wa_percent,wa_low_percent,wa_high_percent,uar_percent,uar_low_percent,uar_high_percent,confusion").split(
    ","
)
OF_FILES = "note,predictions,sha256,command".split(",")


def csv_head(matrix: Matrix) -> list[str]:
    """Names of the columns of matrix.csv."""
    if not matrix.dimensions:
        return [*OF_CELL, *OF_CLASSES, *OF_FILES]
    scores = [f"ccc_{name}{end}" for name in matrix.dimensions for end in ("", "_low", "_high")]
    return [*OF_CELL, *scores, "ccc_mean", *OF_FILES]


def explanation(matrix: Matrix) -> str:
    """What the numbers of all tables are, in one paragraph."""
    if matrix.dimensions:
        what = (
            f"CCC of {', '.join(matrix.dimensions)}: 1 where all predictions are the annotators' consensus, 0 where "
            "they do not follow it; an offset and another spread cost too."
        )
        return f"{what} {_INTERVAL} {WITHIN_EXPLANATION} {_TRANSDUCTIVE}"
    return (
        f"UAR in per cent on the classes {', '.join(matrix.classes)}: mean over the classes of their recall; chance is "
        f"{percent(chance(matrix))}. {_INTERVAL} {WITHIN_EXPLANATION} {_TRANSDUCTIVE}"
    )


def matrix_markdown(matrix: Matrix, level: int = 1) -> list[str]:
    """Write the grids of a matrix as lines of Markdown, each with its notes below, and what has no score.

    Arguments
    ---------
    matrix : Matrix
    level : int
        Of the headings.
    """
    lines: list[str] = []
    for grid in scored(matrix):
        lines += [f"{'#' * level} {markdown_cell(grid.title)}", "", markdown_row([ROWS_ARE, *grid.targets])]
        lines.append("| --- |" + " ---: |" * len(grid.targets))
        lines += [markdown_row(row) for row in grid_rows(grid)]
        lines += ["", *(f"- {markdown_cell(note)}" for note in cell_notes(grid.found)), ""]
    if notes := without_score(matrix):
        lines += ["Without a score:", "", *(f"- {markdown_cell(note)}" for note in notes), ""]
    return lines


def scored(matrix: Matrix) -> list[Grid]:
    """The grids that have a score."""
    return [grid for grid in grids(matrix) if not grid.is_empty]


def grid_rows(grid: Grid) -> list[list[str]]:
    """The lines of a grid as text: what was trained on, then the score on each target."""
    named = zip(grid.trains, grid.cells, strict=True)
    return [[train_name(train), *(score_text(cell, grid.score) for cell in line)] for train, line in named]


def matrix_latex(matrix: Matrix) -> str:
    """Write the grids that have a score as LaTeX tables of the package booktabs, to be pasted as they are."""
    return "\n".join(_grid_latex(matrix, grid, number) for number, grid in enumerate(scored(matrix), start=1))


def _grid_latex(matrix: Matrix, grid: Grid, number: int) -> str:
    is_mini = matrix.source == "mini"
    caption = f"{SYNTHETIC}. {grid.title}" if is_mini else grid.title
    lines = [f"% {SYNTHETIC}"] if is_mini else []
    lines += [r"% \usepackage{booktabs}", r"\begin{table}", r"\centering", r"\footnotesize"]
    lines += [rf"\caption{{{escape_latex(f'{caption}. {explanation(matrix)}')}}}"]
    lines += [rf"\label{{tab:cross-corpus-{number}}}", rf"\begin{{tabular}}{{l{'r' * len(grid.targets)}}}", r"\toprule"]
    lines += [" & ".join(map(escape_latex, [ROWS_ARE, *grid.targets])) + r" \\", r"\midrule"]
    lines += [" & ".join(map(escape_latex, row)) + r" \\" for row in grid_rows(grid)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    # A blank line would end the environment's paragraph: each note is one.
    lines += [rf"\par\smallskip\raggedright {escape_latex(note)}" for note in cell_notes(grid.found)]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def matrix_csv(matrix: Matrix) -> str:
    """Write one line a cell with plain numbers; comments begin with #."""
    stream = io.StringIO()
    if matrix.source == "mini":
        stream.write(f"# {SYNTHETIC}\n")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(csv_head(matrix))
    writer.writerows(_csv_row(matrix, cell) for cell in matrix.cells)
    return stream.getvalue()


def _csv_row(matrix: Matrix, cell: Cell) -> list[str]:
    return [
        *(matrix.source, cell.system, cell.row, train_name(cell.train), cell.target, cell.model, cell.method),
        *("yes" if flag else "no" for flag in (cell.transductive, cell.model == WITHIN)),
        *("" if count is None else str(count) for count in (cell.n, cell.speakers)),
        *(_ccc_cells(matrix, cell) if matrix.dimensions else _class_cells(cell)),
        *(cell.note or "", cell.predictions or "", cell.sha256 or "", cell.command or ""),
    ]


def _class_cells(cell: Cell) -> list[str]:
    scores: Sequence[float | None] = (
        *(cell.wa, *(cell.wa_ci95 or (None, None))),
        *(cell.uar, *(cell.uar_ci95 or (None, None))),
    )
    confusion = "" if cell.confusion is None else "; ".join(" ".join(map(str, row)) for row in cell.confusion)
    return [*("" if score is None else f"{100 * score:.4f}" for score in scores), confusion]


def _ccc_cells(matrix: Matrix, cell: Cell) -> list[str]:
    numbers: list[float | None] = []
    for name in matrix.scores:
        score = cell.score(name)
        numbers += [None, None, None] if score is None else [score.value, *(score.interval or (None, None))]
    return ["" if number is None else f"{number:.6f}" for number in (*numbers, cell.ccc_mean)]
