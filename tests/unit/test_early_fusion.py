"""Early fusion: descriptors and mel bands of the same instant stand in the same frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext import hparams
from speechbrain_ext.features.lld import LowLevelDescriptors
from speechbrain_ext.features.spectrogram import LogMel
from speechbrain_ext.lobes.amsnet_fusion import EarlyFusion

RATE_HZ = 16000
MFCC_0 = 1  # a column of the descriptors that follows the energy of its frame


def test_each_descriptor_frame_enters_the_mel_frame_with_the_nearest_centre():
    """Centres of descriptors: 12.5, 22.5, … 102.5 ms; of mel frames: 0, 25, 50, 75, 100, 125 ms."""
    net = EarlyFusion(lld_size=1, n_mels=1)
    lld = torch.arange(1.0, 11.0).view(1, 10, 1)
    mask = (torch.arange(10) < 9).unsqueeze(0)
    # 12.5 | 22.5 32.5 | 42.5 52.5 62.5 | 72.5 82.5 | 92.5 and 102.5, the last one padding here; nothing is near 125.
    wanted = [1.0, 2.5, 5.0, 7.5, 9.0, 0.0]
    assert net._slow_down(lld * mask.unsqueeze(2), mask, 6)[0, :, 0].tolist() == wanted


def test_the_recipes_give_the_frame_lengths_of_the_front_ends(repository):
    for recipe in ("EmoDB", "IEMOCAP", "MSP-IMPROV"):
        built = hparams.load_system(repository / "recipes" / recipe, "amsnet").build()
        net = built["phases"]["early"]["network"]()
        lld, logmel = (built["features"][name]() for name in ("lld", "logmel"))
        assert (net.lld_hop_s, net.lld_frame_s, net.logmel_hop_s) == (lld.hop_s, lld.frame_s, logmel.hop_s)


@pytest.mark.parametrize("mel_frame", [8, 13, 20, 27])
def test_a_click_stands_in_one_frame_of_both(mel_frame):
    """A click at the centre of a mel frame, through both front ends: its energy is in that frame of the stack."""
    lld, logmel = LowLevelDescriptors(), LogMel()
    centre = mel_frame * 400
    signal = 1e-5 * np.random.default_rng(0).normal(size=RATE_HZ).astype("f4")
    signal[centre - 20 : centre + 20] += 0.5 * np.random.default_rng(mel_frame).normal(size=40).astype("f4")
    descriptors, bands = lld(signal)[:, [MFCC_0]], logmel(signal)
    energy = np.exp(bands).sum(1)  # [mel frame]
    assert energy.argmax() == mel_frame
    net = EarlyFusion(lld_size=1, n_mels=logmel.dim)
    stacked = net._slow_down(torch.from_numpy(descriptors)[None], None, len(bands))[0, :, 0].numpy()
    known = np.arange(2, 36)  # where descriptors reach
    risen = stacked[known] - np.median(stacked[known])
    assert known[risen.argmax()] == mel_frame
    # The rise lies symmetrically around the click, not before or after it.
    weights = np.clip(risen - 0.2 * risen.max(), 0, None)
    assert (weights * known).sum() / weights.sum() == pytest.approx(mel_frame, abs=0.35)
