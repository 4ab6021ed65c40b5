"""The predictions of a run: predictions.csv, one row per tested utterance."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import replacing
from speechbrain_ext.utils.regular_file import NotRegularFile, read_regular

COLUMNS = ("id", "fold", "speaker", "label", "prediction")
MAKE_PREDICTIONS = "./run.sh --stage 3 --stop-stage 3 --force"


@dataclass(frozen=True, order=True)
class Prediction:
    """One tested utterance.

    Arguments
    ---------
    fold : str
        Name of the fold that tested it.
    id : str
        The utterance's id in the manifest.
    speaker : str
        Who speaks.
    label : str
        The true emotion.
    prediction : str
        The emotion found.
    probabilities : tuple of float
        One posterior per class, in the order of the classes.
    """

    fold: str
    id: str
    speaker: str
    label: str
    prediction: str
    probabilities: tuple[float, ...]


def write_predictions(path: str | Path, rows: Iterable[Prediction], classes: Sequence[str]) -> None:
    """Write predictions.csv, sorted by fold then id, with probabilities that read back exactly.

    Arguments
    ---------
    path : str or Path
        The file.
    rows : iterable of Prediction
        In any order.
    classes : sequence of str
        The classes, in the order of the probabilities.

    Raises
    ------
    ValueError
        A row has an unknown class, the wrong number of probabilities, one that is not finite, or stands twice.
    """
    rows = sorted(rows)
    check_predictions(rows, classes)
    with replacing(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*COLUMNS, *(f"p_{name}" for name in classes)])
        for row in rows:
            numbers = [format(value, ".17g") for value in row.probabilities]
            writer.writerow([row.id, row.fold, row.speaker, row.label, row.prediction, *numbers])


def read_predictions(path: str | Path) -> tuple[list[Prediction], list[str]]:
    """Read predictions.csv.

    Arguments
    ---------
    path : str or Path
        The file.

    Returns
    -------
    rows : list of Prediction
        Sorted by fold then id.
    classes : list of str
        The classes, in the order of the probabilities.

    Raises
    ------
    UserError
        The file is missing, empty or not a predictions.csv.
    """
    remedy = f"make it with: {MAKE_PREDICTIONS}"
    try:
        text = read_regular(path).decode("utf-8")
        table = list(csv.reader(io.StringIO(text, newline="")))
    except FileNotFoundError:
        raise UserError(f"missing {path}: {remedy}") from None
    except (UnicodeDecodeError, csv.Error, NotRegularFile) as fault:
        raise UserError(f"{path}: not a table ({fault}): {remedy}") from None
    if not text.endswith("\n"):
        raise UserError(f"{path}: expected a line break at the end, found a file cut off: {remedy}")
    head = table[0] if table else []
    classes = [name.removeprefix("p_") for name in head[len(COLUMNS) :]]
    if head != [*COLUMNS, *(f"p_{name}" for name in classes)] or not classes:
        raise UserError(
            f"{path}: expected the columns {','.join(COLUMNS)},p_<class>…, found {','.join(head)}: {remedy}"
        )
    rows = []
    for number, cells in enumerate(table[1:], start=2):
        try:
            utterance, fold, speaker, label, prediction, *values = cells
            probabilities = tuple(float(value) for value in values)
            rows.append(Prediction(fold, utterance, speaker, label, prediction, probabilities))
            check_predictions(rows[-1:], classes)
        except ValueError as fault:
            raise UserError(f"{path} line {number}: not a prediction ({fault}): {remedy}") from None
    try:
        check_predictions(rows, classes)
    except ValueError as fault:
        raise UserError(f"{path}: {fault}: {remedy}") from None
    return sorted(rows), classes


def check_predictions(rows: Sequence[Prediction], classes: Sequence[str]) -> None:
    """Check that rows can be scored.

    Arguments
    ---------
    rows : sequence of Prediction
        Tested utterances.
    classes : sequence of str
        The classes, in the order of the probabilities.

    Raises
    ------
    ValueError
        A row has an unknown class, the wrong number of probabilities, one that is not finite, or stands twice.
    """
    known = set(classes)
    for row in rows:
        strange = {row.label, row.prediction} - known
        if strange:
            raise ValueError(f"{row.id}: expected one of {', '.join(classes)}, found {', '.join(sorted(strange))}")
        if len(row.probabilities) != len(classes):
            raise ValueError(f"{row.id}: expected {len(classes)} probabilities, found {len(row.probabilities)}")
        if not all(math.isfinite(value) for value in row.probabilities):
            raise ValueError(f"{row.id}: expected finite probabilities, found {row.probabilities}")
    twice = [key for key, count in Counter((row.fold, row.id) for row in rows).items() if count > 1]
    if twice:
        raise ValueError(f"fold {twice[0][0]}: expected each utterance once, found {twice[0][1]} twice")
