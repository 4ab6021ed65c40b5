"""The strict loader: misspelt keys, references, overrides, and what a phase depends on."""

from __future__ import annotations

import pytest
from recipe_list import RECIPES, write_recipe

from speechbrain_ext import hparams
from speechbrain_ext.hparams.training import TRAINING_TYPES, training_defaults
from speechbrain_ext.utils.errors import UsageError, UserError

RECIPE = RECIPES / "EmoDB", "amsnet"


def test_recipe_values_reach_the_system_and_overrides_win():
    loaded = hparams.load_system(*RECIPE, {"batch_size": 8})
    assert loaded.tree["batch_size"] == 8
    built = loaded.build()
    assert built["batch_size"] == 8 and built["epochs"] == loaded.tree["epochs"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("batchsize", 8, "did you mean batch_size"),
        (
            "batch_size",
            "many",
            "--batch_size: expected integer >= 1, <= 65536, found 'many': .*such as -- --batch_size 256",
        ),
        ("class_weights", 1, "--class_weights: expected boolean, found 1: .*such as -- --class_weights false"),
        ("epochs", 2.5, "--epochs: expected integer >= 1, <= 1000000, found 2.5: .*such as -- --epochs 200"),
        ("phases", {"frlm": {"fetures": []}}, "unknown key fetures: did you mean features"),
        ("variant", "ful", "is not one of"),
        ("mini", {"epochs": 1}, "--mini: expected a hyper-parameter"),
    ],
)
def test_bad_overrides_name_the_key(key, value, told):
    with pytest.raises(UsageError, match=told):
        hparams.load_system(*RECIPE, {key: value})


SYSTEM = """
variant: a
width: 3
other: 4
rate: 0.5
features: {}
phases:
    one: {network: !name:torch.nn.Linear {in_features: !ref <width>, out_features: 2}}
    two: {frozen: [one], network: !name:torch.nn.Linear {in_features: !ref <other>, out_features: 2}}
variants: {a: [one, two], b: [one]}
types: {width: integer >= 1, other: integer >= 1, rate: number > 0}
"""


def test_a_misspelt_key_of_a_recipe_is_refused(tmp_path):
    write_recipe(tmp_path, SYSTEM, "widht: 5\n")
    with pytest.raises(UserError, match=r"hparams/own.yaml: unknown key widht: did you mean width"):
        hparams.load_system(tmp_path, "own", trust=True)
    (tmp_path / "hparams/own.yaml").write_text("width: 5\n")
    (tmp_path / "corpus.yaml").write_text("corpus: null\nprotocl: random5\n")
    with pytest.raises(UserError, match=r"corpus.yaml: unknown key protocl: did you mean protocol"):
        hparams.load_system(tmp_path, "own", trust=True)
    (tmp_path / "corpus.yaml").write_text("corpus: EmoBD\n")
    with pytest.raises(UserError, match=r"corpus.yaml: corpus EmoBD: expected one of .*did you mean EmoDB"):
        hparams.load_system(tmp_path, "own", trust=True)


def test_a_recipe_s_file_changes_another_system_by_name(tmp_path):
    write_recipe(tmp_path, SYSTEM, "system: amsnet\nepochs: 3\n")
    assert hparams.load_system(tmp_path, "own", trust=True).tree["epochs"] == 3
    (tmp_path / "hparams/own.yaml").write_text("system: amsent\n")
    with pytest.raises(UserError, match=r"own.yaml: system: amsent: did you mean amsnet"):
        hparams.load_system(tmp_path, "own", trust=True)


def test_a_system_without_changes_can_be_overridden(tmp_path):
    write_recipe(tmp_path, SYSTEM)
    assert (
        hparams.load_system(tmp_path, "own", {"width": 7}, trust=True).build()["phases"]["one"]["network"]().in_features
        == 7
    )


def test_a_phase_depends_on_what_it_refers_to_and_on_common_keys_only(tmp_path):
    write_recipe(tmp_path, SYSTEM)
    base = hparams.load_system(tmp_path, "own", trust=True)
    common = TRAINING_TYPES.keys() - set(hparams.NEUTRAL) | {"rate"}
    assert set(base.phase_tree("one")["keys"]) == {"width"} | common
    assert set(base.phase_tree("two")["keys"]) == {"other"} | common
    changed = hparams.load_system(tmp_path, "own", {"other": 5}, trust=True)
    assert changed.phase_tree("one") == base.phase_tree("one")
    assert changed.phase_tree("two") != base.phase_tree("two")
    assert base.shared("one") and not base.shared("two")


