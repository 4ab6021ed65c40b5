"""Orders of utterances: the same for one process and for many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from speechbrain.dataio.sampler import ReproducibleRandomSampler, ReproducibleWeightedRandomSampler
from torch.utils.data import Sampler


class ShardSampler(Sampler[int]):
    """Every `world`-th index from `rank` on: all ranks together see each index exactly once.

    Example
    -------
    >>> [list(ShardSampler(5, rank, 2)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3]]
    """

    def __init__(self, size: int, rank: int, world: int) -> None:
        self.indices = range(rank, size, world)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


def training_sampler(groups: Sequence[int], seed: int, balanced: bool) -> Sampler[int]:
    """The seeded order of training; `set_epoch` draws the next one.

    Arguments
    ---------
    groups : sequence of int
        Group of each item, such as its class index.
    seed : int
        Seed of the order.
    balanced : bool
        Draw every group equally often, with replacement.
    """
    if not balanced:
        return ReproducibleRandomSampler(groups, seed=seed)
    counts = torch.bincount(torch.tensor(groups))
    weights = [1.0 / float(counts[group]) for group in groups]
    return ReproducibleWeightedRandomSampler(weights, num_samples=len(groups), replacement=True, seed=seed)
