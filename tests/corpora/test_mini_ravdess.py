"""The mini corpus in RAVDESS's layout: bytes, names, balance, silence at both ends and difficulty."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
import soundfile

from speechbrain_ext.corpora.ravdess import scan
from speechbrain_ext.testing import ravdess
from speechbrain_ext.testing.mini_corpus import tree_sha256

TREE_SHA256 = "c26c5f486df0c38c0976956510286f9923e0dfa52429c6e1f9066294ca32193f"
NAME = re.compile(r"03-01-0([1-8])-0([12])-0([12])-0([12])-(0[1-9]|10)")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini") / "ravdess"
    ravdess.write_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def samples_of(root):
    """From an utterance's id to its samples in float64."""
    return {item.id: soundfile.read(root / item.wav, dtype="float64")[0] for item in scan(root)}


def frames_db(samples):
    frames = samples[: len(samples) // 480 * 480].reshape(-1, 480)
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)  # [frame of 10 ms]


def test_bytes_are_pinned(root):
    assert tree_sha256(root) == TREE_SHA256


def test_another_seed_gives_other_sound_of_the_same_names(root, tmp_path, monkeypatch):
    few = list(ravdess._plan())[:3]
    monkeypatch.setattr(ravdess, "_plan", lambda: iter(few))
    ravdess.write_corpus(tmp_path / "a", seed=1)
    ravdess.write_corpus(tmp_path / "b", seed=0)
    for item in few:
        wav = f"Actor_{item.actor}/{item.name}.wav"
        assert (tmp_path / "a" / wav).read_bytes() != (root / wav).read_bytes() == (tmp_path / "b" / wav).read_bytes()


def test_layout_names_and_balance(root):
    assert sorted(path.name for path in root.iterdir()) == [*(f"Actor_{n:02d}" for n in range(1, 11)), "README.md"]
    names = [NAME.fullmatch(path.stem).groups() for path in root.glob("Actor_*/*.wav")]
    assert len(names) == len(set(names)) == 320
    assert set(Counter((emotion, actor) for emotion, _, _, _, actor in names).values()) == {4}
    assert set(Counter((emotion, sentence, actor) for emotion, _, sentence, _, actor in names).values()) == {2}
    assert set(Counter((emotion, intensity) for emotion, intensity, *_ in names).values()) == {20, 40}
    assert {intensity for emotion, intensity, *_ in names if emotion == "1"} == {"1"}
    assert "SYNTHETIC" in (root / "README.md").read_text(encoding="utf-8")


def test_format_and_size(root):
    for path in root.glob("Actor_*/*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (48000, 1, "PCM_16", "WAV")
        assert 1.0 < info.duration < 3.5
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 60e6


def test_silence_stands_at_both_ends_and_speech_between(samples_of):
    for name, samples in samples_of.items():
        levels = frames_db(samples)
        loud = np.flatnonzero(levels > levels.max() - 30)
        assert 20 <= loud[0] <= 60 and 20 <= len(levels) - loud[-1] <= 60, name
        assert np.max(np.abs(samples)) < 0.95 and levels.max() > -35, name


def test_a_strong_intensity_is_further_from_neutral(samples_of):
    """Angry speech is louder than neutral, and strongly angry speech louder than that."""

    def level(emotion, intensity):
        chosen = [samples for name, samples in samples_of.items() if name[6:11] == f"{emotion}-{intensity}"]
        return np.mean([np.max(frames_db(samples)) for samples in chosen])

    assert level("05", "02") > level("05", "01") + 1 > level("01", "01") + 2


@pytest.mark.slow
def test_difficulty(samples_of):
    """A linear classifier on unseen speakers does well, and not perfectly; shuffled labels teach nothing."""
    opensmile = pytest.importorskip("opensmile")
    from sklearn.metrics import recall_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)
    features = np.array([smile.process_signal(samples, 48000).to_numpy()[0] for samples in samples_of.values()])
    speakers, emotions = np.array([name[-2:] for name in samples_of]), np.array([name[6:8] for name in samples_of])

    def uar(labels):
        guesses = labels.copy()
        for speaker in set(speakers):
            test = speakers == speaker
            model = make_pipeline(StandardScaler(), LinearSVC(C=0.01, class_weight="balanced"))
            guesses[test] = model.fit(features[~test], labels[~test]).predict(features[test])
        return recall_score(labels, guesses, average="macro")

    assert 0.55 < uar(emotions) < 0.90
    assert uar(np.random.RandomState(0).permutation(emotions)) < 0.25
