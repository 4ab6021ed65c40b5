"""The larger of two lines over a map whose lines depend on the map's own mean and variance: forward and backward.

A dynamic ReLU after a batch norm is max(s1 x + o1, s2 x + o2) with slopes and offsets for each utterance and channel,
and these follow from the map's means and variances alone. So the map is read twice forward and twice backward, one
block that fits the cache at a time, and nothing of its size is kept but the map itself. A max-pooling of 2 x 2 after it
is done on the same blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from speechbrain_ext.lobes.kernels.saved import saved_tensors

NAME = "the dynamic ReLU"
# Bytes of a map worked on at a time on the CPU: a few such blocks lie in the caches of one core.
_BLOCK_BYTES = 1 << 19


def larger_of_two_lines(
    x: Tensor,
    lines: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    spread: bool = False,
    pool: bool = False,
) -> Tensor:
    """The larger of two lines at each place of a map, the lines made of the map's statistics.

    Arguments
    ---------
    x : Tensor
        [batch, channel, ...], at least one dimension after the channel.
    lines : callable
        From the mean of each utterance and channel [batch, channel], and the sum of squared
        differences from it [batch, channel], to slopes and offsets, [batch, channel, 2] each; all in
        double precision.
    spread : bool
        Whether the sum of squared differences is wanted; if not it is 0.
    pool : bool
        Whether the maximum over 2 x 2 places is taken, for x [batch, channel, height, width].

    Returns
    -------
    Tensor
        As x, or [batch, channel, height // 2, width // 2]. Where both lines are equal the gradient
        goes to the first, and in a pool to the first place, as in torch.max and max_pool2d.
        Only first derivatives are offered.

    Example
    -------
    >>> relu = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)
    >>> larger_of_two_lines(torch.tensor([[[-2.0, 4.0]]]), lambda mean, squares: (relu, mean.unsqueeze(2) * relu))
    tensor([[[0., 5.]]])
    """
    x = x.contiguous()
    direct: list[Tensor] = []
    mean, squares = _Statistics.apply(x, spread, direct)
    slopes, offsets = lines(mean, squares)
    # The mean is handed on so that the backward pass of the statistics always comes after that of the lines.
    return _Larger.apply(x, mean, slopes, offsets, pool, direct)


class _Statistics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, spread: bool, direct: list[Tensor]) -> tuple[Tensor, Tensor]:
        rows = _rows(x)
        mean, squares = rows.new_zeros(2, len(rows), dtype=torch.float64)
        for block in _blocks(rows):
            mean[block] = _sum(rows[block], x) / rows.shape[1]
            if spread:
                # What rounding the mean to the map's type leaves out is put right in the sum.
                rounded = mean[block].to(x.dtype)
                squares[block] = _sum((rows[block] - rounded.unsqueeze(1)).square_(), x)
                squares[block] -= rows.shape[1] * (mean[block] - rounded).square()
        ctx.save_for_backward(x, mean)
        ctx.direct, ctx.spread = direct, spread
        return mean.view(x.shape[:2]), squares.view(x.shape[:2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_mean: Tensor, grad_squares: Tensor) -> tuple[Tensor | None, ...]:
        x, mean = saved_tensors(ctx, NAME)
        rows = _rows(x)
        direct = ctx.direct.pop()
        by_x = (2.0 * grad_squares).reshape(-1, 1)
        constant = (grad_mean.reshape(-1, 1) / rows.shape[1] - by_x * mean.unsqueeze(1)).to(x.dtype)
        by_x = by_x.to(x.dtype)
        for block in _blocks(rows):
            direct[block].add_(constant[block])
            if ctx.spread:
                direct[block].add_(rows[block] * by_x[block])
        return direct.view_as(x), None, None


class _Larger(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, mean: Tensor, slopes: Tensor, offsets: Tensor, pool: bool, direct: list[Tensor]
    ) -> Tensor:
        rows, lines = _rows(x), _lines(slopes, offsets, x.dtype)
        shape = (*x.shape[:-2], x.shape[-2] // 2, x.shape[-1] // 2) if pool else x.shape
        out = x.new_empty(shape)
        found = _rows(out)
        for block in _blocks(rows):
            first, second = _two_lines(rows[block], lines[:, block])
            if pool:
                torch.maximum(first, second, out=first)
                wide = _pairs(first.view(-1, *x.shape[2:]))
                torch.maximum(*wide, out=found[block].view(-1, *shape[2:]))
            else:
                torch.maximum(first, second, out=found[block])
        ctx.save_for_backward(x, slopes, offsets)
        ctx.direct, ctx.pool = direct, pool
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, slopes, offsets = saved_tensors(ctx, NAME)
        rows, lines = _rows(x), _lines(slopes, offsets, x.dtype)
        grad = grad.contiguous()
        direct = torch.empty_like(rows)
        sums = torch.empty_like(lines[:, :, 0], dtype=slopes.dtype)
        for block in _blocks(rows):
            first, second = _two_lines(rows[block], lines[:, block])
            given = _rows(grad)[block]
            if ctx.pool:
                given = _unpooled(torch.maximum(first, second), given, x.shape[2:], grad.shape[2:])
            to_first = first.ge_(second).mul_(given)
            sums[0, block] = _sum(given, x)
            sums[1, block] = _sum(to_first, x)
            sums[2, block] = _sum(torch.mul(given, rows[block], out=second), x)
            sums[3, block] = _sum(torch.mul(to_first, rows[block], out=second), x)
            torch.mul(given, lines[1, block], out=direct[block])
            direct[block].add_(to_first.mul_(lines[0, block] - lines[1, block]))
        if ctx.needs_input_grad[0]:
            # The statistics' backward pass comes after this one, adds its part in place and hands the sum on.
            ctx.direct[:] = [direct]
        grad_offsets = torch.stack([sums[1], sums[0] - sums[1]], 1).view_as(offsets)
        grad_slopes = torch.stack([sums[3], sums[2] - sums[3]], 1).view_as(slopes)
        return None, torch.zeros_like(slopes[..., 0]), grad_slopes, grad_offsets, None, None


def _rows(x: Tensor) -> Tensor:
    """[batch, channel, ...] -> [batch * channel, place]."""
    return x.view(x.shape[0] * x.shape[1], -1)


def _sum(rows: Tensor, x: Tensor) -> Tensor:
    """[row, place] -> [row] in double precision, where the sums over the last dimension of x are added up.

    The lines are made of these sums, so that an error of one is the same at every place and never averages out.
    """
    return rows.view(len(rows), -1, x.shape[-1]).sum(2).sum(1, dtype=torch.float64)


def _blocks(rows: Tensor) -> list[slice]:
    """Rows worked on together: as many as the cache holds; all on a GPU, where a launch costs more than memory."""
    each = len(rows)
    if rows.device.type == "cpu":
        each = max(1, _BLOCK_BYTES // max(1, rows.shape[1] * rows.element_size()))
    return [slice(start, start + each) for start in range(0, len(rows), max(each, 1))]


def _lines(slopes: Tensor, offsets: Tensor, dtype: torch.dtype) -> Tensor:
    """[batch, channel, 2] twice -> [4, batch * channel, 1]: first slope, second, first offset, second."""
    return torch.cat([slopes, offsets], 2).flatten(0, 1).t().contiguous().unsqueeze(2).to(dtype)


def _two_lines(rows: Tensor, lines: Tensor) -> tuple[Tensor, Tensor]:
    return (rows * lines[0]).add_(lines[2]), (rows * lines[1]).add_(lines[3])


def _pairs(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Maxima of neighbours in width [row, height, width // 2], the even lines of height and the odd ones."""
    height, width = maps.shape[1] // 2 * 2, maps.shape[2] // 2 * 2
    wide = torch.maximum(maps[:, :height, 0:width:2], maps[:, :height, 1:width:2])
    return wide[:, 0::2], wide[:, 1::2]


def _unpooled(values: Tensor, grad: Tensor, shape: torch.Size, pooled: torch.Size) -> Tensor:
    """Give the gradient of each 2 x 2 pool to the first of its largest values, [row, place]."""
    maps, grad = values.view(-1, *shape), grad.view(-1, *pooled)
    height, width = 2 * pooled[0], 2 * pooled[1]
    left, right = maps[:, :height, 0:width:2], maps[:, :height, 1:width:2]
    upper, lower = _pairs(maps)
    wide = grad.new_empty(len(grad), height, pooled[1])
    torch.mul((lower > upper), grad, out=wide[:, 1::2])
    torch.sub(grad, wide[:, 1::2], out=wide[:, 0::2])
    out = torch.zeros_like(maps)
    to_right = torch.mul(right > left, wide)
    out[:, :height, 1:width:2] = to_right
    torch.sub(wide, to_right, out=out[:, :height, 0:width:2])
    return out.flatten(1)
