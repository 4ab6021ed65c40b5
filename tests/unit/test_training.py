"""Every key of a training is declared once, has a default that fits its type, and reaches every phase of a network."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from recipe_list import RECIPES, SYSTEMS

from speechbrain_ext import hparams
from speechbrain_ext.hparams.key_types import parse_type
from speechbrain_ext.hparams.training import TRAINING_MEANINGS, TRAINING_TYPES, Training, training_defaults, training_of
from speechbrain_ext.utils.errors import UsageError

NETWORKS = [name for name in SYSTEMS if "network:" in (RECIPES / f"shared/systems/{name}.yaml").read_text()]
# Another value of each key than its default, as it is typed.
CHANGED = {
    "optimizer": "AdamW",
    "optimizer_options": {"amsgrad": True},
    "lr": 0.5,
    "weight_decay": 0.25,
    "batch_size": 7,
    "epochs": 3,
    "schedule_scale": 2.0,
    "max_grad_norm": 4.0,
    "checkpoint_epochs": 6,
    "early_stopping_epochs": 9,
    "class_weights": True,
    "balanced_sampling": True,
    "label_smoothing": 0.1,
    "augment_waveform": ["speed0.9"],
    "augment_clean_share": 0.75,
    "spec_augment": {"time_count_high": 2},
}


def load(system: str, **overrides):
    return hparams.load_system(RECIPES / "EmoDB", system, overrides)


def test_defaults_fit_their_types_and_keys_have_meanings():
    assert training_defaults().keys() == TRAINING_TYPES.keys() == TRAINING_MEANINGS.keys()
    for key, value in training_defaults().items():
        assert parse_type(TRAINING_TYPES[key]).accepts(value), key
        assert TRAINING_MEANINGS[key]
    with pytest.raises(FrozenInstanceError):
        Training().lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("system", NETWORKS)
def test_every_system_has_every_key(system):
    loaded = load(system, ssl_model="x") if "ssl_model" in load(system).tree else load(system)
    assert training_defaults().keys() <= loaded.tree.keys()
    built = loaded.build()
    for phase in loaded.phases:
        assert isinstance(training_of(built, phase), Training)


@pytest.mark.parametrize("key", CHANGED)
def test_an_override_reaches_a_system_whose_yaml_does_not_name_the_key(key):
    text = (RECIPES / "shared/systems/ssl_probe.yaml").read_text(encoding="utf-8")
    named = f"\n{key}:" in text
    assert named == (key in ("lr", "epochs", "max_grad_norm", "checkpoint_epochs"))
    built = load("ssl_probe", **{key: CHANGED[key]}).build()
    value = getattr(training_of(built, "probe"), key)
    assert value == CHANGED[key] and value != getattr(Training(), key)


def test_the_phase_s_own_value_is_above_the_system_s():
    built = load("amsnet", epochs=3, fusion_epochs=5, checkpoint_epochs=4).build()
    assert [training_of(built, phase).epochs for phase in ("frlm", "urlm", "fusion")] == [3, 3, 5]
    assert [training_of(built, phase).checkpoint_epochs for phase in ("frlm", "fusion")] == [4, 200]


def test_a_system_without_a_network_has_no_training():
    assert not training_defaults().keys() & load("svm").tree.keys()
    with pytest.raises(UsageError, match="unknown key lr"):
        load("svm", lr=0.1)


def test_a_phase_s_training_has_known_keys_alone():
    with pytest.raises(UsageError, match="unknown key epoch: did you mean epochs"):
        load("amsnet", phases={"fusion": {"training": {"epoch": 1}}})
