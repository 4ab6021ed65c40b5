"""DY-ReLU-B and its fusion with batch norm and pooling against a loop in numpy, finite differences and PyTorch."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import max_pool2d

from speechbrain_ext.lobes.dynamic_relu import DynamicReLU
from speechbrain_ext.lobes.kernels import dynamic_relu_kernel
from speechbrain_ext.lobes.kernels.dynamic_relu_kernel import larger_of_two_lines


def by_loop(lobe, x):
    """Chen et al. 2020, equations 1 and 3, one utterance, channel and place after the other."""
    w1, b1, w2, b2 = (p.detach().double().numpy() for p in lobe.parameters())
    out = np.empty(x.shape)
    for utterance, maps in enumerate(x):
        hidden = np.maximum(w1 @ maps.reshape(len(maps), -1).mean(1) + b1, 0)
        t = 2 / (1 + np.exp(-(w2 @ hidden + b2))) - 1
        for channel, one in enumerate(maps):
            t0, t1, t2, t3 = t[4 * channel : 4 * channel + 4]
            for place, value in np.ndenumerate(one):
                out[(utterance, channel, *place)] = max((1 + t0) * value + t2 / 2, t1 * value + t3 / 2)
    return out


def lobe_and_input(shape=(3, 8, 5, 7), dtype=torch.float64):
    torch.manual_seed(1)
    lobe = DynamicReLU(shape[1]).to(dtype)
    for parameter in lobe.parameters():
        nn.init.normal_(parameter)
    return lobe, torch.randn(shape, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("shape", [(3, 8, 5, 7), (2, 4, 9), (1, 4, 1)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_equals_the_loop(shape, dtype, tolerance):
    lobe, x = lobe_and_input(shape, dtype)
    assert np.abs(lobe(x).detach().numpy() - by_loop(lobe, x.detach().double().numpy())).max() < tolerance


def test_finite_differences():
    lobe, x = lobe_and_input((2, 4, 3, 3))
    assert torch.autograd.gradcheck(lambda x, *_: lobe(x), (x, *lobe.parameters()))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("pool", [True, False])
def test_finite_differences_with_norm_and_pool(training, pool):
    lobe, x = lobe_and_input((3, 4, 5, 4))
    norm = nn.BatchNorm2d(4).double().train(training)
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    inputs = (x, *norm.parameters(), *lobe.parameters())
    assert torch.autograd.gradcheck(lambda x, *_: lobe.after_norm(x, norm, pool), inputs)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("pool", [True, False])
def test_after_norm_equals_one_after_the_other(training, pool, momentum, monkeypatch):
    monkeypatch.setattr(dynamic_relu_kernel, "_BLOCK_BYTES", 2000)  # several blocks, the last one smaller
    lobe, x = lobe_and_input((5, 8, 7, 9))
    norm = nn.BatchNorm2d(8, momentum=momentum).double().train(training)
    nn.init.normal_(norm.weight), nn.init.normal_(norm.running_mean), nn.init.uniform_(norm.running_var)
    found = []
    for way in ("at once", "apart"):
        norm_, x_, lobe_ = copy.deepcopy(norm), x.detach().clone().requires_grad_(), copy.deepcopy(lobe)
        for factor in (3.0, 1.0):  # running statistics are means over unlike batches
            y = lobe_.after_norm(factor * x_, norm_, pool) if way == "at once" else lobe_(norm_(factor * x_))
        y = max_pool2d(y, 2) if pool and way == "apart" else y
        (y * torch.linspace(-1, 1, y.numel()).double().view_as(y)).sum().backward()
        grads = [p.grad for p in (x_, *norm_.parameters(), *lobe_.parameters())]
        found.append([y, *grads, *(b.double() for b in norm_.buffers())])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("pool", [True, False])
@pytest.mark.parametrize("kind", ["register_forward_pre_hook", "register_forward_hook"])
def test_hooks_of_the_norm_are_called_and_change_nothing(pool, kind):
    lobe, x = lobe_and_input((3, 8, 5, 6))
    norm, seen = nn.BatchNorm2d(8).double(), []
    plain = lobe.after_norm(x, copy.deepcopy(norm), pool)
    getattr(norm, kind)(lambda module, inputs, *output: seen.append(inputs[0]))
    torch.testing.assert_close(lobe.after_norm(x, norm, pool), plain, rtol=1e-9, atol=1e-11)
    assert len(seen) == 1 and torch.equal(seen[0], x)


def test_ties_go_to_the_first_as_in_torch():
    lines = torch.ones(1, 1, 2, dtype=torch.float64), torch.zeros(1, 1, 2, dtype=torch.float64)
    for places in (4, 6):
        x = torch.randint(2, (1, 1, places, places)).double().requires_grad_()
        larger_of_two_lines(x, lambda mean, _: lines, pool=True).sum().backward()
        y = x.detach().clone().requires_grad_()
        max_pool2d(y, 2).sum().backward()
        assert torch.equal(x.grad, y.grad)
    slopes = lines[0].clone().requires_grad_()
    larger_of_two_lines(torch.ones(1, 1, 3).double(), lambda mean, _: (slopes, lines[1])).sum().backward()
    assert slopes.grad.tolist() == [[[3.0, 0.0]]]


def test_backward_twice_in_parts_and_for_parameters_alone():
    lobe, x = lobe_and_input()
    total = lobe(x).square().sum()
    first = torch.autograd.grad(total, [x, lobe.fc1.weight], retain_graph=True)
    alone = torch.autograd.grad(total, [lobe.fc1.weight], retain_graph=True)
    second = torch.autograd.grad(total, [x, lobe.fc1.weight])
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1]) and torch.equal(first[1], alone[0])


def test_a_second_backward_pass_says_what_is_wrong():
    lobe, x = lobe_and_input()
    total = lobe(x).sum()
    total.backward()
    with pytest.raises(RuntimeError, match="^the dynamic ReLU: a second backward pass .*: run the forward pass again"):
        torch.autograd.grad(total, x)


def test_an_utterance_does_not_depend_on_its_batch_mates():
    lobe, x = lobe_and_input((6, 8, 5, 7), torch.float32)
    with torch.no_grad():
        assert torch.equal(lobe(x)[2:3], lobe(x[2:3]))


def test_nothing_but_the_input_is_kept():
    lobe, x = lobe_and_input((2, 8, 50, 50))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        lobe.after_norm(x, nn.BatchNorm2d(8).double(), pool=True)
    assert {t.data_ptr() for t in kept if t.numel() >= x.numel() // 4} == {x.data_ptr()}


def test_a_map_that_varies_by_single_digits_of_its_mean_has_its_true_variance():
    """The mean lies between two numbers of the type; what rounding it leaves out would be a third of the variance."""
    base = torch.tensor(1000.0)
    step = torch.nextafter(base, torch.tensor(2000.0)) - base
    # One place in width: sums over it are exact, and all others are in double precision.
    x = base + step * (torch.arange(4 * 8 * 36).reshape(4, 8, 36, 1) % 4 == 0)
    norm = nn.BatchNorm2d(8, momentum=1.0)
    DynamicReLU(8).after_norm(x, norm)
    wanted = x.double().transpose(0, 1).flatten(1).var(1)
    assert wanted.min() > 0
    torch.testing.assert_close(norm.running_var.double(), wanted, rtol=1e-4, atol=0)


def test_bfloat16_is_computed_in_the_weights_type():
    lobe, x = lobe_and_input(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert lobe(x.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("shape", [(2, 7, 3, 3), (2, 8), (0, 8, 3, 3)])
def test_wrong_input_is_named(shape):
    with pytest.raises(ValueError, match=r"expected a map \[batch, 8, ...\]"):
        DynamicReLU(8)(torch.zeros(shape))


def test_one_value_a_channel_is_refused_in_training():
    with pytest.raises(ValueError, match="more than one value per channel"):
        DynamicReLU(8).after_norm(torch.zeros(1, 8, 1, 1), nn.BatchNorm2d(8))
    with pytest.raises(ValueError, match="at least reduction"):
        DynamicReLU(3)
    with pytest.raises(ValueError, match="at least reduction"):
        DynamicReLU(3, reduction=0)
    assert DynamicReLU(3, reduction=1).fc1.out_features == DynamicReLU(3, reduction=3).fc1.out_features * 3 == 3
