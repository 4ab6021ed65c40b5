"""Gaps, calibration, reliability diagram and distance from votes on the page, against scikit-learn, scipy and numpy."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_folders import write_data
from report_folders import CLASSES, facts, fold_facts, plausible_results, plausible_rows, write_folder
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import log_loss, recall_score

from speechbrain_ext.corpora.manifest import Utterance, Vote
from speechbrain_ext.evaluation.results import make_results
from speechbrain_ext.metrics.calibration import NOT_CALIBRATED
from speechbrain_ext.report.figures.reliability import build_reliability
from speechbrain_ext.report.page import write_report
from speechbrain_ext.report.run_statistics import run_statistics
from speechbrain_ext.training.svm import LinearSVM
from speechbrain_ext.utils.files import sha256_file

ROWS = sorted(plausible_rows())
TRUTH = np.array([CLASSES.index(row.label) for row in ROWS])
POSTERIORS = np.array([row.posteriors for row in ROWS])
WOMEN = ("08", "09", "13", "14", "16")


def uar(of: list) -> float:
    return recall_score([row.label for row in of], [row.prediction for row in of], average="macro", zero_division=0)


def write_page(tmp_path: Path) -> str:
    [exp] = (tmp_path / "recipe/exp").iterdir()
    write_report(exp, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.S).split())


def write_run_of(tmp_path: Path, **changes) -> Path:
    return write_folder(tmp_path / "recipe/exp", make_results(ROWS, facts(**changes), fold_facts(ROWS)), ROWS)


@pytest.mark.usefixtures("small_figures")
def test_the_page_shows_the_gap_of_speakers_and_calibration(tmp_path: Path) -> None:
    write_run_of(tmp_path)
    text = write_page(tmp_path)
    assert "By gender" not in text, "not known"
    of_speakers = []
    for speaker in sorted({row.speaker for row in ROWS}):
        own = [row for row in ROWS if row.speaker == speaker]
        recalls = [
            np.mean([row.prediction == name for row in own if row.label == name]) for name in {r.label for r in own}
        ]
        of_speakers.append(np.mean(recalls))
    gap = f"{100 * (max(of_speakers) - min(of_speakers)):.2f}"
    assert f"Gap between the highest and the lowest UAR: {gap} points." in text and f"gap {gap} highest less" in text
    brier = np.mean(np.sum((POSTERIORS - np.eye(7)[TRUTH]) ** 2, axis=1))
    nll = log_loss(TRUTH, POSTERIORS, labels=range(7))
    confidence, right = POSTERIORS.max(axis=1), POSTERIORS.argmax(axis=1) == TRUTH
    ece = sum(
        abs(right[own].sum() - confidence[own].sum())
        for low in np.arange(15) / 15
        if (own := (confidence > low) & (confidence <= low + 1 / 15)).any()
    ) / len(ROWS)
    assert f"ECE, 15 bins {100 * ece:.2f} per cent Brier score {brier:.3f} 0 to 2 NLL {nll:.3f} nats" in text
    assert "softmax of SVM scores" not in text and "votes" not in text


@pytest.mark.usefixtures("small_figures")
def test_posteriors_of_an_svm_are_said_to_be_uncalibrated(tmp_path: Path) -> None:
    write_run_of(tmp_path, warnings=[NOT_CALIBRATED])
    assert "The posteriors are a softmax of SVM scores, not calibrated. All three" in write_page(tmp_path)


def test_the_words_are_those_that_the_svm_warns_with() -> None:
    assert LinearSVM.warnings == (NOT_CALIBRATED,)


@pytest.mark.usefixtures("small_figures")
def test_the_distance_from_the_votes_and_the_gender_gap_come_from_the_manifest(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    cast = {row.id: [row.label, CLASSES[generator.integers(7)], CLASSES[generator.integers(7)]] for row in ROWS}
    utterances = [
        Utterance(
            id=row.id,
            corpus="EmoDB",
            wav=f"{row.id}.wav",
            start_s=0.0,
            end_s=1.0,
            speaker=row.speaker,
            gender="F" if row.speaker in WOMEN else "M",
            votes=tuple(Vote(str(number), (name,)) for number, name in enumerate(cast[row.id])),
            label=row.label,
        )
        for row in ROWS
    ]
    data = tmp_path / "recipe/data/EmoDB-real"
    write_data(data, utterances)
    write_run_of(tmp_path, manifest_sha256=sha256_file(data / "manifest.jsonl"))
    text = write_page(tmp_path)
    shares = np.array([[cast[row.id].count(name) / 3 for name in CLASSES] for row in ROWS])
    terms = np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-300) / np.maximum(POSTERIORS, 1e-3)), 0)
    kl = terms.sum(axis=1).mean()
    js = np.mean([jensenshannon(p, q, base=2) ** 2 for p, q in zip(shares, POSTERIORS, strict=True)])
    assert f"This run 200 utterances {kl:.3f} {js:.3f}" in text
    ones = np.eye(7)
    pairs = [
        (sum(ones[CLASSES.index(name)] for name in votes[:n] + votes[n + 1 :]) / 2, ones[CLASSES.index(votes[n])])
        for votes in cast.values()
        for n in range(3)
    ]
    ceiling = np.mean([jensenshannon(p, q, base=2) ** 2 for p, q in pairs])
    assert re.search(rf"An annotator 600 pairs [0-9.]+ {ceiling:.3f}", text)
    women = uar([row for row in ROWS if row.speaker in WOMEN])
    men = uar([row for row in ROWS if row.speaker not in WOMEN])
    counts = [sum((row.speaker in WOMEN) == is_woman for row in ROWS) for is_woman in (True, False)]
    shown = f"female {counts[0]} {100 * women:.2f} male {counts[1]} {100 * men:.2f} gap {100 * abs(women - men):.2f}"
    assert shown in text


def test_the_reliability_diagram_draws_the_bins_of_the_posteriors() -> None:
    figure = build_reliability(plausible_results(), ROWS)
    above, below = figure.axes
    confidence, right = POSTERIORS.max(axis=1), POSTERIORS.argmax(axis=1) == TRUTH
    numbers = np.ceil(confidence * 15).astype(int) - 1
    filled = sorted(set(numbers))
    assert [bar.get_height() for bar in above.patches] == pytest.approx(
        [100 * right[numbers == n].mean() for n in filled]
    )
    assert [bar.get_x() for bar in above.patches] == pytest.approx([100 * n / 15 for n in filled])
    assert [bar.get_height() for bar in below.patches] == [np.sum(numbers == n) for n in filled]
    assert [int(text.get_text()) for text in below.texts] == [np.sum(numbers == n) for n in filled]
    points = above.lines[0].get_xdata()
    assert points == pytest.approx([100 * confidence[numbers == n].mean() for n in filled])


def test_without_genders_and_with_one_there_is_no_gap() -> None:
    rows = [replace(row, id=f"x{row.id}") for row in ROWS]
    found = run_statistics(Path("nowhere"), plausible_results(corpus="mine"), rows)
    assert found.genders == [] and found.gender_gap == 0.0 and found.annotators is None
    alone = [row for row in ROWS if row.speaker == "03"]
    assert run_statistics(Path("nowhere"), plausible_results(), alone).speaker_gap == 0.0
