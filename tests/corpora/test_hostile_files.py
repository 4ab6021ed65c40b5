"""Files that are none, sound that is none, and audio that repeats: nothing hangs, and all faults are in one list."""

from __future__ import annotations

import os
import re
import socket
import struct
import threading

import numpy as np
import pytest
import soundfile

from speechbrain_ext import audio
from speechbrain_ext.bin import exchange, mini
from speechbrain_ext.bin.prepare import main
from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.corpora.emodb_labels import scan_labels
from speechbrain_ext.corpora.table import corpus_of
from speechbrain_ext.data_folder import read_facts
from speechbrain_ext.errors import UserError
from speechbrain_ext.exchange.audformat import import_audformat
from speechbrain_ext.exchange.emobox import import_emobox
from speechbrain_ext.manifest import Utterance, measure, read_audio
from speechbrain_ext.regular_file import NotRegularFile, read_regular

KINDS = {"fifo": "a FIFO", "socket": "a socket", "device": "a device", "folder": "a folder", "link": "a device"}


@pytest.fixture
def put(tmp_path):
    """Put something that is no regular file under a name."""
    opened = []

    def call(path, kind):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            opened.append(socket.socket(socket.AF_UNIX))
            here = os.getcwd()
            os.chdir(path.parent)  # the names of sockets are short
            try:
                opened[-1].bind(path.name)
            finally:
                os.chdir(here)
        elif kind == "device":
            try:
                os.mknod(path, 0o20666, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("devices cannot be made here (needs root)")
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero")
        return path

    yield call
    for one in opened:
        one.close()


def within(seconds, call, *words, **more):
    """Call in a thread: a test that hangs would hang the whole suite. Gives the error, or the result."""
    found = []

    def work():
        try:
            found.append(call(*words, **more))
        except BaseException as fault:
            found.append(fault)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it hangs"
    return found[0]


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
    told = within(20, read_audio, tmp_path, item)
    assert isinstance(told, UserError) and KINDS[kind] in str(told)


def write_wav(path, seed=0, peak=0.1, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).uniform(-1, 1, 1600)
    soundfile.write(path, peak * samples / np.abs(samples).max(), 16000, **more)
    return path


EMODB = [f"{speaker}a01{letter}a" for speaker in ("03", "08") for letter in "WN"]


def emodb(folder):
    for seed, name in enumerate(EMODB):
        write_wav(folder / "wav" / f"{name}.wav", seed)
    return folder


def iemocap(folder):
    """Two label blocks a session, of a woman and a man, for two sessions."""
    number = 0
    for session in (1, 2):
        dialog = f"Ses0{session}F_impro01"
        blocks = []
        for turn, code in (("F000", "ang"), ("M000", "neu"), ("F001", "neu"), ("M001", "ang")):
            blocks.append(f"[1.0 - 2.0]\t{dialog}_{turn}\t{code}\t[2.5, 2.5, 2.5]\nC-E1:\tNeutral;\t()\n")
            write_wav(folder / f"Session{session}/sentences/wav/{dialog}/{dialog}_{turn}.wav", number)
            number += 1
        label = folder / f"Session{session}/dialog/EmoEvaluation/{dialog}.txt"
        label.parent.mkdir(parents=True)
        label.write_text("% header\n\n" + "\n".join(blocks))
    return folder


def msp_improv(folder):
    lines = []
    for number, speaker in enumerate(("F01", "M01", "F02", "M02")):
        for letter, code in (("A", "A"), ("N", "N")):
            name = f"S01{letter}-{speaker}-S-FM01"
            lines.append(f"UTD-IMPROV-{name}.avi; {code}; A:3.0; V:3.0; D:3.0; N:3.0;\n")
            wav = f"session{speaker[2]}/S01{letter}/S/MSP-IMPROV-{name}.wav"
            write_wav(folder / wav, 2 * number + (letter == "N"))
    (folder / "Evalution.txt").write_text("\n".join(lines))
    return folder


def table(folder):
    rows = ["file,speaker,emotion"]
    for number in range(8):
        write_wav(folder / f"{number}.wav", number)
        rows.append(f"{number}.wav,{'ab'[number % 2]},{('sad', 'angry')[number // 2 % 2]}")
    (folder / "my.csv").write_text("\n".join(rows) + "\n")
    return folder


CASES = {
    # corpus: writer, protocol, an audio file, another one, a label file, a damage of the labels, what it is told as
    "emodb": (emodb, "wav/03a01Wa.wav", "wav/08a01Na.wav", "wav/99a01Wa.wav", None, "speaker 99"),
    "iemocap": (
        iemocap,
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        "Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_M001.wav",
        "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",
        ("M000\tneu\t", "M000\tneuu\t"),
        "the emotion 'neuu'",
    ),
    "mspimprov": (
        msp_improv,
        "session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav",
        "session2/S01N/S/MSP-IMPROV-S01N-M02-S-FM01.wav",
        "Evalution.txt",
        ("M01-S-FM01.avi; N", "M01-S-FM01.avi; Q"),
        "the emotion 'Q'",
    ),
    "csv": (table, "0.wav", "7.wav", "my.csv", ("3.wav,b,angry", "3.wav,b,angrry"), "emotion 'angrry'"),
}


def prepare(key, root, *words):
    corpus, where = ("my", root / "my.csv") if key == "csv" else (key, root)
    options = ["--corpus", corpus, "--corpus-root", str(where), "--data", str(root.parent / "data")]
    main([*options, "--protocol", "speaker", "--jobs", "1", *words])


@pytest.mark.parametrize("kind", ["fifo", "socket", "link"])
@pytest.mark.parametrize("key", CASES)
def test_every_corpus_refuses_audio_that_is_no_file(tmp_path, put, capsys, key, kind):
    root = CASES[key][0](tmp_path / "corpus")
    put(root / CASES[key][1], kind)
    fault = within(60, prepare, key, root)
    assert isinstance(fault, UserError) and "1 faults" in str(fault)
    assert f"{CASES[key][1]}  {KINDS[kind]}" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["fifo", "link"])
