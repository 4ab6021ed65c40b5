"""The CORAL loss: how far the covariances of two batches of embeddings are apart."""

from __future__ import annotations

import torch
from torch import Tensor


def coral_loss(source: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the covariances of two batches, 1 / (4 d^2) ||C_S - C_T||_F^2.

    The covariances are those of a sample (divided by n - 1), in float32 or more, whatever autocast is on.

    Arguments
    ---------
    source : Tensor
        [batch, feature].
    target : Tensor
        [other batch, feature].

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        The widths differ, or a batch has one item, which has no covariance.

    Source
    ------
    Sun and Saenko 2016, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV workshops.

    Example
    -------
    >>> coral_loss(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0]])).item()
    1.0
    """
    if source.dim() != 2 or target.dim() != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(
            f"expected two batches [batch, feature] of one width, found {list(source.shape)} and {list(target.shape)}"
        )
    if min(len(source), len(target)) < 2:
        raise ValueError(f"expected at least 2 items in each batch, found {len(source)} and {len(target)}")
    with torch.autocast(source.device.type, enabled=False):
        difference = _covariance(source) - _covariance(target)  # [feature, feature]
        return difference.square().sum() / (4 * source.shape[1] ** 2)


def _covariance(x: Tensor) -> Tensor:
    x = x if x.dtype == torch.float64 else x.float()
    centred = x - x.mean(0)  # [batch, feature]
    return centred.T @ centred / (len(x) - 1)  # [feature, feature]
