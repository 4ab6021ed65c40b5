"""The plain residual network: without a mask it cannot know padding, and averages every frame."""

from __future__ import annotations

import torch

from speechbrain_ext.lobes.masked_resnet import MaskedResNet

LENGTHS = {"waveform": torch.tensor([512, 300, 60])}
FRAMES = (16, 10, 2)


def build(variant: str = "resnet", **keys) -> MaskedResNet:
    torch.manual_seed(3)
    return MaskedResNet(4, variant, channels=6, strides=(4, 4, 2), max_samples=512, **keys).eval()


def batch() -> dict[str, torch.Tensor]:
    x = torch.randn(3, 512, 1, generator=torch.Generator().manual_seed(1))
    for b, n in enumerate(LENGTHS["waveform"].tolist()):
        x[b, n:] = 0.0
    return {"waveform": x}


def test_every_frame_is_averaged_padding_included():
    output = build()(batch(), LENGTHS)
    assert output["frames"].shape[1] == 16 and bool(output["frame_mask"].all())
    torch.testing.assert_close(output["embedding"], output["frames"].mean(1))


def test_pool_valid_averages_the_frames_of_the_utterance_alone():
    everything, valid = (build(pool=pool)(batch(), LENGTHS) for pool in ("all", "valid"))
    for b, n in enumerate(FRAMES):
        torch.testing.assert_close(valid["embedding"][b], everything["frames"][b, :n].mean(0))
        assert valid["frame_mask"][b].tolist() == [True] * n + [False] * (16 - n)
    assert not torch.allclose(everything["logits"][1:], valid["logits"][1:], atol=1e-3)


def test_networks_with_masks_average_the_frames_of_their_mask_whatever_pool_says():
    for variant in ("m_resnet", "am_resnet"):
        logits = [build(variant, pool=pool)(batch(), LENGTHS)["logits"] for pool in ("all", "valid")]
        assert torch.equal(*logits)