def test_hash_changes_with_values_that_decide_and_with_no_other():
    base = hparams.load_system(*RECIPE).sha256()
    assert hparams.load_system(*RECIPE, {"lr": 0.001}).sha256() != base
    assert hparams.load_system(*RECIPE, {"reduction": 8}).sha256() != base
    assert hparams.load_system(*RECIPE, {"checkpoint_epochs": 3}).sha256() == base
    assert hparams.load_system(*RECIPE, {"variant": "frlm", "reduction": 8}).sha256() == (
        hparams.load_system(*RECIPE, {"variant": "frlm"}).sha256()
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lr", "1"], "expected --key value"),
        (["lrate", "1"], "expected --key value after `--`, found 'lrate'"),
        (["--", "1"], "expected --key value after `--`, found '--'"),
        (["--lr"], "missing value"),
        (["--lr", "1", "--lr=2"], "given twice"),
        (["--lr", "[1"], "--lr: not YAML"),
        (["--lr", "2024-99-99"], "not a YAML value"),
    ],
)
def test_override_words_are_checked(words, told):
    with pytest.raises(UsageError, match=told):
        hparams.parse_overrides(words)


def test_numbers_in_exponent_form_are_numbers():
    assert hparams.parse_overrides(["--lr", "1e-4"]) == {"lr": 1e-4}
    assert hparams.parse_overrides(["--lr", "'1e-4'"]) == {"lr": 1e-4}


def test_a_wrong_value_of_the_task_names_the_file_or_the_option_where_it_stands(tmp_path):
    write_recipe(tmp_path, SYSTEM)
    with pytest.raises(UsageError, match=r"^option: emotion: expected one of perceived, intended, found 'felt'"):
        hparams.load_system(tmp_path, "own", {"emotion": "felt"}, trust=True)
    (tmp_path / "corpus.yaml").write_text("corpus: null\nprotocol: random5\nemotion: felt\n")
    with pytest.raises(UserError, match=r"corpus\.yaml.*emotion"):
        hparams.load_system(tmp_path, "own", trust=True)


def test_a_system_that_names_no_training_is_trained_plainly():
    usual = training_defaults()
    assert (usual["optimizer"], usual["lr"], usual["weight_decay"], usual["batch_size"]) == ("Adam", 1e-4, 0.0, 32)
    assert (usual["scheduler"], usual["max_grad_norm"], usual["early_stopping_epochs"]) == (None, 1e9, 0)
    assert (usual["epochs"], usual["schedule_scale"], usual["label_smoothing"]) == (100, 1.0, 0.0)
    assert not usual["class_weights"] and not usual["balanced_sampling"]
    assert not usual["augment_waveform"] and usual["spec_augment"] is None


def test_a_missing_system_or_recipe_is_named(tmp_path):
    with pytest.raises(UsageError, match="--system amsnett: expected one of .*did you mean amsnet"):
        hparams.load_system(RECIPES / "EmoDB", "amsnett")
    with pytest.raises(UserError, match="missing .*corpus.yaml"):
        hparams.load_system(tmp_path, "amsnet")
    write_recipe(tmp_path, "a: [1\n")
    with pytest.raises(UserError, match="own.yaml: not YAML"):
        hparams.load_system(tmp_path, "own")


def test_the_record_is_loadable_and_holds_the_overrides(tmp_path):
    from hyperpyyaml import load_hyperpyyaml

    text = hparams.load_system(*RECIPE, {"hidden_size": 64}).record()
    assert load_hyperpyyaml(text)["hidden_size"] == 64


def test_what_no_yaml_names_is_off(repository):
    for system in hparams.list_systems(repository / "recipes/shared"):
        tree = hparams.load_system(repository / "recipes/shared", system).tree
        keys = ("shuffle_labels", "corpus_normalisation", "corpus_balance", "trim_silence_db", "level_db")
        assert [tree[key] for key in keys] == [False, False, "corpus", None, None], system
