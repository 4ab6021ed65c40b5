"""Audio and files of stage 0 that change, are touched or go away: what is hashed, what is refused, what is kept."""

from __future__ import annotations

import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from speechbrain_ext.bin.prepare import main
from speechbrain_ext.corpora import manifest as manifest_module
from speechbrain_ext.corpora.data_folder import check_audio_unchanged, read_facts, read_states, read_utterances
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extraction import AudioItem, extract
from speechbrain_ext.features.resampled import ResampledAudio
from speechbrain_ext.features.spectrogram import LogMel
from speechbrain_ext.preparation.folds import read_folds
from speechbrain_ext.training.extract import audio_items
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile

NAMES = [f"{who}{text}{letter}a" for who in ("03", "08", "09") for text in ("a01", "a02") for letter in "WN"]
FIRST = f"wav/{NAMES[0]}.wav"


def write_wav(path, seed, rate_hz=16000):
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(rate_hz // 5), rate_hz)


@pytest.fixture(params=[16000, 44100])
def rate_hz(request):
    return request.param


@pytest.fixture
def root(tmp_path, rate_hz):
    folder = tmp_path / "corpus"
    (folder / "wav").mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        write_wav(folder / "wav" / f"{name}.wav", seed, rate_hz)
    return folder


@pytest.fixture
def prepare(tmp_path, root, capsys):
    def call(*words):
        options = ["--corpus", "emodb", "--corpus-root", str(root), "--data", str(tmp_path / "data")]
        main([*options, "--protocol", "speaker", "--jobs", "2", *words])
        return capsys.readouterr().out

    return call


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data" / "EmoDB-real"


@pytest.fixture
def hashed(monkeypatch):
    """The number of utterances that are read, in calls of `hash_samples`."""
    made = []
    real = manifest_module.audio.hash_samples
    monkeypatch.setattr(manifest_module.audio, "hash_samples", lambda *args: made.append(1) or real(*args))
    return made


def change(root, name, rate_hz, seed=99):
    """Other sound of the same size, and a later time of change."""
    path = root / name
    before = path.stat()
    write_wav(path, seed, rate_hz)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert path.stat().st_size == before.st_size


def items_of(data, *variants):
    """What stage 1 asks for."""
    facts = read_facts(data)
    utterances = {item.id: item for item in read_utterances(data, facts)}
    run = SimpleNamespace(
        manifest=facts, used=sorted(utterances), utterances=utterances, spec=SimpleNamespace(data=str(data))
    )
    return audio_items(run, 16000, list(variants))


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_changed_audio_never_enters_the_cache(tmp_path, root, prepare, data, rate_hz, jobs):
    """Stage 0, another sound, stage 1, the true sound again, stages 0 and 1: the cache holds the true sound alone."""
    kept = shutil.copytree(root, tmp_path / "kept")
    prepare()
    change(root, FIRST, rate_hz)
    items, cache = items_of(data, "speed0.9"), FeatureCache(tmp_path / "cache", LogMel(n_mels=8))
    with pytest.raises(UserError, match=f"^2 of 24 utterances gave no logmel: {root / FIRST}: other samples") as told:
        extract(cache, items, jobs=jobs, progress=False)
    assert "\n" not in str(told.value) and "--stage 0" in str(told.value)
    poisoned = [item for item in items if item.where == str(root / FIRST)]
    assert cache.missing(item.key for item in items) == [item.key for item in poisoned]
    resampled = FeatureCache(tmp_path / "cache", ResampledAudio())
    assert resampled.missing([poisoned[0].sha256]) == [poisoned[0].sha256]
    shutil.copyfile(kept / FIRST, root / FIRST)
    prepare()
    counts = extract(cache, items_of(data, "speed0.9"), jobs=jobs, progress=False)
    assert counts == {"computed": 2, "reused": 22, "redone": 0}
    clean = FeatureCache(tmp_path / "clean", LogMel(n_mels=8))
    extract(clean, items_of(data, "speed0.9"), jobs=jobs, progress=False)
    for item in items:
        assert np.array_equal(cache.get(item.key), clean.get(item.key))


def test_only_what_differs_in_size_or_time_is_hashed_again(root, prepare, data, hashed):
    prepare()
    assert len(hashed) == len(NAMES)
    hashed.clear()
    assert "nothing to do" in prepare() and not hashed
    os.utime(root / FIRST, ns=(1, 1))
    assert "wrote audio.json in" in prepare() and len(hashed) == 1
    assert read_states(data)[FIRST] == [(root / FIRST).stat().st_size, 1]
    assert "nothing to do" in prepare() and len(hashed) == 1
    assert "nothing to do" in prepare("--verify") and len(hashed) == 1 + len(NAMES)


def test_without_sizes_and_times_everything_is_hashed(prepare, data, hashed):
    prepare()
    hashed.clear()
    (data / "audio.json").unlink()
    assert "wrote audio.json in" in prepare() and len(hashed) == len(NAMES)


def test_a_change_that_keeps_size_and_time_is_found_by_verify(root, prepare, data, rate_hz):
    prepare()
    before = (root / FIRST).stat()
    change(root, FIRST, rate_hz)
    os.utime(root / FIRST, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "nothing to do" in prepare()
    with pytest.raises(UserError, match=f"1 audio files have other samples: {FIRST}.*--force"):
        prepare("--verify")


def test_all_that_has_changed_is_named(root, prepare, rate_hz):
    prepare()
    for name in NAMES[:5]:
        change(root, f"wav/{name}.wav", rate_hz, seed=100 + NAMES.index(name))
    write_wav(root / "wav" / "10a01Wa.wav", 50, rate_hz)
    with pytest.raises(UserError) as told:
        prepare()
    assert f"5 audio files have other samples: {', '.join(f'wav/{name}.wav' for name in sorted(NAMES[:5])[:3])}" in (
        str(told.value)
    )
    assert "and 2 more; 1 utterances are new: 10a01Wa" in str(told.value)


def test_audio_that_is_gone_is_no_fault_and_is_told(root, prepare, data):
    prepare()
    manifest = (data / "manifest.jsonl").read_bytes()
    (root / FIRST).unlink()
    out = prepare()
    assert f"1 audio files are not in {root} any more, first {FIRST}: the manifest is kept" in out
    assert "nothing to do" in out and (data / "manifest.jsonl").read_bytes() == manifest
    check_audio_unchanged(data, read_utterances(data, read_facts(data)))
    shutil.rmtree(root)
    out = prepare()
    assert f"12 audio files are not in {root} any more" in out and "nothing to do" in out
    assert "wrote folds/speaker.dev-fraction.json" in prepare("--dev", "fraction")
    check_audio_unchanged(data, read_utterances(data, read_facts(data)))
    for refused in ("--verify", "--force"):
        with pytest.raises(UserError, match="no such folder"):
            prepare(refused)


def test_verify_refuses_missing_audio(root, prepare, capsys):
    prepare()
    (root / FIRST).unlink()
    with pytest.raises(UserError, match="1 faults"):
        prepare("--verify")
    assert FIRST in capsys.readouterr().err


def test_later_stages_notice_a_changed_file(root, prepare, data, rate_hz, hashed):
    prepare()
    utterances = read_utterances(data, read_facts(data))
    hashed.clear()
    check_audio_unchanged(data, utterances)
    assert not hashed, "size and time of change are those that stage 0 recorded"
    os.utime(root / FIRST, ns=(1, 1))
    check_audio_unchanged(data, utterances)
    assert len(hashed) == 1
    change(root, FIRST, rate_hz)
    with pytest.raises(UserError, match=f"1 audio files in {root} have changed .*: {FIRST}: .*--force") as told:
        check_audio_unchanged(data, utterances)
    assert "\n" not in str(told.value)
    check_audio_unchanged(data, [item for item in utterances if item.wav != FIRST])
    (root / FIRST).unlink()
    check_audio_unchanged(data, utterances)


def test_what_is_no_audio_file_any_more_has_changed(root, prepare, data):
    prepare()
    utterances = read_utterances(data, read_facts(data))
    (root / FIRST).unlink()
    os.mkfifo(root / FIRST)
    with pytest.raises(UserError, match=FIRST):
        check_audio_unchanged(data, utterances)
    with pytest.raises(UserError, match="1 faults"):
        prepare()


def test_read_kept_audio_item_is_named_once(tmp_path):
    def read():
        raise UserError("a.wav: cannot be read")

    with pytest.raises(UserError, match="gave no logmel: a.wav: cannot be read"):
        extract(FeatureCache(tmp_path, LogMel(n_mels=4)), [AudioItem("a", "a.wav", read)], progress=False)


@pytest.mark.parametrize(
    ("name", "value"), [("edition", "as published"), ("root", "elsewhere"), ("manifest_sha256", "0" * 64)]
)
def test_later_stages_refuse_edited_facts(prepare, data, name, value):
    prepare()
    facts = json.loads((data / "manifest.json").read_text())
    (data / "manifest.json").write_text(json.dumps(facts | {name: value}))
    with pytest.raises(DamagedFile, match="manifest.json: damaged or edited.*--stage 0"):
        read_facts(data)


def test_later_stages_refuse_an_edited_manifest_and_edited_folds(prepare, data):
    prepare()
    facts = read_facts(data)
    assert len(read_utterances(data, facts)) == len(NAMES)
    manifest, folds = data / "manifest.jsonl", data / "folds" / "speaker.json"
    manifest.write_text(manifest.read_text().replace('"label": "anger"', '"label": "neutral"', 1))
    with pytest.raises(DamagedFile, match="manifest.jsonl: damaged or edited"):
        read_utterances(data, facts)
    folds.write_text(folds.read_text().replace("03a01Na", "08a01Na", 1))
    with pytest.raises(DamagedFile, match="speaker.json: damaged or edited"):
        read_folds(folds, "again")
