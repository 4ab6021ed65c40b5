"""The percentile bootstrap over speakers, which `benchmarks/interval_coverage.py` compares with the jackknife.

No result is given with it: with few speakers its intervals are too narrow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from speechbrain_ext.metrics.speakers import Interval


def bootstrap_interval(
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
    times = np.stack([np.bincount(speakers, minlength=n_speakers) for speakers in drawn])  # [draw, speaker]
    sums = np.tensordot(times, statistics, axes=1)  # [draw, ...]
    low, high = np.percentile(score(sums), [2.5, 97.5])
    return float(low), float(high)
