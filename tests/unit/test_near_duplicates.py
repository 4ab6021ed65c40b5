"""The same recording in two corpora, changed as corpora are changed: found, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter, resample_poly

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.preparation.fingerprints import FILE, fingerprint, read_fingerprints
from speechbrain_ext.preparation.near_duplicates import (
    Recordings,
    correlation,
    near_duplicate_overlaps,
    near_duplicates,
)
from speechbrain_ext.utils.errors import UserError

RATE_HZ = 16000


def speech(seed: int) -> np.ndarray:
    """Two seconds of pulses and noise through resonances that change, with silence around."""
    random = np.random.default_rng(seed)
    parts = []
    for _ in range(8):
        size, pitch = int(random.uniform(2500, 4500)), random.uniform(90, 280)
        source = 0.1 * random.normal(size=size)
        source[:: int(RATE_HZ / pitch)] += 3
        for centre in (random.uniform(300, 900), random.uniform(1000, 2400), random.uniform(2500, 3400)):
            radius, angle = 0.97, 2 * np.pi * centre / RATE_HZ
            source = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], source)
        parts.append(source * np.hanning(size) * random.uniform(0.3, 1))
    found = np.concatenate([np.zeros(3000), *parts, np.zeros(3000)])
    return (0.5 * found / np.abs(found).max() + 1e-5 * random.normal(size=len(found))).astype(np.float32)


CHANGES = {
    "quieter": lambda x: (0.1 * x, RATE_HZ, "wav", "PCM_16"),
    "inverted": lambda x: (-x, RATE_HZ, "wav", "PCM_16"),
    "flac": lambda x: (0.7 * x, RATE_HZ, "flac", "PCM_24"),
    "vorbis": lambda x: (x, RATE_HZ, "ogg", "VORBIS"),
    "silence cut": lambda x: (x[2800:-2900], RATE_HZ, "wav", "PCM_16"),
    "words cut": lambda x: (x[7001:], RATE_HZ, "wav", "PCM_16"),
    "44.1 kHz": lambda x: (resample_poly(x, 441, 160), 44100, "wav", "PCM_16"),
    "8 kHz": lambda x: (resample_poly(x, 1, 2), 8000, "wav", "PCM_16"),
    "two channels": lambda x: (np.stack([x, 0.5 * x], axis=1), RATE_HZ, "wav", "PCM_16"),
}


def corpus(folder, name: str, waves: dict[str, tuple]) -> Recordings:
    items = []
    (folder / name / "data").mkdir(parents=True)
    for identity, (samples, rate_hz, suffix, subtype) in waves.items():
        wav = f"{identity}.{suffix}".replace(" ", "-")
        soundfile.write(folder / name / wav, samples, rate_hz, subtype=subtype)
        items.append(Utterance(id=identity, corpus=name, wav=wav, speaker="s"))
    return Recordings(folder / name / "data", f"hash of {name}", str(folder / name), items)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    sounds = [speech(seed) for seed in range(30)]
    plain = {f"a{number:02d}": (x, RATE_HZ, "wav", "PCM_16") for number, x in enumerate(sounds)}
    changed = {name: change(sounds[number]) for number, (name, change) in enumerate(CHANGES.items())}
    others = {f"other{seed}": (speech(seed), RATE_HZ, "wav", "PCM_16") for seed in range(100, 120)}
    return corpus(folder, "A", plain), corpus(folder, "B", {**changed, **others})


def test_every_changed_recording_is_found_and_nothing_else(corpora):
    found, unknown = near_duplicates(*corpora)
    expected = sorted((f"a{number:02d}", name) for number, name in enumerate(CHANGES))
    assert [(pair.source, pair.target) for pair in found] == expected and unknown == 0
    assert all(0.98 < pair.correlation <= 1 for pair in found)
    assert {(pair.target, pair.source) for pair in near_duplicates(*corpora[::-1])[0]} == set(expected)


def test_they_are_refused_and_the_first_are_named(corpora):
    with pytest.raises(UserError, match=r"A and B: 9 recordings are in both.*a00 = quieter, correlation \d\.\d{3}"):
        near_duplicate_overlaps(*corpora)
    others = replace(corpora[1], items=[item for item in corpora[1].items if item.id.startswith("other")])
    assert near_duplicate_overlaps(corpora[0], others) == ()


def test_what_has_no_audio_or_no_sound_is_said_to_be_unknown(tmp_path, corpora):
    silent = corpus(tmp_path, "C", {"silent": (np.zeros(8000), RATE_HZ, "wav", "PCM_16")})
    gone = Utterance(id="gone", corpus="C", wav="gone.wav", speaker="s")
    both = replace(silent, items=[*silent.items, gone])
    expected = "same recordings at another level or cut: unknown for 2 utterances"
    assert near_duplicate_overlaps(corpora[0], both) == (expected,)


def test_fingerprints_are_kept_for_their_manifest_and_made_again_for_another_or_when_damaged(tmp_path, monkeypatch):
    one = corpus(tmp_path, "A", {"a": (speech(1), RATE_HZ, "wav", "PCM_16")})
    first = read_fingerprints(one.folder, one.manifest_sha256, one.root, one.items)
    soundfile.write(tmp_path / "A/a.wav", speech(2), RATE_HZ)
    again = read_fingerprints(one.folder, one.manifest_sha256, one.root, one.items)
    np.testing.assert_array_equal(first, again)
    other = read_fingerprints(one.folder, "another", one.root, one.items)
    assert np.abs(other - first).max() > 1
    (one.folder / FILE).write_bytes(b"PK\x03\x04 damaged")
    np.testing.assert_array_equal(read_fingerprints(one.folder, "another", one.root, one.items), other)


def test_a_fingerprint_is_of_what_is_heard():
    x = speech(3)[::2].copy()
    assert fingerprint(x).shape == (32,) and np.abs(fingerprint(0.01 * x) - fingerprint(x)).max() < 1e-3
    assert np.abs(fingerprint(np.concatenate([np.zeros(4096, np.float32), x])) - fingerprint(x)).max() < 1e-3
    assert not np.isfinite(fingerprint(np.zeros(4000, np.float32))).any()
    assert np.isfinite(fingerprint(x[:10] + 0.1)).all(), "shorter than a frame"


@pytest.mark.parametrize("factor", [0.0, 0.2, 2.0, 5.0])
def test_the_correlation_is_that_of_all_lags_tried_one_by_one(factor):
    random = np.random.default_rng(0)
    one, other = random.normal(size=600), random.normal(size=410)
    other[50:350] += factor * one[200:500]
    best = []
    for lag in range(-409, 600):
        pairs = [(one[lag + place], other[place]) for place in range(410) if 0 <= lag + place < 600]
        x, y = np.transpose(pairs)
        if len(pairs) >= 205 and np.sum(y**2) >= 0.5 * np.sum(other**2):
            best.append(abs(x @ y) / np.sqrt((x @ x) * (y @ y)))
    # Between two samples there is nothing higher where the two were cut at whole samples.
    assert correlation(one, other) == pytest.approx(max(best), abs=0.01)
    assert correlation(other, one) == pytest.approx(correlation(one, other))


def test_a_lag_between_two_samples_is_found():
    x = speech(4)
    one, other = resample_poly(x, 1, 4), resample_poly(x[2:], 1, 4)  # half a sample apart
    assert correlation(one, other) > 0.98


def test_nothing_correlates_with_silence_or_nothing():
    assert correlation(np.zeros(10), np.ones(20)) == 0 and correlation(np.zeros(0), np.ones(5)) == 0


def test_a_click_or_a_quiet_hum_in_common_is_not_the_same_recording():
    random = np.random.default_rng(0)
    one, other = random.normal(size=400), random.normal(size=400)
    one[-1], other[0] = 60, 60
    assert correlation(one, other) < 0.5, "they share one loud sample"
    hum = 0.01 * np.sin(0.3 * np.arange(600))
    loud, also_loud = random.normal(size=(2, 500))
    assert correlation(np.concatenate([loud, hum]), np.concatenate([hum, also_loud])) < 0.5
