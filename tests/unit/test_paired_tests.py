"""Two systems compared over speakers, against loops over swaps, and by simulation."""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from binomial import assert_binomial
from scipy import stats
from sklearn.metrics import recall_score

from speechbrain_ext.evaluation.coverage import read_coverage
from speechbrain_ext.metrics.classes import confusions_by_speaker
from speechbrain_ext.metrics.jackknife import DIFFERENCE, interval_ends
from speechbrain_ext.metrics.paired_tests import DRAWS, holm, mcnemar, paired_test
from speechbrain_ext.metrics.spread import spread
from speechbrain_ext.testing.simulated_speakers import CLASS_POPULATIONS

SCORES = {
    "wa": lambda t, p: float(np.mean(t == p)),
    "uar": lambda t, p: recall_score(t, p, average="macro", labels=np.unique(t), zero_division=0),
}


def systems(
    n_speakers: int = 6, n: int = 90, shares: tuple[float, ...] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    truth = generator.integers(3, size=n) if shares is None else generator.choice(3, n, p=shares)
    speakers = generator.permutation(n) % n_speakers
    first, second = (np.where(generator.random(n) < right, truth, (truth + 1) % 3) for right in (0.5, 0.7))
    return truth, first, second, speakers


def counts(truth: np.ndarray, prediction: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    return confusions_by_speaker(truth, prediction, speakers, 3)[None]  # [seed, speaker, true class, predicted class]


def slow_swaps(score, truth, first, second, speakers) -> list[float]:
    names, differences = sorted(set(speakers.tolist())), []
    for swapped in product([False, True], repeat=len(names)):
        is_swapped = np.isin(speakers, [name for name, swap in zip(names, swapped, strict=True) if swap])
        one, other = np.where(is_swapped, second, first), np.where(is_swapped, first, second)
        differences.append(score(truth, other) - score(truth, one))
    return differences


@pytest.mark.parametrize("metric", ["wa", "uar"])
@pytest.mark.parametrize("n_speakers", [2, 6, 7])
@pytest.mark.parametrize("shares", [None, (0.7, 0.2, 0.1)])
def test_p_is_that_of_a_loop_over_all_swaps(metric: str, n_speakers: int, shares: tuple[float, ...] | None) -> None:
    truth, first, second, speakers = systems(n_speakers, shares=shares)
    score = SCORES[metric]
    swaps = slow_swaps(score, truth, first, second, speakers)
    observed = score(truth, second) - score(truth, first)
    found = paired_test(counts(truth, first, speakers), counts(truth, second, speakers), metric)
    assert found.p == pytest.approx(np.mean([abs(one) >= abs(observed) - 1e-9 for one in swaps]))
    assert (found.is_exact, found.n_swaps, found.n_speakers) == (True, 2**n_speakers, n_speakers)
    assert found.first == pytest.approx(score(truth, first)) and found.second == pytest.approx(score(truth, second))
    assert found.difference == pytest.approx(observed) and found.p >= found.smallest_p == 2 / 2**n_speakers
    again = paired_test(counts(truth, second, speakers), counts(truth, first, speakers), metric)
    assert again.p == found.p and again.difference == pytest.approx(-observed)


@pytest.mark.parametrize("metric", ["wa", "uar"])
def test_the_interval_is_that_of_a_loop_without_each_speaker(metric: str) -> None:
    truth, first, second, speakers = systems(7)
    score = SCORES[metric]
    deleted = []
    for name in range(7):
        kept = speakers != name
        deleted.append(score(truth[kept], second[kept]) - score(truth[kept], first[kept]))
    error = np.sqrt(6 / 7 * sum((one - np.mean(deleted)) ** 2 for one in deleted))
    half = stats.t.ppf(0.975, 6) * error
    found = paired_test(counts(truth, first, speakers), counts(truth, second, speakers), metric)
    assert found.standard_error == pytest.approx(error)
    assert found.interval == pytest.approx((found.difference - half, found.difference + half))
    assert found.smallest_difference == pytest.approx(half)


def test_all_speakers_alike_give_the_smallest_p() -> None:
    truth = np.tile([0, 1, 2, 0], 5)
    speakers = np.repeat(np.arange(5), 4)
    first, second = np.where(np.arange(20) % 4 == 3, 1, truth), truth
    found = paired_test(counts(truth, first, speakers), counts(truth, second, speakers), "wa")
    assert found.p == found.smallest_p == 2 / 32
    same = paired_test(counts(truth, first, speakers), counts(truth, first, speakers), "wa")
    assert same.p == 1 and same.interval == (0, 0)


def test_many_speakers_are_swapped_at_random_by_a_seed() -> None:
    truth, first, second, speakers = systems(20, 400)
    one, other = counts(truth, first, speakers), counts(truth, second, speakers)
    found = paired_test(one, other, "uar")
    assert (found.is_exact, found.n_swaps, found.smallest_p) == (False, DRAWS, 1 / (DRAWS + 1))
    assert found.p == paired_test(one, other, "uar").p >= 1 / (DRAWS + 1)
    clear = np.where(np.arange(400) % 10 < 9, truth, (truth + 1) % 3)
    assert paired_test(one, counts(truth, clear, speakers), "uar").p == 1 / (DRAWS + 1)
    weak = np.where(np.arange(400) < 390, first, truth)
    ps = {paired_test(one, counts(truth, weak, speakers), "uar", seed).p for seed in range(3)}
    assert len(ps) == 3 and max(ps) - min(ps) < 0.03


def test_sixteen_speakers_are_still_exact() -> None:
    truth, first, second, speakers = systems(16, 200)
    found = paired_test(counts(truth, first, speakers), counts(truth, second, speakers), "wa")
    assert found.is_exact and (found.p * 2**16) % 1 == 0 and found.smallest_p == 2 / 2**16
    truth, first, second, speakers = systems(17, 200)
    more = paired_test(counts(truth, first, speakers), counts(truth, second, speakers), "wa")
    assert not more.is_exact and more.n_swaps == DRAWS


def test_a_speakers_score_is_averaged_over_the_seeds_first() -> None:
    truth, first, second, speakers = systems(6)
    third = np.where(np.arange(90) % 4 > 0, truth, (truth + 2) % 3)
    one, other, more = (counts(truth, found, speakers) for found in (first, second, third))
    both = paired_test(one, np.concatenate([other, more]), "uar")
    means = [(np.diagonal(other[0, g]) + np.diagonal(more[0, g])) / 2 - np.diagonal(one[0, g]) for g in range(6)]
    parts = [sum(means[g] / one[0].sum(axis=(0, 2))) / 3 for g in range(6)]
    assert both.second == pytest.approx((SCORES["uar"](truth, second) + SCORES["uar"](truth, third)) / 2)
    assert both.difference == pytest.approx(sum(parts))
    sums = [sum(sign * part for sign, part in zip(signs, parts, strict=True)) for signs in product([1, -1], repeat=6)]
    assert both.p == pytest.approx(np.mean([abs(one) >= abs(sum(parts)) - 1e-9 for one in sums]))
    assert both.n_speakers == 6


def test_the_spread_over_seeds_and_over_speakers() -> None:
    truth, first, second, speakers = systems(6)
    both = np.concatenate([counts(truth, first, speakers), counts(truth, second, speakers)])
    for metric, score in SCORES.items():
        found = spread(both, metric)
        assert found.over_seeds == pytest.approx(np.std([score(truth, first), score(truth, second)]))
        own = []
        for name in range(6):
            rows = speakers == name
            own.append((score(truth[rows], first[rows]) + score(truth[rows], second[rows])) / 2)
        assert found.over_speakers == pytest.approx(np.std(own))
    assert spread(both[:1], "wa").over_seeds is None and spread(both[:, :1], "wa").over_speakers is None


def test_mcnemar_is_the_binomial_sum() -> None:
    truth, first, second, _ = systems()
    found = mcnemar(first == truth, second == truth)
    b, c = (int(((one == truth) & (other != truth)).sum()) for one, other in ((first, second), (second, first)))
    assert (found.only_first, found.only_second) == (b, c) and c > b
    tail = sum(comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
    assert found.p == pytest.approx(min(1, 2 * tail))
    assert mcnemar([True, False], [True, False]).p == 1
    with pytest.raises(ValueError, match="2 != 1"):
        mcnemar([True, True], [True])


def test_holm_is_closed_testing_with_bonferroni() -> None:
    generator = np.random.default_rng(2)
    for _ in range(50):
        p = generator.random(5) ** 3
        p[4] = p[0]
        expected = []
        for place in range(5):
            families = [f for size in range(1, 6) for f in combinations(range(5), size) if place in f]
            expected.append(max(min(1.0, len(f) * min(p[list(f)])) for f in families))
        assert holm(list(p)) == pytest.approx(expected)
    assert holm([]) == []


@pytest.mark.parametrize(
    ("n_speakers", "level", "data_sets"), [(5, 4 / 32, 1500), (10, 50 / 1024, 1500), (24, 0.05, 600)]
)
def test_alike_systems_are_told_apart_as_rarely_as_claimed(n_speakers: int, level: float, data_sets: int) -> None:
    population = CLASS_POPULATIONS[1]
    first, second = population.draw_pairs(n_speakers, data_sets, np.random.default_rng(3))
    ps = [paired_test(a[None], b[None], "uar").p for a, b in zip(first, second, strict=True)]
    assert_binomial(float(np.mean(np.array(ps) <= level + 1e-9)), data_sets, level, 10**9)


@pytest.mark.parametrize("n_speakers", [5, 10, 24])
def test_the_interval_of_a_difference_covers_what_is_claimed(n_speakers: int) -> None:
    population, record = CLASS_POPULATIONS[1], read_coverage()
    pairs = population.draw_pairs(n_speakers, 2000, np.random.default_rng(4), shift=0.3)
    both = np.stack(pairs, axis=2)  # [data set, speaker, system, true class, predicted class]

    def difference(cells: np.ndarray) -> np.ndarray:
        correct, true = np.diagonal(cells, axis1=-2, axis2=-1), cells.sum(axis=-1)
        recalls = correct / true
        return recalls[..., 1, :].mean(axis=-1) - recalls[..., 0, :].mean(axis=-1)

    low, high, _ = interval_ends(both, difference, DIFFERENCE, axis=1)
    truth = population.expected_difference("uar", 0.3)
    assert truth > 0.03
    asked = ("difference", population.name, n_speakers)
    [row] = [row for row in record["coverage"] if (row["score"], row["population"], row["speakers"]) == asked]
    share = float(np.mean((low <= truth) & (truth <= high)))
    assert_binomial(share, 2000, row["jackknife"], record["data_sets"]["jackknife"])
    assert 0.93 < row["jackknife"] < 0.97


def test_the_true_difference_is_that_of_many_speakers() -> None:
    population = CLASS_POPULATIONS[2]
    first, second = population.draw_pairs(6000, 1, np.random.default_rng(5), shift=0.4)
    found = [np.mean(np.diagonal(one[0].sum(axis=0)) / one[0].sum(axis=(0, 2))) for one in (first, second)]
    assert found[1] - found[0] == pytest.approx(population.expected_difference("uar", 0.4), abs=0.008)


def test_what_does_not_fit_is_refused() -> None:
    truth, first, second, speakers = systems()
    one, other = counts(truth, first, speakers), counts(truth, second, speakers)
    with pytest.raises(ValueError, match="expected one of uar, wa, found 'macro_f1'"):
        paired_test(one, other, "macro_f1")
    with pytest.raises(ValueError, match="the same true classes of each speaker"):
        paired_test(one, counts((truth + 1) % 3, second, speakers), "wa")
    with pytest.raises(ValueError, match="the same true classes of each speaker"):
        paired_test(one, other[:, :5], "wa")
    alone = paired_test(*(counts(truth, found, np.zeros(90)) for found in (first, second)), "wa")
    assert (alone.p, alone.interval, alone.smallest_p, alone.smallest_difference) == (None, None, None, None)
    assert alone.difference == pytest.approx(SCORES["wa"](truth, second) - SCORES["wa"](truth, first))
