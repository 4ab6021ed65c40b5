"""How much a score differs between seeds and between speakers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from speechbrain_ext.metrics.classes import scores_of_confusion
from speechbrain_ext.metrics.values import concordance_of_sums


@dataclass(frozen=True)
class Spread:
    """Standard deviations (ddof 0) of a score; None for one seed or one speaker."""

    over_seeds: float | None
    over_speakers: float | None


def spread(confusions: np.ndarray, metric: str) -> Spread:
    """Compute how a score differs between seeds, and between speakers after their scores are averaged over the seeds.

    Arguments
    ---------
    confusions : numpy.ndarray
        Counts [seed, speaker, true class, predicted class].
    metric : str
        "wa" or "uar"; a speaker's UAR is over the classes that the speaker has.
    """
    return _spread(confusions, lambda cells: scores_of_confusion(cells, metric))


def concordance_spread(sums: np.ndarray) -> Spread:
    """Compute how the CCC differs between seeds, and between speakers after it is averaged over the seeds.

    Arguments
    ---------
    sums : numpy.ndarray
        [seed, speaker, sum], see `sums_by_speaker`.
    """
    return _spread(sums, concordance_of_sums)


def _spread(statistics: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> Spread:
    of_seeds = score(statistics.sum(axis=1))  # [seed]
    of_speakers = score(statistics).mean(axis=0)  # [speaker]
    deviations = (float(one.std()) if len(one) > 1 else None for one in (of_seeds, of_speakers))
    return Spread(*deviations)
