"""Keys that a system's YAML must have, since every training reads them; checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speechbrain_ext.hparams import Hparams
from speechbrain_ext.utils.errors import UserError

# Each with a value for the message.
TRAINING_KEYS = {
    "optimizer": "Adam",
    "lr": "0.0001",
    "weight_decay": "0.0",
    "batch_size": "32",
    "epochs": "100",
    "scheduler": "null",
    "max_grad_norm": "1000000000.0",
    "checkpoint_epochs": "10",
    "early_stopping_epochs": "0",
    "class_weights": "False",
    "balanced_sampling": "False",
    "label_smoothing": "0.0",
    "augment_waveform": "[]",
    "spec_augment": "null",
}
# Of how utterances are read, where they are not cut into segments.
DATA_KEYS = {"speaker_normalisation": "False", "pad": "mask", "duration_s": "5.0"}


def check_training_keys(hp: Hparams) -> None:
    """Refuse a system that lacks a key which one of its phases is trained with.

    Arguments
    ---------
    hp : Hparams
        A recipe's YAML with its system.

    Raises
    ------
    UserError
        A key is missing; file, phase and key are named.
    """
    for phase in hp.phases:
        node = hp.tree["phases"][phase]
        if "network" not in node:
            continue
        values = {**hp.tree, **(node.get("training") or {})}
        for key in TRAINING_KEYS:
            required(hp, values, key, phase)


def required(hp: Hparams, values: Mapping[str, Any], key: str, phase: str) -> Any:
    """A key's value.

    Raises
    ------
    UserError
        There is no such key; the message says what to add to which file.
    """
    if key not in values:
        example = (TRAINING_KEYS | DATA_KEYS)[key]
        raise UserError(f"{hp.system_path}: missing key {key} of phase {phase}: add it, such as `{key}: {example}`")
    return values[key]
