"""Scores of values against scipy and against slow computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error as sk_mae

from speechbrain_ext.metrics.values import (
    concordance,
    concordance_of_sums,
    mean_absolute_error,
    pearson,
    sums_by_speaker,
)


def pairs(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    speakers = np.array([f"s{number}" for number in random.integers(6, size=n)])
    truth = random.integers(2, 11, n) / 2
    return truth, 0.6 * truth + random.normal(1.0, 0.8, n) + 0.2 * (speakers == "s1"), speakers


def slow_concordance(truth, found) -> float:
    """From Pearson's correlation: rho * 2 s_x s_y / (s_x^2 + s_y^2 + (m_x - m_y)^2)."""
    x, y = np.std(truth), np.std(found)
    return pearsonr(truth, found)[0] * 2 * x * y / (x**2 + y**2 + (np.mean(truth) - np.mean(found)) ** 2)


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scipy(seed):
    truth, found, _ = pairs(seed=seed)
    assert pearson(truth, found) == pytest.approx(pearsonr(truth, found)[0], abs=1e-12)
    assert concordance(truth, found) == pytest.approx(slow_concordance(truth, found), abs=1e-12)
    assert concordance(found, truth) == pytest.approx(concordance(truth, found), abs=1e-12)
    assert mean_absolute_error(truth, found) == pytest.approx(sk_mae(truth, found), abs=1e-12)


def test_a_shift_and_a_scale_count_for_concordance_only():
    truth, found, _ = pairs()
    assert concordance(truth, truth) == pytest.approx(1) and concordance(truth, 2 * truth.mean() - truth) < -0.99
    assert concordance(truth, found + 1) < concordance(truth, found + (truth - found).mean())
    assert pearson(truth, 3 * found + 1) == pytest.approx(pearson(truth, found))


def test_values_far_from_zero_lose_no_digits():
    truth, found, _ = pairs()
    assert concordance(truth + 1e6, found + 1e6) == pytest.approx(concordance(truth, found), abs=1e-8)


def test_values_of_nearly_no_spread_still_have_a_concordance():
    """A standard deviation of a millionth of the mean is far above rounding, also over many utterances."""
    random = np.random.default_rng(2)
    wanted = random.normal(size=2000)
    parts = [1 + 1e-6 * (wanted + 0.5 * random.normal(size=2000)) for _ in range(2)]
    speakers = np.repeat(["a", "b"], 1000)
    parts[0] -= parts[0].mean()  # the truth is centred: its spread is all that it is
    found = concordance(parts[0], parts[1] - 1)
    assert found == pytest.approx(slow_concordance(parts[0], parts[1] - 1), abs=1e-6) and found > 0.5
    assert concordance_of_sums(sums_by_speaker(parts[0], parts[1] - 1, speakers).sum(axis=0)) == pytest.approx(found)


def test_rounding_never_makes_a_correlation_beyond_one():
    random = np.random.default_rng(0)
    for _ in range(300):
        truth = random.normal(size=7)
        assert pearson(truth, 3 * truth) <= 1 and pearson(truth, -3 * truth) >= -1


def test_numbers_that_are_text_are_read_as_numbers():
    truth, found, _ = pairs()
    assert concordance([str(value) for value in truth], found) == pytest.approx(concordance(truth, found))


@pytest.mark.parametrize("value", [0.0, 0.1, 3.3, -1e7])
def test_a_constant_side_has_no_correlation(value):
    truth, found, speakers = pairs()
    constant = np.full(len(truth), value)
    for one, other in ((truth, constant), (constant, found), (constant, constant)):
        assert concordance(one, other) == 0 and pearson(one, other) == 0
        sums = sums_by_speaker(one, other, speakers)
        assert (concordance_of_sums(sums.sum(axis=0) - sums) == 0).all()


@pytest.mark.parametrize("score", [concordance, pearson, mean_absolute_error])
def test_what_does_not_fit_is_refused(score):
    with pytest.raises(ValueError, match="differ in length: 2 != 1"):
        score([1, 2], [1])
    with pytest.raises(ValueError, match="at least one utterance"):
        score([], [])
