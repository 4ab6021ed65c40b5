"""Predictions behind the cells of a matrix: read, checked against the cell, and kept without their posteriors."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.evaluation.matrix import ALL_DATA, WITHIN, Cell
from speechbrain_ext.evaluation.targets import Dimensions, Prediction, target_of
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_checked, write_text

COLUMNS = ("id", "fold", "speaker", "label", "prediction")
AGAIN = "recipes/shared/cross_corpus.sh, typed as it was"
# A kept matrix keeps the predictions of these; those of folds would be five times as many.
KEPT_MODELS = (ALL_DATA, WITHIN)


def read_cell(cell: Cell, folder: str | Path) -> list[Prediction]:
    """Read the labels and predictions of a cell, without posteriors; of dimensions the true and predicted values.

    Arguments
    ---------
    cell : Cell
        With a score.
    folder : str or Path
        The folder of matrix.json.

    Raises
    ------
    UserError
        The file is missing, is not the one that the score was computed from, or has other columns.
    """
    table = list(csv.reader(io.StringIO(read_file(cell, folder).decode("utf-8"), newline="")))
    target = target_of(table[0]) if table and cell.ccc is not None else None
    if isinstance(target, Dimensions):
        return [target.prediction(Prediction(fold, one, speaker), rest) for one, fold, speaker, *rest in table[1:]]
    if not table or tuple(table[0][: len(COLUMNS)]) != COLUMNS:
        path = Path(folder) / (cell.predictions or "")
        raise UserError(f"{path}: expected the columns {','.join(COLUMNS)}, found another table: {AGAIN}")
    return [
        Prediction(fold, identity, speaker, label, prediction)
        for identity, fold, speaker, label, prediction, *_ in table[1:]
    ]


def read_file(cell: Cell, folder: str | Path) -> bytes:
    """Read the predictions of a cell as they are; arguments and errors are those of `read_cell`."""
    if not cell.predictions or not cell.sha256:
        raise UserError(f"{cell.system}, {cell.method}: expected predictions of this cell, found none: {AGAIN}")
    return read_checked(Path(folder) / cell.predictions, cell.sha256, AGAIN)


def write_kept(path: Path, rows: Sequence[Prediction]) -> None:
    """Write labels and predictions, sorted by fold then id."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([row.id, row.fold, row.speaker, row.label, row.prediction] for row in sorted(rows))
    write_text(path, text.getvalue())
