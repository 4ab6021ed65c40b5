"""The files of other tools: as they write them, as we write them, and damaged."""

from __future__ import annotations

import json

import pytest
import yaml
from exchange_corpora import emodb, export_audformat, facts, iemocap, of_folds, parts, segments
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechbrain_ext.corpora.corpus import Spoken
from speechbrain_ext.corpora.manifest import CorpusFaults
from speechbrain_ext.corpora.table import scan_table
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.exchange.audformat import import_audformat
from speechbrain_ext.exchange.emobox import export_emobox, import_emobox
from speechbrain_ext.exchange.given import audit_given, write_table
from speechbrain_ext.exchange.speakers import spoken_by_name
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UserError

FOUR = Task(("anger", "happiness", "neutral", "sadness"), merge_excited=True)


def test_emobox_files_are_as_emobox_writes_them(tmp_path):
    items = iemocap()
    folds = make_folds(items, "session", task=FOUR)
    notes = export_emobox(tmp_path, items, folds)
    assert any("downloads/iemocap" in note for note in notes)
    lines = [json.loads(line) for line in (tmp_path / "iemocap.jsonl").read_text().splitlines()]
    assert len(lines) == 60
    assert lines[0] == {
        "key": "iemocap-Ses01F_impro01_F000",
        "dataset": "iemocap",
        "wav": "downloads/iemocap/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        "type": "raw",
        "sample_rate": 16000,
        "num_frame": 8000.0,
        "task": "category",
        "length": 0.5,
        "emo": "ang",
        "channel": 1,
    }
    label_map = json.loads((tmp_path / "label_map.json").read_text())
    assert label_map == {"ang": "Angry", "exc": "Happy", "hap": "Happy", "neu": "Neutral", "sad": "Sad"}
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("fold_*/*"))
    assert names == sorted(f"fold_{n}/iemocap_{part}_fold_{n}.jsonl" for n in "123" for part in ("train", "test"))
    export_emobox(tmp_path / "e", emodb(), make_folds(emodb(), "speaker", "speaker"))
    assert json.loads((tmp_path / "e" / "fold_names.json").read_text()) == {"1": "03", "2": "08", "3": "09", "4": "10"}
    assert (tmp_path / "e" / "fold_1" / "emodb_valid_fold_1.jsonl").exists()
    assert "boredem" in json.loads((tmp_path / "e" / "label_map.json").read_text())


