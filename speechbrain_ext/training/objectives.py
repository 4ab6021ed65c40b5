"""What a phase is trained for and judged by: classes or values of dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from speechbrain_ext.dataio.collate import Batch
from speechbrain_ext.features.segments import group, mean_posteriors, mean_vectors
from speechbrain_ext.losses.ccc import concordance_loss
from speechbrain_ext.losses.soft_target import soft_target_loss
from speechbrain_ext.metrics.classes import unweighted_average_recall, weighted_accuracy
from speechbrain_ext.metrics.values import concordance

Vectors = Mapping[str, tuple[float, ...]]

# Scores of a development part that a finished phase hands on.
DEV_SCORES = ("dev_wa", "dev_uar", "dev_ccc")


@dataclass(frozen=True)
class Output:
    """What the model says of one utterance: log-posteriors [class], embedding [feature], loss in nats.

    `more` holds further vectors [feature] by the names that the network gives them.
    """

    id: str
    target: int
    log_posteriors: tuple[float, ...]
    embedding: tuple[float, ...]
    loss: float
    more: Vectors = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class ValueOutput:
    """What the model says of one utterance's dimensions: true and predicted values [dimension], embedding [feature]."""

    id: str
    values: tuple[float, ...]
    predicted: tuple[float, ...]
    embedding: tuple[float, ...]
    more: Vectors = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Frames:
    """Frames of one piece that a later phase is trained on, [time, feature]."""

    id: str
    frames: torch.Tensor


def with_vectors(
    outputs: Sequence[Any], predictions: Mapping[str, torch.Tensor], names: Sequence[str]
) -> Sequence[Any]:
    """Keep with the outputs of a batch the further vectors that its network names.

    Arguments
    ---------
    outputs : sequence of Output or ValueOutput
    predictions : mapping
        What the network returned.
    names : sequence of str
        Keys of tensors [batch, feature] among these; those that are not there are left out.

    Example
    -------
    >>> outputs = with_vectors([Output("a", 0, (), (), 0.0)], {"fused": torch.ones(1, 2)}, ("fused", "w2e"))
    >>> outputs[0].more
    {'fused': (1.0, 1.0)}
    """
    rows = {name: predictions[name].float().tolist() for name in names if name in predictions}
    if not rows:
        return outputs
    return [
        replace(output, more={name: tuple(vectors[place]) for name, vectors in rows.items()})
        for place, output in enumerate(outputs)
    ]


def merge_pieces(outputs: Sequence[Any], mean_of: str = "posteriors") -> list[Any]:
    """Make one output an utterance from those of its pieces: the mean of their posteriors, or of their values.

    The embedding and all further vectors of an utterance are the means of its pieces' ones.

    Arguments
    ---------
    outputs : sequence of Output or ValueOutput
        With names of pieces as ids.
    mean_of : str
        "posteriors", or "log_posteriors".

    Returns
    -------
    list
        Sorted by the utterances' ids.

    Source: Zou et al., ICASSP 2022, Section 3.2; a reading for Li and Zhang 2024.
    """
    by_name = {output.id: output for output in outputs}
    merged: list[Any] = []
    for identity, names in sorted(group(by_name).items()):
        pieces = [by_name[name] for name in names]
        embedding = mean_vectors([piece.embedding for piece in pieces])
        more = {name: mean_vectors([piece.more[name] for piece in pieces]) for name in pieces[0].more}
        if isinstance(pieces[0], ValueOutput):
            predicted = mean_vectors([piece.predicted for piece in pieces])
            merged.append(ValueOutput(identity, pieces[0].values, predicted, embedding, more))
        else:
            posteriors = mean_posteriors([piece.log_posteriors for piece in pieces], mean_of)
            target = pieces[0].target
            merged.append(Output(identity, target, posteriors, embedding, -posteriors[target], more))
    return merged


