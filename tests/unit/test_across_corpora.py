"""Scores on other corpora on the page, from cross_corpus.json in the folders of seeds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_folders import write_run

from speechbrain_ext.evaluation.cross_corpus_json import read_cross_corpus
from speechbrain_ext.report.page import write_report
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_sealed

KNOWN = {"corpus": "RAVDESS", "source": "real", "edition": "as published", "classes": ["anger", "fear"], "map": {}}
SCORED = {"n": 376, "speakers": 24, "wa": 0.4, "wa_ci95": [0.3, 0.5], "uar": 0.4321, "uar_ci95": [0.35, 0.5125]}
TARGETS = [
    {**KNOWN, **SCORED, "model": "all-data", "method": "as-trained", "transductive": False},
    {**KNOWN, **SCORED, "model": "all-data", "method": "coral", "transductive": True, "uar": 0.5},
    {
        **{**KNOWN, "n": 300, "speakers": 10, "model": "mean of folds", "method": "as-trained", "transductive": False},
        **{"ccc": {"valence": 0.25}, "ccc_mean": 0.25, "ccc_ci95": {"valence": [0.1, 0.375]}},
    },
]


def write_scores(folder: Path, **changes) -> Path:
    train = {
        "corpora": ["EmoDB", "nemo"],
        "source": "real",
        "edition": "as published",
        "system": "svm",
        "row": "default",
    }
    record = {"schema": 2, "train": {**train, "command": "./run.sh"}, "targets": TARGETS}
    write_sealed(folder / "cross_corpus.json", record | changes)
    return folder / "cross_corpus.json"


def page_text(tmp_path: Path) -> str:
    write_report(tmp_path / "EmoDB-real", tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.S).split())


@pytest.mark.usefixtures("small_figures")
def test_the_page_shows_scores_on_other_corpora_and_says_which_are_transductive(tmp_path: Path, capsys) -> None:
    folder = write_run(tmp_path, history=False)
    assert "On other corpora" not in page_text(tmp_path)
    # A model of all data has no results.json of its own.
    elsewhere = folder.parents[1] / "all-data" / "seed-3"
    elsewhere.mkdir(parents=True)
    path = write_scores(elsewhere)
    text = page_text(tmp_path)
    model = "svm, default, seed-3 EmoDB + nemo RAVDESS"
    assert f"{model} all-data as-trained 43.21 [35.00, 51.25] 376 24" in text
    assert f"{model} all-data coral (transductive: uses unlabelled target data) 50.00 [35.00, 51.25] 376 24" in text
    assert f"{model} mean of folds as-trained CCC of valence 0.250 [0.100, 0.375] 300 10" in text
    path.write_text(path.read_text().replace("0.4321", "0.9321"))
    assert "On other corpora" not in page_text(tmp_path)
    assert f"warning: {path}: damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 9}, "expected schema 2, found 9"),
        ({"train": {}}, "damaged or edited: 'corpora'"),
        ({"targets": [{**TARGETS[0], "uar": "high"}]}, "damaged or edited: "),
        ({"targets": 3}, "damaged or edited: "),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as fault:
        read_cross_corpus(write_scores(tmp_path, **changes))
    assert "\n" not in str(fault.value) and "--targets LIST" in str(fault.value)
