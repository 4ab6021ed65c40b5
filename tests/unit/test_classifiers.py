"""LinearSVM beside plain scikit-learn; inner folds that share no speaker."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.model_selection import GridSearchCV, GroupKFold, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from speechbrain_ext.training.linear_machine import speaker_folds
from speechbrain_ext.training.svm import LinearSVM
from speechbrain_ext.utils.errors import UserError

GRID = [0.0001, 0.001, 0.01, 0.1, 1.0]


def corpus(classes: int = 5, size: int = 150, dim: int = 40, seed: int = 0, noise: float = 2.0):
    """Overlapping classes, seven speakers of unlike sizes, features of unlike scales and with outliers."""
    random = np.random.default_rng(seed)
    targets = random.choice(classes, size, p=np.linspace(2, 1, classes) / np.linspace(2, 1, classes).sum())
    centres = random.normal(size=(classes, dim))
    rows = centres[targets] + noise * random.normal(size=(size, dim))
    rows[random.integers(size, size=6), random.integers(dim, size=6)] *= 500
    rows = rows * 10.0 ** random.integers(-4, 5, dim) + random.normal(size=dim)
    rows[:, 3] = 7.0
    speakers = random.choice([f"{n:02d}" for n in range(7)], size, p=np.arange(1, 8) / 28)
    return rows, targets, speakers


def plain(rows, targets, groups, folds, weight="balanced"):
    """The same by scikit-learn alone."""
    clip = FunctionTransformer(np.clip, kw_args={"a_min": -10, "a_max": 10})
    pipeline = make_pipeline(StandardScaler(), clip, SVC(kernel="linear", class_weight=weight, break_ties=True))
    search = GridSearchCV(pipeline, {"svc__C": GRID}, scoring="balanced_accuracy", cv=folds)
    return search.fit(rows, targets, groups=groups)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_scikit_learns_search_pipeline_and_prediction(classes, seed):
    rows, targets, speakers = corpus(classes, seed=seed)
    others = corpus(classes, size=300, seed=seed + 50)[0]
    groups = np.zeros(len(rows), dtype=int)
    for number, held_out in enumerate(speaker_folds(speakers, 4)):
        groups[held_out] = number
    search = plain(rows, targets, None, PredefinedSplit(groups))
    ours = LinearSVM(classes, GRID).fit(rows, targets, speakers)
    assert ours.c == search.best_params_["svc__C"]
    np.testing.assert_allclose(list(ours.inner_scores.values()), search.cv_results_["mean_test_score"], atol=1e-12)
    svc = search.best_estimator_[-1]
    sign = -1 if classes == 2 else 1
    np.testing.assert_allclose(ours.model["coefficients"], sign * svc.coef_, atol=1e-7)
    for features in (rows, others):
        np.testing.assert_array_equal(ours.predict(features).argmax(axis=1), search.predict(features))
    if classes > 2:
        np.testing.assert_allclose(ours.scores(others), search.decision_function(others), atol=1e-7)
    np.testing.assert_allclose(np.exp(ours.predict(others)), softmax(ours.scores(others), axis=1), atol=1e-12)


def test_without_weights_it_is_another_machine():
    rows, targets, speakers = corpus()
    weighted = LinearSVM(5, [0.01]).fit(rows, targets, speakers)
    unweighted = LinearSVM(5, [0.01], class_weight=None).fit(rows, targets, speakers)
    assert not np.allclose(weighted.model["coefficients"], unweighted.model["coefficients"])


def test_inner_folds_part_the_utterances_and_share_no_speaker():
    _, _, speakers = corpus()
    folds = speaker_folds(speakers, 4)
    assert sorted(np.concatenate(folds).tolist()) == list(range(len(speakers)))
    owners = [set(speakers[fold]) for fold in folds]
    assert sum(len(owner) for owner in owners) == len(set(speakers)) == 7


def test_inner_folds_are_those_of_scikit_learn_where_no_two_speakers_have_as_many():
    counts = [3, 14, 8, 5, 21, 10, 6]
    speakers = np.repeat([f"{n:02d}" for n in range(7)], counts)
    theirs = [held_out for _, held_out in GroupKFold(3).split(speakers, groups=speakers)]
    ours = speaker_folds(speakers, 3)
    assert sorted(map(tuple, theirs)) == sorted(map(tuple, ours))


def test_inner_folds_do_not_depend_on_the_order_of_utterances():
    _, _, speakers = corpus()
    order = np.random.default_rng(1).permutation(len(speakers))
    straight = [set(speakers[fold]) for fold in speaker_folds(speakers, 3)]
    shuffled = [set(speakers[order][fold]) for fold in speaker_folds(speakers[order], 3)]
    assert straight == shuffled


def test_each_inner_fold_is_standardised_without_its_held_out_speakers(monkeypatch):
    """What the search sees of a held-out speaker never enters the statistics it is standardised with."""
    from speechbrain_ext.training import linear_machine as classifiers

    rows, targets, speakers = corpus()
    seen = []
    monkeypatch.setattr(classifiers, "statistics", lambda arrays: seen.append(len(arrays[0])) or real(arrays))
    from speechbrain_ext.dataio.statistics import statistics as real

    LinearSVM(5, [0.01, 0.1], inner_folds=3).fit(rows, targets, speakers)
    sizes = [len(rows) - len(fold) for fold in speaker_folds(speakers, 3)]
    assert seen == [*sizes, len(rows)]


def test_an_utterances_scores_do_not_depend_on_others():
    rows, targets, speakers = corpus()
    svm = LinearSVM(5, [0.01]).fit(rows, targets, speakers)
    together = svm.predict(rows)
    alone = np.concatenate([svm.predict(row[None]) for row in rows])
    assert np.array_equal(together, alone)


def test_fitted_twice_and_loaded_it_is_the_same():
    rows, targets, speakers = corpus()
    one, two = (LinearSVM(5, GRID).fit(rows, targets, speakers) for _ in range(2))
    loaded = LinearSVM(5, GRID).load(one.model)
    assert all(np.array_equal(one.model[name], two.model[name]) for name in one.model)
    assert np.array_equal(loaded.predict(rows), one.predict(rows)) and loaded.c == one.c
    assert one.parameters == 10 * 41


def test_an_outlier_counts_no_more_than_the_clip():
    rows, targets, speakers = corpus()
    svm = LinearSVM(5, [0.01]).fit(rows, targets, speakers)
    far, farther = rows[:1].copy(), rows[:1].copy()
    far[0, 0], farther[0, 0] = 1e12, 1e20
    assert np.array_equal(svm.scores(far), svm.scores(farther))


def test_a_class_that_was_not_trained_is_never_predicted():
    rows, targets, speakers = corpus(4)
    kept = targets != 1
    svm = LinearSVM(4, [0.01]).fit(rows[kept], targets[kept], speakers[kept])
    posteriors = np.exp(svm.predict(rows))
    assert np.all(posteriors[:, 1] == 0) and np.allclose(posteriors.sum(axis=1), 1)


def test_one_training_speaker_needs_one_value_of_c():
    rows, targets, _ = corpus()
    alone = ["03"] * len(rows)
    with pytest.raises(UserError, match=r"expected 2 or more, found 1.*--c_grid \[0\.001\]"):
        LinearSVM(5, GRID).fit(rows, targets, alone)
    assert LinearSVM(5, [0.01]).fit(rows, targets, alone).c == 0.01


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"c_grid": []}, "c_grid"),
        ({"c_grid": [0.0, 1.0]}, "c_grid"),
        ({"c_grid": 0.1}, "c_grid"),
        ({"c_grid": ["much"]}, "c_grid"),
        ({"inner_folds": 1}, "inner_folds"),
        ({"clip_deviations": 0.0}, "clip_deviations"),
        ({"class_weight": "none"}, "class_weight"),
    ],
)
def test_wrong_settings_are_told_in_one_line(wrong, told):
    with pytest.raises(UserError, match=told) as fault:
        LinearSVM(**{"n_classes": 5, "c_grid": GRID, **wrong})
    assert "\n" not in str(fault.value)


def test_one_class_is_refused():
    rows, _, speakers = corpus()
    with pytest.raises(UserError, match="two classes"):
        LinearSVM(5, [0.01]).fit(rows, np.zeros(len(rows), dtype=int), speakers)
