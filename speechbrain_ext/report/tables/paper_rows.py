"""The rows that papers print for a corpus, for a RESULTS.md without a row of ours."""

from __future__ import annotations

from pathlib import Path

from speechbrain_ext.training.paper_tables import load_table
from speechbrain_ext.training.table_names import table_files
from speechbrain_ext.utils.text import percent

TITLE = "Papers' rows, none of them run here"
HEAD = ["", "System", "Row", "WA", "UAR", "Protocol", "Command"]
RULE = "| --- | --- | --- | ---: | ---: | --- | --- |"


def paper_rows(recipe: str | Path) -> list[list[str]]:
    """Give head and rows of the papers' numbers for a corpus, each number once and with the command that runs it.

    Arguments
    ---------
    recipe : str or Path
        `recipes/<CORPUS>`.

    Returns
    -------
    list of list of str
        Empty where no table of the recipe has a paper's number.
    """
    rows, seen = [], set()
    for identity in table_files(recipe):
        table = load_table(recipe, identity)
        for row in table.rows:
            if row.paper_wa is None and row.paper_uar is None:
                continue
            scores = percent(row.paper_wa), percent(row.paper_uar)
            cells = (row.system, f"{row.name} ({table.printed_number})", *scores, row.protocol)
            if cells not in seen:
                seen.add(cells)
                rows.append(["Paper", *cells, f"`./run.sh --table {identity}`"])
    return [HEAD, *rows] if rows else []
