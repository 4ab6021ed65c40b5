"""Features of SD-CAFF and CA-MSER against those of the authors' code, where PARITY_ROOT names a folder of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from speechbrain_ext.features.ca_mser.features import CaMserAudio, CaMserMfcc, CaMserSpectrogram
from speechbrain_ext.features.ca_mser.segments import pre_emphasis, spectrogram_db
from speechbrain_ext.features.deltas import delta
from speechbrain_ext.features.mfcc_frames import MfccFrames
from speechbrain_ext.features.silence_removal import remove_silence

ROOT = Path(os.environ["PARITY_ROOT"]) if os.environ.get("PARITY_ROOT") else None
pytestmark = pytest.mark.skipif(ROOT is None, reason="PARITY_ROOT names no folder of the authors' outputs")
SIGNALS = ("one_region", "no_gap", "two_regions", "long8s")
UTTERANCES = ("long4.3s", "short1.7s")
TOLERANCE = 1e-5


def vectors(name):
    with np.load(ROOT / f"{name}.npz") as file:
        return dict(file)


def near(found, expected, tolerance=TOLERANCE):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


@pytest.fixture(scope="module")
def sd_caff():
    return vectors("sd_caff_features")


@pytest.fixture(scope="module")
def ca_mser():
    return vectors("ca_mser_features")


@pytest.mark.parametrize("name", SIGNALS)
def test_silence_removal(sd_caff, name):
    kept = remove_silence(sd_caff[f"{name}/wav"], quirk=True)
    assert len(kept) == sd_caff[f"{name}/n_after"]
    assert np.array_equal(kept[:100], sd_caff[f"{name}/y_first100"])
    assert kept.sum(dtype=np.float64) == pytest.approx(float(sd_caff[f"{name}/y_sum"]), rel=1e-5)


def test_silence_removal_without_the_faults(sd_caff):
    assert len(remove_silence(sd_caff["one_region/wav"])) * 2 == sd_caff["one_region/n_after"]
    # All of these reach the end, where the code loses a sample.
    for name in SIGNALS[1:]:
        clean = remove_silence(sd_caff[f"{name}/wav"])
        assert np.array_equal(clean[:-1], remove_silence(sd_caff[f"{name}/wav"], quirk=True))


@pytest.mark.parametrize("name", SIGNALS)
def test_mfcc_and_deltas(sd_caff, name):
    extractor = MfccFrames(delta_axis="coefficient", silence_bug=True, segments="first")
    rows = extractor(sd_caff[f"{name}/wav"]).T
    for found, kind in zip(np.split(rows, 3), ("mfcc", "delta", "delta2"), strict=True):
        near(found, sd_caff[f"{name}/{kind}"])


@pytest.mark.parametrize("name", SIGNALS)
def test_deltas_alone(sd_caff, name):
    first = delta(torch.from_numpy(sd_caff[f"{name}/mfcc"]), "coefficient")
    near(first.numpy(), sd_caff[f"{name}/delta"], 1e-6)
    near(delta(first, "coefficient").numpy(), sd_caff[f"{name}/delta2"], 1e-6)


@pytest.mark.parametrize("name", UTTERANCES)
def test_whole_utterances(ca_mser, name):
    signal = pre_emphasis(ca_mser[f"{name}/wav"], 0.97)
    assert np.array_equal(signal, ca_mser[f"{name}/preemph"])
    # At -80 dB the magnitudes are float32 noise of the largest one.
    near(spectrogram_db(signal).T, ca_mser[f"{name}/spec"], 5e-5)
    near(CaMserMfcc(pre_emphasis=0.97)(ca_mser[f"{name}/wav"])[: len(ca_mser[f"{name}/mfcc"])], ca_mser[f"{name}/mfcc"])


@pytest.mark.parametrize("name", UTTERANCES)
def test_last_segments(ca_mser, name):
    signal = ca_mser[f"{name}/wav"]
    made = {
        "seg_spec_last": CaMserSpectrogram(pre_emphasis=0.97, pad="loudest"),
        "seg_mfcc_last": CaMserMfcc(pre_emphasis=0.97),
        "seg_audio_last": CaMserAudio(pre_emphasis=0.97, pad_side="front", normalise="segment"),
    }
    for key, extractor in made.items():
        segments = extractor(signal).reshape(-1, extractor.segment_rows, extractor.dim)
        assert len(segments) == ca_mser[f"{name}/nseg"]
        found, expected = segments[-1], ca_mser[f"{name}/{key}"]
        if key == "seg_spec_last":
            near(found.T[None], expected, 5e-5)
        else:
            near(found.reshape(expected.shape), expected)
            if key == "seg_audio_last":
                assert np.array_equal(found.ravel(), expected)
