"""predictions.csv, results.json and summary.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_folders import CLASSES, TARGET, facts, fold_facts, plausible_results, plausible_rows
from sklearn import metrics as sk

from speechbrain_ext.evaluation.predictions import read_predictions, write_predictions
from speechbrain_ext.evaluation.results import make_results, make_summary
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.results_json import results_from_json, results_to_json, summary_to_json
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, write_json, write_sealed


def test_predictions_read_back_exactly_and_sorted(tmp_path: Path) -> None:
    rows = plausible_rows()
    path = tmp_path / "predictions.csv"
    write_predictions(path, rows[::-1], TARGET)
    again, target = read_predictions(path)
    assert target == TARGET
    assert again == sorted(rows, key=lambda row: (row.fold, row.id))
    head, first = path.read_text(encoding="utf-8").splitlines()[:2]
    assert head == "id,fold,speaker,label,prediction," + ",".join(f"p_{name}" for name in CLASSES)
    assert first.split(",")[:3] == [again[0].id, again[0].fold, again[0].speaker]
    before = path.read_bytes()
    write_predictions(path, again, target)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "joy"},
        {"prediction": "joy"},
        {"posteriors": (1.0,)},
        {"posteriors": (float("nan"),) * len(CLASSES)},
        {"id": plausible_rows()[10].id, "fold": plausible_rows()[10].fold},
    ],
)
def test_a_wrong_row_is_not_written(tmp_path: Path, changes: dict) -> None:
    rows = plausible_rows()
    rows[0] = replace(rows[0], **changes)
    with pytest.raises(ValueError, match="found"):
        write_predictions(tmp_path / "predictions.csv", rows, TARGET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: "", "cut off"),
        (lambda text: "\n", "expected the columns"),
        (lambda text: text.replace("speaker", "who", 1), "expected the columns"),
        (lambda text: text[: len(text) // 2], "cut off"),
        (lambda text: text[: len(text) // 2].rsplit(",", 2)[0] + "\n", "not a prediction"),
        (lambda text: text.replace("anger", "\0\r", 1), "expected the columns|not a"),
        (lambda text: text.replace(",anger,", ",joy,"), "line .*joy"),
        (lambda text: text + text.splitlines()[-1] + "\n", "twice"),
    ],
)
def test_a_spoilt_file_is_told_in_one_line(tmp_path: Path, spoil, said: str) -> None:
    path = tmp_path / "predictions.csv"
    write_predictions(path, plausible_rows(), TARGET)
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(UserError, match=said) as fault:
        read_predictions(path)
    assert "\n" not in str(fault.value) and "--stage 3" in str(fault.value)


def test_results_equal_scikit_learn() -> None:
    rows = plausible_rows("random5")
    results = results_to_json(make_results(rows, facts(protocol="random5", warnings=["w"]), fold_facts(rows)))
    truth, prediction = [row.label for row in rows], [row.prediction for row in rows]
    pooled = results["pooled"]
    assert pooled["n"] == len(rows)
    assert pooled["wa"] == pytest.approx(sk.accuracy_score(truth, prediction))
    assert pooled["uar"] == pytest.approx(sk.balanced_accuracy_score(truth, prediction))
    assert pooled["macro_f1"] == pytest.approx(sk.f1_score(truth, prediction, average="macro"))
    assert pooled["confusion"] == sk.confusion_matrix(truth, prediction, labels=CLASSES).tolist()
    assert pooled["wa_ci95"][0] < pooled["wa"] < pooled["wa_ci95"][1]
    assert pooled["uar_ci95"][0] < pooled["uar"] < pooled["uar_ci95"][1]
    by_fold = []
    for fold in results["folds"]:
        inside = [row for row in rows if row.fold == fold["name"]]
        by_fold.append(sk.accuracy_score([row.label for row in inside], [row.prediction for row in inside]))
        assert fold["wa"] == pytest.approx(by_fold[-1])
        assert fold["speakers_test"] == sorted({row.speaker for row in inside})
    assert results["mean"]["wa"] == pytest.approx(np.mean(by_fold))
    assert results["mean"]["wa_std"] == pytest.approx(np.std(by_fold, ddof=0))
    assert results["mean"]["wa_std"] != pytest.approx(np.std(by_fold, ddof=1))


def test_results_have_the_keys_in_order_and_are_json() -> None:
    found = plausible_results(warnings=["w"])
    results = results_to_json(found)
    identity = "schema corpus source edition system row preset protocol dev selection seed fold_seed classes"
    made_with = "paper parameters commit versions device precision hparams_sha256 manifest_sha256 folds_sha256"
    assert list(results) == f"{identity} pooled folds mean {made_with} command warnings".split()
    assert list(results["pooled"]) == "n wa wa_ci95 uar uar_ci95 macro_f1 ece confusion".split()
    assert list(results["folds"][0]) == (
        "name n_train n_dev n_test wa uar macro_f1 confusion epochs train_seconds speakers_test".split()
    )
    assert list(results["mean"]) == ["wa", "wa_std", "uar", "uar_std"]
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert results_from_json(results) == found


def test_predictions_must_cover_the_folds() -> None:
    rows = plausible_rows()
    with pytest.raises(ValueError, match="expected 20 tested utterances, found 19"):
        make_results(rows[1:], facts(), fold_facts(rows))
    with pytest.raises(ValueError, match="folds: expected"):
        make_results(rows, facts(), fold_facts(rows)[1:])


def test_summary_over_seeds() -> None:
    results = [plausible_results(seed=seed) for seed in (3, 1, 2)]
    summary = summary_to_json(make_summary(results))
    values = [results[number].pooled["uar"].value for number in (1, 2, 0)]
    assert summary["seeds"] == [1, 2, 3]
    assert summary["pooled"]["uar"]["values"] == values
    assert summary["pooled"]["uar"]["mean"] == pytest.approx(np.mean(values))
    assert summary["pooled"]["uar"]["std"] == pytest.approx(np.std(values))
    assert summary["mean"]["wa"]["values"][0] == results[1].mean["wa"].value
    with pytest.raises(UserError, match="differ in dev"):
        make_summary([results[0], plausible_results(seed=1, dev="speaker")])
    with pytest.raises(UserError, match="once"):
        make_summary([results[0], results[0]])


def test_results_of_another_schema_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(UserError, match="missing .*results.json"):
        read_results(path)
    write_json(path, {"schema": 1, "pooled": {}})
    with pytest.raises(UserError, match="expected schema 2, found 1: make it again"):
        read_results(path)
    write_sealed(path, {"schema": 3})
    with pytest.raises(UserError, match="expected schema 2, found 3: make it again"):
        read_results(path)
    for content in ([], {}, {"schema": 2}):
        write_json(path, content)
        with pytest.raises(DamagedFile, match="make it again"):
            read_results(path)
