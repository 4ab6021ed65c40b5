"""Under autocast hand-written code gives way to PyTorch's own, or computes in its weights' type."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from speechbrain_ext.lobes.dynamic_relu import DynamicReLU
from speechbrain_ext.lobes.kernels.wav2vec2_convolutions import Wav2Vec2Convolutions, use_fast_convolutions
from speechbrain_ext.lobes.peephole_lstm import PeepholeBLSTM


def small_model() -> Wav2Vec2Model:
    fields = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    fields |= {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    torch.manual_seed(0)
    return Wav2Vec2Model(Wav2Vec2Config(**fields)).eval()


def test_the_fast_convolutions_give_way_to_the_model_s_own():
    """Also the type of what comes out is that of the model's own layers: a caller cannot see the difference."""
    plain = small_model()
    fast = use_fast_convolutions(copy.deepcopy(plain)).eval()
    assert isinstance(fast.feature_extractor, Wav2Vec2Convolutions)
    waves = torch.randn(2, 4000)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        wanted, found = plain.feature_extractor(waves), fast.feature_extractor(waves)
    assert found.dtype == wanted.dtype and torch.equal(found, wanted)


def results(module: nn.Module, x: torch.Tensor, run) -> list[torch.Tensor]:
    """Output, and the gradients of the input and of every parameter."""
    x = x.clone().requires_grad_()
    output = run(module, x)
    output.square().sum().backward()
    return [output.detach(), x.grad, *(parameter.grad for parameter in module.parameters())]


@pytest.mark.parametrize("name", ["rectifier", "rectifier behind a norm", "peephole LSTM"])
def test_a_kernel_of_our_own_computes_as_it_does_without_autocast(name):
    """To the bit; the backward pass runs within autocast too."""
    torch.manual_seed(0)
    maps, frames = torch.randn(3, 8, 6, 5), torch.randn(3, 9, 5)
    module, x, run = {
        "rectifier": (DynamicReLU(8), maps, lambda m, x: m(x)),
        "rectifier behind a norm": (
            nn.ModuleList([DynamicReLU(8), nn.BatchNorm2d(8)]),
            maps,
            lambda m, x: m[0].after_norm(x, m[1], pool=True),
        ),
        "peephole LSTM": (PeepholeBLSTM(5, 4), frames, lambda m, x: m(x)),
    }[name]
    plain = results(copy.deepcopy(module), x, run)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = results(copy.deepcopy(module), x, run)
    assert all(torch.equal(one, other) for one, other in zip(plain, cast, strict=True))
