"""The INTERSPEECH 2010 descriptors: columns, deltas, guards."""

from __future__ import annotations

import importlib.metadata
import pickle
import sys

import numpy as np
import pytest

from speechbrain_ext.features import lld
from speechbrain_ext.features.lld import LowLevelDescriptors, regression_deltas
from speechbrain_ext.utils.errors import UserError


def voiced(num_samples: int = 16000, seed: int = 0) -> np.ndarray:
    """Pulses of 120 Hz with some noise."""
    signal = np.random.default_rng(seed).normal(0, 0.01, num_samples)
    signal[::133] += 0.6
    return signal.astype(np.float32)


def test_deltas_equal_a_plain_loop():
    values = np.random.default_rng(3).normal(size=(9, 2))
    expected = np.zeros_like(values)
    for frame in range(9):
        for step in (1, 2):
            ahead, behind = values[min(frame + step, 8)], values[max(frame - step, 0)]
            expected[frame] += step * (ahead - behind) / 10
    np.testing.assert_allclose(regression_deltas(values), expected, atol=1e-6)


def test_columns_and_deltas_are_those_of_opensmile():
    opensmile = pytest.importorskip("opensmile", reason="openSMILE is an extra")
    signal = voiced()
    feature = LowLevelDescriptors()
    frames = feature(signal)
    tables = [
        opensmile.Smile(opensmile.FeatureSet.IS10, level).process_signal(signal, 16000)
        for level in (
            opensmile.FeatureLevel.LowLevelDescriptors,
            opensmile.FeatureLevel.LowLevelDescriptors_Deltas,
        )
    ]
    assert frames.shape == (len(tables[0]), 76) and frames.dtype == np.float32
    assert len(feature.columns) == len(set(feature.columns)) == 76
    for position, name in enumerate(feature.columns):
        kept = tables[1 if "_de" in name else 0][name].to_numpy()[: len(frames)]
        scale = max(1.0, float(np.abs(kept).max()))
        np.testing.assert_allclose(frames[:, position], kept, atol=2e-6 * scale, err_msg=name)


def test_groups_stand_in_the_stated_order():
    columns = LowLevelDescriptors().columns
    assert columns[0] == "pcm_loudness_sma" and columns[1] == "mfcc_sma[0]" and columns[15] == "mfcc_sma[14]"
    assert columns[16] == "logMelFreqBand_sma[0]" and columns[24] == "lspFreq_sma[0]"
    assert columns[32:34] == ["F0finEnv_sma", "voicingFinalUnclipped_sma"]
    assert columns[34:68] == [name.replace("_sma", "_sma_de") for name in columns[:34]]
    assert columns[68:72] == ["F0final_sma", "jitterLocal_sma", "jitterDDP_sma", "shimmerLocal_sma"]
    assert columns[72:] == [name.replace("_sma", "_sma_de") for name in columns[68:72]]


def test_silence_is_steady():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    feature = LowLevelDescriptors()
    silence = feature.silence()
    frames = feature(np.zeros(8000, dtype=np.float32))
    assert silence.shape == (76,) and np.array_equal(frames, np.tile(silence, (len(frames), 1)))
    assert silence[0] == 0 and silence[16] < -20


def test_full_scale_does_not_wrap_around():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    loud = voiced()
    loud[::133] = 1.0
    almost = np.minimum(loud, np.float32(32767 / 32768))
    assert np.array_equal(LowLevelDescriptors()(loud), LowLevelDescriptors()(almost))


@pytest.mark.parametrize("num_samples", [1, 100, 800, 1119])
def test_too_short_is_refused(num_samples):
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    with pytest.raises(UserError, match=r"at least 0\.07 s"):
        LowLevelDescriptors()(voiced(num_samples))


def test_the_least_length_is_enough():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    assert LowLevelDescriptors()(voiced(1120)).shape == (2, 76)


def test_pickling_keeps_the_identity():
    feature = LowLevelDescriptors()
    assert pickle.loads(pickle.dumps(feature)).tag == feature.tag


def test_missing_opensmile_is_one_line_with_the_cure(monkeypatch):
    lld._engine.cache_clear()
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(UserError, match=r"non-commercial.*pip install -e '\.\[opensmile\]'") as told:
        LowLevelDescriptors()(voiced())
    assert "\n" not in str(told.value)

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(UserError, match="pip install"):
        _ = LowLevelDescriptors().tag
