"""A run's scores by class and by speaker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.metrics.classes import unweighted_average_recall, weighted_accuracy
from speechbrain_ext.utils.text import DASH, natural_key, percent


@dataclass(frozen=True)
class ClassScores:
    """Recall and precision of a class, None where nothing is counted, and the class that its errors went to most."""

    name: str
    n: int
    recall: float | None
    precision: float | None
    mistaken: str


@dataclass(frozen=True)
class SpeakerScores:
    """WA, and UAR over the classes that the speaker has."""

    name: str
    n: int
    wa: float
    uar: float
    folds: str


def by_class(results: Results) -> list[ClassScores]:
    """Score each class of the pooled confusion matrix."""
    confusion, classes = np.array(results.pooled.confusion), results.target.names  # [true class, recognised class]
    rows = []
    for number, name in enumerate(classes):
        n, found = int(confusion[number].sum()), int(confusion[:, number].sum())
        errors = confusion[number].copy()  # [recognised class]
        errors[number] = 0
        correct = int(confusion[number, number])
        recall, precision = (correct / count if count else None for count in (n, found))
        rows.append(ClassScores(name, n, recall, precision, _most_often(classes, errors)))
    return rows


def by_speaker(predictions: Iterable[Prediction]) -> list[SpeakerScores]:
    """Score each speaker of a run's predictions, sorted by the numbers in the names."""
    rows: dict[str, list[Prediction]] = {}
    for row in predictions:
        rows.setdefault(row.speaker, []).append(row)
    return [_of_speaker(name, rows[name]) for name in sorted(rows, key=natural_key)]


def worst_speaker(speakers: Sequence[SpeakerScores]) -> str:
    """Name the one speaker whose UAR is below that of all others; empty where several have the lowest, as printed."""
    lowest = min((speaker.uar for speaker in speakers), default=0.0)
    names = [speaker.name for speaker in speakers if percent(speaker.uar) == percent(lowest)]
    return names[0] if len(names) == 1 and len(speakers) > 1 else ""


def _most_often(classes: Sequence[str], errors: np.ndarray) -> str:
    if not errors.any():
        return DASH
    names = [name for name, count in zip(classes, errors, strict=True) if count == errors.max()]
    return f"{', '.join(names)} ({errors.max()}{' each' if len(names) > 1 else ''})"


def _of_speaker(name: str, rows: Sequence[Prediction]) -> SpeakerScores:
    truth, prediction = [row.label for row in rows], [row.prediction for row in rows]
    folds = ", ".join(sorted({row.fold for row in rows}, key=natural_key))
    wa, uar = weighted_accuracy(truth, prediction), unweighted_average_recall(truth, prediction)
    return SpeakerScores(name, len(rows), wa, uar, folds)
