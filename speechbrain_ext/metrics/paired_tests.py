"""Two systems on the same utterances: the difference of their WA, UAR or CCC, tested over SPEAKERS.

A system may have several seeds. Each speaker's score is then averaged over the seeds first, and speakers are tested:
seeds say how much a training depends on chance, not on how many people a result was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np
from scipy.stats import binomtest

from speechbrain_ext.metrics.classes import scores_of_confusion
from speechbrain_ext.metrics.jackknife import DIFFERENCE, interval_ends, t_quantile
from speechbrain_ext.metrics.speakers import Interval, pair
from speechbrain_ext.metrics.values import concordance_of_sums

METRICS = ("uar", "wa")
# A difference holds where p, adjusted for its family, is not above this.
LEVEL = 0.05
# All swaps of more speakers are too many; then this many are drawn.
MOST_EXACT, DRAWS = 16, 10_000
# Sums of the same terms in another order may differ by this much.
TIE = 1e-9
# Number, sum and sum of squares of the true values among the sums of a CCC.
OF_TRUTH = [0, 1, 3]


@dataclass(frozen=True)
class PairedTest:
    """The difference of two systems' scores and what the speakers say about it.

    Attributes
    ----------
    first, second : float
        The scores; their mean over seeds where there are several.
    interval : tuple of float or None
        95 % interval of the difference, jackknife over speakers with a t quantile; None for one speaker.
    standard_error : float or None
        Of the difference, over speakers.
    p : float or None
        Of the permutation test; None for one speaker.
    smallest_p : float or None
        What this test can say at best with so many speakers.
    smallest_difference : float or None
        The smallest difference whose interval would not contain 0: the t quantile times the standard error.
    n_speakers : int
    n_swaps : int
        How many swaps were made.
    is_exact : bool
        Whether these were all swaps.
    """

    first: float
    second: float
    interval: Interval | None
    standard_error: float | None
    p: float | None
    smallest_p: float | None
    smallest_difference: float | None
    n_speakers: int
    n_swaps: int
    is_exact: bool

    @property
    def difference(self) -> float:
        """The second score less the first."""
        return self.second - self.first


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test, which holds only if utterances were independent.

    Attributes
    ----------
    only_first, only_second : int
        Utterances that only one of the systems recognises.
    p : float
    """

    only_first: int
    only_second: int
    p: float


def paired_test(first: np.ndarray, second: np.ndarray, metric: str, seed: int = 0) -> PairedTest:
    """Compare two systems on the same utterances, with the speaker as unit.

    The permutation test swaps the two systems within a speaker: if they are alike, either could have given that
    speaker's answers. Both scores add up over speakers, so that a swap changes the sign of the speaker's part.

    Arguments
    ---------
    first, second : numpy.ndarray
        Counts of each system [seed, speaker, true class, predicted class]; the systems may differ in seeds.
    metric : str
        "wa" or "uar".
    seed : int
        Of the drawn swaps.

    Raises
    ------
    ValueError
        The metric is another one, or the true classes of a speaker differ.

    Source
    ------
    Permutation within units, p with one added for the data themselves where swaps are drawn: Phipson and Smyth,
    "Permutation P-values Should Never Be Zero", Statistical Applications in Genetics and Molecular Biology 9, 2010.
    """
    if metric not in METRICS:
        raise ValueError(f"metric: expected one of {', '.join(METRICS)}, found {metric!r}")
    means = [one.mean(axis=0) for one in (first, second)]  # [speaker, true class, predicted class] each
    if means[0].shape != means[1].shape or not np.allclose(*(one.sum(axis=2) for one in means)):
        raise ValueError("expected the same true classes of each speaker in both systems, found others")
    both = np.stack(means, axis=1)  # [speaker, system, true class, predicted class]

    def difference(cells: np.ndarray) -> np.ndarray:
        scores = scores_of_confusion(cells, metric)  # [..., system]
        return scores[..., 1] - scores[..., 0]

    parts = _parts(both, metric)  # [speaker]
    scores = scores_of_confusion(both.sum(axis=0), metric)  # [system]
    return _tested(both, scores, difference, lambda swapped: (1 - 2 * swapped) @ parts, seed)


