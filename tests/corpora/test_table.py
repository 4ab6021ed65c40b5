"""A user's own corpus by one CSV: what is read, and every fault by its line."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from speechbrain_ext.corpora.emotion_words import EMOTION_WORDS, emotion_of
from speechbrain_ext.corpora.labels import EMOTIONS
from speechbrain_ext.corpora.manifest import CorpusFaults, manifest_text, measure, read_manifest
from speechbrain_ext.corpora.table import COLUMNS, corpus_of, scan_table
from speechbrain_ext.corpora.table_file import read_seconds, read_table_file
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UserError

WHOLE = """file,speaker,emotion,gender,session,text,fold
b/two.wav,04,hap,male,2,t2,2
a/one.wav,03,Angry,F,1,t1,1
"""


def scan(folder, text, notes=None, name="my.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return scan_table(path, "My", notes)


def faults_of(folder, text):
    with pytest.raises(CorpusFaults) as caught:
        scan(folder, text)
    return {(fault.file, fault.found): fault.expected for fault in caught.value.faults}


def test_all_columns_become_fields_sorted_by_id(tmp_path):
    one, two = scan(tmp_path, WHOLE)
    assert (one.id, one.wav, one.corpus, one.speaker, one.gender) == ("a_one", "a/one.wav", "My", "03", "F")
    assert (one.session, one.text_id, one.label, one.intended, one.vad) == ("1", "t1", "anger", None, None)
    assert one.extra == {"emotion_code": "Angry", "fold": "1"} and one.sample_rate_hz is None and one.votes == []
    assert (two.id, two.gender, two.label, two.extra["fold"]) == ("b_two", "M", "happiness", "2")


def test_three_columns_are_enough(tmp_path):
    (item,) = scan(tmp_path, "file,speaker,emotion\nx.flac,anna,neutral\n")
    assert (item.gender, item.session, item.text_id, item.start_s) == (None, None, None, None)
    assert item.extra == {"emotion_code": "neutral"}


@pytest.mark.parametrize(
    "text",
    [
        WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("\n", "\r"),
        WHOLE.replace(",", ";"),
        WHOLE.replace(",", "\t"),
        WHOLE.rstrip("\n"),
        "\n\n" + WHOLE.replace("2\n", "2\n\n,,,,,,\n"),
        b"\xef\xbb\xbf" + WHOLE.encode(),
        WHOLE.replace("file,speaker", " File ,SPEAKER"),
        WHOLE.replace("a/one.wav,03", '"a/one.wav" ,"03"').replace('" ,', '",'),
        WHOLE.replace(",", " , "),
        WHOLE.replace("b/two", "b\\two").replace("a/one", "./a//one"),
        "\n".join(",".join(reversed(line.split(","))) for line in WHOLE.splitlines()),
    ],
)
def test_the_same_table_in_other_clothes(tmp_path, text):
    assert manifest_text(scan(tmp_path, text)) == manifest_text(scan(tmp_path, WHOLE))


def test_quoted_cells_hold_separators_and_quotes(tmp_path):
    (item,) = scan(tmp_path, 'file;speaker;emotion\n"a;b.wav";"the ""tall"" one";sad\n')
    assert (item.wav, item.speaker, item.label) == ("a;b.wav", 'the "tall" one', "sadness")


def test_dimensions_may_stand_in_for_an_emotion(tmp_path):
    text = "file;speaker;emotion;valence;arousal;dominance\na.wav;1;;1,5;2;3\nb.wav;1;ang;NaN;2.5;\n"
    first, second = scan(tmp_path, text)
    assert (first.label, first.vad, first.extra) == (None, [1.5, 2.0, 3.0], {})
    assert (second.label, second.vad) == ("anger", [None, 2.5, None])


def test_segments_share_a_file(tmp_path):
    text = "file,speaker,emotion,start,end\nl.wav,1,sad,0,1.5\nl.wav,1,sad,0 days 00:01:01.250000,\nk.wav,1,sad,0,NaT\n"
    items = scan(tmp_path, text)
    assert [(item.id, item.start_s, item.end_s) for item in items] == [
        ("k", None, None),
        ("l_00000000", 0.0, 1.5),
        ("l_00061250", 61.25, None),
    ]
    assert read_seconds("1 days 01:00:00.5") == 90000.5
    with pytest.raises(ValueError, match="1,5"):
        read_seconds("1,5")


def test_absolute_paths_and_ids(tmp_path):
    text = f"id,file,speaker,emotion\nx1,{tmp_path}/in/a.wav,1,sad\n,/elsewhere/b.wav,1,sad\n"
    items = scan(tmp_path, text)
    assert [(item.id, item.wav) for item in items] == [("elsewhere_b", "/elsewhere/b.wav"), ("x1", "in/a.wav")]


def test_all_faults_at_once_with_file_and_line(tmp_path):
    lines = [
        "file,speaker,emotion,gender,start,end,valence",
        "a.wav,1,angrry,,,,",
        "b.wav,,sad,,,,",
        "c.wav,1,,,,,",
        ",1,sad,,,,",
        "d.wav,1,sad,x,,,",
        "e.wav,1,sad,,2,1,",
        "f.wav,1,sad,,-1,soon,high",
        "g.wav,1,sad,F,,,",
        "g.wav,1,sad,,,,",
        "h.wav,1,sad,M,,,",
        "../i.wav,1,sad,,,,",
        "j.wav,1,sad",
        '"multi\nline.wav",1,sad,,,,',
        "g.mp3,1,sad,,,,",
        "folder/,1,sad,,,,",
    ]
    faults = faults_of(tmp_path, "\n".join(lines))
    found = {(int(where.removeprefix("my.csv line ")), what) for where, what in faults}
    assert found == {
        (2, "emotion 'angrry'"),
        (3, "no speaker"),
        (4, "no emotion"),
        (5, "no file"),
        (6, "gender 'x'"),
        (7, "end 1 s"),
        (8, "start '-1'"),
        (8, "end 'soon'"),
        (8, "valence 'high'"),
        (10, "g.wav again"),
        (11, "speaker 1 as M"),
        (12, "../i.wav, outside the CSV's folder"),
        (13, "3 cells"),
        (14, "'multi\\nline.wav'"),
        (16, "the id g of g.mp3 again"),
        (17, "the folder folder/"),
    }
    assert faults["my.csv line 2", "emotion 'angrry'"].startswith("angry?")
    assert faults["my.csv line 10", "g.wav again"] == "each once (as in my.csv line 9)"
    assert faults["my.csv line 11", "speaker 1 as M"] == "F as in my.csv line 9"


def test_lines_that_are_right_are_kept_beside_the_faults(tmp_path):
    with pytest.raises(CorpusFaults) as caught:
        scan(tmp_path, WHOLE + "c.wav,,sad,,,,\n")
    assert [item.id for item in caught.value.utterances] == ["a_one", "b_two"]
    assert caught.value.more_wavs == ("c.wav",), "its audio is checked in the same run"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file,speaker\na,b\n", "my.csv line 1: no column emotion"),
        ("file,speeker,emotion\na,b,sad\n", "is it 'speeker'"),
        ("file,speaker,emotion,emotion\n", "emotion stands twice"),
        ("file,speaker,emotion,arousal,activation\n", "activation stands twice"),
        ("", "empty"),
        ("file,speaker,emotion\n", "no line under the first"),
        ('file,speaker,emotion\na.wav,1,sad\n"b.wav,1,sad\nc.wav,1,sad\n', "line 4: not CSV"),
        (b"file,speaker,emotion\na.wav,M\xfcller,sad\n", "line 2: not UTF-8"),
    ],
)
def test_what_is_no_table_is_told_in_one_line(tmp_path, text, told):
    with pytest.raises(UserError) as caught:
        scan(tmp_path, text)
    assert told in str(caught.value) and "my.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UserError, match="expected a CSV with columns file,speaker,emotion") as caught:
            scan_table(path, "My")
        assert str(path) in str(caught.value)


def test_a_table_may_be_named_by_text(tmp_path):
    (tmp_path / "map.csv").write_text("word,emotion\nmeh,neutral\n")
    (row,) = read_table_file(str(tmp_path / "map.csv"), ("word", "emotion"), ("word", "emotion")).rows
    assert (row.where, dict(row.cells)) == ("map.csv line 2", {"word": "meh", "emotion": "neutral"})


def test_columns_without_a_meaning_are_noted(tmp_path):
    notes = []
    scan(tmp_path, "file,speaker,emotion,age,fodl\na.wav,1,sad,3,1\n", notes)
    assert notes == ["my.csv: column 'age' is not used", "my.csv: column 'fodl' is not used (is it fold?)"]
    notes = []
    scan(tmp_path, "file,speaker,emotion,part\na.wav,1,sad,3\n", notes)
    assert notes == ["my.csv: column 'part' is not used"], "start is not similar enough"


@pytest.mark.parametrize("count", [20, 21, 23])
def test_twenty_columns_without_a_meaning_are_named_and_the_others_counted(tmp_path, count):
    notes = []
    names = ",".join(f"x{n}" for n in range(count))
    scan(tmp_path, f"file,speaker,emotion,{names}\na.wav,1,sad{',1' * count}\n", notes)
    assert [note for note in notes[:20] if note.endswith("is not used")] == notes[:20]
    assert notes[20:] == ([f"my.csv: {count - 20} more columns are not used"] if count > 20 else [])


def test_words_of_the_label_map_that_the_table_lacks_are_noted(tmp_path):
    (tmp_path / "my.csv").write_text("file,speaker,emotion\na.wav,1,Meh\n")
    notes = []
    (item,) = scan_table(str(tmp_path / "my.csv"), "My", notes, {"meh": "neutral", "yay": "happiness"})
    assert item.label == "neutral"
    assert notes == ["1 words of the label map are not in my.csv: yay"]
    assert scan_table(tmp_path / "my.csv", "My", None, {"meh": "neutral", "yay": "happiness"}) == [item]


def test_partitions_have_few_names_and_their_development_part_is_noted(tmp_path):
    lines = [
        f"{n}.wav,{n},sad,{word}" for n, word in enumerate(("Train", "training", "Development", "valid", "TEST1", ""))
    ]
    notes = []
    found = scan(tmp_path, "file,speaker,emotion,partition\n" + "\n".join(lines) + "\n", notes)
    assert [item.extra.get("partition") for item in found] == ["train", "train", "dev", "dev", "test1", None]
    assert notes == ["partition dev: 2 utterances; --dev given selects epochs on them, otherwise they are trained on"]
    with pytest.raises(CorpusFaults) as caught:
        scan(tmp_path, "file,speaker,emotion,partition,fold\na.wav,1,sad,rest,\nb.wav,1,sad,test,2\n")
    assert [fault.found for fault in caught.value.faults] == ["partition 'rest'", "a fold and a partition"]


def test_corpus_has_the_name_of_its_file_and_the_protocols_of_its_columns(tmp_path):
    scan(tmp_path, WHOLE, name="My Corpus-2.csv")
    corpus = corpus_of(tmp_path / "My Corpus-2.csv")
    assert (corpus.name, corpus.key, corpus.classes) == ("My Corpus-2", "mycorpus2", ())
    assert corpus.protocols == ("given", "speaker", "session", "speaker-text", "random5")
    assert [item.corpus for item in corpus.scan(tmp_path, [])] == ["My Corpus-2"] * 2
    folds = make_folds(corpus.scan(tmp_path), "given")
    assert folds.classes == ("anger", "happiness")
    assert [(fold.name, fold.test) for fold in folds.folds] == [("1", ("a_one",)), ("2", ("b_two",))]


@pytest.mark.parametrize(
    ("text", "protocols"),
    [
        ("file,speaker,emotion\na.wav,1,sad\nb.wav,1,sad\n", ("random5",)),
        (
            "file,speaker,emotion\n" + "".join(f"{n}.wav,{n},sad\n" for n in range(5)),
            ("speaker", "speaker5", "random5"),
        ),
        ("file,speaker,emotion,session\na.wav,1,sad,1\nb.wav,2,sad,\n", ("speaker", "random5")),
        ("file,speaker,emotion,session,text\na.wav,1,sad,1,x\nb.wav,1,sad,2,y\n", ("random5",)),
        ("file,speaker,emotion,fold\na.wav,1,sad,1\nb.wav,1,sad,2\n", ("given", "random5")),
        ("file,speaker,emotion,fold\na.wav,1,sad,1\nb.wav,,sad,2\n", ("random5",)),
        ("file,speaker,emotion,partition\na.wav,1,sad,train\nb.wav,1,sad,test\n", ("given", "random5")),
    ],
)
def test_protocols_need_their_columns_filled(tmp_path, text, protocols):
    (tmp_path / "my.csv").write_text(text)
    assert corpus_of(tmp_path / "my.csv").protocols == protocols


def test_a_name_without_letters_is_refused(tmp_path):
    (tmp_path / "--.csv").write_text(WHOLE)
    with pytest.raises(UserError, match="rename the file"):
        corpus_of(tmp_path / "--.csv")


def test_audio_is_measured_and_read_from_where_the_table_says(tmp_path):
    samples = (np.arange(3200) % 50 / 100).astype(np.float32)
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        soundfile.write(folder / "a.wav", samples, 16000, subtype="FLOAT")
    text = f"file,speaker,emotion,start,end\na.wav,1,sad,0.05,0.1\n{outside}/a.wav,1,sad,,\n"
    items = scan(inside, text)
    measured, faults, _ = measure(items, inside)
    assert not faults and [item.num_samples for item in measured] == [800, 3200]
    np.testing.assert_array_equal(measured[0].read_audio(inside), samples[800:1600])
    (tmp_path / "manifest.jsonl").write_text(manifest_text(measured))
    assert read_manifest(tmp_path / "manifest.jsonl") == measured


def test_words_cover_the_vocabulary_and_what_tools_write():
    assert set(EMOTION_WORDS.values()) == set(EMOTIONS) and all(emotion_of(name) == name for name in EMOTIONS)
    usual = dict(ang="anger", JOY="happiness", Sad="sadness", exc="excited", fearful="fear", boredem="boredom")
    usual |= dict(disgusted="disgust", surprised="surprise", fru="frustration", contempt="contempt", oth="other")
    assert {word: emotion_of(f" {word} ") for word in usual} == usual
    assert emotion_of("calm") == "calm" and emotion_of("elated") is None and emotion_of("") is None
    assert len(COLUMNS) == len(set(COLUMNS))
