"""What a phase is trained for and judged by: classes or values of dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import nn

from speechbrain_ext.dataio.collate import Batch
from speechbrain_ext.features.segments import group, mean_posteriors, mean_vectors
from speechbrain_ext.losses.ccc import concordance_loss
from speechbrain_ext.losses.soft_target import soft_target_loss
from speechbrain_ext.metrics.classes import unweighted_average_recall, weighted_accuracy
from speechbrain_ext.metrics.values import concordance

# Scores on the development set that a finished phase records.
DEV_SCORES = ("dev_wa", "dev_uar", "dev_ccc")


@dataclass(frozen=True)
class Output:
    """Output of a model for one utterance, or for one segment.

    Attributes
    ----------
    id : str
        Name of the utterance or of the segment.
    truth : int or tuple of float
        The true class's index, or the true values [dimension].
    predicted : tuple of float
        Log-posteriors [class], or predicted values [dimension].
    embedding : tuple of float
        [feature].
    vectors : mapping
        Further vectors [feature] by the names that the network gives them.
    """

    id: str
    truth: int | tuple[float, ...]
    predicted: tuple[float, ...]
    embedding: tuple[float, ...]
    vectors: Mapping[str, tuple[float, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Frames:
    """Frames of one segment that a later phase is trained on, [time, feature]."""

    id: str
    frames: torch.Tensor


def with_vectors(
    outputs: Sequence[Output], predictions: Mapping[str, torch.Tensor], names: Sequence[str]
) -> list[Output]:
    """Add the further vectors that a network names to the outputs of a batch.

    Arguments
    ---------
    outputs : sequence of Output
    predictions : mapping
        What the network returned.
    names : sequence of str
        Keys of tensors [batch, feature] among these; names that are not there are left out.

    Example
    -------
    >>> outputs = with_vectors([Output("a", 0, (), ())], {"fused": torch.ones(1, 2)}, ("fused", "w2e"))
    >>> outputs[0].vectors
    {'fused': (1.0, 1.0)}
    """
    rows = {name: predictions[name].float().tolist() for name in names if name in predictions}
    return [
        replace(output, vectors={name: tuple(vectors[place]) for name, vectors in rows.items()})
        for place, output in enumerate(outputs)
    ]


def merge_segments(outputs: Sequence[Output], mean_of: str = "posteriors") -> list[Output]:
    """Average the outputs of the segments of each utterance.

    Posteriors of classes, values of dimensions, embeddings and further vectors are averaged.

    Arguments
    ---------
    outputs : sequence of Output
        Their ids are names of segments.
    mean_of : str
        "posteriors", or "log_posteriors"; of no effect for dimensions.

    Returns
    -------
    list of Output
        Sorted by the utterances' ids.

    Source: Zou et al., ICASSP 2022, Section 3.2; a reading for Li and Zhang 2024.
    """
    by_name = {output.id: output for output in outputs}
    merged = []
    for identity, names in sorted(group(by_name).items()):
        segments = [by_name[name] for name in names]
        truth, rows = segments[0].truth, [segment.predicted for segment in segments]
        predicted = mean_posteriors(rows, mean_of) if isinstance(truth, int) else mean_vectors(rows)
        embedding = mean_vectors([segment.embedding for segment in segments])
        vectors = {name: mean_vectors([each.vectors[name] for each in segments]) for name in segments[0].vectors}
        merged.append(Output(identity, truth, predicted, embedding, vectors))
    return merged


@runtime_checkable
class Objective(Protocol):
    """A loss to train with, the outputs to keep, and the scores of a development set.

    Attributes
    ----------
    score : str
        The key of `dev_scores` that chooses an epoch: the higher the better.
    """

    score: str

    def loss(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
        """The loss of a training batch, a scalar."""

    def measure(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> tuple[list[Output], torch.Tensor]:
        """Outputs of a batch that is not trained on, and its plain loss."""

    def dev_scores(self, outputs: Sequence[Output]) -> dict[str, float]:
        """Scores over gathered outputs, "dev_loss" among them, never a mean of batches."""

    def follow_rate(self, rate: float) -> None:
        """Take the learning rate of the next step."""


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

    def follow_rate(self, rate: float) -> None:
        """Cross-entropy does not depend on it."""

    def loss(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
        """Cross-entropy towards the shares of the classes."""
        logits = predictions["logits"].float()  # [batch, class]
        return soft_target_loss(logits, batch.shares, self.class_weights, self.label_smoothing)

    def measure(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> tuple[list[Output], torch.Tensor]:
        """Log-posteriors, and the cross-entropy towards the one class, plain and unweighted."""
        log_posteriors = predictions["logits"].double().log_softmax(-1)  # [batch, class]
        loss = nn.functional.nll_loss(log_posteriors, batch.targets, reduction="none").mean()
        rows = zip(
            batch.ids,
            batch.targets.tolist(),
            log_posteriors.tolist(),
            predictions["embedding"].float().tolist(),
            strict=True,
        )
        return [Output(i, t, tuple(p), tuple(e)) for i, t, p, e in rows], loss

    def dev_scores(self, outputs: Sequence[Output]) -> dict[str, float]:
        """Loss, WA and UAR."""
        truth = [cast("int", output.truth) for output in outputs]
        prediction = [max(range(len(o.predicted)), key=o.predicted.__getitem__) for o in outputs]
        return {
            "dev_loss": sum(-o.predicted[label] for o, label in zip(outputs, truth, strict=True)) / len(outputs),
            "dev_wa": weighted_accuracy(truth, prediction),
            "dev_uar": unweighted_average_recall(truth, prediction),
        }


class CriterionObjective(ClassObjective):
    """Classes, trained by a loss of the system's own over all that its network returns; judged as any other.

    Arguments
    ---------
    criterion : nn.Module
        Called with what the network returns, the shares of the classes [batch, class] and the genders [batch];
        returns the loss, a scalar, and its parts by name. Its `follow_rate` is called with the learning rate.
    label_smoothing : float
        In training only.
    """

    def __init__(self, criterion: nn.Module, label_smoothing: float = 0.0) -> None:
        super().__init__(None, label_smoothing)
        self.criterion: Any = criterion

    def follow_rate(self, rate: float) -> None:
        """Hand it to the criterion."""
        self.criterion.follow_rate(rate)

    def loss(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
        """The criterion's total."""
        smoothing = self.label_smoothing
        shares = (1 - smoothing) * batch.shares + smoothing / batch.shares.shape[1]  # [batch, class]
        outputs = {name: tensor.float() for name, tensor in predictions.items()}
        return self.criterion(outputs, shares, batch.genders)[0]


