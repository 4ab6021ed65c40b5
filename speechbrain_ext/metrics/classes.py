"""Scores of utterance-level emotion recognition: WA, UAR, macro-F1, confusion, calibration, intervals.

Fractions everywhere, never per cent. Classes are whole numbers from 0. WA is the
papers' weighted accuracy (correct / all), UAR their unweighted accuracy (UA).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    truth, prediction = _pair(truth, prediction)
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
    truth, prediction = _pair(truth, prediction)
    _, members = np.unique(truth, return_inverse=True)
    correct = np.bincount(members, weights=truth == prediction)
    return float(np.mean(correct / np.bincount(members)))


def macro_f1(
    truth: Sequence[int] | np.ndarray, prediction: Sequence[int] | np.ndarray, n_classes: int | None = None
) -> float:
    """Mean over classes of F1; a class that is neither true nor predicted anywhere does not enter.

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
    f1 : float
        Between 0 and 1.

    Example
    -------
    >>> round(macro_f1([0, 0, 0, 1], [0, 0, 1, 1], 2), 4)
    0.7333
    """
    return float(scores_of_confusion(confusion_matrix(truth, prediction, n_classes), "macro_f1"))


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
        Whole numbers [true class, predicted class].

    Raises
    ------
    ValueError
        The lengths differ, there is no utterance, or a class is out of range.

    Example
    -------
    >>> confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1], 2).tolist()
    [[2, 1], [0, 1]]
    """
    truth, prediction = _pair(truth, prediction)
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
        part, whole = correct, true
    else:
        part, whole = 2 * correct, true + confusion.sum(axis=-2)  # [..., class]
    share = np.divide(part, whole, out=np.zeros_like(correct), where=whole > 0)  # [..., class]
    return share.sum(axis=-1) / (whole > 0).sum(axis=-1)  # [...]


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
    truth, prediction = _pair(truth, probabilities.argmax(axis=1) if len(probabilities) else [])
    confidence = probabilities.max(axis=1)  # [utterance]
    edges = np.arange(1, n_bins) / n_bins
    bins = np.digitize(confidence, edges, right=True)  # [utterance]
    gap = np.bincount(bins, weights=(truth == prediction) - confidence, minlength=n_bins)  # [bin]
    return float(np.abs(gap).sum() / len(truth))


def speaker_bootstrap(
    truth: Sequence[int] | np.ndarray,
    prediction: Sequence[int] | np.ndarray,
    speakers: Sequence[Any] | np.ndarray,
    metric: str,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Give a 95 % percentile interval of a score, drawing whole SPEAKERS with replacement.

    Utterances of one speaker are not independent, so they are drawn together.

    Arguments
    ---------
    truth : sequence of int
        One class per utterance.
    prediction : sequence of int
        One class per utterance, in the same order.
    speakers : sequence
        One speaker per utterance, in the same order.
    metric : str
        "wa", "uar" or "macro_f1".
    draws : int
        Number of draws.
    seed : int
        Seed of the draws; the order of the utterances plays no part.

    Returns
    -------
    interval : tuple of float or None
        The 2.5th and the 97.5th percentile; None for one speaker, whose draws are all the same.

    Raises
    ------
    ValueError
        The lengths differ, there is no utterance, or the metric is unknown.

    Source
    ------
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile interval).

    Example
    -------
    >>> speaker_bootstrap([0, 1, 0, 1], [0, 1, 1, 1], ["a", "a", "b", "b"], "wa")
    (0.5, 1.0)
    """
    truth, prediction = _pair(truth, prediction)
    if len(speakers) != len(truth):
        raise ValueError(f"speakers and truth differ in length: {len(speakers)} != {len(truth)}")
    names, owner = np.unique(np.asarray(speakers), return_inverse=True)
    n_classes, n_speakers = _number_of_classes(truth, prediction, None), len(names)
    cells = np.bincount(
        (owner * n_classes + truth) * n_classes + prediction, minlength=n_speakers * n_classes**2
    ).reshape(n_speakers, n_classes**2)  # [speaker, cell]
    drawn = np.random.default_rng(seed).integers(n_speakers, size=(draws, n_speakers))  # [draw, speaker]
    # One bincount over all draws: how often draw d took speaker s.
    flat = (np.arange(draws)[:, None] * n_speakers + drawn).ravel()  # [draw * speaker]
    times = np.bincount(flat, minlength=draws * n_speakers).reshape(draws, n_speakers)  # [draw, speaker]
    confusions = (times @ cells).reshape(draws, n_classes, n_classes)  # [draw, true class, predicted class]
    scores = scores_of_confusion(confusions, metric)  # [draw]
    low, high = np.percentile(scores, [2.5, 97.5])
    return None if n_speakers == 1 else (float(low), float(high))


def _pair(truth: Any, prediction: Any) -> tuple[np.ndarray, np.ndarray]:
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if len(truth) != len(prediction):
        raise ValueError(f"truth and prediction differ in length: {len(truth)} != {len(prediction)}")
    if len(truth) == 0:
        raise ValueError("truth and prediction: expected at least one utterance, found none")
    return truth, prediction


def _number_of_classes(truth: np.ndarray, prediction: np.ndarray, n_classes: int | None) -> int:
    lowest, largest = min(truth.min(), prediction.min()), max(truth.max(), prediction.max())
    n_classes = int(largest) + 1 if n_classes is None else n_classes
    if lowest < 0 or largest >= n_classes:
        raise ValueError(f"classes: expected 0 to {n_classes - 1}, found {lowest} to {largest}")
    return n_classes
