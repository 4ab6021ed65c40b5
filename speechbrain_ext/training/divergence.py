"""Values that are not finite: found in what goes into a training, in its weights and in what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np
import torch
from torch import nn

from speechbrain_ext.dataio.collate import Batch
from speechbrain_ext.utils.errors import UserError

REMAKE = "remove this feature's folder in the cache, then: ./run.sh --stage 1 --stop-stage 1"


class Diverged(UserError):
    """A training whose loss, weights or outputs are not finite; the last checkpoint before it is kept."""


class FiniteGuard:
    """Stops a phase at the first loss, weight or output that is not finite, and says where it was and what to do.

    Arguments
    ---------
    phase : str
        The phase's name in the YAML.

    Example
    -------
    >>> guard = FiniteGuard("frlm")
    >>> guard.enter(Batch([], *[torch.tensor(())] * 3, {}, {}), epoch=2, step=5, rate=0.5)
    >>> guard.check_loss(torch.tensor(torch.nan))
    Traceback (most recent call last):
    speechbrain_ext.training.divergence.Diverged: phase frlm, epoch 2, step 5, learning rate 0.5: the loss is nan: \
train again with a lower learning rate, such as 0.05, and with another --tag or --force
    """

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.batch: Batch | None = None
        self.epoch, self.step, self.rate = 0, 0, 0.0

    def enter(self, batch: Batch, epoch: int, step: int, rate: float) -> None:
        """Note the batch that is trained on next, with its epoch, its number in the epoch and the learning rate."""
        self.batch, self.epoch, self.step, self.rate = batch, epoch, step, rate

    def check_loss(self, loss: torch.Tensor) -> None:
        """Stop where the loss of a step is not finite.

        Raises
        ------
        Diverged
            It is not.
        UserError
            It is not, because a feature is not finite.
        """
        if not torch.isfinite(loss):
            raise self._fault(f"the loss is {loss.item()}", self.batch)

    def check_outputs(self, predictions: Mapping[str, torch.Tensor], batch: Batch) -> None:
        """Stop where a network's output for an utterance is not finite; raises as `check_loss` does."""
        if fault := output_fault(predictions, batch):
            raise self._fault(fault, batch)

    def check_epoch(self, losses: Mapping[str, float | None], module: nn.Module) -> None:
        """Stop where a mean loss or a score of an epoch, or a weight after it, is not finite.

        Raises
        ------
        Diverged
            One of them is not.
        """
        wrong = (f"{name} is {value}" for name, value in losses.items() if value is not None and not isfinite(value))
        if fault := next(wrong, "") or weight_fault(module):
            raise self._fault(fault, None)

    def check_rate(self, rate: float) -> None:
        """Stop where a scheduler gives no learning rate.

        Raises
        ------
        Diverged
            The rate is negative or not finite.
        """
        if not (isfinite(rate) and rate >= 0):
            raise self._fault(f"the scheduler's next learning rate is {rate}", None)

    def _fault(self, what: str, batch: Batch | None) -> UserError:
        if batch is not None and (wrong := input_fault(batch)):
            return UserError(f"phase {self.phase}: {wrong}: {REMAKE}")
        if self.batch is None:
            # A trained phase that is only run.
            return UserError(f"phase {self.phase}: {what}: train it again with a lower learning rate and --force")
        return Diverged(
            f"phase {self.phase}, epoch {self.epoch}, step {self.step}, learning rate {self.rate:g}: {what}: "
            f"train again with a lower learning rate, such as {self.rate / 10:g}, and with another --tag or --force"
        )


def input_fault(batch: Batch) -> str:
    """Name the first utterance of a batch whose features are not finite, or give ""."""
    for name, tensor in batch.features.items():
        good = torch.isfinite(tensor).flatten(1).all(1)  # [utterance]
        if not good.all():
            return f"utterance {batch.ids[int(good.logical_not().nonzero()[0])]}: feature {name} is not finite"
    return ""


def weight_fault(module: nn.Module) -> str:
    """Name the first parameter or buffer of a module that is not finite, or give "".

    Example
    -------
    >>> layer = nn.Linear(2, 1)
    >>> layer.bias.data[0] = torch.inf
    >>> weight_fault(layer)
    'bias is not finite'
    """
    named = [(name, value) for name, value in module.state_dict().items() if _is_float(value)]
    # One transfer for all of them.
    good = torch.stack([torch.isfinite(value).all() for _, value in named]).tolist() if named else []
    return next((f"{name} is not finite" for (name, _), is_good in zip(named, good, strict=True) if not is_good), "")


def output_fault(predictions: Mapping[str, torch.Tensor], batch: Batch) -> str:
    """Name the first utterance for which a network's output is not finite, or give ""."""
    for name in ("logits", "embedding"):
        if name in predictions:
            good = torch.isfinite(predictions[name]).flatten(1).all(1)  # [utterance]
            if not good.all():
                return f"utterance {batch.ids[int(good.logical_not().nonzero()[0])]}: the {name} are not finite"
    return ""


def _is_float(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def check_statistics(phase: str, feature: str, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Stop where a feature's mean or deviation over the training set is not finite.

    Raises
    ------
    UserError
        One of them is not, so that a row in the cache is not.
    """
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise UserError(f"phase {phase}: feature {feature}: its mean or deviation is not finite: {REMAKE}")
