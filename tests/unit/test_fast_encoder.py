"""The convolutions of wav2vec 2.0 as matrix products against transformers' own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from speechbrain_ext.lobes.kernels.wav2vec2_convolutions import (
    Wav2Vec2Convolutions,
    normed_filters,
    use_fast_convolutions,
)

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def pair(**changes):
    """A model and its fast copy, with channels that differ from layer to layer."""
    torch.manual_seed(0)
    fields = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    fields |= {"conv_dim": [8, 6, 10, 4, 12, 8, 6], "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    dropouts = dict.fromkeys(("hidden_dropout", "attention_dropout", "activation_dropout", "layerdrop"), 0.0)
    plain = Wav2Vec2Model(Wav2Vec2Config(**fields | dropouts | changes)).train()
    return plain, use_fast_convolutions(copy.deepcopy(plain)).train()


def close(found, wanted, tolerance):
    assert (found - wanted).abs().max() <= tolerance * max(float(wanted.detach().abs().max()), 1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("samples", [400, 719, 720, 7001, 16000])
def test_same_features_and_gradients(dtype, samples):
    plain, fast = (model.to(dtype).feature_extractor for model in pair())
    assert isinstance(fast, Wav2Vec2Convolutions)
    waves = 0.3 * torch.randn(3, samples, dtype=dtype) + 0.2  # a mean that the norm takes away
    wanted, found = plain(waves.clone()), fast(waves)
    close(found, wanted, TOLERANCE[dtype])
    direction = torch.randn_like(wanted)
    wanted.backward(direction)
    found.backward(direction)
    for one, other in zip(plain.parameters(), fast.parameters(), strict=True):
        # With one frame what the norm gives is 0, and what is left is rounding.
        assert (one.grad - other.grad).abs().max() <= TOLERANCE[dtype] * max(float(one.grad.abs().max()), 1e-3)


def test_whole_model_with_masking_and_gradients():
    plain, fast = pair(apply_spec_augment=True)
    assert plain.state_dict().keys() == fast.state_dict().keys()
    mask = torch.zeros(2, 24, dtype=torch.bool)
    mask[:, 3:8] = True
    waves = torch.randn(2, 8000)
    outputs = [model(waves.clone(), mask_time_indices=mask).last_hidden_state for model in (plain, fast)]
    close(outputs[1], outputs[0], 1e-5)
    direction = torch.randn_like(outputs[0])
    for output in outputs:
        output.backward(direction)
    for (name, one), other in zip(plain.named_parameters(), fast.parameters(), strict=True):
        assert (one.grad - other.grad).abs().max() <= 2e-5 * max(float(one.grad.abs().max()), 1.0), name


def test_frozen_convolutions_keep_no_graph():
    _, fast = pair()
    fast.feature_extractor._freeze_parameters()
    assert not fast.feature_extractor(torch.randn(1, 4000)).requires_grad


def test_where_a_gradient_of_the_waveform_is_asked_for_it_is_there():
    gradients = []
    for model in pair():
        model.eval()  # in training transformers' own code asks for a leaf
        waves = torch.linspace(-1, 1, 2000).square()[None].requires_grad_()
        (model.feature_extractor(waves + 0).square()).sum().backward()
        gradients.append(waves.grad)
    close(gradients[1], gradients[0], 1e-5)


@pytest.mark.parametrize(
    "changes", [{"feat_extract_norm": "layer"}, {"conv_bias": True}, {"feat_extract_activation": "relu"}]
)
def test_other_forms_keep_their_own_convolutions(changes):
    _, fast = pair(**changes)
    assert not isinstance(fast.feature_extractor, Wav2Vec2Convolutions)


def test_filters_with_the_norm_give_mean_0_and_variance_1():
    norm = nn.GroupNorm(5, 5, eps=0.0).double()
    windows = torch.randn(2, 90, 3, dtype=torch.float64) + 4
    filters = normed_filters(windows, torch.randn(5, 3, dtype=torch.float64), norm)
    y = windows @ filters[:, :, :-1].transpose(1, 2) + filters[:, None, :, -1]
    close(y.mean(1), torch.zeros(2, 5), 1e-6)
    close(y.var(1, correction=0), torch.ones(2, 5, dtype=torch.float64), 1e-10)


@pytest.mark.parametrize("retain", [True, False])
def test_a_second_backward_pass_says_what_is_wrong(retain):
    _, fast = pair()
    total = fast.feature_extractor(torch.randn(2, 2000)).sum()
    total.backward(retain_graph=retain)
    with pytest.raises(RuntimeError, match="a second backward pass .*: run the forward pass again") as fault:
        total.backward()
    assert str(fault.value).startswith("the convolutions of wav2vec 2.0: ") and "\n" not in str(fault.value)


def another_function(extractor):
    extractor.conv_layers[3].activation = nn.ReLU()


def another_name(extractor):
    extractor.conv_layers[2].convolution = extractor.conv_layers[2].conv
    del extractor.conv_layers[2].conv


def another_signature(extractor):
    extractor.forward = lambda input_values, attention_mask: input_values


@pytest.mark.parametrize("change", [another_function, another_name, another_signature])
def test_unknown_convolutions_run_as_they_are_with_one_warning(change):
    plain, _ = pair()
    change(plain.feature_extractor)
    with pytest.warns(RuntimeWarning, match=r"transformers .*: its own run, which take more memory") as warned:
        assert use_fast_convolutions(plain).feature_extractor is plain.feature_extractor
    assert not isinstance(plain.feature_extractor, Wav2Vec2Convolutions) and len(warned) == 1


def test_known_convolutions_give_no_warning(recwarn):
    pair()
    assert not recwarn.list
