"""The manifest: records, files, and what measuring finds in audio."""

import hashlib
import json
import struct

import numpy as np
import pytest
import soundfile

from speechbrain_ext.corpora.manifest import (
    Utterance,
    Vote,
    manifest_text,
    measure,
    read_manifest,
    write_manifest,
)
from speechbrain_ext.utils.errors import UserError

FIELDS = (
    "id corpus wav start_s end_s sample_rate_hz num_samples sha256 speaker gender session text_id scenario part label "
    "intended votes vad extra"
).split()


def utterance(name, **more):
    return Utterance(**{"id": name, "corpus": "C", "wav": f"{name}.wav", "speaker": "s", **more})


def noise(samples, channels=1, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal((samples, channels))).astype(np.float32)


def one_fault(root, name="u", **more):
    measured, faults, _ = measure([utterance(name, **more)], root)
    assert measured[0].sha256 is None
    assert len(faults) == 1
    return faults[0]


def test_record_has_the_fields_of_the_contract_in_order():
    record = utterance("u", votes=[Vote("r", ["anger", "fear"], ["other"], [1.0, 2.0, 3.0])]).to_dict()
    assert list(record) == FIELDS
    assert record["votes"] == [
        {"rater": "r", "labels": ["anger", "fear"], "secondary": ["other"], "vad": [1.0, 2.0, 3.0]}
    ]


def test_round_trip_sorts_by_id(tmp_path):
    items = [utterance("b", label="anger", extra={"ö": 1}), utterance("a", votes=[Vote("r", ["fear"])]), utterance("B")]
    write_manifest(tmp_path / "m.jsonl", items)
    assert read_manifest(tmp_path / "m.jsonl") == [items[2], items[1], items[0]]


def test_two_utterances_with_one_id_are_refused():
    with pytest.raises(UserError, match="one id, a"):
        manifest_text([utterance("a"), utterance("a", wav="other.wav")])


@pytest.mark.parametrize(
    ("break_line", "told"),
    [
        (lambda line: line[:-5], "line 2"),
        (lambda line: "[]", "line 2: expected an object"),
        (lambda line: line.replace('"speaker": "s", ', ""), "line 2: missing or unknown fields: speaker"),
        (lambda line: line.replace('"speaker": "s"', '"speaker": ""'), "line 2: speaker: expected a text"),
        (lambda line: line.replace('"label": null', '"label": "rage"'), "line 2: label: expected an emotion"),
        (lambda line: line.replace('"votes": []', '"votes": [{"x": 1}]'), "line 2: votes"),
        (lambda line: line.replace('"id": "b"', '"id": "a"'), "line 2: the id a a second time"),
    ],
)
def test_broken_line_is_named(tmp_path, break_line, told):
    path = tmp_path / "m.jsonl"
    lines = manifest_text([utterance("a"), utterance("b"), utterance("c")]).splitlines()
    lines[1] = break_line(lines[1])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value) and told in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_cut_off_manifests_are_refused(tmp_path):
    with pytest.raises(UserError, match="prepare"):
        read_manifest(tmp_path / "no.jsonl")
    (tmp_path / "m.jsonl").write_text(manifest_text([utterance("a")])[:-1])
    with pytest.raises(UserError, match="cut off"):
        read_manifest(tmp_path / "m.jsonl")


def test_measure_fills_rate_length_and_a_hash_that_ignores_the_container(tmp_path):
    samples = np.round(noise(8000) * 32767).astype(np.int16)
    soundfile.write(tmp_path / "u.wav", samples, 16000)
    soundfile.write(tmp_path / "v.flac", samples, 16000)
    soundfile.write(tmp_path / "w.wav", samples, 22050)
    items = [utterance("u"), utterance("v", wav="v.flac"), utterance("w")]
    (u, v, w), faults, notes = measure(items, tmp_path, jobs=2)
    assert faults == [] and items[0].sha256 is None
    assert (u.sample_rate_hz, u.num_samples, u.duration_s) == (16000, 8000, 0.5)
    plain = b"16000 1\n" + b"".join(struct.pack("<f", int(value) / 32768) for value in samples[:, 0])
    assert u.sha256 == v.sha256 == hashlib.sha256(plain).hexdigest()
    assert w.sha256 != u.sha256
    assert notes == ["1 files have 22050 Hz and are resampled once, in stage 1"]


def test_unread_audio_stays_unmeasured(tmp_path):
    measured, faults, notes = measure([utterance("missing")], tmp_path, check_audio=False)
    assert measured == [utterance("missing")] and faults == [] and "not read" in notes[0]


