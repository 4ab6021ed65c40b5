"""Coverage of the intervals over speakers, measured again with other draws than coverage.json."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from binomial import assert_binomial
from report_folders import edited, plausible_results
from scipy import stats
from scipy.integrate import quad

from speechbrain_ext.evaluation.coverage import (
    Coverage,
    coverage_sentence,
    measured_coverage,
    read_coverage,
    simulated_speakers,
)
from speechbrain_ext.metrics.bootstrap import bootstrap_interval
from speechbrain_ext.metrics.classes import scores_of_confusion
from speechbrain_ext.metrics.jackknife import CORRELATION, SHARE, interval_ends
from speechbrain_ext.metrics.values import concordance_of_sums, value_sums
from speechbrain_ext.testing.simulated_speakers import CLASS_POPULATIONS, VALUE_POPULATIONS

ROWS = read_coverage()["coverage"]
DATA_SETS = 2000


def claimed(score: str, population: str, n_speakers: int) -> dict:
    [row] = [
        one for one in ROWS if (one["score"], one["population"], one["speakers"]) == (score, population, n_speakers)
    ]
    return row


def score_of(metric: str):
    return lambda cells: scores_of_confusion(cells, metric)


@pytest.mark.parametrize("n_speakers", [5, 10, 24])
@pytest.mark.parametrize("population", CLASS_POPULATIONS, ids=lambda one: one.name)
def test_intervals_of_classes_cover_what_is_claimed(population, n_speakers: int) -> None:
    cells = population.draw(n_speakers, DATA_SETS, np.random.default_rng(77))
    for metric in ("wa", "uar"):
        low, high, _ = interval_ends(cells, score_of(metric), SHARE, axis=1)
        truth = population.expected(metric)
        share = float(np.mean((low <= truth) & (truth <= high)))
        claim = claimed(metric, population.name, n_speakers)["jackknife"]
        assert_binomial(share, DATA_SETS, claim, read_coverage()["data_sets"]["jackknife"])
        assert 0.93 < claim < 0.97


@pytest.mark.parametrize("n_speakers", [5, 10, 24])
@pytest.mark.parametrize("population", VALUE_POPULATIONS, ids=lambda one: one.name)
def test_intervals_of_the_ccc_cover_what_is_claimed(population, n_speakers: int) -> None:
    sums = value_sums(*population.draw(n_speakers, DATA_SETS, np.random.default_rng(78)))
    low, high, _ = interval_ends(sums, concordance_of_sums, CORRELATION, axis=1)
    share = float(np.mean((low <= population.expected) & (population.expected <= high)))
    claim = claimed("ccc", population.name, n_speakers)["jackknife"]
    assert_binomial(share, DATA_SETS, claim, read_coverage()["data_sets"]["jackknife"])
    assert 0.93 < claim < 0.97


def test_the_bootstrap_covers_less_than_it_says() -> None:
    population, data_sets = CLASS_POPULATIONS[0], 400
    cells, truth = population.draw(5, data_sets, np.random.default_rng(79)), population.expected("uar")
    ends = [bootstrap_interval(one, score_of("uar"), 500, seed) for seed, one in enumerate(cells)]
    share = float(np.mean([low <= truth <= high for low, high in ends]))
    claim = claimed("uar", population.name, 5)["bootstrap"]
    assert_binomial(share, data_sets, claim, read_coverage()["data_sets"]["bootstrap"])
    assert claim < 0.9


@pytest.mark.parametrize("population", CLASS_POPULATIONS, ids=lambda one: one.name)
def test_the_true_scores_are_those_of_the_population(population) -> None:
    sd = np.hypot(population.speaker_sd, population.class_sd)
    recalls = []
    for recall in population.recalls:
        middle = np.log(recall / (1 - recall))
        recalls.append(quad(lambda x, m=middle: stats.norm.pdf(x) / (1 + np.exp(-m - sd * x)), -9, 9)[0])
    assert population.expected("uar") == pytest.approx(np.mean(recalls), abs=1e-9)
    weighted = sum(n * recall for n, recall in zip(population.counts, recalls, strict=True)) / sum(population.counts)
    assert population.expected("wa") == pytest.approx(weighted, abs=1e-9)
    cells = population.draw(20_000, 1, np.random.default_rng(5))[0]  # [speaker, true class, predicted class]
    true = cells.sum(axis=(0, 2))
    assert true / 20_000 == pytest.approx(np.array(population.counts), rel=0.02)
    found = np.diagonal(cells.sum(axis=0)) / true
    assert found == pytest.approx(np.array(recalls), abs=0.005)


def test_speakers_of_a_population_differ_by_more_than_chance() -> None:
    population = CLASS_POPULATIONS[2]
    cells = population.draw(500, 1, np.random.default_rng(6))[0]
    shares = np.diagonal(cells, axis1=1, axis2=2).sum(axis=1) / cells.sum(axis=(1, 2))  # [speaker]
    by_chance = np.sqrt(np.mean(shares * (1 - shares) / cells.sum(axis=(1, 2))))
    assert shares.std() > 4 * by_chance


@pytest.mark.parametrize("population", VALUE_POPULATIONS, ids=lambda one: one.name)
def test_the_true_ccc_is_that_of_many_speakers(population) -> None:
    true, predicted = population.draw(20_000, 1, np.random.default_rng(7))
    x, y = true.ravel(), predicted.ravel()
    ccc = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert ccc == pytest.approx(population.expected, abs=0.005)


def test_the_coverage_of_a_number_of_speakers_is_looked_up() -> None:
    assert simulated_speakers()[:1] == [2] and {5, 6, 10, 12, 24} <= set(simulated_speakers())
    rows = [one["jackknife"] for one in ROWS if (one["score"], one["speakers"]) == ("uar", 10)]
    assert len(rows) == len(CLASS_POPULATIONS)
    assert measured_coverage("uar", 10) == Coverage(min(rows), max(rows), 10)
    assert measured_coverage("ccc.valence", 24) == measured_coverage("ccc", 24) != measured_coverage("wa", 24)
    assert measured_coverage("uar", 10, "bootstrap").high < measured_coverage("uar", 10).low
    assert measured_coverage("uar", 1000) is None and measured_coverage("mae", 10) is None
    sentence = coverage_sentence({"wa": "WA", "uar": "UAR"}, 10)
    wa, uar = (measured_coverage(name, 10).text for name in ("wa", "uar"))
    assert sentence == f"In simulations with 10 speakers the 95 % intervals cover: WA {wa}, UAR {uar}."
    assert coverage_sentence({"wa": "WA"}, 1000) == ""


def test_a_score_without_an_interval_has_no_coverage() -> None:
    def without(*scores: str) -> Callable[[dict], None]:
        return lambda record: record["pooled"].update({f"{score}_ci95": None for score in scores})

    results, start = plausible_results(), "In simulations with 10 speakers the 95 % intervals cover: "
    wa, uar = (f"{name.upper()} {measured_coverage(name, 10).text}" for name in ("wa", "uar"))
    assert results.coverage == f"{start}{wa}, {uar}."
    assert edited(results, without("wa")).coverage == f"{start}{uar}."
    assert edited(results, without("uar")).coverage == f"{start}{wa}."
    assert edited(results, without("wa", "uar")).coverage == ""
