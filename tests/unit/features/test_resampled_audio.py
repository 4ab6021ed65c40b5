"""Audio of another rate or form: read right, resampled once, kept, redone where it is damaged."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import soxr

from speechbrain_ext.corpora.manifest import Utterance, measure
from speechbrain_ext.features.augment import apply_variant
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extraction import AudioItem, extract
from speechbrain_ext.features.resampled import ResampledAudio, read_kept
from speechbrain_ext.features.spectrogram import LogMel
from speechbrain_ext.training.extract import audio_items
from speechbrain_ext.utils import audio
from speechbrain_ext.utils.errors import UserError

FEATURES = LogMel(n_mels=8), LogMel(n_mels=12)


def speechlike(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise of 24 bits, [samples, channels]: float32 holds every value of it."""
    drawn = np.random.default_rng(seed).normal(0, 0.1, (samples, channels))
    return np.round(np.clip(drawn, -0.9, 0.9) * 2**23) / 2**23


def measured(root: Path, *names: str) -> list[Utterance]:
    """The records that stage 0 makes of files."""
    items = [Utterance(id=name.split(".")[0], corpus="C", wav=name, speaker="s") for name in names]
    records, faults, _ = measure(items, root)
    assert not faults
    return records


def items_of(root: Path, records: list[Utterance], *variants: str) -> list[AudioItem]:
    """What stage 1 makes of records."""
    return [
        AudioItem(
            item.sha256, item.wav, functools.partial(item.read_audio, root), variant, item.sample_rate_hz != 16000
        )
        for item in records
        for variant in (None, *variants)
    ]


