"""The peephole BLSTM against a literal transcription, nn.LSTM and finite differences."""

from __future__ import annotations

import copy

import pytest
import torch

from speechbrain_ext.lobes.kernels import peephole_kernel
from speechbrain_ext.lobes.kernels.peephole_kernel import peephole_blstm
from speechbrain_ext.lobes.peephole_lstm import PeepholeBLSTM


def one_direction(x, wi, wh, b, p):
    """Graves et al. 2013, equations 3 to 7, frame by frame for one utterance [time, feature]."""
    h, c, out = torch.zeros_like(p[0]), torch.zeros_like(p[0]), []
    (wxi, wxf, wxc, wxo), (whi, whf, whc, who), (bi, bf, bc, bo) = wi.chunk(4), wh.chunk(4), b.chunk(4)
    for frame in x:
        i = torch.sigmoid(wxi @ frame + whi @ h + p[0] * c + bi)
        f = torch.sigmoid(wxf @ frame + whf @ h + p[1] * c + bf)
        c = f * c + i * torch.tanh(wxc @ frame + whc @ h + bc)
        o = torch.sigmoid(wxo @ frame + who @ h + p[2] * c + bo)
        h = o * torch.tanh(c)
        out.append(h)
    return torch.stack(out)


def transcription(net, x, lengths):
    out = x.new_zeros(*x.shape[:2], 2 * net.hidden_size)
    for b, n in enumerate(lengths.tolist()):
        weights = [(net.weight_ih[d], net.weight_hh[d], net.bias[d], net.peephole[d]) for d in range(2)]
        forward = one_direction(x[b, :n], *weights[0])
        backward = one_direction(x[b, :n].flip(0), *weights[1]).flip(0)
        out = out.index_put((torch.tensor([b]), torch.arange(n)), torch.cat([forward, backward], dim=1))
    return out


def example(dtype=torch.float64, peepholes=True):
    torch.manual_seed(3)
    net = PeepholeBLSTM(5, 4, peepholes).to(dtype)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    return net, torch.randn(3, 7, 5, dtype=dtype, requires_grad=True), torch.tensor([7, 3, 1])


def gradients(net, x, output):
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return torch.autograd.grad((output * weights).sum(), [x, *net.parameters()])


@pytest.mark.parametrize("varied", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_equals_the_literal_transcription(varied, dtype, tolerance):
    net, x, lengths = example(dtype)
    lengths = lengths if varied else torch.full((3,), 7)
    ours, theirs = net(x, lengths if varied else None), transcription(net, x, lengths)
    assert (ours - theirs).abs().max() < tolerance
    for a, b in zip(gradients(net, x, ours), gradients(net, x, theirs), strict=True):
        assert (a - b).abs().max() < tolerance * max(1.0, float(b.abs().max()))


@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 2, 1])])
def test_gradcheck(lengths):
    torch.manual_seed(0)
    shapes = [(3, 4, 2), (2, 12, 6), (2, 3, 3)]
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(lambda *args: peephole_blstm(*args, lengths), inputs)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_without_peepholes_equals_nn_lstm(dtype, tolerance):
    net, x, lengths = example(dtype, peepholes=False)
    lstm = torch.nn.LSTM(5, 4, batch_first=True, bidirectional=True).to(dtype)
    with torch.no_grad():
        for d, suffix in enumerate(("", "_reverse")):
            getattr(lstm, f"weight_ih_l0{suffix}").copy_(net.weight_ih[d])
            getattr(lstm, f"weight_hh_l0{suffix}").copy_(net.weight_hh[d])
            getattr(lstm, f"bias_ih_l0{suffix}").copy_(net.bias[d])
            getattr(lstm, f"bias_hh_l0{suffix}").zero_()
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    theirs, _ = torch.nn.utils.rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True)
    ours = net(x, lengths)
    assert (ours - theirs).abs().max() < tolerance
    weights = torch.linspace(-1, 1, ours.numel(), dtype=dtype).view_as(ours)
    (ours * weights).sum().backward()
    mine, x.grad = x.grad, None
    (theirs * weights).sum().backward()
    assert (mine - x.grad).abs().max() < 10 * tolerance
    assert (net.weight_hh.grad[1] - lstm.weight_hh_l0_reverse.grad).abs().max() < 10 * tolerance
    assert not any(name == "peephole" for name, _ in net.named_parameters())


