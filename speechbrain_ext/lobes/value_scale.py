"""Values of dimensions in the units of a network and in those of the corpus."""

from __future__ import annotations

import torch

from speechbrain_ext.lobes.normalization import FeatureNormalizer


class ValueScale(FeatureNormalizer):
    """z-scores of target values with the training part's mean and deviation, and back.

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
        """What a network gives [batch, dimension], in the corpus's units."""
        return predictions * self.deviation + self.mean  # [batch, dimension]
