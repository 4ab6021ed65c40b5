"""AMSNet's networks: padding, batch mates, gradients, and the equations by hand in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext.lobes.amsnet import FRLM, URLM
from speechbrain_ext.lobes.amsnet_fusion import EarlyFusion, FusionHead
from speechbrain_ext.lobes.attention_pooling import AttentionPooling
from speechbrain_ext.lobes.squeeze_excitation import SqueezeExcitation
from speechbrain_ext.lobes.time_convolution import TimeConvolution

LENGTHS = {"lld": torch.tensor([30, 12, 5]), "logmel": torch.tensor([12, 5, 2])}
NETS = {
    "frlm": lambda **k: FRLM(hidden_size=8, dropout=0.0, **k),
    "urlm": lambda **k: URLM(channels=(32, 16, 8), reduction=4, **k),
    "early": lambda **k: EarlyFusion(hidden_size=8, dropout=0.0, **k),
}


def batch(extra_frames: int = 0, fill: float = 0.0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    features = {}
    for name, size in (("lld", 76), ("logmel", 128)):
        longest = int(LENGTHS[name].max())
        x = torch.full((3, longest + extra_frames, size), fill)
        for b, n in enumerate(LENGTHS[name].tolist()):
            x[b, :n] = torch.randn(n, size, generator=generator)
        features[name] = x
    return features


def build(name: str, **keys):
    torch.manual_seed(2)
    return NETS[name](**keys)


def loss_and_gradients(net, features, lengths):
    net.zero_grad()
    logits = net(features, lengths)["logits"]
    torch.nn.functional.cross_entropy(logits, torch.tensor([1, 0, 6])).backward()
    return [logits.detach(), *(p.grad.clone() for p in net.parameters()), *net.buffers()]


@pytest.mark.parametrize("name", NETS)
def test_an_utterance_alone_gives_what_it_gives_in_a_batch(name):
    net = build(name)
    net(batch(), LENGTHS)  # moves the running statistics away from their start
    net.eval()
    features, together = batch(), net(batch(), LENGTHS)
    for b in range(3):
        own = {key: x[b : b + 1, : LENGTHS[key][b]] for key, x in features.items()}
        alone = net(own, {key: n[b : b + 1] for key, n in LENGTHS.items()})
        for key in ("logits", "embedding"):
            torch.testing.assert_close(alone[key][0], together[key][b], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NETS)
def test_more_padding_changes_nothing_in_training(name):
    short = loss_and_gradients(build(name), batch(), LENGTHS)
    long = loss_and_gradients(build(name), batch(extra_frames=9, fill=7.0), LENGTHS)
    for a, b in zip(short, long, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", NETS)
def test_silence_counts_every_frame_given(name):
    net = build(name, pad="silence").eval()
    whole = {key: torch.full((3,), x.shape[1]) for key, x in batch().items()}
    silence = net(batch(), LENGTHS)["logits"]
    assert torch.equal(silence, net(batch(), whole)["logits"])
    assert not torch.allclose(silence, build(name, pad="mask").eval()(batch(), LENGTHS)["logits"], atol=1e-4)


@pytest.mark.parametrize("name", NETS)
def test_gradient_reaches_every_parameter(name):
    net = build(name)
    loss_and_gradients(net, batch(), LENGTHS)
    dead = [key for key, p in net.named_parameters() if not p.grad.abs().sum() > 0]
    assert dead == []


@pytest.mark.parametrize("mode", ["attention", "concat"])
def test_gradient_reaches_every_parameter_of_the_head(mode):
    torch.manual_seed(0)
    head = FusionHead(mode=mode)
    head({"frlm": torch.randn(50, 128), "urlm": torch.randn(50, 128)})["logits"].square().sum().backward()
    assert [key for key, p in head.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_sizes_are_those_of_the_paper():
    def count(net):
        return sum(p.numel() for p in net.parameters())

    assert count(FRLM()) == 2 * 512 * (76 + 128 + 1) + 2 * 3 * 128 + 256 + 256 * 128 + 128 + 129 * 7
    convolutions = 512 * 128 * 8 + 256 * 512 * 5 + 128 * 256 * 3 + 2 * (512 + 256 + 128)
    assert count(URLM()) == convolutions + 2 * 512 * 32 + 2 * 256 * 16 + 129 * 128 + 129 * 7
    assert count(FusionHead()) == 129 + 129 * 64 + 65 * 8 + 9 * 7
    assert FusionHead(mode="concat").classifier[0].in_features == 256


def test_attention_pooling_by_hand():
    torch.manual_seed(0)
    pool, h = AttentionPooling(4).double(), torch.randn(2, 5, 4, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    pooled, weights = pool(h, mask)
    w = pool.weight.detach().numpy()
    for b, n in enumerate((5, 3)):
        e = np.exp([sum(w[k] * np.tanh(h[b, t, k].item()) for k in range(4)) for t in range(n)])
        expected = sum(e[t] / e.sum() * h[b, t].numpy() for t in range(n))
        np.testing.assert_allclose(pooled[b].detach().numpy(), expected, rtol=1e-12)
        np.testing.assert_allclose(weights[b].detach().numpy(), np.append(e / e.sum(), [0.0] * (5 - n)), rtol=1e-12)


def test_attention_starts_as_a_linear_layer_of_torch_does():
    """Uniform between plus and minus one over the root of the size."""
    torch.manual_seed(0)
    weight = AttentionPooling(10000).weight.detach()
    assert -0.01 <= weight.min() < -0.0099 and 0.0099 < weight.max() <= 0.01 and abs(weight.mean()) < 3e-4
    pooled, weights = AttentionPooling(1)(torch.ones(2, 3, 1))
    torch.testing.assert_close((pooled, weights), (torch.ones(2, 1), torch.full((2, 3), 1 / 3)))


@pytest.mark.parametrize(("keys", "units"), [({}, 2), ({"reduction": 1}, 32), ({"reduction": 32}, 1)])
def test_excitation_reduces_to_one_unit_at_the_least(keys, units):
    block = SqueezeExcitation(32, **keys)
    assert block.squeeze.out_features == block.excite.in_features == units
    assert block(torch.rand(2, 5, 32)).shape == (2, 5, 32)


def test_squeeze_excitation_by_hand():
    torch.manual_seed(0)
    block, x = SqueezeExcitation(6, reduction=2).double(), torch.randn(2, 4, 6, dtype=torch.float64)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    x = x * mask.unsqueeze(2)
    out = block(x, mask).detach().numpy()
    w1, w2 = block.squeeze.weight.detach().numpy(), block.excite.weight.detach().numpy()
    assert w1.shape == (3, 6) and block.squeeze.bias is None and block.excite.bias is None
    for b, n in enumerate((4, 2)):
        z = x[b, :n].numpy().sum(0) / n
        s = 1.0 / (1.0 + np.exp(-(w2 @ np.maximum(w1 @ z, 0.0))))
        np.testing.assert_allclose(out[b], x[b].numpy() * s, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kernel", [8, 5, 3])
def test_time_convolution_by_hand(kernel):
    """Also says on which side an even kernel sees more: 8 frames are 3 before and 4 after."""
    torch.manual_seed(0)
    block, x = TimeConvolution(2, 3, kernel).double().eval(), torch.randn(1, 11, 2, dtype=torch.float64)
    w, frames = block.weight.detach().numpy(), x[0].numpy()
    before = (kernel - 1) // 2
    expected = np.zeros((11, 3))
    for t in range(11):
        for k in range(kernel):
            if 0 <= t - before + k < 11:
                expected[t] += w[:, :, k] @ frames[t - before + k]
    expected = np.maximum(expected / np.sqrt(1.0 + 1e-5), 0.0)
    np.testing.assert_allclose(block(x)[0].detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_connection_attention_by_hand():
    torch.manual_seed(0)
    head = FusionHead(embedding_size=5, n_classes=3, hidden=(4, 2)).double()
    h = {name: torch.randn(2, 5, dtype=torch.float64) for name in ("frlm", "urlm")}
    out = head(h)
    w, b = head.score.weight.detach().numpy()[0], head.score.bias.item()
    for n in range(2):
        pair = [h["frlm"][n].numpy(), h["urlm"][n].numpy()]
        e = np.exp([np.tanh(w @ one + b) for one in pair])
        fused = (e[0] * pair[0] + e[1] * pair[1]) / e.sum()
        np.testing.assert_allclose(out["weights"][n].detach().numpy(), e / e.sum(), rtol=1e-12)
        np.testing.assert_allclose(out["embedding"][n].detach().numpy(), fused, rtol=1e-12)
        for layer in (0, 2):
            linear = head.classifier[layer]
            fused = np.maximum(linear.weight.detach().numpy() @ fused + linear.bias.detach().numpy(), 0.0)
        last = head.classifier[4]
        expected = last.weight.detach().numpy() @ fused + last.bias.detach().numpy()
        np.testing.assert_allclose(out["logits"][n].detach().numpy(), expected, rtol=1e-10)


def test_dimension_shuffle_runs_over_descriptors():
    net = FRLM(hidden_size=4, dimension_shuffle=True, max_frames=20).eval()
    assert net.net.blstm.input_size == 20
    out = net({"lld": batch()["lld"]}, LENGTHS)
    assert out["attention"].shape == (3, 76)
    cut = net({"lld": batch()["lld"][:, :20]}, {"lld": LENGTHS["lld"].clamp(max=20)})
    torch.testing.assert_close(out["logits"], cut["logits"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FRLM(pad="zero"), "pad: expected one of mask, silence, found 'zero'"),
        (lambda: FRLM(dimension_shuffle=True), "max_frames: expected a number of frames"),
        (lambda: URLM(kernels=(8, 5)), "kernels: expected one for each of channels"),
        (lambda: URLM(reduction=0), "reduction: expected a whole number from 1 to 512 channels, found 0"),
        (lambda: FusionHead(mode="sum"), "mode: expected one of attention, concat, found 'sum'"),
        (lambda: EarlyFusion(lld_hop_s=0.0), "lld_hop_s: expected above 0 and at most"),
        (lambda: EarlyFusion(lld_frame_s=-0.1), "lld_frame_s: expected at least 0, found -0.1"),
        (lambda: AttentionPooling(0), "size: expected a whole number of at least 1, found 0"),
        (lambda: FRLM()({"logmel": torch.zeros(1, 2, 76)}, {}), "expected the feature 'lld', found"),
        (lambda: FusionHead()({"frlm": torch.zeros(1, 128)}), "expected the embeddings"),
    ],
)
def test_errors_are_one_line_and_name_what_was_expected(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value) and "\n" not in str(caught.value)
