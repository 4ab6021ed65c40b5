"""CA-MSER's inputs of each segment against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import transformers

from speechbrain_ext.features.ca_mser.segments import (
    audio_segments,
    count,
    normalise_audio,
    pre_emphasis,
    segment,
    spectrogram_db,
)


def noise(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples) + 0.01).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 159, 160, 5000])
def test_spectrogram_equals_plain_numpy(samples):
    signal = noise(samples)
    window = np.zeros(800)
    window[80:720] = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(640) / 640)
    padded = np.concatenate([np.zeros(400), signal.astype(np.float64), np.zeros(400)])
    frames = [np.abs(np.fft.rfft(padded[start : start + 800] * window)) for start in range(0, samples + 1, 160)]
    level = 20 * np.log10(np.maximum(frames, 1e-5))
    expected = np.maximum(level - level.max(), -80)[:, :200]
    found = spectrogram_db(signal)
    assert found.shape == (1 + samples // 160, 200) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_spectrogram_is_relative_to_the_whole_utterance():
    time = np.arange(8000) / 16000
    low = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    high = low + (10 * np.sin(2 * np.pi * 6000 * time)).astype(np.float32)
    # The loudest bin lies above the 200 that are kept.
    assert spectrogram_db(low).max() == 0 and spectrogram_db(high).max() == pytest.approx(-20, abs=0.5)
    assert not spectrogram_db(np.zeros(500, dtype=np.float32)).any()


def test_pre_emphasis():
    signal = noise(100)
    found = pre_emphasis(signal, 0.97)
    assert found[0] == signal[0] and found.dtype == np.float32
    np.testing.assert_allclose(found[1:], [b - 0.97 * a for a, b in zip(signal, signal[1:], strict=False)], atol=1e-7)
    assert np.array_equal(pre_emphasis(signal, 0), signal)


@pytest.mark.parametrize(
    ("samples", "segments"), [(1, 1), (47999, 1), (48000, 2), (48001, 2), (95999, 2), (96000, 3), (500000, 11)]
)
def test_segments_are_counted_by_frames(samples, segments):
    assert count(samples) == segments == int(np.ceil(len(range(0, samples + 1, 160)) / 300))
    assert audio_segments(noise(samples)).shape == (segments, 48000)


@pytest.mark.parametrize("side", ["back", "front"])
def test_segment_loses_nothing(side):
    values = np.arange(1, 15).reshape(7, 2).astype(np.float32)
    found, real = segment(values, 3, 3, fill=-80.0, side=side)
    assert found.shape == (3, 3, 2) and np.array_equal(found[real], values)
    assert np.array_equal(found[~real], np.full((2, 2), -80.0))
    assert real[2].tolist() == ([True, False, False] if side == "back" else [False, False, True])
    empty, none = segment(values[:6], 3, 3, side=side)
    assert not empty[2].any() and not none[2].any() and none[:2].all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="7 values"):
        segment(np.zeros(7), 2, 3)
    with pytest.raises(ValueError, match="7 values"):
        segment(np.zeros(7), 4, 3)
    with pytest.raises(ValueError, match="back or front, found left"):
        segment(np.zeros(7), 3, 3, side="left")
    with pytest.raises(ValueError, match="speech or segment, found utterance"):
        normalise_audio(np.zeros((1, 3)), np.ones((1, 3), dtype=bool), "utterance")


def test_the_codes_audio_is_the_librarys_with_padding_in_front():
    signal = noise(60000)
    front = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    found = audio_segments(signal, "front", "segment")
    last = np.concatenate([np.zeros(36000, dtype=np.float32), signal[48000:]])
    for piece, given in zip(found, (signal[:48000], last), strict=True):
        expected = front(given, sampling_rate=16000, return_tensors="np").input_values[0]
        np.testing.assert_allclose(piece, expected, atol=1e-5)
    assert found[1, 0] != 0


def test_the_papers_audio_is_normalised_without_its_padding():
    signal = noise(60000)
    found = audio_segments(signal)
    for piece in (found[0], found[1, :12000]):
        assert abs(piece.mean()) < 1e-3 and piece.std() == pytest.approx(1, abs=1e-3)
    assert not found[1, 12000:].any()
    assert not audio_segments(noise(48000))[1].any() and not audio_segments(noise(48000), "front", "segment")[1].any()
