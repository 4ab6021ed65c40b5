"""Networks that are trained on a labelled corpus and on unlabelled utterances of another one: deep CORAL and DANN."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from torch import Tensor, nn

from speechbrain_ext.dataio.collate import Batch, collate
from speechbrain_ext.lobes.domain_classifier import DomainClassifier
from speechbrain_ext.losses.coral import coral_loss
from speechbrain_ext.training.domain_schedule import rate_factor, reversal_strength
from speechbrain_ext.training.methods import DEEP_CORAL, Method
from speechbrain_ext.utils.seeds import seed_of


class Penalty(nn.Module, ABC):
    """What is added to the loss of a training batch, so that the two corpora become alike to the network.

    Attributes
    ----------
    min_batch_size : int
        Items of each corpus that it needs.
    """

    min_batch_size = 1

    def rate_factor(self, progress: float) -> float:
        """What the learning rate of the system is multiplied by.

        Arguments
        ---------
        progress : float
            Share of all optimiser steps that are done, 0 to 1.
        """
        return 1.0

    @abstractmethod
    def forward(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor], progress: float) -> Tensor:
        """The penalty, a scalar.

        Arguments
        ---------
        source, target : mapping
            What the network returned for the items of each corpus.
        progress : float
            As for `rate_factor`.
        """


class CoralPenalty(Penalty):
    """Deep CORAL: the logits of both corpora are to have one covariance.

    Arguments
    ---------
    weight : float
        Lambda, the weight of the CORAL loss.

    Source
    ------
    Sun and Saenko 2016, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV workshops. Reading: the
    layer that is aligned is the last one, whose outputs are the logits, and lambda is 1 throughout the training.
    """

    min_batch_size = 2

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor], progress: float) -> Tensor:
        """Weight times the CORAL loss of the logits; the progress changes nothing."""
        return self.weight * coral_loss(source["logits"], target["logits"])


class AdversarialPenalty(Penalty):
    """DANN: a classifier of domains behind a gradient reversal; the embedding is to leave it nothing to tell them by.

    Arguments
    ---------
    classifier : DomainClassifier
    strength : float
        Factor of the published lambda.

    Source
    ------
    Ganin et al. 2016, "Domain-adversarial training of neural networks", JMLR 17: lambda and the learning rate follow
    the progress of the training as published. Reading: the rate is that of the system at the same epoch times the
    published factor.
    """

    def __init__(self, classifier: DomainClassifier, strength: float) -> None:
        super().__init__()
        self.classifier, self.strength = classifier, strength

    def rate_factor(self, progress: float) -> float:
        """The published decay."""
        return rate_factor(progress)

    def forward(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor], progress: float) -> Tensor:
        """The cross-entropy of the domains, whose gradient is reversed below the embedding."""
        strength = self.strength * reversal_strength(progress)
        return self.classifier.loss(source["embedding"].float(), target["embedding"].float(), strength)


@dataclass
class Adaptation:
    """Unlabelled items of another corpus, and the penalty that they are given to with each batch.

    Arguments
    ---------
    items : DynamicItemDataset
        Their labels are not read.
    penalty : Penalty
        Trained with the network; a trained model is used without it.
    seed : int
        Of the order of the items.
    """

    items: DynamicItemDataset
    penalty: Penalty
    seed: int

    def batch(self, first: int, size: int) -> Batch:
        """Items of the other corpus for a step: a pure function of its arguments, so that a resumed run draws the same.

        Arguments
        ---------
        first : int
            Number of items before this step. All items are drawn once, in a random order, before any is drawn again.
        size : int
        """
        places = [self._place(number) for number in range(first, first + size)]
        return collate([self.items[place] for place in places])

    def _place(self, number: int) -> int:
        passes, place = divmod(number, len(self.items))
        return _order(self.seed, passes, len(self.items))[place]


@lru_cache(maxsize=2)
def _order(seed: int, passes: int, size: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed_of(seed, "target", passes))
    return torch.randperm(size, generator=generator).tolist()


def split(predictions: Mapping[str, Tensor], size: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What a network returned for the first `size` items of a batch, and for the others.

    Example
    -------
    >>> split({"logits": torch.tensor([[1.0], [2.0], [3.0]])}, 1)
    ({'logits': tensor([[1.]])}, {'logits': tensor([[2.],
            [3.]])})
    """
    return (
        {name: tensor[:size] for name, tensor in predictions.items()},
        {name: tensor[size:] for name, tensor in predictions.items()},
    )


def penalty_of(method: Method, model: nn.Module, items: DynamicItemDataset, seed: int) -> Penalty:
    """The penalty of a method, for a model that is given items of the other corpus; a seed draws its parameters."""
    if method.base == DEEP_CORAL:
        return CoralPenalty(method.strength)
    torch.manual_seed(seed)
    return AdversarialPenalty(DomainClassifier(embedding_size(model, items)), method.strength)


def embedding_size(model: nn.Module, items: DynamicItemDataset) -> int:
    """Width of the embedding of a model, in evaluation mode on one item; its mode is put back."""
    was_training = model.training
    batch = collate([items[0]])
    with torch.no_grad():
        width = model.eval()(batch.features, batch.lengths)["embedding"].shape[1]
    model.train(was_training)
    return int(width)
