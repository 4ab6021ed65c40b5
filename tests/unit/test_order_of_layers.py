"""The order of layers, and what is dropped or averaged, where a change would pass unseen in scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext.lobes.amsnet import FRLM
from speechbrain_ext.lobes.cross_attention import CrossAttention
from speechbrain_ext.lobes.sd_caff import SDCAFF
from speechbrain_ext.lobes.time_convolution import TimeConvolution


def test_squeeze_and_excitation_stands_behind_the_relu_in_numpy():
    """AMSNet, a reading: the block's mean is over what the ReLU lets through."""
    torch.manual_seed(0)
    block = TimeConvolution(2, 6, kernel_frames=3, reduction=2).double()
    x = torch.randn(4, 11, 2, dtype=torch.float64)
    block(x)  # moves the running statistics away from their start
    found = block.eval()(x).detach().numpy()
    state = {name: value.numpy() for name, value in block.state_dict().items()}
    for b in range(4):
        frames = np.pad(x[b].numpy(), ((1, 1), (0, 0)))
        y = np.stack([sum(state["weight"][:, :, k] @ frames[t + k] for k in range(3)) for t in range(11)])
        scale = state["norm.weight"] / np.sqrt(state["norm.running_var"] + 1e-5)
        y = np.maximum((y - state["norm.running_mean"]) * scale + state["norm.bias"], 0.0)
        hidden = np.maximum(state["excitation.squeeze.weight"] @ y.mean(0), 0.0)
        gate = 1.0 / (1.0 + np.exp(-(state["excitation.excite.weight"] @ hidden)))
        np.testing.assert_allclose(found[b], y * gate, rtol=1e-10, atol=1e-12)


def test_dropout_stands_between_attention_and_dense_layer():
    """AMSNet, section 3.2: the dropout layer is placed after the attention layer, then comes the full connection."""
    torch.manual_seed(0)
    net = FRLM(input_size=5, hidden_size=32, embedding_size=16, dropout=0.5).train()
    seen = {}
    net.net.attention.register_forward_hook(lambda _m, _i, out: seen.update(pooled=out[0].detach()))
    net.net.dense.register_forward_hook(lambda _m, given, out: seen.update(given=given[0].detach(), out=out.detach()))
    found = net({"lld": torch.randn(8, 9, 5)}, {"lld": torch.full((8,), 9)})
    dropped = seen["given"] == 0
    assert 0.3 < dropped.float().mean() < 0.7
    torch.testing.assert_close(seen["given"][~dropped], 2 * seen["pooled"][~dropped])
    assert torch.equal(found["embedding"], seen["out"]) and not (found["embedding"] == 0).any()


def test_cross_attention_drops_attention_weights_of_both_directions():
    torch.manual_seed(0)
    cross, seen, inputs = CrossAttention(dim_a=6, dim_w=10, d=4, ffn=8, dropout=0.5).double().train(), [], {}
    cross.dropout.register_forward_hook(lambda _m, given, out: seen.append((given[0].detach(), out.detach())))
    for name in ("norm_a", "norm_w"):
        getattr(cross, name).register_forward_hook(
            lambda _m, given, _o, name=name: inputs.update({name: given[0].detach()})
        )
    f_a, f_w = torch.randn(3, 9, 6, dtype=torch.float64), torch.randn(3, 9, 10, dtype=torch.float64)
    cross(f_a, f_w, torch.ones(3, 9, dtype=torch.bool))
    assert len(seen) == 2
    v_a, v_w = cross.project_a(f_a)[..., 8:].detach(), cross.project_w(f_w)[..., 8:].detach()
    for (weights, kept), values, name, size in zip(seen, (v_a, v_w), ("norm_w", "norm_a"), (10, 6), strict=True):
        torch.testing.assert_close(weights.sum(2), torch.ones(3, 9, dtype=torch.float64))
        dropped = kept == 0
        assert 0.3 < dropped.double().mean() < 0.7
        torch.testing.assert_close(kept[~dropped], 2 * weights[~dropped])
        torch.testing.assert_close(inputs[name][..., size:], kept @ values)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_lstm_row_of_sd_caff_is_its_last_frame(bidirectional):
    """The forward direction's last frame behind a PReLU, never a mean over frames."""
    torch.manual_seed(0)
    net = SDCAFF(4, "lstm", dynamic_size=60, bidirectional=bidirectional, hidden_size=16).eval()
    dynamic = torch.randn(3, 12, 60)
    with torch.no_grad():
        frames = net.dynamic.lstm(dynamic)[0]  # [batch, time, unit]
        found = net.embed(None, dynamic)
        forwards = 8 if bidirectional else 16
        torch.testing.assert_close(found[:, :forwards], net.last(frames[:, -1, :forwards]))
        assert not torch.allclose(found[:, :forwards], net.last(frames.mean(1)[:, :forwards]), atol=1e-3)
