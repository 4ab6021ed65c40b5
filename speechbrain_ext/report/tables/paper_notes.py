"""Remarks on a table's paper that are printed below the table, with the paper's folds and recalls."""

from __future__ import annotations

from speechbrain_ext.training.paper_tables import Table
from speechbrain_ext.utils.text import percent


def paper_notes(table: Table) -> list[str]:
    """Give the lines that are printed below a table about its paper.

    Arguments
    ---------
    table : Table

    Returns
    -------
    list of str
        The file's `note`, and a line for each row of which the paper prints folds, or recalls of the classes.
    """
    lines = [f"Of the paper: {table.note}"] if table.note else []
    for row, folds in table.paper_folds.items():
        cells = [f"{name} {' / '.join(map(percent, scores))}" for name, scores in folds.items()]
        lines.append(f"The paper's folds of {row} (WA / UAR): {', '.join(cells)}.")
    for row, recalls in table.paper_recalls.items():
        cells = [f"{name} {percent(score)}" for name, score in recalls.items()]
        lines.append(f"The paper's recalls of {row}: {', '.join(cells)}.")
    return lines
