"""CORAL against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from speechbrain_ext.dataio import correlation_alignment
from speechbrain_ext.dataio.correlation_alignment import align
from speechbrain_ext.training.svm import LinearSVM


def data(utterances: int, features: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(utterances, features)) @ generator.normal(size=(features, features))


def dense(source: np.ndarray, target: np.ndarray, regularisation: float) -> np.ndarray:
    """The matrix A by scipy's square roots."""
    unit = regularisation * np.eye(source.shape[1])
    of_source, of_target = np.cov(source.T) + unit, np.cov(target.T) + unit
    return np.real(np.linalg.inv(sqrtm(of_source)) @ sqrtm(of_target))


@pytest.mark.parametrize("regularisation", [0.1, 1.0])
@pytest.mark.parametrize(("utterances", "features"), [(50, 6), (5, 12)])
def test_rows_are_those_of_dense_matrices(utterances, features, regularisation):
    source, target = data(utterances, features, 1), data(utterances + 3, features, 2)
    matrix = dense(source, target, regularisation)
    assert np.allclose(align(source, target, regularisation), source @ matrix, atol=1e-8)
    unit = regularisation * np.eye(features)
    found, wanted = matrix.T @ (np.cov(source.T) + unit) @ matrix, np.cov(target.T) + unit
    assert np.linalg.norm(found - wanted) < 1e-8 * np.linalg.norm(wanted)


def test_a_wrong_alignment_is_noticed(monkeypatch):
    power = correlation_alignment._Covariance.power
    wrong = {-0.5: -0.4, 0.5: 0.5, 1.0: 1.0}
    replaced = lambda self, rows, exponent: power(self, rows, wrong[exponent])  # noqa: E731
    monkeypatch.setattr(correlation_alignment._Covariance, "power", replaced)
    with pytest.raises(FloatingPointError, match="differs by .* of its norm"):
        align(data(30, 4, 1), data(30, 4, 2))


@pytest.mark.parametrize(
    ("source", "target", "regularisation", "words"),
    [
        (np.ones((3, 2)), np.ones((3, 4)), 1.0, "as many features, found 2 and 4"),
        (np.ones((1, 2)), np.ones((3, 2)), 1.0, "two or more utterances, found 1 and 3"),
        (np.ones((3, 2)), np.ones((3, 2)), 0.0, "above 0, found 0.0"),
    ],
)
def test_what_cannot_be_aligned_is_refused(source, target, regularisation, words):
    with pytest.raises(ValueError, match=words):
        align(source, target, regularisation)


def test_an_aligned_machine_scores_the_other_corpus_in_its_own_statistics():
    generator = np.random.default_rng(3)
    targets, speakers = np.repeat([0, 1], 20), [str(place % 4) for place in range(40)]
    source = generator.normal(size=(40, 3)) + 4 * targets[:, None] * [1, 0, 0]
    other = 100 + 7 * source @ np.diag([1.0, 3.0, 0.5])
    svm = LinearSVM(2, [0.01, 1.0], 4).fit_aligned(source, targets, speakers, other)
    assert np.allclose(svm.model["mean"], other.mean(axis=0)) and np.allclose(svm.model["deviation"], other.std(axis=0))
    assert (svm.predict(other).argmax(axis=1) == targets).mean() > 0.9
    from sklearn.svm import SVC

    standard = [(rows - rows.mean(axis=0)) / rows.std(axis=0) for rows in (source, other)]
    plain = SVC(C=svm.c, kernel="linear", class_weight="balanced").fit(standard[0] @ dense(*standard, 1.0), targets)
    assert (svm.predict(other).argmax(axis=1) == plain.predict(standard[1])).all()
