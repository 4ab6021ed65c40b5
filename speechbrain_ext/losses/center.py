"""Center loss: the distance of outputs from their classes' centers, which are learned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class CenterLoss(nn.Module):
    """C = sum over the batch of ||f - c_y||^2, divided by its size.

    Arguments
    ---------
    classes : int
    features : int
        Width of what is compared.
    gradient_scale : float
        The centers' gradient is multiplied by this; the attribute may change between steps.

    Source: Wen et al. 2016, "A discriminative feature learning approach for deep face recognition" (there with a
    factor 1/2); Dong, Peng and Che, SD-CAFF, equation 8.

    Example
    -------
    >>> loss = CenterLoss(2, 3)
    >>> _ = torch.nn.init.zeros_(loss.centers)
    >>> loss(torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]]), torch.tensor([0, 1])).item()
    3.0
    """

    def __init__(self, classes: int, features: int, gradient_scale: float = 1.0):
        super().__init__()
        if min(classes, features) < 1:
            raise ValueError(f"expected at least 1 class and 1 feature, found {classes} and {features}")
        self.centers = nn.Parameter(torch.randn(classes, features))
        self.gradient_scale = float(gradient_scale)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch.

        Arguments
        ---------
        outputs : Tensor
            [batch, features].
        targets : Tensor
            [batch], class indices, where -1 means unknown and does not enter; or [batch, classes],
            shares of the classes: each class's squared distance counts by its share.

        Returns
        -------
        Tensor
            A scalar; 0 where no target is known.
        """
        if outputs.dim() != 2 or outputs.shape[1] != self.centers.shape[1]:
            raise ValueError(f"expected outputs [batch, {self.centers.shape[1]}], found {list(outputs.shape)}")
        centers = _ScaledGradient.apply(self.centers, self.gradient_scale)
        if targets.dim() == 1:
            known = targets >= 0
            return (outputs[known] - centers[targets[known]]).square().sum() / max(1, int(known.sum()))
        if targets.shape != (len(outputs), len(centers)):
            raise ValueError(f"expected shares [batch, {len(centers)}], found {list(targets.shape)}")
        squares = (outputs.unsqueeze(1) - centers).square().sum(2)  # [batch, classes]
        return (targets.to(squares.dtype) * squares).sum() / len(outputs)


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.scale, None
