"""Corpora with unusual names: folders of any name; odd values of options are one line."""

from __future__ import annotations

import json
import random
import re

import pytest
from recipe_runs import only_error, run, write_corpus

from speechbrain_ext.corpora.table import corpus_of
from speechbrain_ext.utils.folders import folder_name

NAMES = [
    *(
        "EmoDB",
        "MSP-IMPROV",
        "U",
        "-rf",
        "--",
        "é",
        "e\u0301",
        "My Corpus-2",
        "a.b",
        ".",
        "..",
        "a'b",
        'a"b',
        "$(touch x)",
    ),
    *(
        "`id`",
        "*",
        "?",
        "[a]",
        "~",
        "a\\b",
        "x" * 40,
        "x" * 41,
        "-" * 50,
        "é" * 12,
        "ab" * 11 + "éé",
        "\u202e",
        "日本語",
    ),
    *(" lead", "trail ", "tab\there", "%s", "!!", "#", "&", "|", ";", "<", "a~0123456789", "name", "_", "-a-", "ÀÉ-"),
]


def test_names_of_folders_are_plain_and_distinct():
    letters = "aZ09-_ .é~/\\$'\"`\u00df\u4e2d\U0001f600\n"
    drawn = random.Random(0)
    names = set(NAMES + ["".join(drawn.choices(letters, k=drawn.randint(1, 60))) for _ in range(100)])
    found = {folder_name(name) for name in names}
    assert len(found) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_~-]{0,39}", name) for name in found)


SLOW_NAMES = [pytest.param(name, marks=pytest.mark.slow) for name in ("my corpus.Csv", "a.b.csv", "$(touch x).csv")]


@pytest.mark.parametrize("name", ["U.CSV", "-rf.csv", "é.csv", *SLOW_NAMES])
def test_stage_0_takes_a_corpus_of_any_name(tmp_path, name):
    table = write_corpus(tmp_path, name)
    done = run(tmp_path, "--corpus-root", str(table), "--stop-stage", "0", recipe="shared", small=False)
    assert done.returncode == 0, done.stderr
    corpus = name[: name.rindex(".")]
    (made,) = (tmp_path / "data").iterdir()
    assert made.name == f"{folder_name(corpus)}-real"
    assert json.loads((made / "manifest.json").read_text())["corpus"] == corpus == corpus_of(table).name
    again = run(tmp_path, "--corpus-root", str(table), "--stop-stage", "0", recipe="shared", small=False)
    assert "nothing to do" in again.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["é.csv", "-rf.CSV"])
def test_every_stage_runs_on_a_corpus_of_any_name(tmp_path, name):
    table = write_corpus(tmp_path, name)
    words = ("--jobs", "1", "--tag", "e", "--", "--variant", "egemaps", "--c_grid", "[0.01]")
    done = run(tmp_path, "--corpus-root", str(table), *words, recipe="shared", small=False)
    assert done.returncode == 0, done.stderr
    corpus = name[: name.rindex(".")]
    folder = tmp_path / "exp" / f"{folder_name(corpus)}-real"
    assert json.loads((folder / "corpus.json").read_text()) == {"corpus": corpus, "source": "real"}
    assert (folder / "report.html").exists() and corpus in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--jobs", "99999999999999999999"), "--jobs: expected a whole number from 1 to 1024"),
        (("--jobs", "99999"), "--jobs: expected a whole number from 1 to 1024, found '99999'"),
        (("--jobs", "0"), "--jobs: expected a whole number from 1 to 1024, found '0'"),
        (("--threads", "99999999999999999999"), "--threads: expected a whole number"),
        (("--nproc", "x"), "--nproc: expected a whole number"),
        (("--stage", "99999999999999999999"), "--stage: expected a whole number from 0 to 4"),
        (("--exp", ""), "--exp: an empty value"),
        (("--exp=",), "--exp: an empty value"),
        (("--data", ""), "--data: an empty value"),
        (("--corpus-root", ""), "--corpus-root: an empty value"),
        (("--fold-seed", "-1", "--stop-stage", "0"), "--fold-seed: expected a whole number"),
        (("--verify", "--no-audio-check", "--stop-stage", "0"), "exclude each other"),
    ],
)
def test_odd_values_of_options_are_one_line(tmp_path, words, message):
    done = run(tmp_path, *words, small=False)
    assert done.returncode == 2, done.stderr
    assert message in only_error(done)


def test_a_csv_without_a_name_is_refused(tmp_path):
    for name in (".csv", "--.csv"):
        table = write_corpus(tmp_path, name)
        done = run(tmp_path, "--corpus-root", str(table), "--stop-stage", "0", recipe="shared", small=False)
        assert done.returncode in (1, 2) and "rename the file" in only_error(done)
