"""Scores of values such as valence: CCC, Pearson's correlation and mean absolute error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from speechbrain_ext.metrics.speakers import pair, speaker_index


def concordance(truth: Sequence[float] | np.ndarray, prediction: Sequence[float] | np.ndarray) -> float:
    """Concordance correlation coefficient (CCC): how near pairs lie to the line of equality.

    Arguments
    ---------
    truth : sequence of float
        One value per utterance.
    prediction : sequence of float
        One value per utterance, in the same order and units.

    Returns
    -------
    ccc : float
        Between -1 and 1; 0 where either side is constant, as nothing goes together there.

    Raises
    ------
    ValueError
        The lengths differ or there is no utterance.

    Source
    ------
    Lin, Biometrics 45, 1989, equation 1, with the moments of the population.

    Example
    -------
    >>> round(concordance([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]), 4)
    0.5714
    """
    truth, prediction = pair(truth, prediction, float)
    centre = truth.mean()
    return float(concordance_of_sums(value_sums(truth - centre, prediction - centre)))


def pearson(truth: Sequence[float] | np.ndarray, prediction: Sequence[float] | np.ndarray) -> float:
    """Pearson's correlation: what the CCC would be were mean and deviation of the predictions right.

    Arguments
    ---------
    truth : sequence of float
        One value per utterance.
    prediction : sequence of float
        One value per utterance, in the same order.

    Returns
    -------
    correlation : float
        Between -1 and 1; 0 where either side is constant.

    Raises
    ------
    ValueError
        As concordance.

    Example
    -------
    >>> round(pearson([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]), 4)
    1.0
    """
    truth, prediction = pair(truth, prediction, float)
    if _is_constant(truth) or _is_constant(prediction):
        return 0.0
    x, y = truth - truth.mean(), prediction - prediction.mean()  # [utterance] each
    norm = np.linalg.norm(x) * np.linalg.norm(y)
    return float(np.clip(x @ y / norm, -1.0, 1.0)) if norm else 0.0


def mean_absolute_error(truth: Sequence[float] | np.ndarray, prediction: Sequence[float] | np.ndarray) -> float:
    """Mean distance between truth and prediction, in their units.

    Arguments
    ---------
    truth : sequence of float
        One value per utterance.
    prediction : sequence of float
        One value per utterance, in the same order and units.

    Raises
    ------
    ValueError
        As concordance.

    Example
    -------
    >>> mean_absolute_error([1.0, 2.0], [2.0, 4.0])
    1.5
    """
    truth, prediction = pair(truth, prediction, float)
    return float(np.abs(truth - prediction).mean())


def sums_by_speaker(
    truth: Sequence[float] | np.ndarray,
    prediction: Sequence[float] | np.ndarray,
    speakers: Sequence[Any] | np.ndarray,
) -> np.ndarray:
    """Compute what the CCC needs of each speaker; the sums of several speakers add up.

    Arguments
    ---------
    truth : sequence of float
        One value per utterance.
    prediction : sequence of float
        One value per utterance, in the same order and units.
    speakers : sequence
        One speaker per utterance, in the same order.

    Returns
    -------
    sums : numpy.ndarray
        Number, sums, sums of squares and of products [speaker, sum], speakers in the order of their names; values
        are taken relative to the mean of the truth, which the CCC does not depend on.

    Raises
    ------
    ValueError
        The lengths differ or there is no utterance.
    """
    truth, prediction = pair(truth, prediction, float)
    n_speakers, owner = speaker_index(speakers, len(truth))
    centre = truth.mean()
    parts = [value_sums(truth[owner == one] - centre, prediction[owner == one] - centre) for one in range(n_speakers)]
    return np.stack(parts)  # [speaker, sum]


def value_sums(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Number, sums, sums of squares and of products [..., sum] of values [..., utterance]."""
    number = np.full(truth.shape[:-1], truth.shape[-1], dtype=float)  # [...]
    products = ((truth * truth).sum(-1), (prediction * prediction).sum(-1), (truth * prediction).sum(-1))
    return np.stack([number, truth.sum(-1), prediction.sum(-1), *products], axis=-1)  # [..., sum]


def concordance_of_sums(sums: np.ndarray) -> np.ndarray:
    """Compute the CCC [...] of sums [..., sum], see `sums_by_speaker`."""
    n, truth, prediction, truth_2, prediction_2, product = np.moveaxis(sums, -1, 0)  # [...] each
    means = truth / n, prediction / n
    variances = np.maximum(truth_2 / n - means[0] ** 2, 0), np.maximum(prediction_2 / n - means[1] ** 2, 0)
    spread = variances[0] + variances[1] + (means[0] - means[1]) ** 2  # [...]
    # A variance of 0 may come out as what rounding leaves of it.
    is_flat = (variances[0] <= 1e-14 * truth_2 / n) | (variances[1] <= 1e-14 * prediction_2 / n)
    covariance = product / n - means[0] * means[1]
    return np.divide(2 * covariance, spread, out=np.zeros_like(spread), where=~is_flat)  # [...]


def _is_constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())