class Objective(Protocol):
    """What `EmotionBrain` is given: a loss to train with, outputs to keep, scores of a development part.

    Attributes
    ----------
    score : str
        The key of `dev_scores` that chooses an epoch: the higher the better.
    """

    score: str

    def loss(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
        """The loss of a training batch, a scalar."""

    def measure(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> tuple[list[Any], torch.Tensor]:
        """Outputs of a batch that is not trained on, and its plain loss."""

    def dev_scores(self, outputs: Sequence[Any]) -> dict[str, float]:
        """Scores over gathered outputs, "dev_loss" among them, never a mean of batches."""


class ClassObjective:
    """Classes: cross-entropy (eq. 13 of AMSNet and its kin), judged by UAR.

    Arguments
    ---------
    class_weights : tensor [class] or None
        In training only.
    label_smoothing : float
        In training only.
    """

    score = "dev_uar"

    def __init__(self, class_weights: torch.Tensor | None = None, label_smoothing: float = 0.0) -> None:
        self.class_weights, self.label_smoothing = class_weights, label_smoothing

    def loss(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
        """Cross-entropy towards the shares of the classes."""
        logits = predictions["logits"].float()  # [batch, class]
        return soft_target_loss(logits, batch.shares, self.class_weights, self.label_smoothing)

    def measure(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> tuple[list[Output], torch.Tensor]:
        """Log-posteriors, and the cross-entropy towards the one class, plain and unweighted."""
        log_posteriors = predictions["logits"].double().log_softmax(-1)  # [batch, class]
        losses = nn.functional.nll_loss(log_posteriors, batch.targets, reduction="none")  # [batch]
        rows = zip(
            batch.ids,
            batch.targets.tolist(),
            log_posteriors.tolist(),
            predictions["embedding"].float().tolist(),
            losses.tolist(),
            strict=True,
        )
        return [Output(i, t, tuple(p), tuple(e), x) for i, t, p, e, x in rows], losses.mean()

    def dev_scores(self, outputs: Sequence[Output]) -> dict[str, float]:
        """Loss, WA and UAR."""
        truth = [output.target for output in outputs]
        prediction = [max(range(len(o.log_posteriors)), key=o.log_posteriors.__getitem__) for o in outputs]
        return {
            "dev_loss": sum(output.loss for output in outputs) / len(outputs),
            "dev_wa": weighted_accuracy(truth, prediction),
            "dev_uar": unweighted_average_recall(truth, prediction),
        }


class CriterionObjective(ClassObjective):
    """Classes, trained by a loss of the system's own over all that its network returns; judged as any other.

    Arguments
    ---------
    criterion : nn.Module
        Called with what the network returns, the shares of the classes [batch, class] and the genders [batch];
        returns the loss, a scalar, and its parts by name.
    label_smoothing : float
        In training only.
    """

    def __init__(self, criterion: nn.Module, label_smoothing: float = 0.0) -> None:
        super().__init__(None, label_smoothing)
        self.criterion = criterion

    def loss(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
        """The criterion's total."""
        smoothing = self.label_smoothing
        shares = (1 - smoothing) * batch.shares + smoothing / batch.shares.shape[1]  # [batch, class]
        whole = {name: tensor.float() for name, tensor in predictions.items()}
        return self.criterion(whole, shares, batch.genders)[0]


class DimensionObjective:
    """Values of dimensions: 1 - CCC, judged by the mean CCC over dimensions.

    Arguments
    ---------
    scale : nn.Module
        A `ValueScale` that turns the corpus's units into those of the network and `restore`s them.
    """

    score = "dev_ccc"

    def __init__(self, scale: nn.Module) -> None:
        self.scale = scale

    def loss(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
        """1 - CCC over the batch, in standardised units, so that no dimension's units weigh."""
        return concordance_loss(predictions["logits"].float(), self.scale(batch.shares))

    def measure(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> tuple[list[ValueOutput], torch.Tensor]:
        """True and predicted values in the corpus's units, and the loss of the batch."""
        predicted = self.scale.restore(predictions["logits"].double())  # [batch, dimension]
        rows = zip(
            batch.ids,
            batch.shares.tolist(),
            predicted.tolist(),
            predictions["embedding"].float().tolist(),
            strict=True,
        )
        return [ValueOutput(i, tuple(v), tuple(p), tuple(e)) for i, v, p, e in rows], self.loss(predictions, batch)

    def dev_scores(self, outputs: Sequence[ValueOutput]) -> dict[str, float]:
        """Mean CCC over the dimensions, and 1 minus it as the loss."""
        score = mean_concordance([output.values for output in outputs], [output.predicted for output in outputs])
        return {"dev_loss": 1 - score, "dev_ccc": score}


def mean_concordance(values: Sequence[Sequence[float]], predicted: Sequence[Sequence[float]]) -> float:
    """Mean over dimensions of the CCC.

    Arguments
    ---------
    values, predicted : sequence of sequences of float
        [utterance, dimension].

    Example
    -------
    >>> mean_concordance([[1.0, 0.0], [2.0, 1.0]], [[1.0, 1.0], [2.0, 0.0]])
    0.0
    """
    pairs = zip(np.transpose(values), np.transpose(predicted), strict=True)  # [utterance] each
    return float(np.mean([concordance(truth, prediction) for truth, prediction in pairs]))
