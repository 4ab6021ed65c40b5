"""Frames of frozen models segment by segment, against transformers called by hand."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
import transformers
from tiny_ssl import KINDS, LAYERS, SIZE, write_tiny

from speechbrain_ext.features.madd import madd
from speechbrain_ext.features.madd_waveform import MaddWaveform
from speechbrain_ext.features.ssl_frames import SSLFrames
from speechbrain_ext.utils.errors import UserError


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {kind: write_tiny(root / kind, kind) for kind in KINDS}


def signal(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples) + 0.02).astype(np.float32)


def by_hand(folder, segment, rows):
    """[row, layer * feature]: the library's own front end, then means of frames by explicit loops."""
    front = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    values = front(segment, sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        output = model(values, output_hidden_states=True)
    states = [*output.hidden_states[:-1], output.last_hidden_state]
    frames = torch.cat(states, 2)[0].numpy()  # [frame, layer * feature]
    found = []
    for row in range(rows):
        first, last = row * len(frames) // rows, -(-(row + 1) * len(frames) // rows)
        found.append(frames[first:last].mean(0))
    return np.array(found)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_each_segment_alone(models, kind):
    extractor = SSLFrames(str(models[kind]), layers="all", segment_s=0.5, strides=(4, 4, 4, 4, 4))
    assert extractor.segment_rows == 8 and extractor.dim == (LAYERS + 1) * SIZE
    samples = signal(8000 + 3000)
    rows = extractor(samples)
    assert rows.shape == (16, extractor.dim)
    assert np.allclose(rows[:8], by_hand(models[kind], samples[:8000], 8), atol=2e-5)
    assert np.allclose(rows[8:11], by_hand(models[kind], samples[8000:], 3), atol=2e-5)
    assert not rows[11:].any()
    last = SSLFrames(str(models[kind]), segment_s=0.5)(samples)
    assert np.array_equal(last, rows[:, -SIZE:])


def test_a_last_segment_shorter_than_the_models_first_window(models):
    extractor = SSLFrames(str(models["wav2vec2-group"]), segment_s=0.5)
    rows = extractor(signal(8000 + 40))
    assert rows.shape == (16, SIZE) and rows[8].any() and not rows[9:].any() and np.isfinite(rows).all()


def test_frozen_and_the_same_again(models):
    extractor = SSLFrames(str(models["wav2vec2-layer"]), segment_s=0.5)
    samples = signal(6000)
    again = pickle.loads(pickle.dumps(extractor))
    assert again.identity() == extractor.identity() and np.array_equal(again(samples), extractor(samples))
    moved = SSLFrames(str(models["wav2vec2-layer"]), segment_s=0.5, strides=(4, 4, 4, 4, 2))
    assert moved.identity() != extractor.identity()
    with pytest.raises(UserError, match="expected one of last, all"):
        SSLFrames(str(models["wav2vec2-group"]), layers="first")


def test_madd_waveform_is_madd_of_the_whole_utterance():
    samples = signal(5000)
    samples[1000:2000] *= 1e-3
    rows = MaddWaveform(window_samples=200, factor=3.0)(samples)
    processed, mask = madd(samples, 200, 3.0)
    assert np.array_equal(rows[:, 0], processed) and np.array_equal(rows[:, 0] != 0, mask != 0)
    assert 0 < mask.mean() < 1
    assert np.array_equal(MaddWaveform(factor=0.0)(samples)[:, 0], samples)
