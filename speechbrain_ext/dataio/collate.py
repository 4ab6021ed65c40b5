"""Batches: features padded with zeros to the longest of the batch, and their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from typing_extensions import NotRequired


class Goal(TypedDict):
    """What an utterance is trained towards, as a row of SpeechBrain's dataset.

    `target` is a class index, `shares` a tensor [class or dimension], `gender` 0 for F, 1 for M, -1 where not known;
    a dataset without genders leaves it out. `corpus` is the name of the utterance's corpus; it is no part of a batch.
    """

    target: int
    shares: torch.Tensor
    gender: NotRequired[int]
    corpus: NotRequired[str]


class Item(Goal):
    """An item of `make_dataset`: its id, and features [time, feature] or [feature] by name."""

    id: str
    features: dict[str, torch.Tensor]


@dataclass
class Batch:
    """A batch of utterances.

    Attributes
    ----------
    ids : list of str
    targets : tensor [batch]
        Class indices; 0 with dimensions.
    shares : tensor [batch, class or dimension]
        What the utterances are trained towards: shares of the classes, or values of the dimensions.
    genders : tensor [batch]
        0 for F, 1 for M, -1 where it is not known.
    features : dict of tensors
        [batch, time, feature] for frames, [batch, feature] for embeddings.
    lengths : dict of tensors [batch]
        Real frames of each utterance, for features that have frames.
    """

    ids: list[str]
    targets: torch.Tensor
    shares: torch.Tensor
    genders: torch.Tensor
    features: dict[str, torch.Tensor]
    lengths: dict[str, torch.Tensor]

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on a device."""
        self.targets, self.shares = self.targets.to(device), self.shares.to(device)
        self.genders = self.genders.to(device)
        self.features = {name: tensor.to(device) for name, tensor in self.features.items()}
        self.lengths = {name: tensor.to(device) for name, tensor in self.lengths.items()}
        return self

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory, for the DataLoader."""
        self.features = {name: tensor.pin_memory() for name, tensor in self.features.items()}
        return self


def collate(items: Sequence[Item]) -> Batch:
    """Put items of `make_dataset` together.

    Example
    -------
    >>> lld = {name: {"lld": torch.ones(frames, 3)} for name, frames in (("a", 2), ("b", 4))}
    >>> items = [{"id": name, "target": 0, "shares": torch.ones(1), "features": lld[name]} for name in lld]
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
    targets = torch.tensor([item["target"] for item in items])
    shares = torch.stack([item["shares"] for item in items])  # [batch, class or dimension]
    genders = torch.tensor([item.get("gender", -1) for item in items])
    return Batch([item["id"] for item in items], targets, shares, genders, features, lengths)


def add_unlabelled(labelled: Batch, unlabelled: Batch) -> Batch:
    """One batch of the items of two, padded to the longest of all; the labels of the second are not taken over.

    Returns
    -------
    Batch
        The second's targets and genders are -1, and its shares 0.

    Example
    -------
    >>> one, other = (
    ...     collate([{"id": name, "target": 0, "shares": torch.ones(1), "features": {"lld": torch.ones(frames, 3)}}])
    ...     for name, frames in (("a", 2), ("b", 4))
    ... )
    >>> both = add_unlabelled(one, other)
    >>> both.ids, both.features["lld"].shape, both.lengths["lld"].tolist(), both.targets.tolist()
    (['a', 'b'], torch.Size([2, 4, 3]), [2, 4], [0, -1])
    """

    def rows(name: str) -> torch.Tensor:
        parts = [labelled.features[name], unlabelled.features[name]]
        if name not in labelled.lengths:
            return torch.cat(parts)  # [batch, feature]
        longest = max(part.shape[1] for part in parts)
        padded = [nn.functional.pad(part, (0, 0, 0, longest - part.shape[1])) for part in parts]
        return torch.cat(padded)  # [batch, longest, feature]

    count = len(unlabelled.ids)
    return Batch(
        labelled.ids + unlabelled.ids,
        torch.cat([labelled.targets, labelled.targets.new_full((count,), -1)]),
        torch.cat([labelled.shares, labelled.shares.new_zeros(count, labelled.shares.shape[1])]),
        torch.cat([labelled.genders, labelled.genders.new_full((count,), -1)]),
        {name: rows(name) for name in labelled.features},
        {name: torch.cat([labelled.lengths[name], unlabelled.lengths[name]]) for name in labelled.lengths},
    )
