"""IEMOCAP's label files: every oddity by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hand_labels import FIRST, HEADER, SECOND, label, one, wav

from speechbrain_ext.corpora.iemocap import scan, spoken_of
from speechbrain_ext.corpora.manifest import Vote


def test_a_block_is_read_whole(tmp_path):
    label(tmp_path, f"{HEADER}\n{FIRST}\n{SECOND}\n")
    notes = []
    woman, man = scan(tmp_path, notes)
    assert notes == []
    assert (woman.id, woman.corpus, woman.speaker, woman.gender) == ("Ses01F_impro01_F000", "IEMOCAP", "Ses01F", "F")
    assert woman.wav == "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    assert (woman.session, woman.text_id, woman.scenario, woman.part) == ("1", "impro01", "improvised", None)
    assert (woman.label, woman.intended, woman.vad) == ("neutral", None, [2.5, 2.0, 3.0])
    assert woman.start_s is None and woman.end_s is None and woman.sha256 is None
    assert woman.votes == [
        Vote("E2", ["neutral"]),
        Vote("E3", ["neutral", "anger"], vad=[3.0, 2.0, 2.0]),
        Vote("E4", ["neutral"], vad=[2.0, 2.0, 4.0]),
    ]
    assert woman.extra == {
        "emotion_code": "neu",
        "dialog": "Ses01F_impro01",
        "dialog_start_s": 6.2901,
        "dialog_end_s": 8.2357,
        "self": {"F1": {"labels": ["neutral", "other"], "vad": [3.0, 2.0, 1.0]}},
    }
    assert (man.speaker, man.gender, man.label) == ("Ses01M", "M", "frustration")
    assert man.extra["self"] == {"M1": {"labels": ["anger"], "vad": None}}


@pytest.mark.parametrize(
    ("code", "emotion"),
    [
        *(("neu", "neutral"), ("hap", "happiness"), ("exc", "excited"), ("sad", "sadness"), ("ang", "anger")),
        *(("fru", "frustration"), ("sur", "surprise"), ("fea", "fear"), ("dis", "disgust"), ("oth", "other")),
        ("xxx", None),
    ],
)
def test_codes_of_the_consensus(tmp_path, code, emotion):
    label(tmp_path, one("Ses01F_impro01_F000", code))
    (item,) = scan(tmp_path)
    assert item.label == emotion and item.extra["emotion_code"] == code


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ("Neutral state;", ["neutral"]),
        ("neutral  STATE", ["neutral"]),
        ("Sadness; Anger; Sadness;", ["sadness", "anger"]),
        ("Neutral; Neutral state;", ["neutral"]),
        ("Happiness;Excited;Surprise;Fear;Disgust;Other;Frustration", None),
        ("", []),
    ],
)
def test_words_of_an_evaluator_keep_their_order(tmp_path, said, labels):
    label(tmp_path, one("Ses01F_impro01_F000", votes=f"C-E1:\t{said}\t()\n"))
    expected = "happiness excited surprise fear disgust other frustration".split() if labels is None else labels
    assert scan(tmp_path)[0].votes == [Vote("E1", expected)]


@pytest.mark.parametrize(
    ("dialog", "text", "scenario"),
    [
        ("Ses03M_impro05a", "impro05", "improvised"),
        ("Ses03M_impro05b", "impro05", "improvised"),
        ("Ses03M_impro08b", "impro08", "improvised"),
        ("Ses05M_script01_1", "script01_1", "scripted"),
        ("Ses05M_script01_1b", "script01_1", "scripted"),
        ("Ses02F_script03_2", "script03_2", "scripted"),
    ],
)
def test_the_speaker_is_the_last_field_whatever_the_dialog_is_called(tmp_path, dialog, text, scenario):
    """Tools that take the dialog's letter, or the letter at a fixed place, give one of these two to the other."""
    label(tmp_path, one(f"{dialog}_F000") + one(f"{dialog}_M000"), dialog)
    woman, man = scan(tmp_path)
    session = dialog[4]
    assert [(item.speaker, item.gender) for item in (woman, man)] == [
        (f"Ses0{session}F", "F"),
        (f"Ses0{session}M", "M"),
    ]
    assert {(item.text_id, item.scenario, item.session) for item in (woman, man)} == {(text, scenario, session)}
    assert woman.wav == f"Session{session}/sentences/wav/{dialog}/{dialog}_F000.wav"


def test_a_name_with_letters_for_its_number(tmp_path):
    label(tmp_path, one("Ses01F_impro01_MXX0"))
    assert scan(tmp_path)[0].speaker == "Ses01M"


def test_lines_of_a_block_in_any_order_and_missing_ones(tmp_path):
    votes = "A-E12:\tval ; act 2; dom  ;\t()\nA-E3:\tdom 1; val 2.5; act 4\nC-F1:\tAnger;\t()\nC-E3:\tFear;\t()\n"
    votes += "A-E2:\tval ; act; dom  ;\t()\nC-E2:\tSurprise; (loud)\n"
    label(tmp_path, one("Ses01F_impro01_F000", "xxx", votes))
    assert scan(tmp_path)[0].votes == [
        Vote("E2", ["surprise"]),
        Vote("E3", ["fear"], vad=[2.5, 4.0, 1.0]),
        Vote("E12", [], vad=[None, 2.0, None]),
    ]


