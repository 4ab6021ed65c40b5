"""The synthesiser against plain loops, and the command that writes a mini corpus whole or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest

from speechbrain_ext.bin.mini import main
from speechbrain_ext.testing import mini_corpus as mini
from speechbrain_ext.testing import speech
from speechbrain_ext.testing.emotions import EMOTIONS, cast, deliver
from speechbrain_ext.testing.phones import PHONES, segments_of
from speechbrain_ext.utils.errors import UsageError, UserError

SENTENCE = "d a s v I l z i _ a m m I t"


@pytest.fixture
def quick(monkeypatch):
    """Replace the corpus by two small files; counts the calls."""
    calls = []

    def write(root, progress):
        calls.append("emodb")
        (root / "wav").mkdir(parents=True)
        (root / "wav" / "a.wav").write_bytes(b"one")
        (root / "README.md").write_text("two")

    monkeypatch.setattr(mini, "find_writers", lambda: {"emodb": write})
    return calls


def test_tract_equals_the_difference_equation():
    random = np.random.RandomState(0)
    source = random.standard_normal(3 * speech.BLOCK_SAMPLES)
    formants_hz = np.sort(random.uniform(300, 6000, (3, 5)), axis=1)
    expected = source
    for place, bandwidth_hz in enumerate(speech.BANDWIDTHS_HZ):
        output, before, earlier = [], 0.0, 0.0
        for sample, value in enumerate(expected):
            centre_hz = formants_hz[0, place]
            c = -np.exp(-2 * np.pi * bandwidth_hz / 16000)
            b = 2 * np.exp(-np.pi * bandwidth_hz / 16000) * np.cos(2 * np.pi * centre_hz / 16000)
            output.append((1 - b - c) * value + b * before + c * earlier)
            before, earlier = output[sample], before
        expected = np.array(output)
    steady = np.repeat(formants_hz[:1], 3, axis=0)
    np.testing.assert_allclose(speech._tract(source, steady), expected, rtol=1e-9, atol=1e-12)
    moving = speech._tract(source, formants_hz)
    np.testing.assert_allclose(moving[:80], expected[:80], rtol=1e-9, atol=1e-12)
    assert np.max(np.abs(moving[80:] - expected[80:])) > 1e-3


def test_track_holds_and_moves_in_straight_lines():
    track = speech._track(np.array([1.0, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.5, 1.0, 1.5, 2.0]), 0.5)
    np.testing.assert_allclose(track, [1, 1, 2, 3, 3])


@pytest.mark.parametrize("emotion", sorted(EMOTIONS))
def test_level_and_pitch_are_those_asked_for(emotion):
    person = cast("toy", {"x": "F"})["x"]
    delivery = deliver(person, emotion, speech.stream("test", emotion))
    segments = segments_of(SENTENCE)
    samples = speech.synthesise(segments, delivery, speech.stream("sound", emotion)).astype(float) / 32767
    edges_s = speech._edges(segments, delivery, speech.stream("sound", emotion))
    inside = samples[int(edges_s[0] * 16000) : int(edges_s[-1] * 16000)]
    level_db = 10 * np.log10(np.mean(inside**2))
    assert level_db == pytest.approx(delivery.level_db, abs=0.1) or np.max(np.abs(samples)) > 0.9


def test_streams_depend_on_names_alone():
    assert speech.stream("a", 1).randint(1 << 30, size=3).tolist() == [369411321, 789461300, 56038337]
    assert speech.stream("a", 1).uniform() != speech.stream("a", 2).uniform()


def test_every_phone_can_be_spoken():
    random = speech.stream("phones")
    delivery = deliver(cast("toy", {"x": "M"})["x"], "neutral", random)
    for phone in PHONES:
        samples = speech.synthesise(segments_of(f"a {phone} a"), delivery, random)
        assert samples.dtype == np.int16 and np.max(np.abs(samples)) > 1000


def test_speakers_differ_between_corpora_and_in_tract():
    genders = {"1": "F", "2": "M"}
    one, other = cast("one", genders), cast("other", genders)
    assert one["1"] != other["1"]
    assert one["1"].tract > one["2"].tract and one["1"].pitch_hz > one["2"].pitch_hz
    assert one == cast("one", genders)


def test_a_whole_folder_is_kept_and_a_changed_one_made_again(tmp_path, quick):
    out = tmp_path / "deep" / "corpus"
    assert mini.write_mini("emodb", out) is True
    marker = json.loads((out / "mini.json").read_text())
    assert marker["corpus"] == "emodb" and marker["synthetic"] is True and marker["sha256"] == mini.tree_sha256(out)
    assert mini.write_mini("emodb", out) is False and len(quick) == 1
    (out / "wav" / "a.wav").write_bytes(b"cut")
    assert mini.write_mini("emodb", out) is True and (out / "wav" / "a.wav").read_bytes() == b"one"
    (out / "mini.json").write_text(json.dumps(marker | {"version": "older"}))
    assert mini.write_mini("emodb", out) is True and len(quick) == 3
    assert [path.name for path in out.parent.iterdir()] == ["corpus"]


def test_what_a_killed_writer_left_is_cleared(tmp_path, quick):
    (tmp_path / ".corpus.part" / "tree" / "wav").mkdir(parents=True)
    (tmp_path / ".corpus.part" / "tree" / "wav" / "half.wav").write_bytes(b"half")
    (tmp_path / "corpus").mkdir()
    assert mini.write_mini("emodb", tmp_path / "corpus") is True
    assert sorted(path.name for path in (tmp_path / "corpus" / "wav").iterdir()) == ["a.wav"]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_failing_writer_leaves_nothing(tmp_path, monkeypatch):
    def fail(root, progress):
        root.mkdir()
        (root / "half").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mini, "find_writers", lambda: {"emodb": fail})
    with pytest.raises(UserError, match="No space left.*--out"):
        mini.write_mini("emodb", tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_is_refused(tmp_path, quick):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="choose another --out"):
        mini.write_mini("emodb", tmp_path)
    with pytest.raises(UserError, match="choose another --out"):
        mini.write_mini("emodb", tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "mine" and quick == []


def test_the_command_says_what_it_did(tmp_path, quick, capsys):
    for word in ("written to", "already complete"):
        main(["--corpus", "EmoDB", "--out", str(tmp_path / "corpus")])
        assert word in capsys.readouterr().out
    with pytest.raises(UsageError, match="--corpus emobd: did you mean emodb?"):
        main(["--corpus", "emobd", "--out", str(tmp_path / "other")])
    with pytest.raises(SystemExit) as left:
        main(["--corpus", "emodb"])
    assert left.value.code == 2 and len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "other").exists()
