"""A run's scores by class and by speaker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from speechbrain_ext.metrics import unweighted_average_recall, weighted_accuracy
from speechbrain_ext.report import text
from speechbrain_ext.report.predictions import Prediction


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
                "mistaken": f"{results['classes'][int(wrong.argmax())]} ({wrong.max()})" if wrong.any() else text.DASH,
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
        name, n, wa, uar (over the classes that the speaker has), folds; sorted by name.
    """
    rows: dict[str, list[Prediction]] = {}
    for row in predictions:
        rows.setdefault(row.speaker, []).append(row)
    return [{"name": name, **_scores(own)} for name, own in sorted(rows.items())]


def worst_speaker(speakers: Sequence[dict[str, Any]]) -> str:
    """Name the speaker with the lowest UAR, the first of several; empty where there are no two to compare.

    Example
    -------
    >>> worst_speaker([{"name": "03", "uar": 0.7}, {"name": "08", "uar": 0.6}]), worst_speaker([])
    ('08', '')
    """
    return min(speakers, key=lambda speaker: speaker["uar"])["name"] if len(speakers) > 1 else ""


def _scores(rows: Sequence[Prediction]) -> dict[str, Any]:
    truth, prediction = [row.label for row in rows], [row.prediction for row in rows]
    return {
        "n": len(rows),
        "wa": weighted_accuracy(truth, prediction),
        "uar": unweighted_average_recall(truth, prediction),
        "folds": ", ".join(sorted({row.fold for row in rows})),
    }
