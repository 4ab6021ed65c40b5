"""An interval of a score over speakers, for scores of classes and of values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Interval = tuple[float, float]


def speaker_interval(
    statistics: np.ndarray, score: Callable[[np.ndarray], np.ndarray], draws: int = 1000, seed: int = 0
) -> Interval | None:
    """Give a 95 % percentile interval of a score, drawing SPEAKERS with replacement.

    Utterances of one speaker are not independent, so they are drawn together.

    Arguments
    ---------
    statistics : numpy.ndarray
        What the score is computed from [speaker, ...], such that several speakers add up.
    score : callable
        Scores the sums of many draws [draw, ...] at once: [draw].
    draws : int
        Number of draws.
    seed : int
        Seed of the draws; the same for all scores of a run.

    Returns
    -------
    interval : tuple of float or None
        The 2.5th and the 97.5th percentile; None for one speaker, whose draws are all the same.

    Source
    ------
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile interval).
    """
    n_speakers = len(statistics)
    if n_speakers == 1:
        return None
    drawn = np.random.default_rng(seed).integers(n_speakers, size=(draws, n_speakers))  # [draw, speaker]
    sums = np.stack([statistics[speakers].sum(axis=0) for speakers in drawn])  # [draw, ...]
    low, high = np.percentile(score(sums), [2.5, 97.5])
    return float(low), float(high)


def pair(truth: Any, prediction: Any, dtype: type | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Make arrays [utterance] of truth and prediction.

    Raises
    ------
    ValueError
        The lengths differ or there is no utterance.
    """
    truth, prediction = np.asarray(truth, dtype=dtype), np.asarray(prediction, dtype=dtype)
    if len(truth) != len(prediction):
        raise ValueError(f"truth and prediction differ in length: {len(truth)} != {len(prediction)}")
    if len(truth) == 0:
        raise ValueError("truth and prediction: expected at least one utterance, found none")
    return truth, prediction


def speaker_index(speakers: Sequence[Any] | np.ndarray, count: int) -> tuple[int, np.ndarray]:
    """Number the speakers in the order of their names: how many there are, and the number of each utterance's speaker.

    Raises
    ------
    ValueError
        There are not as many as utterances.
    """
    if len(speakers) != count:
        raise ValueError(f"speakers and truth differ in length: {len(speakers)} != {count}")
    names, owner = np.unique(np.asarray(speakers), return_inverse=True)
    return len(names), owner
