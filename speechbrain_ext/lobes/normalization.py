"""Standardisation of features and of values, with statistics that a checkpoint carries."""

from __future__ import annotations

import torch
from torch import nn


class FeatureNormalizer(nn.Module):
    """z-scores per dimension with the training set's mean and deviation.

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


class ValueScale(FeatureNormalizer):
    """z-scores of target values with the training set's mean and deviation, and back.

    Arguments
    ---------
    size : int
        Number of dimensions.

    Example
    -------
    >>> scale = ValueScale(1)
    >>> scale.set(torch.tensor([3.0]), torch.tensor([0.5]))
    >>> scale(torch.tensor([[4.0]])).tolist(), scale.restore(torch.tensor([[2.0]])).tolist()
    ([[2.0]], [[4.0]])
    """

    def restore(self, predictions: torch.Tensor) -> torch.Tensor:
        """Predictions [batch, dimension] in the corpus's units."""
        return predictions * self.deviation + self.mean  # [batch, dimension]