class DimensionObjective:
    """Values of dimensions: 1 - CCC, judged by the mean CCC over dimensions.

    Arguments
    ---------
    scale : nn.Module
        A `ValueScale` that turns the corpus's units into those of the network and `restore`s them.
    """

    score = "dev_ccc"

    def __init__(self, scale: nn.Module) -> None:
        self.scale: Any = scale

    def follow_rate(self, rate: float) -> None:
        """The loss does not depend on it."""

    def loss(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
        """1 - CCC over the batch, in standardised units, so that no dimension's units weigh."""
        return concordance_loss(predictions["logits"].float(), self.scale(batch.shares))

    def measure(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> tuple[list[Output], torch.Tensor]:
        """True and predicted values in the corpus's units, and the loss of the batch."""
        predicted = self.scale.restore(predictions["logits"].double())  # [batch, dimension]
        rows = zip(
            batch.ids,
            batch.shares.tolist(),
            predicted.tolist(),
            predictions["embedding"].float().tolist(),
            strict=True,
        )
        return [Output(i, tuple(v), tuple(p), tuple(e)) for i, v, p, e in rows], self.loss(predictions, batch)

    def dev_scores(self, outputs: Sequence[Output]) -> dict[str, float]:
        """Mean CCC over the dimensions, and 1 minus it as the loss."""
        truth = [cast("tuple[float, ...]", output.truth) for output in outputs]
        score = mean_concordance(truth, [output.predicted for output in outputs])
        return {"dev_loss": 1 - score, "dev_ccc": score}


def mean_concordance(
    values: Sequence[Sequence[float]] | np.ndarray, predicted: Sequence[Sequence[float]] | np.ndarray
) -> float:
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
