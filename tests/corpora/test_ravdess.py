"""RAVDESS's names, its folders, what is left out and what is refused, and the real copy where there is one."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hostile import prepare, within

from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.corpora.manifest import CorpusFaults, measure
from speechbrain_ext.corpora.ravdess import CORPUS, scan, spoken_of
from speechbrain_ext.preparation.edition import count, hash_audio, name_edition
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UserError


def touch(root, *names):
    for name in names:
        path = root / (name if "/" in name else f"Actor_{name.split('.')[0][-2:]}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_fields_come_from_the_name(tmp_path):
    touch(tmp_path, "03-01-06-02-01-02-07.wav", "03-01-01-01-02-01-12.flac")
    neutral, fear = scan(tmp_path)
    assert (fear.id, fear.wav) == ("03-01-06-02-01-02-07", "Actor_07/03-01-06-02-01-02-07.wav")
    assert (fear.corpus, fear.speaker, fear.gender, fear.text_id) == ("RAVDESS", "07", "M", "01")
    assert fear.label == fear.intended == "fear"
    assert fear.extra == {"emotion_code": "06", "intensity": "strong", "repetition": "02"}
    assert fear.session is None and fear.sha256 is None and fear.votes == []
    assert (neutral.wav, neutral.speaker, neutral.gender) == ("Actor_12/03-01-01-01-02-01-12.flac", "12", "F")
    assert (neutral.label, neutral.text_id, neutral.extra["intensity"]) == ("neutral", "02", "normal")


@pytest.mark.parametrize(
    ("number", "label"),
    list(enumerate("neutral calm happiness sadness anger fear disgust surprise".split(), start=1)),
)
def test_numbers_of_the_emotions(tmp_path, number, label):
    touch(tmp_path, f"03-01-{number:02d}-01-01-01-01.wav")
    assert scan(tmp_path)[0].label == label


def test_songs_are_left_out_and_counted(tmp_path):
    touch(tmp_path, "03-02-03-01-01-01-01.wav", "03-02-04-01-01-01-01.wav", "03-01-03-01-01-01-01.wav")
    notes = []
    assert [item.id for item in scan(tmp_path, notes)] == ["03-01-03-01-01-01-01"]
    assert notes == ["2 songs (channel 02) are left out: this is the speech of the corpus"]
    (tmp_path / "Actor_01/03-01-03-01-01-01-01.wav").unlink()
    with pytest.raises(UserError, match="2 songs and no speech"):
        scan(tmp_path)


def test_other_files_are_passed_by(tmp_path):
    touch(tmp_path, "03-01-01-01-01-01-01.WAV", "Actor_01/._03-01-01-01-01-01-01.wav", "Actor_01/notes.txt")
    touch(tmp_path, "README.md/x.wav", "audio_speech_actors_01-24/Actor_01/03-01-01-01-01-01-01.wav")
    (tmp_path / "Actor_02").write_text("a file")
    assert [item.wav for item in scan(tmp_path)] == ["Actor_01/03-01-01-01-01-01-01.WAV"]


def test_all_faults_are_in_one_list(tmp_path):
    bad = {
        "Actor_01/03-01-01-01-01-01.wav": "the name 03-01-01-01-01-01",
        "Actor_01/3-01-01-01-01-01-01.wav": "the name 3-01-01-01-01-01-01",
        "Actor_01/03-01-01-01-01-01-01-01.wav": "the name",
        "Actor_01/\u0663\u0663-01-01-01-01-01-01.wav": "the name",
        "Actor_01/01-01-01-01-01-01-01.wav": "modality 01",
        "Actor_01/03-03-01-01-01-01-01.wav": "channel 03",
        "Actor_01/03-01-09-01-01-01-01.wav": "emotion 09",
        "Actor_01/03-01-00-01-01-01-01.wav": "emotion 00",
        "Actor_01/03-01-03-03-01-01-01.wav": "intensity 03",
        "Actor_01/03-01-03-01-03-01-01.wav": "sentence 03",
        "Actor_01/03-01-03-01-01-03-01.wav": "repetition 03",
        "Actor_25/03-01-03-01-01-01-25.wav": "actor 25",
        "Actor_01/03-01-01-02-01-01-01.wav": "intensity 02 of emotion 01",
        "Actor_01/03-01-03-01-01-01-02.wav": "actor 02",
        "Actor_01/03-01-04-01-01-01-01.wav": "a second file 03-01-04-01-01-01-01",
    }
    touch(tmp_path, *bad, "03-01-04-01-01-01-01.flac", "03-01-05-01-01-01-03.wav")
    with pytest.raises(CorpusFaults) as caught:
        scan(tmp_path)
    found = {fault.file: fault.found for fault in caught.value.faults}
    assert len(caught.value.faults) == len(bad) and found.keys() == bad.keys()
    for name, words in bad.items():
        assert found[name].startswith(words)
    assert [item.id for item in caught.value.utterances] == ["03-01-04-01-01-01-01", "03-01-05-01-01-01-03"]
    assert "\n" not in str(caught.value)


def test_two_channels_are_mixed_to_one(tmp_path):
    samples = np.random.RandomState(0).uniform(-0.1, 0.1, (24000, 2))
    touch(tmp_path, "03-01-01-01-01-01-01.wav")
    soundfile.write(tmp_path / "Actor_01/03-01-01-01-01-01-01.wav", samples, 48000, subtype="FLOAT")
    (item,), faults, _ = measure(scan(tmp_path), tmp_path)
    assert faults == [] and (item.sample_rate_hz, item.num_samples) == (48000, 24000)
    mono = replace(item).read_audio(tmp_path)
    assert np.shape(mono)[0] in (8000, 24000) and np.ndim(mono) == 1


def test_a_name_says_who_speaks_what_where_it_is_the_corpus_s():
    spoken = spoken_of("03-01-06-02-01-02-07")
    assert (spoken.speaker, spoken.gender, spoken.session, spoken.text_id) == ("07", "M", None, "01")
    assert CORPUS.spoken_of("03-01-06-02-02-02-12").gender == "F"
    for name in ("03-01-06-02-03-02-07", "03-01-06-02-01-02-25", "03-01-06-02-01-02", "recording 1"):
        assert spoken_of(name) is None, name


def test_published_counts_are_those_of_the_paper():
    """24 actors, two sentences said twice: eight emotions at two intensities, but neutral at one."""
    labels = dict(anger=192, calm=192, disgust=192, fear=192, happiness=192, neutral=96, sadness=192, surprise=192)
    assert CORPUS.expected.labels == labels
    assert CORPUS.expected.speakers == {f"{actor:02d}": 60 for actor in range(1, 25)}
    assert CORPUS.expected.utterances == sum(labels.values()) == 24 * 60


def test_a_folder_may_be_named_by_text_and_misnamed_files_are_listed(tmp_path):
    touch(tmp_path, "03-01-06-02-01-02-07.wav")
    assert [item.id for item in scan(str(tmp_path))] == ["03-01-06-02-01-02-07"]
    touch(tmp_path, "Actor_07/take-1.wav")
    with pytest.raises(CorpusFaults) as caught:
        scan(tmp_path)
    assert caught.value.more_wavs == ("Actor_07/take-1.wav",)


@pytest.mark.parametrize("kind", ["fifo", "socket", "link", "folder"])
def test_audio_that_is_no_file_is_refused(tmp_path, put, capsys, kind):
    for number in range(1, 5):
        path = tmp_path / f"corpus/Actor_01/03-01-0{number}-01-01-01-01.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.RandomState(number).uniform(-0.1, 0.1, 16000), 16000)
    put(path, kind)
    fault = within(60, prepare, "ravdess", tmp_path / "corpus")
    assert isinstance(fault, UserError) and "1 faults" in str(fault)


def test_a_known_copy_in_another_form_has_its_own_name():
    counts = replace(count([]), utterances=1440, hours=1.48, labels=CORPUS.expected.labels)
    counts = replace(counts, speakers=CORPUS.expected.speakers)
    (name, digest), *_ = CORPUS.expected.known_copies.items()
    assert name_edition(CORPUS, "real", counts, None, digest) == name == "16 kHz FLAC copy"
    assert name_edition(CORPUS, "real", counts, None, "0" * 64) == "counts and hours as published"
    assert name_edition(CORPUS, "real", counts, "mine", digest) == "mine"
    fewer = replace(counts, utterances=1439)
    assert name_edition(CORPUS, "real", fewer, None, None) == "not as published: 1439 utterances, 1.48 h"


real = pytest.mark.skipif(not os.environ.get("RAVDESS_ROOT"), reason="RAVDESS_ROOT is not set: no real RAVDESS here")


@real
def test_real_corpus_has_the_published_counts_and_folds(tmp_path):
    corpus, root = get_corpus("ravdess"), os.environ["RAVDESS_ROOT"]
    items = corpus.scan(root)
    assert len(items) == corpus.expected.utterances == 1440
    assert Counter(item.label for item in items) == corpus.expected.labels
    assert Counter(item.speaker for item in items) == corpus.expected.speakers
    assert Counter(item.text_id for item in items) == {"01": 720, "02": 720}
    assert Counter(item.gender for item in items) == {"M": 720, "F": 720}
    measured, faults, notes = measure(items, root)
    assert faults == [] and notes == []
    twins = ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")
    assert len({item.sha256 for item in measured}) == 1439
    assert len({item.sha256 for item in measured if item.id in twins}) == 1
    edition = name_edition(corpus, "real", count(measured), None, hash_audio(measured))
    assert edition in ("16 kHz FLAC copy", "counts and hours as published")
    folds = make_folds(measured, "speaker5").folds
    assert sorted(len(fold.test) for fold in folds) == [240, 300, 300, 300, 300]
    assert len(make_folds(measured, "speaker-text").folds) == 48
