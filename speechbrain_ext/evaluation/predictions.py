"""The predictions of a run: predictions.csv, one row per tested utterance."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from speechbrain_ext.evaluation.targets import Prediction, Target, target_of
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import replacing
from speechbrain_ext.utils.regular_file import NotRegularFile, read_regular

MAKE_PREDICTIONS = "./run.sh --stage 3 --stop-stage 3 --force"
REMEDY = f"make it with: {MAKE_PREDICTIONS}"


def write_predictions(path: str | Path, rows: Iterable[Prediction], target: Target) -> None:
    """Write predictions.csv, sorted by fold then id, with numbers that read back exactly.

    Arguments
    ---------
    path : str or Path
        The file.
    rows : iterable of Prediction
        In any order.
    target : Target
        Names the columns.

    Raises
    ------
    ValueError
        A row does not fit the target, has a number that is not finite, or occurs twice.
    """
    rows = sorted(rows)
    check_predictions(rows, target)
    with replacing(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(target.columns)
        writer.writerows([row.id, row.fold, row.speaker, *target.cells(row)] for row in rows)


def read_predictions(path: str | Path) -> tuple[list[Prediction], Target]:
    """Read predictions.csv, of classes or of dimensions, whichever its columns are.

    Arguments
    ---------
    path : str or Path
        The file.

    Returns
    -------
    rows : list of Prediction
        Sorted by fold then id.
    target : Target
        The classes, or the dimensions, in the order of the columns.

    Raises
    ------
    UserError
        The file is missing, empty or not a predictions.csv.
    """
    try:
        text = read_regular(path).decode("utf-8")
        table = list(csv.reader(io.StringIO(text, newline="")))
    except FileNotFoundError:
        raise UserError(f"missing {path}: {REMEDY}") from None
    except (UnicodeDecodeError, csv.Error, NotRegularFile) as fault:
        raise UserError(f"{path}: not a table ({fault}): {REMEDY}") from None
    if not text.endswith("\n"):
        raise UserError(f"{path}: expected a line break at the end, found a file cut off: {REMEDY}")
    head = table[0] if table else []
    target = target_of(head)
    if target is None:
        known = "id,fold,speaker,label,prediction,p_<class>… or id,fold,speaker,<dimension>…,predicted_<dimension>…"
        raise UserError(f"{path}: expected the columns {known}, found {','.join(head)}: {REMEDY}")
    rows = []
    for number, cells in enumerate(table[1:], start=2):
        try:
            identity, fold, speaker, *rest = cells
            rows.append(target.prediction(Prediction(fold, identity, speaker), rest))
            target.check(rows[-1])
        except ValueError as fault:
            raise UserError(f"{path} line {number}: not a prediction ({fault}): {REMEDY}") from None
    try:
        check_predictions(rows, target)
    except ValueError as fault:
        raise UserError(f"{path}: {fault}: {REMEDY}") from None
    return sorted(rows), target


def check_predictions(rows: Sequence[Prediction], target: Target) -> None:
    """Check that rows can be scored.

    Arguments
    ---------
    rows : sequence of Prediction
        Tested utterances.
    target : Target

    Raises
    ------
    ValueError
        A row does not fit the target, has a number that is not finite, or occurs twice.
    """
    for row in rows:
        target.check(row)
    repeated = [key for key, count in Counter((row.fold, row.id) for row in rows).items() if count > 1]
    if repeated:
        raise ValueError(f"fold {repeated[0][0]}: expected each utterance once, found {repeated[0][1]} twice")
