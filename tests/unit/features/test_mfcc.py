"""MFCC against a loop in numpy and scipy that follows librosa's definition step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dct

from speechbrain_ext.features.mfcc import MFCC


def to_mel(hz, scale):
    if scale == "htk":
        return 2595 * np.log10(1 + np.asarray(hz) / 700)
    hz = np.asarray(hz, dtype=float)
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4))


def to_hz(mel, scale):
    if scale == "htk":
        return 700 * (10 ** (np.asarray(mel) / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def by_hand(signal, n_mfcc, n_fft, win, hop, n_mels, scale, norm, top_db):
    """[n_mfcc, frame]: frames one by one, bands one by one, in float64."""
    left = (n_fft - win) // 2
    window = np.zeros(n_fft)
    window[left : left + win] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
    edges = to_hz(np.linspace(0, to_mel(8000.0, scale), n_mels + 2), scale)
    bins = np.arange(n_fft // 2 + 1) * 16000 / n_fft
    padded = np.concatenate([np.zeros(n_fft // 2), signal.astype(np.float64), np.zeros(n_fft // 2)])
    level = []
    for start in range(0, len(signal) + 1, hop):
        power = np.abs(np.fft.rfft(padded[start : start + n_fft] * window)) ** 2
        bands = []
        for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
            weights = np.clip(np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)), 0, None)
            bands.append(np.sum(power * weights) * (2 / (high - low) if norm else 1))
        level.append(10 * np.log10(np.maximum(bands, 1e-10)))
    level = np.array(level)  # [frame, band]
    if top_db:
        level = np.maximum(level, level.max() - top_db)
    return dct(level, type=2, norm="ortho", axis=1)[:, :n_mfcc].T


def speech(samples, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16000
    tone = np.sin(2 * np.pi * 220 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    return (0.3 * tone + 0.01 * rng.standard_normal(samples)).astype(np.float32)


SETTINGS = [
    (60, 2048, 768, 384, 128, "slaney", "slaney", 80.0),
    (40, 2048, 2048, 160, 128, "htk", "slaney", 80.0),
    (13, 512, 400, 160, 26, "htk", None, None),
    (20, 800, 640, 160, 40, "slaney", None, 30.0),
]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("samples", [9001, 384, 1])
def test_equals_the_definition(setting, samples):
    signal = speech(samples)
    found = MFCC(*setting)(torch.from_numpy(signal)).numpy()
    expected = by_hand(signal, *setting)
    assert found.shape == expected.shape == (setting[0], 1 + samples // setting[3])
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_float64_is_exact():
    module = MFCC(*SETTINGS[0]).double()
    signal = speech(9000).astype(np.float64)
    expected = by_hand(signal, *SETTINGS[0])
    # torchaudio draws its bands in float32.
    assert np.abs(module(torch.from_numpy(signal)).numpy() - expected).max() <= 2e-6 * np.abs(expected).max()


def test_batch_mates_and_what_lies_behind_the_end_change_nothing():
    module = MFCC(*SETTINGS[0])
    lengths = [9000, 12345, 700, 20000]
    signals = [torch.from_numpy(speech(n, seed)) for seed, n in enumerate(lengths)]
    # A quiet one beside loud ones, whose end is its loudest part; and rubbish behind each end.
    signals[0] = signals[0] * 1e-4
    signals[0][-5:] = 1e-2
    batch = torch.full((4, 20000), 7.0)
    for row, signal in zip(batch, signals, strict=True):
        row[: len(signal)] = signal
    found = module(batch, torch.tensor(lengths))
    for row, signal in zip(found, signals, strict=True):
        alone = module(signal)
        frames = alone.shape[1]
        assert torch.allclose(row[:, :frames], alone, rtol=0, atol=1e-6 * float(alone.abs().max()))
        assert not row[:, frames:].any()


def test_a_frame_behind_the_end_does_not_raise_the_floor():
    # The last samples lie right of the last frame's middle; the frame behind them sees them best.
    module = MFCC(20, 512, 512, 500, 40, top_db=20.0)
    signal = torch.zeros(999)
    signal[:500] = 1e-3 * torch.from_numpy(speech(500))
    signal[990:] = 1.0
    padded = torch.cat([signal, torch.zeros(2000)])[None]
    found = module(padded, torch.tensor([999]))[0]
    assert torch.allclose(found[:, :2], module(signal), atol=1e-4) and not found[:, 2:].any()


def test_one_signal_and_a_batch_of_it_are_the_same():
    module, signal = MFCC(), torch.from_numpy(speech(8000))
    assert torch.equal(module(signal), module(signal[None])[0])
    assert torch.equal(module(signal, torch.tensor(8000)), module(signal))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"n_mfcc": 0}, "n_mfcc: expected 1 to n_mels 128, found 0"),
        ({"n_mfcc": 129}, "n_mfcc"),
        ({"win_length": 4000}, "win_length: expected 1 to n_fft 2048, found 4000"),
        ({"hop_length": 0}, "hop_length"),
        ({"mel_scale": "bark"}, "slaney or htk, found bark"),
        ({"norm": "l2"}, "norm"),
        ({"top_db": 0.0}, "top_db"),
    ],
)
def test_impossible_parameters_are_refused(changed, told):
    with pytest.raises(ValueError, match=told):
        MFCC(**changed)


def test_signals_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\[batch, samples\]"):
        MFCC()(torch.zeros(2, 1, 800))
