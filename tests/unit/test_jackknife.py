"""Intervals over speakers against a loop that scores the utterances again without each speaker."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from speechbrain_ext.metrics.bootstrap import bootstrap_interval
from speechbrain_ext.metrics.classes import confusions_by_speaker, scores_of_confusion
from speechbrain_ext.metrics.jackknife import SHARE, class_jackknife, concordance_jackknife, interval_ends, t_quantile

SCIKIT = {
    "wa": sk.accuracy_score,
    "uar": lambda t, p: sk.recall_score(t, p, average="macro", labels=np.unique(t), zero_division=0),
    "macro_f1": lambda t, p: sk.f1_score(t, p, average="macro", zero_division=0),
}


def utterances(n_speakers: int = 6, n: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    truth = generator.integers(4, size=n)
    prediction = np.where(generator.random(n) < 0.6, truth, generator.integers(4, size=n))
    return truth, prediction, np.array([f"s{number}" for number in generator.permutation(n) % n_speakers])


def values() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(2)
    truth = generator.normal(3, 1, 90)
    speakers = generator.permutation(90) % 5
    return truth, truth + 0.4 * speakers + generator.normal(0, 0.8, 90), speakers


def slow_interval(score, to, back, truth, prediction, speakers) -> tuple[tuple[float, float], float]:
    names = sorted(set(speakers.tolist()))
    deleted = [to(score(truth[speakers != name], prediction[speakers != name])) for name in names]
    mean, total = sum(deleted) / len(names), 0.0
    for one in deleted:
        total += (one - mean) ** 2
    error = ((len(names) - 1) / len(names) * total) ** 0.5
    centre, half = to(score(truth, prediction)), stats.t.ppf(0.975, len(names) - 1) * error
    return (back(centre - half), back(centre + half)), error


def slow_ccc(x: np.ndarray, y: np.ndarray) -> float:
    return 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


@pytest.mark.parametrize("metric", SCIKIT)
@pytest.mark.parametrize("n_speakers", [2, 6, 24])
def test_the_interval_of_classes_is_that_of_a_loop(metric: str, n_speakers: int) -> None:
    truth, prediction, speakers = utterances(n_speakers)

    def to(share: float) -> float:
        return float(np.log(share / (1 - share)))

    def back(value: float) -> float:
        return float(1 / (1 + np.exp(-value)))

    interval, error = slow_interval(SCIKIT[metric], to, back, truth, prediction, speakers)
    found = class_jackknife(truth, prediction, speakers, metric)
    assert found.interval == pytest.approx(interval, abs=1e-12) and found.standard_error == pytest.approx(error)
    assert found.value == pytest.approx(SCIKIT[metric](truth, prediction))
    assert found.interval[0] < found.value < found.interval[1]
    assert (found.n_speakers, found.n_without_class) == (n_speakers, 0)


def test_the_interval_of_the_ccc_is_that_of_a_loop_with_fishers_z() -> None:
    truth, prediction, speakers = values()
    interval, error = slow_interval(slow_ccc, np.arctanh, np.tanh, truth, prediction, speakers)
    found = concordance_jackknife(truth, prediction, speakers)
    assert found.interval == pytest.approx(interval, abs=1e-9) and found.standard_error == pytest.approx(error)
    assert found.value == pytest.approx(slow_ccc(truth, prediction)) and found.n_speakers == 5
    far = concordance_jackknife(truth + 1e6, prediction + 1e6, speakers)
    assert far.interval == pytest.approx(found.interval, abs=1e-6)


def test_the_order_of_utterances_plays_no_part() -> None:
    order = np.random.default_rng(3).permutation(120)
    truth, prediction, speakers = utterances()
    found = class_jackknife(truth, prediction, speakers, "uar")
    assert class_jackknife(truth[order], prediction[order], speakers[order], "uar") == found
    truth, prediction, speakers = values()
    order = order[order < 90]
    shuffled = concordance_jackknife(truth[order], prediction[order], speakers[order])
    assert shuffled.interval == pytest.approx(concordance_jackknife(truth, prediction, speakers).interval, abs=1e-12)


def test_one_speaker_has_a_score_and_no_interval() -> None:
    truth, prediction, _ = utterances()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = class_jackknife(truth, prediction, ["a"] * 120, "wa")
    assert (found.interval, found.standard_error, found.n_speakers, found.n_without_class) == (None, None, 1, 0)
    assert found.value == pytest.approx(np.mean(truth == prediction))
    assert concordance_jackknife([1, 2, 3], [1, 2, 2], ["a"] * 3).interval is None


def test_a_score_at_the_end_of_its_range_has_no_interval() -> None:
    speakers = ["a", "a", "b", "b", "c", "c"]
    assert class_jackknife([0, 1] * 3, [0, 1] * 3, speakers, "wa").interval is None
    assert class_jackknife([0, 1] * 3, [1, 0] * 3, speakers, "uar").interval is None
    # Without speaker a the score would be 1.
    only_a = class_jackknife([0, 1] * 3, [1, 1, 0, 1, 0, 1], speakers, "wa")
    assert (only_a.interval, only_a.standard_error) == (None, None) and only_a.value == pytest.approx(5 / 6)
    cells = confusions_by_speaker([0, 1] * 3, [1, 1, 0, 1, 0, 1], speakers)
    both = np.stack([cells, cells + 1])
    ends = np.array(interval_ends(both, lambda sums: scores_of_confusion(sums, "wa"), SHARE, axis=1))
    assert np.isnan(ends[:, 0]).all() and np.isfinite(ends[:, 1]).all()
    assert concordance_jackknife([1, 2, 1, 3], [1, 2, 1, 3], ["a", "a", "b", "b"]).interval is None


def test_speakers_who_alone_have_a_class_are_counted() -> None:
    truth = [0, 1, 0, 1, 0, 2, 0, 3]
    prediction = [0, 1, 1, 1, 0, 2, 0, 0]
    speakers = ["a", "a", "b", "b", "c", "c", "d", "d"]
    found = class_jackknife(truth, prediction, speakers, "uar")
    assert found.n_without_class == 2
    # Classes 2 and 3 are gone with c and d: UAR is then of three classes.
    assert found.value == pytest.approx((3 / 4 + 1 + 1 + 0) / 4)
    # Class 1 is never true: no speaker is the only one who has it.
    assert class_jackknife([0, 2] * 2, [1, 2, 0, 0], ["a", "a", "b", "b"], "uar").n_without_class == 0
    without_c = SCIKIT["uar"](np.array([0, 1, 0, 1, 0, 3]), np.array([0, 1, 1, 1, 0, 0]))
    assert without_c == pytest.approx((2 / 3 + 1 + 0) / 3) and found.interval is not None


def test_many_data_sets_at_once_are_as_one_by_one() -> None:
    generator = np.random.default_rng(4)
    many = generator.integers(1, 9, size=(7, 5, 3, 3))  # [data set, speaker, true class, predicted class]

    def score(cells: np.ndarray) -> np.ndarray:
        return scores_of_confusion(cells, "uar")

    low, high, error = interval_ends(many, score, SHARE, axis=1)
    assert low.shape == (7,)
    for number, one in enumerate(many):
        assert (low[number], high[number], error[number]) == interval_ends(one, score, SHARE)
    one_speaker = interval_ends(many[:, :1], score, SHARE, axis=1)
    assert np.isnan(one_speaker).all() and one_speaker[0].shape == (7,)


def test_the_quantile_is_that_of_scipy() -> None:
    for n_speakers in (2, 5, 10, 24, 500):
        assert t_quantile(n_speakers) == pytest.approx(stats.t.ppf(0.975, n_speakers - 1))
        assert t_quantile(n_speakers, 0.8) == pytest.approx(stats.t.ppf(0.8, n_speakers - 1))


@pytest.mark.parametrize("seed", [0, 7])
def test_the_bootstrap_is_that_of_a_loop_over_draws(seed: int) -> None:
    truth, prediction, speakers = utterances()
    names = sorted(set(speakers.tolist()))
    scores = []
    for drawn in np.random.default_rng(seed).integers(len(names), size=(200, len(names))):
        rows = np.concatenate([np.flatnonzero(speakers == names[number]) for number in drawn])
        scores.append(SCIKIT["uar"](truth[rows], prediction[rows]))
    cells = confusions_by_speaker(truth, prediction, speakers)
    found = bootstrap_interval(cells, lambda sums: scores_of_confusion(sums, "uar"), 200, seed)
    assert found == pytest.approx(tuple(np.percentile(scores, [2.5, 97.5])), abs=1e-12)
    assert bootstrap_interval(cells[:1], lambda sums: scores_of_confusion(sums, "uar")) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="speakers and truth differ in length: 1 != 2"):
        class_jackknife([0, 1], [0, 1], ["a"], "wa")
    with pytest.raises(ValueError, match="expected one of wa, uar, macro_f1, found 'ua'"):
        class_jackknife([0, 1], [0, 1], ["a", "b"], "ua")
    with pytest.raises(ValueError, match="expected 0 to 2, found 0 to 3"):
        confusions_by_speaker([0, 1], [0, 3], ["a", "b"], 3)
    with pytest.raises(ValueError, match="speakers and truth differ in length: 1 != 2"):
        concordance_jackknife([1, 2], [1, 2], ["a"])