def test_padding_is_zero_and_never_read():
    net, x, lengths = example()
    spoiled = x.detach().clone()
    spoiled[1, 3:], spoiled[2, 1:] = float("nan"), 1e30
    spoiled.requires_grad_()
    clean, dirty = net(x, lengths), net(spoiled, lengths)
    assert torch.equal(clean, dirty) and dirty[1, 3:].abs().sum() == 0
    for a, b in zip(gradients(net, x, clean), gradients(net, spoiled, dirty), strict=True):
        assert torch.equal(a, b)


def test_two_passes_in_flight_do_not_share_memory():
    net, x, lengths = example()
    alone = gradients(net, x, net(x, lengths))
    first = net(x, lengths)
    second = net(x * 2, lengths)
    gradients(net, x, second)
    for a, b in zip(alone, gradients(net, x, first), strict=True):
        assert torch.equal(a, b)


def test_backward_twice_with_a_kept_graph():
    net, x, lengths = example()
    output = net(x, lengths).square().sum()
    first = torch.autograd.grad(output, net.weight_hh, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(output, net.weight_hh)[0])


def test_a_second_backward_pass_says_what_is_wrong():
    net, x, lengths = example()
    output = net(x, lengths).sum()
    output.backward()
    with pytest.raises(RuntimeError, match="^the peephole BLSTM: a second backward pass .*: run the forward"):
        torch.autograd.grad(output, net.weight_hh)


def test_a_weight_changed_before_the_backward_pass_is_refused():
    net, x, lengths = example()
    output = net(x, lengths).square().sum()
    with torch.no_grad():
        net.peephole.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.backward()


def test_second_derivative_is_refused():
    net, x, _ = example()
    (grad,) = torch.autograd.grad(net(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def test_both_directions_together_as_on_a_gpu(monkeypatch):
    net, x, lengths = example()
    apart = [net(x, lengths), *gradients(net, x, net(x, lengths))]
    monkeypatch.setattr(peephole_kernel, "_parts", lambda tensor: [slice(0, 2)])
    together = [net(x, lengths), *gradients(net, x, net(x, lengths))]
    for a, b in zip(apart, together, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_autocast_keeps_full_precision():
    net, x, lengths = example(torch.float32)
    plain = net(x, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = copy.deepcopy(net)(x, lengths)
    assert cast.dtype == torch.float32 and torch.equal(plain, cast)


@pytest.mark.parametrize("arguments", [(0, 4), (5, 0), (5, 2.5)])
def test_constructor_names_what_was_expected(arguments):
    with pytest.raises(ValueError, match=r"_size: expected a whole number of at least 1, found"):
        PeepholeBLSTM(*arguments)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"expected frames \[batch, time, 5\], found \[3, 7, 6\]"):
        PeepholeBLSTM(5, 4)(torch.zeros(3, 7, 6))


@pytest.mark.parametrize("peepholes", [True, False])
def test_weights_start_as_those_of_nn_lstm(peepholes):
    """Uniform between plus and minus one over the root of the hidden size."""
    torch.manual_seed(0)
    net = PeepholeBLSTM(20, 400, peepholes)
    for name, weight in net.named_parameters():
        assert -0.05 <= weight.min() < -0.0499 and 0.0499 < weight.max() <= 0.05, name
    assert ("peephole" in net.state_dict()) == peepholes and ("peephole" in dict(net.named_parameters())) == peepholes


def test_one_unit_and_one_feature_are_enough_and_gates_see_the_cell_unless_told_otherwise():
    net = PeepholeBLSTM(1, 1)
    assert net(torch.ones(2, 3, 1)).shape == (2, 3, 2) and net.peephole.requires_grad
