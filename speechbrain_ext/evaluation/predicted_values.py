"""The predictions of a run on dimensions: predictions.csv, one row per tested utterance."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.evaluation.predictions import MAKE_PREDICTIONS
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import replacing

COLUMNS = ("id", "fold", "speaker")


@dataclass(frozen=True, order=True)
class PredictedValues:
    """One tested utterance.

    Arguments
    ---------
    fold : str
        Name of the fold that tested it.
    id : str
        The utterance's id in the manifest.
    speaker : str
        Who speaks.
    values, predicted : tuple of float
        The true and the predicted value of each dimension, in the corpus's units.
    """

    fold: str
    id: str
    speaker: str
    values: tuple[float, ...]
    predicted: tuple[float, ...]


def write_predicted_values(path: str | Path, rows: Iterable[PredictedValues], dimensions: Sequence[str]) -> None:
    """Write predictions.csv, sorted by fold then id, with values that read back exactly.

    Arguments
    ---------
    path : str or Path
        The file.
    rows : iterable of PredictedValues
        In any order.
    dimensions : sequence of str
        The dimensions, in the order of the values.

    Raises
    ------
    ValueError
        A row has the wrong number of values, one that is not finite, or stands twice.
    """
    rows = sorted(rows)
    check_predicted_values(rows, dimensions)
    with replacing(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head_of(dimensions))
        for row in rows:
            numbers = [format(value, ".17g") for value in (*row.values, *row.predicted)]
            writer.writerow([row.id, row.fold, row.speaker, *numbers])


def read_predicted_values(path: str | Path) -> tuple[list[PredictedValues], list[str]]:
    """Read predictions.csv of a run on dimensions.

    Arguments
    ---------
    path : str or Path
        The file.

    Returns
    -------
    rows : list of PredictedValues
        Sorted by fold then id.
    dimensions : list of str
        The dimensions, in the order of the values.

    Raises
    ------
    UserError
        The file is missing, empty or not such a table.
    """
    remedy = f"make it with: {MAKE_PREDICTIONS}"
    try:
        text = Path(path).read_bytes().decode("utf-8")
        table = list(csv.reader(io.StringIO(text, newline="")))
    except FileNotFoundError:
        raise UserError(f"missing {path}: {remedy}") from None
    except (UnicodeDecodeError, csv.Error) as fault:
        raise UserError(f"{path}: not a table ({fault}): {remedy}") from None
    if not text.endswith("\n"):
        raise UserError(f"{path}: expected a line break at the end, found a file cut off: {remedy}")
    head = table[0]
    names = head[len(COLUMNS) : (len(head) + len(COLUMNS)) // 2]
    if head != head_of(names) or not names:
        expected = ",".join((*COLUMNS, "<dimension>…", "predicted_<dimension>…"))
        raise UserError(f"{path}: expected the columns {expected}, found {','.join(head)}: {remedy}")
    rows = []
    for number, cells in enumerate(table[1:], start=2):
        try:
            utterance, fold, speaker, *numbers = cells
            found = tuple(float(value) for value in numbers)
            rows.append(PredictedValues(fold, utterance, speaker, found[: len(names)], found[len(names) :]))
            check_predicted_values(rows[-1:], names)
        except ValueError as fault:
            raise UserError(f"{path} line {number}: not a prediction ({fault}): {remedy}") from None
    try:
        check_predicted_values(rows, names)
    except ValueError as fault:
        raise UserError(f"{path}: {fault}: {remedy}") from None
    return sorted(rows), names


def head_of(dimensions: Sequence[str]) -> list[str]:
    """Name the columns.

    Example
    -------
    >>> head_of(["valence"])
    ['id', 'fold', 'speaker', 'valence', 'predicted_valence']
    """
    return [*COLUMNS, *dimensions, *(f"predicted_{name}" for name in dimensions)]


def check_predicted_values(rows: Sequence[PredictedValues], dimensions: Sequence[str]) -> None:
    """Check that rows can be scored.

    Arguments
    ---------
    rows : sequence of PredictedValues
        Tested utterances.
    dimensions : sequence of str
        The dimensions, in the order of the values.

    Raises
    ------
    ValueError
        A row has the wrong number of values, one that is not finite, or stands twice.
    """
    for row in rows:
        for kind, numbers in (("true", row.values), ("predicted", row.predicted)):
            if len(numbers) != len(dimensions):
                raise ValueError(f"{row.id}: expected {len(dimensions)} {kind} values, found {len(numbers)}")
            if not all(math.isfinite(value) for value in numbers):
                raise ValueError(f"{row.id}: expected finite {kind} values, found {numbers}")
    twice = [key for key, count in Counter((row.fold, row.id) for row in rows).items() if count > 1]
    if twice:
        raise ValueError(f"fold {twice[0][0]}: expected each utterance once, found {twice[0][1]} twice")