def paired_concordance(first: np.ndarray, second: np.ndarray, seed: int = 0) -> PairedTest:
    """Compare the CCC of two systems on the same utterances, with the speaker as unit.

    As `paired_test`; but the CCC does not add up over speakers, so that it is computed again for each swap. The score
    of several seeds is the mean of their CCC. A swap exchanges all seeds of a speaker, in their order.

    Arguments
    ---------
    first, second : numpy.ndarray
        Sums of each system [seed, speaker, sum], see `sums_by_speaker`; the systems may differ in seeds.
    seed : int
        Of the drawn swaps.

    Raises
    ------
    ValueError
        The true values of a speaker differ.
    """
    truth = [one[..., OF_TRUTH] for one in (first, second)]  # [seed, speaker, sum] each
    if first.shape[1:] != second.shape[1:] or not all(np.allclose(one, truth[0][:1]) for one in truth):
        raise ValueError("expected the same true values of each speaker in both systems, found others")
    n_seeds = lcm(len(first), len(second))
    repeated = [np.tile(one, (n_seeds // len(one), 1, 1)) for one in (first, second)]
    both = np.stack(repeated).transpose(2, 0, 1, 3)  # [speaker, system, seed, sum]

    def scores_of(sums: np.ndarray) -> np.ndarray:
        return concordance_of_sums(sums).mean(axis=-1)  # [..., system]

    def difference(sums: np.ndarray) -> np.ndarray:
        scores = scores_of(sums)  # [..., system]
        return scores[..., 1] - scores[..., 0]

    total, more = both.sum(axis=0), both[:, 1] - both[:, 0]  # [system, seed, sum], [speaker, seed, sum]

    def of_swaps(swapped: np.ndarray) -> np.ndarray:
        moved = np.tensordot(swapped, more, axes=1)  # [swap, seed, sum]
        return difference(np.stack([total[0] + moved, total[1] - moved], axis=1))  # [swap]

    return _tested(both, scores_of(total), difference, of_swaps, seed)


def mcnemar(first: Sequence[bool] | np.ndarray, second: Sequence[bool] | np.ndarray) -> McNemar:
    """Test whether one system recognises more of the utterances on which the two differ, as if these were independent.

    Utterances of one speaker are not: p is too small, and nothing is decided by it.

    Arguments
    ---------
    first, second : sequence of bool
        Whether each utterance is recognised.

    Raises
    ------
    ValueError
        The lengths differ or there is no utterance.

    Source
    ------
    McNemar, Psychometrika 12, 1947; exact: the binomial test of the utterances that only one system recognises.

    Example
    -------
    >>> mcnemar([True, True, True, False], [False, False, True, True])
    McNemar(only_first=2, only_second=1, p=1.0)
    """
    first, second = pair(first, second, bool)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differing = only_first + only_second
    p = binomtest(only_first, differing).pvalue if differing else 1.0
    return McNemar(only_first, only_second, float(p))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p of a family of tests so that all of them together are wrong as rarely as one alone.

    Source
    ------
    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979.

    Example
    -------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def _tested(
    both: np.ndarray,
    scores: np.ndarray,
    difference: Callable[[np.ndarray], np.ndarray],
    of_swaps: Callable[[np.ndarray], np.ndarray],
    seed: int,
) -> PairedTest:
    """The test of two systems.

    Arguments
    ---------
    both : numpy.ndarray
        [speaker, system, ...], such that several speakers add up.
    scores : numpy.ndarray
        [system].
    difference : callable
        The difference of the scores [...] of many sums [..., of one speaker].
    of_swaps : callable
        Differences [swap] where speakers are swapped [swap, speaker], in any unit.
    seed : int
        Of the drawn swaps.
    """
    n_speakers, (first, second) = len(both), map(float, scores)
    if n_speakers < 2:
        return PairedTest(first, second, None, None, None, None, None, n_speakers, 0, False)
    low, high, error = (float(one) for one in interval_ends(both, difference, DIFFERENCE))
    is_exact = n_speakers <= MOST_EXACT
    return PairedTest(
        first=first,
        second=second,
        interval=(low, high),
        standard_error=error,
        p=_permutation_p(of_swaps, n_speakers, seed),
        smallest_p=2 / 2**n_speakers if is_exact else 1 / (DRAWS + 1),
        smallest_difference=t_quantile(n_speakers) * error,
        n_speakers=n_speakers,
        n_swaps=2**n_speakers if is_exact else DRAWS,
        is_exact=is_exact,
    )


def _parts(both: np.ndarray, metric: str) -> np.ndarray:
    """What each speaker adds to the difference [speaker], in a unit that is the same for all."""
    correct = np.diagonal(both, axis1=2, axis2=3)  # [speaker, system, class]
    gained = correct[:, 1] - correct[:, 0]  # [speaker, class]
    true = both[:, 0].sum(axis=(0, 2))  # [class]
    if metric == "wa":
        return gained.sum(axis=1)
    has_any = true > 0  # [class]
    return (gained[:, has_any] / true[has_any]).sum(axis=1)


def _permutation_p(of_swaps: Callable[[np.ndarray], np.ndarray], n_speakers: int, seed: int) -> float:
    [observed] = of_swaps(np.zeros((1, n_speakers), dtype=int))
    least = abs(observed) - TIE
    if n_speakers <= MOST_EXACT:
        swapped = (np.arange(2**n_speakers)[:, None] >> np.arange(n_speakers)) & 1  # [swap, speaker]
        return float(np.mean(np.abs(of_swaps(swapped)) >= least))
    swapped = np.random.default_rng(seed).integers(2, size=(DRAWS, n_speakers))  # [swap, speaker]
    return float((np.sum(np.abs(of_swaps(swapped)) >= least) + 1) / (DRAWS + 1))
