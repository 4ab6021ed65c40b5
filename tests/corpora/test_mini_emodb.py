"""The mini corpus in EmoDB's layout: bytes, names, sound and difficulty."""

from __future__ import annotations

import collections
import hashlib
import re

import numpy as np
import pytest
import soundfile

from speechbrain_ext.testing import emodb
from speechbrain_ext.testing.emotions import cast

TREE_SHA256 = "c1a5ad1d0643d385e667c3b6311398196fe583e12856cc462f3093da5674939f"
NAME = re.compile(r"(03|08|09|1[0-6])([ab]0[1-9]|b10)([WLEAFTN])([a-f])")
MEN = {"03", "10", "11", "12", "15"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini") / "emodb"
    emodb.write_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def utterances(root):
    """From (speaker, text, emotion letter, version) to samples in float64."""
    found = {}
    for path in sorted((root / "wav").iterdir()):
        found[NAME.fullmatch(path.stem).groups()] = soundfile.read(path, dtype="float64")[0]
    return found


def level_db(samples):
    return 10 * np.log10(np.mean(samples**2) + 1e-12)


def frames_db(samples, length=160):
    count = len(samples) // length
    return 10 * np.log10(np.mean(samples[: count * length].reshape(count, length) ** 2, axis=1) + 1e-12)  # [frame]


def pitch_hz(samples):
    """Median over voiced frames of the highest peak of the autocorrelation, found by plain sums."""
    found = []
    for start in range(0, len(samples) - 800, 400):
        frame = samples[start : start + 800] - np.mean(samples[start : start + 800])
        energy = np.sum(frame**2)
        lags = np.arange(40, 230)
        values = np.array([np.sum(frame[lag:] * frame[:-lag]) * 800 / (800 - lag) for lag in lags])
        if energy / 800 > 1e-4 and values.max() > 0.6 * energy:
            # The first lag near the top: a multiple of the period is as high.
            peaks = np.flatnonzero(values > 0.85 * values.max())
            run = peaks[: np.argmax(np.append(np.diff(peaks) > 1, True)) + 1]
            found.append(16000 / lags[run[np.argmax(values[run])]])
    return float(np.median(found))


def test_bytes_are_pinned(root):
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    assert digest.hexdigest() == TREE_SHA256


def test_another_seed_gives_other_sound_of_the_same_names(root, tmp_path, monkeypatch):
    few = list(emodb._plan())[:3]
    monkeypatch.setattr(emodb, "_plan", lambda: iter(few))
    emodb.write_corpus(tmp_path / "a", seed=1)
    emodb.write_corpus(tmp_path / "b", seed=0)
    for name in (f"{item[0]}.wav" for item in few):
        here = (root / "wav" / name).read_bytes()
        assert (tmp_path / "a" / "wav" / name).read_bytes() != here
        assert (tmp_path / "b" / "wav" / name).read_bytes() == here


def test_layout_names_and_balance(root):
    assert sorted(path.name for path in root.iterdir()) == ["README.md", "erkennung.txt", "wav"]
    parts = [NAME.fullmatch(path.stem).groups() for path in (root / "wav").iterdir()]
    assert len(parts) == len(set(parts)) == 280
    assert set(collections.Counter((part[0], part[2]) for part in parts).values()) == {4}
    assert len({part[0] for part in parts}) == 10
    texts = sorted({part[1] for part in parts})
    assert texts == ["a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10"]
    halves = collections.Counter((part[0], part[2], texts.index(part[1]) % 2) for part in parts)
    assert len(halves) == 140 and set(halves.values()) == {2}
    assert min(collections.Counter(part[1] for part in parts).values()) >= 20
    assert len({part[:3] for part in parts}) < 280, "some text is spoken twice, told apart by its version"
    assert "SYNTHETIC" in (root / "README.md").read_text(encoding="utf-8")


def test_format_durations_and_size(root):
    durations_s = []
    for path in (root / "wav").iterdir():
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (16000, 1, "PCM_16", "WAV")
        durations_s.append(info.duration)
    assert 0.85 <= min(durations_s) and max(durations_s) <= 2.2
    assert 1.15 <= np.mean(durations_s) <= 1.35
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 15e6


def test_listening_test_has_the_encoding_of_the_real_one(root):
    raw = (root / "erkennung.txt").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    header, *rows = [line.split("\t") for line in raw.decode("iso-8859-1").splitlines()]
    assert header == ["Nr.", "Satz", "erkannt", "natuerlich"]
    assert [int(row[0].rstrip("\xa0")) for row in rows] == list(range(1, len(rows) + 1))
    listed = {row[1] for row in rows}
    published = {path.name for path in (root / "wav").iterdir()}
    assert published < listed
    for row in rows:
        assert all(re.fullmatch(r"\d+,00\xa0{5}", cell) for cell in row[2:]) and len(row) == 4
        assert all(0 <= float(cell.strip("\xa0").replace(",", ".")) <= 100 for cell in row[2:])


def test_sound_is_neither_clipped_nor_silent(utterances):
    for name, samples in utterances.items():
        assert np.max(np.abs(samples)) < 0.95, name
        assert -42 < level_db(samples) < -12, name


def test_no_bare_tones(utterances):
    window = np.hanning(512)
    for name, samples in utterances.items():
        frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256] * window  # [frame, time]
        power = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0)  # [frequency]
        assert power.max() / power.sum() < 0.5, name
        assert np.sum(power > 1e-4 * power.max()) > 60, name


