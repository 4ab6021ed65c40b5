"""Masked batch norm against nn.BatchNorm1d, and across two processes against one."""

from __future__ import annotations

import pytest
import torch
import torch.distributed
import torch.multiprocessing

from speechbrain_ext.lobes import masking
from speechbrain_ext.lobes.masking import MaskedBatchNorm1d, masked_mean, trim

MASK = torch.tensor([[True] * 6, [True] * 4 + [False] * 2, [True] + [False] * 5, [True] * 3 + [False] * 3])


def example() -> torch.Tensor:
    return torch.randn(4, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3 + 2


def norms() -> tuple[MaskedBatchNorm1d, torch.nn.BatchNorm1d]:
    ours, theirs = MaskedBatchNorm1d(5).double(), torch.nn.BatchNorm1d(5).double()
    with torch.no_grad():
        for norm in (ours, theirs):
            norm.weight.copy_(torch.linspace(0.5, 2.0, 5))
            norm.bias.copy_(torch.linspace(-1.0, 1.0, 5))
    return ours, theirs


@pytest.mark.parametrize("mask", [None, MASK])
def test_batch_norm_sees_real_frames_only(mask):
    """nn.BatchNorm1d on the real frames alone, without any padding, is the oracle."""
    ours, theirs = norms()
    real = torch.ones_like(MASK) if mask is None else mask
    for training in (True, True, False):
        ours.train(training), theirs.train(training)
        x, rows = example().requires_grad_(), example()[real].requires_grad_()
        out, expected = ours(x, mask), theirs(rows)
        torch.testing.assert_close(out[real], expected)
        assert out[~real].abs().sum() == 0
        weights = torch.linspace(-1, 1, expected.numel(), dtype=torch.float64).view_as(expected)
        (out[real] * weights).sum().backward()
        (expected * weights).sum().backward()
        torch.testing.assert_close(x.grad[real], rows.grad)
        torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def half_of_the_batch(rank: int, address: str, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    norm, _ = norms()
    own = slice(0, 1) if rank == 0 else slice(1, 4)
    x = example()[own].requires_grad_()
    out = norm(x, MASK[own])
    (out.pow(3)).sum().backward()
    torch.save([out.detach(), x.grad, norm.running_mean, norm.running_var], f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    address = f"file://{tmp_path}/meeting"
    torch.multiprocessing.spawn(half_of_the_batch, args=(address, str(tmp_path)), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    norm, _ = norms()
    x = example().requires_grad_()
    out = norm(x, MASK)
    out.pow(3).sum().backward()
    for n, whole in enumerate((out.detach(), x.grad)):
        torch.testing.assert_close(torch.cat([part[n] for part in parts]), whole)
    for part in parts:
        torch.testing.assert_close(part[2], norm.running_mean)
        torch.testing.assert_close(part[3], norm.running_var)


def test_two_equal_ranks_are_a_batch_that_is_there_twice(monkeypatch):
    """Without processes: every sum over two ranks with the same frames is twice the own one."""
    ours, theirs = norms()
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(masking, "_sum_over_ranks", lambda value: 2 * value)
    x, rows = example().requires_grad_(), example()[MASK].requires_grad_()
    out, expected = ours(x, MASK), theirs(torch.cat([rows, rows]))
    torch.testing.assert_close(out[MASK], expected[: len(rows)])
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    (2 * out.pow(3).sum()).backward()
    expected.pow(3).sum().backward()
    torch.testing.assert_close(x.grad[MASK], rows.grad)


def test_half_precision_across_ranks_comes_out_in_the_precision_of_the_weights(monkeypatch):
    """The statistics of ranks are computed in float32 there, also where padding is put back."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(masking, "_sum_over_ranks", lambda value: 2 * value)
    x = example().bfloat16()
    out = MaskedBatchNorm1d(5)(x, MASK)
    assert out.dtype == torch.float32
    expected = torch.nn.BatchNorm1d(5)(x[MASK].float())
    torch.testing.assert_close(out[MASK], expected, atol=0.05, rtol=0.05)
    assert out[~MASK].abs().sum() == 0


def test_trim_cuts_to_the_longest_and_clears_padding():
    x, mask = trim(torch.full((2, 9, 1), float("nan")).index_fill(1, torch.arange(3), 1.0), torch.tensor([3, 1]))
    assert x[:, :, 0].tolist() == [[1.0] * 3, [1.0, 0.0, 0.0]] and mask.sum(1).tolist() == [3, 1]
    assert masked_mean(x, mask).flatten().tolist() == [1.0, 1.0]
    assert trim(torch.ones(2, 4, 1), torch.tensor([4, 4]))[1] is None


@pytest.mark.parametrize("lengths", [[0, 2], [5, 2], [2]])
def test_impossible_lengths_are_named(lengths):
    with pytest.raises(ValueError, match=r"expected 2 lengths from 1 to 4, found"):
        trim(torch.ones(2, 4, 1), torch.tensor(lengths))
