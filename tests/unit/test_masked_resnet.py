"""The mask residual network: zeros to the bit, the plain network inside it, and its mathematics in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext.lobes.mask_block import MaskBlock, MaskedNorm
from speechbrain_ext.lobes.masked_resnet import MaskedResNet

MASKED = ("m_resnet", "am_resnet")
STRIDES, KERNEL, SAMPLES = (4, 4, 2), 7, 512
LENGTHS = torch.tensor([512, 300, 60])


def build(variant: str = "am_resnet", **keys) -> MaskedResNet:
    torch.manual_seed(3)
    net = MaskedResNet(4, variant, channels=6, kernel=KERNEL, strides=STRIDES, max_samples=SAMPLES, **keys)
    with torch.no_grad():  # a BN's shift away from 0 is what would fill the silence
        for module in net.modules():
            if isinstance(module, MaskedNorm):
                module.norm.bias.uniform_(0.5, 1.0)
    return net


def batch(extra_samples: int = 0, fill: float = 0.0) -> dict[str, torch.Tensor]:
    """Three utterances, the first with a long silence in it; `fill` in the padding, its mask included."""
    generator = torch.Generator().manual_seed(11)
    x = torch.full((3, SAMPLES + extra_samples, 2), fill)
    for b, n in enumerate(LENGTHS.tolist()):
        x[b, :n, 0] = torch.randn(n, generator=generator)
        x[b, :n, 1] = 1.0
    x[0, 100:400] = 0.0
    return {"waveform": x}


def lengths() -> dict[str, torch.Tensor]:
    return {"waveform": LENGTHS}


def loss_of(net: MaskedResNet, features: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(net(features, lengths())["logits"], torch.tensor([1, 0, 3]))


def masks_by_hand(mask_pool: str) -> list[np.ndarray]:
    """Every place of every layer looked at on its own: beside the stem, then two a block."""
    mask, n = batch()["waveform"][:, :, 1].numpy() != 0, LENGTHS.tolist()
    masks = []
    for stride in (STRIDES[0], STRIDES[1], 1, STRIDES[2], 1):
        size, half = -(-mask.shape[1] // stride), KERNEL // 2
        pooled = np.zeros((3, size), bool)
        for b in range(3):
            centres = [t for t in range(size) if t * stride < n[b]]
            for t in range(size):
                pooled[b, t] = mask[b, max(0, t * stride - half) : t * stride + half + 1].any()
            if mask_pool == "valid":
                pooled[b, len(centres) :] = False
            n[b] = len(centres)
        masks.append(pooled)
        mask = pooled
    return masks


def outputs_of(net: MaskedResNet) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
    """What every norm and every block gives, by hooks, and the frames."""
    norms, blocks, handles = [], [], []
    for module in net.modules():
        kept = norms if isinstance(module, MaskedNorm) else blocks if isinstance(module, MaskBlock) else None
        if kept is not None:
            handles.append(module.register_forward_hook(lambda _m, _i, out, kept=kept: kept.append(out.detach())))
    frames = net(batch(), lengths())["frames"].detach()
    for handle in handles:
        handle.remove()
    return norms, blocks, frames


def bits(x: torch.Tensor) -> np.ndarray:
    return x.numpy().view(np.int32)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("mask_pool", ["paper", "valid"])
@pytest.mark.parametrize("bn_statistics", ["all", "valid"])
@pytest.mark.parametrize("variant", MASKED)
def test_silence_and_padding_are_0_to_the_bit_after_training_steps(variant, bn_statistics, mask_pool, training):
    net = build(variant, bn_statistics=bn_statistics, mask_pool=mask_pool)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        loss_of(net, batch()).backward()
        optimizer.step()
    norms, blocks, frames = outputs_of(net.train(training))
    masks = masks_by_hand(mask_pool)
    assert len(norms) == len(masks) == 5 and len(blocks) == 2
    for out, mask in [
        *zip(norms, masks, strict=True),
        (blocks[0], masks[2]),
        (blocks[1], masks[4]),
        (frames, masks[4]),
    ]:
        assert not mask.all() and (bits(out)[~mask] == 0).all()
        assert (out.numpy()[mask] != 0).any(1).mean() > 0.9


def test_the_plain_network_fills_silence():
    norms, _, _ = outputs_of(build("resnet"))
    for out, mask in zip(norms, masks_by_hand("paper"), strict=True):
        assert (out.numpy()[~mask] != 0).all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("mask_pool", ["paper", "valid"])
@pytest.mark.parametrize("bn_statistics", ["all", "valid"])
def test_an_all_ones_mask_is_the_plain_network(bn_statistics, mask_pool, training):
    masked, plain = build("m_resnet", bn_statistics=bn_statistics, mask_pool=mask_pool), build("resnet")
    plain.load_state_dict(masked.state_dict())
    x = torch.randn(3, SAMPLES, 2)
    x[:, :, 1] = 1.0
    whole = {"waveform": torch.full((3,), SAMPLES)}
    outputs = []
    for net in (masked, plain):
        net.train(training)
        output = net({"waveform": x}, whole)
        output["logits"].square().sum().backward()
        outputs.append([*output.values(), *net.buffers(), *(p.grad for p in net.parameters())])
    for a, b in zip(*outputs, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("bn_statistics", ["all", "valid"])
@pytest.mark.parametrize("variant", ["resnet", *MASKED])
def test_an_utterance_alone_gives_what_it_gives_in_a_batch(variant, bn_statistics):
    net, x = build(variant, bn_statistics=bn_statistics).double(), batch()["waveform"].double()
    loss_of(net, {"waveform": x})  # moves the running statistics away from their start
    net.eval()
    together = net({"waveform": x}, lengths())
    for b, n in enumerate(LENGTHS.tolist()):
        alone = net({"waveform": x[b : b + 1, :n]}, {"waveform": LENGTHS[b : b + 1]})
        for key in ("logits", "embedding", "frames"):
            torch.testing.assert_close(alone[key][0], together[key][b], rtol=1e-10, atol=1e-12)
        assert torch.equal(alone["frame_mask"][0], together["frame_mask"][b])


@pytest.mark.parametrize("bn_statistics", ["all", "valid"])
@pytest.mark.parametrize("variant", ["resnet", *MASKED])
def test_more_padding_and_what_is_in_it_change_nothing_in_training(variant, bn_statistics):
    results = []
    for features in (batch(), batch(extra_samples=77, fill=7.0)):
        net = build(variant, bn_statistics=bn_statistics)
        loss = loss_of(net, features)
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in net.parameters()), *net.buffers()])
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


def test_samples_after_the_last_are_cut():
    net = build().eval()
    x = torch.randn(1, SAMPLES + 40, 2)
    cut = net({"waveform": x[:, :SAMPLES]}, {"waveform": torch.tensor([SAMPLES])})
    assert torch.equal(net({"waveform": x}, {"waveform": torch.tensor([SAMPLES + 40])})["logits"], cut["logits"])


@pytest.mark.parametrize("bn_statistics", ["all", "valid"])
@pytest.mark.parametrize("variant", ["resnet", *MASKED])
def test_gradient_reaches_every_parameter(variant, bn_statistics):
    net = build(variant, bn_statistics=bn_statistics)
    loss_of(net, batch()).backward()
    assert [key for key, p in net.named_parameters() if not p.grad.abs().sum() > 0] == []


def convolve(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """[place, channel]; every place and tap on its own."""
    half = weight.shape[2] // 2
    out = np.zeros((-(-len(x) // stride), weight.shape[0]))
    for t in range(len(out)):
        for k in range(weight.shape[2]):
            if 0 <= t * stride - half + k < len(x):
                out[t] += weight[:, :, k] @ x[t * stride - half + k]
    return out


@pytest.mark.parametrize("mask_pool", ["paper", "valid"])
@pytest.mark.parametrize(("variant", "pool"), [("resnet", "all"), ("resnet", "valid"), *((v, "all") for v in MASKED)])
def test_the_network_by_hand(variant, pool, mask_pool):
    net = build(variant, mask_pool=mask_pool, pool=pool).double()
    features = {"waveform": batch()["waveform"].double()}
    loss_of(net, features)
    output = net.eval()(features, lengths())
    state = {key: value.numpy() for key, value in net.state_dict().items()}
    masks = masks_by_hand(mask_pool)
    last = masks[-1]
    if variant == "resnet":
        masks = [np.ones_like(mask) for mask in masks]
        n_frames = np.ceil(np.ceil(np.ceil(LENGTHS.numpy() / 4) / 4) / 2)  # [batch]
        last = np.arange(last.shape[1]) < (n_frames[:, None] if pool == "valid" else np.full((3, 1), np.inf))

    def norm(x: np.ndarray, name: str, mask: np.ndarray) -> np.ndarray:
        mean, variance = state[f"{name}.norm.running_mean"], state[f"{name}.norm.running_var"]
        scaled = (x - mean) / np.sqrt(variance + 1e-5) * state[f"{name}.norm.weight"] + state[f"{name}.norm.bias"]
        return np.maximum(scaled * mask[:, None], 0.0)

    for b in range(3):
        x = norm(convolve(features["waveform"][b, :, :1].numpy(), state["stem.weight"], 4), "stem_norm", masks[0][b])
        for i, stride in enumerate(STRIDES[1:]):
            h = convolve(x, state[f"blocks.{i}.first.weight"], stride)
            h = norm(h, f"blocks.{i}.first_norm", masks[2 * i + 1][b])
            h = convolve(h, state[f"blocks.{i}.second.weight"], 1)
            h += x[::stride] @ state[f"blocks.{i}.shortcut.weight"][:, :, 0].T
            x = norm(h, f"blocks.{i}.second_norm", masks[2 * i + 2][b])
        if variant == "am_resnet":
            x *= 1.0 / (1.0 + np.exp(-(x @ state["attention.weight"].T + state["attention.bias"])))
        x = x * last[b][:, None]
        embedding = x.sum(0) / last[b].sum()
        logits = state["classifier.weight"] @ embedding + state["classifier.bias"]
        for key, expected in (("frames", x), ("embedding", embedding), ("logits", logits)):
            np.testing.assert_allclose(output[key][b].detach().numpy(), expected, rtol=1e-9, atol=1e-11)
        assert output["frame_mask"][b].tolist() == last[b].tolist()


@pytest.mark.parametrize("bn_statistics", ["all", "valid"])
def test_which_places_enter_the_batch_statistics(bn_statistics):
    torch.manual_seed(0)
    ours, theirs = MaskedNorm(5, bn_statistics).double(), torch.nn.BatchNorm1d(5).double()
    x, mask = 3.0 * torch.randn(4, 9, 5, dtype=torch.float64) + 2.0, torch.rand(4, 9) > 0.4
    out = ours(x, mask)
    if bn_statistics == "all":
        expected = theirs(x.transpose(1, 2)).transpose(1, 2)[mask]
    else:
        expected = theirs(x[mask])
    torch.testing.assert_close(out[mask], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.norm.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.norm.running_var, theirs.running_var)


def test_sizes_are_those_of_the_paper_as_read():
    net, places = MaskedResNet(4).eval(), []
    for module in net.modules():
        if isinstance(module, MaskedNorm):
            module.register_forward_hook(lambda _m, _i, out: places.append(tuple(out.shape[1:])))
    with torch.no_grad():
        output = net({"waveform": torch.rand(1, 64000, 2)}, {"waveform": torch.tensor([64000])})
    assert places == [(n, 64) for n in (16000, 4000, 4000, 1000, 1000, 250, 250, 63, 63)]
    assert output["frames"].shape == (1, 63, 64) and output["frame_mask"].shape == (1, 63)
    assert output["embedding"].shape == (1, 64) and output["logits"].shape == (1, 4)
    convolutions = 64 * 7 + 8 * 64 * 64 * 7 + 4 * 64 * 64
    assert sum(p.numel() for p in net.parameters()) == convolutions + 9 * 2 * 64 + 65 + 65 * 4


def test_only_the_paper_s_pooling_marks_frames_past_the_end():
    paper, valid = (build(mask_pool=pool)(batch(), lengths())["frame_mask"].sum(1) for pool in ("paper", "valid"))
    n = build().n_frames(LENGTHS)
    assert n.tolist() == [16, 10, 2]
    assert valid[1:].tolist() == n[1:].tolist() and (paper[1:] > n[1:]).all()


@pytest.mark.parametrize("bn_statistics", ["all", "valid"])
def test_silence_alone_gives_no_nan(bn_statistics):
    net = build(bn_statistics=bn_statistics)
    silent = {"waveform": torch.zeros(2, 100, 2)}
    for n in (0, 100):
        output = net(silent, {"waveform": torch.full((2,), n)})
        assert torch.equal(output["embedding"], torch.zeros(2, 6)) and not output["frame_mask"].any()
        assert torch.equal(output["logits"], net.classifier.bias.expand(2, 4))
    output["logits"].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())
    assert all(torch.isfinite(buffer).all() for buffer in net.buffers())


def test_the_first_stride_is_the_stem_s():
    net = MaskedResNet(4, channels=8, strides=(5, 2, 1), max_samples=100).eval()
    stages = net.stages(torch.ones(1, 100, 2), torch.tensor([100]), masked=True)
    assert [x.shape[1] for x, _ in stages] == [20, 10, 10]


def test_without_a_mask_silence_is_where_samples_are_0():
    torch.manual_seed(0)
    net = MaskedResNet(4, channels=8, strides=(4, 2), max_samples=512).eval()
    waveform = torch.randn(2, 512, 1)
    waveform[0, 100:400], waveform[1, :300] = 0.0, 0.0
    masked = torch.cat([waveform, torch.ones_like(waveform)], dim=2)
    masked[0, 100:400, 1], masked[1, :300, 1] = 0.0, 0.0
    found, wanted, unmasked = (
        net({"waveform": x}, {"waveform": torch.tensor([512, 512])})["logits"]
        for x in (waveform, masked, torch.cat([waveform, torch.ones_like(waveform)], dim=2))
    )
    assert torch.equal(found, wanted) and not torch.allclose(found, unmasked)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaskedResNet(4, "a_resnet"), "variant: expected one of resnet, m_resnet, am_resnet, found 'a_resnet'"),
        (lambda: MaskedResNet(4, bn_statistics="none"), "bn_statistics: expected one of all, valid, found 'none'"),
        (lambda: MaskedResNet(4, mask_pool="mean"), "mask_pool: expected one of paper, valid, found 'mean'"),
        (lambda: MaskedResNet(4, pool="none"), "pool: expected one of all, valid, found 'none'"),
        (lambda: MaskedResNet(4, kernel=6), "kernel: expected an odd number of places, found 6"),
        (lambda: MaskedResNet(4, kernel=-1), "kernel: expected an odd number of places, found -1"),
        (lambda: MaskedResNet(4, kernel=7.0), "kernel: expected an odd number of places, found 7.0"),
        (lambda: MaskedResNet(4, strides=(4,)), "strides: expected the stem's and one a block"),
        (lambda: MaskedResNet(4, strides=(4, 0)), "strides: expected the stem's and one a block"),
        (lambda: MaskedResNet(4, max_samples=0), "max_samples: expected at least 1, found 0"),
        (lambda: build()({"lld": torch.zeros(1, 2, 2)}, {}), "expected the feature 'waveform', found ['lld']"),
        (lambda: build()({"waveform": torch.zeros(3, 512, 3)}, lengths()), "waveform: expected [batch, time, 2]"),
        (
            lambda: build()({"waveform": torch.zeros(1, 9, 2)}, {"waveform": torch.tensor([10])}),
            "waveform: expected 1 lengths from 0 to 9, found [10]",
        ),
    ],
)
def test_errors_are_one_line_and_name_what_was_expected(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value) and "\n" not in str(caught.value)
