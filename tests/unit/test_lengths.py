"""Numbers of frames: SpeechBrain's relative lengths are refused by every network that counts frames."""

from __future__ import annotations

import pytest
import torch
from tiny_ssl import write_tiny

from speechbrain_ext.lobes.amsnet import FRLM, URLM
from speechbrain_ext.lobes.amsnet_fusion import EarlyFusion
from speechbrain_ext.lobes.checks import check_lengths
from speechbrain_ext.lobes.cross_attention import CrossAttentionClassifier
from speechbrain_ext.lobes.masked_resnet import MaskedResNet
from speechbrain_ext.lobes.peephole_lstm import PeepholeBLSTM
from speechbrain_ext.lobes.ssl_finetune import SSLFinetune

SIZES = {"lld": (30, 76), "logmel": (12, 128), "am": (9, 6), "w2v2": (23, 10), "waveform": (4000, 1)}
NETS = {
    "frlm": (lambda model: FRLM(hidden_size=4), ("lld",)),
    "urlm": (lambda model: URLM(channels=(16, 16, 8), reduction=4), ("logmel",)),
    "early": (lambda model: EarlyFusion(hidden_size=4), ("lld", "logmel")),
    "am_resnet": (lambda model: MaskedResNet(4, channels=8, max_samples=4000), ("waveform",)),
    "resnet": (lambda model: MaskedResNet(4, "resnet", channels=8, max_samples=4000), ("waveform",)),
    "ca": (lambda model: CrossAttentionClassifier(4, dim_a=6, dim_w=10, d=4, ffn=8), ("am", "w2v2")),
    "fc": (lambda model: CrossAttentionClassifier(4, "fc", dim_a=6, dim_w=10), ("am", "w2v2")),
    "ssl_finetune": (lambda model: SSLFinetune(model, 4, 8), ("waveform",)),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_tiny(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.mark.parametrize("name", NETS)
def test_relative_lengths_are_refused_with_what_to_do(name, model):
    make, features = NETS[name]
    net = make(model).eval()
    x = {feature: torch.rand(2, *SIZES[feature]) for feature in features}
    whole = {feature: torch.tensor([SIZES[feature][0], SIZES[feature][0] // 2]) for feature in features}
    net(x, whole)
    for feature in features:
        time = SIZES[feature][0]
        relative = {**whole, feature: torch.tensor([1.0, 0.5])}
        with pytest.raises(ValueError) as caught:
            net(x, relative)
        message = str(caught.value)
        assert "expected numbers of frames as whole numbers, found [1.0, 0.5]" in message and "\n" not in message
        assert message.endswith(f"(lengths * {time}).round().long()")
        # what the message says to type is what the network takes
        net(x, {**whole, feature: (relative[feature] * time).round().long()})


def test_the_recurrent_layer_refuses_them_too():
    with pytest.raises(ValueError, match="SpeechBrain's relative lengths"):
        PeepholeBLSTM(3, 4)(torch.rand(2, 5, 3), torch.tensor([1.0, 0.4]))


@pytest.mark.parametrize(("lengths", "least"), [([5], 0), ([5, 5, 5], 0), ([5, 0], 1), ([6, 5], 0), ([-1, 5], 0)])
def test_lengths_that_do_not_fit_are_refused(lengths, least):
    with pytest.raises(ValueError, match=f"w2v2: expected 2 lengths from {least} to 5, found"):
        check_lengths("w2v2", torch.zeros(2, 5, 1), torch.tensor(lengths), least)
    assert check_lengths("w2v2", torch.zeros(2, 5, 1), torch.tensor([5, 1]), 1).tolist() == [5, 1]
