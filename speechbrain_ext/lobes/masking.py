"""Real frames and padding: masks, trimming, means, and a batch norm that sees real frames only."""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor, nn

from speechbrain_ext.lobes.checks import check_lengths


def prefix_mask(lengths: Tensor, size: int) -> Tensor:
    """[batch, size], True in the first `lengths` [batch] places of each row.

    Example
    -------
    >>> prefix_mask(torch.tensor([2, 0]), 3)
    tensor([[ True,  True, False],
            [False, False, False]])
    """
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def trim(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Cut a batch to its longest utterance and mark the frames that are real.

    Arguments
    ---------
    x : Tensor
        [batch, time, feature].
    lengths : Tensor or None
        [batch], real frames; None counts every frame as real.

    Returns
    -------
    x : Tensor
        [batch, longest, feature], padding set to 0.
    mask : Tensor or None
        [batch, longest], True where a frame is real; None when all are.

    Example
    -------
    >>> x, mask = trim(torch.ones(2, 5, 1), torch.tensor([3, 2]))
    >>> x.shape, mask.sum(1)
    (torch.Size([2, 3, 1]), tensor([3, 2]))
    """
    if lengths is None:
        return x, None
    lengths = check_lengths("lengths", x, lengths, least=1)
    x = x[:, : int(lengths.max())]  # [batch, longest, feature]
    mask = prefix_mask(lengths, x.shape[1])  # [batch, longest]
    if bool(mask.all()):
        return x, None
    return x.masked_fill(~mask.unsqueeze(2), 0.0), mask


def masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over real frames of a batch whose padding is 0: [batch, time, feature] -> [batch, feature].

    Example
    -------
    >>> masked_mean(torch.tensor([[[3.0], [0.0]]]), torch.tensor([[True, False]]))
    tensor([[3.]])
    """
    if mask is None:
        return x.mean(1)  # [batch, feature]
    return x.sum(1) / mask.sum(1, keepdim=True).to(x.dtype)  # [batch, feature]


class MaskedBatchNorm1d(nn.Module):
    """Batch normalisation over the real frames of a batch; padding comes out as 0.

    The same as `nn.BatchNorm1d` when nothing is padded. Across processes the
    statistics are those of all processes' frames together, so that training on
    several equals training on one.

    Arguments
    ---------
    channels : int
        Features of a frame.
    eps : float
        Added to the variance.
    momentum : float
        Share of the newest batch in the running statistics.

    Example
    -------
    >>> norm = MaskedBatchNorm1d(3)
    >>> norm(torch.rand(2, 4, 3), torch.tensor([[True] * 4, [True] * 2 + [False] * 2]))[1, 2:].abs().sum().item()
    0.0
    """

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise [batch, time, channel]; `mask` [batch, time] is True where a frame is real."""
        rows = x.reshape(-1, x.shape[2])  # [batch * time, channel]
        if mask is None:
            return self._normalise(rows).view(x.shape)  # [batch, time, channel]
        places = mask.flatten().nonzero().squeeze(1)
        real = self._normalise(rows.index_select(0, places))  # [real frames, channel]
        return (
            torch.zeros_like(rows, dtype=real.dtype).index_copy(0, places, real).view(x.shape)
        )  # [batch, time, channel]

    def _normalise(self, rows: Tensor) -> Tensor:
        if self.training and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
            return self._normalise_together(rows)
        statistics = (self.running_mean, self.running_var, self.weight, self.bias)
        return nn.functional.batch_norm(rows, *statistics, self.training, self.momentum, self.eps)  # [frames, channel]

    def _normalise_together(self, rows: Tensor) -> Tensor:
        rows = rows.to(self.running_mean.dtype)  # half precision cannot count frames, nor be summed into statistics
        frames = _sum_over_ranks(rows.new_tensor([float(len(rows))]))
        mean = _sum_over_ranks(rows.sum(0)) / frames
        variance = _sum_over_ranks((rows - mean).square().sum(0)) / frames
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * frames / (frames - 1), self.momentum)
        return (rows - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias


def _sum_over_ranks(value: Tensor) -> Tensor:
    """Sum over processes; the gradient flows back to every process."""
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(value) if value.requires_grad else _plain_sum(value)


def _plain_sum(value: Tensor) -> Tensor:
    torch.distributed.all_reduce(value)
    return value
