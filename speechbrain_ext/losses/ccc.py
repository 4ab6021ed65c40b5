"""The loss of regression: one minus the concordance correlation coefficient of a batch."""

from __future__ import annotations

import torch

# Far below the spread of standardised values: only a constant batch feels it.
EPSILON = 1e-8


def concordance_loss(predictions: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Mean over dimensions of 1 - CCC over the batch, with the moments of the population (not of a sample).

    A batch that is constant on either side has a loss of 1 and a finite gradient.

    Arguments
    ---------
    predictions : tensor [batch, dimension]
    values : tensor [batch, dimension]
        The truth, in the same units.

    Returns
    -------
    tensor, a scalar
        Between 0 (they are the same) and 2.

    Raises
    ------
    ValueError
        The shapes differ.

    Source: Lin, Biometrics 45, 1989, equation 1: 2 cov / (var + var + (mean - mean)^2).

    Example
    -------
    >>> values = torch.tensor([[0.0], [1.0], [2.0]])
    >>> round(concordance_loss(values, values).item(), 6), round(concordance_loss(-values, -values - 1).item(), 4)
    (0.0, 0.4286)
    """
    if predictions.shape != values.shape:
        raise ValueError(f"expected values {list(predictions.shape)} as the predictions, found {list(values.shape)}")
    mean, other_mean = predictions.mean(0), values.mean(0)  # [dimension] each
    centred, other_centred = predictions - mean, values - other_mean  # [batch, dimension] each
    covariance = (centred * other_centred).mean(0)  # [dimension]
    spread = centred.square().mean(0) + other_centred.square().mean(0) + (mean - other_mean).square()  # [dimension]
    return (1 - 2 * covariance / (spread + EPSILON)).mean()
