"""Linear support vector regression against scikit-learn's own parts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from speechbrain_ext.metrics.values import concordance
from speechbrain_ext.training.svr import LinearSVR
from speechbrain_ext.utils.errors import UserError

GRID = [0.001, 0.01, 0.1, 1.0]


def corpus(seed: int = 0, n: int = 80, features: int = 12):
    """Rows from which two values can be told, not too easily; the speakers have sizes of their own."""
    random = np.random.default_rng(seed)
    speakers = np.sort(np.array([f"s{min(int(number), 4)}" for number in random.exponential(2, n)]))
    rows = random.normal(size=(n, features)) * np.linspace(1, 50, features) + 7
    clean = (rows - 7) / np.linspace(1, 50, features)
    values = clean @ random.normal(size=(features, 2)) * [0.3, 2.0] + [3.0, -10.0] + random.normal(size=(n, 2)) * 0.5
    return rows, values, list(speakers)


def by_scikit_learn(rows, values, tested, c):
    """Predictions of one plain SVR a dimension, in the values' units."""
    scale, units = StandardScaler().fit(rows), StandardScaler().fit(values)
    train, test = np.clip(scale.transform(rows), -10, 10), np.clip(scale.transform(tested), -10, 10)
    found = [SVR(C=c, kernel="linear").fit(train, target).predict(test) for target in units.transform(values).T]
    return units.inverse_transform(np.transpose(found))


def test_it_predicts_what_scikit_learn_does():
    rows, values, speakers = corpus()
    others = corpus(1)[0]
    one = LinearSVR([0.1]).fit(rows, values, speakers)
    np.testing.assert_allclose(one.predict(others), by_scikit_learn(rows, values, others, 0.1), atol=1e-8)
    units = StandardScaler().fit(values)
    np.testing.assert_allclose(one.scores(others), units.transform(one.predict(others)), atol=1e-10)
    assert one.parameters == 2 * 13 and one.c == 0.1


def test_c_is_the_best_of_a_plain_search_over_speakers():
    rows, values, speakers = corpus()
    one = LinearSVR(GRID, inner_folds=3).fit(rows, values, speakers)
    scores = dict.fromkeys(GRID, 0.0)
    for trained, held_out in GroupKFold(3).split(rows, groups=speakers):
        for c in GRID:
            found = by_scikit_learn(rows[trained], values[trained], rows[held_out], c)
            scores[c] += np.mean([concordance(*pair) for pair in zip(values[held_out].T, found.T, strict=True)]) / 3
    assert one.inner_scores == pytest.approx(scores, abs=1e-3)
    assert one.c == max(GRID, key=scores.get) and min(scores.values()) < max(scores.values()) - 0.05


def test_two_fits_are_the_same_and_a_row_is_the_same_beside_any_other():
    rows, values, speakers = corpus()
    one, two = (LinearSVR(GRID).fit(rows, values, speakers) for _ in range(2))
    assert all(np.array_equal(one.model[name], two.model[name]) for name in one.model)
    alone = np.concatenate([one.predict(row[None]) for row in rows])
    assert np.array_equal(alone, one.predict(rows))
    loaded = LinearSVR(GRID).load(one.model)
    assert np.array_equal(loaded.predict(rows), one.predict(rows)) and loaded.c == one.c


def test_a_constant_dimension_is_predicted_as_it_is():
    rows, values, speakers = corpus()
    values[:, 1] = 2.5
    one = LinearSVR(GRID).fit(rows, values, speakers)
    np.testing.assert_allclose(one.predict(rows)[:, 1], 2.5, atol=0.11)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"c_grid": [0]}, "c_grid: expected a list of values above 0"),
        ({"c_grid": [1], "inner_folds": 1}, "inner_folds: expected 2 or more, found 1"),
        ({"c_grid": [1], "clip_deviations": 0}, "clip_deviations: expected a value above 0"),
    ],
)
def test_wrong_keys_are_told_in_one_line(keys, told):
    with pytest.raises(UserError, match=told):
        LinearSVR(**keys)


def test_one_speaker_leaves_no_choice():
    rows, values, _ = corpus()
    with pytest.raises(UserError, match="C is chosen over training speakers"):
        LinearSVR(GRID).fit(rows, values, ["s1"] * len(rows))
