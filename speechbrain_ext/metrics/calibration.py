"""Whether posteriors mean what they say: Brier score, likelihood, bins of confidence, and a fitted temperature.

The expected calibration error is in `metrics/classes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from speechbrain_ext.metrics.speakers import pair

# The warning of a run whose posteriors come from scores that estimate no probability.
NOT_CALIBRATED = "posteriors are a softmax of SVM scores, not calibrated"
N_BINS = 15
# A posterior below this counts as this: the logarithm of 0 would hide all others.
FLOOR = 1e-12
# Temperatures that are searched, as logarithms: 1/100 to 100.
TEMPERATURES = (-np.log(100), np.log(100))

Posteriors = Sequence[Sequence[float]] | np.ndarray
Classes = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Bin:
    """Utterances of similar confidence.

    Attributes
    ----------
    low, high : float
        Confidences in (low, high].
    n : int
    confidence, accuracy : float or None
        Means over the utterances; None where there is none.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def brier_score(posteriors: Posteriors, truth: Classes) -> float:
    """Mean over utterances of the squared distance between the posteriors and the true class: 0 is best, 2 worst.

    Arguments
    ---------
    posteriors : sequence of sequence of float
        [utterance, class].
    truth : sequence of int
        One class per utterance.

    Raises
    ------
    ValueError
        The lengths differ, there is no utterance, or a class is out of range.

    Source
    ------
    Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 78, 1950, equation 2.

    Example
    -------
    >>> round(brier_score([[0.8, 0.2], [0.4, 0.6]], [0, 0]), 2)
    0.4
    """
    posteriors, truth = _pair(posteriors, truth)
    is_true = np.eye(posteriors.shape[1])[truth]  # [utterance, class]
    return float(((posteriors - is_true) ** 2).sum(axis=1).mean())


def negative_log_likelihood(posteriors: Posteriors, truth: Classes) -> float:
    """Mean over utterances of minus the logarithm of the true class's posterior, in nats: 0 is best.

    Arguments and errors are those of `brier_score`; a posterior below `FLOOR` counts as `FLOOR`.

    Example
    -------
    >>> round(negative_log_likelihood([[0.5, 0.5], [0.5, 0.5]], [0, 1]), 4)
    0.6931
    """
    posteriors, truth = _pair(posteriors, truth)
    return float(-np.log(np.maximum(posteriors[np.arange(len(truth)), truth], FLOOR)).mean())


def reliability_bins(posteriors: Posteriors, truth: Classes, n_bins: int = N_BINS) -> list[Bin]:
    """Compare confidence and accuracy in bins of equal width, those of the expected calibration error.

    Arguments
    ---------
    posteriors, truth
        As `brier_score` takes them.
    n_bins : int
        Number of bins; the confidence is the largest posterior.

    Source
    ------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    posteriors, truth = _pair(posteriors, truth)
    confidence, is_right = posteriors.max(axis=1), posteriors.argmax(axis=1) == truth  # [utterance] each
    place = np.digitize(confidence, np.arange(1, n_bins) / n_bins, right=True)  # [utterance]
    bins = []
    for number in range(n_bins):
        inside = place == number
        n = int(inside.sum())
        means = (float(confidence[inside].mean()), float(is_right[inside].mean())) if n else (None, None)
        bins.append(Bin(number / n_bins, (number + 1) / n_bins, n, *means))
    return bins


def fit_temperature(posteriors: Posteriors, truth: Classes) -> float:
    """Find the temperature that makes posteriors likeliest, above 1 where they are too sure.

    It is fitted on a development set: on the tested utterances it would be too good.

    Arguments and errors are those of `brier_score`.

    Returns
    -------
    temperature : float
        Between 0.01 and 100.

    Source
    ------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2; logits are the logarithms of the
    posteriors, which differ from the network's by a constant that softmax takes out.
    """
    posteriors, truth = _pair(posteriors, truth)

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(apply_temperature(posteriors, float(np.exp(log_temperature))), truth)

    return float(np.exp(minimize_scalar(loss, bounds=TEMPERATURES, method="bounded", options={"xatol": 1e-8}).x))


def apply_temperature(posteriors: Posteriors, temperature: float | np.ndarray) -> np.ndarray:
    """Divide the logits of posteriors by a temperature [utterance, class]; the recognised class stays the same.

    The temperature is one for all utterances, or one for each, [utterance, 1].

    Example
    -------
    >>> apply_temperature([[0.9, 0.1]], 2.0).round(2).tolist()
    [[0.75, 0.25]]
    """
    logits = np.log(np.maximum(np.asarray(posteriors, dtype=float), FLOOR))  # [utterance, class]
    return softmax(logits / temperature, axis=1)


def _pair(posteriors: Posteriors, truth: Classes) -> tuple[np.ndarray, np.ndarray]:
    found = np.asarray(posteriors, dtype=float)  # [utterance, class]
    classes, found = pair(np.asarray(truth, dtype=int), found)
    if found.ndim != 2:
        raise ValueError(f"posteriors: expected [utterance, class], found {found.ndim} dimensions")
    if classes.min() < 0 or classes.max() >= found.shape[1]:
        raise ValueError(f"classes: expected 0 to {found.shape[1] - 1}, found {classes.min()} to {classes.max()}")
    return found, classes
