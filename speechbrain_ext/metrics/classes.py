"""Scores of utterance-level emotion recognition: WA, UAR, macro-F1, confusion, calibration.

Fractions everywhere, never per cent. Classes are integers from 0. WA is the
papers' weighted accuracy (correct / all), UAR their unweighted accuracy (UA).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from speechbrain_ext.metrics.speakers import pair, speaker_index

METRICS = ("wa", "uar", "macro_f1")


def weighted_accuracy(truth: Sequence[Any] | np.ndarray, prediction: Sequence[Any] | np.ndarray) -> float:
    """Share of utterances that are recognised (WA).

    Arguments
    ---------
    truth : sequence
        One class per utterance.
    prediction : sequence
        One class per utterance, in the same order.

    Returns
    -------
    accuracy : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        The lengths differ or there is no utterance.

    Example
    -------
    >>> weighted_accuracy([0, 0, 0, 1], [0, 0, 1, 1])
    0.75
    """
    truth, prediction = pair(truth, prediction)
    return float(np.mean(truth == prediction))


def unweighted_average_recall(truth: Sequence[Any] | np.ndarray, prediction: Sequence[Any] | np.ndarray) -> float:
    """Mean over classes of recall (UAR, the papers' UA); a class without utterances does not enter.

    Arguments
    ---------
    truth : sequence
        One class per utterance.
    prediction : sequence
        One class per utterance, in the same order.

    Returns
    -------
    uar : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        The lengths differ or there is no utterance.

    Example
    -------
    >>> round(unweighted_average_recall([0, 0, 0, 1], [0, 0, 1, 1]), 4)
    0.8333
    """
    truth, prediction = pair(truth, prediction)
    _, members = np.unique(truth, return_inverse=True)
    correct = np.bincount(members, weights=truth == prediction)
    return float(np.mean(correct / np.bincount(members)))


def confusion_matrix(
    truth: Sequence[int] | np.ndarray, prediction: Sequence[int] | np.ndarray, n_classes: int | None = None
) -> np.ndarray:
    """Count the utterances of each true class (row) that went to each class (column).

    Arguments
    ---------
    truth : sequence of int
        One class per utterance.
    prediction : sequence of int
        One class per utterance, in the same order.
    n_classes : int
        Number of classes; by default the largest class plus one.

    Returns
    -------
    confusion : numpy.ndarray
        Counts [true class, predicted class].

    Raises
    ------
    ValueError
        The lengths differ, there is no utterance, or a class is out of range.

    Example
    -------
    >>> confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1], 2).tolist()
    [[2, 1], [0, 1]]
    """
    truth, prediction = pair(truth, prediction)
    n_classes = _number_of_classes(truth, prediction, n_classes)
    cells = np.bincount(truth * n_classes + prediction, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes)  # [true class, predicted class]


def scores_of_confusion(confusion: np.ndarray, metric: str) -> np.ndarray:
    """Score one confusion matrix, or many at once.

    Arguments
    ---------
    confusion : numpy.ndarray
        Counts [..., true class, predicted class], none empty.
    metric : str
        "wa", "uar" or "macro_f1".

    Returns
    -------
    score : numpy.ndarray
        [...], between 0 and 1.

    Raises
    ------
    ValueError
        The metric is unknown.

    Example
    -------
    >>> float(scores_of_confusion(np.array([[2, 1], [0, 1]]), "wa"))
    0.75
    """
    if metric not in METRICS:
        raise ValueError(f"metric: expected one of {', '.join(METRICS)}, found {metric!r}")
    correct = np.diagonal(confusion, axis1=-2, axis2=-1).astype(float)  # [..., class]
    true = confusion.sum(axis=-1)  # [..., class]
    if metric == "wa":
        return correct.sum(axis=-1) / true.sum(axis=-1)  # [...]
    if metric == "uar":
        part, total = correct, true
    else:
        part, total = 2 * correct, true + confusion.sum(axis=-2)  # [..., class]
    share = np.divide(part, total, out=np.zeros_like(correct), where=total > 0)  # [..., class]
    return share.sum(axis=-1) / (total > 0).sum(axis=-1)  # [...]


def expected_calibration_error(
    probabilities: Sequence[Sequence[float]] | np.ndarray, truth: Sequence[int] | np.ndarray, n_bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy over equal-width bins of confidence.

    Arguments
    ---------
    probabilities : sequence of sequence of float
        Posteriors [utterance, class].
    truth : sequence of int
        One class per utterance.
    n_bins : int
        Number of bins; bin b holds confidences in (b / n_bins, (b + 1) / n_bins].

    Returns
    -------
    ece : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        As weighted_accuracy.

    Source
    ------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2, equations 2 and 3.

    Example
    -------
    >>> expected_calibration_error([[1.0, 0.0], [1.0, 0.0]], [0, 1])
    0.5
    """
    probabilities = np.asarray(probabilities, dtype=float)  # [utterance, class]
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities: expected [utterance, class], found {probabilities.ndim} dimensions")
    truth, prediction = pair(truth, probabilities.argmax(axis=1) if len(probabilities) else [])
    confidence = probabilities.max(axis=1)  # [utterance]
    edges = np.arange(1, n_bins) / n_bins
    bins = np.digitize(confidence, edges, right=True)  # [utterance]
    gap = np.bincount(bins, weights=(truth == prediction) - confidence, minlength=n_bins)  # [bin]
    return float(np.abs(gap).sum() / len(truth))


def confusions_by_speaker(
    truth: Sequence[int] | np.ndarray,
    prediction: Sequence[int] | np.ndarray,
    speakers: Sequence[Any] | np.ndarray,
    n_classes: int | None = None,
) -> np.ndarray:
    """Count the confusion matrix of each speaker; those of several speakers add up.

    Arguments
    ---------
    truth : sequence of int
        One class per utterance.
    prediction : sequence of int
        One class per utterance, in the same order.
    speakers : sequence
        One speaker per utterance, in the same order.
    n_classes : int
        Number of classes; by default the largest class plus one.

    Returns
    -------
    confusions : numpy.ndarray
        Counts [speaker, true class, predicted class], speakers in the order of their names.

    Raises
    ------
    ValueError
        The lengths differ, there is no utterance, or a class is out of range.

    Example
    -------
    >>> confusions_by_speaker([0, 1, 0, 1], [0, 1, 1, 1], ["a", "a", "b", "b"]).tolist()
    [[[1, 0], [0, 1]], [[0, 1], [0, 1]]]
    """
    truth, prediction = pair(truth, prediction)
    n_speakers, owner = speaker_index(speakers, len(truth))
    n_classes = _number_of_classes(truth, prediction, n_classes)
    cells = np.bincount((owner * n_classes + truth) * n_classes + prediction, minlength=n_speakers * n_classes**2)
    return cells.reshape(n_speakers, n_classes, n_classes)  # [speaker, true class, predicted class]


def _number_of_classes(truth: np.ndarray, prediction: np.ndarray, n_classes: int | None) -> int:
    lowest, largest = min(truth.min(), prediction.min()), max(truth.max(), prediction.max())
    n_classes = int(largest) + 1 if n_classes is None else n_classes
    if lowest < 0 or largest >= n_classes:
        raise ValueError(f"classes: expected 0 to {n_classes - 1}, found {lowest} to {largest}")
    return n_classes
