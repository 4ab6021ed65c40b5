"""Squeeze and excitation over time: every channel weighted by what all channels say together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.masking import masked_mean


class SqueezeExcitation(nn.Module):
    """Scale channels by s = sigmoid(W2 relu(W1 z)), z the mean over real frames; no biases.

    Arguments
    ---------
    channels : int
        Features of a frame.
    reduction : int
        The hidden layer has `channels // reduction` units.

    Source
    ------
    AMSNet (Chen et al. 2023), section 3.3, equations 6 to 8.

    Example
    -------
    >>> SqueezeExcitation(8, reduction=4)(torch.rand(2, 5, 8)).shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        if not isinstance(reduction, int) or not 1 <= reduction <= channels:
            raise ValueError(f"reduction: expected a whole number from 1 to {channels} channels, found {reduction!r}")
        self.squeeze = nn.Linear(channels, channels // reduction, bias=False)
        self.excite = nn.Linear(channels // reduction, channels, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Scale [batch, time, channel], whose padding is 0; `mask` [batch, time] is True where a frame is real."""
        z = masked_mean(x, mask)  # [batch, channel]
        scale = torch.sigmoid(self.excite(torch.relu(self.squeeze(z))))
        return x * scale.unsqueeze(1)