def corpus(root: Path, count: int = 3, rate_hz: int = 44100) -> list[Utterance]:
    """Some stereo files of a rate, and one of 16 kHz."""
    names = [f"u{number}.wav" for number in range(count)]
    for number, name in enumerate(names):
        soundfile.write(root / name, speechlike(6000 + 999 * number, 2, number), rate_hz, subtype="PCM_24")
    soundfile.write(root / "plain.wav", speechlike(3000, 1, 99), 16000)
    return measured(root, *names, "plain.wav")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths that soxr was called with."""
    made: list[int] = []

    def counted(samples, *rest, **more):
        made.append(len(samples))
        return soxr_resample(samples, *rest, **more)

    soxr_resample = soxr.resample
    monkeypatch.setattr(soxr, "resample", counted)
    return made


def direct(root: Path, item: Utterance) -> np.ndarray:
    """The samples at 16 kHz by soundfile, numpy and soxr alone."""
    samples, rate_hz = soundfile.read(root / item.wav, dtype="float32", always_2d=True)
    mono = samples.astype(np.float64).mean(axis=1).astype(np.float32)
    return mono if rate_hz == 16000 else soxr.resample(mono, rate_hz, 16000, quality="HQ")


def test_resampled_once_for_all_features_and_variants(tmp_path, calls):
    records, root = corpus(tmp_path), tmp_path / "cache"
    items = items_of(tmp_path, records, "speed0.9", "noise15db")
    for feature in FEATURES:
        cache = FeatureCache(root, feature)
        assert extract(cache, items, progress=False) == {"computed": 12, "reused": 0, "redone": 0}
        for item, record in zip(items[::3], records, strict=True):
            heard = direct(tmp_path, record)
            assert np.array_equal(cache.get(item.key), feature(heard))
            slow = apply_variant(heard, "speed0.9", item.sha256)
            assert np.array_equal(cache.get(f"{item.key}+speed0.9"), feature(slow))
        if feature is FEATURES[0]:
            assert sorted(calls[:3]) == [6000, 6999, 7998]
            calls[:] = calls[3:]
    assert len(calls) == 6, "only this test itself has resampled again"


def test_what_is_kept_is_what_soxr_gives(tmp_path):
    records = corpus(tmp_path)
    extract(FeatureCache(tmp_path / "cache", FEATURES[0]), items_of(tmp_path, records), progress=False)
    kept = FeatureCache(tmp_path / "cache", ResampledAudio())
    assert kept.folder.name.startswith("audio16k-") and len(kept.folder.name) == len("audio16k-") + 12
    for item in records[:-1]:
        frames = kept.get(item.sha256)
        assert frames.dtype == np.float32 and np.array_equal(frames[:, 0], direct(tmp_path, item))
        samples = read_kept(tmp_path / "cache", item.sha256)
        assert samples.flags.writeable and np.array_equal(samples, frames[:, 0])
    assert kept.missing([records[-1].sha256]), "a file of 16 kHz is read directly"


def test_a_corpus_of_16_khz_keeps_no_audio(tmp_path):
    soundfile.write(tmp_path / "a.wav", speechlike(3000), 16000)
    extract(FeatureCache(tmp_path / "cache", FEATURES[0]), items_of(tmp_path, measured(tmp_path, "a.wav")), 1, False)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [FEATURES[0].tag]


def test_damage_is_redone_and_only_that(tmp_path, calls):
    records, root = corpus(tmp_path), tmp_path / "cache"
    items = items_of(tmp_path, records)
    extract(FeatureCache(root, FEATURES[0]), items, progress=False)
    (path,) = FeatureCache(root, ResampledAudio()).folder.glob("data-*")
    data = bytearray(path.read_bytes())
    data[5] ^= 64
    path.write_bytes(data)
    cache = FeatureCache(root, FEATURES[1])
    assert extract(cache, items, progress=False)["computed"] == 4
    assert calls == [6000, 6999, 7998, 6000]
    for item, record in zip(items, records, strict=True):
        assert np.array_equal(cache.get(item.key), FEATURES[1](direct(tmp_path, record)))
    path.write_bytes(data[: len(data) // 2])
    extract(FeatureCache(root, LogMel(n_mels=5)), items, progress=False)
    assert np.array_equal(read_kept(root, records[2].sha256, run=-1), direct(tmp_path, records[2]))


def test_an_unreadable_file_is_named_and_the_others_are_kept(tmp_path):
    records = corpus(tmp_path)
    items = items_of(tmp_path, records, "speed0.9")
    (tmp_path / "u1.wav").unlink()
    cache = FeatureCache(tmp_path / "cache", FEATURES[0])
    with pytest.raises(UserError, match=r"^2 of 8 utterances gave no logmel: u1\.wav: .*cannot be read") as told:
        extract(cache, items, progress=False)
    assert "\n" not in str(told.value)
    assert cache.missing(item.key for item in items) == [items[2].key, items[3].key]


@pytest.mark.slow
def test_parallel_equals_serial_byte_for_byte(tmp_path):
    records = corpus(tmp_path, count=11)
    for name, jobs in (("serial", 1), ("parallel", 2)):
        for feature in FEATURES:
            counts = extract(FeatureCache(tmp_path / name, feature), items_of(tmp_path, records), jobs, False)
            assert counts["computed"] == 12
    folders = [tmp_path / "serial" / extractor.tag for extractor in (*FEATURES, ResampledAudio())]
    for folder in folders:
        twin = tmp_path / "parallel" / folder.name
        contents = [sorted(path.read_bytes() for path in one.glob("*-*")) for one in (folder, twin)]
        assert contents[0] == contents[1] and len(contents[0]) == 2, "one shard of one writer"


CODES = {
    # form: integers of a sample, and the value of one step
    "PCM_U8": (lambda x: np.round(x * 127), 1 / 128),
    "PCM_S8": (lambda x: np.round(x * 127), 1 / 128),
    "PCM_16": (lambda x: np.round(x * 32767), 1 / 32768),
    "PCM_24": (lambda x: np.round(x * (2**23 - 1)), 1 / 2**23),
    "PCM_32": (lambda x: np.round(x * (2**23 - 1)) * 256, 1 / 2**31),
}


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "form"),
    [("a.wav", form) for form in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32")]
    + [("a.flac", form) for form in ("PCM_S8", "PCM_16", "PCM_24")],
)
def test_integers_are_read_as_their_share_of_full_scale(tmp_path, name, form, channels):
    code, step = CODES[form]
    integers = code(speechlike(2000, channels))
    # libsndfile takes 32-bit integers and keeps the upper bits that the form has
    full = (integers * step * 2**31).astype(np.int32)
    soundfile.write(tmp_path / name, full, 16000, subtype=form)
    (item,) = measured(tmp_path, name)
    values = (integers * step).astype(np.float32).astype(np.float64).mean(axis=1)
    assert np.array_equal(item.read_audio(tmp_path), values.astype(np.float32))
    assert item.extra == ({} if channels == 1 else {"channels": channels})


@pytest.mark.parametrize("form", ["FLOAT", "DOUBLE"])
def test_float_files_are_read_as_they_are(tmp_path, form):
    samples = 1.5 * speechlike(2000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype=form)
    (item,) = measured(tmp_path, "a.wav")
    assert np.array_equal(item.read_audio(tmp_path), samples[:, 0])


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (44100, 2), (48000, 1)])
def test_the_manifest_keeps_the_facts_of_the_file(tmp_path, rate_hz, channels):
    soundfile.write(tmp_path / "a.flac", speechlike(4000, channels), rate_hz, subtype="PCM_24")
    (item,) = measured(tmp_path, "a.flac")
    assert (item.sample_rate_hz, item.num_samples, item.duration_s) == (rate_hz, 4000, 4000 / rate_hz)
    assert item.extra == ({} if channels == 1 else {"channels": channels})
    samples, _ = soundfile.read(tmp_path / "a.flac", dtype="float32", always_2d=True)
    assert item.sha256 == audio.hash_samples(samples, rate_hz)
    assert len(item.read_audio(tmp_path)) == round(4000 * 16000 / rate_hz)


def spectrum_db(samples: np.ndarray) -> np.ndarray:
    """Level of each Hz of one second, against a sine of full scale."""
    middle = np.hanning(16000) * samples[8000:24000]
    return 20 * np.log10(np.abs(np.fft.rfft(middle)) / 4000 + 1e-12)


def test_a_tone_stays_where_it_is_and_nothing_above_8_khz_comes_down(tmp_path):
    time_s = np.arange(2 * 44100) / 44100
    for name, tones_hz in (("low", (1000, 7000)), ("high", (8800, 11000, 15000, 20000))):
        tone = sum(0.2 * np.sin(2 * np.pi * hz * time_s) for hz in tones_hz)
        soundfile.write(tmp_path / f"{name}.wav", tone, 44100, subtype="FLOAT")
    records = measured(tmp_path, "low.wav", "high.wav")
    extract(FeatureCache(tmp_path / "cache", FEATURES[0]), items_of(tmp_path, records), progress=False)
    low, high = (spectrum_db(read_kept(tmp_path / "cache", item.sha256)) for item in records)
    assert low.shape == (8001,)
    assert set(np.argsort(low)[-2:]) == {1000, 7000}
    assert abs(low[1000] - 20 * np.log10(0.2)) < 0.05 and abs(low[7000] - 20 * np.log10(0.2)) < 0.05
    apart = np.ones(8001, dtype=bool)
    for hz in (1000, 7000):
        apart[hz - 3 : hz + 4] = False
    assert low[apart].max() < -90
    assert high.max() < -90, "a tone above 8 kHz was folded down"


def stage_1_items(root: Path, records: list[Utterance]) -> list[AudioItem]:
    """What stage 1 itself asks for, where all utterances are in the folds."""
    ids = [item.id for item in records]
    experiment = SimpleNamespace(
        manifest=SimpleNamespace(root=str(root)),
        used=sorted(ids),
        utterances={item.id: item for item in records},
        spec=SimpleNamespace(data="data/C-real"),
    )
    return audio_items(experiment, 16000, ["speed0.9"])


def test_stage_1_keeps_what_has_another_rate_and_asks_for_stage_0_where_nothing_was_read(tmp_path):
    records = corpus(tmp_path)
    items = stage_1_items(tmp_path, records)
    assert {(item.where.rpartition("/")[2], item.variant, item.resampled) for item in items} == {
        (record.wav, variant, record.wav != "plain.wav") for record in records for variant in (None, "speed0.9")
    }
    with pytest.raises(UserError, match="without --no-audio-check"):
        stage_1_items(tmp_path, [Utterance(id="u", corpus="C", wav="u0.wav", speaker="s")])
