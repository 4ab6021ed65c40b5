"""What a trained (mask) residual network makes of the silence in one utterance, with its masks and without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch

from speechbrain_ext.lobes.network import MaskingNetwork

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
    """One segment of an utterance on its way through the network.

    Attributes
    ----------
    utterance, fold, variant : str
        Whose it is, the fold whose weights these are, and how these were trained.
    start_s, seen_s : float
        Where the segment starts in the utterance; seconds that the network sees of it, padding included.
    original, processed : array
        float32 [samples] of the segment, before and after MADD.
    silences : tuple of (int, int)
        First sample of each silent run of the segment, and the first one after it.
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


def stage_maps(network: MaskingNetwork, samples: np.ndarray) -> list[StageMap]:
    """Activations after every stage for one signal [samples], by the same weights with masks and without."""
    rows = torch.from_numpy(np.array(samples, dtype=np.float32))[:, None]  # [samples, 1]
    x = torch.cat([rows, (rows != 0).float()], dim=1)[None]  # [1, samples, 2]
    network.eval()
    with torch.no_grad():
        with_masks, without = (
            list(network.stages(x, torch.tensor([len(samples)]), masked)) for masked in (True, False)
        )
    names = ["stem", *(f"block {number}" for number in range(1, len(with_masks)))]
    return [
        StageMap(name, masked[0].T.numpy(), plain[0].T.numpy(), cast("torch.Tensor", mask)[0].numpy())
        for name, (masked, mask), (plain, _) in zip(names, with_masks, without, strict=True)
    ]
