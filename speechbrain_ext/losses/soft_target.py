"""Cross-entropy towards shares of the classes, such as the annotators' votes."""

from __future__ import annotations

import torch


def soft_target_loss(
    logits: torch.Tensor,
    shares: torch.Tensor,
    class_weights: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Mean cross-entropy between shares and the softmax of logits.

    For shares that are one class each, the value is that of `torch.nn.functional.cross_entropy` with class indices,
    class weights and smoothing among its options: its own form for shares divides by the batch, not by the weights.

    Arguments
    ---------
    logits : tensor [batch, class]
    shares : tensor [batch, class]
        Each row sums to 1.
    class_weights : tensor [class] or None
    label_smoothing : float
        The share of each target that is spread evenly over the classes.

    Returns
    -------
    tensor, a scalar

    Raises
    ------
    ValueError
        The shapes differ.

    Source: Li and Zhang 2024, Section 3.1.1; Ando et al., ICASSP 2018.

    Example
    -------
    >>> logits, shares = torch.zeros(1, 4), torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    >>> round(soft_target_loss(logits, shares).item(), 4)
    1.3863
    """
    if logits.shape != shares.shape:
        raise ValueError(f"expected shares {list(logits.shape)} as the logits, found {list(shares.shape)}")
    weights = torch.ones_like(logits[0]) if class_weights is None else class_weights.to(logits)
    spread = (1 - label_smoothing) * shares + label_smoothing / shares.shape[1]  # [batch, class]
    losses = -(weights * spread * logits.log_softmax(-1)).sum()
    return losses / (weights * shares).sum()