def test_no_evaluator_and_no_attributes_are_legal(tmp_path):
    texts = ("[1 - 2]\tSes01F_impro01_F000\txxx\t[ , 3., ]", "[1.5-2.5] Ses01F_impro01_F001 xxx []")
    label(tmp_path, "\n".join(texts))
    notes = []
    first, second = scan(tmp_path, notes)
    assert first.votes == [] and first.vad == [None, 3.0, None] and "self" not in first.extra
    assert second.vad is None and second.extra["dialog_start_s"] == 1.5
    assert notes == ["2 utterances have no evaluator: first Ses01F_impro01_F000"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_marks_and_blank_lines_do_not_matter(tmp_path, end, mark):
    label(tmp_path / "a", f"{HEADER}\n{FIRST}\n{SECOND}")
    text = (FIRST + SECOND).removesuffix("\n") + "\n" + HEADER.strip()
    label(tmp_path / "b", mark + text.replace("\n", end).encode("utf-8"))
    assert scan(tmp_path / "a") == scan(tmp_path / "b")


def test_comments_in_an_old_encoding_and_over_several_lines(tmp_path):
    text = FIRST.replace("(shy)", "(d\u00e9j\u00e0 vu,\nthen happy\nand shy)").replace("\u201cformal\u201d", "formal")
    label(tmp_path, text.encode("latin-1"))
    (item,) = scan(tmp_path)
    assert len(item.votes) == 3 and set(item.extra["self"]) == {"F1"}


def test_hidden_files_and_other_folders_are_passed_by(tmp_path):
    folder = label(tmp_path, FIRST)
    label(tmp_path, b"\x00\x05\x16\x07 fork", "._Ses01F_impro01", session=1)
    (folder / ".DS_Store").write_bytes(b"")
    for name in ("Categorical", "Attribute", "Self-evaluation"):
        (folder / name).mkdir()
        (folder / name / "Ses01F_impro01_e2_cat.txt").write_text("Ses01F_impro01_F000 :Neutral state; ()\n")
        (folder / name / "Ses01F_impro01.txt").write_text("nothing of the kind\n")
    (folder / "Ses01F_impro02.anvil").write_text("")
    wav(tmp_path, "Ses01F_impro01_F000")
    (tmp_path / "Session1/sentences/wav/Ses01F_impro01/._Ses01F_impro01_F000.wav").write_bytes(b"")
    (tmp_path / "Session1/sentences/wav/._Ses01F_impro01").write_bytes(b"")
    notes = []
    assert [item.id for item in scan(tmp_path, notes)] == ["Ses01F_impro01_F000"]
    assert notes == []


def test_what_is_odd_is_noted_and_no_fault(tmp_path):
    folder = label(tmp_path, f"{FIRST}\n{SECOND}\n{FIRST}".replace("[1.5000, 3", "[5.5000, 3"))
    wav(tmp_path, "Ses01F_impro01_F000", "Ses01F_impro01_F009", "Ses01F_impro02_M001")
    (folder / "Ses01F_impro01 (copy).txt").write_text("")
    (folder / "read\nme.txt").write_text("")
    notes = []
    # the second one's wav is missing: it is still an utterance
    assert [item.id for item in scan(tmp_path, notes)] == ["Ses01F_impro01_F000", "Ses01F_impro01_M000"]
    where = "Session1/dialog/EmoEvaluation"
    assert notes == [
        "2 wav files have no label and are left out: first "
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F009.wav",
        "2 text files next to the label files have no dialog's name and are left out: first "
        f"{where}/Ses01F_impro01 (copy).txt",
        "1 blocks are in a label file twice, the same, and are read once: first Ses01F_impro01_F000",
        "1 utterances have attributes outside 1 to 5: first Ses01F_impro01_M000",
    ]
    assert scan(tmp_path) == scan(tmp_path, notes)


def test_the_order_of_the_file_system_does_not_matter(tmp_path, monkeypatch):
    for name in ("Ses02M_impro01", "Ses01F_impro01", "Ses01F_script01_1", "Ses01M_impro01"):
        label(tmp_path, one(f"{name}_M001") + one(f"{name}_F000"), name)
        wav(tmp_path, f"{name}_M001", f"{name}_F007")
    notes = []
    usual = scan(tmp_path, notes)
    assert [item.id for item in usual] == sorted(item.id for item in usual)
    listed = Path.iterdir
    for seed in range(5):
        order = random.Random(seed)
        monkeypatch.setattr(Path, "iterdir", lambda path, order=order: iter(shuffled(listed(path), order)))
        again = []
        assert scan(tmp_path, again) == usual and again == notes
    assert notes[0].startswith("4 wav files have no label")


def shuffled(items, order):
    items = list(items)
    order.shuffle(items)
    return items


def test_spaces_around_lines_do_not_matter(tmp_path):
    label(tmp_path / "a", f"{HEADER}\n{FIRST}\n{SECOND}")
    lines = f"{HEADER}\n{FIRST}\n{SECOND}".splitlines()
    label(tmp_path / "b", "".join(f" \t{line} \t\n" for line in lines))
    assert scan(tmp_path / "b") == scan(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("Ses05M_script01_1b_F012", ("Ses05F", "F", "5", "script01_1")),
        ("Ses01F_impro01_MXX0", ("Ses01M", "M", "1", "impro01")),
        ("Ses06F_impro01_M000", None),
        ("Ses01F_impro01_X000", None),
        ("Ses01F_impro01", None),
        ("take 1", None),
    ],
)
def test_a_name_says_who_speaks_what_where_it_is_the_corpus_s(name, spoken):
    found = spoken_of(name)
    assert spoken == (found and (found.speaker, found.gender, found.session, found.text_id))
