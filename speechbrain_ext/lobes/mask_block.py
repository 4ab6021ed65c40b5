"""The mask residual block: convolutions, and batch norms whose output stays 0 in silence and padding.

Source
------
Li and Zhang 2024, "Cross-feature fusion speech emotion recognition based on attention mask residual
network and Wav2vec 2.0", Digital Communications and Networks, section 2.2.2.
"""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor, nn

from speechbrain_ext.lobes.checks import check_choice
from speechbrain_ext.lobes.masking import MaskedBatchNorm1d

BN_STATISTICS = ("all", "valid")


class MaskBlock(nn.Module):
    """conv, BN, ReLU, conv, add the shortcut, BN, ReLU; each BN's output is 0 where its mask is.

    Arguments
    ---------
    channels : int
        Filters.
    kernel : int
        Places that a filter sees, odd.
    stride : int
        Of the first convolution and of the shortcut, which are 1 x 1 convolutions unless the stride is 1.
    bn_statistics : str
        "all" or "valid", as in `MaskedResNet`.

    Source
    ------
    AM-ResNet (Li and Zhang 2024), figure 3b, equations 4 and 7; the second BN and ReLU are
    those of equation 4's x~_{i+1} = ReLU(BN(x_{i+1})).

    Example
    -------
    >>> MaskBlock(8, kernel=7, stride=4)(torch.rand(2, 10, 8)).shape
    torch.Size([2, 3, 8])
    """

    def __init__(self, channels: int, kernel: int = 7, stride: int = 4, bn_statistics: str = "all"):
        super().__init__()
        self.first = Convolution(channels, channels, kernel, stride)
        self.first_norm = MaskedNorm(channels, bn_statistics)
        self.second = Convolution(channels, channels, kernel)
        self.second_norm = MaskedNorm(channels, bn_statistics)
        self.shortcut = Convolution(channels, channels, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor, first_mask: Tensor | None = None, second_mask: Tensor | None = None) -> Tensor:
        """[batch, place, channel] -> [batch, place / stride, channel]; masks [batch, place / stride]."""
        h = torch.relu(self.first_norm(self.first(x), first_mask))  # [batch, place / stride, channel]
        # The shortcut needs no mask of its own: it has no bias, so a place of 0 stays 0 in it.
        h = self.second(h) + self.shortcut(x)
        return torch.relu(self.second_norm(h, second_mask))


class MaskedNorm(nn.Module):
    """Batch normalisation whose output is 0, to the bit, where the mask is False.

    Arguments
    ---------
    channels : int
        Features of a place.
    bn_statistics : str
        "all" or "valid", as in `MaskedResNet`; "valid" normalises a training batch with fewer than two
        valid places, which have no variance, with the running statistics.

    Source
    ------
    AM-ResNet (Li and Zhang 2024), section 2.2.2, equations 5 to 7.

    Example
    -------
    >>> MaskedNorm(2)(torch.rand(1, 3, 2), torch.tensor([[True, False, True]]))[0, 1].tolist()
    [0.0, 0.0]
    """

    def __init__(self, channels: int, bn_statistics: str = "all"):
        super().__init__()
        self.bn_statistics = check_choice("bn_statistics", bn_statistics, BN_STATISTICS)
        self.norm = MaskedBatchNorm1d(channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise [batch, place, channel]; `mask` [batch, place] is True where a place is valid."""
        if mask is None:
            return self.norm(x)
        if not self.training or self.bn_statistics == "all":
            # Filled, not multiplied: 0 times a negative number would be -0.
            return self.norm(x).masked_fill(~mask.unsqueeze(2), 0.0)
        if self._enough(mask):
            return self.norm(x, mask)
        return self._normalise_as_in_evaluation(x).masked_fill(~mask.unsqueeze(2), 0.0)

    def _enough(self, mask: Tensor) -> bool:
        """Whether a variance exists; ranks count together, so a rank may have no valid place of its own."""
        together = torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1
        return together or int(mask.sum()) > 1

    def _normalise_as_in_evaluation(self, x: Tensor) -> Tensor:
        norm = self.norm
        statistics = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return nn.functional.batch_norm(x.transpose(1, 2), *statistics, eps=norm.eps).transpose(1, 2)


class Convolution(nn.Module):
    """Convolve places over time, half a kernel of zeros around them, without a bias.

    Batch norm follows and takes away any constant: a bias could never learn, and
    without one the convolution of nothing but zeros is 0.

    Arguments
    ---------
    in_channels : int
        Features of a place.
    out_channels : int
        Filters.
    kernel : int
        Places that a filter sees, odd.
    stride : int
        Places from one output to the next.

    Example
    -------
    >>> Convolution(1, 8, kernel=7, stride=4)(torch.rand(2, 10, 1)).shape
    torch.Size([2, 3, 8])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1):
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """[batch, place, in_channels] -> [batch, place / stride, out_channels]."""
        if self.weight.shape[0] % 16:
            # oneDNN's gradient of a convolution in channels-last order writes past its memory there (torch 2.11).
            padding = self.weight.shape[2] // 2
            found = nn.functional.conv1d(x.transpose(1, 2).contiguous(), self.weight, None, self.stride, padding)
            return found.transpose(1, 2).contiguous()  # [batch, place / stride, channel]
        # As an image one row high in channels-last order: twice as fast as conv1d, and no transposition.
        image = x.unsqueeze(1).permute(0, 3, 1, 2)  # [batch, channel, 1, place]
        weight, padding = self.weight.unsqueeze(2), self.weight.shape[2] // 2
        image = nn.functional.conv2d(image, weight, stride=(1, self.stride), padding=(0, padding))
        return image.permute(0, 2, 3, 1).squeeze(1)  # [batch, place / stride, channel]
