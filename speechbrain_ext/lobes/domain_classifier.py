"""Gradient reversal, and the classifier of domains that stands behind it.

Source
------
Ganin et al. 2016, "Domain-adversarial training of neural networks", JMLR 17.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SOURCE, TARGET = 0, 1


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grad, None


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """The tensor as it is, whose gradient is multiplied by minus the strength on its way back.

    Example
    -------
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> reverse_gradient(x, 0.5).sum().backward()
    >>> x.grad.tolist()
    [-0.5, -0.5]
    """
    found: Tensor = _Reversal.apply(x, strength)
    return found


class DomainClassifier(nn.Module):
    """Two layers that tell source from target by the embedding; the network below learns to make them fail.

    Arguments
    ---------
    features : int
        Width of the embedding.
    hidden : int
        Width of the layer between.

    Source
    ------
    Ganin et al. 2016; reading: one hidden layer, features -> hidden -> domain.

    Example
    -------
    >>> DomainClassifier(4, 3)(torch.rand(2, 4), strength=1.0).shape
    torch.Size([2, 2])
    """

    def __init__(self, features: int, hidden: int = 100) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 2))

    def forward(self, embeddings: Tensor, strength: float) -> Tensor:
        """Logits of source and target, [batch, 2], from embeddings [batch, feature] behind a gradient reversal."""
        logits: Tensor = self.layers(reverse_gradient(embeddings, strength))  # [batch, 2]
        return logits

    def loss(self, source: Tensor, target: Tensor, strength: float) -> Tensor:
        """Cross-entropy of the domains: the mean over the source's batch plus the mean over the target's.

        Arguments
        ---------
        source, target : Tensor
            Embeddings [batch, feature].
        strength : float
            Lambda: what the network below is given of the gradient, reversed. The classifier's own gradient is plain
            (otherwise it would learn more slowly than the network that it is to guide).

        Source
        ------
        Ganin et al. 2016.
        """
        both = ((source, SOURCE), (target, TARGET))
        losses = [
            nn.functional.cross_entropy(
                self(embeddings, strength).float(),
                torch.full((len(embeddings),), domain, device=embeddings.device),
            )
            for embeddings, domain in both
        ]
        return torch.stack(losses).sum()
