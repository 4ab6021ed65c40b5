"""Damaged label files of IEMOCAP: all faults at once, by file and line."""

from __future__ import annotations

import pytest
from hand_labels import FIRST, HEADER, SECOND, label, one, wav

from speechbrain_ext.corpora.iemocap import CORPUS, scan
from speechbrain_ext.corpora.manifest import CorpusFaults
from speechbrain_ext.utils.errors import UserError


def faults_of(root):
    with pytest.raises(CorpusFaults) as caught:
        scan(root)
    assert "\n" not in str(caught.value)
    return caught.value


def test_two_blocks_of_one_name_that_differ_are_a_fault_and_neither_is_right(tmp_path):
    label(tmp_path, f"{FIRST}\n{SECOND}\n{FIRST.replace('C-E4:	Neutral state', 'C-E4:	Anger')}")
    caught = faults_of(tmp_path)
    (fault,) = caught.faults
    assert fault.file == "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt line 16"
    assert fault.found == "Ses01F_impro01_F000 unlike in line 1"
    assert [item.id for item in caught.utterances] == ["Ses01F_impro01_M000"]


HEAD = "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.0000, 3.0000]"


@pytest.mark.parametrize(
    ("old", "new", "line", "found"),
    [
        ("\tneu\t", "\tNEU\t", 3, "the emotion 'NEU'"),
        ("\tneu\t", "\tjoy\t", 3, "the emotion 'joy'"),
        ("\tneu\t", "\t", 3, "the line '[6.2901"),
        (HEAD, "[6.2901 - 8.2357", 3, "the line '[6.2901"),
        ("[6.2901 -", "[6,2901 -", 3, "the number '6,2901'"),
        ("[6.2901 -", "[nan -", 3, "the number 'nan'"),
        ("[6.2901 -", "[1_0 -", 3, "the number '1_0'"),
        ("[6.2901 -", "[\u0663 -", 3, "the number '\u0663'"),
        ("[6.2901 - 8.2357]", "[6.2901]", 3, "the times '6.2901'"),
        ("[6.2901 - 8.2357]", "[8.2357 - 6.2901]", 3, "the times '8.2357 - 6.2901'"),
        ("2.0000, 3.0000]", "2.0000, x]", 3, "the number 'x'"),
        ("2.0000, 3.0000]", f"2.0000, {'9' * 400}]", 3, "the number '999"),
        ("2.0000, 3.0000]", "2.0000]", 3, "the attributes '2.5000, 2.0000'"),
        ("_F000\t", "_X000\t", 3, "the utterance 'Ses01F_impro01_X000'"),
        ("_F000\t", "_F\t", 3, "the utterance 'Ses01F_impro01_F'"),
        ("Ses01F_impro01_F000", "Ses01F_impro02_F000", 3, "the utterance 'Ses01F_impro02_F000'"),
        ("Ses01F_impro01_F000", "Ses02F_impro01_F000", 3, "the utterance 'Ses02F_impro01_F000'"),
        ("C-E2:\tNeutral;", "C-E2:\tNeutral; Bliss;", 4, "the label 'bliss'"),
        ("C-E2:", "C-X2:", 4, "the line 'C-X2:"),
        ("C-E2:", "C-E3:", 5, "C-E3 a second time"),
        ("A-E4:", "A-E3:", 9, "A-E3 a second time"),
        ("val 3; act 2; dom  2;", "val 3; act 2;", 8, "the attributes val act"),
        ("val 3; act 2; dom  2;", "val 3; act 2; dom 2; val 1;", 8, "the attribute 'val 1'"),
        ("val 3; act 2; dom  2;", "val 3; act 2; pot 2;", 8, "the attribute 'pot 2'"),
        ("val 3; act 2; dom  2;", "val three; act 2; dom 2;", 8, "the number 'three'"),
        ("val 3; act 2; dom  2;", "", 8, "the attributes none"),
        (HEAD + "\n", "", 3, "C-E2 before any utterance"),
        ("C-E2:\tNeutral;\t()", "Neutral", 4, "the line 'Neutral'"),
        ("C-E2:\tNeutral;\t()", "C-E2:\tNeutral;\nnot a comment", 5, "the line 'not a comment'"),
    ],
)
def test_damage_is_told_by_file_and_line_and_the_rest_is_read(tmp_path, old, new, line, found):
    text = f"{HEADER}\n{FIRST}"
    assert old in text
    label(tmp_path, text.replace(old, new, 1) + "\n" + SECOND)
    label(tmp_path, one("Ses02F_impro01_F000"), "Ses02F_impro01")
    caught = faults_of(tmp_path)
    (fault,) = caught.faults
    assert fault.file == f"Session1/dialog/EmoEvaluation/Ses01F_impro01.txt line {line}"
    assert fault.found.startswith(found) and fault.expected
    good = {item.id for item in caught.utterances}
    assert {"Ses01F_impro01_M000", "Ses02F_impro01_F000"} <= good
    assert len(good) == 2


def test_a_line_of_times_that_is_destroyed_leaves_the_utterance_before_it_whole(tmp_path):
    label(tmp_path, f"{FIRST}\n{SECOND.replace('[', '', 1)}\n{FIRST.replace('F000', 'F001')}")
    caught = faults_of(tmp_path)
    assert [fault.file.rpartition(" ")[2] for fault in caught.faults] == ["10"]
    first, last = caught.utterances
    assert (first.id, last.id) == ("Ses01F_impro01_F000", "Ses01F_impro01_F001")
    assert [vote.rater for vote in first.votes] == ["E2", "E3", "E4"] and first.votes == last.votes


def test_all_faults_are_told_at_once(tmp_path):
    label(tmp_path, one("Ses01F_impro01_F000", "joy") + "C-E1:\tBliss;\t()\n" + one("Ses01F_impro01_F001", "joy"))
    label(tmp_path, one("Ses02M_impro01_F000"), "Ses02M_impro01", session="4")
    caught = faults_of(tmp_path)
    assert [fault.file.rpartition("/")[2] for fault in caught.faults] == [
        *(f"Ses01F_impro01.txt line {line}" for line in (1, 4, 5)),
        "Ses02M_impro01.txt",
    ]
    assert caught.faults[-1].found == "a dialog of session 2"
    assert str(caught).startswith("4 faults, the first is Session1/")


def test_label_files_that_cannot_be_read_are_faults(tmp_path):
    folder = label(tmp_path, FIRST)
    (folder / "Ses01F_impro02.txt").mkdir()
    (folder / "Ses01F_impro03.txt").symlink_to(tmp_path / "gone")
    caught = faults_of(tmp_path)
    assert [fault.file[-18:] for fault in caught.faults] == ["Ses01F_impro02.txt", "Ses01F_impro03.txt"]
    assert all(fault.found.startswith("unreadable: ") for fault in caught.faults)
    assert [item.id for item in caught.utterances] == ["Ses01F_impro01_F000"]


@pytest.mark.parametrize("kind", ["empty", "missing", "file", "wavs alone", "empty labels", "inside"])
def test_a_folder_that_is_not_the_corpus_is_told_in_one_line(tmp_path, kind):
    root = tmp_path / "root"
    if kind == "file":
        root.write_text("")
    elif kind != "missing":
        root.mkdir()
    if kind == "wavs alone":
        wav(root, "Ses01F_impro01_F000")
    if kind == "empty labels":
        label(root, HEADER)
    if kind == "inside":
        label(root, FIRST)
        root = root / "Session1"
    with pytest.raises(UserError) as caught:
        scan(root)
    told = str(caught.value)
    assert told.startswith(f"--corpus-root {root}: ") and CORPUS.layout in told and "\n" not in told
