"""Audio that is no file, sound that is none, and audio that repeats: nothing hangs, all faults are in one list."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
import soundfile
from hostile import CASES, KINDS, damage_labels, emodb, iemocap, prepare, table, within, write_wav

from speechbrain_ext.bin.prepare import main
from speechbrain_ext.corpora.data_folder import read_facts
from speechbrain_ext.corpora.manifest import Utterance, measure
from speechbrain_ext.utils import audio
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.regular_file import NotRegularFile, read_regular


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_opened(tmp_path, put, kind):
    path = put(tmp_path / "x.wav", kind)
    for call in (read_regular, audio.read_samples, audio.fault_of_file):
        fault = within(20, call, path)
        assert isinstance(fault, NotRegularFile) and fault.kind == KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_audio_that_is_no_file_is_a_fault(tmp_path, put, kind):
    put(tmp_path / "x.wav", kind)
    item = Utterance(id="x", corpus="C", wav="x.wav", speaker="s")
    _, (fault,), _ = within(20, measure, [item], tmp_path)
    assert (fault.file, fault.found, fault.expected) == ("x.wav", KINDS[kind], "a regular file")
    told = within(20, item.read_audio, tmp_path)
    assert isinstance(told, UserError) and KINDS[kind] in str(told)


@pytest.mark.parametrize("kind", ["fifo", "socket", "link"])
@pytest.mark.parametrize("key", CASES)
def test_every_corpus_refuses_audio_that_is_no_file(tmp_path, put, capsys, key, kind):
    root = CASES[key][0](tmp_path / "corpus")
    put(root / CASES[key][1], kind)
    fault = within(60, prepare, key, root)
    assert isinstance(fault, UserError) and "1 faults" in str(fault)
    assert f"{CASES[key][1]}  {KINDS[kind]}" in capsys.readouterr().err


def test_a_linked_csv_has_the_name_of_the_link_and_the_files_of_its_target(tmp_path):
    root = table(tmp_path / "corpus")
    (tmp_path / "linked.csv").symlink_to(root / "my.csv")
    words = ["--corpus", "linked", "--corpus-root", str(tmp_path / "linked.csv"), "--data", str(tmp_path / "data")]
    main([*words, "--protocol", "speaker", "--jobs", "1"])
    facts = read_facts(tmp_path / "data" / "linked-real")
    assert (facts.corpus, facts.root) == ("linked", str(root))


@pytest.mark.parametrize("key", CASES)
def test_duplicates_missing_audio_and_label_faults_are_in_one_list(tmp_path, capsys, key):
    root = CASES[key][0](tmp_path / "corpus")
    first, last = root / CASES[key][1], root / CASES[key][2]
    last.write_bytes(next(path for path in sorted(root.rglob("*.wav")) if path not in (first, last)).read_bytes())
    damage_labels(key, root)
    first.unlink()
    with pytest.raises(UserError, match="nothing was written"):
        prepare(key, root)
    told = capsys.readouterr().err
    assert CASES[key][5] in told
    assert "the same audio as" in told and CASES[key][2] in told
    if key == "csv":
        assert re.search(r"^0\.wav +unreadable: No such file", told, re.MULTILINE)
    elif key != "emodb":  # a label file may name audio that a release lacks
        assert f"labels have no wav file and are left out, first {CASES[key][1]}" in told
    assert not (tmp_path / "data").exists()


def test_the_same_audio_under_one_speaker_and_label_is_a_note(tmp_path, capsys):
    root = table(tmp_path / "corpus")
    lines = (root / "my.csv").read_text().splitlines()
    again = next(line for line in lines if line.startswith("3.wav,"))
    (root / "copy.wav").write_bytes((root / "3.wav").read_bytes())
    (root / "my.csv").write_text("\n".join([*lines, again.replace("3.wav", "copy.wav")]) + "\n")
    prepare("csv", root)
    told = capsys.readouterr().out
    assert "note: 1 utterances have the same audio as another one of their speaker and label, first 3.wav and" in told
    other = again.split(",")
    (root / "my.csv").write_text("\n".join([*lines, ",".join(["copy.wav", "another", *other[2:]])]) + "\n")
    with pytest.raises(UserError, match="1 faults"):
        main(["--corpus", "my", "--corpus-root", str(root / "my.csv"), "--data", str(tmp_path / "b"), "--jobs", "1"])
    assert "of another speaker or label" in capsys.readouterr().err


def test_audio_of_faulty_lines_is_checked_too(tmp_path, capsys):
    root = table(tmp_path / "corpus")
    damage_labels("csv", root)
    (root / "3.wav").unlink()
    with pytest.raises(UserError, match="2 faults"):
        prepare("csv", root)
    assert "3.wav" in capsys.readouterr().err


def test_labels_without_any_audio_stand_beside_label_faults(tmp_path, capsys):
    root = iemocap(tmp_path / "corpus")
    damage_labels("iemocap", root)
    for path in root.rglob("*.wav"):
        path.unlink()
    with pytest.raises(UserError, match="2 faults"):
        prepare("iemocap", root)
    told = capsys.readouterr().err
    assert "neuu" in told and "labels and no wav file" in told


@pytest.mark.parametrize(("peak", "is_fault"), [(1.0, False), (7.9, False), (8.1, True), (32767.0, True), (1e30, True)])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_far_out_of_range_are_a_fault(tmp_path, peak, is_fault, subtype):
    write_wav(tmp_path / "x.wav", peak=peak, subtype=subtype)
    faults = measure([Utterance(id="x", corpus="C", wav="x.wav", speaker="s")], tmp_path)[1]
    assert [fault.found.startswith("out of range: a sample of ") for fault in faults] == [True] * is_fault


def test_a_header_that_promises_too_much_claims_no_memory(tmp_path):
    path = write_wav(tmp_path / "x.flac", subtype="PCM_16")
    data = bytearray(path.read_bytes())
    samples = soundfile.read(path, dtype="float32", always_2d=True)[0]
    for total in (0, 2**36 - 1):
        # STREAMINFO: the lower 36 bits of 8 bytes behind the sizes of blocks and frames
        (packed,) = struct.unpack(">Q", data[18:26])
        path.write_bytes(bytes(data[:18]) + struct.pack(">Q", packed >> 36 << 36 | total) + bytes(data[26:]))
        found = within(60, audio.read_samples, path)
        assert isinstance(found, soundfile.LibsndfileError) or np.array_equal(found[0], samples)


def test_long_audio_is_read_in_blocks_to_the_same_samples(tmp_path, monkeypatch):
    samples = np.random.default_rng(0).uniform(-1, 1, (1000, 3)).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", samples, 16000, subtype="FLOAT")
    monkeypatch.setattr(audio, "BLOCK_VALUES", 100)
    assert np.array_equal(audio.read_samples(tmp_path / "x.wav")[0], samples)
    assert np.array_equal(audio.read_samples(tmp_path / "x.wav", 0.01, 0.02)[0], samples[160:320])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("0.wav,a,sad\n1.wav,b,Sadness\n", "all utterances that are used are labelled sadness, expected at least two"),
        ("0.wav,a,sad\n1.wav,b,angry\n", "fold a trains on anger alone"),
    ],
)
def test_one_class_is_refused_in_stage_0(tmp_path, rows, told):
    root = table(tmp_path / "corpus")
    (root / "my.csv").write_text("file,speaker,emotion\n" + rows)
    with pytest.raises(UserError, match=told) as caught:
        prepare("csv", root)
    assert "\n" not in str(caught.value) and not (tmp_path / "data").exists()


def test_one_class_of_a_known_corpus_is_refused_too(tmp_path):
    root = emodb(tmp_path / "corpus")
    for path in root.rglob("*Na.wav"):
        path.unlink()
    with pytest.raises(UserError, match="are labelled anger"):
        prepare("emodb", root)


@pytest.mark.parametrize("key", CASES)
def test_a_corpus_of_any_kind_keeps_what_was_measured_and_names_what_changed(tmp_path, capsys, key):
    root = CASES[key][0](tmp_path / "corpus")
    wav = root / CASES[key][1]
    prepare(key, root)
    prepare(key, root)
    assert "nothing to do" in capsys.readouterr().out
    sound = wav.read_bytes()
    wav.unlink()
    prepare(key, root)
    out = capsys.readouterr().out
    assert f"1 audio files are not in {root} any more, first {CASES[key][1]}" in out and "nothing to do" in out
    with pytest.raises(UserError, match="1 faults"):
        prepare(key, root, "--verify")
    wav.write_bytes(sound)
    prepare(key, root, "--verify")
    write_wav(wav, 99)
    with pytest.raises(UserError, match=f"1 audio files have other samples: {CASES[key][1]}"):
        prepare(key, root)


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("iemocap", "M000\tneu\t", "M000\tsad\t"),
        ("mspimprov", "M01-S-FM01.avi; N", "M01-S-FM01.avi; S"),
        ("csv", "3.wav,b,angry", "3.wav,b,sad"),
    ],
)
def test_changed_labels_are_refused_without_reading_audio(tmp_path, monkeypatch, key, old, new):
    root = CASES[key][0](tmp_path / "corpus")
    prepare(key, root)
    path = root / CASES[key][3]
    path.write_text(path.read_text().replace(old, new, 1))
    monkeypatch.setattr(audio, "read_samples", None)
    with pytest.raises(UserError, match="1 utterances have other labels: .*--force"):
        prepare(key, root)


def test_a_line_that_is_removed_from_a_csv_is_told(tmp_path):
    root = table(tmp_path / "corpus")
    prepare("csv", root)
    path = root / "my.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "3.wav" not in line))
    with pytest.raises(UserError, match="1 utterances are no longer listed: 3"):
        prepare("csv", root)
