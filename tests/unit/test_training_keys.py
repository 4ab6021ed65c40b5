"""A system that lacks a key of its training is refused by a line that names file, key and what to add."""

from __future__ import annotations

import shutil

import pytest

from speechbrain_ext import hparams
from speechbrain_ext.errors import UserError
from speechbrain_ext.training.training_keys import TRAINING_KEYS, check_training_keys

SYSTEMS = ("am_resnet", "am_resnet_w2v2_ca", "amsnet", "sd_caff", "ca_mser", "ssl_finetune", "ssl_probe", "svm")
NODE = "        features: [layer_means]\n"


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
    loaded = hparams.load(copied(repository, tmp_path, (f"\n{key}:", f"\n# {key}:")))
    assert key not in loaded.tree
    with pytest.raises(UserError) as fault:
        check_training_keys(loaded)
    expected = f"shared/systems/ssl_probe.yaml: missing key {key} of step probe: add it, such as `{key}: "
    assert expected in str(fault.value) and "\n" not in str(fault.value)


def test_a_key_of_the_step_alone_is_enough(repository, tmp_path):
    without = ("\nlabel_smoothing:", "\n# label_smoothing:")
    own = (NODE, NODE + "        training: {label_smoothing: 0.1}\n")
    check_training_keys(hparams.load(copied(repository, tmp_path, without, own)))


def test_a_misspelt_key_of_a_step_is_refused(repository, tmp_path):
    path = copied(repository, tmp_path, (NODE, NODE + "        training: {label_smothing: 0.1}\n"))
    with pytest.raises(UserError, match="step probe: training: expected some of .* found label_smothing"):
        check_training_keys(hparams.load(path))