def test_noise_and_voice_alternate(utterances):
    """Fricatives and bursts: loud frames with most energy above 1.5 kHz, beside frames with most below 1 kHz."""
    hertz = np.fft.rfftfreq(320, 1 / 16000)
    for name, samples in utterances.items():
        frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)  # [frame, time]
        power = np.abs(np.fft.rfft(frames * np.hanning(320))) ** 2  # [frame, frequency]
        total = power.sum(axis=1)  # [frame]
        loud = total > 1e-3 * total.max()
        high = power[:, hertz > 1500].sum(axis=1) / total
        low = power[:, hertz < 1000].sum(axis=1) / total
        assert np.sum(loud & (high > 0.5)) >= 1 and np.sum(loud & (low > 0.6)) >= 10, name


def test_pauses_inside_and_near_silence_around(utterances):
    for name, samples in utterances.items():
        levels = frames_db(samples)
        quiet = levels < levels.max() - 30
        assert quiet[:3].all() and quiet[-3:].all(), name
        spoken = np.flatnonzero(~quiet)
        inside = "".join("q" if flag else "s" for flag in quiet[spoken[0] : spoken[-1]])
        assert max(map(len, inside.split("s"))) >= 3, name
        assert np.all(levels > -80), name


def test_pitch_follows_the_speakers_in_order(utterances):
    people = cast("EmoDB", emodb.GENDERS)
    measured = {
        name: np.median([pitch_hz(samples) for key, samples in utterances.items() if key[0] == name and key[2] == "N"])
        for name in people
    }
    assert max(measured[name] for name in MEN) < 165 < min(measured[name] for name in people.keys() - MEN)
    drawn = [people[name].pitch_hz for name in people]
    assert np.corrcoef(np.log(drawn), np.log([measured[name] for name in people]))[0, 1] > 0.97
    assert {name for name, gender in emodb.GENDERS.items() if gender == "M"} == MEN


def test_emotions_differ_in_loudness_rate_and_pitch(utterances):
    def mean(letter, measure):
        return np.mean([measure(samples) for key, samples in utterances.items() if key[2] == letter])

    assert mean("W", level_db) > mean("N", level_db) > mean("T", level_db)
    assert mean("A", len) < mean("N", len) < mean("T", len)
    assert mean("A", pitch_hz) > 1.15 * mean("N", pitch_hz) > mean("L", pitch_hz)


@pytest.mark.slow
def test_difficulty(utterances):
    """A linear classifier on unseen speakers does well, loudness alone does not, shuffled labels teach nothing."""
    opensmile = pytest.importorskip("opensmile")
    from sklearn.metrics import recall_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)
    features = np.array([smile.process_signal(samples, 16000).to_numpy()[0] for samples in utterances.values()])
    loudness = np.array([[level_db(samples), np.max(frames_db(samples))] for samples in utterances.values()])
    speakers, emotions = np.array([key[0] for key in utterances]), np.array([key[2] for key in utterances])

    def uar(inputs, labels):
        guesses = labels.copy()
        for speaker in set(speakers):
            test = speakers == speaker
            model = make_pipeline(StandardScaler(), LinearSVC(C=0.01, class_weight="balanced"))
            guesses[test] = model.fit(inputs[~test], labels[~test]).predict(inputs[test])
        return recall_score(labels, guesses, average="macro")

    assert 0.60 < uar(features, emotions) < 0.90
    assert uar(loudness, emotions) < 0.45
    shuffled = np.random.RandomState(0)
    assert np.mean([uar(features, shuffled.permutation(emotions)) for _ in range(3)]) < 0.22
