"""Silence trimming and level normalisation in front of every feature: the arithmetic, and where it is declared."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from recipe_list import RECIPES, SYSTEMS

from speechbrain_ext import hparams
from speechbrain_ext.features import extraction
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extraction import AudioItem
from speechbrain_ext.features.lld import LowLevelDescriptors
from speechbrain_ext.features.resampled import ResampledAudio
from speechbrain_ext.features.signal import SignalChanges, set_level, trim_silence
from speechbrain_ext.utils.errors import UsageError

EMODB = RECIPES / "EmoDB"


def brute_force_trim(signal, below_db, rate):
    """Frame by frame, in double precision, without a vectorised step."""
    size, hop, margin = int(0.025 * rate), int(0.010 * rate), int(0.050 * rate)
    energies = []
    start = 0
    while start + size <= len(signal):
        energies.append(sum(float(value) ** 2 for value in signal[start : start + size]))
        start += hop
    if not energies or max(energies) == 0:
        return signal
    loud = [place for place, energy in enumerate(energies) if 10 * np.log10(energy / max(energies) + 1e-30) > -below_db]
    end = len(signal) if loud[-1] == len(energies) - 1 else min(len(signal), loud[-1] * hop + size + margin)
    return signal[max(0, loud[0] * hop - margin) : end]


def speech_between_silences(seed, before, inside, after):
    """Noise of two levels, with a pause in the louder part."""
    random = np.random.RandomState(seed)
    loud = random.uniform(-0.3, 0.3, inside)
    loud[inside // 3 : inside // 2] *= 1e-4
    quiet = [random.uniform(-1e-4, 1e-4, count) for count in (before, after)]
    return np.concatenate([quiet[0], loud, quiet[1]]).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rate", [8000, 16000])
def test_trimming_is_the_brute_force_loop(seed, rate):
    random = np.random.RandomState(100 + seed)
    before, inside, after = random.randint(0, rate // 2, 3)
    signal = speech_between_silences(seed, before, inside + rate // 4, after)
    for below_db in (20, 40, 60):
        expected = brute_force_trim(signal, below_db, rate)
        assert np.array_equal(trim_silence(signal, below_db, rate), expected)


def test_silence_at_the_ends_goes_and_pauses_stay():
    signal = speech_between_silences(0, 16000, 16000, 16000)
    trimmed = trim_silence(signal, 40, 16000)
    assert 16000 <= len(trimmed) <= 16000 + 2 * (800 + 400)
    start = 16000 - np.flatnonzero((signal[:, None] == trimmed[:1]).any(axis=1))[0]
    assert 800 <= start <= 1200
    assert np.array_equal(trim_silence(signal, 120, 16000), signal), "nothing lies 120 dB below"
    assert np.array_equal(trim_silence(trimmed, 40, 16000), trimmed), "a second time changes nothing"


@pytest.mark.parametrize("signal", [np.zeros(16000), np.zeros(10), np.full(399, 0.1), np.full(400, 0.1)])
def test_nothing_is_cut_from_what_has_no_silence_or_no_sound(signal):
    signal = signal.astype(np.float32)
    assert np.array_equal(trim_silence(signal, 40, 16000), signal)


@pytest.mark.parametrize("level_db", [-40.0, -25.0, -12.0])
def test_level_is_the_root_mean_square(level_db):
    signal = np.random.RandomState(0).uniform(-0.01, 0.01, 8000).astype(np.float32)
    changed = set_level(signal, level_db)
    assert changed.dtype == np.float32
    assert 10 * np.log10(np.mean(changed.astype(float) ** 2)) == pytest.approx(level_db, abs=1e-4)
    assert np.allclose(changed / signal, changed[0] / signal[0])


def test_level_never_clips_and_leaves_digital_silence():
    click = np.zeros(16000, np.float32)
    click[100] = -0.5
    assert np.max(np.abs(set_level(click, -6.0))) == pytest.approx(1.0)
    assert np.array_equal(set_level(np.zeros(100, np.float32), -20.0), np.zeros(100, np.float32))


def test_the_level_is_that_of_the_trimmed_signal():
    signal = speech_between_silences(1, 16000, 16000, 32000)
    changed = SignalChanges(40, -20)(signal, 16000)
    assert len(changed) == len(trim_silence(signal, 40, 16000))
    assert 10 * np.log10(np.mean(changed.astype(float) ** 2)) == pytest.approx(-20, abs=1e-4)


def test_changed_signals_have_a_cache_of_their_own_and_survive_pickling(tmp_path):
    plain, changed = LowLevelDescriptors(), LowLevelDescriptors().after(SignalChanges(trim_silence_db=40))
    other = LowLevelDescriptors().after(SignalChanges(trim_silence_db=41))
    assert len({plain.tag, changed.tag, other.tag}) == 3
    assert plain.tag == LowLevelDescriptors().after(SignalChanges()).tag
    copy = pickle.loads(pickle.dumps(changed))
    assert copy.tag == changed.tag and copy.changes == changed.changes
    assert LowLevelDescriptors().tag == plain.tag, "other extractors of the class are as before"


def test_stage_1_computes_the_feature_of_the_changed_signal(tmp_path):
    signal = speech_between_silences(2, 8000, 8000, 8000)
    items = [AudioItem("ab" * 32, "x.wav", lambda: signal), AudioItem("ab" * 32, "x.wav", lambda: signal, "speed0.5")]
    cache = FeatureCache(tmp_path, ResampledAudio().after(SignalChanges(40, -20)))
    assert extraction.extract(cache, items, progress=False)["computed"] == 2
    expected = SignalChanges(40, -20)(signal, 16000)
    assert np.array_equal(cache.get("ab" * 32)[:, 0], expected)
    # Trimmed before it is slowed down: half the speed has twice the samples.
    assert abs(len(cache.get(f"{'ab' * 32}+speed0.5")) - 2 * len(expected)) <= 2


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_takes_both_keys_and_unset_they_change_no_hash(system):
    usual = hparams.load_system(EMODB, system)
    assert usual.tree["trim_silence_db"] is usual.tree["level_db"] is None
    changed = hparams.load_system(EMODB, system, {"trim_silence_db": 40, "level_db": -25.0})
    assert changed.sha256() != usual.sha256()
    for phase in usual.phases:
        assert not {"trim_silence_db", "level_db", "shuffle_labels"} & usual.phase_keys(phase).keys()
        assert changed.phase_keys(phase)["trim_silence_db"] == 40
    made = changed.build()["features"]
    for name in changed.features():
        if name in ("lld", "logmel", "compare", "madd", "mfcc"):
            assert made[name]().changes == SignalChanges(40, -25.0)


@pytest.mark.parametrize("keys", [{"trim_silence_db": 0}, {"trim_silence_db": "x"}, {"level_db": 3}, {"level_db": -90}])
def test_values_out_of_range_are_refused(keys):
    with pytest.raises(UsageError, match=f"--{next(iter(keys))}: expected"):
        hparams.load_system(EMODB, "svm", keys)
