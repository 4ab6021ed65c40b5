"""Cross AFF: attentional fusion of any two feature maps, each weighted by what the other holds.

Source
------
Dong, Peng and Che, SD-CAFF, section 2.2, equations 5 to 7; after Dai et al. 2021, "Attentional feature fusion".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CrossAFF(nn.Module):
    """Weigh two maps by the local attention of each plus the global attention of the other.

    w_S = sigmoid(local_S(S) + global_D(D)) and w_D = sigmoid(local_D(D) + global_S(S)); `local` is two
    1 x 1 convolutions with batch norms over a narrow middle, `global` the same after the mean over all
    places, as wide as the OTHER map. Both maps may differ in channels and in size.

    Arguments
    ---------
    channels_static : int
    channels_dynamic : int
    inner : int
        Channels of the middle.

    Example
    -------
    >>> fusion = CrossAFF(128, 64).eval()
    >>> fusion(torch.rand(2, 128, 7, 31), torch.rand(2, 64, 251)).shape
    torch.Size([2, 192])
    """

    def __init__(self, channels_static: int, channels_dynamic: int, inner: int = 32):
        super().__init__()
        sizes = {"channels_static": channels_static, "channels_dynamic": channels_dynamic, "inner": inner}
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name}: expected a whole number of at least 1, found {size!r}")
        self.channels = (channels_static, channels_dynamic)
        self.static_local_att = nn.Sequential(*_attention(channels_static, inner, channels_static))
        self.static_global_att = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), *_attention(channels_static, inner, channels_dynamic)
        )
        self.dynamic_local_att = nn.Sequential(*_attention(channels_dynamic, inner, channels_dynamic))
        self.dynamic_global_att = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), *_attention(channels_dynamic, inner, channels_static)
        )

    def forward(self, static: Tensor, dynamic: Tensor) -> Tensor:
        """Fuse two maps into one vector.

        All places count: the paper has no lengths and no masks.

        Arguments
        ---------
        static : Tensor
            [batch, channels_static, height, width], or [batch, channels_static, time].
        dynamic : Tensor
            [batch, channels_dynamic, height, width] of any size, or [batch, channels_dynamic, time].

        Returns
        -------
        Tensor
            [batch, channels_static + channels_dynamic], the means of both weighted maps side by side. (Equation 7
            writes a sum; the text and the widths want a concatenation.)

        Raises
        ------
        ValueError
            In training with one utterance: a batch norm of one global value is not defined.
        """
        maps = self.weighted(static, dynamic)
        return torch.cat([each.mean(dim=(2, 3)) for each in maps], dim=1)  # [batch, both channels]

    def weighted(self, static: Tensor, dynamic: Tensor) -> tuple[Tensor, Tensor]:
        """Both maps times their attention, [batch, channel, height, width] each (equations 5 and 6)."""
        static, dynamic = (self._as_map(*pair) for pair in zip((static, dynamic), self.channels, strict=True))
        if len(static) != len(dynamic):
            raise ValueError(f"expected two batches of one size, found {len(static)} and {len(dynamic)}")
        if self.training and len(static) == 1:
            raise ValueError(
                "Cross AFF in training: expected at least 2 utterances in a batch, found 1 (its batch norms "
                "see one value an utterance); drop the last batch or choose another batch size"
            )
        weight_static = torch.sigmoid(self.static_local_att(static) + self.dynamic_global_att(dynamic))
        weight_dynamic = torch.sigmoid(self.dynamic_local_att(dynamic) + self.static_global_att(static))
        return static * weight_static, dynamic * weight_dynamic

    @staticmethod
    def _as_map(x: Tensor, channels: int) -> Tensor:
        """[batch, channel, time] -> [batch, channel, 1, time]."""
        if x.dim() not in (3, 4) or x.shape[1] != channels:
            raise ValueError(f"expected a map [batch, {channels}, height, width], found {list(x.shape)}")
        return x.unsqueeze(2) if x.dim() == 3 else x


def _attention(channels: int, inner: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, inner, 1),
        nn.BatchNorm2d(inner),
        nn.ReLU(),
        nn.Conv2d(inner, out_channels, 1),
        nn.BatchNorm2d(out_channels),
    ]
