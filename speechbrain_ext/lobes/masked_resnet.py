"""M-ResNet and AM-ResNet: a residual network over the waveform in which silence and padding stay 0.

Source
------
Li and Zhang 2024, "Cross-feature fusion speech emotion recognition based on attention mask residual
network and Wav2vec 2.0", Digital Communications and Networks, section 2.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.checks import check_choice, check_lengths, take_feature
from speechbrain_ext.lobes.mask_block import Convolution, MaskBlock, MaskedNorm
from speechbrain_ext.lobes.masking import prefix_mask
from speechbrain_ext.lobes.network import BaseNetwork

VARIANTS = ("resnet", "m_resnet", "am_resnet")
MASK_POOLS = ("paper", "valid")
POOLS = ("all", "valid")


class MaskedResNet(BaseNetwork):
    """Classify a waveform and its mask; give the frames that stage 2 reads.

    Every input is padded with zeros, or cut, to `max_samples`, so that the length to which
    a batch happens to be padded changes nothing, batch statistics included. `resnet` is the
    plain network: it uses neither the mask nor `bn_statistics` and `mask_pool`, and padding
    runs through it as speech does.

    Arguments
    ---------
    n_classes : int
        Emotions.
    variant : str
        "resnet", "m_resnet" (with masks) or "am_resnet" (with masks and attention).
    channels : int
        Filters of every convolution.
    kernel : int
        Places that a filter sees, odd.
    strides : sequence of int
        That of the stem, then one a residual block.
    bn_statistics : str
        "all": masked places enter the batch statistics, the paper's as we read it;
        "valid": only places whose mask is 1 do.
    mask_pool : str
        "paper": max-pooling alone, which spreads the mask past the end of the speech;
        "valid": the pooled mask is cut at the frames whose centre is a real sample.
    max_samples : int
        Samples that the network sees of each utterance or segment.
    pool : str
        What `resnet` averages into the embedding: "all", every frame, padding included, as a network without a
        mask cannot know padding; "valid", the frames of the utterance's own samples. The networks with masks
        average the frames whose mask is 1.

    Source
    ------
    AM-ResNet (Li and Zhang 2024), section 2.2, figures 2, 3 and 5, equations 3 to 9.

    Example
    -------
    >>> net = MaskedResNet(n_classes=4, channels=8, max_samples=4096)
    >>> output = net({"waveform": torch.rand(2, 3000, 2)}, {"waveform": torch.tensor([3000, 1200])})
    >>> output["logits"].shape, output["frames"].shape
    (torch.Size([2, 4]), torch.Size([2, 4, 8]))
    """

    mask_feature = "waveform"

    def __init__(
        self,
        n_classes: int,
        variant: str = "am_resnet",
        channels: int = 64,
        kernel: int = 7,
        strides: tuple[int, ...] = (4, 4, 4, 4, 4),
        bn_statistics: str = "all",
        mask_pool: str = "paper",
        max_samples: int = 64000,
        pool: str = "all",
    ):
        super().__init__()
        self.variant = check_choice("variant", variant, VARIANTS)
        self.mask_pool = check_choice("mask_pool", mask_pool, MASK_POOLS)
        self.pool = check_choice("pool", pool, POOLS)
        self.strides, self.kernel = tuple(strides), kernel
        self.max_samples = int(max_samples)
        if not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel: expected an odd number of places, found {kernel!r}")
        if len(self.strides) < 2 or min(self.strides) < 1:
            raise ValueError(f"strides: expected the stem's and one a block, each at least 1, found {list(strides)}")
        if max_samples < 1:
            raise ValueError(f"max_samples: expected at least 1, found {max_samples}")
        self.stem = Convolution(1, channels, kernel, self.strides[0])
        self.stem_norm = MaskedNorm(channels, bn_statistics)
        self.blocks = nn.ModuleList(MaskBlock(channels, kernel, stride, bn_statistics) for stride in self.strides[1:])
        # As a convolution of kernel 1 over time is: the same linear layer at every frame.
        self.attention = nn.Linear(channels, 1) if variant == "am_resnet" else None
        self.classifier = nn.Linear(channels, n_classes)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify waveforms of which `lengths["waveform"]` [batch] samples are real.

        `features["waveform"]` is [batch, samples, 2], the waveform after MADD and its mask, or [batch, samples, 1],
        the waveform alone, whose mask is where it is not 0.

        Returns
        -------
        dict
            `logits` [batch, class], `embedding` [batch, channel], `frames` [batch, frame, channel],
            `frame_mask` [batch, frame] and `frame_lengths` [batch], the frames of real samples.
        """
        frames, mask = self.frames(features, lengths)
        # A segment of silence alone has no frame to average: its mean is 0, not 0 / 0.
        embedding = frames.sum(1) / mask.sum(1, keepdim=True).clamp(min=1).to(frames.dtype)  # [batch, channel]
        logits = self.classifier(embedding)
        n_frames = self.n_frames(lengths[self.mask_feature])  # [batch]
        found = {"logits": logits, "embedding": embedding, "frames": frames, "frame_mask": mask}
        return found | {"frame_lengths": n_frames}

    def frames(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What stage 2 reads.

        Returns
        -------
        frames : Tensor
            [batch, frame, channel], 0 where the mask is False.
        mask : Tensor
            [batch, frame], True where a frame counts: the pooled mask; for `resnet` all frames, or with
            `pool` "valid" the first `n_frames` of the utterance's samples.
        """
        x, n_samples = self._with_mask(features), lengths[self.mask_feature]
        # Only the last stage is kept: the first ones are large.
        ((x, mask),) = deque(self.stages(x, n_samples, self.variant != "resnet"), maxlen=1)
        if self.attention is not None:
            x = x * torch.sigmoid(self.attention(x))
        if mask is not None:
            return x, mask
        if self.pool == "all":
            return x, torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        real = prefix_mask(self.n_frames(n_samples.to(x.device)), x.shape[1])  # [batch, frame]
        return x.masked_fill(~real.unsqueeze(2), 0.0), real

    def stages(self, x: Tensor, lengths: Tensor, masked: bool) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Activations [batch, place, channel] after the stem and each block, and their masks [batch, place].

        Arguments
        ---------
        x : Tensor
            [batch, samples, 2], the waveform and its mask.
        lengths : Tensor
            [batch], real samples.
        masked : bool
            False: as `resnet`; the masks are None.
        """
        x, mask, n_samples = self._fit(x, lengths)
        masks = self._masks(mask, n_samples) if masked else [None] * (1 + 2 * len(self.blocks))
        x = torch.relu(self.stem_norm(self.stem(x), masks[0]))  # [batch, place, channel]
        yield x, masks[0]
        for block, first, second in zip(self.blocks, masks[1::2], masks[2::2], strict=True):
            x = block(x, first, second)  # [batch, fewer places, channel]
            yield x, second

    @classmethod
    def masks_silence(cls, variant: str = "am_resnet", **options: Any) -> bool:
        """All variants but the plain network."""
        return variant != "resnet"

    def n_frames(self, n_samples: Tensor) -> Tensor:
        """Frames whose centre lies in the first samples of an input.

        Arguments
        ---------
        n_samples : Tensor
            [batch], real samples; more than `max_samples` count as `max_samples`.

        Example
        -------
        >>> MaskedResNet(4, channels=2).n_frames(torch.tensor([0, 1, 1025, 64000, 70000])).tolist()
        [0, 1, 2, 63, 63]
        """
        n = n_samples.clamp(max=self.max_samples)
        for stride in self.strides:
            n = _strided(n, stride)
        return n

    def _with_mask(self, features: dict[str, Tensor]) -> Tensor:
        """The waveform and its mask [batch, samples, 2]; without one, the mask is where samples are not 0."""
        x = features.get(self.mask_feature)
        if x is None or x.dim() != 3 or x.shape[2] != 1:
            return take_feature(features, self.mask_feature, 2)
        return torch.cat([x, (x != 0).to(x.dtype)], dim=2)  # [batch, samples, 2]

    def _fit(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The waveform [batch, max_samples, 1], 0 in the padding, its mask [batch, max_samples], and lengths."""
        lengths = check_lengths(self.mask_feature, x, lengths)
        x = nn.functional.pad(x, (0, 0, 0, self.max_samples - x.shape[1]))  # [batch, max_samples, 2]
        lengths = lengths.clamp(max=self.max_samples)
        real = prefix_mask(lengths, self.max_samples)  # [batch, max_samples]
        waveform = x[:, :, :1].masked_fill(~real.unsqueeze(2), 0.0)  # [batch, max_samples, 1]
        return waveform, (x[:, :, 1] != 0) & real, lengths

    @torch.no_grad()
    def _masks(self, mask: Tensor, n: Tensor) -> list[Tensor]:
        """The mask of the stem, then two for each block, [batch, place] each.

        Pooled with the convolutions' own kernel, stride and padding (equation 7).
        """
        strides = [self.strides[0], *(each for stride in self.strides[1:] for each in (stride, 1))]
        masks, pooled = [], mask.float().unsqueeze(1)  # [batch, 1, max_samples]
        for stride in strides:
            pooled = nn.functional.max_pool1d(pooled, self.kernel, stride, self.kernel // 2)  # [batch, 1, place]
            if self.mask_pool == "valid":
                n = _strided(n, stride)
                pooled = pooled * prefix_mask(n, pooled.shape[2]).unsqueeze(1)
            masks.append(pooled.squeeze(1) > 0)  # [batch, place]
        return masks


def _strided(n: Tensor, stride: int) -> Tensor:
    """Places of a strided convolution whose centre is one of the first n places of its input."""
    return torch.div(n + stride - 1, stride, rounding_mode="floor")
