"""A system that lacks a key of its training is refused by a line that names file, key and what to add."""

from __future__ import annotations

import shutil

import pytest
from am_resnet_runs import make_run
from tiny_ssl import write_tiny

from speechbrain_ext import hparams
from speechbrain_ext.training import experiment
from speechbrain_ext.training.experiment import Experiment, load_hparams
from speechbrain_ext.training.training_keys import TRAINING_KEYS, check_training_keys
from speechbrain_ext.utils.errors import UserError

SYSTEMS = ("am_resnet", "am_resnet_w2v2_ca", "amsnet", "sd_caff", "ca_mser", "ssl_finetune", "ssl_probe", "svm")


def copied(repository, folder, *changes):
    """A copy of ssl_probe's YAML for EmoDB, with texts of the system replaced."""
    for name in ("EmoDB/hparams", "shared/systems"):
        shutil.copytree(repository / "recipes" / name, folder / name)
    path = folder / "shared/systems/ssl_probe.yaml"
    text = path.read_text()
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    return folder / "EmoDB/hparams/ssl_probe.yaml"


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_has_what_a_training_reads(repository, system):
    check_training_keys(hparams.load(repository / f"recipes/EmoDB/hparams/{system}.yaml"))


@pytest.mark.parametrize("key", TRAINING_KEYS)
def test_a_missing_key_is_named(repository, tmp_path, key):
    loaded = hparams.load(copied(repository, tmp_path, (f"\n{key}:", f"\n# {key}:")), trust=True)
    assert key not in loaded.tree
    with pytest.raises(UserError) as fault:
        check_training_keys(loaded)
    expected = f"shared/systems/ssl_probe.yaml: missing key {key} of phase probe: add it, such as `{key}: "
    assert expected in str(fault.value) and "\n" not in str(fault.value)


def test_no_stage_begins_with_a_key_missing(repository, tmp_path, monkeypatch):
    """Each stage reads an `Experiment` first: features are not computed for a training that cannot be."""
    spec = make_run(tmp_path, repository, write_tiny(tmp_path / "tiny"))

    def without_a_key(*arguments):
        loaded = load_hparams(*arguments)
        del loaded.tree["label_smoothing"]
        return loaded

    Experiment(spec)
    monkeypatch.setattr(experiment, "load_hparams", without_a_key)
    with pytest.raises(UserError, match="missing key label_smoothing of phase am_resnet: add it"):
        Experiment(spec)