@pytest.mark.parametrize("key", ["iemocap", "mspimprov", "csv"])
def test_label_files_that_are_no_files_are_one_line(tmp_path, put, capsys, key, kind):
    root = CASES[key][0](tmp_path / "corpus")
    put(root / CASES[key][3], kind)
    fault = within(60, prepare, key, root)
    told = str(fault) + capsys.readouterr().err
    assert isinstance(fault, UserError) and "\n" not in str(fault)
    assert f"{KINDS[kind]}, expected a regular file" in told and CASES[key][3] in told


def test_a_linked_csv_has_the_name_of_the_link_and_the_files_of_its_target(tmp_path):
    root = table(tmp_path / "corpus")
    (tmp_path / "linked.csv").symlink_to(root / "my.csv")
    words = ["--corpus", "linked", "--corpus-root", str(tmp_path / "linked.csv"), "--data", str(tmp_path / "data")]
    main([*words, "--protocol", "speaker", "--jobs", "1"])
    facts = read_facts(tmp_path / "data" / "linked-real")
    assert (facts["corpus"], facts["root"]) == ("linked", str(root))


def damage_labels(key, root):
    path, change = root / CASES[key][3], CASES[key][4]
    if change is None:
        write_wav(path, 77)
        return
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))


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


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_perception_test_without_numbers_is_passed_by(tmp_path, value):
    root = emodb(tmp_path / "corpus")
    (root / "erkennung.txt").write_text(f"1\t03a01Wa.wav\t{value}\t90\n2\t03a01Na.wav\t80,5\t90\n")
    prepare("emodb", root)
    by_id = {item.id: item for item in get_corpus("emodb").scan(root)}
    assert "recognised_percent" not in by_id["03a01Wa"].extra and by_id["03a01Na"].extra["recognised_percent"] == 80.5


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_other_files_that_are_read_are_regular_too(tmp_path, put, kind):
    put(tmp_path / "a.csv", kind)
    assert isinstance(within(20, corpus_of, tmp_path / "a.csv"), UserError)
    put(tmp_path / "a" / "lablaut" / "03a01Waxx.lablaut", kind)
    assert isinstance(within(20, scan_labels, tmp_path / "a"), UserError)
    emodb(tmp_path / "e")
    put(tmp_path / "e" / "erkennung.txt", kind)
    assert isinstance(within(20, prepare, "emodb", tmp_path / "e"), UserError)
    put(tmp_path / "b" / "db.yaml", kind)
    assert isinstance(within(20, import_audformat, tmp_path / "b"), UserError)
    put(tmp_path / "c" / "c.jsonl", kind)
    assert isinstance(within(20, import_emobox, tmp_path / "c"), UserError)
    (tmp_path / "c" / "c.jsonl").unlink()
    (tmp_path / "c" / "c.jsonl").write_text('{"key": "a", "wav": "a.wav", "emo": "sad"}\n')
    put(tmp_path / "c" / "fold_names.json", kind)
    (tmp_path / "c" / "fold_1").mkdir()
    (tmp_path / "c" / "fold_1" / "c_test_fold_1.jsonl").write_text('{"key": "a", "wav": "a.wav", "emo": "sad"}\n')
    assert isinstance(within(20, import_emobox, tmp_path / "c"), UserError)
    put(tmp_path / "m" / "mini.json", kind)
    assert isinstance(within(20, mini.main, ["--corpus", "emodb", "--out", str(tmp_path / "m")]), UserError)
    words = ["import", "--format", "nkululeko", "--in", str(tmp_path / "a.csv"), "--out", str(tmp_path / "o.csv")]
    assert isinstance(within(20, exchange.main, words), UserError)


BOMB = "\n".join(
    ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
)


@pytest.mark.parametrize(
    "header",
    [
        "&a [*a]",
        "tables: &a {x: *a}",
        "tables: {x: {type: &a [*a]}}",
        f"{BOMB}\ntables: {{x: {{type: *a11}}}}",
        f"{BOMB}\nname: *a11\ntables: {{x: {{type: filewise, fold: *a11, columns: {{e: {{scheme_id: *a11}}}}}}}}",
    ],
)
def test_yaml_aliases_in_a_database_neither_hang_nor_crash(tmp_path, header):
    (tmp_path / "db.yaml").write_text(header)
    (tmp_path / "db.x.csv").write_text("file,emotion\na.wav,sad\n")
    fault = within(60, import_audformat, tmp_path)
    assert isinstance(fault, UserError) and len(str(fault)) < 1000


def test_names_longer_than_a_file_system_takes(tmp_path, capsys):
    long = "x" * 300 + ".wav"
    root = table(tmp_path / "corpus")
    with open(root / "my.csv", "a") as stream:
        stream.write(f"{long},a,sad\n")
    with pytest.raises(UserError, match="1 faults"):
        prepare("csv", root)
    assert "File name too long" in capsys.readouterr().err
    words = ["import", "--format", "nkululeko", "--in", str(root / "my.csv"), "--out", str(tmp_path / "o.csv")]
    exchange.main(words)
    assert "1 of 9 files are not there" in capsys.readouterr().out
