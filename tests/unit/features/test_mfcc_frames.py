"""Segments of utterances as MFCC and deltas: cut after silence is removed, computed segment by segment."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from scipy.signal import savgol_filter

from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extraction import AudioItem, extract
from speechbrain_ext.features.mfcc import MFCC
from speechbrain_ext.features.mfcc_frames import MfccFrames
from speechbrain_ext.features.segments import count_segments
from speechbrain_ext.features.silence_removal import remove_silence
from speechbrain_ext.utils.errors import UserError


def speech(samples, seed=0):
    rng = np.random.default_rng(seed)
    place = np.arange(samples) / 16000
    tone = np.sin(2 * np.pi * (150 + 50 * np.sin(place)) * place) * (np.sin(2 * np.pi * 0.7 * place) > -0.5)
    return (0.3 * tone + 1e-3 * rng.standard_normal(samples)).astype(np.float32)


def mfcc_of(segment):
    whole = np.zeros(96000, dtype=np.float32)
    whole[: len(segment)] = segment
    return MFCC(60, 2048, 768, 384)(torch.from_numpy(whole)).numpy()  # [60, 251]


def test_the_papers_segments():
    signal = speech(220000)
    kept = remove_silence(signal)
    rows = MfccFrames()(signal)
    count = count_segments(len(kept), 96000)
    assert 0 < len(kept) < len(signal) and count == 3 - (len(kept) <= 192000) and rows.shape == (count * 251, 180)
    for place in range(count):
        mfcc = mfcc_of(kept[place * 96000 : (place + 1) * 96000])
        deltas = savgol_filter(mfcc, 9, deriv=1, polyorder=1, axis=1, mode="interp")
        twice = savgol_filter(deltas, 9, deriv=1, polyorder=1, axis=1, mode="interp")
        segment = rows[place * 251 : (place + 1) * 251].T
        for found, expected in zip((segment[:60], segment[60:120], segment[120:]), (mfcc, deltas, twice), strict=True):
            assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_codes_one_segment():
    signal = speech(220000)
    extractor = MfccFrames(dynamic="M+D", delta_axis="coefficient", silence_bug=True, segments="first")
    rows = extractor(signal)
    assert rows.shape == (251, 120) and extractor.dim == 120 and extractor.segment_rows == 251
    mfcc = mfcc_of(remove_silence(signal, quirk=True)[:96000])
    deltas = savgol_filter(mfcc, 9, deriv=1, polyorder=1, axis=0, mode="interp")
    np.testing.assert_allclose(rows, np.concatenate([mfcc, deltas]).T, atol=1e-3)


def test_short_signals_fill_one_segment():
    for samples in (1, 100, 96000):
        rows = MfccFrames(dynamic="M", silence_removal=False)(speech(samples))
        assert rows.shape == (251, 60)
        np.testing.assert_allclose(rows.T, mfcc_of(speech(samples)), atol=1e-3)
    assert MfccFrames(dynamic="M", silence_removal=False)(speech(96001)).shape == (502, 60)


def test_a_segment_does_not_depend_on_the_others():
    signal = speech(192000)
    signal[:96000] *= 1e-3
    rows = MfccFrames(silence_removal=False)(signal)
    for place in range(2):
        alone = MfccFrames(silence_removal=False)(signal[place * 96000 : (place + 1) * 96000])
        np.testing.assert_allclose(rows[place * 251 : (place + 1) * 251], alone, atol=1e-3)


@pytest.mark.parametrize("axis", ["time", "coefficient"])
def test_silence_is_what_silence_gives(axis):
    extractor = MfccFrames(delta_axis=axis)
    rows = extractor(np.zeros(50000, dtype=np.float32))
    assert np.array_equal(rows, np.tile(extractor.silence(), (251, 1)))
    assert rows[0, 0] == pytest.approx(-100 * np.sqrt(128), rel=1e-5)


def test_parts_and_columns():
    rows = MfccFrames()(speech(50000))
    assert np.array_equal(MfccFrames(dynamic="D+DD")(speech(50000)), rows[:, 60:])
    columns = MfccFrames(dynamic="M+DD").columns
    assert len(columns) == 120 and columns[0] == "mfcc[0]" and columns[119] == "delta2[59]"


def test_cached_rows_are_cut_exactly(tmp_path):
    extractor = MfccFrames(dynamic="M")
    cache = FeatureCache(tmp_path, extractor)
    signals = {"short": speech(30000), "long": speech(200000)}
    extract(cache, [AudioItem(name, name, lambda s=s: s) for name, s in signals.items()], progress=False)
    for name, signal in signals.items():
        assert np.array_equal(cache.get(name), extractor(signal)) and len(cache.get(name)) % 251 == 0


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"dynamic": "D+M"}, "dynamic: expected one of M, D"),
        ({"delta_axis": "both"}, "delta_axis: expected time or coefficient, found both"),
        ({"segments": "last"}, "segments: expected first or all, found last"),
        ({"segment_s": 0}, "segment_s: expected more than 0"),
        ({"segment_s": 0.1}, "at least 9 values in a segment, found 5"),
        ({"n_mfcc": 8, "delta_axis": "coefficient"}, "found 8"),
        ({"hop_length": 0}, "hop_length"),
        ({"n_mfcc": 200}, "n_mfcc"),
        ({"mel_scale": "bark"}, "bark"),
    ],
)
def test_impossible_parameters_are_refused(params, told):
    with pytest.raises(UserError, match=told):
        MfccFrames(**params)


def test_identity_changes_with_every_parameter_and_survives_pickling():
    base = MfccFrames()
    assert pickle.loads(pickle.dumps(base)).tag == base.tag == MfccFrames(segment_s=6).tag
    changed = [
        {"dynamic": "M"},
        {"delta_axis": "coefficient"},
        {"silence_removal": False},
        {"silence_bug": True},
        {"segments": "first"},
        {"segment_s": 3.0},
    ]
    assert len({MfccFrames(**each).tag for each in [{}, *changed]}) == 7
