"""95 % intervals of scores over SPEAKERS: the delete-one-speaker jackknife with a t quantile.

Utterances of one speaker are not independent. The unit is therefore the speaker: a score is computed again without
each speaker in turn, and the spread of these scores says how much it depends on who was tested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, stdtrit

from speechbrain_ext.metrics.classes import confusions_by_speaker, scores_of_confusion
from speechbrain_ext.metrics.speakers import Interval
from speechbrain_ext.metrics.values import concordance_of_sums, sums_by_speaker

LEVEL = 0.95


@dataclass(frozen=True)
class Scale:
    """A scale on which a score is nearer to normal than on its own.

    Attributes
    ----------
    to, back : callable
        From the score to the scale, where the ends of the score's range are infinite, and back.
    """

    to: Callable[[Any], Any]
    back: Callable[[Any], Any]


SHARE = Scale(logit, expit)
# Fisher's z.
CORRELATION = Scale(np.arctanh, np.tanh)
DIFFERENCE = Scale(np.asarray, np.asarray)


@dataclass(frozen=True)
class Jackknife:
    """A score with its spread over speakers.

    Attributes
    ----------
    value : float
        The score of all speakers.
    interval : tuple of float or None
        Ends of the 95 % interval; None for one speaker, and where the score, or the score without one of the
        speakers, is at an end of its range, such as 0 or 1.
    standard_error : float or None
        On the scale of the interval: the logit of a share, Fisher's z of a CCC, a difference as it is.
    n_speakers : int
    n_without_class : int
        How many speakers are the only ones of some class: without such a speaker UAR is of fewer classes.
    """

    value: float
    interval: Interval | None
    standard_error: float | None
    n_speakers: int
    n_without_class: int = 0


def class_jackknife(
    truth: Sequence[int] | np.ndarray,
    prediction: Sequence[int] | np.ndarray,
    speakers: Sequence[Any] | np.ndarray,
    metric: str,
) -> Jackknife:
    """Compute a score of classes with its 95 % interval over speakers, on the logit scale.

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

    Raises
    ------
    ValueError
        The lengths differ, there is no utterance, or the metric is unknown.

    Source
    ------
    As `jackknife`.

    Example
    -------
    >>> found = class_jackknife([0, 1] * 6, [0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1], list("aaaabbbbcccc"), "uar")
    >>> round(found.value, 3), [round(end, 3) for end in found.interval], found.n_speakers
    (0.583, [0.057, 0.97], 3)
    """
    confusions = confusions_by_speaker(truth, prediction, speakers)  # [speaker, true class, predicted class]
    true = confusions.sum(axis=2)  # [speaker, class]
    alone = (true == true.sum(axis=0)) & (true > 0)  # [speaker, class]
    n_without = int(alone.any(axis=1).sum()) if len(true) > 1 else 0
    return jackknife(confusions, lambda cells: scores_of_confusion(cells, metric), SHARE, n_without)


def concordance_jackknife(
    truth: Sequence[float] | np.ndarray,
    prediction: Sequence[float] | np.ndarray,
    speakers: Sequence[Any] | np.ndarray,
) -> Jackknife:
    """Compute the CCC with its 95 % interval over speakers, on the scale of Fisher's z.

    Arguments
    ---------
    truth : sequence of float
        One value per utterance.
    prediction : sequence of float
        One value per utterance, in the same order and units.
    speakers : sequence
        One speaker per utterance, in the same order.

    Raises
    ------
    ValueError
        The lengths differ or there is no utterance.

    Source
    ------
    As `jackknife`; Fisher's z for the CCC: Lin, Biometrics 45, 1989, section 3.
    """
    return jackknife(sums_by_speaker(truth, prediction, speakers), concordance_of_sums, CORRELATION)


def jackknife(
    statistics: np.ndarray, score: Callable[[np.ndarray], np.ndarray], scale: Scale, n_without_class: int = 0
) -> Jackknife:
    """Compute a score with its 95 % interval over speakers.

    Arguments
    ---------
    statistics : numpy.ndarray
        What the score is computed from [speaker, ...], such that several speakers add up.
    score : callable
        Scores many sums [..., of one speaker] at once: [...].
    scale : Scale
        Where the interval is computed; its ends are mapped back.
    n_without_class : int
        Copied to the result.

    Source
    ------
    Efron and Stein, "The Jackknife Estimate of Variance", Annals of Statistics 9, 1981, of speakers in place of
    observations: (G - 1) / G times the sum of squares about the mean of the G deletions. A t quantile of
    G - 1 degrees of freedom for few clusters: Cameron and Miller, "A Practitioner's Guide to Cluster-Robust
    Inference", Journal of Human Resources 50, 2015, section VI; the jackknife over clusters is their CR3.
    """
    value = float(score(statistics.sum(axis=0)))
    low, high, error = (float(one) for one in interval_ends(statistics, score, scale))
    is_known = bool(np.isfinite(error))
    return Jackknife(
        value, (low, high) if is_known else None, error if is_known else None, len(statistics), n_without_class
    )


def interval_ends(
    statistics: np.ndarray, score: Callable[[np.ndarray], np.ndarray], scale: Scale, axis: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the ends of the intervals of many data sets at once, see `jackknife`.

    Arguments
    ---------
    statistics : numpy.ndarray
        [..., speaker, ...], with the axes of data sets first.
    score, scale
        As `jackknife` takes them.
    axis : int
        Which axis is the speaker's.

    Returns
    -------
    low, high, standard_error : numpy.ndarray
        [...] each, of the axes before the speaker's; nan where there is no interval.
    """
    n_speakers = statistics.shape[axis]
    total = statistics.sum(axis=axis)  # [..., ...]
    if n_speakers < 2:
        nothing = np.full(score(total).shape, np.nan)
        return nothing, nothing, nothing
    deleted = score(np.expand_dims(total, axis) - statistics)  # [..., speaker]
    with np.errstate(divide="ignore", invalid="ignore"):
        centre, moved = scale.to(score(total)), scale.to(deleted)  # [...], [..., speaker]
        # A score at the end of its range is infinite here: its distance from the mean is nan, and so is the error.
        away = moved - moved.mean(axis=-1, keepdims=True)  # [..., speaker]
        error = np.sqrt((n_speakers - 1) / n_speakers * (away**2).sum(axis=-1))  # [...]
        half = t_quantile(n_speakers) * error
        return scale.back(centre - half), scale.back(centre + half), error


def t_quantile(n_speakers: int, share: float = (1 + LEVEL) / 2) -> float:
    """Quantile of Student's t with one degree of freedom less than there are speakers.

    Example
    -------
    >>> round(t_quantile(10), 3)
    2.262
    """
    return float(stdtrit(n_speakers - 1, share))
