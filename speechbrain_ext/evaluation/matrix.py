"""Records of a matrix across corpora: who was trained on what, tested on what, with which method, and the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechbrain_ext.evaluation.records import Score
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.utils import json_fields as parse
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_sealed, write_sealed
from speechbrain_ext.utils.json_fields import UnexpectedField, optional, read_record, required, write_fields

SCHEMA = 2
FILE = "matrix.json"
# What a cell's model is; the first is the cell as defined, the others are rows of their own.
FOLD_MEAN, FOLD_ENSEMBLE, WITHIN = "mean of folds", "ensemble of folds", "cross-validation"
MODELS = (ALL_DATA, FOLD_MEAN, FOLD_ENSEMBLE, WITHIN)
NOT_STATED = "not stated"
UAR = "uar"


@dataclass(frozen=True, kw_only=True)
class CorpusCard:
    """What a reader must know of a corpus before a score across corpora.

    Arguments
    ---------
    corpus, source, edition : str
        As in results.json.
    utterances, speakers : int
        Those of the shared classes.
    hours : float or None
        Of all its audio.
    language : str
        Such as German; "not stated" where it is not known.
    speaking : str
        "scripted", "spontaneous", or both.
    emotions : str
        "acted", "natural", or how else they came about.
    labels : mapping
        Utterances of each shared class.
    merged : mapping
        Labels of the corpus that count as a shared class, with that class.
    left_out : mapping
        Utterances of each label that is no shared class.
    dimension_scale : (float, float) or None
        Lowest and highest value of the dimensions; None with classes.
    """

    corpus: str = required(parse.name)
    source: str = required(parse.source)
    edition: str = required(parse.edition)
    utterances: int = required(parse.count)
    speakers: int = required(parse.count)
    hours: float | None = required(parse.or_none(parse.number))
    language: str = required(parse.text)
    speaking: str = required(parse.text)
    emotions: str = required(parse.text)
    labels: Mapping[str, int] = required(parse.mapping_of(parse.count))
    merged: Mapping[str, str] = required(parse.mapping_of(parse.text))
    left_out: Mapping[str, int] = required(parse.mapping_of(parse.count))
    manifest_sha256: str = required(parse.text)
    dimension_scale: tuple[float, float] | None = optional(parse.interval)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A score of the matrix, or the reason why there is none.

    Arguments
    ---------
    system, row : str
    train : tuple of str
        The corpora trained on; those of a cell on the diagonal are the target itself.
    target : str
        The corpus tested on.
    model : str
        "all-data": trained on all of the source; "mean of folds" and "ensemble of folds": the models of the source's
        cross-validation, their mean score or their mean posteriors; "cross-validation": trained and tested on the
        target.
    method : str
        Name of the adaptation; "as-trained" for none.
    transductive : bool
        Whether unlabelled target data were used.
    n, speakers : int or None
        Tested utterances and their speakers.
    wa, uar : float or None
        Fractions; None where `note` says why.
    wa_ci95, uar_ci95 : (float, float) or None
        95 % interval over speakers.
    ccc : mapping or None
        With dimensions in place of classes: the CCC of each one.
    ccc_mean : float or None
        Their mean.
    ccc_ci95 : mapping or None
        The 95 % interval over speakers of each one, or None.
    confusion : tuple
        Counts [true class][recognised class].
    note : str
        Why there is no score, or what must be known with it; "".
    predictions : str
        predictions.csv, relative to the folder of the matrix; "".
    sha256 : str
        Hash of predictions.csv; "".
    command : str
        What was typed.
    """

    system: str = required(parse.name)
    row: str = required(parse.name)
    train: tuple[str, ...] = required(parse.names)
    target: str = required(parse.name)
    model: str = required(parse.checked(lambda value: value in MODELS))
    method: str = required(parse.name)
    transductive: bool = required(parse.flag)
    n: int | None = optional(parse.count)
    speakers: int | None = optional(parse.count)
    wa: float | None = optional(parse.share)
    uar: float | None = optional(parse.share)
    wa_ci95: tuple[float, float] | None = optional(parse.interval)
    uar_ci95: tuple[float, float] | None = optional(parse.interval)
    ccc: Mapping[str, float] | None = optional(parse.mapping_of(parse.number))
    ccc_mean: float | None = optional(parse.number)
    ccc_ci95: Mapping[str, tuple[float, float] | None] | None = optional(
        parse.mapping_of(parse.or_none(parse.interval))
    )
    confusion: tuple[tuple[int, ...], ...] | None = optional(parse.list_of(parse.list_of(parse.count)))
    note: str | None = optional(parse.text)
    predictions: str | None = optional(parse.text)
    sha256: str | None = optional(parse.text)
    command: str | None = optional(parse.text)

    @property
    def is_scored(self) -> bool:
        """Whether there is a score."""
        return self.uar is not None or self.ccc is not None

    def score(self, name: str) -> Score | None:
        """UAR with its interval, or the CCC of a dimension with its own; None where there is none.

        Arguments
        ---------
        name : str
            "uar", or the name of a dimension.
        """
        if name == UAR:
            return None if self.uar is None else Score(self.uar, self.uar_ci95)
        if self.ccc is None or name not in self.ccc:
            return None
        return Score(self.ccc[name], (self.ccc_ci95 or {}).get(name))

    @property
    def is_within(self) -> bool:
        """Whether the cell is on the diagonal: trained on the corpus that is tested."""
        return self.train == (self.target,)


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """All cells of systems, sources, targets and methods on the same classes.

    Arguments
    ---------
    source : str
        "real" or "mini".
    classes : tuple of str
        The shared classes, in the order of their indices; empty with dimensions.
    dimensions : tuple of str or None
        In place of classes: of valence, activation, dominance.
    shared_classes : str
        "train": models were trained on the shared classes alone; "renormalise": on all classes of the source, and
        the posteriors of the shared ones were divided by their sum.
    corpora : tuple of CorpusCard
        In the order of the rows and columns.
    systems, methods : tuple of str
        In the order of the tables.
    cells : tuple of Cell
    overlaps : mapping
        What two corpora share, by "A + B": same audio is refused, same sentences and speakers' names are declared.
    command : str
        What was typed.
    """

    source: str = required(parse.source)
    classes: tuple[str, ...] = required(parse.texts)
    shared_classes: str = required(parse.text)
    corpora: tuple[CorpusCard, ...] = required(parse.list_of(parse.record_of(CorpusCard)))
    systems: tuple[str, ...] = required(parse.names)
    methods: tuple[str, ...] = required(parse.names)
    cells: tuple[Cell, ...] = required(parse.list_of(parse.record_of(Cell)))
    overlaps: Mapping[str, tuple[str, ...]] = required(parse.mapping_of(parse.texts))
    commit: str = required(parse.text)
    command: str = required(parse.text)
    dimensions: tuple[str, ...] | None = optional(parse.names)

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores that each cell has an interval of: "uar", or the dimensions."""
        return self.dimensions or (UAR,)

    def of(self, **values: Any) -> list[Cell]:
        """Cells whose fields have the values asked for, in order."""
        return [cell for cell in self.cells if all(getattr(cell, name) == value for name, value in values.items())]

    @property
    def names(self) -> list[str]:
        """Names of the corpora, in order."""
        return [card.corpus for card in self.corpora]


def write_matrix(folder: str | Path, matrix: Matrix) -> Path:
    """Write matrix.json, sealed with its hash."""
    path = Path(folder) / FILE
    write_sealed(path, {"schema": SCHEMA, **write_fields(matrix, Matrix)})
    return path


def read_matrix(path: str | Path, made_by: str = "recipes/shared/cross_corpus.sh") -> Matrix:
    """Read matrix.json.

    Raises
    ------
    UserError
        The file is missing, damaged, or not what the command writes.
    """
    record = read_sealed(path, made_by)
    if record.get("schema") != SCHEMA:
        raise UserError(f"{path}: expected schema {SCHEMA}, found {record.get('schema')}: make it again: {made_by}")
    try:
        matrix = read_record(Matrix, record)
        if bool(matrix.dimensions) == bool(matrix.classes) or len(set(matrix.classes)) < len(matrix.classes):
            raise UnexpectedField(f"classes: expected classes or dimensions, found {list(matrix.classes)}")
        return matrix
    except UnexpectedField as fault:
        raise UserError(f"{path}: {fault}: make it again: {made_by}") from None
