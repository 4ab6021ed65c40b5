"""Attention over frames: a weighted sum whose weights come from one trained vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentionPooling(nn.Module):
    """Pool frames by r = sum_t alpha_t h_t with alpha = softmax_t(w . tanh(h_t)).

    Arguments
    ---------
    size : int
        Features of a frame.

    Source
    ------
    AMSNet (Chen et al. 2023), section 3.2, equations 2 to 4.

    Example
    -------
    >>> pooled, weights = AttentionPooling(3)(torch.rand(2, 5, 3))
    >>> pooled.shape, weights.shape
    (torch.Size([2, 3]), torch.Size([2, 5]))
    """

    def __init__(self, size: int):
        super().__init__()
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"size: expected a whole number of at least 1, found {size!r}")
        self.weight = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))

    def forward(self, h: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Pool a batch.

        Arguments
        ---------
        h : Tensor
            [batch, time, size].
        mask : Tensor, optional
            [batch, time], True where a frame is real; without it all are.

        Returns
        -------
        pooled : Tensor
            [batch, size].
        weights : Tensor
            [batch, time]; they sum to 1, and padding has weight 0.
        """
        scores = torch.tanh(h) @ self.weight  # [batch, time]
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = torch.softmax(scores, dim=1)
        return (weights.unsqueeze(1) @ h).squeeze(1), weights  # [batch, size], [batch, time]
