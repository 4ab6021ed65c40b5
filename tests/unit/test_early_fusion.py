"""Early fusion: descriptors and mel bands of the same instant stand in the same frame."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
import torch

from speechbrain_ext import hparams
from speechbrain_ext.features.lld import LowLevelDescriptors
from speechbrain_ext.features.spectrogram import LogMel
from speechbrain_ext.lobes.amsnet_fusion import EarlyFusion, FusionHead

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


def test_centres_are_found_exactly_in_long_recordings():
    """Halfway between two mel frames a descriptor frame belongs to the earlier one, whatever a float makes of it."""
    net, n_lld, n_mel = EarlyFusion(lld_size=1, n_mels=1), 6000, 2401  # a minute
    centres = [(Fraction(place) * 10 + Fraction(25, 2)) / 25 for place in range(n_lld)]  # in mel frames
    owners = [ceil(centre - Fraction(1, 2)) for centre in centres]
    counts = np.bincount(owners, minlength=n_mel)
    wanted = np.bincount(owners, weights=np.arange(n_lld), minlength=n_mel) / np.maximum(counts, 1)
    found = net._slow_down(torch.arange(n_lld, dtype=torch.float64).view(1, -1, 1), None, n_mel)
    np.testing.assert_allclose(found[0, :, 0].numpy(), wanted, rtol=1e-12)


def test_descriptors_as_slow_as_mel_frames_are_allowed():
    net = EarlyFusion(lld_size=1, n_mels=1, lld_hop_s=0.025, lld_frame_s=0.0)
    lld = torch.arange(1.0, 5.0).view(1, 4, 1)
    assert net._slow_down(lld, None, 4)[0, :, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    with pytest.raises(ValueError, match="lld_hop_s: expected above 0 and at most logmel_hop_s 0.025, found 0.026"):
        EarlyFusion(lld_hop_s=0.026)


def test_embeddings_of_another_size_are_refused():
    net = FusionHead(embedding_size=8)
    right = {name: torch.rand(2, 8) for name in net.branches}
    assert net(right)["logits"].shape[0] == 2
    with pytest.raises(ValueError, match=r"expected embeddings \[batch, 8\], found \[2, 9\]"):
        net({name: torch.rand(2, 9) for name in net.branches})
    with pytest.raises(ValueError, match=r"expected embeddings \[batch, 8\], found \[2, 5, 8\]"):
        net({name: torch.rand(2, 5, 8) for name in net.branches})
