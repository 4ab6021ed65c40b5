"""A run's scores by class and by speaker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from speechbrain_ext.evaluation.predictions import Prediction
from speechbrain_ext.metrics.classes import unweighted_average_recall, weighted_accuracy
from speechbrain_ext.utils import text


def by_class(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Score each class of the pooled confusion matrix.

    Arguments
    ---------
    results : dict
        The content of results.json.

    Returns
    -------
    classes : list of dict
        name, n, recall and precision (None where nothing is counted), mistaken: where its errors went most.

    Example
    -------
    >>> confusion = [[3, 1], [0, 0]]
    >>> by_class({"classes": ["anger", "fear"], "pooled": {"confusion": confusion}})[0]["mistaken"]
    'fear (1)'
    """
    confusion = np.array(results["pooled"]["confusion"])  # [true class, predicted class]
    rows = []
    for number, name in enumerate(results["classes"]):
        n, found = int(confusion[number].sum()), int(confusion[:, number].sum())
        wrong = confusion[number].copy()  # [predicted class]
        wrong[number] = 0
        correct = int(confusion[number, number])
        rows.append(
            {
                "name": name,
                "n": n,
                "recall": correct / n if n else None,
                "precision": correct / found if found else None,
                "mistaken": _most_often(results["classes"], wrong),
            }
        )
    return rows


def by_speaker(predictions: Iterable[Prediction]) -> list[dict[str, Any]]:
    """Score each speaker.

    Arguments
    ---------
    predictions : iterable of Prediction
        Every tested utterance of a run.

    Returns
    -------
    speakers : list of dict
        name, n, wa, uar (over the classes that the speaker has), folds; sorted by the numbers in the names.
    """
    rows: dict[str, list[Prediction]] = {}
    for row in predictions:
        rows.setdefault(row.speaker, []).append(row)
    return [{"name": name, **_scores(rows[name])} for name in sorted(rows, key=text.natural_key)]


def worst_speaker(speakers: Sequence[dict[str, Any]]) -> str:
    """Name the one speaker whose UAR is below that of all others; empty where several have the lowest, as printed.

    Example
    -------
    >>> worst_speaker([{"name": "03", "uar": 0.7}, {"name": "08", "uar": 0.6}]), worst_speaker([])
    ('08', '')
    >>> worst_speaker([{"name": "03", "uar": 0.6}, {"name": "08", "uar": 0.6}, {"name": "09", "uar": 0.7}])
    ''
    """
    lowest = min((speaker["uar"] for speaker in speakers), default=0.0)
    names = [speaker["name"] for speaker in speakers if text.percent(speaker["uar"]) == text.percent(lowest)]
    return names[0] if len(names) == 1 and len(speakers) > 1 else ""


def _most_often(classes: Sequence[str], wrong: np.ndarray) -> str:
    """The class that errors went to most, or all of them where several were equally frequent."""
    if not wrong.any():
        return text.DASH
    names = [name for name, count in zip(classes, wrong, strict=True) if count == wrong.max()]
    return f"{', '.join(names)} ({wrong.max()}{' each' if len(names) > 1 else ''})"


def _scores(rows: Sequence[Prediction]) -> dict[str, Any]:
    truth, prediction = [row.label for row in rows], [row.prediction for row in rows]
    return {
        "n": len(rows),
        "wa": weighted_accuracy(truth, prediction),
        "uar": unweighted_average_recall(truth, prediction),
        "folds": ", ".join(sorted({row.fold for row in rows}, key=text.natural_key)),
    }
