"""Features z-normalised with statistics that travel with the model."""

from __future__ import annotations

import torch
from torch import nn


class FeatureNormalizer(nn.Module):
    """z-scores per dimension with the training part's mean and deviation.

    Arguments
    ---------
    size : int
        Dimensions of the feature.

    Example
    -------
    >>> normalizer = FeatureNormalizer(2)
    >>> normalizer.set(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0]))
    >>> normalizer(torch.tensor([[[3.0, 4.0]]])).tolist()
    [[[1.0, 4.0]]]
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def set(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        """Take over statistics, each [feature]."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Normalise [batch, time, feature]; padding is normalised too and must be masked by the network."""
        return (frames - self.mean) / self.deviation
