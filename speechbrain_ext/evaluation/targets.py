"""What a run recognises: classes, or values of dimensions such as valence; its predictions and its scores."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from speechbrain_ext.metrics.bootstrap import Interval
from speechbrain_ext.metrics.classes import (
    METRICS,
    confusion_matrix,
    expected_calibration_error,
    scores_of_confusion,
    speaker_bootstrap,
)
from speechbrain_ext.metrics.values import concordance, concordance_bootstrap, mean_absolute_error, pearson
from speechbrain_ext.utils.text import decimal, percent

Confusion = tuple[tuple[int, ...], ...]
COLUMNS = ("id", "fold", "speaker")
T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Prediction:
    """One tested utterance: of classes label, prediction and posteriors, of dimensions values and predicted.

    Arguments
    ---------
    fold : str
        Name of the fold that tested it.
    id : str
        The utterance's id in the manifest.
    speaker : str
    label, prediction : str
        The true emotion and the recognised one.
    posteriors : tuple of float
        One for each class, in the order of the classes.
    values, predicted : tuple of float
        The true and the predicted value of each dimension, in the corpus's units.
    """

    fold: str
    id: str
    speaker: str
    label: str = ""
    prediction: str = ""
    posteriors: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    predicted: tuple[float, ...] = ()


@dataclass(frozen=True)
class Target(ABC):
    """What a run recognises, and which scores it has.

    The score of a dimension is named with a dot, such as `ccc.valence`; `ccc_mean` is the mean over the dimensions.

    Arguments
    ---------
    names : tuple of str
        The classes, or the dimensions, in order.
    """

    names: tuple[str, ...]

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """Columns of predictions.csv."""

    @property
    @abstractmethod
    def pooled_scores(self) -> tuple[str, ...]:
        """Names of the scores over the utterances of all folds."""

    @property
    @abstractmethod
    def interval_scores(self) -> tuple[str, ...]:
        """Names of those that have an interval over speakers."""

    @property
    @abstractmethod
    def fold_scores(self) -> tuple[str, ...]:
        """Names of the scores of a fold."""

    @property
    @abstractmethod
    def mean_scores(self) -> tuple[str, ...]:
        """Names of the scores whose mean over folds is taken."""

    @property
    @abstractmethod
    def summary_scores(self) -> tuple[str, ...]:
        """Names of the pooled scores whose mean over seeds is taken."""

    @abstractmethod
    def number(self, value: float | None) -> str:
        """Write a score as it is printed."""

    @abstractmethod
    def cells(self, row: Prediction) -> list[str]:
        """Write an utterance's prediction as cells of predictions.csv."""

    @abstractmethod
    def prediction(self, row: Prediction, cells: Sequence[str]) -> Prediction:
        """Complete a prediction from its cells; ValueError where they are of another number or kind."""

    @abstractmethod
    def check(self, row: Prediction) -> None:
        """Refuse a prediction that does not fit the target, with a ValueError."""

    @abstractmethod
    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        """Compute all `pooled_scores` of utterances."""

    @abstractmethod
    def intervals(self, rows: Sequence[Prediction]) -> dict[str, Interval | None]:
        """Compute the 95 % intervals over speakers of all `interval_scores`."""

    @abstractmethod
    def confusion(self, rows: Sequence[Prediction]) -> Confusion:
        """Count [true class][recognised class]; empty where there are no classes."""


@dataclass(frozen=True)
class Classes(Target):
    """Emotions as classes: WA, UAR, macro-F1 and calibration error, all fractions."""

    @classmethod
    def of_columns(cls, head: Sequence[str]) -> Classes | None:
        """Read the classes from the columns of predictions.csv; None where these are others."""
        target = cls(tuple(name.removeprefix("p_") for name in head[5:]))
        return target if target.names and target.columns == list(head) else None

    @property
    def columns(self) -> list[str]:
        return [*COLUMNS, "label", "prediction", *(f"p_{name}" for name in self.names)]

    @property
    def pooled_scores(self) -> tuple[str, ...]:
        return (*METRICS, "ece")

    @property
    def interval_scores(self) -> tuple[str, ...]:
        return ("wa", "uar")

    @property
    def fold_scores(self) -> tuple[str, ...]:
        return METRICS

    @property
    def mean_scores(self) -> tuple[str, ...]:
        return ("wa", "uar")

    @property
    def summary_scores(self) -> tuple[str, ...]:
        return self.pooled_scores

    def number(self, value: float | None) -> str:
        return percent(value)

    def cells(self, row: Prediction) -> list[str]:
        return [row.label, row.prediction, *_exact(row.posteriors)]

    def prediction(self, row: Prediction, cells: Sequence[str]) -> Prediction:
        label, prediction, *numbers = cells
        return replace(row, label=label, prediction=prediction, posteriors=tuple(map(float, numbers)))

    def check(self, row: Prediction) -> None:
        unknown = {row.label, row.prediction} - set(self.names)
        if unknown:
            raise ValueError(f"{row.id}: expected one of {', '.join(self.names)}, found {', '.join(sorted(unknown))}")
        _check_numbers(row.id, row.posteriors, len(self.names), "posteriors")

    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        truth, prediction = self._indices(rows)
        confusion = confusion_matrix(truth, prediction, len(self.names))
        scores = {metric: float(scores_of_confusion(confusion, metric)) for metric in METRICS}
        return scores | {"ece": expected_calibration_error([row.posteriors for row in rows], truth)}

    def intervals(self, rows: Sequence[Prediction]) -> dict[str, Interval | None]:
        indices, speakers = self._indices(rows), [row.speaker for row in rows]
        return {metric: speaker_bootstrap(*indices, speakers, metric) for metric in self.interval_scores}

    def confusion(self, rows: Sequence[Prediction]) -> Confusion:
        return tuple(map(tuple, confusion_matrix(*self._indices(rows), len(self.names)).tolist()))

    def _indices(self, rows: Sequence[Prediction]) -> tuple[np.ndarray, np.ndarray]:
        index = {name: number for number, name in enumerate(self.names)}
        return np.array([index[row.label] for row in rows]), np.array([index[row.prediction] for row in rows])


