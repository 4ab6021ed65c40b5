"""Cross-attention of stage 2: equations 13 to 23 in numpy, padding, batch mates, and utterances without frames."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tiny_ssl import write_tiny

from speechbrain_ext.lobes.cross_attention import (
    CrossAttention,
    CrossAttentionClassifier,
    FeedForward,
    SSLCrossAttentionClassifier,
    pool_frames,
)

DIM_A, DIM_W, D, FFN = 6, 10, 4, 8
LENGTHS = {"am": torch.tensor([9, 4, 7]), "w2v2": torch.tensor([23, 13, 3])}


def build(mode: str = "ca", **keys) -> CrossAttentionClassifier:
    torch.manual_seed(5)
    keys = {"dropout": 0.0, **keys}
    net = CrossAttentionClassifier(4, mode, dim_a=DIM_A, dim_w=DIM_W, d=D, ffn=FFN, **keys).double()
    with torch.no_grad():  # a norm at its start hides its scale and shift
        for module in net.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-1.0, 1.0)
    return net


def batch(extra_frames: int = 0, fill: float = 0.0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    features = {}
    for name, size in (("am", DIM_A), ("w2v2", DIM_W)):
        x = torch.full((3, int(LENGTHS[name].max()) + extra_frames, size), fill, dtype=torch.float64)
        for b, n in enumerate(LENGTHS[name].tolist()):
            x[b, :n] = torch.randn(n, size, generator=generator, dtype=torch.float64)
        features[name] = x
    return features


def real(name: str, b: int) -> np.ndarray:
    return batch()[name][b, : LENGTHS[name][b]].numpy()


def pool_by_hand(x: np.ndarray, n: int) -> np.ndarray:
    rows = [x[int(np.floor(i * len(x) / n)) : int(np.ceil((i + 1) * len(x) / n))] for i in range(n)]
    return np.stack([row.mean(0) for row in rows])


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def layer_norm(x: np.ndarray, norm: torch.nn.LayerNorm) -> np.ndarray:
    scaled = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    return scaled * norm.weight.detach().numpy() + norm.bias.detach().numpy()


def linear(x: np.ndarray, layer: torch.nn.Linear) -> np.ndarray:
    bias = 0.0 if layer.bias is None else layer.bias.detach().numpy()
    return x @ layer.weight.detach().numpy().T + bias


def feed_forward(x: np.ndarray, feed: FeedForward) -> np.ndarray:
    return layer_norm(x + linear(np.maximum(linear(x, feed.inner), 0.0), feed.outer), feed.norm)


def fuse_by_hand(f_a: np.ndarray, f_w: np.ndarray, cross: CrossAttention) -> dict[str, np.ndarray]:
    """Every term of equations 14 to 23 for one utterance, no padding in sight."""
    weight_a, weight_w = cross.project_a.weight.detach().numpy(), cross.project_w.weight.detach().numpy()
    q_a, k_a, v_a = (f_a @ weight_a[i * D : (i + 1) * D].T for i in range(3))
    q_w, k_w, v_w = (f_w @ weight_w[i * D : (i + 1) * D].T for i in range(3))
    a_to_w = softmax(q_w @ k_a.T / np.sqrt(D)) @ v_a
    w_to_a = softmax(q_a @ k_w.T / np.sqrt(D)) @ v_w
    plus_a = layer_norm(np.concatenate([f_a, w_to_a], 1), cross.norm_a)
    plus_w = layer_norm(np.concatenate([f_w, a_to_w], 1), cross.norm_w)
    hat_a, hat_w = feed_forward(plus_a, cross.feed_a), feed_forward(plus_w, cross.feed_w)
    terms = {"q_a": q_a, "a_to_w": a_to_w, "w_to_a": w_to_a, "plus_a": plus_a, "plus_w": plus_w}
    return {**terms, "hat_a": hat_a, "hat_w": hat_w, "f_c": np.concatenate([hat_a, hat_w], 1)}


def test_pooling_is_that_of_each_utterance_s_real_frames():
    x, n_in, n_out = batch()["w2v2"], LENGTHS["w2v2"], LENGTHS["am"]  # fewer, fewer, and more frames than before
    pooled = pool_frames(x, n_in, n_out, 11)
    assert pooled.shape == (3, 11, DIM_W)
    for b, (before, after) in enumerate(zip(n_in.tolist(), n_out.tolist(), strict=True)):
        np.testing.assert_allclose(pooled[b, :after].numpy(), pool_by_hand(x[b, :before].numpy(), after), rtol=1e-12)
        theirs = torch.nn.functional.adaptive_avg_pool1d(x[b, :before].T.unsqueeze(0), after)[0].T
        torch.testing.assert_close(pooled[b, :after], theirs, rtol=1e-12, atol=1e-14)
        assert torch.equal(pooled[b, after:], torch.zeros(11 - after, DIM_W, dtype=torch.float64))


def test_features_pooled_beforehand_are_taken_as_they_are():
    x, n = batch()["am"], LENGTHS["am"]
    assert torch.equal(pool_frames(x, n, n, 12)[:, :9], x) and not pool_frames(x, n, n, 12)[:, 9:].any()


def test_every_term_of_the_equations_by_hand():
    cross, seen = build().cross, {}
    for name in ("norm_a", "norm_w", "feed_a", "feed_w"):
        getattr(cross, name).register_forward_hook(
            lambda _m, given, out, name=name: seen.update({name: (given[0].detach(), out.detach())})
        )
    f_w = pool_frames(batch()["w2v2"], LENGTHS["w2v2"], LENGTHS["am"], 9)
    mask = torch.arange(9) < LENGTHS["am"].unsqueeze(1)
    f_c = cross(batch()["am"], f_w, mask).detach()
    for b, n in enumerate(LENGTHS["am"].tolist()):
        hand = fuse_by_hand(real("am", b), pool_by_hand(real("w2v2", b), n), cross)
        found = {
            "w_to_a": seen["norm_a"][0][:, :, DIM_A:],
            "a_to_w": seen["norm_w"][0][:, :, DIM_W:],
            "plus_a": seen["norm_a"][1],
            "plus_w": seen["norm_w"][1],
            "hat_a": seen["feed_a"][1],
            "hat_w": seen["feed_w"][1],
            "f_c": f_c,
        }
        for name, value in found.items():
            np.testing.assert_allclose(value[b, :n].numpy(), hand[name], rtol=1e-9, atol=1e-11, err_msg=name)
        assert not f_c[b, n:].any()


@pytest.mark.parametrize("mode", ["ca", "fc"])
def test_the_classifier_by_hand(mode):
    net = build(mode)
    output = net(batch(), LENGTHS)
    for b, n in enumerate(LENGTHS["am"].tolist()):
        f_a, f_w = real("am", b), pool_by_hand(real("w2v2", b), n)
        fused = np.concatenate([f_a, f_w], 1) if net.cross is None else fuse_by_hand(f_a, f_w, net.cross)["f_c"]
        np.testing.assert_allclose(output["embedding"][b].detach().numpy(), fused.mean(0), rtol=1e-9, atol=1e-11)
        logits = linear(fused.mean(0)[None], net.classifier)[0]
        np.testing.assert_allclose(output["logits"][b].detach().numpy(), logits, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("mode", ["ca", "fc"])
def test_an_utterance_alone_gives_what_it_gives_in_a_batch(mode):
    net, features = build(mode).eval(), batch()
    together = net(features, LENGTHS)
    for b in range(3):
        own = {key: x[b : b + 1, : LENGTHS[key][b]] for key, x in features.items()}
        alone = net(own, {key: n[b : b + 1] for key, n in LENGTHS.items()})
        for key in ("logits", "embedding"):
            torch.testing.assert_close(alone[key][0], together[key][b], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("fill", [0.0, 7.0, float("nan")])
@pytest.mark.parametrize("mode", ["ca", "fc"])
def test_padding_and_what_is_in_it_change_nothing_in_training(mode, fill):
    results = []
    for features in (batch(), batch(extra_frames=5, fill=fill)):
        net = build(mode)
        output = net(features, LENGTHS)
        torch.nn.functional.cross_entropy(output["logits"], torch.tensor([1, 0, 3])).backward()
        results.append([*(value.detach() for value in output.values()), *(p.grad for p in net.parameters())])
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("mode", ["ca", "fc"])
def test_gradient_reaches_every_parameter(mode):
    net = build(mode)
    net(batch(), LENGTHS)["logits"].square().sum().backward()
    assert [key for key, p in net.named_parameters() if not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("mode", ["ca", "fc"])
@pytest.mark.parametrize("empty", [("am",), ("w2v2",), ("am", "w2v2")])
def test_an_utterance_without_real_frames_gives_no_nan(mode, empty):
    net = build(mode)
    n = {key: value.clone() for key, value in LENGTHS.items()}
    for key in empty:
        n[key][1] = 0
    output = net(batch(), n)
    output["logits"].square().sum().backward()
    assert torch.isfinite(output["logits"]).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())
    assert bool(output["embedding"][1].any()) == ("am" not in empty)
    for b in (0, 2):
        torch.testing.assert_close(output["logits"][b], build(mode)(batch(), LENGTHS)["logits"][b])


def test_a_batch_without_a_single_real_frame():
    net = build()
    output = net(batch(), {key: torch.zeros(3, dtype=torch.long) for key in LENGTHS})
    assert torch.equal(output["logits"], net.classifier.bias.expand(3, 4))


def test_dropout_is_of_training_only():
    net = build(dropout=0.5)
    torch.manual_seed(0)
    first, second = (net(batch(), LENGTHS)["logits"] for _ in range(2))
    assert not torch.equal(first, second)
    net.eval()
    assert torch.equal(net(batch(), LENGTHS)["logits"], build().eval()(batch(), LENGTHS)["logits"])


def test_sizes_are_those_of_the_paper_as_read():
    net = CrossAttentionClassifier(4)
    features = {"am": torch.rand(2, 63, 64), "w2v2": torch.rand(2, 199, 768)}
    output = net(features, {"am": torch.tensor([63, 63]), "w2v2": torch.tensor([199, 199])})
    assert output["logits"].shape == (2, 4) and output["embedding"].shape == (2, 960)
    assert net.cross.norm_a.normalized_shape == (128,) and net.cross.norm_w.normalized_shape == (832,)
    feeds = sum(2 * 256 * size + 256 + size + 2 * 2 * size for size in (128, 832))
    assert sum(p.numel() for p in net.parameters()) == 3 * 64 * (64 + 768) + feeds + 961 * 4
    assert CrossAttentionClassifier(4, "fc").classifier.in_features == 832


def test_defaults_of_the_lobe_are_the_paper_s_sizes_as_read():
    lobe = CrossAttention()
    assert lobe(torch.rand(1, 2, 64), torch.rand(1, 2, 768), torch.ones(1, 2, dtype=torch.bool)).shape == (1, 2, 960)
    assert (lobe.feed_a.inner.out_features, lobe.dropout.p, lobe.feed_w.dropout.p) == (256, 0.1, 0.1)
    assert CrossAttention(1, 1, 1, 1)(*(torch.rand(2, 3, 1),) * 2, torch.ones(2, 3, dtype=torch.bool)).shape == (
        2,
        3,
        4,
    )


def test_the_sizes_of_a_model_s_frames_are_read_from_its_configuration(tmp_path):
    model = str(write_tiny(tmp_path / "tiny"))
    config = json.loads((tmp_path / "tiny/config.json").read_text())
    size, layers = config["hidden_size"], config["num_hidden_layers"] + 1
    for kept, count in (("last", 1), ("all", layers)):
        net = SSLCrossAttentionClassifier(model, kept, n_classes=4, dim_a=6, d=4, ffn=8)
        features = {"am": torch.rand(1, 3, 6), "w2v2": torch.rand(1, 5, count * size)}
        assert net(features, {"am": torch.tensor([3]), "w2v2": torch.tensor([5])})["embedding"].shape == (1, 14 + size)
        assert (net.layer_weights is None) == (kept == "last")


def test_one_real_frame_alone_is_the_mean():
    net = build("fc").eval()
    features = {"am": batch()["am"][:1, :1], "w2v2": batch()["w2v2"][:1, :1]}
    found = net(features, {name: torch.tensor([1]) for name in features})["embedding"]
    torch.testing.assert_close(found[0], torch.cat([features["am"][0, 0], features["w2v2"][0, 0]]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossAttentionClassifier(4, "sum"), "mode: expected one of ca, fc, found 'sum'"),
        (lambda: CrossAttentionClassifier(4, d=0), "d: expected at least 1, found 0"),
        (lambda: CrossAttentionClassifier(4, dropout=1.0), "dropout: expected a share from 0 to below 1, found 1.0"),
        (lambda: build()({"am": batch()["am"]}, LENGTHS), "expected the feature 'w2v2', found ['am']"),
        (lambda: build()({**batch(), "w2v2": batch()["am"]}, LENGTHS), "w2v2: expected [batch, time, 10], found"),
        (
            lambda: build()(batch(), {**LENGTHS, "am": torch.tensor([10, 1, 1])}),
            "am: expected 3 lengths from 0 to 9, found [10, 1, 1]",
        ),
    ],
)
def test_errors_are_one_line_and_name_what_was_expected(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value) and "\n" not in str(caught.value)
