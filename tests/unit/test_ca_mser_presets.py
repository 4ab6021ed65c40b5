"""CA-MSER's presets where they differ: the weights of co-attention behind a ReLU, or as equation 4 has them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_ssl import small_config, write_tiny

from speechbrain_ext import hparams
from speechbrain_ext.lobes.ca_mser import CAMSER

CONFIG = small_config(layerdrop=0.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("models") / "tiny"))


def segments() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"spectrogram": (4, 300, 200), "mfcc": (4, 300, 40), "audio": (4, 48000, 1)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def weights_of(repository: Path, preset: str, model: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights of the frames, and what the linear layer before them gives."""
    keys = {"ssl_model": model, "alexnet_weights": "random"}
    built = hparams.load_system(repository / "recipes/IEMOCAP", "ca_mser", keys, preset=preset).build()
    torch.manual_seed(0)
    net, linear = built["phases"]["ca_mser"]["network"]().eval(), []
    net.ca_mser.co_attention.linear.register_forward_hook(lambda _m, _i, out: linear.append(out))
    with torch.no_grad():
        found = net(segments(), {})
    return found["attention"], linear[0]


def test_the_official_preset_has_a_relu_on_the_weights_of_the_frames(repository, model):
    weights, before = weights_of(repository, "official", model)
    assert (before < 0).any() and torch.equal(weights, before.clamp(min=0))


def test_the_paper_s_preset_has_none(repository, model):
    weights, before = weights_of(repository, "paper", model)
    assert (before < 0).any() and torch.equal(weights, before)


def test_the_network_of_the_authors_state_has_the_relu():
    torch.manual_seed(0)
    net = CAMSER.from_official(CAMSER(CONFIG, activation=None).to_official(), CONFIG).eval()
    x = segments()
    image = torch.randn(4, 1, 256, 384).repeat(1, 3, 1, 1)
    with torch.no_grad():
        weights = net(image, x["mfcc"], x["audio"][..., 0])["attention"]
    assert (weights == 0).any() and (weights > 0).any() and not (weights < 0).any()