def emobox_folder(folder, sides, old=()):
    """EmoBox's folder of EmoDB, by hand: fold, part, names."""
    words = dict(W="anger", L="boredem", E="disgust", A="fear", F="happy", T="sad", N="Neutral", C="elated")
    for fold, part, names in sides:
        legacy = fold in old
        path = folder / f"fold_{fold}" / f"emodb_{part}_fold{'' if legacy else '_'}{fold}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        wav, emo = ("audio", "label") if legacy else ("wav", "emo")
        lines = [
            {"key": f"emodb-{name}", "dataset": "emodb", wav: f"downloads/emodb/wav/{name}.wav", emo: words[name[5]]}
            for name in names
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_overlapping_emobox_folds_are_kept_and_told(tmp_path):
    one, two = ["03a01Wa", "08a01La", "09a01Na"], ["03a02Fa", "08a02Ta", "10a01Ea"]
    folder = emobox_folder(tmp_path, [(1, "train", one), (1, "test", two), (2, "train", two), (2, "test", one)])
    back = import_emobox(folder)
    assert facts(back.utterances, "label")["08a01La"] == ("boredom",)
    assert facts(back.utterances, "speaker", "gender", "text_id")["09a01Na"] == ("09", "F", "a01")
    assert parts(back.folds) == [("1", one, [], two), ("2", two, [], one)]
    assert audit_given(back.utterances, back.folds) == [
        "LEAK: fold 1: 2 of 3 test speakers are also in training",
        "shared: fold 1: 1 of 2 test texts are also in training",
        "LEAK: fold 2: 2 of 3 test speakers are also in training",
        "shared: fold 2: 1 of 1 test texts are also in training",
    ]
    write_table(tmp_path / "my.csv", back, tmp_path)
    assert make_folds(scan_table(tmp_path / "my.csv", "My"), "given").audit.speaker_overlap == {
        "1": ("03", "08"),
        "2": ("03", "08"),
    }


def test_old_emobox_files_count_only_where_there_are_no_newer_ones(tmp_path):
    one, two = ["03a01Wa", "08a01La"], ["09a02Fa", "10a02Ta"]
    emobox_folder(tmp_path, [(1, "train", one + two), (1, "test", two)], old=(1,))
    old = import_emobox(tmp_path)
    assert parts(old.folds) == [("1", one + two, [], two)] and len(old.utterances) == 4
    assert old.utterances[1].wav == "wav/08a01La.wav"
    emobox_folder(tmp_path, [(1, "train", one), (1, "test", two)])
    assert parts(import_emobox(tmp_path).folds) == [("1", one, [], two)]
    told = audit_given(old.utterances, old.folds)
    assert told == ["LEAK: fold 1: 2 of 2 tested utterances are also in training"]


def test_emobox_json_and_unknown_emotions(tmp_path):
    folder = emobox_folder(tmp_path, [(1, "train", ["03a01Wa", "08a01Ca"]), (1, "test", ["09a02Fa"])])
    for path in list(folder.glob("fold_1/*.jsonl")):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        path.with_suffix(".json").write_text(json.dumps({record.pop("key"): record for record in records}))
        path.unlink()
    back = import_emobox(folder)
    assert parts(back.folds) == [("1", ["03a01Wa"], [], ["09a02Fa"])]
    assert back.notes == ["1 utterances are left out: their emotion, 'elated', is none of the vocabulary"]


def test_speakers_come_from_the_last_field_or_a_csv(tmp_path):
    # the letter of the first field is who wore the markers
    assert spoken_by_name("iemocap", "Ses01F_impro01_M012").speaker == "Ses01M"
    assert spoken_by_name("iemocap", "Ses03M_impro05a_F001") == Spoken("Ses03F", "F", "3", "impro05")
    assert spoken_by_name("iemocap", "Ses05M_script01_1b_F003").text_id == "script01_1"
    assert spoken_by_name("mspimprov", "MSP-IMPROV-S01A-M06-R-MM02").session == "6"
    assert spoken_by_name("ravdess", "03-01-06-01-02-01-12") == Spoken("12", "F", None, "02")
    for dataset, names in {
        "iemocap": ("x", "", "Ses01F_impro01_X1", "Ses06F_impro01_F000"),
        "emodb": ("3a01Wa", "99a01Wa"),
        "ravdess": ("1", "03-01-06-01-02-01-25"),
        "mspimprov": ("MSP-IMPROV-S01A-M07-R-MM02",),
        "nothing": ("03a01Wa",),
    }.items():
        assert [spoken_by_name(dataset, name) for name in names] == [None] * len(names)
    record = {"key": "ravdess-1", "dataset": "ravdess", "wav": "downloads/ravdess/1.wav", "emo": "sad"}
    (tmp_path / "ravdess.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(UserError, match="no speaker is known for 1 utterances, first 1: .* --speakers FILE"):
        import_emobox(tmp_path)
    (tmp_path / "who.csv").write_text("key,speaker,gender\nravdess-1,actor1,female\n")
    (item,) = import_emobox(tmp_path, tmp_path / "who.csv").utterances
    assert (item.id, item.speaker, item.gender, item.wav) == ("1", "actor1", "F", "1.wav")


def test_broken_emobox_lines_are_told_at_once(tmp_path):
    good = {"key": "emodb-03a01Wa", "wav": "a.wav", "emo": "anger"}
    bad = ["{", "[1]", "{}", json.dumps({**good, "emo": 3}), json.dumps({**good, "start_time": "1"}), "1e999"]
    text = "\n".join([json.dumps(good), *bad, json.dumps({**good, "emo": "sad"})])
    (tmp_path / "emodb.jsonl").write_text(text)
    (tmp_path / "fold_1").mkdir()
    (tmp_path / "fold_1" / "emodb_test_fold_1.jsonl").write_text(json.dumps({**good, "key": "emodb-03a01Wb"}))
    with pytest.raises(CorpusFaults) as caught:
        import_emobox(tmp_path)
    places = [fault.file for fault in caught.value.faults]
    assert places == [*(f"emodb.jsonl line {n}" for n in range(2, 9)), "fold_1/emodb_test_fold_1.jsonl line 1"]
    for folder, told in ((tmp_path / "none", "no such folder"), (tmp_path / "fold_1", "no <corpus>.jsonl")):
        with pytest.raises(UserError, match=told):
            import_emobox(folder)


def test_audformat_reads_what_we_write(tmp_path):
    audformat = pytest.importorskip("audformat")
    for make, name in ((iemocap, "a"), (segments, "b")):
        items = make()
        folds = make_folds(items, "speaker")
        export_audformat(tmp_path / name, items, folds)
        database = audformat.Database.load(str(tmp_path / name), load_data=True)
        frame = database["emotion"].get()
        used = {item.id: item for item in of_folds(items, folds)}
        assert set(frame["id"]) == set(used)
        for place, row in frame.iterrows():
            item = used[row["id"]]
            assert (row["emotion"], row["speaker"], row["session"]) == (item.label, item.speaker, item.session)
            file, start, end = place if isinstance(place, tuple) else (place, None, None)
            assert file == item.wav
            if start is not None:
                assert (start.total_seconds(), end.total_seconds()) == pytest.approx((item.start_s, item.end_s))
        first = folds.folds[0]
        assert len(database["fold-1.test"].get()) == len(first.test)
        assert database["fold-1.train"].split.type == "train" and database["fold-1.train"].meta["fold"] == first.name


def test_we_read_what_audformat_writes(tmp_path):
    audformat = pytest.importorskip("audformat")
    database = audformat.Database("emodb", usage="research", languages=["German"])
    labels = {"03": {"gender": "male"}, "08": {"gender": "female"}}
    database.schemes["speaker"] = audformat.Scheme("str", labels=labels)
    database.schemes["emotion"] = audformat.Scheme("str", labels=["anger", "neutral"])
    database.schemes["arousal"] = audformat.Scheme("float")
    for part in ("train", "test"):
        database.splits[part] = audformat.Split(part)
    files = audformat.filewise_index(["wav/a.wav", "wav/b.wav"])
    database["files"] = audformat.Table(files)
    database["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    database["files"]["speaker"].set(["03", "08"])
    times = audformat.segmented_index(
        ["wav/a.wav", "wav/a.wav", "wav/b.wav"], ["0s", "1.5s", "0s"], ["1.5s", "61s", None]
    )
    for name, index, emotions in (
        ("emotion.train", times[:2], ["anger", None]),
        ("emotion.test", times[2:], ["neutral"]),
    ):
        database[name] = audformat.Table(index, split_id=name.split(".")[1])
        database[name]["categories"] = audformat.Column(scheme_id="emotion")
        database[name]["categories"].set(emotions)
        database[name]["arousal"] = audformat.Column(scheme_id="arousal")
    database.save(str(tmp_path), storage_format="csv")
    back = import_audformat(tmp_path)
    assert facts(back.utterances, "wav", "start_s", "end_s", "speaker", "gender", "label") == {
        "wav_a_00000000": ("wav/a.wav", 0.0, 1.5, "03", "M", "anger"),
        "wav_b": ("wav/b.wav", None, None, "08", "F", "neutral"),
    }
    assert parts(back.folds) == [("1", ["wav_a_00000000"], [], ["wav_b"])]
    assert back.stated.language == "deu"


def test_broken_audformat_is_told(tmp_path):
    with pytest.raises(UserError, match="expected audformat's header"):
        import_audformat(tmp_path)
    tables = {"emotion": {"type": "filewise", "columns": {"emotion": {}, "speaker": {}}}}
    (tmp_path / "db.yaml").write_text(yaml.safe_dump({"name": "x", "tables": tables}))
    with pytest.raises(UserError, match="db.emotion.csv: missing"):
        import_audformat(tmp_path)
    for text, told in (
        ("file,emotion\na.wav,sad\n", "no speaker is known for 1 files, first a.wav"),
        ("file,emotion,speaker\na.wav,,1\n", "no table has a column emotion"),
        ("file,emotion,speaker\na.wav,elated,1\n", "emotions found: elated"),
        ("file,emotion,speaker\na/b.wav,sad,1\na_b.wav,sad,1\n", "one id, a_b"),
        ("file,emotion,speaker\na.wav,sad,1\na.wav,ang,1\n", "db.emotion.csv line 3: found emotion ang of a.wav"),
        ("file,emotion,speaker\n,sad,1\n", "line 2: found no file"),
    ):
        (tmp_path / "db.emotion.csv").write_text(text)
        with pytest.raises(UserError, match=told):
            import_audformat(tmp_path)


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(["train", "sad"])
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_end_in_our_errors(tmp_path, data):
    record = {"key": "emodb-03a01Wa", "dataset": "emodb", "wav": "a.wav", "emo": "anger", "start_time": 1.0}
    header = {
        "name": "x",
        "schemes": {"speaker": {"labels": {"1": {"gender": "male"}}}},
        "splits": {"t": {"type": "test"}},
    }
    table = {"type": "filewise", "columns": {"emotion": {"scheme_id": "emotion"}}, "split_id": "t", "fold": "1"}
    for mapping in (record, header, table):
        if data.draw(st.booleans()):
            mapping[data.draw(st.sampled_from(sorted(mapping)))] = data.draw(VALUES)
    tables = data.draw(st.sampled_from([{"e": table}, {"e": None}, [table], {1: table}]))
    (tmp_path / "emodb.jsonl").write_text(json.dumps(record) + data.draw(st.sampled_from(["", "\n", "\n{", "\nnull"])))
    (tmp_path / "db.yaml").write_text(yaml.safe_dump({**header, "tables": tables}))
    (tmp_path / "db.e.csv").write_text("file,emotion,speaker,start\na.wav,sad,1,\n")
    for read in (import_emobox, import_audformat):
        try:
            write_table(tmp_path / "out" / "my.csv", read(tmp_path), tmp_path)
        except UserError as fault:
            assert "\n" not in str(fault)
