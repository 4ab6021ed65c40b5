"""Log-mel spectrograms against plain numpy."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from speechbrain_ext.features.spectrogram import LogMel
from speechbrain_ext.utils.errors import UserError


def slaney_hz(mel: np.ndarray) -> np.ndarray:
    """Linear to 1000 Hz (15 mel), 27 mel per factor 6.4 above."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def reference(signal: np.ndarray, n_mels: int, n_fft: int, hop: int, floor: float) -> np.ndarray:
    """Frame, window, transform and sum triangles, one by one in float64."""
    top_mel = 15 + 27 * np.log(8.0) / np.log(6.4)
    edges_hz = slaney_hz(np.linspace(0, top_mel, n_mels + 2))
    bins_hz = np.arange(n_fft // 2 + 1) * 16000 / n_fft
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    padded = np.concatenate([np.zeros(n_fft // 2), signal.astype(np.float64), np.zeros(n_fft // 2)])
    frames = []
    for start in range(0, len(signal) + 1, hop):
        power = np.abs(np.fft.rfft(padded[start : start + n_fft] * window)) ** 2
        bands = []
        for low, middle, high in zip(edges_hz, edges_hz[1:], edges_hz[2:], strict=False):
            rise, fall = (bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)
            bands.append(np.sum(power * np.clip(np.minimum(rise, fall), 0, None)))
        frames.append(bands)
    return np.log(np.maximum(np.array(frames), floor))


@pytest.mark.parametrize(("n_mels", "num_samples"), [(128, 12345), (257, 4000), (40, 300)])
def test_equals_plain_numpy(n_mels, num_samples):
    rng = np.random.default_rng(n_mels)
    signal = rng.normal(0, 0.1, num_samples).astype(np.float32)
    frames = LogMel(n_mels=n_mels)(signal)
    expected = reference(signal, n_mels, 800, 400, 1e-10)
    assert frames.shape == expected.shape == (1 + num_samples // 400, n_mels) and frames.dtype == np.float32
    np.testing.assert_allclose(frames, expected, atol=2e-3)


def test_silence_is_what_silence_gives():
    feature = LogMel()
    frames = feature(np.zeros(4000, dtype=np.float32))
    assert np.array_equal(frames, np.tile(feature.silence(), (11, 1)))
    assert feature.dim == 128 and feature.hop_s == 0.025 and len(feature.columns) == 128


def test_threads_are_left_as_they_were():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        LogMel()(np.ones(4000, dtype=np.float32))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("signal", "told"),
    [
        (np.array([], dtype=np.float32), "samples of one channel"),
        (np.zeros((2, 100), dtype=np.float32), "samples of one channel"),
        (np.array([0, np.nan, 0], dtype=np.float32), "1 of 3 that are NaN"),
        (np.array([0, np.inf, 0], dtype=np.float32), "1 of 3 that are NaN"),
    ],
)
def test_unusable_signals_are_refused(signal, told):
    with pytest.raises(UserError, match=told):
        LogMel()(signal)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"n_mels": 0}, "n_mels"),
        ({"n_fft": 400}, "n_fft: expected at least 800, found 400"),
        ({"f_max_hz": 9000}, "8000"),
        ({"mel_scale": "bark"}, "slaney or htk"),
    ],
)
def test_impossible_parameters_are_refused(params, told):
    with pytest.raises(UserError, match=told):
        LogMel(**params)


def test_bands_without_a_bin_are_refused():
    with pytest.raises(UserError, match="7 bands without"):
        LogMel(n_mels=257, mel_scale="htk")(np.ones(4000, dtype=np.float32))


def test_identity_changes_with_every_parameter_and_survives_pickling():
    base = LogMel()
    assert pickle.loads(pickle.dumps(base)).tag == base.tag == LogMel(f_min_hz=0).tag
    others = [LogMel(n_mels=64), LogMel(hop_samples=200), LogMel(floor=1e-9), LogMel(mel_scale="htk")]
    assert len({feature.tag for feature in [base, *others]}) == 5
