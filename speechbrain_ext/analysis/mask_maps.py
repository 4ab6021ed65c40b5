"""What a trained (mask) residual network makes of the silence in one utterance, with its masks and without them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from speechbrain_ext.lobes.masked_resnet import MaskedResNet

# Zeros of less than a millisecond are where speech passes through 0, not silence.
SHORTEST_SAMPLES = 16


@dataclass(frozen=True)
class StageMap:
    """Activations after one stage of the network.

    Attributes
    ----------
    name : str
        "stem", "block 1" ...
    masked, plain : array
        float32 [channel, frame], after the stage's ReLU, computed with masks and without.
    mask : array
        bool [frame], the pooled mask: False where a frame is silent or padding.
    """

    name: str
    masked: np.ndarray
    plain: np.ndarray
    mask: np.ndarray

    def zero_share(self, kind: str) -> float | None:
        """Of all places of silent and padded frames, the share that is exactly 0; None where there is no such frame.

        Arguments
        ---------
        kind : str
            "masked" or "plain".
        """
        places = getattr(self, kind)[:, ~self.mask]  # [channel, silent frame]
        return float((places == 0).mean()) if places.size else None


@dataclass(frozen=True)
class MaskMaps:
    """One piece of an utterance on its way through the network.

    Attributes
    ----------
    utterance, fold, variant : str
        Whose it is, the fold whose weights these are, and how these were trained.
    start_s, seen_s : float
        Where the piece starts in the utterance; seconds that the network sees of it, padding included.
    original, processed : array
        float32 [samples] of the piece, before and after MADD.
    silences : tuple of (int, int)
        First sample of each silent run of the piece, and the first one after it.
    stages : tuple of StageMap
    """

    utterance: str
    fold: str
    variant: str
    start_s: float
    seen_s: float
    original: np.ndarray
    processed: np.ndarray
    silences: tuple[tuple[int, int], ...]
    stages: tuple[StageMap, ...]


def silent_runs(samples: np.ndarray, shortest: int = SHORTEST_SAMPLES) -> list[tuple[int, int]]:
    """Runs of zeros in a signal [samples]: the first sample of each, and the first one after it.

    Example
    -------
    >>> silent_runs(np.array([0, 0, 1, 0, 2, 0, 0, 0]), shortest=2)
    [(0, 2), (5, 8)]
    """
    zero = np.concatenate([[False], samples == 0, [False]]).astype(np.int8)  # [samples + 2]
    edges = np.flatnonzero(np.diff(zero)).reshape(-1, 2)  # [runs, 2]
    return [(int(start), int(stop)) for start, stop in edges if stop - start >= shortest]


def share_between_sounds(samples: np.ndarray) -> float:
    """The share of a signal [samples] that is silence with sound on both sides of it.

    Example
    -------
    >>> share_between_sounds(np.repeat([0.0, 1.0, 0.0, 1.0], 20))
    0.25
    """
    inside = [stop - start for start, stop in silent_runs(samples) if start > 0 and stop < len(samples)]
    return sum(inside) / max(1, len(samples))


def stage_maps(network: MaskedResNet, samples: np.ndarray) -> list[StageMap]:
    """Activations after every stage for one signal [samples], with the network's weights as they are.

    The same weights are run as an M-ResNet and as a ResNet are, on a copy: the network itself stays as it was.
    """
    with_masks, masks = _activations(network, samples, "m_resnet")
    without, _ = _activations(network, samples, "resnet")
    names = ["stem", *(f"block {number}" for number in range(1, len(with_masks)))]
    return [StageMap(*each) for each in zip(names, with_masks, without, masks, strict=True)]


def _activations(network: MaskedResNet, samples: np.ndarray, variant: str) -> tuple[list[np.ndarray], list[Any]]:
    """Activations [channel, frame] after each stage, and beside each its mask [frame], None for `resnet`."""
    network = copy.deepcopy(network).eval()
    network.variant = variant
    outputs: list[torch.Tensor] = []
    masks: list[torch.Tensor | None] = []

    def entered(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        outputs.append(inputs[0])

    def stem(module: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        masks.append(inputs[1])

    def left(module: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        outputs.append(output)
        masks.append(inputs[2])

    network.stem_norm.register_forward_hook(stem)
    # What enters the first block is the stem after its ReLU, which is no module to hook.
    network.blocks[0].register_forward_pre_hook(entered)
    for block in network.blocks:
        block.register_forward_hook(left)
    x = torch.from_numpy(np.array(samples, dtype=np.float32))[None, :, None]  # [1, samples, 1]
    with torch.no_grad():
        network({network.feature: x}, {network.feature: torch.tensor([len(samples)])})
    arrays = [output[0].T.numpy() for output in outputs]  # [channel, frame] each
    return arrays, [None if mask is None else mask[0].numpy() for mask in masks]  # [frame] each