@dataclass(frozen=True)
class Dimensions(Target):
    """Valence, activation, dominance: CCC and Pearson's correlation, and the mean absolute error in corpus units."""

    @classmethod
    def of_columns(cls, head: Sequence[str]) -> Dimensions | None:
        """Read the dimensions from the columns of predictions.csv; None where these are others."""
        target = cls(tuple(head[len(COLUMNS) : (len(head) + len(COLUMNS)) // 2]))
        return target if target.names and target.columns == list(head) else None

    @property
    def columns(self) -> list[str]:
        return [*COLUMNS, *self.names, *(f"predicted_{name}" for name in self.names)]

    @property
    def pooled_scores(self) -> tuple[str, ...]:
        return (*self._of_each("ccc"), "ccc_mean", *self._of_each("pearson"), *self._of_each("mae"))

    @property
    def interval_scores(self) -> tuple[str, ...]:
        return self._of_each("ccc")

    @property
    def fold_scores(self) -> tuple[str, ...]:
        return (*self._of_each("ccc"), *self._of_each("mae"))

    @property
    def mean_scores(self) -> tuple[str, ...]:
        return (*self._of_each("ccc"), "ccc_mean")

    @property
    def summary_scores(self) -> tuple[str, ...]:
        return self.mean_scores

    def number(self, value: float | None) -> str:
        return decimal(value)

    def cells(self, row: Prediction) -> list[str]:
        return _exact((*row.values, *row.predicted))

    def prediction(self, row: Prediction, cells: Sequence[str]) -> Prediction:
        numbers, count = tuple(map(float, cells)), len(self.names)
        return replace(row, values=numbers[:count], predicted=numbers[count:])

    def check(self, row: Prediction) -> None:
        for kind, numbers in (("true", row.values), ("predicted", row.predicted)):
            _check_numbers(row.id, numbers, len(self.names), f"{kind} values")

    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        ccc = self._score_each("ccc", concordance, rows)
        scores = ccc | {"ccc_mean": float(np.mean(list(ccc.values())))}
        return scores | self._score_each("pearson", pearson, rows) | self._score_each("mae", mean_absolute_error, rows)

    def intervals(self, rows: Sequence[Prediction]) -> dict[str, Interval | None]:
        speakers = [row.speaker for row in rows]
        return self._score_each("ccc", lambda *values: concordance_bootstrap(*values, speakers), rows)

    def confusion(self, rows: Sequence[Prediction]) -> Confusion:
        return ()

    def _of_each(self, score: str) -> tuple[str, ...]:
        return tuple(f"{score}.{name}" for name in self.names)

    def _score_each(
        self, score: str, function: Callable[[np.ndarray, np.ndarray], T], rows: Sequence[Prediction]
    ) -> dict[str, T]:
        truth = np.array([row.values for row in rows]).T  # [dimension, utterance]
        found = np.array([row.predicted for row in rows]).T  # [dimension, utterance]
        return {name: function(*pair) for name, *pair in zip(self._of_each(score), truth, found, strict=True)}


def _exact(numbers: Sequence[float]) -> list[str]:
    return [format(number, ".17g") for number in numbers]


def _check_numbers(identity: str, numbers: Sequence[float], count: int, kind: str) -> None:
    if len(numbers) != count:
        raise ValueError(f"{identity}: expected {count} {kind}, found {len(numbers)}")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{identity}: expected finite {kind}, found {numbers}")
