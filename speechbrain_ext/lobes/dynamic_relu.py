"""DY-ReLU-B: a rectifier whose two slopes and offsets, of each channel, follow from the input itself.

Source
------
Chen et al. 2020, "Dynamic ReLU", ECCV, section 3; as SD-CAFF uses it (Dong, Peng and Che, section 2.2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.kernels.dynamic_relu_kernel import larger_of_two_lines


class DynamicReLU(nn.Module):
    """DY-ReLU-B: y = max(a1 x + b1, a2 x + b2) with coefficients of each utterance and channel.

    The global mean goes through linear C // reduction, ReLU, linear 4 C and t = 2 sigmoid - 1;
    (a1, a2, b1, b2) = lambdas * t + init_v.

    Arguments
    ---------
    channels : int
    reduction : int
        The hidden layer has channels // reduction units.

    Example
    -------
    >>> DynamicReLU(8)(torch.rand(2, 8, 5, 7)).shape
    torch.Size([2, 8, 5, 7])
    """

    def __init__(self, channels: int, reduction: int = 4):
        super().__init__()
        if reduction < 1 or channels < reduction:
            raise ValueError(f"channels: expected at least reduction = {reduction} >= 1, found {channels}")
        self.channels = channels
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, 4 * channels)
        self.register_buffer("lambdas", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, x: Tensor) -> Tensor:
        """Rectify.

        Arguments
        ---------
        x : Tensor
            [batch, channel, ...], such as [batch, channel, height, width] or [batch, channel, time].

        Returns
        -------
        Tensor
            As x. Only first derivatives are offered.
        """
        self._check(x)
        with torch.autocast(x.device.type, enabled=False):
            return larger_of_two_lines(x.to(self.fc1.weight.dtype), lambda mean, _: self.coefficients(mean))

    def after_norm(self, x: Tensor, norm: nn.Module, pool: bool = False) -> Tensor:
        """Batch norm, this rectifier and on request a 2 x 2 max-pooling, as one step that keeps x alone.

        Arguments
        ---------
        x : Tensor
            [batch, channel, height, width].
        norm : nn.BatchNorm2d
            With running statistics; they are updated in training.
        pool : bool

        Returns
        -------
        Tensor
            As `max_pool2d(self(norm(x)), 2)`, or without `pool` as `self(norm(x))`.
        """
        self._check(x)
        if norm._forward_pre_hooks or norm._forward_hooks:
            # Hooks are to see what the norm is given, which the fused step below never calls.
            rectified = self(norm(x))
            return nn.functional.max_pool2d(rectified, 2) if pool else rectified
        places = x.shape[2:].numel()

        def lines(mean: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
            scale, shift = _norm_line(norm, mean, squares, places)  # [channel]
            slopes, offsets = self.coefficients(mean * scale + shift)  # [batch, channel, 2]
            return slopes * scale[:, None], slopes * shift[:, None] + offsets

        with torch.autocast(x.device.type, enabled=False):
            return larger_of_two_lines(x.to(self.fc1.weight.dtype), lines, spread=norm.training, pool=pool)

    def _check(self, x: Tensor) -> None:
        if x.dim() < 3 or x.shape[1] != self.channels or x.numel() == 0:
            raise ValueError(f"expected a map [batch, {self.channels}, ...] that is not empty, found {list(x.shape)}")

    def coefficients(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Slopes (a1, a2) and offsets (b1, b2), [batch, channel, 2] each, from global means [batch, channel]."""
        hidden = torch.relu(_linear(self.fc1, mean))  # [batch, channel // reduction]
        t = 2 * torch.sigmoid(_linear(self.fc2, hidden)) - 1  # [batch, 4 * channel]
        t = t.view(-1, self.channels, 4) * self.lambdas + self.init_v  # [batch, channel, 4]
        return t[..., :2], t[..., 2:]


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """A linear layer in its input's type."""
    return nn.functional.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


def _norm_line(norm: nn.Module, mean: Tensor, squares: Tensor, places: int) -> tuple[Tensor, Tensor]:
    """Scale and shift of a batch norm [channel], from means and sums of squares [batch, channel] in training."""
    center, variance = norm.running_mean.to(mean.dtype), norm.running_var.to(mean.dtype)
    if norm.training:
        n = len(mean) * places
        if n == 1:
            raise ValueError("expected more than one value per channel in training, found 1: a batch of one 1 x 1 map")
        center = mean.mean(0)  # [channel]
        variance = (squares.sum(0) + places * (mean - center).square().sum(0)) / n  # [channel]
        with torch.no_grad():
            norm.num_batches_tracked += 1
            share = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
            norm.running_mean.lerp_(center.to(norm.running_mean.dtype), share)
            norm.running_var.lerp_((variance * (n / (n - 1))).to(norm.running_var.dtype), share)
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return scale, norm.bias - center * scale
