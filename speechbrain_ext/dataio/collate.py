"""Batches: features padded with zeros to the longest of the batch, lengths beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence


@dataclass
class Batch:
    """A batch of utterances.

    Attributes
    ----------
    ids : list of str
    targets : tensor [batch]
        Class indices.
    features : dict of tensors
        [batch, time, feature] for frames, [batch, feature] for embeddings.
    lengths : dict of tensors [batch]
        Real frames of each utterance, for features that have frames.
    """

    ids: list[str]
    targets: torch.Tensor
    features: dict[str, torch.Tensor]
    lengths: dict[str, torch.Tensor]

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on a device."""
        self.targets = self.targets.to(device)
        self.features = {name: tensor.to(device) for name, tensor in self.features.items()}
        self.lengths = {name: tensor.to(device) for name, tensor in self.lengths.items()}
        return self

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory, for the DataLoader."""
        self.features = {name: tensor.pin_memory() for name, tensor in self.features.items()}
        return self


def collate(items: Sequence[dict[str, Any]]) -> Batch:
    """Put items of `make_dataset` together.

    Example
    -------
    >>> items = [{"id": c, "target": 0, "features": {"lld": torch.ones(n, 3)}} for c, n in (("a", 2), ("b", 4))]
    >>> batch = collate(items)
    >>> batch.features["lld"].shape, batch.lengths["lld"].tolist()
    (torch.Size([2, 4, 3]), [2, 4])
    """
    features, lengths = {}, {}
    for name in items[0]["features"]:
        tensors = [item["features"][name] for item in items]
        if tensors[0].dim() == 1:
            features[name] = torch.stack(tensors)  # [batch, feature]
        else:
            features[name] = pad_sequence(tensors, batch_first=True)  # [batch, time, feature]
            lengths[name] = torch.tensor([len(tensor) for tensor in tensors])
    targets = torch.tensor([int(item["target"]) for item in items])
    return Batch([item["id"] for item in items], targets, features, lengths)
