"""The CCC of two systems compared over speakers, against loops over swaps, and by simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from binomial import assert_binomial
from scipy import stats

from speechbrain_ext.evaluation.coverage import measured_coverage, read_coverage
from speechbrain_ext.metrics.jackknife import DIFFERENCE, interval_ends
from speechbrain_ext.metrics.paired_tests import DRAWS, paired_concordance
from speechbrain_ext.metrics.spread import concordance_spread
from speechbrain_ext.metrics.values import concordance_of_sums, sums_by_speaker, value_sums
from speechbrain_ext.testing.simulated_speakers import VALUE_POPULATIONS


def ccc(truth: np.ndarray, found: np.ndarray) -> float:
    """Lin 1989, equation 1."""
    covariance = np.mean((truth - truth.mean()) * (found - found.mean()))
    return float(2 * covariance / (truth.var() + found.var() + (truth.mean() - found.mean()) ** 2))


def drawn(n_speakers: int, noises: tuple[float, ...], n: int = 96) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """True values and speakers [utterance], and predicted values of several seeds, the noisier the worse."""
    generator = np.random.default_rng(3)
    truth, speakers = generator.uniform(1, 5, n), generator.permutation(n) % n_speakers
    offsets = generator.normal(0, 0.3, n_speakers)
    return truth, speakers, [2 + 0.6 * truth + offsets[speakers] + generator.normal(0, one, n) for one in noises]


def sums(truth: np.ndarray, speakers: np.ndarray, *seeds: np.ndarray) -> np.ndarray:
    return np.stack([sums_by_speaker(truth, one, speakers) for one in seeds])  # [seed, speaker, sum]


@pytest.mark.parametrize("n_speakers", [2, 6, 7])
@pytest.mark.parametrize("n_seeds", [(1, 1), (1, 2), (2, 3)])
def test_p_and_difference_are_those_of_a_loop_over_all_swaps(n_speakers: int, n_seeds: tuple[int, int]) -> None:
    truth, speakers, found = drawn(n_speakers, (1.0,) * n_seeds[0] + (0.7,) * n_seeds[1])
    first, second = found[: n_seeds[0]], found[n_seeds[0] :]
    pairs = [(first[k % len(first)], second[k % len(second)]) for k in range(np.lcm(*n_seeds))]
    differences = []
    for swapped in product([False, True], repeat=n_speakers):
        is_swapped = np.array(swapped)[speakers]
        sides = [(np.where(is_swapped, b, a), np.where(is_swapped, a, b)) for a, b in pairs]
        differences.append(np.mean([ccc(truth, b) - ccc(truth, a) for a, b in sides]))
    test = paired_concordance(sums(truth, speakers, *first), sums(truth, speakers, *second))
    assert test.first == pytest.approx(np.mean([ccc(truth, one) for one in first]))
    assert test.second == pytest.approx(np.mean([ccc(truth, one) for one in second]))
    assert test.difference == pytest.approx(differences[0])
    assert test.p == pytest.approx(np.mean(np.abs(differences) >= abs(differences[0]) - 1e-9))
    assert (test.is_exact, test.n_swaps, test.n_speakers) == (True, 2**n_speakers, n_speakers)
    assert test.p >= test.smallest_p == 2 / 2**n_speakers


def test_the_interval_is_that_of_a_loop_without_each_speaker() -> None:
    truth, speakers, (first, second) = drawn(7, (1.0, 0.6))
    deleted = []
    for name in range(7):
        kept = speakers != name
        deleted.append(ccc(truth[kept], second[kept]) - ccc(truth[kept], first[kept]))
    error = np.sqrt(6 / 7 * sum((one - np.mean(deleted)) ** 2 for one in deleted))
    half = stats.t.ppf(0.975, 6) * error
    test = paired_concordance(sums(truth, speakers, first), sums(truth, speakers, second))
    assert test.standard_error == pytest.approx(error) and test.smallest_difference == pytest.approx(half)
    assert test.interval == pytest.approx((test.difference - half, test.difference + half))


def test_many_speakers_are_swapped_at_random_by_a_seed() -> None:
    truth, speakers, (first, second, clear) = drawn(20, (1.0, 0.95, 0.01), 400)
    sides = [sums(truth, speakers, one) for one in (first, second, clear)]
    found = {paired_concordance(*sides[:2], seed=seed).p for seed in range(3)}
    assert len(found) == 3 and max(found) - min(found) < 0.03
    test = paired_concordance(sides[0], sides[2])
    assert (test.is_exact, test.n_swaps, test.smallest_p) == (False, DRAWS, 1 / (DRAWS + 1))
    assert test.smallest_p <= test.p <= 5 * test.smallest_p and (test.p * (DRAWS + 1)) % 1 == pytest.approx(0, abs=1e-9)
    same = paired_concordance(sides[0], sides[0])
    assert same.p == 1 and same.difference == 0 and same.interval == (0, 0)


def test_the_spread_over_seeds_and_over_speakers() -> None:
    truth, speakers, seeds = drawn(5, (0.5, 0.8, 1.1))
    found = concordance_spread(sums(truth, speakers, *seeds))
    of_speakers = [np.mean([ccc(truth[speakers == k], one[speakers == k]) for one in seeds]) for k in range(5)]
    assert found.over_seeds == pytest.approx(np.std([ccc(truth, one) for one in seeds]))
    assert found.over_speakers == pytest.approx(np.std(of_speakers))


@pytest.mark.parametrize(
    ("n_speakers", "level", "data_sets"), [(5, 4 / 32, 1500), (10, 50 / 1024, 1500), (24, 0.05, 400)]
)
@pytest.mark.parametrize("population", VALUE_POPULATIONS, ids=lambda one: one.name)
def test_alike_systems_are_told_apart_as_rarely_as_claimed(population, n_speakers, level, data_sets) -> None:
    true, *systems = population.draw_pairs(n_speakers, data_sets, np.random.default_rng(3))
    first, second = (value_sums(true, one) for one in systems)  # [data set, speaker, sum] each
    ps = [paired_concordance(a[None], b[None]).p for a, b in zip(first, second, strict=True)]
    assert_binomial(float(np.mean(np.array(ps) <= level + 1e-9)), data_sets, level, 10**9)


@pytest.mark.parametrize("n_speakers", [5, 10, 24])
@pytest.mark.parametrize("population", VALUE_POPULATIONS, ids=lambda one: one.name)
def test_the_interval_of_a_difference_covers_what_is_claimed(population, n_speakers: int) -> None:
    true, *systems = population.draw_pairs(n_speakers, 2000, np.random.default_rng(4), steeper=0.1)
    both = np.stack([value_sums(true, one) for one in systems], axis=2)  # [data set, speaker, system, sum]

    def difference(cells: np.ndarray) -> np.ndarray:
        return concordance_of_sums(cells[..., 1, :]) - concordance_of_sums(cells[..., 0, :])

    low, high, _ = interval_ends(both, difference, DIFFERENCE, axis=1)
    truth, record = population.expected_difference(0.1), read_coverage()
    assert truth > 0.03
    asked = ("ccc_difference", population.name, n_speakers)
    [row] = [row for row in record["coverage"] if (row["score"], row["population"], row["speakers"]) == asked]
    share = float(np.mean((low <= truth) & (truth <= high)))
    assert_binomial(share, 2000, row["jackknife"], record["data_sets"]["jackknife"])
    assert 0.93 < row["jackknife"] < 0.97
    assert measured_coverage("ccc_difference", n_speakers) != measured_coverage("ccc", n_speakers)


@pytest.mark.parametrize("population", VALUE_POPULATIONS, ids=lambda one: one.name)
def test_the_true_difference_is_that_of_many_speakers(population) -> None:
    true, first, second = (one.ravel() for one in population.draw_pairs(20_000, 1, np.random.default_rng(5), 0.2, 0.4))
    found = ccc(true, second) - ccc(true, first)
    assert found == pytest.approx(population.expected_difference(0.2, 0.4), abs=0.004)


def test_what_does_not_fit_is_refused() -> None:
    truth, speakers, (first, second) = drawn(6, (1.0, 0.6))
    one, other = sums(truth, speakers, first), sums(truth, speakers, second)
    for wrong in (sums(truth + speakers, speakers, second), sums(truth**2, speakers, second), other[:, :5]):
        with pytest.raises(ValueError, match="the same true values of each speaker"):
            paired_concordance(one, wrong)
    alone = paired_concordance(*(sums(truth, np.zeros(96), found) for found in (first, second)))
    assert (alone.p, alone.interval, alone.smallest_p, alone.smallest_difference) == (None, None, None, None)
    assert alone.difference == pytest.approx(ccc(truth, second) - ccc(truth, first))
