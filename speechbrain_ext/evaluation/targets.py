"""What a run recognises: classes, or values of dimensions such as valence; its predictions and its scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from speechbrain_ext.metrics.classes import (
    METRICS,
    confusion_matrix,
    expected_calibration_error,
    scores_of_confusion,
)
from speechbrain_ext.metrics.jackknife import class_jackknife, concordance_jackknife
from speechbrain_ext.metrics.speakers import Interval
from speechbrain_ext.metrics.values import concordance, mean_absolute_error, pearson
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
class ScoreNames:
    """Which scores a target has, by name; the score of a dimension is named with a dot, such as `ccc.valence`.

    Arguments
    ---------
    pooled : tuple of str
        Over the utterances of all folds.
    with_interval : tuple of str
        Those of them that have an interval over speakers.
    fold : tuple of str
        Of each fold.
    mean : tuple of str
        Those whose mean over folds is taken; the last one is the main score.
    summary : tuple of str
        Pooled ones whose mean over seeds is taken.
    """

    pooled: tuple[str, ...]
    with_interval: tuple[str, ...]
    fold: tuple[str, ...]
    mean: tuple[str, ...]
    summary: tuple[str, ...]


@dataclass(frozen=True)
class Classes:
    """Emotions as classes: WA, UAR, macro-F1 and calibration error, all fractions."""

    names: tuple[str, ...]
    scores = ScoreNames((*METRICS, "ece"), ("wa", "uar"), METRICS, ("wa", "uar"), (*METRICS, "ece"))
    # How a score is printed.
    number = staticmethod(percent)

    @property
    def columns(self) -> list[str]:
        """Columns of predictions.csv."""
        return [*COLUMNS, "label", "prediction", *(f"p_{name}" for name in self.names)]

    def cells(self, row: Prediction) -> list[str]:
        """Write what is predicted of an utterance as cells of predictions.csv."""
        return [row.label, row.prediction, *_exact(row.posteriors)]

    def prediction(self, row: Prediction, cells: Sequence[str]) -> Prediction:
        """Complete a prediction from its cells; ValueError where they are of another number or kind."""
        label, prediction, *numbers = cells
        return replace(row, label=label, prediction=prediction, posteriors=tuple(map(float, numbers)))

    def check(self, row: Prediction) -> None:
        """Refuse a prediction that does not fit the target, with a ValueError."""
        unknown = {row.label, row.prediction} - set(self.names)
        if unknown:
            raise ValueError(f"{row.id}: expected one of {', '.join(self.names)}, found {', '.join(sorted(unknown))}")
        _check_numbers(row.id, row.posteriors, len(self.names), "posteriors")

    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        """Compute all pooled scores of utterances."""
        truth, prediction = self._indices(rows)
        confusion = confusion_matrix(truth, prediction, len(self.names))
        scores = {metric: float(scores_of_confusion(confusion, metric)) for metric in METRICS}
        return scores | {"ece": expected_calibration_error([row.posteriors for row in rows], truth)}

    def intervals(self, rows: Sequence[Prediction]) -> dict[str, Interval | None]:
        """Compute the 95 % intervals over speakers."""
        indices, speakers = self._indices(rows), [row.speaker for row in rows]
        return {metric: class_jackknife(*indices, speakers, metric).interval for metric in self.scores.with_interval}

    def confusion(self, rows: Sequence[Prediction]) -> Confusion:
        """Count [true class][recognised class]; empty where there are no classes."""
        return tuple(map(tuple, confusion_matrix(*self._indices(rows), len(self.names)).tolist()))

    def _indices(self, rows: Sequence[Prediction]) -> tuple[np.ndarray, np.ndarray]:
        index = {name: number for number, name in enumerate(self.names)}
        return np.array([index[row.label] for row in rows]), np.array([index[row.prediction] for row in rows])


@dataclass(frozen=True)
class Dimensions:
    """Valence, activation, dominance: CCC and Pearson's correlation, and the mean absolute error in corpus units.

    It has the methods of `Classes`.
    """

    names: tuple[str, ...]
    number = staticmethod(decimal)

    @property
    def scores(self) -> ScoreNames:
        ccc, pearsons, errors = (tuple(f"{score}.{name}" for name in self.names) for score in ("ccc", "pearson", "mae"))
        means = (*ccc, "ccc_mean")
        return ScoreNames((*means, *pearsons, *errors), ccc, (*ccc, *errors), means, means)

    @property
    def columns(self) -> list[str]:
        return [*COLUMNS, *self.names, *(f"predicted_{name}" for name in self.names)]

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

        def interval(truth: np.ndarray, found: np.ndarray) -> Interval | None:
            return concordance_jackknife(truth, found, speakers).interval

        return self._score_each("ccc", interval, rows)

    def confusion(self, rows: Sequence[Prediction]) -> Confusion:
        return ()

    def _score_each(
        self, score: str, function: Callable[[np.ndarray, np.ndarray], T], rows: Sequence[Prediction]
    ) -> dict[str, T]:
        truth = np.array([row.values for row in rows]).T  # [dimension, utterance]
        found = np.array([row.predicted for row in rows]).T  # [dimension, utterance]
        return {f"{score}.{name}": function(x, y) for name, x, y in zip(self.names, truth, found, strict=True)}


# What a run recognises.
Target = Classes | Dimensions


def target_of(columns: Sequence[str]) -> Target | None:
    """Read the target from the columns of predictions.csv; None where these are others.

    Example
    -------
    >>> target_of(["id", "fold", "speaker", "valence", "predicted_valence"])
    Dimensions(names=('valence',))
    """
    classes = Classes(tuple(name.removeprefix("p_") for name in columns[5:]))
    dimensions = Dimensions(tuple(columns[len(COLUMNS) : (len(columns) + len(COLUMNS)) // 2]))
    fitting = (target for target in (classes, dimensions) if target.names and target.columns == list(columns))
    return next(fitting, None)


def dimension_of(score: str) -> str:
    """The dimension that a score is of; empty for a score of classes.

    Example
    -------
    >>> dimension_of("ccc.valence"), dimension_of("uar")
    ('valence', '')
    """
    return score.partition(".")[2]


def _exact(numbers: Sequence[float]) -> list[str]:
    return [format(number, ".17g") for number in numbers]


def _check_numbers(identity: str, numbers: Sequence[float], count: int, kind: str) -> None:
    if len(numbers) != count:
        raise ValueError(f"{identity}: expected {count} {kind}, found {len(numbers)}")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{identity}: expected finite {kind}, found {numbers}")
