"""The scores against scikit-learn and against slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from speechbrain_ext.metrics.classes import (
    confusion_matrix,
    expected_calibration_error,
    scores_of_confusion,
    unweighted_average_recall,
    weighted_accuracy,
)

SCIKIT = {
    "wa": sk.accuracy_score,
    # Recall of classes that are true somewhere, which is what balanced accuracy averages.
    "uar": lambda t, p: sk.recall_score(t, p, average="macro", labels=np.unique(t), zero_division=0),
    "macro_f1": lambda t, p: sk.f1_score(t, p, average="macro", zero_division=0),
}
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(max_examples=80, deadline=None)
@given(PAIRS)
def test_scores_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, prediction = np.array(pairs).T
    confusion = confusion_matrix(truth, prediction, 6)
    np.testing.assert_array_equal(confusion, sk.confusion_matrix(truth, prediction, labels=range(6)))
    assert weighted_accuracy(truth, prediction) == pytest.approx(SCIKIT["wa"](truth, prediction), abs=1e-12)
    assert unweighted_average_recall(truth, prediction) == pytest.approx(SCIKIT["uar"](truth, prediction), abs=1e-12)
    for metric, reference in SCIKIT.items():
        assert scores_of_confusion(confusion, metric) == pytest.approx(reference(truth, prediction), abs=1e-12)


def test_a_class_that_is_predicted_but_never_true_lowers_f1_and_not_uar() -> None:
    truth, prediction = [0, 0, 1, 1], [0, 2, 1, 1]
    assert unweighted_average_recall(truth, prediction) == pytest.approx((0.5 + 1) / 2)
    confusion = confusion_matrix(truth, prediction, 5)
    assert scores_of_confusion(confusion, "macro_f1") == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_a_matrix_has_no_class_beyond_the_largest() -> None:
    assert confusion_matrix([0, 1, 1], [0, 1, 2]).tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_names_serve_as_classes_where_no_matrix_is_made() -> None:
    assert weighted_accuracy(["anger", "fear"], ["anger", "anger"]) == 0.5
    assert unweighted_average_recall(["anger", "anger", "fear"], ["anger", "anger", "anger"]) == 0.5


def _slow_ece(probabilities: np.ndarray, truth: np.ndarray, n_bins: int) -> float:
    error = 0.0
    for number in range(n_bins):
        inside = [
            (max(row), float(np.argmax(row) == label))
            for row, label in zip(probabilities, truth, strict=True)
            if number / n_bins < max(row) <= (number + 1) / n_bins
        ]
        if inside:
            confidence, correct = np.mean(inside, axis=0)
            error += len(inside) / len(truth) * abs(confidence - correct)
    return error


@pytest.mark.parametrize("n_bins", [1, 10, 15])
def test_calibration_error_equals_the_slow_loop(n_bins: int) -> None:
    generator = np.random.default_rng(3)
    probabilities = generator.dirichlet([0.4] * 5, size=300)
    probabilities[0] = [1, 0, 0, 0, 0]
    probabilities[1] = [0.4, 0.3, 0.3, 0, 0]
    truth = generator.integers(5, size=300)
    expected = _slow_ece(probabilities, truth, n_bins)
    assert expected > 0.05
    assert expected_calibration_error(probabilities, truth, n_bins) == pytest.approx(expected, abs=1e-12)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    """With two bins 0.5 and 0.4 share the lower one, where one right and one wrong answer partly cancel."""
    probabilities = [[0.5, 0.3, 0.2], [0.4, 0.3, 0.3], [0.9, 0.1, 0.0]]
    truth = [0, 1, 0]
    expected = (abs((1 - 0.5) + (0 - 0.4)) + abs(1 - 0.9)) / 3
    assert expected_calibration_error(probabilities, truth, 2) == pytest.approx(expected, abs=1e-12)
    assert _slow_ece(np.array(probabilities), np.array(truth), 2) == pytest.approx(expected, abs=1e-12)


def test_calibration_has_fifteen_bins_unless_told_otherwise() -> None:
    generator = np.random.default_rng(4)
    probabilities, truth = generator.dirichlet([0.4] * 5, size=30), generator.integers(5, size=30)
    assert expected_calibration_error(probabilities, truth) == pytest.approx(_slow_ece(probabilities, truth, 15))
    assert _slow_ece(probabilities, truth, 15) != pytest.approx(_slow_ece(probabilities, truth, 16))


@pytest.mark.parametrize("function", [weighted_accuracy, unweighted_average_recall, confusion_matrix])
def test_lengths_that_differ_are_told_with_both_values(function) -> None:
    with pytest.raises(ValueError, match="3 != 2"):
        function([0, 1, 1], [0, 1])
    with pytest.raises(ValueError, match="at least one"):
        function([], [])


def test_other_wrong_inputs() -> None:
    with pytest.raises(ValueError, match="3 != 2"):
        expected_calibration_error([[1.0], [1.0]], [0, 0, 0])
    with pytest.raises(ValueError, match="expected 0 to 2, found 0 to 3"):
        confusion_matrix([0, 1], [0, 3], 3)
    for truth, prediction in (([0, -1], [0, 1]), ([0, 1], [0, -1])):
        with pytest.raises(ValueError, match="expected 0 to 1, found -1 to 1"):
            confusion_matrix(truth, prediction, 2)