def test_stereo_is_mixed_down_and_said_so(tmp_path):
    samples = noise(1000, channels=2)
    soundfile.write(tmp_path / "u.wav", samples, 16000, subtype="FLOAT")
    (item,), faults, notes = measure([utterance("u")], tmp_path)
    assert faults == [] and item.extra == {"channels": 2} and item.num_samples == 1000
    assert "mixed down" in notes[0] and "u.wav" in notes[0]
    np.testing.assert_allclose(item.read_audio(tmp_path), (samples[:, 0] + samples[:, 1]) / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "found"),
    [
        (np.zeros((0, 1)), 16000, "empty"),
        (np.zeros((1600, 1)), 16000, "silent"),
        (np.full((1600, 1), 0.25), 16000, "silent: all samples are 0.25"),
        (noise(1600, 1) @ [[1, -1]], 16000, "silent"),
        (noise(399), 16000, "too short: 399 samples"),
        (noise(1000), 44100, "too short: 1000 samples"),
        (np.where(np.arange(1600) == 7, np.nan, noise(1600)[:, 0]), 16000, "not finite"),
        (np.where(np.arange(1600) == 7, np.inf, noise(1600)[:, 0]), 16000, "not finite"),
        (noise(1600), 4000, "4000 Hz"),
    ],
)
def test_sound_without_speech_is_a_fault(tmp_path, samples, rate_hz, found):
    soundfile.write(tmp_path / "u.wav", samples, rate_hz, subtype="FLOAT")
    fault = one_fault(tmp_path)
    assert fault.file == "u.wav" and fault.found.startswith(found) and fault.expected


def test_shortest_sound_passes(tmp_path):
    soundfile.write(tmp_path / "u.wav", noise(400), 16000)
    assert measure([utterance("u")], tmp_path)[1] == []


def test_files_that_are_not_audio_are_faults(tmp_path):
    assert "unreadable" in one_fault(tmp_path, "missing").found
    (tmp_path / "text.wav").write_text("no sound here")
    assert "unreadable" in one_fault(tmp_path, "text").found
    (tmp_path / "folder.wav").mkdir()
    assert one_fault(tmp_path, "folder").found == "a folder"
    soundfile.write(tmp_path / "cut.wav", noise(8000), 16000)
    whole = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:9000])
    assert one_fault(tmp_path, "cut").found == "cut off: 9000 bytes"
    (tmp_path / "cut.wav").write_bytes(b"")
    assert "unreadable" in one_fault(tmp_path, "cut").found


def test_all_faults_are_collected(tmp_path):
    soundfile.write(tmp_path / "good.wav", noise(800), 16000)
    items = [utterance("x"), utterance("good"), utterance("y")]
    measured, faults, _ = measure(items, tmp_path, jobs=3)
    assert [fault.file for fault in faults] == ["x.wav", "y.wav"]
    assert [item.num_samples for item in measured] == [None, 800, None]


def test_segments_are_read_alone(tmp_path):
    samples = noise(16000)
    soundfile.write(tmp_path / "long.wav", samples, 16000, subtype="FLOAT")
    items = [utterance("a", wav="long.wav", start_s=0.25, end_s=0.5), utterance("b", wav="long.wav", start_s=0.75)]
    (a, b), faults, _ = measure(items, tmp_path)
    assert faults == [] and (a.num_samples, b.num_samples) == (4000, 4000) and a.sha256 != b.sha256
    np.testing.assert_array_equal(a.read_audio(tmp_path), samples[4000:8000, 0])
    assert "empty" in one_fault(tmp_path, "c", wav="long.wav", start_s=3.0, end_s=4.0).found


def test_read_audio_resamples_a_tone_to_the_same_tone(tmp_path):
    time_s = np.arange(44100) / 44100
    soundfile.write(tmp_path / "u.wav", 0.5 * np.sin(2 * np.pi * 440 * time_s), 44100, subtype="FLOAT")
    heard = utterance("u").read_audio(tmp_path)
    assert heard.dtype == np.float32 and heard.shape == (16000,)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(heard[500:-500], expected[500:-500], atol=1e-3)
    with pytest.raises(UserError, match="missing.wav"):
        utterance("missing").read_audio(tmp_path)


def test_manifest_lines_are_json(tmp_path):
    for line in manifest_text([utterance("a"), utterance("b")]).splitlines():
        assert list(json.loads(line)) == FIELDS
