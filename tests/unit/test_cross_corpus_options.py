"""What cross_corpus.sh refuses before any package is needed."""

from __future__ import annotations

import pytest

from speechbrain_ext.bin import cross_corpus
from speechbrain_ext.bin.options import command_parser
from speechbrain_ext.utils.errors import UsageError


def parse(*words: str):
    asked = command_parser("cross_corpus", "", ("corpora",)).parse(["--data", "data", *words])
    cross_corpus.find_corpora(asked)
    cross_corpus.find_overrides(asked)
    return asked


@pytest.fixture(autouse=True)
def no_corpus(monkeypatch):
    for name in ("EMODB_ROOT", "RAVDESS_ROOT", "IEMOCAP_ROOT", "MSP_IMPROV_ROOT"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_folder_all_corpora_are_mini_corpora():
    asked = parse("--corpora", "EmoDB,MSP-IMPROV")
    assert [(name, root, source) for _, name, root, source in asked.found] == [
        ("EmoDB", "data/mini-corpus/EmoDB", "mini"),
        ("MSP-IMPROV", "data/mini-corpus/MSP-IMPROV", "mini"),
    ]


def test_folders_come_from_options_variables_and_csv_files(monkeypatch, tmp_path):
    monkeypatch.setenv("MSP_IMPROV_ROOT", "/corpora/improv")
    table = tmp_path / "my corpus.csv"
    asked = parse("--corpora", f"EmoDB,MSP-IMPROV,{table}", "--root", "EmoDB=/corpora/emodb")
    assert [(name, root, source) for _, name, root, source in asked.found] == [
        ("EmoDB", "/corpora/emodb", "real"),
        ("MSP-IMPROV", "/corpora/improv", "real"),
        ("my corpus", str(table), "real"),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corpora", "EmoDB,RAVDES"], "RAVDES: expected a recipe or the path of a CSV: did you mean RAVDESS"),
        (["--corpora", "EmoDB,RAVDESS", "--systems", "svmm"], "--systems svmm: EmoDB has did you mean svm"),
        (["--corpora", "EmoDB,RAVDESS", "--root", "EmoDB=x"], "RAVDESS have no folder .*--root RAVDESS=DIR"),
        (["--corpora", "EmoDB,RAVDESS", "--root", "IEMOCAP=x"], "--root IEMOCAP: expected one of"),
        (["--corpora", "EmoDB,RAVDESS", "--root", "EmoDB"], "--root EmoDB: expected CORPUS=DIR"),
        (["--corpora", "EmoDB,RAVDESS", "--", "--lr", "1"], "--lr: expected --<system>.<key> with one of svm"),
        (["--corpora", "EmoDB,RAVDESS", "--", "--svm.c_grid"], "--svm.c_grid: missing value"),
    ],
)
def test_what_does_not_fit_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        parse(*words)


@pytest.mark.parametrize("corpora", ["EmoDB", "EmoDB,EmoDB"])
def test_two_different_corpora_are_needed(corpora, capsys):
    with pytest.raises(SystemExit):
        parse("--corpora", corpora)
    assert "different corpora with commas" in capsys.readouterr().err


def test_overrides_go_to_their_system():
    words = ["--corpora", "EmoDB,RAVDESS", "--systems", "svm,amsnet", "--"]
    asked = parse(*words, "--amsnet.epochs", "3", "--svm.variant", "egemaps", "--amsnet.lr", "0.1")
    assert asked.by_system == {"amsnet": ("--epochs", "3", "--lr", "0.1"), "svm": ("--variant", "egemaps")}


def test_no_folder_of_this_machine_is_kept():
    words = [
        "--corpora",
        "EmoDB,/corpora/my.csv",
        "--root",
        "EmoDB=/corpora/e",
        "--root=RAVDESS=/r",
        "--exp",
        "/x",
        "--jobs",
        "1",
    ]
    kept = cross_corpus._without_roots(words)
    assert kept == ["--corpora", "EmoDB,my.csv", "--root", "EmoDB=DIR", "--root=RAVDESS=DIR", "--jobs", "1"]
