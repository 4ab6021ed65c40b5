"""Settings of an EmotionBrain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import torch

from speechbrain_ext.dataio.corpus_balance import BALANCES, NONE
from speechbrain_ext.dataio.dataset import VariantChooser
from speechbrain_ext.features.segments import MEANS
from speechbrain_ext.training.adaptation import Adaptation
from speechbrain_ext.training.checkpoints import History
from speechbrain_ext.training.objectives import ClassObjective, Objective
from speechbrain_ext.utils.errors import UserError


@dataclass(frozen=True)
class BrainSettings:
    """Settings of an `EmotionBrain`.

    Attributes
    ----------
    seed : int
        Seed of the order of training, and of dropout in each step.
    batch_size : int
        Items of a batch, over all ranks.
    objective : Objective
        Loss, outputs and scores; the default is that of classes.
    phase_name : str
        For the log and for messages.
    history : History
        What each epoch measured.
    scheduler : callable or None
        A scheduler of `speechbrain.nnet.schedulers` that is called with the epoch or with the loss.
    balanced_sampling : bool
        Draw every class equally often in training.
    corpus_balance : str
        What is drawn equally often of several corpora: see `speechbrain_ext.dataio.corpus_balance`.
    augment : callable or None
        From frames [batch, time, feature] and lengths [batch] to augmented frames, in training.
    chooser : VariantChooser or None
        Waveform variants of the training utterances: it is given the epoch.
    checkpoint_epochs : int
        Epochs between two checkpoints.
    keep_best : bool
        Keep the epoch with the best score on the development set; False: the last epoch.
    segments : bool
        Items are segments of utterances, whose outputs are averaged.
    mean_of : str
        What is averaged over segments: "posteriors" or "log_posteriors".
    criterion_lr : float or None
        Learning rate of an SGD of their own for the parameters of the model's criterion; None: they are trained
        with the network.
    on_epoch : callable or None
        Called with the epoch after each one.
    adaptation : Adaptation or None
        Unlabelled items of another corpus that are trained on with each batch, in one process.

    Raises
    ------
    UserError
        A value is of another kind; the setting is named.

    Example
    -------
    >>> BrainSettings(seed=1, batch_size=0)
    Traceback (most recent call last):
    speechbrain_ext.utils.errors.UserError: BrainSettings: batch_size: expected a whole number of at least 1, found 0
    """

    seed: int
    batch_size: int
    objective: Objective = field(default_factory=ClassObjective)
    phase_name: str = "network"
    history: History = field(default_factory=History)
    scheduler: Callable[..., Any] | None = None
    balanced_sampling: bool = False
    corpus_balance: str = NONE
    augment: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None
    chooser: VariantChooser | None = None
    checkpoint_epochs: int = 1
    keep_best: bool = False
    segments: bool = False
    mean_of: str = MEANS[0]
    criterion_lr: float | None = None
    on_epoch: Callable[[int], None] | None = None
    adaptation: Adaptation | None = None

    def __post_init__(self) -> None:
        number = "a whole number of at least"
        for name, is_right, expected in (
            ("seed", _is_whole(self.seed, 0), f"{number} 0"),
            ("batch_size", _is_whole(self.batch_size, 1), f"{number} 1"),
            ("checkpoint_epochs", _is_whole(self.checkpoint_epochs, 1), f"{number} 1"),
            ("objective", isinstance(self.objective, Objective), "an Objective, such as ClassObjective()"),
            ("history", isinstance(self.history, History), "a History()"),
            ("adaptation", isinstance(self.adaptation, Adaptation | None), "an Adaptation or None"),
            ("mean_of", self.mean_of in MEANS, f"one of {', '.join(MEANS)}"),
            ("corpus_balance", self.corpus_balance in BALANCES, f"one of {', '.join(BALANCES)}"),
            *(
                (name, getattr(self, name) is None or callable(getattr(self, name)), "a function or None")
                for name in ("scheduler", "augment", "chooser", "on_epoch")
            ),
            *(
                (name, isinstance(getattr(self, name), bool), "True or False")
                for name in ("balanced_sampling", "keep_best", "segments")
            ),
        ):
            if not is_right:
                raise UserError(f"BrainSettings: {name}: expected {expected}, found {getattr(self, name)!r:.80}")


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def read_settings(hparams: BrainSettings | Mapping[str, Any]) -> BrainSettings:
    """Make settings from their values by name.

    Raises
    ------
    UserError
        A setting is missing, unknown or wrong.

    Example
    -------
    >>> read_settings({"seed": 1})
    Traceback (most recent call last):
    speechbrain_ext.utils.errors.UserError: EmotionBrain: hparams: missing batch_size: see BrainSettings
    """
    if isinstance(hparams, BrainSettings):
        return hparams
    known = {each.name: each for each in fields(BrainSettings)}
    needed = [name for name, each in known.items() if each.default is MISSING and each.default_factory is MISSING]
    for what, names in (
        ("missing", [name for name in needed if name not in hparams]),
        ("unknown", [name for name in hparams if name not in known]),
    ):
        if names:
            raise UserError(f"EmotionBrain: hparams: {what} {', '.join(names)}: see BrainSettings")
    return BrainSettings(**hparams)
