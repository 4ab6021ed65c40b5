"""What stage 0 claims of a corpus: its edition, unknown sentences, confounded emotions and speakers, mapped labels."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from report_folders import plausible_results

from speechbrain_ext.bin import exchange
from speechbrain_ext.bin.prepare import main
from speechbrain_ext.corpora import Expected, get_corpus
from speechbrain_ext.corpora.data_folder import read_facts, read_utterances
from speechbrain_ext.corpora.emotion_words import read_label_map
from speechbrain_ext.corpora.facts import CorpusCounts
from speechbrain_ext.corpora.manifest import CorpusFaults, Utterance
from speechbrain_ext.corpora.table import scan_table
from speechbrain_ext.exchange.emobox import import_emobox
from speechbrain_ext.preparation.audit import confounded, describe
from speechbrain_ext.preparation.edition import (
    count,
    differences,
    hash_audio,
    is_other_edition,
    is_published,
    name_edition,
)
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UserError

CORPUS = replace(
    get_corpus("emodb"),
    expected=Expected(utterances=2, hours=0.41, labels={"anger": 2}, speakers={"03": 1, "08": 1}),
)
COUNTS = CorpusCounts(2, 0.4131, labels={"anger": 2}, speakers={"03": 1, "08": 1}, sessions={}, scenarios={}, parts={})


def test_without_a_published_hash_counts_and_hours_are_what_is_known():
    assert name_edition(CORPUS, "real", COUNTS, None, "a" * 64) == "counts and hours as published"
    assert name_edition(CORPUS, "real", COUNTS, "As published") == "counts and hours as published"
    without_hours = replace(CORPUS, expected=replace(CORPUS.expected, hours=None))
    assert name_edition(without_hours, "real", COUNTS, None) == "counts as published"


def test_with_a_published_hash_the_audio_decides():
    known = replace(CORPUS, expected=replace(CORPUS.expected, audio_sha256="a" * 64))
    assert name_edition(known, "real", COUNTS, None, "a" * 64) == "as published"
    assert name_edition(known, "real", COUNTS, None, "b" * 64) == "not as published: 2 utterances, 0.41 h"
    with pytest.raises(UserError, match="audio of SHA-256 aaaaaaaaaaaa"):
        name_edition(known, "real", COUNTS, "as published", "b" * 64)


def test_other_copies_are_named_by_their_size_or_by_the_user():
    assert name_edition(CORPUS, "real", COUNTS, "denoised") == "denoised"
    assert name_edition(CORPUS, "mini", COUNTS, "denoised") == "mini"
    shorter = replace(COUNTS, hours=0.29)
    assert name_edition(CORPUS, "real", shorter, None) == "not as published: 2 utterances, 0.29 h"
    assert name_edition(CORPUS, "real", shorter, "2 s copy") == "2 s copy"
    with pytest.raises(UserError, match="0.29 h, published are 2 utterances, 0.41 h"):
        name_edition(CORPUS, "real", shorter, "as published")
    assert name_edition(CORPUS, "real", replace(COUNTS, hours=None), None).startswith("not as published")
    swapped = replace(COUNTS, speakers={"03": 2})
    assert differences(CORPUS, swapped) == ["speaker 03 2 (published 1)", "speaker 08 0 (published 1)"]
    assert count([]).hours == 0


def test_nothing_is_said_of_publication_where_nobody_published():
    mine = replace(CORPUS, name="mine", expected=None)
    edition = name_edition(mine, "real", COUNTS, None)
    assert edition == "2 utterances, 0.41 h" and not is_other_edition("mine", edition)
    results = plausible_results(corpus="mine", edition=edition)
    assert not any("published" in warning for warning in results.all_warnings)
    assert any("published" in warning for warning in replace(results, corpus="EmoDB").all_warnings)


def test_names_of_published_editions():
    for edition in ("as published", "counts and hours as published", "counts as published"):
        assert is_published(edition) and not is_other_edition("EmoDB", edition)
    for edition in ("not as published: 535 utterances, 0.29 h", "2 s copy"):
        assert not is_published(edition) and is_other_edition("EmoDB", edition)


def items(texts, labels=("anger", "fear")):
    return [
        Utterance(id=f"{speaker}{number}", corpus="C", wav=f"{speaker}{number}.wav", speaker=speaker, text_id=text,
                  label=labels[number % len(labels)], sha256=f"{speaker}{number}")
        for speaker in "abc" for number, text in enumerate(texts)
    ]  # fmt: skip


def test_the_hash_of_all_audio_does_not_depend_on_the_order():
    some = items(["1", "2"])
    assert hash_audio(some) == hash_audio(some[::-1]) != hash_audio(some[1:])
    assert hash_audio([replace(some[0], sha256=None)]) is None


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([None, None], "sentences unknown (no column text)"),
        (["1", "2"], "sentences are in training and test"),
        (["1", None], "sentences are in training and test"),
    ],
)
def test_unknown_sentences_are_reported_as_unknown(texts, told):
    assert describe(make_folds(items(texts), "speaker").audit) == f"speaker-independent; {told}"


def test_partly_known_sentences_are_unknown_too():
    some = items(["1", "2"])
    some = [replace(item, text_id=f"{item.id} alone" if item.speaker != "a" else None) for item in some]
    folds = make_folds(some, "speaker")
    assert describe(folds.audit) == "speaker-independent; sentences unknown (no text of 2)"
    assert folds.audit.text_overlap is None and folds.audit.session_overlap is None


def test_confounded_emotions_and_speakers_are_counted():
    some = items(["1", "2"])
    label_of = lambda item: item.label  # noqa: E731
    assert confounded(label_of, some) == []
    alone = [replace(item, label="anger") if item.speaker == "b" else item for item in some]
    told = "emotion and speaker are confounded: 1 of 3 speakers (33 %) have one emotion only"
    assert confounded(label_of, alone) == [told]
    many = [replace(item, speaker=f"{item.speaker}{n}", id=f"{item.id}{n}") for n in range(4) for item in some]
    assert confounded(label_of, [*many, *alone[2:3]]) == [], "1 of 13 is below a tenth"
    assert confounded(lambda item: "", some) == [] and confounded(label_of, []) == []


def write_corpus(folder, rows):
    folder.mkdir()
    for number in range(len(rows)):
        soundfile.write(folder / f"{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(1600), 16000)
    lines = [f"{number}.wav,{speaker},{emotion}" for number, (speaker, emotion) in enumerate(rows)]
    (folder / "my.csv").write_text("file,speaker,emotion\n" + "\n".join(lines) + "\n")
    return folder / "my.csv"


def prepare(table, *words):
    options = ["--corpus", "my", "--corpus-root", str(table), "--data", str(table.parent.parent / "data")]
    main([*options, "--protocol", "speaker", "--jobs", "1", *words])
    return table.parent.parent / "data" / "my-real"


def test_stage_0_warns_of_confounded_speakers_and_unknown_sentences(tmp_path, capsys):
    rows = [("a", "sad"), ("b", "angry"), ("c", "sad"), ("d", "angry"), ("e", "sad"), ("e", "angry")]
    prepare(write_corpus(tmp_path / "corpus", rows))
    out = capsys.readouterr().out
    assert "warning: emotion and speaker are confounded: 4 of 5 speakers (80 %) have one emotion only" in out
    assert "audit: speaker-independent; sentences unknown (no column text)" in out
    assert "no sentence" not in out and "as published" not in out


MAP = {"Elated": "happy", "bliss": "happiness", "noise": None}
ROWS = [("a", "elated"), ("a", "sad"), ("b", "BLISS"), ("b", "sad"), ("a", "calm"), ("b", "Noise")]


def test_a_label_map_brings_other_words_and_is_recorded(tmp_path, capsys):
    table, path = write_corpus(tmp_path / "corpus", ROWS), tmp_path / "map.json"
    with pytest.raises(UserError, match="3 faults"):
        prepare(table)
    assert "--label-map FILE" in capsys.readouterr().err
    path.write_text(json.dumps({**MAP, "glee": "happiness"}))
    data = prepare(table, "--label-map", str(path))
    facts = read_facts(data)
    assert facts.label_map == {"elated": "happiness", "bliss": "happiness", "noise": None, "glee": "happiness"}
    labels = {item.id: (item.label, item.extra["emotion_code"]) for item in read_utterances(data, facts)}
    assert labels == {
        "0": ("happiness", "elated"), "1": ("sadness", "sad"), "2": ("happiness", "BLISS"),
        "3": ("sadness", "sad"), "4": ("calm", "calm"), "5": (None, "Noise"),
    }  # fmt: skip
    assert "note: 1 words of the label map are not in my.csv: glee" in capsys.readouterr().out
    path.write_text(json.dumps({**MAP, "bliss": "excited"}))
    with pytest.raises(UserError, match="1 utterances have other labels: 2"):
        prepare(table, "--label-map", str(path))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "no JSON"),
        ("[1]", "found list"),
        ("{}", "no word"),
        ('{"sad": "happiness"}', "'sad' means sadness already"),
        ('{"x": "elated"}', "'x' as 'elated', expected"),
        ('{"x": 3}', "'x' as '3', expected"),
        ('{"x": "sad", "X ": "sad"}', "expected each word once"),
        ("[" * 100000, "no JSON"),
    ],
)
def test_label_maps_that_are_none_are_one_line(tmp_path, content, told):
    (tmp_path / "map.json").write_text(content)
    with pytest.raises(UserError, match=told) as caught:
        read_label_map(tmp_path / "map.json")
    assert "map.json" in str(caught.value) and "\n" not in str(caught.value)


def test_label_maps_are_for_csvs_alone(tmp_path):
    (tmp_path / "map.json").write_text('{"x": "sad"}')
    for words, told in (([], "only a CSV"), (["--label-map", str(tmp_path)], "a folder, expected a regular file")):
        with pytest.raises(UserError, match=told):
            main(
                ["--corpus", "EmoDB", "--corpus-root", str(tmp_path), "--label-map", str(tmp_path / "map.json"), *words]
            )


def emobox(folder, words):
    folder.mkdir()
    rows = [{"key": f"x-{n}", "dataset": "x", "wav": f"{n}.wav", "emo": word} for n, word in enumerate(words)]
    (folder / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "speakers.csv").write_text("key,speaker\n" + "".join(f"x-{n},s{n % 2}\n" for n in range(len(words))))
    return folder


@pytest.mark.parametrize("name", ["label_map.json", "label_dict.json"])
def test_the_map_of_an_emobox_folder_is_read(tmp_path, name):
    folder = emobox(tmp_path / "x", ["c", "s", "exc", "10", "?"])
    (folder / name).write_text(json.dumps({"c": "Angry", "s": "Surprise", "exc": "Happy", "10": "pleasure"}))
    back = import_emobox(folder)
    assert [item.label for item in back.utterances] == ["anger", "surprise", "excited"]
    assert [item.extra["emotion_code"] for item in back.utterances] == ["c", "s", "exc"]
    assert back.notes == [
        "1 utterances are left out: their emotion, '10', is none of the vocabulary",
        "1 utterances are left out: their emotion, '?', is none of the vocabulary",
        "label_map.json counts exc as happiness, here it stays excited",
    ]


def test_an_import_of_no_utterance_fails(tmp_path):
    folder, out = emobox(tmp_path / "x", ["c", "s"]), tmp_path / "my.csv"
    with pytest.raises(UserError, match="no utterance with a known emotion: 1 utterances are left out.*'c'") as caught:
        exchange.main(["import", "--format", "emobox", "--in", str(folder), "--out", str(out)])
    assert "\n" not in str(caught.value) and not out.exists()
    (tmp_path / "n.csv").write_text("file,speaker,emotion\n")
    with pytest.raises(UserError, match="no line under the first"):
        exchange.main(["import", "--format", "nkululeko", "--in", str(tmp_path / "n.csv"), "--out", str(out)])
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "db.yaml").write_text("tables: {x: {type: filewise}}")
    (tmp_path / "d" / "db.x.csv").write_text("file,emotion,speaker\na.wav,elated,s\n")
    with pytest.raises(UserError, match="no table has a column emotion with known words"):
        exchange.main(["import", "--format", "audformat", "--in", str(tmp_path / "d"), "--out", str(out)])
    assert not out.exists()


def test_words_of_a_map_are_faults_without_it(tmp_path):
    table = write_corpus(tmp_path / "corpus", ROWS)
    with pytest.raises(CorpusFaults):
        scan_table(table, "My")
    assert len(scan_table(table, "My", label_map={"elated": "happiness", "bliss": "happiness", "noise": None})) == 6
