"""Calibration and the distance from annotators' votes against loops, scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from speechbrain_ext.metrics.calibration import (
    apply_temperature,
    brier_score,
    fit_temperature,
    negative_log_likelihood,
    reliability_bins,
)
from speechbrain_ext.metrics.classes import expected_calibration_error
from speechbrain_ext.metrics.vote_divergence import FLOOR as VOTE_FLOOR
from speechbrain_ext.metrics.vote_divergence import annotator_divergence, vote_divergence


def drawn(n: int = 400, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors [utterance, class] and classes that were drawn from them before they were sharpened."""
    generator = np.random.default_rng(1)
    posteriors = generator.dirichlet([0.6] * 4, size=n)
    truth = np.array([generator.choice(4, p=row) for row in posteriors])
    sharpened = posteriors**sharpness
    return sharpened / sharpened.sum(axis=1, keepdims=True), truth


def test_brier_and_likelihood_are_those_of_a_loop_and_scikit_learn() -> None:
    posteriors, truth = drawn()
    total = 0.0
    for row, label in zip(posteriors, truth, strict=True):
        total += sum((p - (k == label)) ** 2 for k, p in enumerate(row))
    assert brier_score(posteriors, truth) == pytest.approx(total / len(truth))
    assert negative_log_likelihood(posteriors, truth) == pytest.approx(log_loss(truth, posteriors, labels=range(4)))
    assert negative_log_likelihood([[0.0, 1.0]], [0]) == pytest.approx(12 * np.log(10)), "a posterior is at least 1e-12"
    assert brier_score([[0.0, 1.0], [0.0, 1.0]], [0, 0]) == 2 and brier_score([[0.0, 1.0]], [1]) == 0


def test_bins_are_those_of_scikit_learn_and_of_the_calibration_error() -> None:
    posteriors, truth = drawn(sharpness=1.7)
    bins = reliability_bins(posteriors, truth)
    assert len(bins) == 15 and sum(one.n for one in bins) == 400
    assert [(one.low, one.high) for one in bins[:2]] == [(0, 1 / 15), (1 / 15, 2 / 15)]
    # No largest of four posteriors is below a quarter.
    assert (bins[0].n, bins[0].confidence, bins[0].accuracy) == (0, None, None)
    is_right, confidence = posteriors.argmax(axis=1) == truth, posteriors.max(axis=1)
    accuracies, confidences = calibration_curve(is_right, confidence, n_bins=15, strategy="uniform")
    filled = [one for one in bins if one.n]
    assert [one.accuracy for one in filled] == pytest.approx(list(accuracies))
    assert [one.confidence for one in filled] == pytest.approx(list(confidences))
    error = sum(one.n * abs(one.accuracy - one.confidence) for one in filled) / 400
    assert error == pytest.approx(expected_calibration_error(posteriors, truth))
    edge = reliability_bins([[1 / 3, 1 / 3, 1 / 3], [1, 0, 0]], [0, 0], 3)
    assert [one.n for one in edge] == [1, 0, 1]


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_the_sharpness(sharpness: float) -> None:
    posteriors, truth = drawn(4000, sharpness)
    temperature = fit_temperature(posteriors, truth)
    assert temperature == pytest.approx(sharpness, rel=0.08)
    grid = np.exp(np.linspace(np.log(temperature / 2), np.log(temperature * 2), 401))
    losses = [log_loss(truth, apply_temperature(posteriors, one), labels=range(4)) for one in grid]
    assert grid[int(np.argmin(losses))] == pytest.approx(temperature, rel=0.005)
    moved = apply_temperature(posteriors, temperature)
    assert moved.sum(axis=1) == pytest.approx(np.ones(4000))
    assert (moved.argmax(axis=1) == posteriors.argmax(axis=1)).all()
    assert apply_temperature(posteriors, 1.0) == pytest.approx(posteriors)


def test_the_temperature_ends_at_a_hundredth_and_at_a_hundred() -> None:
    sure, unsure = [[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.4, 0.6]]
    assert fit_temperature(sure, [1, 0]) == pytest.approx(100, rel=1e-4), "always wrong: the less sure the better"
    assert fit_temperature(unsure, [0, 1]) == pytest.approx(0.01, rel=0.3), "always right: the surer the better"


def test_the_divergence_from_votes_is_that_of_scipy() -> None:
    posteriors, _ = drawn(50)
    votes = np.random.default_rng(2).integers(0, 4, size=(50, 4)) + np.eye(4, dtype=int)[np.arange(50) % 4]
    shares = votes / votes.sum(axis=1, keepdims=True)
    found = vote_divergence(votes, posteriors)
    kl = []
    for share, row in zip(shares, posteriors, strict=True):
        kl.append(sum(q * np.log(q / max(p, VOTE_FLOOR)) for q, p in zip(share, row, strict=True) if q))
    assert found.n == 50 and found.kl == pytest.approx(np.mean(kl))
    js = [jensenshannon(share, row, 2) ** 2 for share, row in zip(shares, posteriors, strict=True)]
    assert found.js == pytest.approx(np.mean(js))
    smooth = np.full((50, 4), 0.25)
    assert vote_divergence(votes, smooth).kl == pytest.approx(np.mean([entropy(share, [0.25] * 4) for share in shares]))
    same = vote_divergence(votes, shares)
    assert same.kl == pytest.approx(0) and same.js == pytest.approx(0)


def test_each_annotator_is_compared_with_the_others() -> None:
    votes = [
        [[1, 0, 0], [1, 0, 0], [0, 1, 0]],
        [[1, 0, 0], [1, 1, 0]],
        # One who names no class, and one alone, do not enter.
        [[1, 0, 0], [0, 0, 0]],
        [[0, 0, 1]],
    ]
    pairs = [
        ([1, 1, 0], [1, 0, 0]),
        ([1, 1, 0], [1, 0, 0]),
        ([2, 0, 0], [0, 1, 0]),
        ([1, 1, 0], [1, 0, 0]),
        ([1, 0, 0], [0.5, 0.5, 0]),
    ]
    expected = [vote_divergence([others], np.array([own], dtype=float)) for others, own in pairs]
    found = annotator_divergence(votes)
    assert found.n == 5
    assert found.kl == pytest.approx(np.mean([one.kl for one in expected]))
    assert found.js == pytest.approx(np.mean([one.js for one in expected]))
    assert annotator_divergence(votes[2:]) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="2 != 1"):
        brier_score([[1.0, 0.0]], [0, 1])
    with pytest.raises(ValueError, match="expected 0 to 1, found 2 to 2"):
        negative_log_likelihood([[1.0, 0.0]], [2])
    with pytest.raises(ValueError, match="expected 0 to 1, found -1 to -1"):
        negative_log_likelihood([[1.0, 0.0]], [-1])
    for function in (reliability_bins, fit_temperature):
        with pytest.raises(ValueError, match="found 1 dimensions"):
            function([1.0], [0])
    with pytest.raises(ValueError, match=r"found \(1, 2\), \(2, 2\)"):
        vote_divergence([[1, 0]], np.eye(2))
    with pytest.raises(ValueError, match="a vote for a class in each utterance, found none"):
        vote_divergence([[1, 0], [0, 0]], np.eye(2))
