"""CA-MSER's cached features: whole segments, the same number of each kind, both presets."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
import transformers
from tiny_ssl import SIZE, write_tiny

from speechbrain_ext.features.ca_mser.encoded import CaMserEncoded
from speechbrain_ext.features.ca_mser.features import CaMserAudio, CaMserMfcc, CaMserSpectrogram
from speechbrain_ext.features.ca_mser.segments import audio_segments, pre_emphasis, spectrogram_db
from speechbrain_ext.features.mfcc import MFCC
from speechbrain_ext.utils.errors import UserError

OFFICIAL = {
    CaMserSpectrogram: {"pre_emphasis": 0.97, "pad": "loudest"},
    CaMserMfcc: {"pre_emphasis": 0.97},
    CaMserAudio: {"pre_emphasis": 0.97, "pad_side": "front", "normalise": "segment"},
}
KINDS = list(OFFICIAL)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_tiny(tmp_path_factory.mktemp("models") / "tiny"))


def noise(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples) + 0.01).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 30000, 47999, 48000, 100000])
def test_all_kinds_have_the_same_segments(samples, model):
    made = [kind() for kind in KINDS] + [CaMserEncoded(model)]
    assert [each.segment_rows for each in made] == [300, 300, 48000, 149]
    counts = set()
    for each in made:
        rows = each(noise(samples))
        assert rows.shape[1] == each.dim == len(each.columns) == len(each.silence())
        assert len(rows) % each.segment_rows == 0
        counts.add(len(rows) // each.segment_rows)
    assert len(counts) == 1


def test_spectrogram_of_both_presets():
    signal = noise(60000)
    paper, official = CaMserSpectrogram()(signal), CaMserSpectrogram(**OFFICIAL[CaMserSpectrogram])(signal)
    assert np.array_equal(paper[:376], spectrogram_db(signal)) and (paper[376:] == -80).all()
    assert np.array_equal(official[:376], spectrogram_db(pre_emphasis(signal, 0.97))) and not official[376:].any()
    assert (CaMserSpectrogram().silence() == -80).all()


def test_mfcc_of_both_presets():
    signal = noise(60000)
    paper, official = CaMserMfcc()(signal), CaMserMfcc(pre_emphasis=0.97)(signal)
    module = MFCC(40, 2048, 2048, 160, 128, "htk")
    for rows, given in ((paper, signal), (official, pre_emphasis(signal, 0.97))):
        assert np.allclose(rows[:376], module(torch.from_numpy(given)).T.numpy(), atol=1e-4) and not rows[376:].any()


def test_audio_of_both_presets():
    signal = noise(60000)
    assert np.array_equal(CaMserAudio()(signal)[:, 0], audio_segments(signal).ravel())
    expected = audio_segments(pre_emphasis(signal, 0.97), "front", "segment")
    assert np.array_equal(CaMserAudio(**OFFICIAL[CaMserAudio])(signal)[:, 0], expected.ravel())


def test_encoded_frames_are_the_models_of_each_segment(model):
    signal = noise(60000)
    rows = CaMserEncoded(model, **OFFICIAL[CaMserAudio])(signal)
    library = transformers.AutoModel.from_pretrained(model).eval()
    audio = CaMserAudio(**OFFICIAL[CaMserAudio])(signal).reshape(2, 48000)
    with torch.no_grad():
        expected = library(torch.from_numpy(audio)).last_hidden_state.numpy()  # [segment, frame, dim]
    assert expected.shape == (2, 149, SIZE)
    np.testing.assert_allclose(rows.reshape(expected.shape), expected, atol=2e-5)


def test_segments_of_another_length():
    assert CaMserMfcc(segment_s=1.0).segment_rows == 100 and CaMserAudio(segment_s=1.0).segment_rows == 16000
    assert CaMserSpectrogram(segment_s=1.0)(noise(16000)).shape == (200, 200)


@pytest.mark.parametrize(
    ("kind", "params", "told"),
    [
        (CaMserSpectrogram, {"pad": "zero"}, "ca_mser_spectrogram pad: expected floor or loudest, found zero"),
        (CaMserAudio, {"pad_side": "left"}, "pad_side: expected back or front, found left"),
        (CaMserAudio, {"normalise": "all"}, "normalise: expected speech or segment, found all"),
        (CaMserMfcc, {"pre_emphasis": 1.0}, "pre_emphasis: expected 0 to below 1, found 1"),
        (CaMserMfcc, {"segment_s": 0.001}, "segment_s"),
    ],
)
def test_impossible_parameters_are_refused(kind, params, told):
    with pytest.raises(UserError, match=told):
        kind(**params)


def test_a_segment_without_a_frame_is_refused(model):
    with pytest.raises(UserError, match="found 320 samples"):
        CaMserEncoded(model, segment_s=0.02)


def test_identity_changes_with_the_preset_and_survives_pickling(model):
    for kind, official in OFFICIAL.items():
        assert pickle.loads(pickle.dumps(kind(**official))).tag == kind(**official).tag != kind().tag
    encoded = CaMserEncoded(model)
    assert pickle.loads(pickle.dumps(encoded)).tag == encoded.tag != CaMserEncoded(model, normalise="segment").tag
    assert encoded.identity()["params"]["ssl_model"].startswith("sha256:")
