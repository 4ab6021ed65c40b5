"""Round trips through the files of other tools, what given folds share, and the command."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from data_folders import write_data, write_folds
from exchange_corpora import emodb, export_audformat, facts, iemocap, msp_improv, of_folds, parts, segments

from speechbrain_ext.bin import exchange as command
from speechbrain_ext.corpora.table import corpus_of, scan_table
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.exchange.audformat import import_audformat
from speechbrain_ext.exchange.emobox import export_emobox, import_emobox
from speechbrain_ext.exchange.given import audit_given, fold_of_each, write_table
from speechbrain_ext.exchange.nkululeko import export_nkululeko, import_nkululeko
from speechbrain_ext.preparation.folds import PARTS, Fold
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UserError

FOUR = Task(("anger", "happiness", "neutral", "sadness"), merge_excited=True)


MADE = [
    (emodb, "speaker", "none", None),
    (emodb, "random5", "speaker", None),
    (emodb, "speaker-text", "none", None),
    (iemocap, "session", "none", FOUR),
    (iemocap, "speaker", "fraction", FOUR),
    (msp_improv, "session", "session", None),
    (segments, "speaker", "none", None),
]
COLUMN = [case for case in MADE if case[1] in ("speaker", "session") and case[2] == "none"]


@pytest.mark.parametrize(("make", "protocol", "dev", "task"), MADE)
def test_emobox_round_trip(tmp_path, make, protocol, dev, task):
    items = make()
    folds = make_folds(items, protocol, dev, task=task)
    export_emobox(tmp_path / "x", items, folds)
    back = import_emobox(tmp_path / "x")
    assert facts(back.utterances) == facts(of_folds(items, folds))
    assert back.notes == ["label_map.json counts exc as happiness, here it stays excited"] * (make is iemocap)
    assert parts(back.folds) == parts(folds.folds)
    assert (tmp_path / "x" / "speakers.csv").exists() == (make is segments)
    assert back.corpus in (items[0].corpus, "iemocap", "mspimprov", "myown")


@pytest.mark.parametrize(("make", "protocol", "dev", "task"), MADE)
def test_audformat_round_trip(tmp_path, make, protocol, dev, task):
    items = make()
    folds = make_folds(items, protocol, dev, task=task)
    export_audformat(tmp_path, items, folds)
    back = import_audformat(tmp_path)
    assert facts(back.utterances) == facts(of_folds(items, folds)) and back.notes == []
    assert facts(back.utterances, "vad") == facts(of_folds(items, folds), "vad")
    assert parts(back.folds) == parts(folds.folds) and back.corpus == items[0].corpus


@pytest.mark.parametrize(("make", "protocol", "dev", "task"), COLUMN)
def test_nkululeko_round_trip(tmp_path, make, protocol, dev, task):
    items = make()
    folds = make_folds(items, protocol, dev, task=task)
    export_nkululeko(tmp_path / "in" / "x.csv", items, folds, tmp_path / "in")
    back = import_nkululeko(tmp_path / "in" / "x.csv")
    names = ("wav", "start_s", "end_s", "speaker", "gender", "label", "vad")
    if make is segments:
        # their names are not in this format
        place = {(item.wav, item.start_s): item.id for item in items}
        renamed = {item.id: place[item.wav, item.start_s] for item in back.utterances}
        utterances = [replace(item, id=renamed[item.id]) for item in back.utterances]
        members = [tuple(tuple(renamed[id_] for id_ in fold.part(part)) for part in PARTS) for fold in back.folds]
        folds_back = [Fold(fold.name, *ids) for fold, ids in zip(back.folds, members, strict=True)]
        back = replace(back, utterances=utterances, folds=folds_back)
    assert facts(back.utterances, *names) == facts(of_folds(items, folds), *names)
    assert sorted(parts(back.folds)) == sorted(parts(folds.folds))


@pytest.mark.parametrize(("make", "protocol", "dev", "task"), COLUMN)
def test_our_csv_keeps_ids_and_folds(tmp_path, make, protocol, dev, task):
    items = make()
    folds = make_folds(items, protocol, dev, task=task)
    export_audformat(tmp_path / "x", items, folds)
    notes = write_table(tmp_path / "my.csv", import_audformat(tmp_path / "x"), tmp_path)
    assert len(notes) == 1 and "files are not there" in notes[0]
    again = scan_table(tmp_path / "my.csv", "My")
    assert facts(again) == facts(of_folds(items, folds))
    assert corpus_of(tmp_path / "my.csv").protocols[0] == "given"
    given_folds = make_folds(again, "given", task=task)
    assert sorted(parts(given_folds.folds)) == sorted(parts(folds.folds))


def test_without_folds_all_that_have_a_label_go(tmp_path):
    items = iemocap()
    labelled = [item for item in items if item.label is not None]
    export_emobox(tmp_path / "e", items)
    assert facts(import_emobox(tmp_path / "e").utterances) == facts(labelled)
    export_nkululeko(tmp_path / "n.csv", items, None, tmp_path)
    assert facts(import_nkululeko(tmp_path / "n.csv").utterances, "wav") == facts(labelled, "wav")
    # valence, activation and dominance are labels too
    export_audformat(tmp_path / "a", items)
    assert facts(import_audformat(tmp_path / "a").utterances) == facts(items)


def test_what_a_format_cannot_tell_is_refused(tmp_path):
    items = emodb()
    for protocol, dev in (("speaker", "speaker"), ("speaker-text", "none")):
        with pytest.raises(UserError, match="not of that kind"):
            export_nkululeko(tmp_path / "x.csv", items, make_folds(items, protocol, dev), tmp_path)
    folds = make_folds(items, "speaker")
    without = [replace(items[0], label=None), *items[1:]]
    with pytest.raises(UserError, match="1 utterances of the folds have no one label, first 03a01Wa"):
        export_emobox(tmp_path / "x", without, folds)
    with pytest.raises(UserError, match="03a01Wa is in the folds and not in the manifest"):
        export_audformat(tmp_path / "x", items[1:], folds)
    with pytest.raises(UserError, match="from the database's folder on"):
        export_audformat(tmp_path / "x", [replace(items[0], wav="/away/a.wav")])
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.csv").exists()


def test_audit_of_given_folds():
    items = emodb()
    clean = make_folds(items, "speaker-text").folds
    assert audit_given(items, clean) == []
    fold = make_folds(items, "speaker").folds[0]
    twin = replace(items[0], id="twin", speaker="99", text_id=None)
    told = audit_given([*items, twin], [replace(fold, dev=("twin",))])
    assert told[0] == "LEAK: fold 03: the audio of 1 of 14 tested utterances is also in training"
    assert told[1] == "shared: fold 03: 2 of 2 test texts are also in training"


def test_one_fold_of_each_only_where_all_others_train():
    one, two = Fold("1", ("b",), (), ("a",)), Fold("2", ("a",), (), ("b",))
    assert fold_of_each([one, two]) == {"a": "1", "b": "2"}
    for wrong in (
        [],
        [one],
        [one, replace(two, train=())],
        [one, replace(two, dev=("c",))],
        [one, replace(two, test=("a", "b"))],
    ):
        assert fold_of_each(wrong) is None


@pytest.fixture
def prepared(tmp_path):
    """A prepared corpus of label trees, its folds by speaker and at random."""
    data, root = tmp_path / "data" / "EmoDB-real", tmp_path / "EmoDB"
    items = emodb()
    write_data(data, items, root=str(root))
    for protocol in ("speaker", "random5"):
        write_folds(data, items, protocol)
    for item in items:
        (root / item.wav).parent.mkdir(parents=True, exist_ok=True)
        (root / item.wav).touch()
    return data, root, items


@pytest.mark.parametrize("format_", ["emobox", "audformat", "nkululeko"])
def test_command_there_and_back(tmp_path, capsys, prepared, format_):
    data, root, items = prepared
    if format_ == "audformat":
        pytest.importorskip("audformat", reason="the package audformat is missing: pip install '.[audformat]'")
    out = tmp_path / "out"
    command.main(["export", "--format", format_, "--data", str(data), "--protocol", "random5", "--out", str(out)])
    assert "LEAK: fold 1: 4 of 4 test speakers are also in training" in capsys.readouterr().out
    source = out / "EmoDB.csv" if format_ == "nkululeko" else out
    words = ["import", "--format", format_, "--in", str(source), "--audio-root", str(root)]
    command.main([*words, "--out", str(tmp_path / "my.csv")])
    told = capsys.readouterr().out
    assert "56 utterances of 4 speakers, 5 folds" in told and "LEAK: fold 5: 4 of 4" in told and "not there" not in told
    again = scan_table(tmp_path / "my.csv", "My")
    assert facts(again, "speaker", "label", "gender") == facts(items, "speaker", "label", "gender")
    assert all((tmp_path / item.wav).is_file() for item in again)
    folds = make_folds(items, "random5").folds
    assert {item.id: item.extra["fold"] for item in again} == {id_: fold.name for fold in folds for id_ in fold.test}
    with pytest.raises(UserError, match="is there already"):
        command.main([*words, "--out", str(tmp_path / "my.csv")])
    with pytest.raises(UserError, match="new or empty folder"):
        command.main(["export", "--format", format_, "--data", str(data), "--out", str(out)])


def test_command_without_leaks_and_with_faults(tmp_path, capsys, prepared):
    data, root, _ = prepared
    out = tmp_path / "out"
    command.main(["export", "--format", "nkululeko", "--data", str(data), "--protocol", "speaker", "--out", str(out)])
    words = ["import", "--format", "nkululeko", "--in", str(out / "EmoDB.csv"), "--out"]
    command.main([*words, str(tmp_path / "my.csv")])
    assert "audit: no utterance, audio or speaker is in training and test" in capsys.readouterr().out
    with open(out / "EmoDB.csv", newline="") as stream:
        assert next(csv.reader(stream)) == ["file", "speaker", "gender", "emotion", "fold"]
    with open(out / "EmoDB.csv", "a") as stream:
        stream.write("x.wav,1,female,angrry,1\n")
    with pytest.raises(UserError, match="1 faults in .*nothing was written"):
        command.main([*words, str(tmp_path / "other.csv")])
    assert "EmoDB.csv line 58: found emotion 'angrry', expected angry?" in capsys.readouterr().err
    assert not (tmp_path / "other.csv").exists()
    with pytest.raises(UserError, match="--speakers"):
        command.main([*words, str(tmp_path / "other.csv"), "--speakers", "x.csv"])
    with pytest.raises(UserError, match="ends in .csv"):
        command.main([*words, str(tmp_path / "other.txt")])
    with pytest.raises(UserError, match="--protocol session"):
        command.main(["export", "--format", "emobox", "--data", str(data), "--protocol", "session", "--out", "x"])
