"""How a phase of a network is trained: the keys that all systems have, each declared once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from speechbrain_ext.utils.json_values import JsonObject

OPTIMIZERS = "Adadelta, Adagrad, Adam, AdamW, Adamax, ASGD, NAdam, RAdam, RMSprop, Rprop, SGD"


def _key(default: Any, kind: str, meaning: str) -> Any:
    """Declare a key: its default, its type and range as `key_types` reads them, and its meaning."""
    return field(default=default, metadata={"type": kind, "meaning": meaning})


@dataclass(frozen=True)
class Training:
    """Settings of a phase's training; a system's YAML names those that differ from these defaults.

    A phase's `training:` node stands above the system's own keys. The meaning of each key is its metadata, which
    `-- --help` prints.
    """

    optimizer: str = _key("Adam", f"one of {OPTIMIZERS}", "class of torch.optim")
    optimizer_options: Mapping[str, Any] | None = _key(None, "options or null", "further arguments of the optimiser")
    lr: float = _key(0.0001, "number > 0, <= 10", "learning rate at the start")
    weight_decay: float = _key(0.0, "number >= 0, <= 1", "weight decay of the optimiser")
    batch_size: int = _key(32, "integer >= 1, <= 65536", "items of a batch, over all ranks")
    epochs: int = _key(100, "integer >= 1, <= 1000000", "epochs of training")
    schedule_scale: float = _key(1.0, "number > 0, <= 1000", "factor of all numbers of epochs")
    scheduler: Any = _key(
        None,
        "schedule or null",
        "learning rate by epoch: an object of speechbrain.nnet.schedulers or speechbrain_ext.training.schedule",
    )
    max_grad_norm: float = _key(1e9, "number > 0", "gradients are clipped to this norm; 1e9 = no clipping")
    checkpoint_epochs: int = _key(
        10, "integer >= 1, <= 1000000", "how often a resumable checkpoint is written; decides no result"
    )
    early_stopping_epochs: int = _key(
        0,
        "integer >= 0, <= 1000000",
        "epochs without a better UAR on the development set; 0 = off; needs a development set",
    )
    class_weights: bool = _key(False, "boolean", "cross-entropy weighted by inverse class frequency")
    balanced_sampling: bool = _key(False, "boolean", "every class drawn equally often")
    label_smoothing: float = _key(0.0, "number >= 0, < 1", "share of the target that is spread over all classes")
    augment_waveform: tuple[str, ...] = _key(
        (), "list of text or empty", "variants of the clean utterance: speed0.9, speed1.1, noise15db"
    )
    augment_clean_share: float = _key(
        0.5, "number >= 0, <= 1", "how often the clean utterance is drawn when there are variants"
    )
    spec_augment: Mapping[str, Any] | None = _key(
        None, "options or null", "SpecAugment in training: counts and lengths of what is masked"
    )


# Keys that every system has, and that a phase depends on only where they are set: of stage 1, of a check, and of
# corpora that are trained on together.
SIGNAL_DEFAULTS: JsonObject = dict.fromkeys(("trim_silence_db", "level_db"))
COMMON_DEFAULTS: JsonObject = {
    **SIGNAL_DEFAULTS,
    "shuffle_labels": False,
    "corpus_balance": "corpus",
    "corpus_normalisation": False,
}
TRAINING_TYPES = {item.name: item.metadata["type"] for item in fields(Training)}
TRAINING_MEANINGS = {item.name: item.metadata["meaning"] for item in fields(Training)}


def training_defaults() -> JsonObject:
    """Give the default of every key, as YAML has it."""
    defaults: dict[str, Any] = {item.name: item.default for item in fields(Training)}
    return {name: [] if default == () else default for name, default in defaults.items()}


def training_of(built: Mapping[str, Any], phase: str) -> Training:
    """Collect the training settings of a phase.

    Arguments
    ---------
    built : mapping
        The system as `Hparams.build` makes it.
    phase : str
        A phase of a network.

    Returns
    -------
    Training
    """
    own = built["phases"][phase].get("training") or {}
    return Training(**{name: own.get(name, built[name]) for name in TRAINING_TYPES})
